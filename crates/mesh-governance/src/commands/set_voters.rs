//! SetVoters: the council chooses who orders. The change of Raft's membership follows the leaf.

use mesh_event::proposal::SetVoters;
use mesh_model::{Code, NodeId};

use super::standing;
use crate::applied::Effect;
use crate::decision::{Decision, broken, reject};
use crate::overlay::Overlay;
use crate::records::{KnownNode, Mesh, Record as _};
use crate::state::{Damage, StateRead};
use crate::{keys, read};

pub(crate) fn apply<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    mesh: &Mesh,
    body: &SetVoters,
) -> Decision<Vec<Effect>, S> {
    let (voters, before) = (&body.voters, &mesh.voters);
    if body.replaces != *before {
        let detail = format!("it changes the voters {}; in force are {}", list(&body.replaces), list(before));
        return reject(Code::StaleRoster, detail);
    }
    if ![1, 3, 5, 7].contains(&voters.len()) || !voters.is_sorted_by(|a, b| a < b) {
        let detail = format!("the voters would be {}; expected 1, 3, 5 or 7 nodes, ascending", list(voters));
        return reject(Code::BadVoters, detail);
    }
    if voters == before {
        return reject(Code::AlreadySo, format!("the voters are {}", list(voters)));
    }
    for id in voters {
        let node = standing::node(draft, *id, || format!("there is no node {id} to vote"))?;
        if node.record.log_key.is_none() || node.record.cosigner_key.is_none() {
            return reject(Code::BadVoters, format!("node {id} lacks a log or a cosigner key"));
        }
        draft.put(keys::node(*id), KnownNode { voter: true, ..node }.encode());
    }
    for id in before.iter().filter(|id| !voters.contains(id)) {
        let Some(node) = read::node(draft, *id)? else {
            return Err(broken(Damage::new(format!("voter {id}"), "is not known")));
        };
        draft.put(keys::node(*id), KnownNode { voter: false, ..node }.encode());
    }
    draft.put(keys::mesh(), Mesh { voters: voters.clone(), ..mesh.clone() }.encode());
    Ok(vec![Effect::VotersSet { voters: voters.clone() }])
}

fn list(ids: &[NodeId]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
