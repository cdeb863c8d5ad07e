//! What the other parts of the node ask of gossip, and see of it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};

use mesh_gossip::{HeardHead, PullAnswer, PullRequest, Push, SignedHead};
use mesh_model::{DomainName, NodeId};
use mesh_tlog::Hash;
use tokio::sync::{mpsc, oneshot, watch};

use super::view::GossipView;

/// Questions that may wait for the machine; whoever asks more waits.
const QUEUE: usize = 1_024;

/// Something for the machine.
#[derive(Debug)]
pub enum Ask {
    /// A feed that is written here has a new durable head.
    AnnounceHead(SignedHead),
    /// A checkpoint was judged good and is kept.
    AnnounceCheckpoint {
        /// How many leaves it covers.
        size: u64,
        /// The root over them.
        root: Hash,
        /// The note.
        note: Vec<u8>,
    },
    /// Another node compares heads.
    Pull {
        /// Its question.
        request: PullRequest,
        /// Takes the answer; `None` for a question that is none.
        answer: oneshot::Sender<Option<PullAnswer>>,
    },
    /// Another node shows heads.
    Push {
        /// Who.
        peer: NodeId,
        /// Which.
        push: Push,
    },
    /// What a node answered to a comparison; `None` when it did not.
    PullAnswered {
        /// Who.
        peer: NodeId,
        /// What.
        answer: Option<PullAnswer>,
    },
    /// Where a node may be.
    Hint {
        /// Which.
        node: NodeId,
        /// Where.
        address: SocketAddr,
    },
}

/// The newest verified head of each feed that was heard of, and a count that grows with each.
pub(super) struct Heard {
    heads: RwLock<BTreeMap<DomainName, HeardHead>>,
    changes: watch::Sender<u64>,
}

impl Heard {
    pub(super) fn take(&self, head: HeardHead) {
        let mut heads = self.heads.write().unwrap_or_else(PoisonError::into_inner);
        heads.insert(head.head.feed.domain.clone(), head);
        self.changes.send_modify(|changes| *changes += 1);
    }
}

/// Gossip, for everybody but the task that owns the machine.
#[derive(Clone)]
pub struct GossipHandle {
    asks: mpsc::Sender<Ask>,
    view: watch::Receiver<GossipView>,
    heard: Arc<Heard>,
}

/// The other end: what the owner of the machine takes and tells.
pub struct GossipEnds {
    pub(super) asks: mpsc::Receiver<Ask>,
    pub(super) view: watch::Sender<GossipView>,
    pub(super) heard: Arc<Heard>,
}

impl GossipHandle {
    /// A handle and its other end.
    pub fn new() -> (Self, GossipEnds) {
        let (asks, asked) = mpsc::channel(QUEUE);
        let (tell, view) = watch::channel(GossipView::default());
        let heard = Arc::new(Heard { heads: RwLock::default(), changes: watch::Sender::new(0) });
        let ends = GossipEnds { asks: asked, view: tell, heard: Arc::clone(&heard) };
        (Self { asks, view, heard }, ends)
    }

    /// Hands something to the machine, waiting while its queue is full. Returns whether it was taken: not while the node stops.
    pub async fn ask(&self, ask: Ask) -> bool {
        self.asks.send(ask).await.is_ok()
    }

    /// The answer to another node's comparison; `None` for a question that is none, or while the node stops.
    pub async fn pull(&self, request: PullRequest) -> Option<PullAnswer> {
        let (answer, answered) = oneshot::channel();
        self.asks.send(Ask::Pull { request, answer }).await.ok()?;
        answered.await.ok()?
    }

    /// What gossip knows of nodes.
    pub fn view(&self) -> GossipView {
        self.view.borrow().clone()
    }

    /// What an operator has to know.
    pub fn alarms(&self, own: NodeId) -> Vec<String> {
        self.view.borrow().alarms(own)
    }

    /// Follows it.
    pub fn follow_view(&self) -> watch::Receiver<GossipView> {
        self.view.clone()
    }

    /// The newest head of a domain's feed that its writer is known to have signed, and who told of it.
    pub fn heard_head(&self, domain: &DomainName) -> Option<HeardHead> {
        self.heard.heads.read().unwrap_or_else(PoisonError::into_inner).get(domain).cloned()
    }

    /// The newest heads of all feeds, by domain.
    pub fn heard_heads(&self) -> Vec<HeardHead> {
        self.heard.heads.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Changes whenever a newer head was heard of.
    pub fn follow_heads(&self) -> watch::Receiver<u64> {
        self.heard.changes.subscribe()
    }
}
