//! Access to products on three nodes: asked for anywhere, answered by the owner, held wherever the feed is.

use std::sync::Arc;

use crate::support::{DEADLINE, Mesh, descriptor, domain_of, holds, keypair, until};
use mesh_access::Status;
use mesh_client::access::{AccessItem, AccessQuery, AccessTarget, fact_text, random_fact_id};
use mesh_event::command::{DelegateNode, RetireProduct};
use mesh_event::fact::{
    ApproveAccess, CancelAccess, DenyAccess, EndAccessRule, Fact, FactBody, PortScope, PrivateText, RequestAccess,
    RevokeAccess, SetAccessRule,
};
use mesh_event::federation::Erase;
use mesh_event::{Body, FeedId, Signer as _};
use mesh_model::{
    Attachment, AttachmentPurpose, Code, Descriptor, Digest, FactId, Name, OutputPort, PortKind, ProductId,
};
use mesh_node::replicas::copy::KeptHead;
use mesh_node::replicas::heads;
use mesh_proto::status::MeshError;

const PURPOSE: &str = "monthly figures for Jane Smith of Zeppelin Lane";

async fn mesh() -> Mesh {
    let mesh = Mesh::start_with(|config| config.feeds.pull_ms = 100).await;
    mesh.admit_domains().await;
    mesh.publish(1, product()).await;
    mesh
}

/// domain_1's product with two ports.
fn product() -> Descriptor {
    let mut product = descriptor(1, "orders");
    product.outputs.push(OutputPort::new(Name::parse("files").unwrap(), PortKind::Batch));
    product
}

fn orders() -> ProductId {
    "domain_1/orders".parse().unwrap()
}

fn ports(ports: &[&str]) -> Vec<PortScope> {
    ports.iter().map(|port| PortScope { port: port.parse().unwrap(), fields: Vec::new() }).collect()
}

fn request(scope: &[&str], consumer: u64) -> impl FnOnce(Option<PrivateText>) -> FactBody {
    let scope = ports(scope);
    move |purpose| {
        FactBody::RequestAccess(RequestAccess {
            product: orders(),
            major: 1,
            scope,
            consumer: domain_of(consumer),
            purpose: purpose.unwrap(),
            days: 30,
        })
    }
}

/// domain_3 asks for a part of domain_1's product, through a node.
async fn ask(mesh: &Mesh, through: u64, scope: &[&str]) -> FactId {
    let signer = keypair("engineer");
    mesh.client(through).state_fact(&domain_of(1), Some(PURPOSE), request(scope, 3), &[&signer]).await.unwrap().id
}

/// States a fact about domain_1's product, through a node.
async fn state(
    mesh: &Mesh,
    through: u64,
    signer: &str,
    text: Option<&str>,
    body: impl FnOnce(Option<PrivateText>) -> FactBody,
) -> Result<(), MeshError> {
    mesh.client(through).state_fact(&domain_of(1), text, body, &[&keypair(signer)]).await.map(|_| ())
}

fn approval(request: FactId, scope: &[&str]) -> impl FnOnce(Option<PrivateText>) -> FactBody + Clone {
    let scope = ports(scope);
    move |note| {
        let (product, major, consumer) = (orders(), 1, domain_of(3));
        FactBody::ApproveAccess(ApproveAccess { request, product, major, consumer, scope, days: 30, note })
    }
}

fn denial(request: FactId) -> impl FnOnce(Option<PrivateText>) -> FactBody {
    move |note| FactBody::DenyAccess(DenyAccess { request, note: note.unwrap() })
}

fn revocation(request: FactId) -> impl FnOnce(Option<PrivateText>) -> FactBody {
    move |note| FactBody::RevokeAccess(RevokeAccess { request, note: note.unwrap() })
}

async fn listed(mesh: &Mesh, through: u64, query: AccessQuery) -> Vec<AccessItem> {
    mesh.client(through).access(&query).await.unwrap().requests
}

async fn allowed(mesh: &Mesh, through: u64, port: &str) -> bool {
    let target = AccessTarget { product: orders(), major: 1, port: port.parse().unwrap(), field: None };
    mesh.client(through).check_access(&target, &domain_of(3)).await.unwrap().allowed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_granted_holds_on_every_node_until_it_is_taken_back() {
    let mut mesh = mesh().await;
    let id = ask(&mesh, 3, &[]).await;
    // Who may decide finds it anywhere; who may not finds nothing to decide.
    let waiting = |key: &str| AccessQuery {
        decider: Some(keypair(key).public_key()),
        statuses: vec![Status::Waiting],
        ..AccessQuery::default()
    };
    for node in 1..=3 {
        let found = listed(&mesh, node, waiting("owner")).await;
        assert_eq!(found.iter().map(|item| item.record.request).collect::<Vec<_>>(), [id], "node {node}");
        assert_eq!((found[0].status, &found[0].record.consumer), (Status::Waiting, &domain_of(3)));
        assert_eq!(listed(&mesh, node, waiting("engineer")).await, []);
        assert!(!allowed(&mesh, node, "files").await);
    }
    // What for, is for the two domains.
    let purpose = listed(&mesh, 2, waiting("owner")).await[0].record.purpose;
    for node in 1..=3 {
        let client = mesh.client(node);
        assert_eq!(client.fact_text(&domain_of(1), &purpose, &keypair("owner")).await.unwrap(), PURPOSE);
        let stranger = client.fact_text(&domain_of(1), &purpose, &keypair("root-2")).await;
        assert_eq!(stranger.unwrap_err().code, Code::ReadDenied);
    }

    state(&mesh, 2, "owner", None, approval(id, &["files"])).await.unwrap();
    for node in 1..=3 {
        assert!(allowed(&mesh, node, "files").await, "node {node}");
        assert!(!allowed(&mesh, node, "api").await, "narrowed away");
        assert_eq!(listed(&mesh, node, waiting("owner")).await, []);
        let mine = AccessQuery { requester: Some(keypair("engineer").public_key()), ..AccessQuery::default() };
        assert_eq!(listed(&mesh, node, mine).await[0].status, Status::Granted);
        let by = AccessQuery { consumer: Some(domain_of(3)), ..AccessQuery::default() };
        assert_eq!(listed(&mesh, node, by).await[0].record.request, id);
        let other = AccessQuery { consumer: Some(domain_of(2)), ..AccessQuery::default() };
        assert_eq!(listed(&mesh, node, other).await, []);
    }

    // It outlives a restart of the home, and is known from the copies while that is down.
    let feed = FeedId { domain: domain_of(1), epoch: 1 };
    let size = heads::of_feed(mesh.node(1).core(), &feed).unwrap().unwrap().goal.size;
    holds(&mesh, 2, &feed, size).await;
    mesh.stop_node(1).await;
    let target = AccessTarget { product: orders(), major: 1, port: "files".parse().unwrap(), field: None };
    let from_copy = mesh.client(2).check_access(&target, &domain_of(3)).await.unwrap();
    assert!(from_copy.allowed && from_copy.from_copy);
    let listing = mesh.client(2).access(&AccessQuery::default()).await.unwrap();
    assert_eq!((listing.from_copies, listing.unreached, listing.requests.len()), (vec![domain_of(1)], vec![], 1));
    let unreachable = state(&mesh, 2, "owner", Some("moved"), revocation(id)).await.unwrap_err();
    assert_eq!(unreachable.code, Code::HomeUnreachable);
    mesh.start_node(1).await;
    assert!(allowed(&mesh, 1, "files").await);

    state(&mesh, 3, "owner", Some("moved"), revocation(id)).await.unwrap();
    for node in 1..=3 {
        assert!(!allowed(&mesh, node, "files").await, "node {node}");
    }
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_follow_is_refused_and_changes_nothing() {
    let mesh = mesh().await;
    let id = ask(&mesh, 2, &["files"]).await;
    macro_rules! code {
        ($signer:expr, $text:expr, $body:expr) => {
            state(&mesh, 3, $signer, $text, $body).await.unwrap_err().code
        };
    }
    let note = Some("not for this");
    assert_eq!(code!("owner", None, approval(FactId([9; 16]), &["files"])), Code::UnknownRequest);
    assert_eq!(code!("engineer", None, approval(id, &["files"])), Code::WrongRole);
    assert_eq!(code!("root-1", None, approval(id, &["files"])), Code::UnknownKey);
    assert_eq!(code!("owner", None, approval(id, &["api"])), Code::BadRequest, "not asked for");
    assert_eq!(code!("owner", None, approval(id, &[])), Code::BadRequest, "all ports were not");
    assert_eq!(code!("owner", note, revocation(id)), Code::RequestOver, "nothing was granted");
    assert_eq!(code!("root-2", note, revocation(id)), Code::UnknownKey, "and a stranger is told so first");
    assert_eq!(code!("engineer", note, request(&["stream"], 3)), Code::BadRequest, "no such port");
    assert_eq!(code!("engineer", note, request(&[], 1)), Code::BadRequest, "it owns it");
    assert_eq!(listed(&mesh, 1, AccessQuery::default()).await.len(), 1);

    // Whoever asked does not decide, whatever roles it has.
    let owner = keypair("owner");
    let own = mesh.client(2).state_fact(&domain_of(1), note, request(&["files"], 3), &[&owner]).await.unwrap().id;
    assert_eq!(code!("owner", None, approval(own, &["files"])), Code::OwnRequest);

    // Its text goes with a fact, and no other.
    let signed = |fact: FactId, body: FactBody| {
        let (mesh_id, domain, author) = (mesh.genesis.mesh_id, domain_of(1), owner.public_key());
        Fact { mesh_id, domain, id: fact, author, body }.sign(&[&owner]).unwrap()
    };
    let fact = random_fact_id();
    let (named, text) = fact_text(&domain_of(1), fact, "not for this");
    let denied = signed(fact, denial(id)(Some(named)));
    let client = mesh.client(2);
    let refused = client.state_signed_fact(fact, &denied, None).await.unwrap_err();
    assert_eq!(refused.code, Code::NotPublishedHere);
    let asked = listed(&mesh, 1, AccessQuery { request: Some(id), ..AccessQuery::default() }).await.remove(0).record;
    let stolen = random_fact_id();
    let theirs = client.state_signed_fact(stolen, &signed(stolen, denial(id)(Some(asked.purpose))), None).await;
    assert_eq!(theirs.unwrap_err().code, Code::NotPublishedHere, "that it lies here is not enough");

    // The same fact again is the same; another one under its id is none.
    let first = mesh.client(1).state_signed_fact(fact, &denied, Some(text.clone())).await.unwrap();
    assert_eq!(client.state_signed_fact(fact, &denied, Some(text)).await.unwrap(), first);
    let other = signed(fact, approval(id, &["files"])(None));
    assert_eq!(client.state_signed_fact(fact, &other, None).await.unwrap_err().code, Code::Duplicate);
    let cancel = |_| FactBody::CancelAccess(CancelAccess { request: id });
    assert_eq!(code!("engineer", None, cancel), Code::RequestOver);
    let request_id = AccessQuery { request: Some(id), ..AccessQuery::default() };
    assert_eq!(listed(&mesh, 3, request_id).await[0].status, Status::Denied);

    let retire = RetireProduct { product: orders(), version: None, reason: "replaced".into() };
    let retire = mesh.builder().sign(Body::RetireProduct(retire), &[&owner]).unwrap();
    let retired = mesh.client(1).publish(&mesh_client::Outgoing::new(retire), mesh_client::WaitLevel::Sealed).await;
    assert_eq!(retired.unwrap().code, Some(Code::Accepted));
    assert_eq!(code!("engineer", note, request(&[], 3)), Code::Retired);
    mesh.stop().await;
}

/// Who names somebody else's text in a fact or a version of its own gets to read nothing, and erases nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_is_its_own_domains_whoever_names_it() {
    let mesh = mesh().await;
    ask(&mesh, 1, &[]).await;
    let purpose = listed(&mesh, 1, AccessQuery::default()).await.remove(0).record.purpose;
    holds(&mesh, 2, &FeedId { domain: domain_of(1), epoch: 1 }, 2).await;
    // domain_2's home keeps a copy of the text. Its product names it, and that it lies there is not enough.
    let mut thief = descriptor(2, "thief");
    thief.attachments.push(Attachment {
        digest: purpose.digest,
        name: "people.json".into(),
        media_type: "text/plain".into(),
        size: purpose.size,
        purpose: AttachmentPurpose::People,
        private: true,
    });
    until("the text lies at domain_2's home", async || {
        mesh.node(2).core().store.private_attachments().contains(&purpose.digest.0).unwrap()
    })
    .await;
    let outgoing = mesh.publish_command(thief, None);
    let refused = mesh.client(2).publish(&outgoing, mesh_client::WaitLevel::Sealed).await.unwrap_err();
    assert_eq!(refused.code, Code::NotPublishedHere);
    for node in 1..=3 {
        let read = mesh.client(node).private_attachment(purpose.digest, &keypair("owner")).await;
        assert_eq!(read.unwrap_err().code, Code::AttachmentMissing, "node {node}");
    }
    let erase = async |domain: u64, root: &str| {
        let erase = Body::Erase(Erase { domain: domain_of(domain), digest: purpose.digest, reason: "mine".into() });
        let erase = mesh.builder().sign(erase, &[&keypair(root)]).unwrap();
        let index = mesh.client(2).submit(&erase).await.unwrap().ledger_index.unwrap();
        for node in 1..=3 {
            assert!(mesh.node(node).core().wait_indexed(index, DEADLINE).await);
        }
    };
    erase(2, "root-2").await;
    for node in 1..=3 {
        let read = mesh.client(node).fact_text(&domain_of(1), &purpose, &keypair("owner")).await;
        assert_eq!(read.unwrap(), PURPOSE, "node {node}");
    }
    erase(1, "root-1").await;
    for node in 1..=3 {
        let lies = mesh.node(node).core().store.private_attachments().contains(&purpose.digest.0).unwrap();
        assert!(!lies, "node {node}");
    }
    mesh.stop().await;
}

/// A node that keeps no copy of the feed answers by asking the home.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_without_the_feed_asks_whoever_has_it() {
    let mut mesh = Mesh::start_with(|config| {
        config.feeds.pull_ms = 100;
        config.feeds.copies = 1;
    })
    .await;
    mesh.admit_domains().await;
    mesh.publish(1, product()).await;
    let id = ask(&mesh, 1, &[]).await;
    let feed = FeedId { domain: domain_of(1), epoch: 1 };
    let has = |node: u64| {
        let core = Arc::clone(mesh.node(node).core());
        heads::of_feed(&core, &feed).ok().flatten().is_some_and(|head| head.goal.size == 2)
    };
    until("one other has the feed", async || has(2) || has(3)).await;
    let without = if has(2) { 3 } else { 2 };
    assert!(!has(without));
    let record = mesh.client(without).access_request(id).await.unwrap().record;
    let read = mesh.client(without).fact_text(&domain_of(1), &record.purpose, &keypair("engineer")).await;
    assert_eq!(read.unwrap(), PURPOSE);
    assert!(!allowed(&mesh, without, "api").await);
    // With the home away it says that it does not know.
    mesh.stop_node(1).await;
    let target = AccessTarget { product: orders(), major: 1, port: "api".parse().unwrap(), field: None };
    let unknown = mesh.client(without).check_access(&target, &domain_of(3)).await.unwrap_err();
    assert_eq!(unknown.code, Code::HomeUnreachable);
    let listing = mesh.client(without).access(&AccessQuery::default()).await.unwrap();
    assert_eq!((listing.unreached, listing.requests), (vec![domain_of(1)], vec![]));
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_answers_at_once_are_one() {
    let mesh = mesh().await;
    let id = ask(&mesh, 1, &[]).await;
    let (yes, no) = tokio::join!(
        state(&mesh, 2, "owner", None, approval(id, &[])),
        state(&mesh, 3, "owner", Some("no"), denial(id)),
    );
    let refused = [yes.err(), no.err()].into_iter().flatten().map(|error| error.code).collect::<Vec<_>>();
    assert_eq!(refused, [Code::RequestOver]);
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erased_purpose_is_gone_and_the_request_stays() {
    let mesh = mesh().await;
    let id = ask(&mesh, 1, &[]).await;
    let purpose = listed(&mesh, 1, AccessQuery::default()).await.remove(0).record.purpose;
    let digest = purpose.digest;
    let feed = FeedId { domain: domain_of(1), epoch: 1 };
    holds(&mesh, 2, &feed, 2).await;
    let erase = Body::Erase(Erase { domain: domain_of(1), digest, reason: "asked for it".into() });
    let erase = mesh.builder().sign(erase, &[&keypair("root-1")]).unwrap();
    let index = mesh.client(2).submit(&erase).await.unwrap().ledger_index.unwrap();
    for node in 1..=3 {
        assert!(mesh.node(node).core().wait_indexed(index, DEADLINE).await);
        let read = mesh.client(node).fact_text(&domain_of(1), &purpose, &keypair("owner")).await;
        assert_eq!(read.unwrap_err().code, Code::Erased, "node {node}");
        let lies = mesh.node(node).core().store.private_attachments().get(&digest.0).unwrap();
        assert_eq!(lies, None, "node {node}");
    }
    state(&mesh, 1, "owner", None, approval(id, &[])).await.unwrap();
    assert!(allowed(&mesh, 3, "api").await);
    mesh.stop().await;
}

/// What a home took and no copy had when the domain moved away comes along when it is back; what was answered otherwise meanwhile is told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn facts_of_a_home_that_was_left_come_along() {
    let mut mesh = mesh().await;
    let feed = FeedId { domain: domain_of(1), epoch: 1 };
    let before = ask(&mesh, 1, &["files"]).await;
    let contested = ask(&mesh, 1, &["files"]).await;
    let copied = holds(&mesh, 2, &feed, 3).await;
    holds(&mesh, 3, &feed, 3).await;
    // Alone: durable, and nobody else has it.
    mesh.stop_node(2).await;
    mesh.stop_node(3).await;
    state(&mesh, 1, "owner", None, approval(before, &["files"])).await.unwrap();
    state(&mesh, 1, "owner", None, approval(contested, &["files"])).await.unwrap();
    let orphan = ask(&mesh, 1, &["api"]).await;
    assert!(allowed(&mesh, 1, "files").await);
    mesh.stop_node(1).await;

    mesh.start_node(2).await;
    mesh.start_node(3).await;
    delegate(&mesh, 2, 2, Some(&copied)).await;
    // The next home goes on with what it has: it knows the requests and no answer.
    until("the next home answers", async || mesh.client(3).access_request(before).await.is_ok()).await;
    assert_eq!(mesh.client(3).access_request(before).await.unwrap().status, Status::Waiting);
    state(&mesh, 3, "owner", Some("no"), denial(contested)).await.unwrap();

    mesh.start_node(1).await;
    until("the orphan is at the next home", async || mesh.client(3).access_request(orphan).await.is_ok()).await;
    for node in 1..=3 {
        let client = mesh.client(node);
        assert_eq!(client.access_request(before).await.unwrap().status, Status::Granted, "node {node}");
        assert_eq!(client.access_request(contested).await.unwrap().status, Status::Denied, "node {node}");
        let orphan = client.access_request(orphan).await.unwrap();
        assert_eq!(orphan.status, Status::Waiting, "node {node}");
        let read = client.fact_text(&domain_of(1), &orphan.record.purpose, &keypair("owner")).await;
        assert_eq!(read.unwrap(), PURPOSE);
        assert!(allowed(&mesh, node, "files").await && !allowed(&mesh, node, "api").await);
    }
    // It is written behind the answers, not before them.
    let alarms = || mesh_node::orphans::alarms(mesh.node(1).core());
    until("what was answered otherwise is told", async || !alarms().is_empty()).await;
    let alarms = alarms();
    assert!(
        alarms.len() == 1 && alarms[0].contains("the fact in event 4") && alarms[0].contains("denied"),
        "{alarms:?}"
    );
    // The former home's book is the mesh's again, also from its own copy.
    holds(&mesh, 1, &FeedId { domain: domain_of(1), epoch: 2 }, 3).await;
    mesh.stop_node(2).await;
    until("the former home has the feed", async || {
        let listing = mesh.client(1).access(&AccessQuery::default()).await.unwrap();
        !listing.unreached.contains(&domain_of(1)) && listing.requests.len() == 3
    })
    .await;
    assert_eq!(mesh.client(1).access_request(contested).await.unwrap().status, Status::Denied);
    mesh.stop().await;
}

/// A domain that is delegated to the same node again, from before what that node took: it states that anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn facts_behind_the_base_of_the_same_home_are_stated_again() {
    let mesh = mesh().await;
    let feed = FeedId { domain: domain_of(1), epoch: 1 };
    let first = heads::of_feed(mesh.node(1).core(), &feed).unwrap().unwrap();
    assert_eq!(first.goal.size, 1, "the product");
    let id = ask(&mesh, 1, &["files"]).await;
    state(&mesh, 1, "owner", None, approval(id, &["files"])).await.unwrap();
    // What is over stays over.
    let over = ask(&mesh, 1, &["files"]).await;
    state(&mesh, 1, "owner", Some("no"), denial(over)).await.unwrap();
    let set = SetAccessRule { product: orders(), major: 1, consumers: Vec::new(), scope: Vec::new(), days: 30 };
    let owner = keypair("owner");
    let set = mesh.client(1).state_fact(&domain_of(1), None, |_| FactBody::SetAccessRule(set), &[&owner]).await;
    let end = FactBody::EndAccessRule(EndAccessRule { rule: set.unwrap().id });
    state(&mesh, 1, "owner", None, |_| end).await.unwrap();
    delegate(&mesh, 1, 2, Some(&first)).await;
    until("all facts are in the new feed", async || {
        let feed = FeedId { domain: domain_of(1), epoch: 2 };
        heads::of_feed(mesh.node(1).core(), &feed).ok().flatten().is_some_and(|head| head.goal.size == 6)
    })
    .await;
    assert_eq!(mesh.client(2).access_request(id).await.unwrap().status, Status::Granted);
    assert_eq!(mesh.client(2).access_request(over).await.unwrap().status, Status::Denied);
    assert_eq!(mesh.client(2).access_terms(&domain_of(1)).await.unwrap().rules, []);
    let later = ask(&mesh, 1, &["files"]).await;
    assert_eq!(mesh.client(2).access_request(later).await.unwrap().status, Status::Waiting, "no rule grants it");
    assert_eq!(mesh_node::orphans::alarms(mesh.node(1).core()), Vec::<String>::new());
    mesh.stop().await;
}

async fn delegate(mesh: &Mesh, to: u64, epoch: u64, base: Option<&KeptHead>) {
    let body = Body::DelegateNode(DelegateNode {
        domain: domain_of(1),
        node_id: to,
        epoch,
        base_size: base.map_or(0, |head| head.goal.size),
        base_root: base.map(|head| Digest(*head.goal.root.as_bytes())),
    });
    let envelope = mesh.builder().sign(body, &[&keypair("root-1")]).unwrap();
    let index = mesh.client(2).submit(&envelope).await.unwrap().ledger_index.unwrap();
    for node in mesh.nodes.iter().flatten() {
        assert!(node.core().wait_applied(index, DEADLINE).await);
    }
}
