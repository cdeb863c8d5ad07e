//! DelegateNode: a domain's root chooses the node that writes its feed, and opens the next epoch.

use std::collections::BTreeSet;

use mesh_event::command::DelegateNode;
use mesh_event::federation::FEDERATION_PROTOCOL;
use mesh_model::{Code, PublicKey};

use super::standing;
use crate::applied::Effect;
use crate::apply::Moment;
use crate::authority::root;
use crate::decision::{Decision, Stop, reject};
use crate::overlay::Overlay;
use crate::records::{Delegation, Mesh};
use crate::state::StateRead;
use crate::{epochs, read, roots};

pub(crate) fn apply<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    mesh: &Mesh,
    signers: &BTreeSet<PublicKey>,
    body: &DelegateNode,
    at: Moment,
) -> Decision<Vec<Effect>, S> {
    let name = &body.domain;
    let domain = roots::active(draft, name, at)?;
    root::<S>(&domain, signers)?;
    let in_force = domain.delegation.map_or(0, |delegation| delegation.epoch);
    // The epoch is the version that this command changes: of two delegations signed at once, one is stale.
    if in_force.checked_add(1) != Some(body.epoch) {
        let detail =
            format!("it opens epoch {} of the feed of domain {name}; epoch {in_force} is in force", body.epoch);
        return reject(Code::StaleRoster, detail);
    }
    standing::node(draft, body.node_id, || format!("there is no node {} to write the feed of {name}", body.node_id))?;
    if body.base_root.is_some() != (body.base_size > 0) || (in_force == 0 && body.base_size > 0) {
        let detail = format!(
            "base_size is {} and base_root {}; epoch {in_force} is what would be continued",
            body.base_size,
            if body.base_root.is_some() { "is given" } else { "is not" },
        );
        return reject(Code::Malformed, detail);
    }
    if mesh.protocol_version >= FEDERATION_PROTOCOL {
        // A forked feed goes on by ResolveEquivocation, which says of which history.
        if let Some(report) = read::containment(draft, name)? {
            return Err(Stop::Rejected(report.refusal()));
        }
        epochs::check_base(draft, name, in_force, body.base_size, body.base_root.as_ref())?;
    }
    let next = Delegation {
        node_id: body.node_id,
        epoch: body.epoch,
        since_index: at.index,
        base_size: body.base_size,
        base_root: body.base_root,
    };
    epochs::open(draft, mesh, domain, next, at)?;
    Ok(vec![Effect::NodeDelegated { domain: name.clone(), epoch: body.epoch, node_id: body.node_id }])
}
