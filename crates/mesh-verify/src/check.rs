//! The audit: form, then signatures, then the rules, leaf by leaf.

use std::io::BufRead;

use mesh_event::genesis::SealedGenesis;
use mesh_event::voters::VoterSet;
use mesh_event::{Council, Councils, LeafEntry, LedgerLeaf};
use mesh_governance::{Applied, Damage, Effect, MemState, PolicyJudge, read};
use mesh_model::{Code, Digest, LedgerIndex, MeshId, UnixMs};
use mesh_tlog::{Frontier, Hash};

use crate::checkpoints::{CheckedCheckpoint, Checkpoints};
use crate::export::{ExportReader, Header, Item};
use crate::fault::{Fault, VerifyError};
use crate::regroup::{Found, Groups, Rules};
use crate::signatures::Checked;

/// Leaves whose signatures are checked together.
const WINDOW: usize = 4096;

/// How an export is audited.
#[derive(Debug, Clone)]
pub struct Options {
    /// The mesh that it has to be of. Without one, the export itself says which mesh it is of.
    pub mesh_id: Option<MeshId>,
    /// How many threads check signatures; at least 1. Makes no difference to what is said.
    pub threads: usize,
}

impl Default for Options {
    /// Any mesh, all cores.
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { mesh_id: None, threads }
    }
}

/// Sees every leaf when the rules gave it. Whether the whole export holds is known only at the end: nothing of this is to be shown
/// before.
pub trait Watch {
    /// A leaf and the state right before it.
    ///
    /// # Errors
    /// When that state cannot be read; it ends the audit at this leaf.
    fn decided(&mut self, before: &MemState, applied: &Applied) -> Result<(), Damage> {
        let _ = (before, applied);
        Ok(())
    }

    /// So many leaves of all were decided.
    fn progress(&mut self, done: u64, size: u64) {
        let _ = (done, size);
    }
}

/// Nobody watches.
impl Watch for () {}

/// Two watchers.
impl<A: Watch, B: Watch> Watch for (A, B) {
    fn decided(&mut self, before: &MemState, applied: &Applied) -> Result<(), Damage> {
        self.0.decided(before, applied)?;
        self.1.decided(before, applied)
    }
    fn progress(&mut self, done: u64, size: u64) {
        self.0.progress(done, size);
        self.1.progress(done, size);
    }
}

impl<W: Watch + ?Sized> Watch for &mut W {
    fn decided(&mut self, before: &MemState, applied: &Applied) -> Result<(), Damage> {
        (**self).decided(before, applied)
    }
    fn progress(&mut self, done: u64, size: u64) {
        (**self).progress(done, size);
    }
}

/// An export that holds.
#[derive(Debug)]
pub struct Verified {
    /// What it is of.
    pub header: Header,
    /// How many leaves were accepted.
    pub accepted: u64,
    /// The last leaf's stamp.
    pub last_stamp_unix_ms: UnixMs,
    /// The checkpoints in it, by size.
    pub checkpoints: Vec<CheckedCheckpoint>,
    /// What its checkpoints vouch for about councils and the recoveries of voters.
    pub councils: Councils,
    /// The state after the last leaf.
    pub state: MemState,
}

/// Audits a whole export.
///
/// # Errors
/// [`VerifyError::Fault`], naming the first line, leaf or checkpoint that does not hold; [`VerifyError::Read`].
pub fn check<R: BufRead>(input: R, options: &Options, watch: &mut dyn Watch) -> Result<Verified, VerifyError> {
    let mut reader = ExportReader::new(input)?;
    let header = reader.header().clone();
    if let Some(pinned) = options.mesh_id.filter(|pinned| *pinned != header.mesh_id) {
        return Err(Fault::line(2, format!("the export is of mesh {}; expected {pinned}", header.mesh_id)).into());
    }
    let mut audit = Audit::new(header, options.threads, watch);
    let mut window = Vec::new();
    let mut notes = Vec::new();
    loop {
        match reader.next()? {
            Some(Item::Leaf { hash, bytes }) => {
                window.push(audit.decode(hash, bytes)?);
                if window.len() == WINDOW {
                    audit.window(std::mem::take(&mut window))?;
                }
            }
            Some(Item::Checkpoint { line, note }) => notes.push((line, note)),
            None => break,
        }
    }
    audit.window(window)?;
    audit.finish(&notes)
}

struct Audit<'a> {
    header: Header,
    threads: usize,
    watch: &'a mut dyn Watch,
    state: MemState,
    judge: PolicyJudge,
    hashes: Vec<Hash>,
    accepted: u64,
    last_stamp: UnixMs,
    groups: Groups,
    /// The leaves with which voters were recovered.
    recoveries: Vec<LedgerIndex>,
    /// The councils, each from the leaf on on which it decides.
    councils: Vec<(LedgerIndex, Council)>,
}

impl<'a> Audit<'a> {
    fn new(header: Header, threads: usize, watch: &'a mut dyn Watch) -> Self {
        let (state, judge) = (MemState::new(), PolicyJudge::default());
        let (hashes, groups, recoveries) = (Vec::new(), Groups::default(), Vec::new());
        Self {
            header,
            threads,
            watch,
            state,
            judge,
            hashes,
            accepted: 0,
            last_stamp: 0,
            groups,
            recoveries,
            councils: Vec::new(),
        }
    }

    fn decode(&mut self, hash: Hash, bytes: Vec<u8>) -> Result<Found, Fault> {
        let index = self.hashes.len() as LedgerIndex;
        self.hashes.push(hash);
        Found::decode(index, bytes)
    }

    /// Decides on the next leaves.
    fn window(&mut self, window: Vec<Found>) -> Result<(), Fault> {
        let Some(first) = window.first() else { return Ok(()) };
        let index = first.leaf.index;
        if index == 0 {
            self.genesis(&first.leaf)?;
        }
        let nodes = read::nodes(&self.state).map_err(|damage| Fault::leaf(index, damage.to_string()))?;
        let mut keys: Vec<_> = nodes.iter().map(|node| node.record.key).collect();
        if index == 0
            && let Ok(genesis) = SealedGenesis::parse(self.header.genesis.clone())
        {
            keys.extend(genesis.document.voters.iter().map(|voter| voter.key));
        }
        let leaves: Vec<LedgerLeaf> = window.iter().map(|found| found.leaf.clone()).collect();
        let checked = Checked::ahead(&leaves, &self.header.mesh_id, &keys, self.threads);
        drop(leaves);
        for found in window {
            for group in self.groups.push(found) {
                self.decide(&checked, &group)?;
            }
        }
        Ok(())
    }

    /// The founding document is the header's, and founds the mesh that the header names.
    fn genesis(&self, leaf: &LedgerLeaf) -> Result<(), Fault> {
        let header = &self.header;
        if leaf.entry != LeafEntry::Envelope(header.genesis.clone()) {
            return Err(Fault::line(6, "the genesis envelope is not that of leaf 0"));
        }
        let genesis = SealedGenesis::parse(header.genesis.clone())
            .map_err(|error| Fault::leaf(0, format!("founds no mesh: {error}")))?;
        if genesis.mesh_id != header.mesh_id {
            let why =
                format!("the founding document is of mesh {}; the header says {}", genesis.mesh_id, header.mesh_id);
            return Err(Fault::line(2, why));
        }
        if leaf.outcome.code != Code::Accepted {
            return Err(Fault::leaf(0, format!("genesis was refused as {}", leaf.outcome.code.slug())));
        }
        Ok(())
    }

    fn decide(&mut self, checked: &Checked, group: &[Found]) -> Result<(), Fault> {
        let all = Rules { verify: checked, judge: &self.judge }.group(&self.state, group)?;
        self.commit(&all)
    }

    fn commit(&mut self, all: &[Applied]) -> Result<(), Fault> {
        for applied in all {
            let index = applied.leaf.index;
            let damage = |damage: Damage| Fault::leaf(index, damage.to_string());
            self.watch.decided(&self.state, applied).map_err(damage)?;
            self.goes_on_from_here(applied)?;
            self.state.commit(applied);
            self.note_council(applied)?;
            self.last_stamp = applied.leaf.stamp_unix_ms;
            self.accepted += u64::from(applied.leaf.outcome.code == Code::Accepted);
            self.watch.progress(index + 1, self.header.size);
        }
        Ok(())
    }

    fn note_council(&mut self, applied: &Applied) -> Result<(), Fault> {
        let index = applied.leaf.index;
        let is_other = |effect: &Effect| matches!(effect, Effect::Founded { .. } | Effect::CouncilAmended { .. });
        if !applied.effects.iter().any(is_other) {
            return Ok(());
        }
        let mesh = read::mesh(&self.state).map_err(|damage| Fault::leaf(index, damage.to_string()))?;
        self.councils.push((index + 1, mesh.expect("a council belongs to a mesh").council));
        Ok(())
    }

    /// A recovery of voters names the root of all leaves before it: the rules do not see it, whoever has the leaves does.
    fn goes_on_from_here(&mut self, applied: &Applied) -> Result<(), Fault> {
        let named = applied.effects.iter().find_map(|effect| match effect {
            Effect::VotersRecovered { size, root } => Some((*size, *root)),
            _ => None,
        });
        let Some((size, named)) = named else { return Ok(()) };
        let mut tree = Frontier::new();
        for hash in &self.hashes[..usize::try_from(size).expect("sizes in memory")] {
            tree.append(*hash);
        }
        let root = Digest(*tree.root().as_bytes());
        if root == named {
            self.recoveries.push(applied.leaf.index);
            return Ok(());
        }
        let why = format!("it goes on from another history: {size} leaves have the root {root}; it says {named}");
        Err(Fault::leaf(applied.leaf.index, why))
    }

    /// The councils as far as a checkpoint covers: for what comes behind it nobody vouches.
    fn councils_covered(&self, checkpoints: &[CheckedCheckpoint]) -> Councils {
        let covered = checkpoints.last().map_or(0, |last| last.size);
        let (_, founding) = self.councils.first().expect("leaf 0 founded the mesh");
        let newest = self.councils.iter().rev().find(|(since, _)| *since <= covered);
        let newest = newest.map_or(founding, |(_, council)| council);
        let hash = |leaf: &LedgerIndex| self.hashes[usize::try_from(*leaf).expect("sizes in memory")];
        let recoveries = self.recoveries.iter().filter(|leaf| **leaf < covered).map(|leaf| (*leaf, hash(leaf)));
        let councils = Councils::new(self.header.mesh_id, founding.clone());
        councils.audited(covered, newest.clone(), recoveries.collect())
    }

    fn finish(mut self, notes: &[(u64, Vec<u8>)]) -> Result<Verified, VerifyError> {
        if let Some(group) = self.groups.finish() {
            self.decide(&Checked::default(), &group)?;
        }
        let head = read::head(&self.state).map_err(|damage| Fault::line(5, damage.to_string()))?;
        assert_eq!(head.size, self.header.size, "every leaf was decided");
        if head.state_digest != self.header.state_digest {
            let (found, said) = (head.state_digest, self.header.state_digest);
            return Err(Fault::line(5, format!("the state has the digest {found}; the header says {said}")).into());
        }
        let genesis = SealedGenesis::parse(self.header.genesis.clone());
        let first = genesis.ok().and_then(|genesis| VoterSet::of_genesis(&genesis.document).ok());
        let first = first.ok_or_else(|| Fault::line(6, "the genesis has no voters"))?;
        let mut checkpoints = Checkpoints::new(self.header.mesh_id, first, &self.hashes, &self.state, &self.recoveries);
        let checked: Vec<CheckedCheckpoint> =
            notes.iter().map(|(line, note)| checkpoints.check(*line, note)).collect::<Result<_, Fault>>()?;
        let councils = self.councils_covered(&checked);
        Ok(Verified {
            header: self.header,
            accepted: self.accepted,
            last_stamp_unix_ms: self.last_stamp,
            councils,
            checkpoints: checked,
            state: self.state,
        })
    }
}
