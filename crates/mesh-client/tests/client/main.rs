//! The client against servers on loopback sockets that answer as a test tells them: fail-over, pinning, broken streams.
#![allow(clippy::unwrap_used)]

mod server;

use std::time::Duration;

use futures::StreamExt as _;
use mesh_client::{Client, ClientOptions, CommandBuilder, Outgoing, StreamOptions, WaitLevel};
use mesh_event::command::RetireProduct;
use mesh_event::event::NO_LEAF;
use mesh_event::{Body, DomainRules, EventKind, FeedEvent, FeedId, Keypair, Signer as _};
use mesh_model::{Code, MeshId, ProductId};
use server::{Founded, Script, Server};

fn options(nodes: &[&str]) -> ClientOptions {
    ClientOptions { timeout: Duration::from_secs(5), ..ClientOptions::new(nodes.iter().copied()) }
}

fn command(mesh: MeshId, key: &Keypair, name: &str) -> Outgoing {
    let product = ProductId::parse(&format!("sales/{name}")).unwrap();
    let body = Body::RetireProduct(RetireProduct { product, version: None, reason: String::new() });
    Outgoing::new(CommandBuilder::new(mesh).sign(body, &[key]).unwrap())
}

/// An address where nothing listens.
async fn nowhere() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[tokio::test]
async fn asks_the_next_node_when_one_is_dead() {
    let founded = Founded::new("acme");
    let server = Server::start(founded.clone(), Script::default()).await;
    let dead = nowhere().await;
    let client = Client::connect(options(&[&dead, &server.url])).unwrap();
    assert_eq!(client.mesh().await.unwrap().id, founded.id);
}

#[tokio::test]
async fn says_that_nothing_happened_when_all_nodes_are_dead() {
    let client = Client::connect(options(&[&nowhere().await, &nowhere().await])).unwrap();
    let error = client.mesh().await.unwrap_err();
    assert_eq!(error.code, Code::Unreachable);
    assert!(error.message.contains("nothing happened"), "{error}");
}

#[tokio::test]
async fn sends_nothing_to_a_node_of_another_mesh() {
    let server = Server::start(Founded::new("acme"), Script::default()).await;
    let other = Founded::new("other");
    let key = mesh_client::command::random_keypair();
    let client = Client::connect(options(&[&server.url]).pinned(other.id)).unwrap();
    let error = client.publish(&command(other.id, &key, "orders"), WaitLevel::Sealed).await.unwrap_err();
    assert_eq!(error.code, Code::WrongMesh);
    assert!(server.received().is_empty());
}

#[tokio::test]
async fn refuses_a_genesis_that_does_not_verify() {
    let mut founded = Founded::new("acme");
    let last = founded.genesis.len() - 1;
    founded.genesis[last] ^= 1;
    let server = Server::start(founded.clone(), Script::default()).await;
    let error = Client::connect(options(&[&server.url])).unwrap().mesh().await.unwrap_err();
    assert_eq!(error.code, Code::WrongMesh);
    assert!(error.message.contains("does not verify"), "{error}");
}

#[tokio::test]
async fn publishes_again_with_the_same_bytes_when_a_queue_is_full() {
    let founded = Founded::new("acme");
    let script = Script { refuse_first: 2, refuse_with: Some(Code::QueueFull), ..Script::default() };
    let server = Server::start(founded.clone(), script).await;
    let key = mesh_client::command::random_keypair();
    let client = Client::connect(options(&[&server.url]).pinned(founded.id)).unwrap();
    let sent = command(founded.id, &key, "orders");
    let acknowledgement = client.publish(&sent, WaitLevel::Sealed).await.unwrap().accepted().unwrap();
    assert_eq!(acknowledgement.code, Some(Code::Accepted));
    let expected = vec![sent.envelope.bytes().to_vec(); 3];
    assert_eq!(server.received(), expected);
}

#[tokio::test]
async fn a_refusal_is_final_and_keeps_its_code() {
    let founded = Founded::new("acme");
    let script = Script { refuse_first: 100, refuse_with: Some(Code::WrongRole), ..Script::default() };
    let server = Server::start(founded.clone(), script).await;
    let key = mesh_client::command::random_keypair();
    let client = Client::connect(options(&[&server.url])).unwrap();
    let error = client.publish(&command(founded.id, &key, "orders"), WaitLevel::Sealed).await.unwrap_err();
    assert_eq!(error.code, Code::WrongRole);
    assert_eq!(server.received().len(), 1);
}

#[tokio::test]
async fn a_command_that_may_have_arrived_is_never_called_nothing_happened() {
    let founded = Founded::new("acme");
    let server = Server::start(founded.clone(), Script { silent: true, ..Script::default() }).await;
    let key = mesh_client::command::random_keypair();
    let client = Client::connect(options(&[&server.url]).pinned(founded.id)).unwrap();
    let limit = Duration::from_millis(300);
    let error =
        client.publish_within(&command(founded.id, &key, "orders"), WaitLevel::Sealed, limit).await.unwrap_err();
    assert_eq!(error.code, Code::OutcomeUnknown, "{error}");
}

#[tokio::test]
async fn a_governance_command_that_may_have_arrived_is_not_sent_twice() {
    let founded = Founded::new("acme");
    let script = Script { refuse_first: 100, refuse_with: Some(Code::OutcomeUnknown), ..Script::default() };
    let server = Server::start(founded.clone(), script).await;
    let key = mesh_client::command::random_keypair();
    let client = Client::connect(options(&[&server.url])).unwrap();
    let error = client.submit(&command(founded.id, &key, "orders").envelope).await.unwrap_err();
    assert_eq!(error.code, Code::OutcomeUnknown);
    assert_eq!(server.received().len(), 1);
}

#[tokio::test]
async fn a_stream_that_breaks_sends_the_unacknowledged_again_and_answers_each_once_in_order() {
    let founded = Founded::new("acme");
    // Every connection breaks after 7 acknowledgements.
    let server = Server::start(founded.clone(), Script { break_after: Some(7), ..Script::default() }).await;
    let key = mesh_client::command::random_keypair();
    let client = Client::connect(options(&[&server.url]).pinned(founded.id)).unwrap();
    let commands: Vec<Outgoing> = (0..50).map(|n| command(founded.id, &key, &format!("p{n}"))).collect();
    let ids: Vec<String> = commands.iter().map(server::command_id).collect();
    let options = StreamOptions { in_flight: 5, ..StreamOptions::default() };
    let answers = client.publish_stream(futures::stream::iter(commands), options).unwrap();
    let delivered: Vec<_> = answers.collect().await;
    let numbers: Vec<u64> = delivered.iter().map(|one| one.number).collect();
    assert_eq!(numbers, (0..50).collect::<Vec<_>>());
    let answered: Vec<String> = delivered.into_iter().map(|one| one.result.unwrap().command_id.to_string()).collect();
    assert_eq!(answered, ids);
    assert!(server.connections() > 7, "{}", server.connections());
}

#[tokio::test]
async fn never_more_than_the_window_is_in_flight() {
    let founded = Founded::new("acme");
    let server = Server::start(founded.clone(), Script { hold: 3, ..Script::default() }).await;
    let key = mesh_client::command::random_keypair();
    let client = Client::connect(options(&[&server.url]).pinned(founded.id)).unwrap();
    let commands: Vec<Outgoing> = (0..20).map(|n| command(founded.id, &key, &format!("p{n}"))).collect();
    let options = StreamOptions { in_flight: 4, ..StreamOptions::default() };
    let answers = client.publish_stream(futures::stream::iter(commands), options).unwrap();
    assert_eq!(answers.collect::<Vec<_>>().await.len(), 20);
    assert!(server.most_in_flight() <= 4, "{}", server.most_in_flight());
}

#[tokio::test]
async fn silence_ends_a_stream_as_unknown_and_what_was_not_sent_as_nothing_happened() {
    let founded = Founded::new("acme");
    let server = Server::start(founded.clone(), Script { silent: true, ..Script::default() }).await;
    let key = mesh_client::command::random_keypair();
    let client = Client::connect(options(&[&server.url]).pinned(founded.id)).unwrap();
    let commands: Vec<Outgoing> = (0..5).map(|n| command(founded.id, &key, &format!("p{n}"))).collect();
    let options = StreamOptions { in_flight: 3, patience: Duration::from_millis(200), ..StreamOptions::default() };
    let answers = client.publish_stream(futures::stream::iter(commands), options).unwrap();
    let codes: Vec<Code> = answers.map(|one| one.result.unwrap_err().code).collect().await;
    assert_eq!(codes, [vec![Code::OutcomeUnknown; 3], vec![Code::Unreachable; 2]].concat());
}

#[tokio::test]
async fn rules_of_a_domain_are_believed_only_as_they_were_signed() {
    let founded = Founded::new("acme");
    let key = mesh_client::command::random_keypair();
    let signed = |mesh_id: MeshId, domain: &str| {
        let rules = DomainRules {
            mesh_id,
            domain: domain.parse().unwrap(),
            epoch: 1,
            number: 4,
            author: key.public_key(),
            rules: Vec::new(),
            reason: "none are needed".into(),
        };
        rules.sign(&[&key]).unwrap().into_bytes()
    };
    let event = |kind: EventKind| {
        let feed = FeedId { domain: "sales".parse().unwrap(), epoch: 1 };
        FeedEvent { mesh_id: founded.id, feed, seq: 6, previous_leaf: NO_LEAF, ledger_size: 3, at_unix_ms: 5, kind }
            .encode()
    };
    let rules = |envelope: Vec<u8>| event(EventKind::Rules { envelope });
    let shown = async |rules: Vec<u8>| {
        let server = Server::start(founded.clone(), Script { rules, ..Script::default() }).await;
        let client = Client::connect(options(&[&server.url])).unwrap();
        client.domain_rules(&"sales".parse().unwrap()).await
    };
    let view = shown(rules(signed(founded.id, "sales"))).await.unwrap();
    assert_eq!((view.number, view.set.unwrap().seq), (4, 6));
    assert_eq!(shown(Vec::new()).await.unwrap().set, None);
    let code = async |bytes: Vec<u8>| shown(bytes).await.unwrap_err().code;
    let mut forged = signed(founded.id, "sales");
    let last = forged.len() - 1;
    forged[last] ^= 1;
    assert_eq!(code(rules(forged)).await, Code::BadSignature);
    assert_eq!(code(rules(signed(MeshId([9; 32]), "sales"))).await, Code::WrongMesh);
    assert_eq!(code(rules(signed(founded.id, "orders"))).await, Code::Internal);
    let other = EventKind::Command { outbox: 1, envelope: signed(founded.id, "sales") };
    assert_eq!(code(event(other)).await, Code::Internal);
    assert_eq!(code(b"no event".to_vec()).await, Code::Internal);
}

#[tokio::test]
async fn calls_can_be_made_from_spawned_tasks() {
    let client = Client::connect(options(&[&nowhere().await])).unwrap();
    let spawned = tokio::spawn(async move { client.product("a/b", mesh_client::Read::default()).await });
    assert_eq!(spawned.await.unwrap().unwrap_err().code, Code::Unreachable);
}
