//! Who may state a fact about a product: what the home of the domain asks before it appends one to the domain's feed.
//!
//! Nothing here is part of `apply`: facts never reach the ledger. Roles and products are those of the ledger that the event names.

use std::collections::BTreeSet;

use mesh_event::fact::{PortScope, QualityCheck, QualityRun};
use mesh_event::federation::FEDERATION_PROTOCOL;
use mesh_event::{Fact, FactBody};
use mesh_model::{
    Action, Code, Descriptor, DomainName, OutputPort, OverflowPart, ProductId, PublicKey, UnixMs, Version, VersionId,
};

use crate::decision::{Decision, Rejection, Stop, reject, split};
use crate::records::Status;
use crate::state::{Damage, StateRead};
use crate::{actor, authority, read};

/// What a fact is judged by, beside the state.
#[derive(Debug, Clone, Copy)]
pub struct FactCase<'a> {
    /// The fact.
    pub fact: &'a Fact,
    /// Who signed it.
    pub signers: &'a BTreeSet<PublicKey>,
    /// The domain that asks for access, or did, where the fact is about a request.
    pub consumer: Option<&'a DomainName>,
    /// The ledger size that the event names, or will name.
    pub at_ledger_size: u64,
    /// Whether a home took it before: a former one, or the one whose feed this is a copy of. What only takes away is then taken from whoever ever
    /// had the role: they may have left since, and what they ended must not come back for that.
    pub was_taken: bool,
}

/// Whether a domain's home may take a fact now.
///
/// # Errors
/// When the state cannot be read or is damaged.
pub fn admit_fact<S: StateRead>(
    state: &S,
    case: &FactCase<'_>,
    now: UnixMs,
) -> Result<Result<(), Rejection>, S::Error> {
    split(fit(state, case, now))
}

/// Whether its author had the role for a fact when its home had applied so many leaves: what a copy asks of a fact that its home took, whatever
/// came later. Who a root named is not judged here: whoever relies on it asks for the root in force.
///
/// # Errors
/// When the state cannot be read or is damaged.
pub fn may_state<S: StateRead>(state: &S, case: &FactCase<'_>) -> Result<Result<(), Rejection>, S::Error> {
    split(role(state, case))
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

fn role<S: StateRead>(state: &S, case: &FactCase<'_>) -> Decision<(), S> {
    let FactCase { fact, consumer, at_ledger_size, was_taken, .. } = *case;
    let check = |action, domain: &DomainName| {
        let had = || -> Result<bool, S::Error> {
            let here = read::grants_in(state, &fact.author, Some(domain))?;
            let everywhere = read::grants_in(state, &fact.author, None)?;
            Ok([here, everywhere].iter().any(|grants| grants.ever_allowed(action, at_ledger_size)))
        };
        if was_taken && takes_away(&fact.body) && had()? {
            return Ok(());
        }
        actor::check(state, &fact.author, action, domain, at_ledger_size)
    };
    let consumer = || match consumer {
        Some(consumer) => Ok(consumer),
        None => Err(Stop::Rejected(Rejection::new(Code::UnknownRequest, "it is about no request for access"))),
    };
    match &fact.body {
        FactBody::RequestAccess(_) | FactBody::CancelAccess(_) => check(Action::RequestAccess, consumer()?),
        FactBody::ApproveAccess(_)
        | FactBody::DenyAccess(_)
        | FactBody::SetAccessRule(_)
        | FactBody::EndAccessRule(_) => check(Action::DecideAccess, &fact.domain),
        FactBody::RevokeAccess(_) | FactBody::EndIssuer(_) => check(Action::RevokeAccess, &fact.domain),
        // Whoever lost it, or found it.
        FactBody::RevokeToken(_) => match check(Action::RequestAccess, consumer()?) {
            Err(Stop::Rejected(_)) => check(Action::RevokeAccess, &fact.domain),
            decided => decided,
        },
        FactBody::ReportQuality(_) => check(Action::ReportQuality, &fact.domain),
        FactBody::GrantIssuer(_) => Ok(()),
    }
}

/// Whether a fact only ends what there was.
fn takes_away(body: &FactBody) -> bool {
    match body {
        FactBody::DenyAccess(_)
        | FactBody::CancelAccess(_)
        | FactBody::RevokeAccess(_)
        | FactBody::EndAccessRule(_)
        | FactBody::EndIssuer(_)
        | FactBody::RevokeToken(_) => true,
        FactBody::RequestAccess(_)
        | FactBody::ApproveAccess(_)
        | FactBody::SetAccessRule(_)
        | FactBody::GrantIssuer(_)
        | FactBody::ReportQuality(_) => false,
    }
}

fn fit<S: StateRead>(state: &S, case: &FactCase<'_>, now: UnixMs) -> Decision<(), S> {
    let in_force = read::mesh(state)?.map_or(0, |mesh| mesh.protocol_version);
    if in_force < FEDERATION_PROTOCOL {
        let detail = format!("facts exist from protocol {FEDERATION_PROTOCOL} on; {in_force} is in force");
        return reject(Code::UnsupportedCommand, detail);
    }
    role(state, case)?;
    let domain = &case.fact.domain;
    match &case.fact.body {
        FactBody::RequestAccess(body) => {
            authority::active_domain(state, domain)?;
            authority::active_domain(state, &body.consumer)?;
            offers(state, &body.product, body.major, &body.scope)
        }
        FactBody::ApproveAccess(body) => {
            authority::active_domain(state, domain)?;
            authority::active_domain(state, &body.consumer)?;
            standing(state, &body.product, body.major).map(|_| ())
        }
        FactBody::SetAccessRule(body) => {
            authority::active_domain(state, domain)?;
            for consumer in &body.consumers {
                authority::active_domain(state, consumer)?;
            }
            offers(state, &body.product, body.major, &body.scope)
        }
        FactBody::GrantIssuer(body) => {
            let mut owner = authority::active_domain(state, domain)?;
            if let Some(epoch) = body.epoch
                && owner.delegation.as_ref().is_none_or(|home| home.epoch != epoch)
            {
                return reject(Code::OldEpoch, format!("epoch {epoch} of the feed of {domain} is not in force"));
            }
            if let Some(purpose) = read::key_purpose(state, &body.key)? {
                return reject(Code::KeyInUse, format!("key {} is {purpose}", body.key.fingerprint()));
            }
            if let Some((root_keys, root_threshold)) = read::root_in_force(state, domain, now)? {
                (owner.root_keys, owner.root_threshold) = (root_keys, root_threshold);
            }
            authority::root::<S>(&owner, case.signers)
        }
        FactBody::ReportQuality(run) => {
            authority::active_domain(state, domain)?;
            measured(state, run)
        }
        // Whatever became of a domain: what it granted ends, and what waits is answered.
        FactBody::DenyAccess(_)
        | FactBody::CancelAccess(_)
        | FactBody::RevokeAccess(_)
        | FactBody::EndAccessRule(_)
        | FactBody::EndIssuer(_)
        | FactBody::RevokeToken(_) => Ok(()),
    }
}

/// Whether a quality run is of a version that stands, as it was sealed.
fn measured<S: StateRead>(state: &S, run: &QualityRun) -> Decision<(), S> {
    let id = &run.version;
    let (Some(product), Some(sealed)) = (read::product(state, &id.product)?, read::version(state, id)?) else {
        return reject(Code::UnknownVersion, format!("{id} is not sealed"));
    };
    if sealed.status(&product) == Status::Retired {
        return reject(Code::Retired, format!("{id} is retired"));
    }
    if sealed.descriptor_digest != run.descriptor {
        let text = format!("{id} was sealed with other content than the run was made for");
        return reject(Code::BadRun, text);
    }
    let Some(descriptor) = read::descriptor_of(state, id)? else {
        return Err(Stop::State(Damage::new(format!("version {id}"), "has no descriptor").into()));
    };
    // What a broken rule means is the version's to say.
    let declared = |check: &&QualityCheck| {
        let rule = descriptor.quality_rules.iter().find(|rule| rule.name == check.name);
        rule.is_some_and(|rule| rule.severity != check.severity)
    };
    if let Some(check) = run.checks.iter().find(declared) {
        return reject(Code::BadRun, format!("{id} declares rule {} with another severity", check.name));
    }
    let port = PortScope { port: run.port.clone(), fields: Vec::new() };
    if let Some(missing) = lacks(&descriptor, &port) {
        return reject(Code::BadRun, format!("{id} has no {missing}"));
    }
    // Where ports overflowed, the contract may stand there.
    let found = descriptor.outputs.iter().find(|output| output.name == run.port);
    let contract = |output: &OutputPort| output.contract.as_ref().and_then(|contract| contract.digest);
    if found.is_some_and(|output| contract(output) != run.contract) {
        let text = format!("port {} of {id} has another contract than the run was made for", run.port);
        return reject(Code::BadRun, text);
    }
    Ok(())
}

/// Whether a product has what a scope names.
fn offers<S: StateRead>(state: &S, product: &ProductId, major: u32, scope: &[PortScope]) -> Decision<(), S> {
    let version = standing(state, product, major)?;
    let Some(descriptor) = read::descriptor_of(state, &version)? else {
        return Err(Stop::State(Damage::new(format!("version {version}"), "has no descriptor").into()));
    };
    for part in scope {
        if let Some(missing) = lacks(&descriptor, part) {
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

/// What a product does not have of a scope, in words. What overflowed into attachments is not looked for: it may be there.
pub fn lacks(descriptor: &Descriptor, part: &PortScope) -> Option<String> {
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
