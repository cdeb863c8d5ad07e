//! The operator's own certificate for the API port.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::rustls::pki_types::pem::{Error as PemError, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{self, ServerConfig};

/// Why the API has no TLS although it should.
#[derive(Debug, thiserror::Error)]
pub enum ApiTlsError {
    /// A file cannot be read, or is no PEM.
    #[error("{path}: {source}", path = .path.display())]
    Pem {
        /// Which.
        path: PathBuf,
        /// Why.
        source: PemError,
    },
    /// It holds no certificate.
    #[error("{path} holds no certificate in PEM form", path = .path.display())]
    Empty {
        /// Which.
        path: PathBuf,
    },
    /// Everybody can read the key.
    #[error("{path} has mode {mode:04o}, so that everybody can read the private key: chmod 640 {path}", path = .path.display())]
    Mode {
        /// Which.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Certificate and key don't fit together, or are of a kind that is not supported.
    #[error("api.tls_cert and api.tls_key: {0}")]
    Rustls(#[from] rustls::Error),
}

/// What a server with this certificate chain and key does: TLS 1.3, HTTP/2 or HTTP/1.1, no certificates of clients.
///
/// # Errors
/// [`ApiTlsError`].
pub fn server_config(certificates: &Path, key: &Path) -> Result<Arc<ServerConfig>, ApiTlsError> {
    let pem = |path: &Path| {
        let path = path.to_owned();
        move |source| ApiTlsError::Pem { path, source }
    };
    let chain = CertificateDer::pem_file_iter(certificates).map_err(pem(certificates))?;
    let chain = chain.collect::<Result<Vec<_>, _>>().map_err(pem(certificates))?;
    if chain.is_empty() {
        return Err(ApiTlsError::Empty { path: certificates.to_owned() });
    }
    // A group may read it: that is how certificates are shared between services. Everybody may not.
    let metadata = std::fs::metadata(key).map_err(|error| pem(key)(PemError::Io(error)))?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o007 != 0 {
        return Err(ApiTlsError::Mode { path: key.to_owned(), mode });
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(pem(key))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .with_no_client_auth()
        .with_single_cert(chain, private)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
