//! Claims about the API port under the operator's certificate.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use crate::support::{Mesh, descriptor};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use mesh_client::{Client, ClientOptions, ListQuery, Read};
use mesh_model::Code;
use mesh_node::{Config, Node};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

fn pem(kind: &str, der: &[u8]) -> String {
    format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", BASE64_STANDARD.encode(der))
}

/// Writes a certificate for 127.0.0.1 that vouches for itself, and its key.
fn certificate(folder: &Path) -> String {
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = pem("CERTIFICATE", params.self_signed(&key).unwrap().der());
    std::fs::write(folder.join("api.pem"), &certificate).unwrap();
    std::fs::write(folder.join("api-key.pem"), pem("PRIVATE KEY", &key.serialize_der())).unwrap();
    std::fs::set_permissions(folder.join("api-key.pem"), std::fs::Permissions::from_mode(0o640)).unwrap();
    certificate
}

fn options(url: String, ca: Option<&str>) -> ClientOptions {
    let ca = ca.map(|pem| pem.as_bytes().to_vec());
    ClientOptions { ca, timeout: Duration::from_secs(5), ..ClientOptions::new([url]) }
}

async fn fails(options: ClientOptions) -> mesh_proto::status::MeshError {
    Client::connect(options).unwrap().products(&ListQuery::default()).await.unwrap_err()
}

async fn plain_http(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: node\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_come_in_over_tls_and_whoever_does_not_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let ca = certificate(folder.path());
    let mesh = Mesh::start_with(|config| {
        // Node 3 stays in the clear.
        if !config.node.data_dir.ends_with("node-3/data") {
            config.api.tls_cert = folder.path().join("api.pem");
            config.api.tls_key = folder.path().join("api-key.pem");
        }
    })
    .await;
    let [one, two, three] = [1, 2, 3].map(|node| mesh.node(node).api_address());
    let client = Client::connect(options(format!("https://{one}"), Some(&ca))).unwrap();
    assert_eq!(client.mesh().await.unwrap().id, mesh.genesis.mesh_id);
    // Through node 3, which reaches the homes by their peer ports, whatever their APIs ask for.
    let plain = Client::connect(options(format!("http://{three}"), None)).unwrap();
    let admitted = crate::support::admission(&mesh);
    plain.submit(&admitted).await.unwrap();
    let outgoing = mesh.publish_command(descriptor(1, "orders"), None);
    let sealed = plain.publish(&outgoing, mesh_client::WaitLevel::Sealed).await.unwrap();
    let index = sealed.ledger_index.unwrap();
    // An address without a scheme gets that of the client that knows it.
    let other = client.of_node(&two.to_string()).unwrap();
    assert_eq!(other.product("domain_1/orders", Read::at_least(index)).await.unwrap().ledger_index, index);

    let error = fails(options(format!("http://{one}"), None)).await;
    assert_eq!(error.code, Code::Unreachable);
    assert!(error.message.contains("speaks TLS: use https://"), "{error}");
    let error = fails(options(format!("https://{three}"), Some(&ca))).await;
    assert_eq!(error.code, Code::Unreachable);
    assert!(error.message.contains("does not speak TLS"), "{error}");
    let stranger = certificate(tempfile::tempdir().unwrap().path());
    for ca in [None, Some(stranger.as_str())] {
        let error = fails(options(format!("https://{one}"), ca)).await;
        assert_eq!(error.code, Code::Unreachable);
        assert!(error.message.contains("not trusted here") && error.message.contains("--ca"), "{error}");
    }
    let error = Client::connect(options(format!("https://{one}"), Some("nonsense"))).unwrap_err();
    assert_eq!(error.code, Code::BadArgument);

    let answer = plain_http(one).await;
    assert!(answer.starts_with("HTTP/1.1 400") && answer.ends_with("this port speaks TLS: use https://\n"), "{answer}");
    assert!(plain_http(three).await.contains("alive"));
    mesh.stop().await;
}

#[tokio::test]
async fn a_certificate_that_does_not_fit_keeps_the_node_from_starting() {
    let mut mesh = Mesh::start().await;
    mesh.stop_node(1).await;
    let folder = tempfile::tempdir().unwrap();
    certificate(folder.path());
    let config = |certificate: &str, key: &str| {
        let mut config = Config::load(&mesh.folder.path().join("node-1/node.toml"), []).unwrap();
        config.api.tls_cert = folder.path().join(certificate);
        config.api.tls_key = folder.path().join(key);
        config
    };
    let other = tempfile::tempdir().unwrap();
    certificate(other.path());
    std::fs::copy(other.path().join("api-key.pem"), folder.path().join("other-key.pem")).unwrap();
    std::fs::copy(folder.path().join("api-key.pem"), folder.path().join("open-key.pem")).unwrap();
    std::fs::set_permissions(folder.path().join("open-key.pem"), std::fs::Permissions::from_mode(0o644)).unwrap();
    for (certificate, key, why) in [
        ("nothing.pem", "api-key.pem", "nothing.pem"),
        ("api-key.pem", "api-key.pem", "holds no certificate"),
        ("api.pem", "api.pem", "api.pem"),
        ("api.pem", "other-key.pem", "api.tls_cert and api.tls_key"),
        ("api.pem", "open-key.pem", "chmod 640"),
    ] {
        let Err(error) = Node::start(config(certificate, key)).await else { panic!("{certificate}, {key}: started") };
        assert_eq!(error.code(), Code::Config, "{error}");
        assert!(error.to_string().contains(why), "{error}");
    }
    let mut half = config("api.pem", "api-key.pem");
    half.api.tls_key = std::path::PathBuf::new();
    assert!(half.check().unwrap_err().to_string().contains("both or none"));
    mesh.stop().await;
}
