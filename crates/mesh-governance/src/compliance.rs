//! Who keeps the standards in force, and who would keep one that is proposed. Projections: never part of `apply`.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use mesh_model::{Descriptor, DomainName, Enforcement, Name, ProductId, Standard, UnixMs, Version, VersionId};
use mesh_policy::{Binding, Violation as Finding};

use crate::judge::{Case, FirstSealed, InForce};
use crate::policy::{Candidate, PolicyJudge, Standing, waiver_of};
use crate::read;
use crate::records::{GrantedWaiver, Product, SealedVersion, Status};
use crate::state::StateRead;

/// Products that are looked at together.
const PAGE: usize = 256;
/// Versions of a product among which the one that consumers see is looked for; a product whose last so many are all retired is over.
const VERSIONS: usize = 64;

/// How one product stands to one standard that is about it.
#[derive(Debug, Clone)]
pub struct Compliance {
    /// The version that was judged: the highest that is not retired.
    pub product: VersionId,
    /// The team that answers for it.
    pub owner: String,
    /// The standard.
    pub standard: Name,
    /// Its version in force.
    pub version: Version,
    /// What a violation does where the standard binds.
    pub enforcement: Enforcement,
    /// Where it stands.
    pub state: ComplianceState,
    /// Since when something does not hold, in ledger time: when the task of its owner opened. `None` while all holds.
    pub since: Option<UnixMs>,
    /// Since when the waiver holds that lets it off, in ledger time.
    pub waived_since: Option<UnixMs>,
    /// What does not hold.
    pub findings: Vec<Finding>,
}

/// Where a product stands to a standard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ComplianceState {
    /// Everything holds.
    Compliant,
    /// Something does not hold, and the standard does not bind yet.
    NotYet {
        /// The first moment at which it binds.
        from: UnixMs,
    },
    /// Something does not hold, and the product still has time.
    InGrace {
        /// The first moment at which it binds: when the task is due.
        until: UnixMs,
    },
    /// Something does not hold, and the council gave leave.
    Waived {
        /// The first moment at which it binds.
        until: UnixMs,
        /// Why.
        why: String,
    },
    /// Something does not hold, and the standard binds.
    Violating,
}

impl ComplianceState {
    fn of(binding: Binding, compliant: bool) -> Self {
        match binding {
            _ if compliant => Self::Compliant,
            Binding::NotYet { from } => Self::NotYet { from },
            Binding::InGrace { until } => Self::InGrace { until },
            Binding::Waived { until, why } => Self::Waived { until, why },
            Binding::Binds => Self::Violating,
        }
    }

    /// The word that people and JSON see.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Compliant => "compliant",
            Self::NotYet { .. } => "not yet",
            Self::InGrace { .. } => "in grace",
            Self::Waived { .. } => "waived",
            Self::Violating => "violating",
        }
    }
}

/// Every product against every standard in force that is about it.
///
/// # Errors
/// When the state can't be read.
pub fn compliance<S: StateRead>(
    state: &S,
    judge: &PolicyJudge,
    domain: Option<&DomainName>,
    now: UnixMs,
) -> Result<Vec<Compliance>, S::Error> {
    let standards = read::in_force(state, judge)?;
    if standards.is_empty() {
        return Ok(Vec::new());
    }
    let waivers: Vec<GrantedWaiver> = read::waivers(state)?.into_iter().filter(|waiver| waiver.holds_at(now)).collect();
    let mut all = Vec::new();
    each_product(state, domain, |judged| {
        let covering: Vec<GrantedWaiver> =
            waivers.iter().filter(|waiver| waiver.scope.covers(&judged.product.id)).cloned().collect();
        let case = Case {
            standards: &standards,
            descriptor: &judged.descriptor,
            previous: judged.previous.as_ref(),
            first_sealed: Some(judged.first_sealed),
            now,
            waivers: &covering,
        };
        for (one, standing) in standards.iter().zip(judge.standings(&case)) {
            let Some(standing) = standing.filter(|standing| standing.evaluation.applies || !standing.is_compliant())
            else {
                continue;
            };
            let compliant = standing.is_compliant();
            let state_now = ComplianceState::of(standing.binding.clone(), compliant);
            let waiver = waiver_of(one, &covering).filter(|_| matches!(state_now, ComplianceState::Waived { .. }));
            all.push(Compliance {
                product: judged.descriptor.version_id(),
                owner: judged.descriptor.owner.team.clone(),
                standard: one.standard.id.clone(),
                version: one.standard.version,
                enforcement: one.standard.enforcement,
                state: state_now,
                since: if compliant { None } else { Some(violated_since(state, judge, one, judged)?) },
                waived_since: waiver.map(|waiver| waiver.granted_unix_ms),
                findings: standing.findings().cloned().collect(),
            });
        }
        Ok(())
    })?;
    Ok(all)
}

/// When a task opened: when the first version was sealed since which the standard is violated without a break, in the order of the
/// ledger, or when the standard came into force, whichever is later. Only as many versions are looked at as a product is judged by.
fn violated_since<S: StateRead>(
    state: &S,
    judge: &PolicyJudge,
    standard: &InForce,
    judged: &Judged,
) -> Result<UnixMs, S::Error> {
    let mut since = judged.sealed.stamp_unix_ms;
    let mut earlier: Vec<&SealedVersion> =
        judged.versions.iter().filter(|version| version.ledger_index < judged.sealed.ledger_index).collect();
    earlier.sort_by_key(|version| Reverse(version.ledger_index));
    for version in earlier {
        if since <= standard.enacted_unix_ms {
            break;
        }
        let id = VersionId { product: judged.product.id.clone(), version: version.version };
        let (descriptor, previous) = judged_with(state, &id, version)?;
        let case = Case {
            standards: std::slice::from_ref(standard),
            descriptor: &descriptor,
            previous: previous.as_ref(),
            first_sealed: Some(judged.first_sealed),
            now: version.stamp_unix_ms,
            waivers: &[],
        };
        if judge.standings(&case).iter().flatten().all(Standing::is_compliant) {
            break;
        }
        since = version.stamp_unix_ms;
    }
    Ok(since.max(standard.enacted_unix_ms))
}

/// What a standard would mean for one product that does not keep it.
#[derive(Debug, Clone)]
pub struct Impact {
    /// The version that was judged.
    pub product: VersionId,
    /// The team that answers for it.
    pub owner: String,
    /// Until when a changed version would still pass with a warning, if the standard were enacted now; `None` for none.
    pub grace_until: Option<UnixMs>,
    /// What does not hold.
    pub findings: Vec<Finding>,
}

/// What a standard would mean for the products that exist.
#[derive(Debug, Clone, Default)]
pub struct Preview {
    /// The products that would not keep it, by domain.
    pub impact: BTreeMap<DomainName, Vec<Impact>>,
    /// How many were looked at.
    pub products: usize,
}

/// Which products would violate a standard if it were enacted now.
///
/// # Errors
/// The state's; within that, every flaw of the standard.
pub fn preview<S: StateRead>(
    state: &S,
    standard: &Standard,
    now: UnixMs,
) -> Result<Result<Preview, Vec<String>>, S::Error> {
    let candidate = match Candidate::new(standard, now) {
        Ok(candidate) => candidate,
        Err(flaws) => return Ok(Err(flaws)),
    };
    let mut preview = Preview::default();
    each_product(state, None, |judged| {
        preview.products += 1;
        let previous = judged.previous.as_ref().map(|previous| previous.version);
        let (binding, findings) = candidate.ask(&judged.descriptor, previous, judged.first_sealed.stamp_unix_ms);
        if findings.is_empty() {
            return Ok(());
        }
        let grace_until = match binding {
            Binding::InGrace { until } | Binding::Waived { until, .. } => Some(until),
            Binding::NotYet { from } => {
                Some(from.saturating_add(u64::from(standard.grace_days) * 24 * 60 * 60 * 1_000))
            }
            Binding::Binds => None,
        };
        let product = judged.descriptor.version_id();
        let owner = judged.descriptor.owner.team.clone();
        preview.impact.entry(judged.product.id.domain.clone()).or_default().push(Impact {
            product,
            owner,
            grace_until,
            findings,
        });
        Ok(())
    })?;
    Ok(Ok(preview))
}

/// A product as standards see it.
pub(crate) struct Judged {
    pub(crate) product: Product,
    /// The version that consumers see.
    pub(crate) sealed: SealedVersion,
    pub(crate) descriptor: Descriptor,
    pub(crate) previous: Option<Descriptor>,
    pub(crate) first_sealed: FirstSealed,
    /// The versions among which it was found, highest first.
    pub(crate) versions: Vec<SealedVersion>,
}

/// A sealed version, and the one that rules compare it with.
fn judged_with<S: StateRead>(
    state: &S,
    id: &VersionId,
    sealed: &SealedVersion,
) -> Result<(Descriptor, Option<Descriptor>), S::Error> {
    let previous = match read::version_below(state, id)? {
        Some(previous) => Some(read::descriptor_in(state, previous.ledger_index)?),
        None => None,
    };
    Ok((read::descriptor_in(state, sealed.ledger_index)?, previous))
}

/// Hands over every product that has a version which is not retired.
pub(crate) fn each_product<S: StateRead>(
    state: &S,
    domain: Option<&DomainName>,
    mut take: impl FnMut(&Judged) -> Result<(), S::Error>,
) -> Result<(), S::Error> {
    let mut after: Option<ProductId> = None;
    loop {
        let page = read::products(state, domain, after.as_ref(), PAGE)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.id.clone());
        for product in page {
            let versions = read::versions(state, &product.id, true, VERSIONS)?;
            let shown = versions.iter().find(|version| version.status(&product) != Status::Retired).cloned();
            let Some(shown) = shown else { continue };
            let id = VersionId { product: product.id.clone(), version: shown.version };
            let (descriptor, previous) = judged_with(state, &id, &shown)?;
            let index = product.first_index;
            let first = if index == shown.ledger_index { None } else { read::leaf(state, index)? };
            let stamp_unix_ms = first.map_or(shown.stamp_unix_ms, |leaf| leaf.stamp_unix_ms);
            let first_sealed = FirstSealed { index, stamp_unix_ms };
            take(&Judged { product, sealed: shown, descriptor, previous, first_sealed, versions })?;
        }
    }
}
