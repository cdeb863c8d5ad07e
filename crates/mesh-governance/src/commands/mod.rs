//! One file per command. Each reads the state through a draft, says no with a code, or writes its changes into the draft
//! and returns effects. A draft of a command that said no is thrown away.

pub(crate) mod admit_domains;
mod admit_node;
pub(crate) mod admit_vouched_node;
mod amend_council;
pub(crate) mod approve;
pub(crate) mod comment;
pub(crate) mod delegate_node;
pub(crate) mod deprecate_version;
mod domain_standing;
mod enact;
mod enact_standard;
pub(crate) mod erase;
pub(crate) mod feed_anchor;
pub(crate) mod genesis;
pub(crate) mod grant_role;
mod grants;
pub(crate) mod offboard_member;
pub(crate) mod propose;
pub(crate) mod publish_version;
pub(crate) mod recover_voters;
pub(crate) mod reject;
mod replace_domain_root;
pub(crate) mod report_equivocation;
pub(crate) mod resolve_equivocation;
mod resolve_fork;
pub(crate) mod retire_product;
mod retire_standard;
pub(crate) mod revoke_key;
mod revoke_node;
mod revoke_waiver;
pub(crate) mod rotate_domain_keys;
mod set_admission_rule;
mod set_protocol;
mod set_voters;
mod standing;
pub(crate) mod veto_root_replacement;
mod waive;
pub(crate) mod withdraw;

use mesh_event::{Body, SignedCommand};
use mesh_model::Code;

use crate::applied::Effect;
use crate::apply::Moment;
use crate::decision::{Decision, reject};
use crate::judge::Bench;
use crate::overlay::Overlay;
use crate::state::StateRead;

/// Decides on a domain command, whose feed and fence are somebody else's matter. The author's roles are judged at
/// `ledger_size`.
pub(crate) fn domain_command<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    command: &SignedCommand,
    ledger_size: u64,
    at: Moment,
    bench: &Bench<'_>,
) -> Decision<Vec<Effect>, S> {
    let said = command.command();
    if said.expires_unix_ms != 0 {
        let detail = format!("expires_unix_ms is {}; domain commands do not expire", said.expires_unix_ms);
        return reject(Code::Malformed, detail);
    }
    let author = &said.author;
    match &said.body {
        Body::PublishVersion(body) => publish_version::apply(draft, command, body, ledger_size, at, bench),
        Body::DeprecateVersion(body) => deprecate_version::apply(draft, author, body, ledger_size, at),
        Body::RetireProduct(body) => retire_product::apply(draft, author, body, ledger_size, at),
        Body::AdmitDomains(_)
        | Body::GrantRole(_)
        | Body::RevokeKey(_)
        | Body::DelegateNode(_)
        | Body::RotateDomainKeys(_)
        | Body::VetoRootReplacement(_)
        | Body::OffboardMember(_)
        | Body::Propose(_)
        | Body::Approve(_)
        | Body::Reject(_)
        | Body::Withdraw(_)
        | Body::Comment(_)
        | Body::AdmitVouchedNode(_)
        | Body::RecoverVoters(_)
        | Body::FeedAnchor(_)
        | Body::ReportEquivocation(_)
        | Body::ResolveEquivocation(_)
        | Body::Erase(_) => unreachable!("callers send only commands that have a feed"),
    }
}
