//! The ledger of a node outside Raft: leaves that others decided, decided again.

use std::sync::Arc;
use std::time::Duration;

use mesh_governance::{Effect, Verify, read};
use mesh_model::{LedgerIndex, UnixMs};
use mesh_store::Store;
use mesh_tlog::{CheckError, Hash, check_consistency, leaf_hash};
use mesh_verify::{Checked, Fault, Found, Groups, Rules};
use tokio::sync::{broadcast, watch};

use crate::applied::{Applied, LedgerEnd};
use crate::applier::{Applier, Run, SharedApplier, locked};
use crate::contact::Contact;
use crate::other_history::{OtherHistory, check_history};
use crate::state_machine::{ApplyError, SharedJudge, SharedVerify};
use crate::store_state::{StateError, StoreState};

/// Leaves from which on their signatures are checked ahead.
const AHEAD: usize = 64;

/// Why leaves of another node were not taken. Nothing was applied, but for [`TailError::NeedsProtocol`].
#[derive(Debug, thiserror::Error)]
pub enum TailError {
    /// This node gets its entries from Raft now.
    #[error("this node receives Raft's entries and tails nobody")]
    FollowsRaft,
    /// A snapshot is coming in.
    #[error("a snapshot is coming in")]
    Busy,
    /// Leaves from elsewhere.
    #[error("expected leaves from {expected} on, found some from {found} on")]
    Order {
        /// The first that is lacking.
        expected: LedgerIndex,
        /// The first that came.
        found: LedgerIndex,
    },
    /// They are not what the checkpoint covers.
    #[error("leaves {first} to {last} are not in the ledger of the checkpoint: {source}")]
    NotInCheckpoint {
        /// The first.
        first: LedgerIndex,
        /// The last.
        last: LedgerIndex,
        /// Why.
        source: CheckError,
    },
    /// A counting checkpoint covers them, and this node's rules give something else.
    #[error("{0}")]
    Diverges(#[from] Fault),
    /// The rules behind the leaves that are here are newer than those that this node knows. Leaves before that were applied.
    #[error("the protocol in force is version {version}; this node knows 1 to {known}: update it")]
    NeedsProtocol {
        /// In force.
        version: u32,
        /// The newest that is known.
        known: u32,
    },
    /// The council went on from another history than this node's.
    #[error(transparent)]
    OtherHistory(#[from] OtherHistory),
    /// The store failed.
    #[error("{0}")]
    Store(String),
}

impl From<ApplyError> for TailError {
    fn from(error: ApplyError) -> Self {
        Self::Store(error.to_string())
    }
}

/// Root and size of a checkpoint that counts: who says so is the caller's business.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// Leaves that it covers.
    pub size: u64,
    /// Their root.
    pub root: Hash,
}

/// Takes leaves that a counting checkpoint covers, and nothing else: each is decided again by the rules of this node, and has to come
/// out byte for byte.
///
/// It has a say until Raft sends a first entry or snapshot to this node; from then on, for good, Raft has.
#[derive(Clone)]
pub struct LedgerTail {
    applier: SharedApplier,
    state: StoreState,
    end: watch::Receiver<LedgerEnd>,
    verify: SharedVerify,
    judge: SharedJudge,
    contact: Arc<Contact>,
}

impl LedgerTail {
    /// A tail without a node, for who is not admitted yet.
    ///
    /// # Errors
    /// When ledger and state can't be read.
    pub fn open(store: Arc<Store>, verify: SharedVerify, judge: SharedJudge) -> Result<Self, TailError> {
        let applier = Applier::open(store)?.shared();
        Ok(Self::over(applier, verify, judge, Arc::new(Contact::new())))
    }

    pub(crate) fn over(
        applier: SharedApplier,
        verify: SharedVerify,
        judge: SharedJudge,
        contact: Arc<Contact>,
    ) -> Self {
        let (state, end) = {
            let applier = locked(&applier);
            (applier.machine().state.clone(), applier.announcer().watch_end())
        };
        Self { applier, state, end, verify, judge, contact }
    }

    /// The applied state.
    pub fn state(&self) -> &StoreState {
        &self.state
    }

    /// Where the ledger ends, now and from now on.
    pub fn ledger_end(&self) -> watch::Receiver<LedgerEnd> {
        self.end.clone()
    }

    /// What is applied from now on.
    pub fn applied(&self) -> broadcast::Receiver<Applied> {
        locked(&self.applier).announcer().subscribe()
    }

    /// The first leaf that is lacking.
    pub fn next_index(&self) -> LedgerIndex {
        self.end.borrow().size
    }

    /// The last leaf's stamp.
    pub fn last_stamp(&self) -> UnixMs {
        self.end.borrow().last_stamp
    }

    /// Whether Raft has a say instead.
    pub fn follows_raft(&self) -> bool {
        locked(&self.applier).machine().follows_raft()
    }

    /// Somebody who is up to date was heard: for status.
    pub fn heard(&self) {
        self.contact.heard();
    }

    /// How long ago that was.
    pub fn contact(&self) -> Option<Duration> {
        self.contact.ago()
    }

    /// Returns when nothing is being applied that was begun before.
    pub(crate) fn settle(&self) {
        drop(locked(&self.applier));
    }

    /// Applies leaves from `first` on. `proof`: that the ledger which ends with them is the beginning of the target's (RFC 6962,
    /// section 2.1.2). They end where an entry ended.
    ///
    /// Takes as long as the checks of their signatures do: not for an async task.
    ///
    /// # Errors
    /// [`TailError`]: nothing was applied.
    pub fn append(
        &self,
        first: LedgerIndex,
        leaves: Vec<Vec<u8>>,
        target: Target,
        proof: &[Hash],
    ) -> Result<(), TailError> {
        let mut applier = locked(&self.applier);
        let machine = Arc::clone(applier.machine());
        if machine.follows_raft() {
            return Err(TailError::FollowsRaft);
        }
        if machine.is_importing() {
            return Err(TailError::Busy);
        }
        let mut frontier = applier.ledger().frontier().clone();
        let expected = frontier.size();
        if first != expected {
            return Err(TailError::Order { expected, found: first });
        }
        if leaves.is_empty() {
            return Ok(());
        }
        for leaf in &leaves {
            frontier.append(leaf_hash(leaf));
        }
        check_consistency(proof, frontier.size(), frontier.root(), target.size, target.root)
            .map_err(|source| TailError::NotInCheckpoint { first, last: frontier.size() - 1, source })?;
        let found = (first..).zip(leaves).map(|(index, leaf)| Found::decode(index, leaf));
        let found = found.collect::<Result<Vec<_>, _>>()?;
        let known = self.verify.newest_protocol();
        let mut too_new =
            read::needs_protocol(&self.state, known).map_err(|error| TailError::Store(error.to_string()))?;
        let ahead = self.checked_ahead(&found)?;
        let verify = ahead.as_ref().map_or(&*self.verify as &dyn Verify, |checked| checked);
        let rules = Rules { verify, judge: &*self.judge };
        let mut run = Run::new(&self.state);
        let mut groups = Groups::default();
        let mut complete = Vec::new();
        for leaf in found {
            complete.extend(groups.push(leaf));
        }
        complete.extend(groups.finish());
        let mut is_stopped = false;
        for group in complete {
            // What stands behind the switch is not for this node to decide; what stands before it is.
            is_stopped = too_new.is_some();
            if is_stopped {
                break;
            }
            for applied in rules.group(run.state(), &group)? {
                check_history(&applied, applier.ledger().frontier(), run.leaves())?;
                let newest = applied.effects.iter().find_map(|effect| match effect {
                    Effect::ProtocolSet { version } => Some(*version),
                    _ => None,
                });
                too_new = too_new.or(newest.filter(|version| *version > known));
                run.push(applied);
            }
        }
        applier.commit(run, None).map_err(|error| TailError::Store(error.to_string()))?;
        match too_new.filter(|_| is_stopped) {
            Some(version) => Err(TailError::NeedsProtocol { version, known }),
            None => Ok(()),
        }
    }

    /// Checks the signatures of many leaves on all cores, before the rules ask for them one by one: that is what catching up takes. Of a
    /// few leaves, most were checked when they passed through this node; then nothing is done ahead.
    fn checked_ahead(&self, found: &[Found]) -> Result<Option<Checked>, TailError> {
        if found.len() < AHEAD {
            return Ok(None);
        }
        let unreadable = |error: StateError| TailError::Store(error.to_string());
        let Some(mesh) = read::mesh(&self.state).map_err(unreadable)? else { return Ok(None) };
        let nodes = read::nodes(&self.state).map_err(unreadable)?;
        let keys: Vec<_> = nodes.iter().map(|node| node.record.key).collect();
        let leaves: Vec<_> = found.iter().map(|found| found.leaf().clone()).collect();
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let checked = Checked::ahead(&leaves, &mesh.mesh_id, &keys, threads);
        Ok(Some(checked.held_at(self.verify.newest_protocol())))
    }
}
