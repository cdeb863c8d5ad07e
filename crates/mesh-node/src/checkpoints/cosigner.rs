//! A voter's hand.

use std::sync::Arc;
use std::time::Duration;

use mesh_event::Keypair;
use mesh_event::checkpoint::{ledger_checkpoint, vouch};
use mesh_event::voters::VoterSet;
use mesh_model::{Code, NodeId};
use mesh_proto::status::MeshError;
use mesh_store::{Batch, HeadWrite, Store};
use mesh_tlog::{Checkpoint, Hash, NoteSignature};
use tokio::sync::Mutex;

use super::keeper::voters_in_force;
use crate::clock::now_unix_ms;
use crate::node::{Core, storage_error};

/// Size and root of the largest checkpoint that was cosigned: guarded, so that a loss is noticed.
const RECORD: &str = "cosigner";
/// How long leaves that are on their way are waited for.
const SOON: Duration = Duration::from_millis(500);

/// Signs and cosigns checkpoints of the own applied ledger, larger ones after smaller ones only.
pub struct Cosigner {
    id: NodeId,
    log: Keypair,
    cosigning: Keypair,
    store: Arc<Store>,
    /// One at a time: what is persisted is what is signed.
    turn: Mutex<()>,
}

fn refused(code: Code, text: impl Into<String>) -> MeshError {
    MeshError::new(code, text.into())
}

impl Cosigner {
    /// The hand of the voter with these keys.
    pub fn new(id: NodeId, log: Keypair, cosigning: Keypair, store: Arc<Store>) -> Self {
        Self { id, log, cosigning, store, turn: Mutex::new(()) }
    }

    /// Its two lines under a checkpoint, if the own ledger says the same.
    ///
    /// # Errors
    /// [`Code::Malformed`] for another text, [`Code::NotCaughtUp`] for a size that is not applied, [`Code::BadArgument`]
    /// where the own ledger, or the voters in force, are others; nothing was signed.
    pub async fn cosign(&self, core: &Core, text: &str) -> Result<[NoteSignature; 2], MeshError> {
        let checkpoint: Checkpoint = text.parse().map_err(|error| refused(Code::Malformed, format!("{error}")))?;
        core.checkpoints.check_no_fork()?;
        if let Some(why) = self.store.lost_authority().map_err(|error| storage_error(&error))? {
            return Err(refused(Code::ReadOnly, format!("this node cosigns nothing: {why}")));
        }
        let size = checkpoint.size();
        // The leader is a moment ahead: what it asks for is on its way.
        core.wait_applied(size.saturating_sub(1), SOON).await;
        let applied = core.ledger_size();
        if size == 0 || size > applied {
            return Err(refused(
                Code::NotCaughtUp,
                format!("the checkpoint has {size} leaves; {applied} are applied here"),
            ));
        }
        let root = root_at(core, size)?;
        let handover = self.handover(core)?;
        // Compared as a whole: origin, size, root and voters are what this node itself would write.
        let own = ledger_checkpoint(&core.mesh_id, size, root, handover.as_ref())
            .map_err(|error| refused(Code::Internal, error.to_string()))?;
        if own != checkpoint {
            let why = if checkpoint.root() == root { "names other voters" } else { "has another root" };
            return Err(refused(
                Code::BadArgument,
                format!("the checkpoint of {size} leaves {why} than this node knows"),
            ));
        }
        let turn = self.turn.lock().await;
        self.promise(core, size, root).await?;
        drop(turn);
        let lines = vouch(&core.mesh_id, self.id, &checkpoint, now_unix_ms() / 1000, &self.log, &self.cosigning);
        lines.map_err(|error| refused(Code::Internal, error.to_string()))
    }

    /// The voters in force, where they are others than those whose majority made the last checkpoint count.
    fn handover(&self, core: &Core) -> Result<Option<VoterSet>, MeshError> {
        let voters = voters_in_force(&core.state).map_err(|error| core.state_error(&error))?;
        let voters = voters.ok_or_else(|| refused(Code::GenesisFirst, "no voters are in force"))?;
        let trust = core.checkpoints.trust();
        if voters.get(self.id).is_none() && trust.voters().get(self.id).is_none() {
            return Err(refused(Code::BadVoters, format!("node {} is no voter", self.id)));
        }
        Ok((voters != *trust.voters()).then_some(voters))
    }

    /// Persists what is about to be signed, before it is.
    async fn promise(&self, core: &Core, size: u64, root: Hash) -> Result<(), MeshError> {
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
            if before == size {
                return Ok(());
            }
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
            Ok(Ok(())) => Ok(()),
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
