//! TLS with nodes whose operators gave them a certificate.
//!
//! It keeps what is read from others' eyes, and says that the node is at that address. What the mesh is, and what it decided, is proved
//! by signatures, whoever answers.

use std::error::Error;
use std::io;

use mesh_model::Code;
use mesh_proto::status::MeshError;
use tokio_rustls::rustls;
use tonic::transport::{Certificate, ClientTlsConfig};

/// Trusts these certificates, or the system's.
pub(crate) fn config(ca: Option<&[u8]>) -> Result<ClientTlsConfig, MeshError> {
    let Some(pem) = ca else { return Ok(ClientTlsConfig::new().with_native_roots()) };
    let found = pem.windows(BEGIN.len()).any(|part| part == BEGIN);
    if !found {
        return Err(MeshError::new(
            Code::BadArgument,
            "what is to vouch for the nodes holds no certificate in PEM form",
        ));
    }
    Ok(ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem)))
}

const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";

/// The certificates are none.
pub(crate) fn unusable(error: &tonic::transport::Error) -> MeshError {
    let why = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    MeshError::new(Code::BadArgument, format!("TLS cannot be set up: {why}"))
}

/// What TLS, or its absence, has to do with a failed call, where that is certain; then nothing happened.
pub(crate) fn reason(error: &(dyn Error + 'static), node: &str) -> Option<String> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(tls) = rustls_error(error) {
            return Some(match tls {
                rustls::Error::InvalidMessage(_) => {
                    format!("{node} does not speak TLS: is it http://?")
                }
                rustls::Error::InvalidCertificate(why) => {
                    format!(
                        "{node} shows a certificate that is not trusted here: {why}; a file of those that are: --ca FILE"
                    )
                }
                other => format!("TLS with {node} fails: {other}"),
            });
        }
        let h2 = error.downcast_ref::<h2::Error>().and_then(h2::Error::reason);
        if h2 == Some(h2::Reason::INADEQUATE_SECURITY) {
            return Some(format!("{node} speaks TLS: use https://"));
        }
        next = error.source();
    }
    None
}

/// rustls' own error: tokio hides it in an I/O error, whose `source` skips it.
fn rustls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let hidden = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    error.downcast_ref().or_else(|| hidden.and_then(|error| error.downcast_ref()))
}
