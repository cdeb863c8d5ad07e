//! VetoRootReplacement: the root in force stops a replacement before it takes effect.

use std::collections::BTreeSet;

use mesh_event::command::VetoRootReplacement;
use mesh_model::{Code, PublicKey, limits};

use crate::applied::Effect;
use crate::apply::Moment;
use crate::authority::root;
use crate::decision::{Decision, reject};
use crate::overlay::Overlay;
use crate::proposals::bounded;
use crate::state::StateRead;
use crate::{keys, read, roots};

pub(crate) fn apply<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    signers: &BTreeSet<PublicKey>,
    body: &VetoRootReplacement,
    at: Moment,
) -> Decision<Vec<Effect>, S> {
    bounded::<S>("reason", &body.reason, limits::REASON_BYTES)?;
    let name = &body.domain;
    // Also of a suspended domain: whoever is cut off may still say that its keys are not lost.
    let domain = roots::settled(draft, name, at)?;
    let Some(pending) = read::pending_root(draft, name)?.filter(|pending| pending.proposal == body.proposal) else {
        let detail = format!("no replacement by proposal {} waits for domain {name}", body.proposal);
        return reject(Code::NoReplacement, detail);
    };
    root::<S>(&domain, signers)?;
    draft.remove(keys::pending_root(name));
    Ok(vec![Effect::RootReplacementVetoed { domain: name.clone(), proposal: pending.proposal }])
}
