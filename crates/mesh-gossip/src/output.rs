//! What the machine asks of its shell.

use core::net::SocketAddr;
use core::time::Duration;

use mesh_event::{FeedHead, FeedId};
use mesh_model::NodeId;
use mesh_tlog::Hash;

use crate::identity::{Claim, Identity};
use crate::pull::{PullRequest, Push};

/// What the shell has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send a datagram.
    Send {
        /// Where to.
        to: SocketAddr,
        /// At most [`crate::PACKET_BYTES`].
        bytes: Vec<u8>,
    },
    /// Hand the timer back when its time has come, later if need be, never earlier.
    SetTimer(Timer),
    /// Ask a node over the peer channel; one is under way at a time. What it answers goes to [`crate::Gossip::handle_pull_answer`],
    /// that it does not to [`crate::Gossip::handle_pull_failed`].
    Pull {
        /// Whom.
        peer: NodeId,
        /// What.
        request: PullRequest,
    },
    /// Show a node over the peer channel heads that it lacks. Nobody waits for it.
    Push {
        /// Whom.
        peer: NodeId,
        /// Which.
        push: Push,
    },
    /// Something happened.
    Event(Event),
}

/// Something that the node wants to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A node is up that was not, or that was started again.
    Up {
        /// Which.
        node: NodeId,
        /// Its start.
        generation: u64,
        /// Where it says that it listens.
        address: SocketAddr,
    },
    /// A node does not answer and was given time to defend itself. Nobody is removed by this: only the council does that.
    Down {
        /// Which.
        node: NodeId,
        /// Its start.
        generation: u64,
    },
    /// Somebody could not reach a node, and it has not defended itself yet.
    Suspect {
        /// Which.
        node: NodeId,
    },
    /// It did.
    Cleared {
        /// Which.
        node: NodeId,
    },
    /// A node listens elsewhere than it did, as it or another one says.
    AddressChanged {
        /// Which.
        node: NodeId,
        /// Where now.
        address: SocketAddr,
    },
    /// A node's own word, under its own signature: in which start it is, and where it listens. Once for each that is news.
    Claimed {
        /// Which.
        node: NodeId,
        /// Its word.
        claim: Claim,
    },
    /// A feed grew, by its writer's signature.
    HeadHeard {
        /// To where.
        head: FeedHead,
        /// The exact signed bytes.
        note: Vec<u8>,
        /// Who told of it.
        from: NodeId,
    },
    /// A feed's writer signed two roots of one size: proof of two histories.
    HeadConflict {
        /// Of which feed.
        feed: FeedId,
        /// Of which size.
        size: u64,
        /// The exact signed bytes of both, the one known before first.
        notes: Box<[Vec<u8>; 2]>,
        /// Who showed the other one.
        from: Option<NodeId>,
    },
    /// A node says that it has a newer checkpoint of the ledger. Nothing is known to be true of it.
    CheckpointHint {
        /// Of how many leaves.
        size: u64,
        /// With which root.
        root: Hash,
        /// Who has it.
        from: NodeId,
        /// The note itself, where it was short enough; else it is to be fetched.
        note: Vec<u8>,
    },
    /// Two processes sign with one node's key at the same time: a copied disk, or a stolen key.
    Clone {
        /// Whose key; it may be the own one.
        node: NodeId,
        /// Where the packet that gave it away came from.
        address: SocketAddr,
    },
    /// The others had declared this node down; it is back under a new life.
    Rejoined {
        /// Which.
        life: u32,
    },
}

/// When the machine wants to be called again, and what for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timer {
    /// On the machine's clock.
    pub due: Duration,
    pub(crate) kind: TimerKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TimerKind {
    Swim(foca::Timer<Identity>),
    Round,
    Pull,
    Rejoin,
}
