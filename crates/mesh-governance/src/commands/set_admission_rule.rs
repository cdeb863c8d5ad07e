//! SetAdmissionRule: the council says whether domains may let nodes in by themselves, and how many.

use mesh_event::federation::AdmissionRule;
use mesh_model::{Code, limits};

use crate::applied::Effect;
use crate::decision::{Decision, reject};
use crate::overlay::Overlay;
use crate::records::Record as _;
use crate::state::StateRead;
use crate::{keys, read};

pub(crate) fn apply<S: StateRead>(draft: &mut Overlay<'_, S>, rule: AdmissionRule) -> Decision<Vec<Effect>, S> {
    if let AdmissionRule::DomainRoot { nodes_per_domain } = rule
        && nodes_per_domain > limits::VOUCHED_NODES
    {
        let detail = format!("{nodes_per_domain} nodes for each domain; at most {} may be set", limits::VOUCHED_NODES);
        return reject(Code::TooLarge, detail);
    }
    if read::admission_rule(draft)? == rule {
        return reject(Code::AlreadySo, "this rule of admission is in force");
    }
    draft.put(keys::admission_rule(), rule.encode());
    Ok(vec![Effect::AdmissionRuleSet { rule }])
}
