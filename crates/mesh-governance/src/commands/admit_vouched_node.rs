//! AdmitNode by a rule in force: a domain's root vouches for a join request.

use std::collections::BTreeSet;

use mesh_event::federation::{AdmissionRule, AdmitVouchedNode};
use mesh_model::{Code, PublicKey};

use super::admit_node;
use crate::applied::Effect;
use crate::apply::Moment;
use crate::authority::root;
use crate::decision::{Decision, reject};
use crate::overlay::Overlay;
use crate::records::{Record as _, Vouched};
use crate::state::StateRead;
use crate::{keys, read, roots};

pub(crate) fn apply<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    signers: &BTreeSet<PublicKey>,
    body: &AdmitVouchedNode,
    at: Moment,
) -> Decision<Vec<Effect>, S> {
    let name = &body.domain;
    let domain = roots::active(draft, name, at)?;
    let AdmissionRule::DomainRoot { nodes_per_domain } = read::admission_rule(draft)? else {
        return reject(Code::NodeNotVouched, "no rule of admission is in force; the council admits nodes");
    };
    root::<S>(&domain, signers)?;
    // Those that were revoked make room, and leave the list.
    let mut standing = read::vouched(draft, name)?;
    if standing.len() >= nodes_per_domain as usize {
        let found = standing.len();
        let detail = format!("domain {name} vouches for {found} nodes; the rule in force allows {nodes_per_domain}");
        return reject(Code::NodeNotVouched, detail);
    }
    let effects = admit_node::apply(draft, &body.node, at)?;
    standing.extend(effects.iter().filter_map(|effect| match effect {
        Effect::NodeAdmitted { node_id } => Some(*node_id),
        _ => None,
    }));
    draft.put(keys::vouched(name), Vouched(standing).encode());
    Ok(effects)
}
