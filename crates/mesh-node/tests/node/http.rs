//! Claims about the HTTP side of the API port.

use std::net::SocketAddr;

use crate::support::{Mesh, descriptor};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Status line and body of one request.
async fn ask(address: SocketAddr, method: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("{method} {path} HTTP/1.1\r\nhost: node\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    (status, body.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_in_json_says_what_is_not_there_and_does_not_starve_itself() {
    // Fewer places than clients: each JSON request asks the node's own gRPC services, on the same port.
    let mesh = Mesh::start_with(|config| config.limits.requests = 2).await;
    mesh.admit_domains().await;
    mesh.publish(1, descriptor(1, "orders")).await;
    let address = mesh.node(1).api_address();
    let many = (0..16).map(|_| ask(address, "GET", "/api/v1/products/domain_1/orders"));
    for (status, body) in futures::future::join_all(many).await {
        assert_eq!(status, 200, "{body}");
        assert!(body.contains("what orders is"), "{body}");
    }
    for (method, path, expected) in [
        ("GET", "/nope", 404),
        ("GET", "/api/v1/nope", 404),
        ("GET", "/api/v1/products/domain_1", 404),
        ("GET", "/api/v1/products/domain_1/nothing", 404),
        ("GET", "/api/v1/products?limit=many", 400),
        ("GET", "/api/v1/search?query=orders", 400),
        ("DELETE", "/api/v1/products", 405),
        ("GET", "/healthz", 200),
        ("GET", "/readyz", 200),
        ("GET", "/metrics", 200),
    ] {
        let (status, body) = ask(address, method, path).await;
        assert_eq!(status, expected, "{method} {path}: {body}");
        assert_eq!(body.contains("MESH-"), expected >= 400, "{method} {path}: {body}");
    }
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_need_a_token_where_the_config_says_so() {
    let mesh = Mesh::start_with(|config| config.api.read_tokens = vec!["secret".into()]).await;
    let address = mesh.node(1).api_address();
    let (status, body) = ask(address, "GET", "/api/v1/products").await;
    assert_eq!(status, 401, "{body}");
    let (status, _) = ask(address, "GET", "/healthz").await;
    assert_eq!(status, 200);
    let error = mesh.client(1).products(&mesh_client::ListQuery::default()).await.unwrap_err();
    assert_eq!(error.code, mesh_model::Code::ReadDenied);
    mesh.stop().await;
}
