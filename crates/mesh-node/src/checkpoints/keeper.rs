//! Judges checkpoints by the own ledger and the voters' signatures, and keeps what follows from it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mesh_event::checkpoint::{Counted, LedgerCheckpoint, LedgerCheckpointError, Trust};
use mesh_event::genesis::SealedGenesis;
use mesh_event::voters::VoterSet;
use mesh_governance::{StateRead, read};
use mesh_model::{Code, Digest, MeshId, NodeId};
use mesh_proto::status::MeshError;
use mesh_raft::{StateError, StoreState};
use mesh_store::{Batch, MerkleLog, Store};
use mesh_tlog::{ProveError, prove_consistency};
use mesh_verify::{Bridge, ForkProof};
use tokio::sync::watch;
use tracing::{error, info, warn};

use super::fork::Fork;
use super::kept::Kept;
use crate::node::storage_error;

/// What came of a checkpoint that was heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// The own ledger agrees, and it counts; it is the newest now unless `is_newest` is false.
    Agrees {
        /// Whether it is kept as the newest.
        is_newest: bool,
    },
    /// It counts, and the own ledger is not that far yet.
    Ahead,
    /// Too few vouch for it to count. The own ledger agrees, or is not that far yet.
    Unvouched {
        /// Why it does not count.
        why: String,
    },
    /// The own ledger has another root there, and too few vouch for it to count: these voters signed what is not so.
    FalseHead {
        /// Who, ascending; empty where nobody known signed.
        voters: Vec<NodeId>,
    },
    /// It counts and contradicts the own ledger.
    Fork,
    /// The same, and the council has said that it is not the mesh's history.
    Refused,
}

/// Keeps the newest checkpoint that counts, and every sign that something is wrong.
pub struct Keeper {
    mesh: MeshId,
    genesis: Vec<u8>,
    /// Where proofs of forks are written.
    folder: PathBuf,
    store: Arc<Store>,
    state: StoreState,
    ledger: MerkleLog,
    kept: Mutex<Kept>,
    /// How many leaves the newest checkpoint covers.
    covered: watch::Sender<u64>,
}

/// The voters that a state has in force; `None` before Genesis, and where its nodes can't be a mesh's voters.
///
/// # Errors
/// When the state can't be read.
pub fn voters_in_force<S: StateRead>(state: &S) -> Result<Option<VoterSet>, S::Error> {
    let mut records = Vec::new();
    for id in read::mesh(state)?.map(|mesh| mesh.voters).unwrap_or_default() {
        records.extend(read::node(state, id)?.map(|node| node.record));
    }
    Ok(VoterSet::of_records(&records).ok())
}

fn unreadable(error: &StateError) -> MeshError {
    MeshError::new(Code::Damaged, error.to_string())
}

impl Keeper {
    /// Goes on with what was kept.
    ///
    /// # Errors
    /// [`Code::StorageFailed`] when that can't be read.
    pub fn open(
        genesis: &SealedGenesis,
        store: Arc<Store>,
        state: StoreState,
        folder: PathBuf,
    ) -> Result<Self, MeshError> {
        let first = VoterSet::of_genesis(&genesis.document)
            .map_err(|error| MeshError::new(Code::Config, format!("the genesis has no voters: {error}")))?;
        let kept = Kept::load(&store.meta(), genesis.mesh_id, &first).map_err(|error| storage_error(&error))?;
        let covered = watch::Sender::new(kept.last.as_ref().map_or(0, |(last, _)| last.size()));
        let ledger = store.ledger();
        let (mesh, genesis) = (genesis.mesh_id, genesis.envelope.bytes().to_vec());
        Ok(Self { mesh, genesis, folder, store, state, ledger, kept: Mutex::new(kept), covered })
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest checkpoint that counts and that the own ledger agrees with.
    pub fn last(&self) -> Option<(LedgerCheckpoint, Counted)> {
        self.kept().last.clone()
    }

    /// Notes of all changes of voters so far, by size.
    pub fn handovers(&self) -> Vec<Vec<u8>> {
        self.kept().handovers.clone()
    }

    /// Whose majority makes the next checkpoint count.
    pub fn trust(&self) -> Trust {
        self.kept().trust().clone()
    }

    /// The exact founding envelope.
    pub fn genesis(&self) -> &[u8] {
        &self.genesis
    }

    /// How many leaves the newest checkpoint covers, now and from now on.
    pub fn covered(&self) -> watch::Receiver<u64> {
        self.covered.subscribe()
    }

    /// Waits until a checkpoint covers the leaf; returns whether one does.
    pub async fn wait_covered(&self, index: u64, within: Duration) -> bool {
        let mut covered = self.covered.subscribe();
        tokio::time::timeout(within, covered.wait_for(|size| *size > index)).await.is_ok_and(|found| found.is_ok())
    }

    /// How old what this node shows may be: its clock minus the time that a majority had reached when they cosigned the newest
    /// checkpoint. `None` before the first.
    pub fn age(&self, now_unix_ms: u64) -> Option<Duration> {
        let kept = self.kept();
        let (_, counted) = kept.last.as_ref()?;
        Some(Duration::from_millis(now_unix_ms.saturating_sub(counted.time_unix_s.saturating_mul(1000))))
    }

    /// The fork that stands.
    pub fn fork(&self) -> Option<Fork> {
        self.kept().fork.clone()
    }

    /// Whether commands may be taken.
    ///
    /// # Errors
    /// [`Code::Forked`].
    pub fn check_no_fork(&self) -> Result<(), MeshError> {
        let kept = self.kept();
        if let Some(fork) = &kept.fork {
            let path = fork.path(&self.folder);
            let text = format!(
                "a majority of voters signed two histories ({}); only the council's decision about it is taken; nothing happened",
                path.display()
            );
            return Err(MeshError::new(Code::Forked, text));
        }
        if let Some(other) = &kept.contradiction {
            let size = other.size();
            let text = format!(
                "this node's ledger differs from a checkpoint with a majority at {size} leaves, and the proof waits for a larger one; nothing happened"
            );
            return Err(MeshError::new(Code::Forked, text));
        }
        Ok(())
    }

    /// What an operator has to know.
    pub fn alarms(&self) -> Vec<String> {
        let mut alarms = Vec::new();
        if let Err(error) = self.check_no_fork() {
            alarms.push(error.message);
        }
        for voter in self.kept().false_heads.keys() {
            alarms.push(format!(
                "voter {voter} signed a head that is not this ledger's: its word counts for nothing here; the council sets other voters"
            ));
        }
        alarms
    }

    /// Takes a note from wherever it comes, compares it with the own ledger, and keeps what follows.
    ///
    /// # Errors
    /// [`Code::Malformed`] and [`Code::BadSignature`] for what is no note of this mesh's ledger or was altered,
    /// [`Code::StorageFailed`].
    pub fn hear(&self, note: &[u8]) -> Result<Heard, MeshError> {
        let malformed = |error: LedgerCheckpointError| {
            let code = match &error {
                LedgerCheckpointError::Signature { .. } => Code::BadSignature,
                LedgerCheckpointError::Origin { .. } => Code::WrongMesh,
                _ => Code::Malformed,
            };
            MeshError::new(code, format!("the checkpoint: {error}"))
        };
        let found = LedgerCheckpoint::parse(note, &self.mesh).map_err(malformed)?;
        let mut kept = self.kept();
        let trust = kept.trust_at(found.size()).clone();
        let judged = trust.judge(&found);
        if let Err(error @ LedgerCheckpointError::Signature { .. }) = judged {
            return Err(malformed(error));
        }
        let applied = self.ledger.size().map_err(|error| storage_error(&error))?;
        if found.size() > applied {
            return match judged {
                Ok(_) => self.keep_ahead(&mut kept, found),
                Err(error) => Ok(Heard::Unvouched { why: error.to_string() }),
            };
        }
        let own = self.ledger.root_at(found.size()).map_err(|error| storage_error(&error))?;
        match judged {
            Ok(_) if own == found.root() => {
                let disqualified: BTreeSet<NodeId> = kept.false_heads.keys().copied().collect();
                match trust.judge_without(&found, &disqualified) {
                    Ok(counted) => self.agree(&mut kept, found, counted),
                    Err(error) => {
                        Ok(Heard::Unvouched { why: format!("{error}, without voters that signed what is not so") })
                    }
                }
            }
            Ok(_) => self.contradicted(&mut kept, found),
            Err(error) if own == found.root() => Ok(Heard::Unvouched { why: error.to_string() }),
            Err(_) => self.false_head(&mut kept, &found, &trust),
        }
    }

    fn keep_ahead(&self, kept: &mut Kept, found: LedgerCheckpoint) -> Result<Heard, MeshError> {
        if let Some(other) = kept.ahead.clone().filter(|other| other.checkpoint().contradicts(found.checkpoint())) {
            return self.forked(kept, [other, found.clone()], None, &found);
        }
        if kept.ahead.as_ref().is_none_or(|ahead| ahead.size() < found.size()) {
            kept.ahead = Some(found);
        }
        Ok(Heard::Ahead)
    }

    fn agree(&self, kept: &mut Kept, found: LedgerCheckpoint, counted: Counted) -> Result<Heard, MeshError> {
        let at = |counted: &Counted| (counted.size, counted.time_unix_s);
        if kept.last.as_ref().is_some_and(|(_, last)| at(last) >= at(&counted)) {
            return Ok(Heard::Agrees { is_newest: false });
        }
        let meta = self.store.meta();
        let mut batch = Batch::new();
        Kept::put_last(&meta, &mut batch, &found).map_err(|error| storage_error(&error))?;
        if found.handover().is_some() && kept.steps.last().is_none_or(|(size, _)| *size < found.size()) {
            kept.follow(&found);
            kept.put_handovers(&meta, &mut batch).map_err(|error| storage_error(&error))?;
            info!(size = found.size(), voters = %kept.trust().voters(), "other voters vouch for the ledger from here on");
        }
        self.write(batch)?;
        let size = found.size();
        kept.last = Some((found, counted));
        self.covered.send_if_modified(|covered| {
            let grew = *covered < size;
            *covered = size.max(*covered);
            grew
        });
        // Now a proof can be made of what contradicted the ledger beyond the checkpoint before.
        if let Some(other) = kept.contradiction.take_if(|other| other.size() <= size) {
            self.contradicted(kept, other)?;
        }
        Ok(Heard::Agrees { is_newest: true })
    }

    /// The own ledger has another root than a checkpoint that counts.
    fn contradicted(&self, kept: &mut Kept, found: LedgerCheckpoint) -> Result<Heard, MeshError> {
        let refused = read::resolved_fork(&self.state, found.size(), &Digest(*found.root().as_bytes()));
        if refused.map_err(|error| unreadable(&error))?.is_some() {
            return Ok(Heard::Refused);
        }
        let last = kept.last.clone().filter(|(last, _)| last.size() >= found.size());
        let Some((last, _)) = last else {
            error!(size = found.size(), "this node's ledger differs from a checkpoint with a majority");
            kept.contradiction = Some(found);
            return Ok(Heard::Fork);
        };
        if last.size() == found.size() {
            return self.forked(kept, [last, found.clone()], None, &found);
        }
        let (smaller, larger) = (found.size(), last.size());
        let proof = prove_consistency(&self.ledger, smaller, larger).map_err(|error| match error {
            ProveError::Read(error) => storage_error(&error),
            error => MeshError::new(Code::Internal, error.to_string()),
        })?;
        let root = self.ledger.root_at(smaller).map_err(|error| storage_error(&error))?;
        self.forked(kept, [found.clone(), last], Some(Bridge { root, proof }), &found)
    }

    fn forked(
        &self,
        kept: &mut Kept,
        notes: [LedgerCheckpoint; 2],
        bridge: Option<Bridge>,
        refused: &LedgerCheckpoint,
    ) -> Result<Heard, MeshError> {
        if kept.fork.is_some() {
            return Ok(Heard::Fork);
        }
        let notes = notes.map(|note| note.bytes());
        let proof = ForkProof::new(self.mesh, self.genesis.clone(), kept.handovers.clone(), notes, bridge);
        let (refused_size, refused_root) = (refused.size(), refused.root());
        self.stand(kept, Fork { refused_size, refused_root, proof: proof.to_text() })?;
        Ok(Heard::Fork)
    }

    fn stand(&self, kept: &mut Kept, fork: Fork) -> Result<(), MeshError> {
        let mut batch = Batch::new();
        Kept::put_fork(&self.store.meta(), &mut batch, Some(&fork)).map_err(|error| storage_error(&error))?;
        self.write(batch)?;
        let path = fork.path(&self.folder);
        error!(proof = %path.display(), "a majority of voters signed two histories: nothing is accepted until the council decides");
        if let Err(error) = std::fs::write(&path, &fork.proof) {
            warn!(proof = %path.display(), %error, "the proof of the fork is in the store and could not be written to a file");
        }
        kept.fork = Some(fork);
        Ok(())
    }

    /// Takes the proof of a fork that somebody else found.
    ///
    /// # Errors
    /// [`Code::Malformed`] for what is no proof of this mesh.
    pub fn hear_fork(&self, proof: &[u8]) -> Result<(), MeshError> {
        let mut kept = self.kept();
        if kept.fork.is_some() {
            return Ok(());
        }
        let malformed = |error: mesh_verify::Fault| MeshError::new(Code::Malformed, format!("the fork proof: {error}"));
        let parsed = ForkProof::parse(proof).map_err(malformed)?;
        let checked = parsed.verify(Some(&self.mesh)).map_err(malformed)?;
        let applied = self.ledger.size().map_err(|error| storage_error(&error))?;
        let mut refused = None;
        for counted in &checked.checkpoints {
            if counted.size > applied {
                continue;
            }
            let own = self.ledger.root_at(counted.size).map_err(|error| storage_error(&error))?;
            if own != counted.root {
                refused = Some((counted.size, counted.root));
            }
        }
        // Without one that contradicts the own ledger, it is the later one that can't be judged here yet.
        let later = &checked.checkpoints[1];
        let (refused_size, refused_root) = refused.unwrap_or((later.size, later.root));
        let resolved = read::resolved_fork(&self.state, refused_size, &Digest(*refused_root.as_bytes()));
        if resolved.map_err(|error| unreadable(&error))?.is_some() {
            return Ok(());
        }
        self.stand(&mut kept, Fork { refused_size, refused_root, proof: parsed.to_text() })
    }

    fn false_head(&self, kept: &mut Kept, found: &LedgerCheckpoint, trust: &Trust) -> Result<Heard, MeshError> {
        let vouchers = found.vouchers(&self.mesh, trust.voters());
        let voters = vouchers.map_err(|error| MeshError::new(Code::BadSignature, error.to_string()))?.all();
        let note = found.bytes();
        let mut batch = Batch::new();
        for voter in voters.iter().filter(|voter| !kept.false_heads.contains_key(voter)) {
            error!(
                voter,
                size = found.size(),
                "a voter signed a head that is not this ledger's; its word counts for nothing here"
            );
            Kept::put_false_head(&self.store.meta(), &mut batch, *voter, &note)
                .map_err(|error| storage_error(&error))?;
        }
        if !batch.is_empty() {
            self.write(batch)?;
        }
        for voter in &voters {
            kept.false_heads.entry(*voter).or_insert_with(|| note.clone());
        }
        Ok(Heard::FalseHead { voters: voters.into_iter().collect() })
    }

    /// The ledger grew: what was ahead of it can be compared, and a fork may have been resolved.
    ///
    /// # Errors
    /// [`Code::StorageFailed`], [`Code::Damaged`].
    pub fn look_again(&self) -> Result<(), MeshError> {
        let applied = self.ledger.size().map_err(|error| storage_error(&error))?;
        let ahead = self.kept().ahead.take_if(|ahead| ahead.size() <= applied);
        if let Some(ahead) = ahead {
            self.hear(&ahead.bytes())?;
        }
        let mut kept = self.kept();
        let Some(fork) = kept.fork.clone() else { return Ok(()) };
        let refused = Digest(*fork.refused_root.as_bytes());
        let resolved =
            read::resolved_fork(&self.state, fork.refused_size, &refused).map_err(|error| unreadable(&error))?;
        let Some(resolved) = resolved else { return Ok(()) };
        let own = self.ledger.root_at(resolved.size).map_err(|error| storage_error(&error))?;
        if Digest(*own.as_bytes()) != resolved.root {
            error!(index = resolved.index, "the council kept another history than this node's: fetch it from a peer");
            return Ok(());
        }
        info!(index = resolved.index, "the council resolved the fork; this node's history is the mesh's");
        let mut batch = Batch::new();
        Kept::put_fork(&self.store.meta(), &mut batch, None).map_err(|error| storage_error(&error))?;
        self.write(batch)?;
        kept.fork = None;
        Ok(())
    }

    /// In the order of the calls; durable with the next group commit. What a crash loses of it is heard again.
    fn write(&self, batch: Batch) -> Result<(), MeshError> {
        self.store.committer().apply_relaxed_readable(batch).map_err(|error| storage_error(&error))
    }
}
