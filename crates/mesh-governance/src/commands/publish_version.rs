//! PublishVersion: seals a version of a product.

use mesh_event::command::PublishVersion;
use mesh_event::{SignedCommand, descriptor_digest};
use mesh_model::change::{required_bump, step};
use mesh_model::{Action, Bump, Code, Descriptor, Digest, ProductId, VersionId, compare};

use crate::actor;
use crate::applied::Effect;
use crate::apply::Moment;
use crate::authority::active_domain;
use crate::decision::{Decision, Stop, reject};
use crate::judge::{Bench, Case, FirstSealed, Violation};
use crate::overlay::Overlay;
use crate::records::{LastSealed, Product, Record as _, SealedVersion};
use crate::state::{Damage, StateRead};
use crate::{keys, read};

pub(crate) fn apply<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    command: &SignedCommand,
    body: &PublishVersion,
    ledger_size: u64,
    at: Moment,
    bench: &Bench<'_>,
) -> Decision<Vec<Effect>, S> {
    let descriptor = &body.descriptor;
    let (id, digest) = (descriptor.version_id(), descriptor_digest(descriptor));
    let author = command.command().author;

    let flaws = descriptor.check();
    if !flaws.is_empty() {
        let all: Vec<String> = flaws.iter().map(ToString::to_string).collect();
        return reject(Code::InvalidProduct, all.join("; "));
    }
    active_domain(draft, &descriptor.domain)?;
    actor::check(draft, &author, Action::PublishVersion, &descriptor.domain, ledger_size)?;
    let product = read::product(draft, &id.product)?;
    not_retired(draft, product.as_ref(), &id)?;
    not_sealed(draft, &id, &digest)?;
    planned_against_last(draft, product.as_ref(), &id.product, body.planned_against)?;
    names_nothing_erased(draft, descriptor)?;
    let previous = match read::version_below(draft, &id)? {
        Some(previous) => Some(read::descriptor_in(draft, previous.ledger_index)?),
        None => None,
    };
    if let Some(before) = &previous {
        stands_for_change::<S>(before, descriptor, &body.overflow_breaks)?;
    }
    let violations = judged(draft, product.as_ref(), descriptor, previous.as_ref(), at, bench)?;

    write(draft, command, product, &id, digest, at)?;
    let mut effects = vec![Effect::VersionSealed { id: id.clone(), digest }];
    if !violations.is_empty() {
        effects.push(Effect::Violated { id, violations });
    }
    Ok(effects)
}

/// What was erased stays so: nobody brings it back under a new version.
fn names_nothing_erased<S: StateRead>(state: &S, descriptor: &Descriptor) -> Decision<(), S> {
    for attachment in &descriptor.attachments {
        if let Some(erased) = read::erasure(state, &descriptor.domain, &attachment.digest)? {
            let detail = format!(
                "the attachment {} ({}) was erased at index {}",
                attachment.name,
                attachment.digest.short(),
                erased.index
            );
            return reject(Code::Erased, detail);
        }
    }
    Ok(())
}

/// What the standards in force say of it; those that refuse it end here.
fn judged<S: StateRead>(
    state: &S,
    product: Option<&Product>,
    descriptor: &Descriptor,
    previous: Option<&Descriptor>,
    at: Moment,
    bench: &Bench<'_>,
) -> Decision<Vec<Violation>, S> {
    let standards = read::in_force(state, bench.judge)?;
    if standards.is_empty() {
        return Ok(Vec::new());
    }
    let first_sealed = match product {
        None => None,
        Some(product) => {
            let index = product.first_index;
            let Some(leaf) = read::leaf(state, index)? else {
                return Err(Stop::State(Damage::new(format!("leaf {index}"), "is missing").into()));
            };
            Some(FirstSealed { index, stamp_unix_ms: leaf.stamp_unix_ms })
        }
    };
    let waivers = read::waivers_of(state, &descriptor.id(), at.stamp)?;
    let (standards, waivers, now) = (&standards[..], &waivers[..], at.stamp);
    let verdict = bench.hear(&Case { standards, descriptor, previous, first_sealed, now, waivers });
    if !verdict.refused {
        return Ok(verdict.violations);
    }
    let blocking = verdict.violations.iter().filter(|violation| violation.blocks);
    let texts: Vec<String> = blocking.map(ToString::to_string).collect();
    // A line for each: whoever is told can take them apart again.
    reject(Code::StandardViolated, texts.join("\n"))
}

fn not_retired<S: StateRead>(state: &S, product: Option<&Product>, id: &VersionId) -> Decision<(), S> {
    if let Some(ended) = product.and_then(|product| product.retirement.as_ref()) {
        return reject(Code::Retired, format!("{} was retired at index {}", id.product, ended.index));
    }
    let major = read::major(state, &id.product, id.version.major)?;
    if major.versions > 0 && major.retired == major.versions {
        let detail = format!("every version of major {} of {} is retired", id.version.major, id.product);
        return reject(Code::Retired, detail);
    }
    Ok(())
}

fn not_sealed<S: StateRead>(state: &S, id: &VersionId, digest: &Digest) -> Decision<(), S> {
    match read::version(state, id)? {
        None => Ok(()),
        Some(sealed) if sealed.descriptor_digest == *digest => {
            reject(Code::AlreadySo, format!("{id} was sealed with this content at index {}", sealed.ledger_index))
        }
        Some(sealed) => reject(
            Code::VersionConflict,
            format!("{id} was sealed with other content at index {}", sealed.ledger_index),
        ),
    }
}

fn planned_against_last<S: StateRead>(
    state: &S,
    product: Option<&Product>,
    id: &ProductId,
    planned_against: Option<Digest>,
) -> Decision<(), S> {
    let last = product.map(|product| product.last_sealed);
    if last.map(|last| last.digest) == planned_against {
        return Ok(());
    }
    let Some(last) = last else {
        return reject(Code::StalePlan, format!("{id} has no version yet; it was planned against one"));
    };
    let sealed = VersionId { product: id.clone(), version: last.version };
    let Some(version) = read::version(state, &sealed)? else {
        return Err(Stop::State(Damage::new(sealed.to_string(), "is missing").into()));
    };
    let author = version.author.fingerprint();
    reject(Code::StalePlan, format!("the last version is {sealed}, by key {author} at index {}", last.index))
}

/// Whether the step from the version before is as large as what changed.
fn stands_for_change<S: StateRead>(
    before: &Descriptor,
    after: &Descriptor,
    overflow_breaks: &[String],
) -> Decision<(), S> {
    let changes = compare(before, after);
    let needed = if overflow_breaks.is_empty() { required_bump(&changes) } else { Bump::Major };
    let taken = step(before.version, after.version);
    if taken >= needed {
        return Ok(());
    }
    let (from, to) = (before.version, after.version);
    if needed < Bump::Major {
        let added = changes.iter().filter(|change| change.bump == needed).map(|change| change.path.as_str());
        let added: Vec<&str> = added.collect();
        let detail = format!("from {from} to {to} raises the patch; a minor is needed for {}", added.join(", "));
        return reject(Code::VersionTooLow, detail);
    }
    let seen = changes.iter().filter_map(|change| Some(format!("{}: {}", change.path, change.breaks.as_ref()?)));
    let overflowed = overflow_breaks.iter().map(|path| format!("{path}: breaks in an attachment"));
    let breaks: Vec<String> = seen.chain(overflowed).collect();
    reject(Code::BreakingChange, format!("from {from} to {to}: {}", breaks.join("; ")))
}

fn write<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    command: &SignedCommand,
    product: Option<Product>,
    id: &VersionId,
    digest: Digest,
    at: Moment,
) -> Decision<(), S> {
    let last_sealed = LastSealed { version: id.version, digest, index: at.index };
    let mut product = product.unwrap_or_else(|| Product {
        id: id.product.clone(),
        first_index: at.index,
        last_sealed,
        highest: id.version,
        versions: 0,
        active: 0,
        retired: 0,
        deprecation: None,
        retirement: None,
    });
    product.last_sealed = last_sealed;
    product.highest = product.highest.max(id.version);
    product.versions += 1;
    product.active += 1;
    let mut major = read::major(draft, &id.product, id.version.major)?;
    major.versions += 1;
    let payload = command.envelope().payload().len();
    let version = SealedVersion {
        version: id.version,
        ledger_index: at.index,
        stamp_unix_ms: at.stamp,
        author: command.command().author,
        descriptor_digest: digest,
        payload_bytes: u32::try_from(payload).expect("an envelope has at most 60 KiB"),
        deprecation: None,
        retirement: None,
    };
    draft.put(keys::product(&id.product), product.encode());
    draft.put(keys::major(&id.product, id.version.major), major.encode());
    draft.put(keys::version(&id.product, id.version), version.encode());
    Ok(())
}
