//! The straight way into the ledger: Genesis, root and council commands.

use mesh_event::{Body, Envelope, LeafEntry, envelope};
use mesh_model::{Code, UnixMs, limits};

use crate::applied::{Applied, Effect};
use crate::apply::{Decided, Moment, kept, known_mesh, moment, seal};
use crate::authority::malformed;
use crate::commands::{
    self, admit_domains, admit_vouched_node, approve, comment, delegate_node, erase, feed_anchor, genesis, grant_role,
    offboard_member, propose, recover_voters, report_equivocation, resolve_equivocation, revoke_key,
    rotate_domain_keys, veto_root_replacement, withdraw,
};
use crate::decision::{Decision, Rejection, Stop, reject, split};
use crate::judge::{Bench, Judge};
use crate::overlay::Overlay;
use crate::state::StateRead;
use crate::verify::Verify;
use crate::{life, proposals, read};

/// Decides on one envelope.
pub(crate) fn apply<S: StateRead, V: Verify>(
    state: &S,
    stamp: UnixMs,
    bytes: &[u8],
    verify: &V,
    judge: &dyn Judge,
) -> Result<Applied, S::Error> {
    let bench = Bench::new(judge);
    let head = read::head(state)?;
    let at = moment(&head, stamp);
    let (bytes, decided) = match kept(bytes, limits::ENVELOPE_BYTES) {
        Ok(bytes) => {
            let mut draft = Overlay::new(state);
            let decided = match split(decide(&mut draft, bytes.clone(), at, verify, &bench))? {
                Ok(effects) => Decided { result: Ok(effects), changes: draft.into_changes(), verdict: None },
                Err(rejection) => Decided::refused(rejection),
            };
            (bytes, decided)
        }
        Err(rejection) => (Vec::new(), Decided::refused(rejection)),
    };
    Ok(seal(&head, at, LeafEntry::Envelope(bytes), None, decided))
}

fn decide<S: StateRead, V: Verify>(
    draft: &mut Overlay<'_, S>,
    bytes: Vec<u8>,
    at: Moment,
    verify: &V,
    bench: &Bench<'_>,
) -> Decision<Vec<Effect>, S> {
    let mesh = known_mesh(draft, verify.newest_protocol())?;
    let envelope = match Envelope::parse(bytes) {
        Ok(envelope) => envelope,
        Err(_) if mesh.is_none() => return genesis_first(),
        Err(error) => return Err(Stop::Rejected(malformed::envelope(&error))),
    };
    if envelope.payload_type() == envelope::GENESIS {
        if mesh.is_some() || at.index != 0 {
            let detail = "the ledger has begun; genesis is its leaf 0 and nothing else";
            return reject(Code::GenesisFirst, detail);
        }
        return genesis::apply(draft, envelope.into_bytes(), at);
    }
    let Some(mesh) = mesh else {
        return genesis_first();
    };
    // Kinds that came with later protocols than the one in force are none: they do not decode.
    let command = verify
        .command_under(mesh.protocol_version, envelope, &mesh.mesh_id)
        .map_err(|e| Stop::Rejected(malformed::command(&e)))?;
    let body = &command.command().body;
    if body.feed_domain().is_some() {
        let detail = format!("{} travels through the feed of its domain", body.kind());
        return reject(Code::Malformed, detail);
    }
    life::check(draft, command.command(), at.stamp)?;
    let (signers, author) = (command.signers(), &command.command().author);
    let mut effects = match body {
        Body::AdmitDomains(body) => admit_domains::apply(draft, &mesh, signers, body, at)?,
        Body::GrantRole(body) => grant_role::apply(draft, &mesh, signers, body, at)?,
        Body::RevokeKey(body) => revoke_key::apply(draft, &mesh, signers, body, at)?,
        Body::DelegateNode(body) => delegate_node::apply(draft, &mesh, signers, body, at)?,
        Body::RotateDomainKeys(body) => rotate_domain_keys::apply(draft, signers, body, at)?,
        Body::VetoRootReplacement(body) => veto_root_replacement::apply(draft, signers, body, at)?,
        Body::OffboardMember(body) => offboard_member::apply(draft, &mesh, signers, body, at)?,
        Body::Propose(body) => propose::apply(draft, &mesh, &command, body, at, bench)?,
        Body::Approve(body) => approve::apply(draft, &mesh, &command, body, at, bench)?,
        Body::Reject(body) => commands::reject::apply(draft, &mesh, &command, body, at)?,
        Body::Withdraw(body) => withdraw::apply(draft, author, body, at)?,
        Body::Comment(body) => comment::apply(draft, &mesh, author, body, at)?,
        Body::AdmitVouchedNode(body) => admit_vouched_node::apply(draft, signers, body, at)?,
        Body::RecoverVoters(body) => recover_voters::apply(draft, &mesh, signers, body, at)?,
        Body::FeedAnchor(body) => feed_anchor::apply(draft, &mesh, command.command(), body, at, verify)?,
        Body::ReportEquivocation(body) => report_equivocation::apply(draft, &mesh, author, body, at)?,
        Body::ResolveEquivocation(body) => resolve_equivocation::apply(draft, &mesh, signers, body, at)?,
        Body::Erase(body) => erase::apply(draft, &mesh, &command, body, at)?,
        Body::PublishVersion(_) | Body::DeprecateVersion(_) | Body::RetireProduct(_) => {
            unreachable!("domain commands were refused above")
        }
    };
    life::remember(draft, command.command(), at.index);
    life::forget(draft, at.stamp)?;
    proposals::lapse_due(draft, at, &mut effects)?;
    Ok(effects)
}

fn genesis_first<T, E>() -> Result<T, Stop<E>> {
    Err(Stop::Rejected(Rejection::new(Code::GenesisFirst, "the ledger has no genesis yet")))
}
