//! SetVoters: the council chooses who orders. The change of Raft's membership follows the leaf.

use mesh_event::proposal::SetVoters;
use mesh_event::voters::VoterSet;
use mesh_model::{Code, NodeId};

use super::standing;
use crate::applied::Effect;
use crate::apply::Moment;
use crate::decision::{Decision, broken, reject};
use crate::overlay::Overlay;
use crate::records::{KnownNode, Mesh, Record as _, VotersInForce};
use crate::state::{Damage, StateRead};
use crate::{keys, read};

pub(crate) fn apply<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    mesh: &Mesh,
    body: &SetVoters,
    at: Moment,
) -> Decision<Vec<Effect>, S> {
    let (voters, before) = (&body.voters, &mesh.voters);
    if body.replaces != *before {
        let detail = format!("it changes the voters {}; in force are {}", list(&body.replaces), list(before));
        return reject(Code::StaleRoster, detail);
    }
    if *voters == *before && is_possible(voters) {
        return reject(Code::AlreadySo, format!("the voters are {}", list(voters)));
    }
    choose(draft, mesh, voters, at)?;
    Ok(vec![Effect::VotersSet { voters: voters.clone() }])
}

fn is_possible(voters: &[NodeId]) -> bool {
    [1, 3, 5, 7].contains(&voters.len()) && voters.is_sorted_by(|a, b| a < b)
}

/// Puts these voters in the place of those in force. That somebody may is for the caller to have checked.
pub(super) fn choose<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    mesh: &Mesh,
    voters: &[NodeId],
    at: Moment,
) -> Decision<(), S> {
    let before = &mesh.voters;
    if !is_possible(voters) {
        let detail = format!("the voters would be {}; expected 1, 3, 5 or 7 nodes, ascending", list(voters));
        return reject(Code::BadVoters, detail);
    }
    if let Some((since, in_force)) = read::voters_at(draft, at.index)? {
        // Until the first change those of Genesis are known without a record of their own.
        draft.put(keys::voters_since(since), in_force.encode());
    }
    let mut records = Vec::new();
    for id in voters {
        let node = standing::node(draft, *id, || format!("there is no node {id} to vote"))?;
        if node.record.log_key.is_none() || node.record.cosigner_key.is_none() {
            return reject(Code::BadVoters, format!("node {id} lacks a log or a cosigner key"));
        }
        records.push(node.record.clone());
        draft.put(keys::node(*id), KnownNode { voter: true, ..node }.encode());
    }
    let Ok(in_force) = VoterSet::of_records(&records) else {
        return reject(Code::BadVoters, format!("the keys of {} cannot be those of a mesh's voters", list(voters)));
    };
    draft.put(keys::voters_since(at.index + 1), VotersInForce::from(&in_force).encode());
    for id in before.iter().filter(|id| !voters.contains(id)) {
        let Some(node) = read::node(draft, *id)? else {
            return Err(broken(Damage::new(format!("voter {id}"), "is not known")));
        };
        draft.put(keys::node(*id), KnownNode { voter: false, ..node }.encode());
    }
    draft.put(keys::mesh(), Mesh { voters: voters.to_vec(), ..mesh.clone() }.encode());
    Ok(())
}

fn list(ids: &[NodeId]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
