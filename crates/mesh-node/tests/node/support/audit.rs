//! The ledger of a node as an export, and what the auditor says of it.

use mesh_event::ledger::LeafEntry;
use mesh_event::{LedgerLeaf, VoterChange};
use mesh_governance::{Applied, Damage, MemState, read};
use mesh_model::{Code, MeshId};
use mesh_node::core::Core;
use mesh_verify::{ExportWriter, Header, Options, Verified, Watch, check};

/// The whole ledger as this node has it, with the changes of voters and its newest checkpoint.
pub(crate) fn export(core: &Core) -> Vec<u8> {
    // Before the head: so the export goes at least as far as the checkpoint.
    let mut notes = core.checkpoints.handovers();
    // A recovery is a leaf of the ledger itself.
    notes.retain(|note| matches!(VoterChange::parse(note, &core.mesh_id), Ok(VoterChange::Handover(_))));
    let last = core.checkpoints.last().unwrap().0.bytes();
    if notes.last() != Some(&last) {
        notes.push(last);
    }
    let head = read::head(&core.state).unwrap();
    let ledger = core.store.ledger();
    let leaves = ledger.leaves(0..head.size, usize::try_from(head.size).unwrap()).unwrap();
    assert_eq!(leaves.len() as u64, head.size);
    let LeafEntry::Envelope(genesis) = LedgerLeaf::decode(&leaves[0].1).unwrap().entry else { unreachable!() };
    let root = ledger.root_at(head.size).unwrap();
    let header = Header { mesh_id: core.mesh_id, size: head.size, root, state_digest: head.state_digest, genesis };
    let mut writer = ExportWriter::new(Vec::new(), header).unwrap();
    for (_, leaf) in leaves {
        writer.leaf(&leaf).unwrap();
    }
    for note in notes {
        writer.checkpoint(&note).unwrap();
    }
    writer.finish().unwrap()
}

/// What the auditor decided of each leaf.
#[derive(Default)]
struct Outcomes(Vec<(Code, String)>);

impl Watch for Outcomes {
    fn decided(&mut self, _before: &MemState, applied: &Applied) -> Result<(), Damage> {
        let outcome = &applied.leaf.outcome;
        self.0.push((outcome.code, outcome.detail.clone()));
        Ok(())
    }
}

/// Audits an export; gives what was found and the outcome of every leaf.
pub(crate) fn audit(export: &[u8], mesh: MeshId) -> (Verified, Vec<(Code, String)>) {
    let mut outcomes = Outcomes::default();
    let options = Options { mesh_id: Some(mesh), ..Options::default() };
    let verified = check(export, &options, &mut outcomes).unwrap();
    assert_eq!(outcomes.0.len() as u64, verified.header.size);
    (verified, outcomes.0)
}
