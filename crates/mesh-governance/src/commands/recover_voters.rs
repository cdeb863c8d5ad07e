//! RecoverVoters: after a lost quorum, the council names other voters and the checkpoint from which the ledger goes on.
//!
//! It is accepted as the leaf right behind that checkpoint and nowhere else, so of one history it is one leaf, and a copy of it means
//! nothing later. Whether the leaves before have the root that it names is for each node to see by its own tree
//! ([`Effect::VotersRecovered`]): whoever has another history refuses it.

use std::collections::BTreeSet;

use mesh_event::NodeRecord;
use mesh_event::federation::RecoverVoters;
use mesh_model::{Code, Digest, PublicKey, limits};

use super::{admit_node, set_voters, standing};
use crate::applied::Effect;
use crate::apply::Moment;
use crate::authority::council;
use crate::decision::{Decision, reject};
use crate::keys;
use crate::overlay::Overlay;
use crate::proposals::bounded;
use crate::records::{Mesh, Record as _, Recovery};
use crate::state::StateRead;

pub(crate) fn apply<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    mesh: &Mesh,
    signers: &BTreeSet<PublicKey>,
    body: &RecoverVoters,
    at: Moment,
) -> Decision<Vec<Effect>, S> {
    bounded::<S>("reason", &body.reason, limits::REASON_BYTES)?;
    council::<S>(mesh, signers)?;
    if body.size != at.index {
        let detail = format!("it goes on from {} leaves; it would be leaf {}", body.size, at.index);
        return reject(Code::BadRecovery, detail);
    }
    let mut effects = Vec::new();
    let mut voters = Vec::with_capacity(body.voters.len());
    for (n, record) in body.voters.iter().enumerate() {
        if record.node_id == 0 {
            if n + 1 != body.voters.len() {
                return reject(Code::BadVoters, "one voter may be new, and it stands last");
            }
            effects.extend(admit_node::apply(draft, record, at)?);
            voters.extend(effects.iter().find_map(|effect| match effect {
                Effect::NodeAdmitted { node_id } => Some(*node_id),
                _ => None,
            }));
            continue;
        }
        known(draft, record)?;
        voters.push(record.node_id);
    }
    set_voters::choose(draft, mesh, &voters, at)?;
    let root = Digest(*body.root.as_bytes());
    draft.put(keys::recovery(), Recovery { index: at.index, root, reason: body.reason.clone() }.encode());
    effects.push(Effect::VotersRecovered { size: body.size, root });
    effects.push(Effect::VotersSet { voters });
    Ok(effects)
}

/// Whether a record has the keys that the ledger knows: whoever follows the voters without a ledger takes them from this command.
fn known<S: StateRead>(state: &S, record: &NodeRecord) -> Decision<(), S> {
    let id = record.node_id;
    let node = standing::node(state, id, || format!("there is no node {id} to vote"))?;
    if node.record.keys() == record.keys() {
        return Ok(());
    }
    reject(Code::BadVoters, format!("the record of node {id} has other keys than the ledger"))
}
