//! Claims about what a node answers others about feeds, and what it refuses.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::support::{Mesh, descriptor, keypair, strangers};
use mesh_client::WaitLevel;
use mesh_client::publish::Attached;
use mesh_event::attachment::PrivateAttachment;
use mesh_event::{Envelope, Signer as _, envelope, proto};
use mesh_model::{Attachment, AttachmentPurpose, Code, Digest};
use mesh_proto::status::MeshError;
use mesh_proto::v1::feed_service_client::FeedServiceClient;
use mesh_proto::v1::{FeedAttachmentRequest, FeedConsistencyRequest, FeedHeadsRequest, FeedPlace, FeedRangeRequest};
use prost::Message as _;
use tonic::transport::Channel;

/// A client of this node over a connection of another.
fn client(mesh: &Mesh, node: u64, from: u64) -> FeedServiceClient<Channel> {
    let channels = strangers::channels(&mesh.genesis, &keypair(&format!("node-{from}")), from);
    FeedServiceClient::new(channels.channel_at(node, &mesh.node(node).peer_address().to_string()).unwrap())
}

fn code<T: std::fmt::Debug>(answer: Result<T, tonic::Status>) -> Code {
    MeshError::from(answer.unwrap_err()).code
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refuses_what_no_member_asks_and_what_is_over_its_limits() {
    let mesh = Mesh::start().await;
    mesh.admit_domains().await;
    for n in 0..3 {
        mesh.publish(1, descriptor(1, &format!("product_{n}"))).await;
    }
    let mut peer = client(&mesh, 1, 2);
    let mesh_id = mesh.genesis.mesh_id.0.to_vec();
    let heads = FeedHeadsRequest {
        mesh_id: mesh_id.clone(),
        from_node_id: 2,
        domains: vec!["domain_1".into()],
        held: Vec::new(),
    };
    let answer = peer.feed_heads(heads.clone()).await.unwrap().into_inner();
    assert_eq!(answer.heads.len(), 1);
    let place = answer.heads[0].place.clone().unwrap();
    assert!(place.size == 3 && !answer.heads[0].note.is_empty());
    // What the asker holds need not come again.
    let held = FeedHeadsRequest { held: vec![place.clone()], ..heads.clone() };
    assert!(peer.feed_heads(held).await.unwrap().into_inner().heads[0].note.is_empty());

    let refused = [
        (FeedHeadsRequest { mesh_id: vec![9; 32], ..heads.clone() }, Code::WrongMesh),
        (FeedHeadsRequest { from_node_id: 99, ..heads.clone() }, Code::UnknownNode),
        (FeedHeadsRequest { domains: vec!["domain_1".into(); 300], ..heads.clone() }, Code::TooLarge),
        (FeedHeadsRequest { held: vec![place.clone(); 3_000], ..heads.clone() }, Code::TooLarge),
        (FeedHeadsRequest { domains: vec!["No Domain".into()], ..heads.clone() }, Code::BadArgument),
        (FeedHeadsRequest { held: vec![FeedPlace::default()], ..heads.clone() }, Code::BadArgument),
    ];
    for (request, expected) in refused {
        assert_eq!(code(peer.feed_heads(request).await), expected);
    }
    let range = FeedRangeRequest {
        mesh_id: mesh_id.clone(),
        from_node_id: 2,
        domain: "domain_1".into(),
        epoch: 1,
        from: 0,
        size: 3,
    };
    let refused = [
        (FeedRangeRequest { size: 4, ..range.clone() }, Code::NotFound),
        (FeedRangeRequest { size: u64::MAX, ..range.clone() }, Code::NotFound),
        (FeedRangeRequest { from: 3, ..range.clone() }, Code::BadArgument),
        (FeedRangeRequest { epoch: 7, ..range.clone() }, Code::NotFound),
        (FeedRangeRequest { domain: String::new(), ..range.clone() }, Code::BadArgument),
        (FeedRangeRequest { from_node_id: 0, ..range.clone() }, Code::UnknownNode),
    ];
    for (request, expected) in refused {
        assert_eq!(code(peer.feed_range(request.clone()).await), expected, "{request:?}");
    }
    let mut stream = peer.feed_range(range).await.unwrap().into_inner();
    let mut events = 0;
    while let Some(batch) = stream.message().await.unwrap() {
        events += batch.events.len();
    }
    assert_eq!(events, 3);
    let consistency =
        FeedConsistencyRequest { mesh_id, from_node_id: 2, domain: "domain_1".into(), epoch: 1, old_size: 2, size: 3 };
    assert!(peer.feed_consistency(consistency.clone()).await.is_ok());
    let reversed = FeedConsistencyRequest { old_size: 3, size: 2, ..consistency };
    assert_eq!(code(peer.feed_consistency(reversed).await), Code::BadArgument);
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn private_attachments_go_to_the_nodes_that_keep_the_domain_alone() {
    // One copy, so that one of the other two nodes keeps none. Nobody pulls meanwhile.
    let mesh = Mesh::start_with(|config| {
        config.feeds.copies = 1;
        config.feeds.pull_ms = 600_000;
    })
    .await;
    mesh.admit_domains().await;
    let people = PrivateAttachment { salt: [9; 16], body: br#"[{"name":"Jane Smith"}]"#.to_vec() };
    let digest = people.digest();
    let mut product = descriptor(1, "orders");
    product.owner.people = Some(digest);
    product.attachments.push(Attachment {
        digest,
        name: "people".into(),
        media_type: "application/json".into(),
        size: people.body.len() as u64,
        purpose: AttachmentPurpose::People,
        private: true,
    });
    let mut outgoing = mesh.publish_command(product, None);
    outgoing.attachments = vec![Attached::private(&people)];
    let index = mesh.client(1).publish(&outgoing, WaitLevel::Sealed).await.unwrap().ledger_index.unwrap();
    let core = mesh.node(1).core();
    assert!(core.wait_indexed(index, Duration::from_secs(10)).await);

    let keeper = core.replicas.duties().keepers_of(core, &"domain_1".parse().unwrap()).unwrap()[0];
    let other = if keeper == 2 { 3 } else { 2 };
    let mesh_id = mesh.genesis.mesh_id.0.to_vec();
    let now = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
    let signed = |key: &str, at_unix_ms: u64, digest: Digest| {
        let key = keypair(key);
        let author = key.public_key().0.to_vec();
        let request = proto::ReadRequest { mesh_id: mesh_id.clone(), author, at_unix_ms, digest: digest.0.to_vec() };
        Envelope::sign(envelope::READ, request.encode_to_vec(), &[&key]).unwrap().into_bytes()
    };
    let ask = |from_node_id: u64, read_request: Vec<u8>| FeedAttachmentRequest {
        mesh_id: mesh_id.clone(),
        from_node_id,
        domain: "domain_1".into(),
        digest: digest.0.to_vec(),
        read_request,
    };
    let (mut peer, mut another) = (client(&mesh, 1, keeper), client(&mesh, 1, other));
    let (keeper_key, other_key) = (format!("node-{keeper}"), format!("node-{other}"));
    let mut stream = peer.feed_attachment(ask(keeper, signed(&keeper_key, now, digest))).await.unwrap().into_inner();
    let piece = stream.message().await.unwrap().unwrap();
    assert_eq!(Digest::of(&piece.bytes), digest);
    assert_eq!(piece.length, piece.bytes.len() as u64);

    let another_domain =
        FeedAttachmentRequest { domain: "domain_2".into(), ..ask(keeper, signed(&keeper_key, now, digest)) };
    let refused = [
        ("without a signature", ask(keeper, Vec::new()), Code::AttachmentMissing),
        ("from another node", ask(other, signed(&other_key, now, digest)), Code::UnknownNode),
        ("in another node's name", ask(keeper, signed(&other_key, now, digest)), Code::ReadDenied),
        ("a stranger", ask(keeper, signed("stranger", now, digest)), Code::ReadDenied),
        ("too old", ask(keeper, signed(&keeper_key, now - 600_000, digest)), Code::ReadDenied),
        ("another file's request", ask(keeper, signed(&keeper_key, now, Digest([1; 32]))), Code::ReadDenied),
        ("another domain's keeper", another_domain, Code::ReadDenied),
        ("no envelope", ask(keeper, vec![7; 40]), Code::Malformed),
    ];
    for (what, request, expected) in refused {
        assert_eq!(code(peer.feed_attachment(request).await), expected, "{what}");
    }
    let none = ask(other, signed(&other_key, now, digest));
    assert_eq!(code(another.feed_attachment(none).await), Code::ReadDenied, "a node that keeps none");
    mesh.stop().await;
}
