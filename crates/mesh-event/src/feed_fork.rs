//! Proof that a node signed two histories of one feed. Whoever holds one needs nobody's word for it.

use mesh_model::{Code, MeshId, PublicKey};
use mesh_tlog::{CheckError, Hash, check_consistency};

use crate::event::{FeedHead, FeedId, HeadError};

/// Longest signed head, in bytes. One signature by the node needs about 550.
pub const HEAD_NOTE_BYTES: usize = 1024;
/// Most hashes of a consistency proof: no tree needs more.
pub const BRIDGE_HASHES: usize = 64;

/// The part of a proof between two sizes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedBridge {
    /// The root that the larger head's tree has at the smaller size.
    pub root: Hash,
    /// The consistency proof from there.
    pub proof: Vec<Hash>,
}

/// Two signed heads of one feed. Nothing of it is verified.
///
/// Of one size, two roots are enough. Of two sizes, a consistency proof shows which root the larger tree has at the smaller size, and
/// that is not the one that the smaller head has: a hash function without collisions allows only one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedForkProof {
    /// The feed.
    pub feed: FeedId,
    /// The key that signed both.
    pub node_key: PublicKey,
    /// The notes, by size.
    pub heads: [Vec<u8>; 2],
    /// Where the sizes differ.
    pub bridge: Option<FeedBridge>,
}

/// A proof that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedFeedFork {
    /// The two heads, by size.
    pub heads: [FeedHead; 2],
    /// What the larger one's tree has at the smaller size; the larger one's own root where the sizes are the same.
    pub root_at_smaller: Hash,
}

/// Why a proof does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FeedForkError {
    /// A note over its limit.
    #[error("a head has {0} bytes; at most {HEAD_NOTE_BYTES} are taken")]
    TooLarge(usize),
    /// More hashes than any tree needs.
    #[error("the consistency proof has {0} hashes; at most {BRIDGE_HASHES} are taken")]
    TooLong(usize),
    /// A note is no head of this feed by this key.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// The heads stand in the wrong order, or a bridge is where none belongs, or is missing.
    #[error(
        "the heads have {smaller} and {larger} events, in this order; a root and proof stand between two sizes only"
    )]
    Order {
        /// The first one's size.
        smaller: u64,
        /// The second one's.
        larger: u64,
    },
    /// The larger head's tree has another root at the smaller size.
    #[error("the consistency proof does not hold: {0}")]
    Consistency(CheckError),
    /// Both can be true.
    #[error("the heads do not contradict each other")]
    NoFork,
}

impl FeedForkError {
    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::TooLarge(_) | Self::TooLong(_) => Code::TooLarge,
            Self::Head(error) => error.code(),
            Self::Order { .. } => Code::Malformed,
            Self::Consistency(_) | Self::NoFork => Code::NoFork,
        }
    }
}

impl FeedForkProof {
    /// Verifies that the key signed both heads and that they contradict each other. Whose key it is says the ledger.
    ///
    /// # Errors
    /// [`FeedForkError`].
    pub fn verify(&self, mesh: &MeshId) -> Result<CheckedFeedFork, FeedForkError> {
        if let Some(note) = self.heads.iter().find(|note| note.len() > HEAD_NOTE_BYTES) {
            return Err(FeedForkError::TooLarge(note.len()));
        }
        let head = |note: &[u8]| FeedHead::verify(note, mesh, &self.feed, &self.node_key);
        let (smaller, larger) = (head(&self.heads[0])?, head(&self.heads[1])?);
        let root_at_smaller = match &self.bridge {
            None if smaller.size == larger.size => larger.root,
            Some(bridge) if smaller.size < larger.size => {
                if bridge.proof.len() > BRIDGE_HASHES {
                    return Err(FeedForkError::TooLong(bridge.proof.len()));
                }
                check_consistency(&bridge.proof, smaller.size, bridge.root, larger.size, larger.root)
                    .map_err(FeedForkError::Consistency)?;
                bridge.root
            }
            _ => return Err(FeedForkError::Order { smaller: smaller.size, larger: larger.size }),
        };
        if root_at_smaller == smaller.root {
            return Err(FeedForkError::NoFork);
        }
        Ok(CheckedFeedFork { heads: [smaller, larger], root_at_smaller })
    }
}
