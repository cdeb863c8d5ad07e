//! Claims about three nodes and their clients.

use std::time::Duration;

use crate::support::{Mesh, descriptor, domain_of, keypair};
use mesh_client::{Read, SearchQuery, WaitLevel};
use mesh_model::Code;

fn search(text: &str, at_least: u64) -> SearchQuery {
    SearchQuery { query: text.into(), at_least_index: Some(at_least), ..SearchQuery::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_product_published_through_any_node_is_read_and_found_on_every_node() {
    let mesh = Mesh::start().await;
    mesh.admit_domains().await;
    // Published through node 1, at home on node 2: forwarded.
    let index = mesh.publish(1, descriptor(2, "orders")).await;
    for node in 1..=3 {
        let client = mesh.client(node);
        let view = client.product("domain_2/orders", Read::at_least(index)).await.unwrap();
        assert_eq!(view.ledger_index, index);
        assert_eq!(view.descriptor.description, "what orders is");
        let page = client.search(&search("orders", index)).await.unwrap();
        assert_eq!(page.hits.len(), 1, "node {node}");
        let history = client.history("domain_2/orders").await.unwrap();
        assert_eq!(history.items.len(), 1);
        let error = client.product("domain_2/nothing", Read::default()).await.unwrap_err();
        assert_eq!(error.code, Code::UnknownProduct);
    }
    let heads: Vec<_> = futures::future::join_all((1..=3).map(|node| {
        let client = mesh.client(node);
        async move { client.ledger_head(Some(index + 1)).await.unwrap() }
    }))
    .await;
    assert!(heads.iter().all(|head| head.root == heads[0].root && head.state_digest == heads[0].state_digest));
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_sent_several_times_at_once_is_taken_once_and_answered_alike() {
    let mesh = Mesh::start().await;
    mesh.admit_domains().await;
    for number in 0..40 {
        let outgoing = mesh.publish_command(descriptor(1, &format!("at_once_{number}")), None);
        let tries = (0..8).map(|n| {
            let (client, outgoing) = (mesh.client(1 + n % 3), outgoing.clone());
            async move { client.publish(&outgoing, WaitLevel::Sealed).await }
        });
        let answers = futures::future::join_all(tries).await;
        let told: Vec<_> =
            answers.iter().map(|answer| answer.as_ref().map(|ack| (ack.ledger_index, ack.code))).collect();
        assert!(told.iter().all(|answer| answer.is_ok() && *answer == told[0]), "{told:?}");
    }
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_with_the_same_command_id_gets_the_first_answer() {
    let mesh = Mesh::start().await;
    mesh.admit_domains().await;
    let outgoing = mesh.publish_command(descriptor(1, "orders"), None);
    let first = mesh.client(1).publish(&outgoing, WaitLevel::Sealed).await.unwrap();
    let again = mesh.client(2).publish(&outgoing, WaitLevel::Sealed).await.unwrap();
    assert_eq!(first.ledger_index, again.ledger_index);
    // Another command for the same version and content says that it is so already.
    let other = mesh.publish_command(descriptor(1, "orders"), None);
    let error = mesh.client(1).publish(&other, WaitLevel::Sealed).await.map(|ack| ack.code);
    assert!(
        matches!(error, Err(ref e) if e.code == Code::AlreadySo) || matches!(error, Ok(Some(Code::AlreadySo))),
        "{error:?}"
    );
    // Other content under the sealed version is a conflict.
    let mut changed = descriptor(1, "orders");
    changed.description = "another".into();
    let error = mesh.client(1).publish(&mesh.publish_command(changed, None), WaitLevel::Sealed).await.unwrap_err();
    assert_eq!(error.code, Code::VersionConflict);
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn losing_one_voter_costs_nothing_and_losing_two_makes_publishing_wait() {
    let mut mesh = Mesh::start().await;
    mesh.admit_domains().await;
    mesh.stop_node(3).await;
    let index = mesh.publish(1, descriptor(1, "first")).await;
    mesh.stop_node(2).await;

    // No quorum: durable here, not sealed, and said so.
    let outgoing = mesh.publish_command(descriptor(1, "second"), None);
    let client = mesh.client(1);
    let local = client.publish(&outgoing, WaitLevel::Local).await.unwrap();
    assert_eq!((local.reached, local.ledger_index), (WaitLevel::Local, None));
    let waiting = client.publish_within(&outgoing, WaitLevel::Sealed, Duration::from_secs(2)).await.unwrap();
    assert_eq!((waiting.reached, waiting.ledger_index), (WaitLevel::Local, None));
    // What waits counts for the next command: its successor is taken, other content under its version is not.
    let mut next = descriptor(1, "second");
    next.version = mesh_model::Version::new(1, 1, 0);
    next.description = "more of it".into();
    let before = mesh_event::descriptor_digest(&descriptor(1, "second"));
    let successor = mesh.publish_command(next.clone(), Some(before));
    assert_eq!(client.publish(&successor, WaitLevel::Local).await.unwrap().reached, WaitLevel::Local);
    let error = client.publish(&mesh.publish_command(next.clone(), None), WaitLevel::Local).await.unwrap_err();
    assert_eq!(error.code, Code::AlreadySo);
    let mut other = next.clone();
    other.description = "other than that".into();
    let error = client.publish(&mesh.publish_command(other, Some(before)), WaitLevel::Local).await.unwrap_err();
    assert_eq!(error.code, Code::VersionConflict);
    assert!(error.message.ends_with("domain_1/second@1.1.0 was sealed with other content"), "{error}");
    next.version = mesh_model::Version::new(1, 0, 0);
    let error = client.publish(&mesh.publish_command(next, None), WaitLevel::Local).await.unwrap_err();
    assert_eq!(error.code, Code::VersionConflict);
    // Nothing of it is sealed, and no place in the ledger is told.
    let waits = "once what waits here for the ledger is sealed, it would be refused: ";
    assert_eq!(error.message, format!("{waits}domain_1/second@1.0.0 was sealed with other content"));
    // A domain whose home is down: nothing happened.
    let error =
        client.publish(&mesh.publish_command(descriptor(2, "third"), None), WaitLevel::Sealed).await.unwrap_err();
    assert_eq!(error.code, Code::HomeUnreachable);
    // Reads go on.
    assert_eq!(client.product("domain_1/first", Read::default()).await.unwrap().ledger_index, index);

    mesh.start_node(2).await;
    let sealed = client.publish(&outgoing, WaitLevel::Sealed).await.unwrap();
    assert!(sealed.ledger_index.unwrap() > index);
    let followed = client.publish(&successor, WaitLevel::Sealed).await.unwrap();
    assert!(followed.ledger_index > sealed.ledger_index);
    mesh.start_node(3).await;
    let view = mesh.client(3).product("domain_1/second", Read::at_least(followed.ledger_index.unwrap())).await.unwrap();
    assert_eq!(view.versions.len(), 2);
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_outbox_goes_on_after_a_restart() {
    let mut mesh = Mesh::start().await;
    mesh.admit_domains().await;
    mesh.stop_node(2).await;
    mesh.stop_node(3).await;
    let client = mesh.client(1);
    for n in 0..5 {
        let outgoing = mesh.publish_command(descriptor(1, &format!("product_{n}")), None);
        client.publish(&outgoing, WaitLevel::Local).await.unwrap();
    }
    mesh.stop_node(1).await;
    for node in 1..=3 {
        mesh.start_node(node).await;
    }
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    for n in 0..5 {
        let id = format!("domain_1/product_{n}");
        while mesh.client(2).product(&id, Read::default()).await.is_err() {
            assert!(tokio::time::Instant::now() < deadline, "{id} was not sealed after the restart");
            tokio::task::yield_now().await;
        }
    }
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refuses_what_the_author_may_not_do() {
    let mesh = Mesh::start().await;
    mesh.admit_domains().await;
    let client = mesh.client(1);
    let publish = |key: &str| {
        let body = mesh_event::Body::PublishVersion(mesh_event::command::PublishVersion {
            descriptor: descriptor(1, "orders"),
            planned_against: None,
            overflow_breaks: Vec::new(),
        });
        mesh_client::Outgoing::new(mesh.builder().sign(body, &[&keypair(key)]).unwrap())
    };
    for (key, code) in [("stranger", Code::UnknownKey), ("root-1", Code::WrongRole)] {
        let error = client.publish(&publish(key), WaitLevel::Sealed).await.unwrap_err();
        assert!(error.code == code || error.code == Code::UnknownKey, "{key}: {error:?}");
    }
    // Nothing was appended to the feed or the ledger.
    assert_eq!(client.ledger_head(None).await.unwrap().size, 2);
    assert!(client.domain(&domain_of(1), None).await.unwrap().sealed_commands == 0);
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_lost_its_data_does_not_start_under_its_old_number() {
    let mut mesh = Mesh::start().await;
    mesh.stop_node(2).await;
    let folder = mesh.folder.path().join("node-2");
    std::fs::remove_dir_all(folder.join("data")).unwrap();
    let config = mesh_node::Config::load(&folder.join("node.toml"), []).unwrap();
    let Err(error) = mesh_node::Node::start(config).await else { panic!("a wiped voter started") };
    assert!(error.to_string().contains("lost its data"), "{error}");
    mesh.stop().await;
}
