//! Judges checkpoints by the own ledger and the voters' signatures, and keeps what follows from it.
//!
//! Who votes at a size is what the own ledger says, never what a note says. The handovers are kept beside it for those who have no
//! ledger: a checkpoint is kept as the newest only if it counts for them too, so that receipts of this node verify.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mesh_event::VoterChange;
use mesh_event::checkpoint::{Counted, LedgerCheckpoint, LedgerCheckpointError, Trust};
use mesh_event::genesis::SealedGenesis;
use mesh_event::voters::VoterSet;
use mesh_governance::{ResolvedFork, read};
use mesh_model::{Code, MeshId, NodeId};
use mesh_proto::status::MeshError;
use mesh_raft::{StateError, StoreState};
use mesh_store::{Batch, MerkleLog, Store};
use mesh_tlog::{Hash, ProveError, prove_consistency};
use mesh_verify::{Bridge, ForkProof};
use tokio::sync::watch;
use tracing::{error, info, warn};

use super::brief::Brief;
use super::fork::Fork;
use super::kept::{FalseHead, Kept};
use crate::core::storage_error;

/// What came of a checkpoint that was heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// The own ledger agrees, and it counts; it is the newest now unless `is_newest` is false.
    Agrees {
        /// Whether it is kept as the newest.
        is_newest: bool,
    },
    /// The own ledger is not that far yet.
    Ahead,
    /// The own ledger agrees, and too few vouch for it to count.
    Unvouched {
        /// Why it does not count.
        why: String,
    },
    /// The own ledger says something else there, and too few of those who vote now vouch for it to count: these voters signed what is
    /// not so.
    FalseHead {
        /// Who, ascending; empty where nobody known signed.
        voters: Vec<NodeId>,
    },
    /// It counts and contradicts the own ledger.
    Fork {
        /// Whether it stood before.
        is_known: bool,
    },
    /// The same, and the council has said that it is not the mesh's history.
    Refused,
}

/// Keeps the newest checkpoint that counts, and every sign that something is wrong.
pub struct Keeper {
    mesh: MeshId,
    genesis: Vec<u8>,
    /// The voters of the founding document.
    first: VoterSet,
    /// Where proofs of forks are written.
    folder: PathBuf,
    pub(super) store: Arc<Store>,
    pub(super) state: StoreState,
    pub(super) ledger: MerkleLog,
    kept: Mutex<Kept>,
    brief: watch::Sender<Brief>,
}

pub(super) fn unreadable(error: &StateError) -> MeshError {
    MeshError::new(Code::Damaged, error.to_string())
}

pub(super) fn refuse(error: &LedgerCheckpointError) -> MeshError {
    let code = match error {
        LedgerCheckpointError::Signature { .. } => Code::BadSignature,
        LedgerCheckpointError::Origin { .. } => Code::WrongMesh,
        _ => Code::Malformed,
    };
    MeshError::new(code, format!("the checkpoint: {error}"))
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
        let kept = Kept::load(&store.meta(), genesis.mesh_id, first.clone()).map_err(|error| storage_error(&error))?;
        let brief = watch::Sender::new(Brief::default());
        let ledger = store.ledger();
        let (mesh, genesis) = (genesis.mesh_id, genesis.envelope.bytes().to_vec());
        let kept = Mutex::new(kept);
        let keeper = Self { mesh, genesis, first, folder, store, state, ledger, kept, brief };
        keeper.tell(&keeper.kept());
        Ok(keeper)
    }

    pub(super) fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn tell(&self, kept: &Kept) {
        self.tell_at(kept, None);
    }

    /// The same, with when the newest checkpoint was so for certain.
    fn tell_at(&self, kept: &Kept, fresh: Option<Instant>) {
        let counted = kept.last.as_ref().map(|(_, counted)| counted);
        let (is_forked, is_contradicted) = (kept.fork.is_some(), kept.contradiction.is_some());
        self.brief.send_modify(|brief| {
            brief.newest(counted.map(|counted| (counted.size, counted.time_unix_s)));
            if let Some(at) = fresh {
                brief.heard(at);
            }
            brief.ahead = kept.furthest.as_ref().map_or(0, LedgerCheckpoint::size);
            brief.is_forked = is_forked;
            brief.is_contradicted = is_forked || is_contradicted;
        });
    }

    /// The newest checkpoint was so for certain then. Nobody is woken for it.
    fn refresh(&self, at: Option<Instant>) {
        let Some(at) = at else { return };
        self.brief.send_if_modified(|brief| {
            brief.heard(at);
            false
        });
    }

    /// Somebody says that a checkpoint of this size was the newest for certain at that moment. Nobody is woken for it.
    pub fn hear_newest(&self, size: u64, at: Instant) {
        self.brief.send_if_modified(|brief| {
            brief.was_newest(size, at);
            false
        });
    }

    /// What reads ask.
    pub fn brief(&self) -> Brief {
        *self.brief.borrow()
    }

    /// The same, now and from now on.
    pub fn follow(&self) -> watch::Receiver<Brief> {
        self.brief.subscribe()
    }

    pub(super) fn mesh(&self) -> &MeshId {
        &self.mesh
    }

    pub(super) fn trust(&self) -> Trust {
        self.kept().trust.clone()
    }

    /// The voters of the founding document.
    pub(super) fn first_voters(&self) -> VoterSet {
        self.first.clone()
    }

    /// The newest checkpoint that counts and that the own ledger agrees with.
    pub fn last(&self) -> Option<(LedgerCheckpoint, Counted)> {
        self.kept().last.clone()
    }

    /// All changes of voters so far, by size: exact notes, and what shows recoveries.
    pub fn handovers(&self) -> Vec<Vec<u8>> {
        self.kept().changes.iter().map(VoterChange::bytes).collect()
    }

    /// Who votes as those without the ledger know.
    pub fn followed_voters(&self) -> VoterSet {
        self.kept().trust.newest().1.clone()
    }

    /// Of the voters that are in force since this size, those whose word counts for nothing here.
    pub fn disqualified(&self, since: u64) -> BTreeSet<NodeId> {
        self.kept().disqualified(since)
    }

    /// The exact founding envelope.
    pub fn genesis(&self) -> &[u8] {
        &self.genesis
    }

    /// Waits until a checkpoint covers the leaf; returns whether one does.
    pub async fn wait_covered(&self, index: u64, within: Duration) -> bool {
        let mut brief = self.brief.subscribe();
        tokio::time::timeout(within, brief.wait_for(|brief| brief.size > index)).await.is_ok_and(|found| found.is_ok())
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
        if !self.brief().is_forked {
            return Ok(());
        }
        let path = self.fork().map_or_else(String::new, |fork| fork.path(&self.folder).display().to_string());
        let text = format!(
            "a majority of voters signed two histories ({path}); only what the council decides about it is taken; nothing happened"
        );
        Err(MeshError::new(Code::Forked, text))
    }

    /// What an operator has to know.
    pub fn alarms(&self) -> Vec<String> {
        let mut alarms = Vec::new();
        if let Err(error) = self.check_no_fork() {
            alarms.push(error.message);
        }
        let kept = self.kept();
        if let Some(size) = kept.named_in {
            alarms.push(format!(
                "the council recovered the voters at {size} leaves and named this node: stop it and run `mesh node refound`"
            ));
        }
        if let Some((size, own)) = kept.refused_recovery {
            alarms.push(format!(
                "the council recovered the voters at {size} leaves, and this node has a checkpoint of {own} leaves that counts: it refuses; the council has to name that one"
            ));
        }
        if let Some(other) = &kept.contradiction {
            let size = other.size();
            alarms.push(format!(
                "a majority of voters signed another root of {size} leaves; the proof waits for a checkpoint"
            ));
        }
        let newest = self.ledger.size().ok().and_then(|applied| self.voters_at(applied).ok());
        for voter in newest.map_or_else(BTreeSet::new, |(since, _)| kept.disqualified(since)) {
            alarms.push(format!(
                "voter {voter} signed a head that is not this ledger's: its word counts for nothing here; the council sets other voters"
            ));
        }
        alarms
    }

    /// The voters that the own ledger has in force at a size, with the size from which on.
    ///
    /// # Errors
    /// [`Code::Damaged`] when that can't be read, [`Code::GenesisFirst`] where there are none.
    pub fn voters_at(&self, size: u64) -> Result<(u64, VoterSet), MeshError> {
        let found = read::voters_at(&self.state, size).map_err(|error| unreadable(&error))?;
        let found = found.and_then(|(since, voters)| Some((since, voters.to_set()?)));
        found.ok_or_else(|| MeshError::new(Code::GenesisFirst, format!("no voters are in force at {size} leaves")))
    }

    /// Takes notes from wherever they come, compares them with the own ledger, and keeps what follows. Waits for the disk.
    ///
    /// # Errors
    /// [`Code::Malformed`], [`Code::WrongMesh`] and [`Code::BadSignature`] for what is no note of this mesh's ledger or was altered,
    /// [`Code::StorageFailed`].
    pub fn hear(&self, note: &[u8]) -> Result<Heard, MeshError> {
        self.hear_at(note, None)
    }

    /// The same of a note that the node's own round brought: it covers all that was sealed when the round began.
    ///
    /// # Errors
    /// As [`Self::hear`].
    pub fn hear_at(&self, note: &[u8], at: Option<Instant>) -> Result<Heard, MeshError> {
        let found = LedgerCheckpoint::parse(note, &self.mesh).map_err(|error| refuse(&error))?;
        self.follow_recovery()?;
        let applied = self.ledger.size().map_err(|error| storage_error(&error))?;
        if found.size() > applied {
            return self.hear_ahead(found, applied);
        }
        let own = self.root_at(found.size())?;
        let (since, voters) = self.voters_at(found.size())?;
        let everybody = found.counted_by(&self.mesh, &voters, &BTreeSet::new());
        if let Err(error @ LedgerCheckpointError::Signature { .. }) = &everybody {
            return Err(refuse(error));
        }
        if own == found.root() && found.handover().is_none_or(|named| *named == voters) {
            return self.hear_true(&found, since, &voters, everybody, at);
        }
        let (newest, _) = self.voters_at(applied)?;
        // Whoever voted before the last change can prove what they signed then, and can stop nothing any more.
        let is_present = since == newest;
        if everybody.is_ok() && own != found.root() && is_present {
            // What nobody known signed is no part of a proof.
            let found = found.only_by(&self.mesh, &[&voters]).map_err(|error| refuse(&error.into()))?;
            return self.contradicted(&mut self.kept(), found, &voters);
        }
        self.false_head(&mut self.kept(), &found, &voters, is_present.then_some(newest))
    }

    pub(super) fn root_at(&self, size: u64) -> Result<Hash, MeshError> {
        self.ledger.root_at(size).map_err(|error| storage_error(&error))
    }

    /// Nothing follows from it yet, whoever signed it: what is beyond the own ledger can't be compared.
    fn hear_ahead(&self, found: LedgerCheckpoint, applied: u64) -> Result<Heard, MeshError> {
        let (_, voters) = self.voters_at(applied)?;
        match found.counted_by(&self.mesh, &voters, &BTreeSet::new()) {
            Ok(_) => {
                let mut kept = self.kept();
                if kept.furthest.as_ref().is_none_or(|furthest| furthest.size() < found.size()) {
                    kept.furthest = Some(found.clone());
                    self.tell(&kept);
                }
                if kept.ahead.as_ref().is_none_or(|ahead| ahead.size() > found.size()) {
                    kept.ahead = Some(found);
                }
            }
            Err(error @ LedgerCheckpointError::Signature { .. }) => return Err(refuse(&error)),
            Err(_) => {}
        }
        Ok(Heard::Ahead)
    }

    /// The own ledger says the same. `everybody`: how it counts where nobody is disqualified.
    fn hear_true(
        &self,
        found: &LedgerCheckpoint,
        since: u64,
        voters: &VoterSet,
        everybody: Result<Counted, LedgerCheckpointError>,
        at: Option<Instant>,
    ) -> Result<Heard, MeshError> {
        let unvouched = |error: &LedgerCheckpointError| Ok(Heard::Unvouched { why: error.to_string() });
        let (trust, disqualified) = {
            let kept = self.kept();
            (kept.trust.clone(), kept.disqualified(since))
        };
        let trusted =
            if disqualified.is_empty() { everybody } else { found.counted_by(&self.mesh, voters, &disqualified) };
        if let Err(error) = trusted {
            return unvouched(&error);
        }
        let before = trust.voters_for(found);
        let mut known = vec![before];
        if found.handover().is_some() {
            known.push(voters);
        } else if before != voters {
            return Ok(Heard::Unvouched {
                why: format!("it does not name the voters {voters}, who were others before"),
            });
        }
        // What nobody known signed does not belong into what others are shown.
        let found = found.only_by(&self.mesh, &known).map_err(|error| refuse(&error.into()))?;
        match trust.judge(&found) {
            Ok(counted) => self.agree(found, counted, at),
            // A second handover to the same voters: the first one is kept.
            Err(LedgerCheckpointError::SameVoters(_)) => Ok(Heard::Agrees { is_newest: false }),
            Err(error) => unvouched(&error),
        }
    }

    fn agree(&self, found: LedgerCheckpoint, counted: Counted, fresh: Option<Instant>) -> Result<Heard, MeshError> {
        let mut kept = self.kept();
        let meta = self.store.meta();
        self.keep_recovery(&mut kept, &found)?;
        if found.handover().is_some() && kept.trust.newest().0 < found.size() {
            let mut trust = kept.trust.clone();
            trust.follow(&found).map_err(|error| refuse(&error))?;
            kept.trust = trust;
            kept.changes.push(VoterChange::Handover(found.clone()));
            let mut batch = Batch::new();
            kept.put_changes(&meta, &mut batch).map_err(|error| storage_error(&error))?;
            self.write_durably(batch)?;
            info!(size = found.size(), voters = %kept.trust.newest().1, "other voters vouch for the ledger from here on");
        }
        let at = |counted: &Counted| (counted.size, counted.time_unix_s);
        if kept.last.as_ref().is_some_and(|(_, last)| at(last) >= at(&counted)) {
            if kept.last.as_ref().is_some_and(|(_, last)| at(last) == at(&counted)) {
                self.refresh(fresh);
            }
            return Ok(Heard::Agrees { is_newest: false });
        }
        let mut batch = Batch::new();
        Kept::put_last(&meta, &mut batch, &found).map_err(|error| storage_error(&error))?;
        // Durable soon, without anybody waiting for it: after a lost quorum it may be the largest that is left, and nobody signs it again. A
        // store that fails says so itself.
        self.store.committer().commit(batch, Box::new(drop));
        let size = found.size();
        kept.last = Some((found, counted));
        self.tell_at(&kept, fresh);
        // Now a proof can be made of what contradicted the ledger beyond the checkpoint before.
        if let Some(other) = kept.contradiction.clone().filter(|other| other.size() <= size) {
            let (_, voters) = self.voters_at(other.size())?;
            return self.contradicted(&mut kept, other, &voters);
        }
        Ok(Heard::Agrees { is_newest: true })
    }

    /// The own ledger has another root than a checkpoint of a majority of those who vote now.
    fn contradicted(&self, kept: &mut Kept, found: LedgerCheckpoint, voters: &VoterSet) -> Result<Heard, MeshError> {
        if self.resolved()?.is_some_and(|resolved| found.size() <= resolved.size) {
            self.keep_contradiction(kept, None)?;
            return Ok(Heard::Refused);
        }
        if kept.fork.is_some() {
            return Ok(Heard::Fork { is_known: true });
        }
        let Some((last, _)) = kept.last.clone().filter(|(last, _)| last.size() >= found.size()) else {
            error!(size = found.size(), "this node's ledger differs from a checkpoint with a majority");
            let is_known = kept.contradiction.is_some();
            if !is_known {
                self.keep_contradiction(kept, Some(found))?;
            }
            return Ok(Heard::Fork { is_known });
        };
        let (smaller, larger) = (found.size(), last.size());
        let bridge = if smaller == larger {
            None
        } else {
            let proof = prove_consistency(&self.ledger, smaller, larger).map_err(|error| match error {
                ProveError::Read(error) => storage_error(&error),
                error => MeshError::new(Code::Internal, error.to_string()),
            })?;
            Some(Bridge { root: self.root_at(smaller)?, proof })
        };
        let checkpoints = [(smaller, found.root()), (larger, last.root())];
        let handovers = kept.changes.iter().map(VoterChange::bytes).collect();
        let notes = [found.bytes(), last.bytes()];
        let proof = ForkProof::new(self.mesh, self.genesis.clone(), handovers, notes, bridge);
        self.keep_contradiction(kept, None)?;
        if proof.verify(Some(&self.mesh)).is_err() {
            // It counts for nobody who has only the checkpoints (it names voters that nobody agreed on, or came before a handover to
            // those who signed it): no second history that anybody could be shown.
            let (newest, _) = self.voters_at(larger)?;
            return self.false_head(kept, &found, voters, Some(newest));
        }
        self.stand(kept, Fork { checkpoints, proof: proof.to_text() })?;
        Ok(Heard::Fork { is_known: false })
    }

    fn keep_contradiction(&self, kept: &mut Kept, note: Option<LedgerCheckpoint>) -> Result<(), MeshError> {
        if kept.contradiction == note {
            return Ok(());
        }
        let mut batch = Batch::new();
        Kept::put_contradiction(&self.store.meta(), &mut batch, note.as_ref())
            .map_err(|error| storage_error(&error))?;
        self.write_durably(batch)?;
        kept.contradiction = note;
        self.tell(kept);
        Ok(())
    }

    fn stand(&self, kept: &mut Kept, fork: Fork) -> Result<(), MeshError> {
        let mut batch = Batch::new();
        Kept::put_fork(&self.store.meta(), &mut batch, Some(&fork)).map_err(|error| storage_error(&error))?;
        self.write_durably(batch)?;
        let path = fork.path(&self.folder);
        error!(proof = %path.display(), "a majority of voters signed two histories: nothing is accepted until the council decides");
        if let Err(error) = std::fs::write(&path, &fork.proof) {
            warn!(proof = %path.display(), %error, "the proof of the fork is in the store and could not be written to a file");
        }
        kept.fork = Some(fork);
        self.tell(kept);
        Ok(())
    }

    /// Takes the proof of a fork that somebody else found: its notes are heard like all others, and a fork stands only by the own ledger
    /// and its own proof. Returns whether it is news.
    ///
    /// # Errors
    /// [`Code::Malformed`] for what is no proof of this mesh.
    pub fn hear_fork(&self, proof: &[u8]) -> Result<bool, MeshError> {
        if self.brief().is_forked {
            return Ok(false);
        }
        let malformed = |error: mesh_verify::Fault| MeshError::new(Code::Malformed, format!("the fork proof: {error}"));
        let parsed = ForkProof::parse(proof).map_err(malformed)?;
        parsed.verify(Some(&self.mesh)).map_err(malformed)?;
        let mut is_news = false;
        for note in parsed.notes() {
            is_news |= self.hear(note)? == Heard::Fork { is_known: false };
        }
        Ok(is_news)
    }

    fn resolved(&self) -> Result<Option<ResolvedFork>, MeshError> {
        let resolved = read::resolved_fork(&self.state).map_err(|error| unreadable(&error))?;
        let Some(resolved) = resolved else { return Ok(None) };
        let applied = self.ledger.size().map_err(|error| storage_error(&error))?;
        if resolved.size > applied || *self.root_at(resolved.size)?.as_bytes() != resolved.root.0 {
            error!(index = resolved.index, "the council kept another history than this node's: fetch it from a peer");
            return Ok(None);
        }
        Ok(Some(resolved))
    }

    /// Whether the council decided for the own history at or beyond everything that contradicts it.
    fn is_settled(&self, fork: &Fork) -> Result<bool, MeshError> {
        let Some(resolved) = self.resolved()? else { return Ok(false) };
        for (size, root) in fork.checkpoints {
            if size > resolved.size {
                // Of what lies beyond, only the own history can be the other half.
                let applied = self.ledger.size().map_err(|error| storage_error(&error))?;
                if size > applied || self.root_at(size)? != root {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// `since`: from which size on those voters are in force, where they still are; what former ones signed is told, and no more.
    fn false_head(
        &self,
        kept: &mut Kept,
        found: &LedgerCheckpoint,
        voters: &VoterSet,
        since: Option<u64>,
    ) -> Result<Heard, MeshError> {
        let vouchers = found.vouchers(&self.mesh, voters).map_err(|error| refuse(&error))?.all();
        let is_settled = self.resolved()?.is_some_and(|resolved| found.size() <= resolved.size);
        if let Some(since) = since.filter(|_| !is_settled) {
            let known = kept.disqualified(since);
            let mut is_news = false;
            for voter in vouchers.difference(&known) {
                error!(voter, size = found.size(), "a voter signed what is not so; its word counts for nothing here");
                kept.false_heads.insert(*voter, FalseHead { since, note: found.bytes() });
                is_news = true;
            }
            if is_news {
                let mut batch = Batch::new();
                kept.put_false_heads(&self.store.meta(), &mut batch).map_err(|error| storage_error(&error))?;
                self.write_durably(batch)?;
            }
        }
        Ok(Heard::FalseHead { voters: vouchers.into_iter().collect() })
    }

    /// The ledger grew: what was ahead of it can be compared, and a fork may have been resolved. Returns whether a new fork stands.
    ///
    /// # Errors
    /// [`Code::StorageFailed`], [`Code::Damaged`].
    pub fn look_again(&self) -> Result<bool, MeshError> {
        let applied = self.ledger.size().map_err(|error| storage_error(&error))?;
        let reached = {
            let mut kept = self.kept();
            let is_reached = |ahead: &mut LedgerCheckpoint| ahead.size() <= applied;
            let reached = [kept.ahead.take_if(is_reached), kept.furthest.take_if(is_reached)];
            if reached[1].is_some() {
                self.tell(&kept);
            }
            reached
        };
        let mut is_new = false;
        for ahead in reached.into_iter().flatten() {
            is_new |= self.hear(&ahead.bytes())? == Heard::Fork { is_known: false };
        }
        let Some(fork) = self.fork() else { return Ok(is_new) };
        if !self.is_settled(&fork)? {
            return Ok(is_new);
        }
        let mut batch = Batch::new();
        Kept::put_fork(&self.store.meta(), &mut batch, None).map_err(|error| storage_error(&error))?;
        self.write_durably(batch)?;
        info!("the council resolved the fork; this node's history is the mesh's");
        let mut kept = self.kept();
        kept.fork = None;
        self.tell(&kept);
        Ok(false)
    }

    /// For what must not be forgotten by a crash after others were told.
    pub(super) fn write_durably(&self, batch: Batch) -> Result<(), MeshError> {
        self.store.committer().commit_blocking(batch).map_err(|error| storage_error(&error))
    }
}
