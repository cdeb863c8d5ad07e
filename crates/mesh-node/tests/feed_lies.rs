//! Claims about nodes that lie about feeds: a program of the test answers at the address of a node that was stopped.

#![allow(clippy::unwrap_used)]

mod support;

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::Stream;
use mesh_event::{FeedHead, FeedId, Keypair};
use mesh_model::MeshId;
use mesh_node::core::Core;
use mesh_node::replicas::heads;
use mesh_proto::v1::feed_service_server::{FeedService, FeedServiceServer};
use mesh_proto::v1::{
    FeedAttachmentRequest, FeedAttachmentResponse, FeedConsistencyRequest, FeedConsistencyResponse, FeedHeadsRequest,
    FeedHeadsResponse, FeedPlace, FeedRangeRequest, FeedRangeResponse, SignedFeedHead,
};
use mesh_tlog::{Frontier, Hash, leaf_hash};
use support::{Mesh, descriptor, domain_of, keypair, strangers};
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
    /// Another history of the feed, by the writer's own key.
    Fork,
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
    fn head(&self, size: u64, root: Hash, key: &Keypair) -> SignedFeedHead {
        let head = FeedHead { feed: self.feed.clone(), size, root, last_leaf: leaf_hash(b"made up") };
        let (domain, epoch) = (self.feed.domain.to_string(), self.feed.epoch);
        let place = Some(FeedPlace { domain, epoch, size, root: root.as_bytes().to_vec() });
        SignedFeedHead { place, note: head.sign(&self.mesh, key).unwrap() }
    }
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
        let mut made_up = Frontier::new();
        for n in 0..self.size + 3 {
            made_up.append(leaf_hash(&n.to_be_bytes()));
        }
        let longer = (self.size + 3, made_up.root());
        let (heads, next_domain) = match self.lie {
            Lie::Unsigned => (vec![self.head(longer.0, longer.1, &keypair("stranger"))], String::new()),
            Lie::Unproved | Lie::Silent | Lie::Empty => {
                (vec![self.head(longer.0, longer.1, &self.writer)], String::new())
            }
            Lie::Endless => (Vec::new(), request.domains[0].clone()),
            Lie::Flood => (vec![self.head(self.size, self.root, &self.writer); 5_000], String::new()),
            Lie::Fork => {
                let mut other = Frontier::new();
                for n in 0..self.size {
                    other.append(leaf_hash(&n.to_be_bytes()));
                }
                (vec![self.head(self.size, other.root(), &self.writer)], String::new())
            }
        };
        Ok(Response::new(FeedHeadsResponse { heads, next_domain }))
    }

    async fn feed_range(&self, _: Request<FeedRangeRequest>) -> Result<Response<Self::FeedRangeStream>, Status> {
        let answer: Answers<FeedRangeResponse> = match self.lie {
            Lie::Silent => Box::pin(futures::stream::pending()),
            Lie::Empty => Box::pin(futures::stream::empty()),
            _ => {
                let garbage = FeedRangeResponse { events: vec![vec![7; 500]; 3], proof: vec![vec![1; 32]] };
                Box::pin(futures::stream::repeat_with(move || Ok(garbage.clone())))
            }
        };
        Ok(Response::new(answer))
    }

    async fn feed_consistency(
        &self,
        _: Request<FeedConsistencyRequest>,
    ) -> Result<Response<FeedConsistencyResponse>, Status> {
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
    let address: SocketAddr = mesh.node(2).peer_address();
    mesh.stop_node(2).await;
    let liar = Liar {
        lie,
        mesh: mesh.genesis.mesh_id,
        feed,
        size: 3,
        root,
        writer: Arc::new(keypair("node-2")),
        asked: Arc::default(),
    };
    let stop = CancellationToken::new();
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    // With the node's own key: whoever lies is a member.
    let transport = strangers::transport(&mesh.genesis, &liar.writer, 2);
    let limits = mesh_node::config::PeerSection::default().door_limits();
    let incoming = mesh_node::transport::receive(transport, listener, limits, stop.clone());
    let served = tonic::transport::Server::builder()
        .add_service(FeedServiceServer::new(liar.clone()))
        .serve_with_incoming_shutdown(incoming, stop.clone().cancelled_owned());
    drop(tokio::spawn(served));
    (mesh, liar, stop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_lies_about_a_feed_is_left_alone_and_nothing_of_it_is_kept() {
    for lie in [Lie::Unsigned, Lie::Unproved, Lie::Empty, Lie::Endless, Lie::Flood] {
        let (mesh, liar, stop) = with_liar(lie).await;
        let core = Arc::clone(mesh.node(1).core());
        until("the lie is noticed", async || core.alarms().iter().any(|alarm| alarm.contains("node 2 is left alone")))
            .await;
        let asked = liar.asked.load(Ordering::SeqCst);
        assert!(asked < 20, "asked {asked} times");
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_that_signs_two_histories_is_proved_shown_and_contained() {
    let (mut mesh, liar, stop) = with_liar(Lie::Fork).await;
    for node in [1, 3] {
        let core = Arc::clone(mesh.node(node).core());
        until("the fork is found", async || core.replicas.forks().is_forked(&liar.feed.domain)).await;
        assert!(core.alarms().iter().any(|alarm| alarm.contains("signed in two histories")), "{:?}", core.alarms());
        // Nothing of it is served on.
        assert!(heads::of_domain(&core, &liar.feed.domain).unwrap().is_empty());
        for fork in core.replicas.forks().all() {
            fork.verify(&liar.mesh).unwrap();
        }
    }
    // It is remembered.
    mesh.stop_node(3).await;
    mesh.start_node(3).await;
    assert!(mesh.node(3).core().replicas.forks().is_forked(&liar.feed.domain));
    stop.cancel();
    mesh.stop().await;
}
