//! SetProtocol: from the next leaf on the rules of the next protocol version apply. A node whose build does not know them
//! stops there; see [`crate::apply`].

use mesh_event::proposal::SetProtocol;
use mesh_model::Code;

use crate::applied::Effect;
use crate::decision::{Decision, reject};
use crate::keys;
use crate::overlay::Overlay;
use crate::records::{Mesh, Record as _};
use crate::state::StateRead;

pub(crate) fn apply<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    mesh: &Mesh,
    body: SetProtocol,
) -> Decision<Vec<Effect>, S> {
    let (found, version) = (mesh.protocol_version, body.protocol_version);
    // Not judged by what this build knows: builds differ in that, and their leaves may not.
    if found == version {
        return reject(Code::AlreadySo, format!("protocol version {found} is in force"));
    }
    if found.checked_add(1) != Some(version) {
        let detail =
            format!("it sets protocol version {version}; version {found} is in force, and the next follows it");
        return reject(Code::StaleRoster, detail);
    }
    draft.put(keys::mesh(), Mesh { protocol_version: version, ..mesh.clone() }.encode());
    Ok(vec![Effect::ProtocolSet { version }])
}
