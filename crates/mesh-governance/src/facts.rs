//! Who may state a fact about a product: what the home of the domain asks before it appends one to the domain's feed.
//!
//! Nothing here is part of `apply`: facts never reach the ledger. Roles and products are those of the ledger that the event names.

use mesh_event::fact::{PortScope, RequestAccess};
use mesh_event::federation::FEDERATION_PROTOCOL;
use mesh_event::{Fact, FactBody};
use mesh_model::{Action, Code, Descriptor, DomainName, OverflowPart, ProductId, Version, VersionId};

use crate::decision::{Decision, Rejection, Stop, reject, split};
use crate::records::Status;
use crate::state::{Damage, StateRead};
use crate::{actor, authority, read};

/// Whether a domain's home may take a fact. `consumer` is the domain that asks for access, or did; `at_ledger_size` is the ledger size that
/// the event will name.
///
/// # Errors
/// When the state cannot be read or is damaged.
pub fn admit_fact<S: StateRead>(
    state: &S,
    fact: &Fact,
    consumer: &DomainName,
    at_ledger_size: u64,
) -> Result<Result<(), Rejection>, S::Error> {
    split(fit(state, fact, consumer, at_ledger_size))
}

/// Whether its author had the role for a fact when its home had applied so many leaves: what a copy asks of a fact that its home took, whatever
/// came later.
///
/// # Errors
/// When the state cannot be read or is damaged.
pub fn may_state<S: StateRead>(
    state: &S,
    fact: &Fact,
    consumer: &DomainName,
    at_ledger_size: u64,
) -> Result<Result<(), Rejection>, S::Error> {
    split(role(state, fact, consumer, at_ledger_size))
}

/// Whether a grant to a domain counts for anything now: neither of the two is suspended or removed, and there is something to read.
///
/// # Errors
/// When the state cannot be read or is damaged.
pub fn grants_count<S: StateRead>(
    state: &S,
    product: &ProductId,
    major: u32,
    consumer: &DomainName,
) -> Result<Result<(), Rejection>, S::Error> {
    let counts = || {
        authority::active_domain(state, &product.domain)?;
        authority::active_domain(state, consumer)?;
        standing(state, product, major).map(|_| ())
    };
    split(counts())
}

fn role<S: StateRead>(state: &S, fact: &Fact, consumer: &DomainName, at_ledger_size: u64) -> Decision<(), S> {
    let (action, domain) = match &fact.body {
        FactBody::RequestAccess(_) | FactBody::CancelAccess(_) => (Action::RequestAccess, consumer),
        FactBody::ApproveAccess(_) | FactBody::DenyAccess(_) => (Action::DecideAccess, &fact.domain),
        FactBody::RevokeAccess(_) => (Action::RevokeAccess, &fact.domain),
    };
    actor::check(state, &fact.author, action, domain, at_ledger_size)
}

fn fit<S: StateRead>(state: &S, fact: &Fact, consumer: &DomainName, at_ledger_size: u64) -> Decision<(), S> {
    let in_force = read::mesh(state)?.map_or(0, |mesh| mesh.protocol_version);
    if in_force < FEDERATION_PROTOCOL {
        let detail = format!("facts exist from protocol {FEDERATION_PROTOCOL} on; {in_force} is in force");
        return reject(Code::UnsupportedCommand, detail);
    }
    role(state, fact, consumer, at_ledger_size)?;
    match &fact.body {
        FactBody::RequestAccess(body) => {
            authority::active_domain(state, &fact.domain)?;
            authority::active_domain(state, consumer)?;
            asked(state, body)
        }
        FactBody::ApproveAccess(body) => {
            authority::active_domain(state, &fact.domain)?;
            authority::active_domain(state, consumer)?;
            standing(state, &body.product, body.major).map(|_| ())
        }
        // Whatever became of a domain: what it granted ends, and what waits is answered.
        FactBody::DenyAccess(_) | FactBody::CancelAccess(_) | FactBody::RevokeAccess(_) => Ok(()),
    }
}

/// Whether there is what was asked for.
fn asked<S: StateRead>(state: &S, body: &RequestAccess) -> Decision<(), S> {
    let version = standing(state, &body.product, body.major)?;
    let Some(descriptor) = read::descriptor_of(state, &version)? else {
        return Err(Stop::State(Damage::new(format!("version {version}"), "has no descriptor").into()));
    };
    for part in &body.scope {
        if let Some(missing) = missing(&descriptor, part) {
            return reject(Code::BadRequest, format!("{version} has no {missing}"));
        }
    }
    Ok(())
}

/// The highest version of a major that is not retired.
fn standing<S: StateRead>(state: &S, id: &ProductId, major: u32) -> Decision<VersionId, S> {
    let Some(product) = read::product(state, id)? else {
        return reject(Code::UnknownProduct, format!("there is no product {id}"));
    };
    let behind = VersionId { product: id.clone(), version: Version::new(major, u32::MAX, u32::MAX) };
    let highest = read::version_below(state, &behind)?.filter(|sealed| sealed.version.major == major);
    let Some(highest) = highest else {
        return reject(Code::UnknownVersion, format!("{id} has no version of major {major}"));
    };
    let counts = read::major(state, id, major)?;
    if product.status() == Status::Retired || counts.retired == counts.versions {
        return reject(Code::Retired, format!("major {major} of {id} is retired"));
    }
    Ok(VersionId { product: id.clone(), version: highest.version })
}

/// What a product does not have of a scope. What overflowed into attachments is not looked for: it may be there.
fn missing(descriptor: &Descriptor, part: &PortScope) -> Option<String> {
    let overflowed = |which| descriptor.overflow.iter().any(|overflow| overflow.part == which);
    let port = &part.port;
    let Some(found) = descriptor.outputs.iter().find(|output| output.name == *port) else {
        return (!overflowed(OverflowPart::Ports)).then(|| format!("output port {port}"));
    };
    if overflowed(OverflowPart::Fields) {
        return None;
    }
    let serves = |name: &String| found.datasets.is_empty() || found.datasets.contains(name);
    let datasets = || descriptor.datasets.iter().filter(|dataset| serves(&dataset.name));
    // A port may serve what nobody declared.
    if datasets().all(|dataset| dataset.fields.is_empty()) {
        return None;
    }
    let knows = |field: &&String| datasets().flat_map(|dataset| &dataset.fields).any(|known| known.name == **field);
    part.fields.iter().find(|field| !knows(field)).map(|field| format!("field {field} at port {port}"))
}
