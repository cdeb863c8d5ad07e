//! Claims about nodes that lie about feeds: a program of the test answers at the address of a node that was stopped.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::support::{Mesh, descriptor, domain_of, keypair, strangers};
use futures::Stream;
use mesh_client::WaitLevel;
use mesh_event::event::NO_LEAF;
use mesh_event::federation::{ReportEquivocation, ResolveEquivocation};
use mesh_event::{
    Body, Command, Envelope, EventKind, FeedEvent, FeedForkProof, FeedHead, FeedId, Keypair, LeafEntry, LedgerLeaf,
    Signer as _,
};
use mesh_governance::{Containment, read};
use mesh_model::{Code, Digest, MeshId};
use mesh_node::core::Core;
use mesh_node::replicas::forks::forked;
use mesh_node::replicas::heads;
use mesh_proto::status::MeshError;
use mesh_proto::v1::feed_service_client::FeedServiceClient;
use mesh_proto::v1::feed_service_server::{FeedService, FeedServiceServer};
use mesh_proto::v1::{
    FeedAttachmentRequest, FeedAttachmentResponse, FeedConsistencyRequest, FeedConsistencyResponse, FeedHeadsRequest,
    FeedHeadsResponse, FeedPlace, FeedRangeRequest, FeedRangeResponse, SignedFeedHead,
};
use mesh_tlog::{Frontier, Hash, leaf_hash, prove_consistency};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

const DEADLINE: Duration = Duration::from_secs(30);

/// What the liar does.
#[derive(Clone)]
enum Lie {
    /// A head that somebody else signed.
    Unsigned,
    /// A head by the writer's own key, and events that are not under it.
    Unproved,
    /// The same, and nothing ever comes.
    Silent,
    /// The same, and the stream ends at once.
    Empty,
    /// Pages that never end.
    Endless,
    /// More heads than anybody asked for.
    Flood,
    /// So many events of another history of the feed, by the writer's own key.
    Fork(u64),
    /// Another history of three events, with its events.
    Other,
}

#[derive(Clone)]
struct Liar {
    lie: Lie,
    mesh: MeshId,
    feed: FeedId,
    /// The true head's size and root.
    size: u64,
    root: Hash,
    writer: Arc<Keypair>,
    asked: Arc<AtomicU64>,
}

impl Liar {
    /// In the place of node 2, whose feed has three events.
    fn new(lie: Lie, mesh: &Mesh, feed: FeedId, root: Hash) -> Self {
        let (mesh, writer) = (mesh.genesis.mesh_id, Arc::new(keypair("node-2")));
        Self { lie, mesh, feed, size: 3, root, writer, asked: Arc::default() }
    }

    fn head(&self, size: u64, root: Hash, key: &Keypair) -> SignedFeedHead {
        let head = FeedHead { feed: self.feed.clone(), size, root, last_leaf: leaf_hash(b"made up") };
        let (domain, epoch) = (self.feed.domain.to_string(), self.feed.epoch);
        let place = Some(FeedPlace { domain, epoch, size, root: root.as_bytes().to_vec() });
        SignedFeedHead { place, note: head.sign(&self.mesh, key).unwrap() }
    }
}

/// The root of a history that never was, and its tree.
fn made_up(size: u64) -> (Hash, BTreeMap<(u8, u64), Hash>) {
    let (mut frontier, mut tree) = (Frontier::new(), BTreeMap::new());
    for n in 0..size {
        let added = frontier.append(leaf_hash(&n.to_be_bytes()));
        tree.extend(added.into_iter().map(|(level, index, hash)| ((level, index), hash)));
    }
    (frontier.root(), tree)
}

/// Three events as no honest home writes them, though each follows the one before; and their root.
fn other_history(mesh: MeshId, feed: &FeedId) -> (Vec<Vec<u8>>, Hash) {
    let (mut frontier, mut events, mut last_leaf) = (Frontier::new(), Vec::new(), NO_LEAF);
    for seq in 0..3 {
        let kind = EventKind::Verdict { outbox: seq + 1, ledger_index: 1, code: 1, detail: String::new() };
        let (mesh_id, feed) = (mesh, feed.clone());
        let event =
            FeedEvent { mesh_id, feed, seq, previous_leaf: last_leaf, ledger_size: 1, at_unix_ms: 0, kind }.encode();
        last_leaf = leaf_hash(&event);
        frontier.append(last_leaf);
        events.push(event);
    }
    (events, frontier.root())
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl FeedService for Liar {
    type FeedRangeStream = Answers<FeedRangeResponse>;
    type FeedAttachmentStream = Answers<FeedAttachmentResponse>;

    async fn feed_heads(&self, request: Request<FeedHeadsRequest>) -> Result<Response<FeedHeadsResponse>, Status> {
        let request = request.into_inner();
        if !request.domains.contains(&self.feed.domain.to_string()) {
            return Ok(Response::new(FeedHeadsResponse::default()));
        }
        self.asked.fetch_add(1, Ordering::SeqCst);
        let longer = (self.size + 3, made_up(self.size + 3).0);
        let (heads, next_domain) = match self.lie {
            Lie::Unsigned => (vec![self.head(longer.0, longer.1, &keypair("stranger"))], String::new()),
            Lie::Unproved | Lie::Silent | Lie::Empty => {
                (vec![self.head(longer.0, longer.1, &self.writer)], String::new())
            }
            Lie::Endless => (Vec::new(), request.domains[0].clone()),
            Lie::Flood => (vec![self.head(self.size, self.root, &self.writer); 5_000], String::new()),
            Lie::Other => {
                let (_, root) = other_history(self.mesh, &self.feed);
                (vec![self.head(3, root, &self.writer)], String::new())
            }
            Lie::Fork(size) => (vec![self.head(size, made_up(size).0, &self.writer)], String::new()),
        };
        Ok(Response::new(FeedHeadsResponse { heads, next_domain }))
    }

    async fn feed_range(&self, _: Request<FeedRangeRequest>) -> Result<Response<Self::FeedRangeStream>, Status> {
        let answer: Answers<FeedRangeResponse> = match self.lie {
            Lie::Silent => Box::pin(futures::stream::pending()),
            Lie::Empty => Box::pin(futures::stream::empty()),
            Lie::Other => {
                let (events, _) = other_history(self.mesh, &self.feed);
                Box::pin(futures::stream::iter([Ok(FeedRangeResponse { events, proof: Vec::new() })]))
            }
            _ => {
                let garbage = FeedRangeResponse { events: vec![vec![7; 500]; 3], proof: vec![vec![1; 32]] };
                Box::pin(futures::stream::repeat_with(move || Ok(garbage.clone())))
            }
        };
        Ok(Response::new(answer))
    }

    async fn feed_consistency(
        &self,
        request: Request<FeedConsistencyRequest>,
    ) -> Result<Response<FeedConsistencyResponse>, Status> {
        if let Lie::Fork(size) = self.lie {
            // It can show that its history holds together.
            let old_size = request.into_inner().old_size;
            let (root, tree) = made_up(size);
            let proof = prove_consistency(&tree, old_size, size).unwrap();
            let bytes = |hash: &Hash| hash.as_bytes().to_vec();
            let (old_root, root, proof) =
                (bytes(&made_up(old_size).0), bytes(&root), proof.iter().map(bytes).collect());
            return Ok(Response::new(FeedConsistencyResponse { old_root, root, proof }));
        }
        let (old_root, root, proof) = (vec![1; 32], vec![2; 32], vec![vec![3; 32]]);
        Ok(Response::new(FeedConsistencyResponse { old_root, root, proof }))
    }

    async fn feed_attachment(
        &self,
        _: Request<FeedAttachmentRequest>,
    ) -> Result<Response<Self::FeedAttachmentStream>, Status> {
        Err(Status::not_found("none"))
    }
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + DEADLINE;
    while !is_so().await {
        assert!(tokio::time::Instant::now() < deadline, "{what}: not within {DEADLINE:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn size_at(core: &Arc<Core>, feed: &FeedId) -> u64 {
    heads::of_feed(core, feed).ok().flatten().map_or(0, |head| head.goal.size)
}

/// A mesh in which node 2, the home of its domain, was stopped after all had its feed of three events, and a liar answers in its place.
async fn with_liar(lie: Lie) -> (Mesh, Liar, CancellationToken) {
    with_liar_at(2, lie).await
}

/// The same in another node's place.
async fn with_liar_at(place: u64, lie: Lie) -> (Mesh, Liar, CancellationToken) {
    let mut mesh = Mesh::start_with(|config| config.feeds.pull_ms = 50).await;
    mesh.admit_domains().await;
    for n in 0..3 {
        mesh.publish(2, descriptor(2, &format!("product_{n}"))).await;
    }
    let feed = FeedId { domain: domain_of(2), epoch: 1 };
    for node in [1, 3] {
        let core = Arc::clone(mesh.node(node).core());
        until("the feed is copied", async || size_at(&core, &feed) == 3).await;
    }
    let root = heads::of_feed(mesh.node(1).core(), &feed).unwrap().unwrap().goal.root;
    let address: SocketAddr = mesh.node(place).peer_address();
    mesh.stop_node(place).await;
    let liar = Liar::new(lie, &mesh, feed, root);
    let stop = answers(&mesh, place, address, &liar).await;
    (mesh, liar, stop)
}

/// Lets the liar answer at an address that was a node's.
async fn answers(mesh: &Mesh, place: u64, address: SocketAddr, liar: &Liar) -> CancellationToken {
    let stop = CancellationToken::new();
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    // With the node's own key: whoever lies is a member.
    let transport = strangers::transport(&mesh.genesis, &keypair(&format!("node-{place}")), place);
    let limits = mesh_node::config::PeerSection::default().door_limits();
    let incoming = mesh_node::transport::receive(transport, Box::new(listener), limits, stop.clone());
    let served = tonic::transport::Server::builder()
        .add_service(FeedServiceServer::new(liar.clone()))
        .serve_with_incoming_shutdown(incoming, stop.clone().cancelled_owned());
    drop(tokio::spawn(served));
    stop
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_lies_about_a_feed_is_left_alone_and_nothing_of_it_is_kept() {
    for lie in [Lie::Unsigned, Lie::Unproved, Lie::Empty, Lie::Endless, Lie::Flood] {
        let (mut mesh, liar, stop) = with_liar(lie).await;
        let core = Arc::clone(mesh.node(1).core());
        until("the lie is noticed", async || core.alarms().iter().any(|alarm| alarm.contains("node 2 is left alone")))
            .await;
        let asked = liar.asked.load(Ordering::SeqCst);
        assert!(asked < 20, "asked {asked} times");
        drop(core);
        // Also by whoever was started again meanwhile.
        mesh.stop_node(1).await;
        mesh.start_node(1).await;
        let alarms = mesh.node(1).core().alarms();
        assert!(alarms.iter().any(|alarm| alarm.contains("node 2 is left alone")), "{alarms:?}");
        for node in [1, 3] {
            let core = mesh.node(node).core();
            let head = heads::of_feed(core, &liar.feed).unwrap().unwrap();
            assert_eq!((head.goal.size, head.goal.root), (liar.size, liar.root), "node {node}");
            assert!(core.replicas.forks().all().is_empty());
        }
        stop.cancel();
        mesh.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_node_holds_nobody_up() {
    let (mesh, liar, stop) = with_liar(Lie::Silent).await;
    until("it is asked", async || liar.asked.load(Ordering::SeqCst) > 0).await;
    // Meanwhile the others' feeds go on.
    mesh.publish(1, descriptor(1, "other")).await;
    let core = Arc::clone(mesh.node(3).core());
    let other = FeedId { domain: domain_of(1), epoch: 1 };
    until("another feed is copied", async || size_at(&core, &other) == 1).await;
    assert_eq!(size_at(&core, &liar.feed), 3);
    stop.cancel();
    mesh.stop().await;
}

/// How many reports the ledger has, and how many of them it took.
fn reports(core: &Core) -> (usize, usize) {
    let leaves = core.store.ledger().leaves(0..core.ledger_size(), 10_000).unwrap();
    let outcome = |bytes: Vec<u8>| {
        let leaf = LedgerLeaf::decode(&bytes).unwrap();
        let LeafEntry::Envelope(bytes) = &leaf.entry else { return None };
        let command = Command::decode(Envelope::parse(bytes.clone()).unwrap().payload()).ok()?;
        matches!(command.body, Body::ReportEquivocation(_)).then_some(leaf.outcome.code)
    };
    let outcomes: Vec<Code> = leaves.into_iter().filter_map(|(_, bytes)| outcome(bytes)).collect();
    (outcomes.len(), outcomes.iter().filter(|code| **code == Code::Accepted).count())
}

/// Awaits that these nodes know from the ledger that domain 2 is contained; returns the report.
async fn contained(mesh: &Mesh, nodes: &[u64]) -> Containment {
    let mut found = None;
    for node in nodes {
        let core = Arc::clone(mesh.node(*node).core());
        until("the fork is in the ledger", async || {
            found = read::containment(&core.state, &domain_of(2)).unwrap();
            found.is_some()
        })
        .await;
        let alarms = core.alarms();
        assert!(
            alarms.iter().any(|alarm| alarm.contains("as ledger index") && alarm.contains("domain_2")),
            "{alarms:?}"
        );
        // Nothing of it is served on.
        assert!(heads::of_domain(&core, &domain_of(2)).unwrap().is_empty());
        let from = if *node == 1 { 2 } else { 1 };
        let channels = strangers::channels(&mesh.genesis, &keypair(&format!("node-{from}")), from);
        let address = mesh.node(*node).peer_address().to_string();
        let mut peer = FeedServiceClient::new(channels.channel_at(*node, &address).unwrap());
        let request = FeedRangeRequest {
            mesh_id: mesh.genesis.mesh_id.0.to_vec(),
            from_node_id: from,
            domain: "domain_2".into(),
            epoch: 1,
            from: 0,
            size: 3,
        };
        let refused = MeshError::from(peer.feed_range(request).await.unwrap_err());
        assert_eq!(refused.code, Code::FeedForked, "{refused}");
    }
    found.unwrap()
}

/// The domain's root says that the history of this head stands, and that node `to` goes on.
async fn resolve(mesh: &Mesh, through: u64, report: &Containment, head: (u64, Hash), to: u64) -> Result<(), Code> {
    let body = Body::ResolveEquivocation(ResolveEquivocation {
        domain: domain_of(2),
        report: report.index,
        head_size: head.0,
        head_root: Digest(*head.1.as_bytes()),
        node_id: to,
        epoch: 2,
        reason: "the other one was never ours".into(),
    });
    let envelope = mesh.builder().sign(body, &[&keypair("root-2")]).unwrap();
    let index = mesh.client(through).submit(&envelope).await.map_err(|error| error.code)?.ledger_index.unwrap();
    for node in mesh.nodes.iter().flatten() {
        assert!(node.core().wait_applied(index, DEADLINE).await);
    }
    Ok(())
}

async fn a_lying_home_is_contained_and_its_domain_goes_on(lie: u64) {
    let (mut mesh, liar, stop) = with_liar(Lie::Fork(lie)).await;
    let report = contained(&mesh, &[1, 3]).await;
    let other = (lie, Digest(*made_up(lie).0.as_bytes()));
    let honest = (3, Digest(*liar.root.as_bytes()));
    assert!(report.heads.contains(&other) && report.heads.contains(&honest), "{report:?}");
    for node in [1, 3] {
        for proof in mesh.node(node).core().replicas.forks().all() {
            proof.verify(&liar.mesh).unwrap();
        }
    }
    // It is remembered, and not reported again and again.
    mesh.stop_node(3).await;
    mesh.start_node(3).await;
    assert_eq!(forked(mesh.node(3).core(), &liar.feed.domain).unwrap(), Some(1));
    let (all, taken) = reports(mesh.node(1).core());
    assert!(taken == 1 && all <= 2, "{taken} of {all} reports");

    stop.cancel();
    // A history that nobody signed stands for nothing.
    let never = made_up(3 + lie).0;
    assert_eq!(resolve(&mesh, 1, &report, (4, never), 1).await, Err(Code::BadBase));
    resolve(&mesh, 3, &report, (3, liar.root), 1).await.unwrap();
    mesh.publish(3, descriptor(2, "after")).await;
    for node in [1, 3] {
        let core = Arc::clone(mesh.node(node).core());
        assert_eq!(forked(&core, &liar.feed.domain).unwrap(), None, "node {node}");
        until("the alarm is over", async || !core.alarms().iter().any(|alarm| alarm.contains("two histories"))).await;
        let next = FeedId { domain: domain_of(2), epoch: 2 };
        until("the next epoch is copied", async || size_at(&core, &next) == 1).await;
        assert_eq!(size_at(&core, &liar.feed), 3);
    }
    // The honest machine of the home comes back: it has the one history, and writes no more.
    mesh.start_node(2).await;
    let client = mesh.client(2);
    until("it is told", async || {
        let view = client.product("domain_2/after", mesh_client::Read::default()).await;
        view.is_ok_and(|view| !view.pending)
    })
    .await;
    mesh.publish(2, descriptor(2, "later")).await;
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_home_that_signs_two_heads_of_one_size_is_contained_until_its_root_resolves_it() {
    a_lying_home_is_contained_and_its_domain_goes_on(3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_home_that_signs_a_smaller_head_of_another_history_is_contained_until_its_root_resolves_it() {
    a_lying_home_is_contained_and_its_domain_goes_on(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_home_that_signs_a_larger_head_of_another_history_is_contained_until_its_root_resolves_it() {
    a_lying_home_is_contained_and_its_domain_goes_on(5).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_home_whose_key_is_used_elsewhere_stops_reports_it_and_goes_on_in_the_next_epoch() {
    let (mesh, liar, stop) = with_liar_at(3, Lie::Fork(2)).await;
    let report = contained(&mesh, &[1, 2]).await;
    let core = Arc::clone(mesh.node(2).core());
    // Nothing is taken meanwhile, wherever it is sent.
    for through in [1, 2] {
        let outgoing = mesh.publish_command(descriptor(2, "meanwhile"), None);
        let error = mesh.client(through).publish(&outgoing, WaitLevel::Local).await.unwrap_err();
        assert!(matches!(error.code, Code::FeedContained | Code::ReadOnly), "{error}");
        assert!(error.message.contains("nothing happened") || error.code == Code::ReadOnly, "{error}");
    }
    mesh.publish(2, descriptor(1, "others_go_on")).await;
    stop.cancel();
    resolve(&mesh, 2, &report, (3, liar.root), 2).await.unwrap();
    mesh.publish(1, descriptor(2, "after")).await;
    until("the alarm is over", async || !core.alarms().iter().any(|alarm| alarm.contains("domain_2"))).await;
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_in_a_contained_feed_is_neither_lost_nor_refused() {
    let mut mesh = Mesh::start_with(|config| config.feeds.pull_ms = 50).await;
    mesh.admit_domains().await;
    mesh.publish(2, descriptor(2, "first")).await;
    let feed = FeedId { domain: domain_of(2), epoch: 1 };
    let honest = heads::of_feed(mesh.node(2).core(), &feed).unwrap().unwrap();
    mesh.stop_node(1).await;
    mesh.stop_node(3).await;
    let waiting = mesh.publish_command(descriptor(2, "waiting"), None);
    mesh.client(2).publish(&waiting, WaitLevel::Local).await.unwrap();
    mesh.stop_node(2).await;
    mesh.start_node(1).await;
    mesh.start_node(3).await;
    let other = FeedHead { feed: feed.clone(), size: 1, root: made_up(1).0, last_leaf: leaf_hash(b"made up") };
    let other = other.sign(&mesh.genesis.mesh_id, &keypair("node-2")).unwrap();
    let node_key = keypair("node-2").public_key();
    let proof = FeedForkProof { feed, node_key, heads: [other, honest.note], bridge: None };
    let body = Body::ReportEquivocation(ReportEquivocation { proof });
    let envelope = mesh.builder().sign(body, &[&keypair("engineer")]).unwrap();
    mesh.client(1).submit(&envelope).await.unwrap();
    mesh.start_node(2).await;
    let report = contained(&mesh, &[1, 3]).await;
    let core = Arc::clone(mesh.node(2).core());
    until("its home knows", async || forked(&core, &domain_of(2)).unwrap().is_some()).await;
    resolve(&mesh, 1, &report, (1, honest.goal.root), 3).await.unwrap();
    until("it is sealed in the next epoch", async || {
        let view = mesh.client(1).product("domain_2/waiting", mesh_client::Read::default()).await;
        view.is_ok_and(|view| !view.pending)
    })
    .await;
    let sealed = mesh.client(2).publish(&waiting, WaitLevel::Sealed).await.unwrap();
    assert_eq!(sealed.reached, WaitLevel::Sealed);
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_of_the_history_that_lost_is_fetched_anew() {
    let mut mesh = Mesh::start_with(|config| config.feeds.pull_ms = 50).await;
    mesh.admit_domains().await;
    mesh.stop_node(3).await;
    for n in 0..3 {
        mesh.publish(2, descriptor(2, &format!("product_{n}"))).await;
    }
    let feed = FeedId { domain: domain_of(2), epoch: 1 };
    let core = Arc::clone(mesh.node(1).core());
    until("the feed is copied", async || size_at(&core, &feed) == 3).await;
    let honest = heads::of_feed(&core, &feed).unwrap().unwrap().goal;
    drop(core);
    let address = mesh.node(2).peer_address();
    mesh.stop_node(2).await;
    mesh.stop_node(1).await;
    let liar = Liar::new(Lie::Other, &mesh, feed.clone(), honest.root);
    let stop = answers(&mesh, 2, address, &liar).await;
    // Alone with the liar, a node believes what the delegated key signed.
    mesh.start_node(3).await;
    let core = Arc::clone(mesh.node(3).core());
    let root_at_3 = || heads::of_feed(&core, &feed).unwrap().map(|head| head.goal.root);
    let (_, other) = other_history(liar.mesh, &feed);
    until("it is copied", async || root_at_3() == Some(other)).await;

    mesh.start_node(1).await;
    let report = contained(&mesh, &[1, 3]).await;
    stop.cancel();
    resolve(&mesh, 1, &report, (3, honest.root), 1).await.unwrap();
    until("the copy is of the history that stands", async || root_at_3() == Some(honest.root)).await;
    mesh.publish(3, descriptor(2, "after")).await;
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_history_that_only_one_copy_was_shown_is_found_out_by_the_ledgers_own_word() {
    let mut mesh = Mesh::start_with(|config| config.feeds.pull_ms = 50).await;
    mesh.admit_domains().await;
    // Node 1 keeps no copies: nobody but the ledger has the honest history when node 2 is gone.
    mesh.stop_node(1).await;
    mesh.tune(1, |config| config.feeds.copies = 0);
    mesh.start_node(1).await;
    mesh.stop_node(3).await;
    for n in 0..3 {
        mesh.publish(2, descriptor(2, &format!("product_{n}"))).await;
    }
    let feed = FeedId { domain: domain_of(2), epoch: 1 };
    let honest = heads::of_feed(mesh.node(2).core(), &feed).unwrap().unwrap().goal;
    assert_eq!(size_at(mesh.node(1).core(), &feed), 0);
    let address = mesh.node(2).peer_address();
    mesh.stop_node(2).await;
    mesh.stop_node(1).await;
    let liar = Liar::new(Lie::Other, &mesh, feed.clone(), honest.root);
    let stop = answers(&mesh, 2, address, &liar).await;
    mesh.start_node(3).await;
    let core = Arc::clone(mesh.node(3).core());
    let (_, other) = other_history(liar.mesh, &feed);
    until("it is copied", async || heads::of_feed(&core, &feed).unwrap().is_some_and(|head| head.goal.root == other))
        .await;
    mesh.start_node(1).await;
    let report = contained(&mesh, &[1, 3]).await;
    let roots = [honest.root, other].map(|root| (3, Digest(*root.as_bytes())));
    assert!(roots.iter().all(|head| report.heads.contains(head)), "{report:?}");
    stop.cancel();
    mesh.stop().await;
}
