//! Genesis: leaf 0, the founding document.

use std::collections::BTreeMap;

use mesh_event::genesis::SealedGenesis;

use crate::applied::Effect;
use crate::apply::Moment;
use crate::authority::malformed;
use crate::decision::{Decision, Stop};
use crate::keys;
use crate::overlay::Overlay;
use crate::records::{KeyPurpose, KnownNode, Mesh, Record as _, Terms};
use crate::state::StateRead;

/// Founds the mesh. That nothing came before is for the caller to have checked.
pub(crate) fn apply<S: StateRead>(draft: &mut Overlay<'_, S>, bytes: Vec<u8>, at: Moment) -> Decision<Vec<Effect>, S> {
    // Soundness, purposes and possession of all keys are part of what a founding document is.
    let SealedGenesis { document, mesh_id, .. } =
        SealedGenesis::parse(bytes).map_err(|error| Stop::Rejected(malformed::genesis(&error)))?;

    let mut purposes = BTreeMap::new();
    purposes.extend(document.council.seats.iter().map(|seat| (seat.key, KeyPurpose::Council)));
    purposes.extend(document.recovery_keys.iter().map(|key| (*key, KeyPurpose::Recovery)));
    for voter in &document.voters {
        purposes.insert(voter.key, KeyPurpose::Node(voter.node_id));
        purposes.extend(voter.log_key.map(|key| (key, KeyPurpose::Log)));
        purposes.extend(voter.cosigner_key.map(|key| (key, KeyPurpose::Cosigner)));
    }
    for (key, purpose) in purposes {
        draft.put(keys::purpose(&key), purpose.encode());
    }
    let voters = document.voters.iter().map(|voter| voter.node_id).collect();
    for record in document.voters {
        let key = keys::node(record.node_id);
        draft.put(key, KnownNode { record, voter: true, admitted_at: at.index }.encode());
    }
    let mesh = Mesh {
        mesh_id,
        name: document.mesh_name,
        protocol_version: document.protocol_version,
        council: document.council,
        council_version: 1,
        roster_version: 1,
        voters,
        recovery_keys: document.recovery_keys,
        founded_unix_ms: at.stamp,
    };
    draft.put(keys::mesh(), mesh.encode());
    if document.min_review_ms > 0 {
        let terms = Terms { min_review_ms: document.min_review_ms, amended_at: at.index, amended_unix_ms: at.stamp };
        draft.put(keys::terms(), terms.encode());
    }
    Ok(vec![Effect::Founded { mesh_id }])
}
