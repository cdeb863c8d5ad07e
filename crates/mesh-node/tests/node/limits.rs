//! Claims about what is refused: too fast, too much at once, too much in a day, without a token.

use std::net::SocketAddr;

use crate::support::{Mesh, descriptor};
use futures::StreamExt as _;
use mesh_client::{Read, StreamOptions, WaitLevel};
use mesh_model::Code;
use mesh_proto::status::MeshError;
use mesh_proto::v1::catalog_service_client::CatalogServiceClient;
use mesh_proto::v1::publish_service_client::PublishServiceClient;
use mesh_proto::v1::{PublishRequest, WatchRequest};
use prost::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::transport::{Channel, Endpoint};

async fn channel(address: SocketAddr) -> Channel {
    Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap()
}

fn request(mesh: &Mesh, name: &str) -> PublishRequest {
    let outgoing = mesh.publish_command(descriptor(1, name), None);
    let envelope = outgoing.envelope.bytes().to_vec();
    PublishRequest { envelope, wait: mesh_proto::v1::WaitLevel::Sealed.into(), attachments: Vec::new() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_commands_too_fast_is_told_to_wait_and_a_stream_of_it_waits_by_itself() {
    let mesh = Mesh::start_with(|config| config.limits.commands_per_second = 2).await;
    mesh.admit_domains().await;
    let client = PublishServiceClient::new(channel(mesh.node(1).api_address()).await);
    let requests: Vec<_> = (0..12).map(|n| request(&mesh, &format!("fast_{n}"))).collect();
    let answers = futures::future::join_all(requests.into_iter().map(|request| {
        let mut client = client.clone();
        async move { client.publish(request).await }
    }))
    .await;
    let refused: Vec<_> = answers.into_iter().filter_map(Result::err).map(MeshError::from).collect();
    // How many get through depends on how long it takes; never all.
    assert!((1..=10).contains(&refused.len()), "{refused:?}");
    for error in &refused {
        assert_eq!(error.code, Code::Throttled, "{error}");
        assert!(error.message.ends_with("nothing happened"), "{error}");
    }
    let status = MeshError::new(Code::Throttled, "");
    assert_eq!(status.grpc_code(), tonic::Code::ResourceExhausted);
    let domain = mesh.client(1).domain(&crate::support::domain_of(1), None).await.unwrap();
    assert_eq!(domain.sealed_commands, 12 - refused.len() as u64);

    let outgoing: Vec<_> = (0..6).map(|n| mesh.publish_command(descriptor(1, &format!("stream_{n}")), None)).collect();
    let client = mesh.client(1);
    let stream = client.publish_stream(futures::stream::iter(outgoing), StreamOptions::default()).unwrap();
    let delivered: Vec<_> = stream.collect().await;
    assert_eq!(delivered.len(), 6);
    for one in delivered {
        assert_eq!(one.result.unwrap().reached, WaitLevel::Sealed, "number {}", one.number);
    }
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_domain_seals_no_more_in_a_day_than_it_may_also_after_a_restart() {
    let mut mesh = Mesh::start_with(|config| config.limits.domain_commands_day = 2).await;
    mesh.admit_domains().await;
    for name in ["first", "second"] {
        mesh.publish(1, descriptor(1, name)).await;
    }
    let third = mesh.publish_command(descriptor(1, "third"), None);
    // Through another node too: the home counts.
    for through in [1, 2] {
        let error = mesh.client(through).publish(&third, WaitLevel::Sealed).await.unwrap_err();
        assert_eq!(error.code, Code::QuotaUsedUp, "{error}");
        assert!(error.message.contains("2 commands") && error.message.ends_with("nothing happened"), "{error}");
    }
    // What was taken is answered again, and other domains go on.
    mesh.publish(1, descriptor(2, "other")).await;
    mesh.stop_node(1).await;
    mesh.start_node(1).await;
    let error = mesh.client(1).publish(&third, WaitLevel::Sealed).await.unwrap_err();
    assert_eq!(error.code, Code::QuotaUsedUp, "{error}");
    let error = mesh.client(1).product("domain_1/third", Read::default()).await.unwrap_err();
    assert_eq!(error.code, Code::UnknownProduct);
    mesh.stop().await;
}

/// The whole answer to one request.
async fn ask(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: node\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_address_has_so_many_requests_under_way_and_answers_that_go_on_count() {
    let mesh = Mesh::start_with(|config| config.limits.requests_per_address = 1).await;
    let address = mesh.node(1).api_address();
    assert!(ask(address, "/api/v1/products").await.starts_with("HTTP/1.1 200"));
    let mut catalog = CatalogServiceClient::new(channel(address).await);
    let watching = catalog.watch(WatchRequest::default()).await.unwrap();
    let answer = ask(address, "/api/v1/products").await;
    assert!(answer.starts_with("HTTP/1.1 429") && answer.contains("retry-after: 1"), "{answer}");
    assert!(answer.contains("MESH-0130") && answer.contains("nothing happened"), "{answer}");
    let error = MeshError::from(catalog.clone().watch(WatchRequest::default()).await.unwrap_err());
    assert_eq!(error.code, Code::Throttled);
    // What operators ask is answered all the same.
    assert!(ask(address, "/healthz").await.starts_with("HTTP/1.1 200"));
    drop((watching, catalog));
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
    while !ask(address, "/api/v1/products").await.starts_with("HTTP/1.1 200") {
        assert!(tokio::time::Instant::now() < deadline, "the place was not given back");
    }
    mesh.stop().await;
}

/// Everything that a client may call without a token: it proves itself by its signature, or says which mesh this is.
const OPEN: [&str; 9] = [
    "AccessService/AuthorizeToken",
    "AccessService/IssueToken",
    "AccessService/StateFact",
    "GovernanceService/GetMesh",
    "GovernanceService/Submit",
    "GovernanceService/SetDomainRules",
    "GovernanceService/SealFeed",
    "PublishService/Publish",
    "PublishService/PublishStream",
];
/// Peers only: not on this port.
const OF_PEERS: [&str; 5] = ["RaftService", "FederationService", "HomeService", "TailService", "FeedService"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_read_needs_the_token_where_there_is_one() {
    let mesh = Mesh::start_with(|config| config.api.read_tokens = vec!["secret".into()]).await;
    let channel = channel(mesh.node(1).api_address()).await;
    let files = prost_types::FileDescriptorSet::decode(mesh_proto::FILE_DESCRIPTORS).unwrap();
    let mut tried = 0;
    for service in files.file.iter().flat_map(|file| &file.service) {
        for method in &service.method {
            let name = format!("{}/{}", service.name(), method.name());
            let mut client = tonic::client::Grpc::new(channel.clone());
            client.ready().await.unwrap();
            let path = format!("/datamesh.v1.{name}").parse().unwrap();
            let codec = tonic_prost::ProstCodec::<(), ()>::default();
            let answer = client.unary(tonic::Request::new(()), path, codec).await;
            let code = answer.as_ref().err().map(|status| MeshError::from(status.clone()).code);
            if OF_PEERS.contains(&service.name()) {
                assert_eq!(answer.unwrap_err().code(), tonic::Code::Unimplemented, "{name}");
                continue;
            }
            assert_eq!(code == Some(Code::ReadDenied), !OPEN.contains(&name.as_str()), "{name}: {answer:?}");
            tried += 1;
        }
    }
    assert!(tried > 20, "{tried}");
    mesh.stop().await;
}
