//! A voter's hand.

use std::sync::Arc;
use std::time::Duration;

use mesh_event::Keypair;
use mesh_event::checkpoint::{ledger_checkpoint, vouch};
use mesh_governance::read;
use mesh_model::{Code, NodeId, limits};
use mesh_proto::status::MeshError;
use mesh_store::{Batch, HeadWrite, Store};
use mesh_tlog::{Checkpoint, Hash, NoteSignature};
use tokio::sync::Mutex;

use crate::clock::now_unix_ms;
use crate::core::{Core, storage_error};

/// Size and root of the largest checkpoint that was cosigned: guarded, so that a loss is noticed.
const RECORD: &str = "cosigner";
/// How long leaves that are on their way are waited for.
const SOON: Duration = Duration::from_millis(500);
/// A head is cosigned as the newest known: one that was passed longer ago than clocks may differ is not.
const PASSED_MS: u64 = limits::STAMP_AHEAD_MS;

/// Signs and cosigns checkpoints of the own applied ledger, larger ones after smaller ones only.
pub struct Cosigner {
    id: NodeId,
    log: Keypair,
    cosigning: Keypair,
    store: Arc<Store>,
    /// One at a time: what is durable is what is signed. Holds the size that this process knows to be durable.
    turn: Mutex<Option<u64>>,
}

fn refused(code: Code, text: impl Into<String>) -> MeshError {
    MeshError::new(code, text.into())
}

impl Cosigner {
    /// The hand of the voter with these keys.
    pub fn new(id: NodeId, log: Keypair, cosigning: Keypair, store: Arc<Store>) -> Self {
        Self { id, log, cosigning, store, turn: Mutex::new(None) }
    }

    /// The size of the largest checkpoint that was cosigned with this store.
    ///
    /// # Errors
    /// [`Code::StorageFailed`].
    pub fn promised(store: &Store) -> Result<Option<u64>, MeshError> {
        let record = store.guarded().get(RECORD).map_err(|error| storage_error(&error))?;
        Ok(record.as_deref().and_then(decode).map(|(size, _)| size))
    }

    /// Its two lines under a checkpoint, if the own ledger says the same. Voters in extension lines are those that the own ledger has
    /// in force at that size; whether they need to be named is for the leader to know.
    ///
    /// # Errors
    /// [`Code::Malformed`] for another text, [`Code::NotCaughtUp`] for a size that is not applied, or was passed long ago,
    /// [`Code::BadArgument`] where the own ledger has another root or other voters, [`Code::Forked`], [`Code::ReadOnly`]; nothing was
    /// signed.
    pub async fn cosign(&self, core: &Core, text: &str) -> Result<[NoteSignature; 2], MeshError> {
        let checkpoint: Checkpoint = text.parse().map_err(|error| refused(Code::Malformed, format!("{error}")))?;
        let size = checkpoint.size();
        // The leader is a moment ahead: what it asks for is on its way.
        core.wait_applied(size.saturating_sub(1), SOON).await;
        let mut durable = self.turn.lock().await;
        self.check(core, &checkpoint)?;
        self.promise(core, size, checkpoint.root(), &mut durable).await?;
        let lines = vouch(&core.mesh_id, self.id, &checkpoint, now_unix_ms() / 1000, &self.log, &self.cosigning);
        lines.map_err(|error| refused(Code::Internal, error.to_string()))
    }

    /// Whether the own ledger says the same, and this node may say so.
    fn check(&self, core: &Core, checkpoint: &Checkpoint) -> Result<(), MeshError> {
        core.checkpoints.check_no_fork()?;
        if let Some(why) = self.store.lost_authority().map_err(|error| storage_error(&error))? {
            return Err(refused(Code::ReadOnly, format!("this node cosigns nothing: {why}")));
        }
        if let Some(why) = core.raft.reads_only() {
            return Err(refused(Code::ReadOnly, format!("this node cosigns nothing: {why}")));
        }
        if !read::was_voter(&core.state, self.id).map_err(|error| core.state_error(&error))? {
            return Err(refused(Code::BadVoters, format!("node {} is no voter", self.id)));
        }
        let (size, applied) = (checkpoint.size(), core.ledger_size());
        if size == 0 || size > applied {
            let text = format!("the checkpoint has {size} leaves; {applied} are applied here");
            return Err(refused(Code::NotCaughtUp, text));
        }
        if size < applied {
            let next = read::leaf(&core.state, size).map_err(|error| core.state_error(&error))?;
            let passed = next.map_or(0, |leaf| now_unix_ms().saturating_sub(leaf.stamp_unix_ms));
            if passed > PASSED_MS {
                let text = format!(
                    "the checkpoint has {size} leaves; {applied} are applied here, and that size was passed {passed} ms ago"
                );
                return Err(refused(Code::NotCaughtUp, text));
            }
        }
        let root = root_at(core, size)?;
        let (_, voters) = core.checkpoints.voters_at(size)?;
        // Compared as a whole: origin, size, root and voters are what this node itself would write.
        let own = [None, Some(&voters)].map(|named| ledger_checkpoint(&core.mesh_id, size, root, named));
        if !own.iter().flatten().any(|own| own == checkpoint) {
            let why = if checkpoint.root() == root { "names other voters" } else { "has another root" };
            let text = format!("the checkpoint of {size} leaves {why} than this node knows");
            return Err(refused(Code::BadArgument, text));
        }
        Ok(())
    }

    /// Makes durable what is about to be signed, before it is.
    async fn promise(&self, core: &Core, size: u64, root: Hash, durable: &mut Option<u64>) -> Result<(), MeshError> {
        let guarded = self.store.guarded();
        let before = guarded.get(RECORD).map_err(|error| storage_error(&error))?;
        if let Some((before, promised)) = before.as_deref().and_then(decode) {
            if before > size {
                return Err(refused(Code::NotCaughtUp, format!("a checkpoint of {before} leaves was cosigned before")));
            }
            if root_at(core, before)? != promised {
                tracing::error!(
                    size = before,
                    "this node's ledger is not the one that it cosigned: it cosigns no more"
                );
                return Err(refused(Code::Damaged, format!("this node cosigned another root at {before} leaves")));
            }
        }
        // A request that was given up may have left a record that is not durable yet.
        if *durable == Some(size) {
            return Ok(());
        }
        let mut batch = Batch::new();
        let record = [&size.to_be_bytes()[..], root.as_bytes()].concat();
        guarded.put(&mut batch, RECORD, &record, HeadWrite::Soon).map_err(|error| storage_error(&error))?;
        let (tell, told) = tokio::sync::oneshot::channel();
        self.store.committer().commit(
            batch,
            Box::new(move |result| {
                // Nobody waits any more when the request was given up.
                drop(tell.send(result));
            }),
        );
        match told.await {
            Ok(Ok(())) => {
                *durable = Some(size);
                Ok(())
            }
            Ok(Err(error)) => Err(storage_error(&error)),
            Err(_) => Err(refused(Code::Unavailable, "the node stops")),
        }
    }
}

fn root_at(core: &Core, size: u64) -> Result<Hash, MeshError> {
    core.store.ledger().root_at(size).map_err(|error| storage_error(&error))
}

fn decode(record: &[u8]) -> Option<(u64, Hash)> {
    let (size, root) = record.split_first_chunk()?;
    Some((u64::from_be_bytes(*size), Hash::new(root.try_into().ok()?)))
}
