//! ReportEquivocation: whoever holds two heads that cannot both be true puts the proof into the ledger. From this leaf on nothing
//! newer of the feed is taken, until the domain's root says which history stands.

use mesh_event::FeedForkError;
use mesh_event::federation::ReportEquivocation;
use mesh_model::{Code, Digest, PublicKey};

use super::standing;
use crate::applied::Effect;
use crate::apply::Moment;
use crate::authority::malformed;
use crate::decision::{Decision, Rejection, Stop, reject};
use crate::overlay::Overlay;
use crate::records::{Containment, Domain, DomainStatus, Grant, KeyPurpose, Mesh, Record as _};
use crate::state::{Damage, StateRead};
use crate::{keys, read};

pub(crate) fn apply<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    mesh: &Mesh,
    author: &PublicKey,
    body: &ReportEquivocation,
    at: Moment,
) -> Decision<Vec<Effect>, S> {
    may_report(draft, mesh, author, at)?;
    let (proof, feed) = (&body.proof, &body.proof.feed);
    let name = &feed.domain;
    let Some(Domain { delegation: Some(delegation), status, .. }) = read::domain(draft, name)? else {
        return reject(Code::UnknownDomain, format!("there is no domain {name} whose feed somebody writes"));
    };
    if status == DomainStatus::Removed {
        return reject(Code::DomainRemoved, format!("domain {name} was removed"));
    }
    if feed.epoch != delegation.epoch {
        // Which history of an epoch that is over stands was said when the next one was opened.
        let detail =
            format!("epoch {} of the feed of domain {name}; epoch {} is in force", feed.epoch, delegation.epoch);
        return reject(Code::OldEpoch, detail);
    }
    if let Some(known) = read::containment(draft, name)? {
        return reject(
            Code::AlreadySo,
            format!("the fork of feed {name}/{} was reported at index {}", feed.epoch, known.index),
        );
    }
    let node_id = delegation.node_id;
    let Some(node) = read::node(draft, node_id)? else {
        return Err(Stop::State(
            Damage::new(format!("the delegation of domain {name}"), "names an unknown node").into(),
        ));
    };
    if proof.node_key != node.record.key {
        let detail = format!("key {} is not that of node {node_id}, which writes it", proof.node_key.fingerprint());
        return reject(Code::NotDelegated, detail);
    }
    let fork = proof.verify(&mesh.mesh_id).map_err(|error| Stop::Rejected(refusal(&error)))?;
    let digest = |hash: &mesh_tlog::Hash| Digest(*hash.as_bytes());
    let containment = Containment {
        domain: name.clone(),
        epoch: feed.epoch,
        node_id,
        index: at.index,
        stamp_unix_ms: at.stamp,
        reporter: *author,
        heads: [0, 1].map(|n: usize| (fork.heads[n].size, digest(&fork.heads[n].root))),
        root_at_smaller: digest(&fork.root_at_smaller),
    };
    draft.put(keys::containment(name), containment.encode());
    Ok(vec![Effect::FeedContained { domain: name.clone(), epoch: feed.epoch, node_id }])
}

/// The proof speaks for itself; who may bring it only bounds how much strangers write.
fn may_report<S: StateRead>(state: &S, mesh: &Mesh, author: &PublicKey, at: Moment) -> Decision<(), S> {
    let may = match read::key_purpose(state, author)? {
        Some(KeyPurpose::Node(id)) => {
            standing::node(state, id, || format!("there is no node {id}"))?;
            true
        }
        Some(KeyPurpose::Council) => mesh.council.seats.iter().any(|seat| seat.key == *author),
        Some(KeyPurpose::Root(domain)) => {
            read::root_in_force(state, &domain, at.stamp)?.is_some_and(|(keys, _)| keys.contains(author))
        }
        Some(KeyPurpose::RoleHolder) => {
            read::grants_of(state, author)?.iter().any(|entry| entry.grants.iter().any(Grant::is_held))
        }
        Some(KeyPurpose::Log | KeyPurpose::Cosigner | KeyPurpose::Recovery) | None => false,
    };
    if may {
        return Ok(());
    }
    let detail = format!("key {} is no node, seat, root key or role holder of this mesh", author.fingerprint());
    reject(Code::UnknownKey, detail)
}

/// In words of our own: a library's could differ between builds.
fn refusal(error: &FeedForkError) -> Rejection {
    match error {
        FeedForkError::Head(error) => malformed::head(error),
        FeedForkError::Consistency(_) => Rejection::new(error.code(), "the consistency proof does not hold"),
        FeedForkError::TooLarge(_)
        | FeedForkError::TooLong(_)
        | FeedForkError::Order { .. }
        | FeedForkError::NoFork => Rejection::new(error.code(), error.to_string()),
    }
}
