//! What a history comes to at a moment.

use std::collections::{BTreeMap, BTreeSet};

use mesh_model::{DomainName, ProductId, UnixMs};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::history::{History, ProductLife};

/// In what something is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unit {
    /// Milliseconds.
    #[serde(rename = "ms")]
    Milliseconds,
    /// Percent.
    #[serde(rename = "%")]
    Percent,
    /// A number of products.
    #[serde(rename = "products")]
    Products,
}

/// One measure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measure {
    /// Its name, as in the table of this crate.
    pub name: String,
    /// The number; `None` where there is nothing to measure.
    pub value: Option<Decimal>,
    /// In what.
    pub unit: Unit,
    /// Over how many: requests, products, proposals or domains.
    pub of: u64,
}

/// One domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainInsights {
    /// Which.
    pub domain: DomainName,
    /// Its products with a version that stands.
    pub active_products: u64,
    /// Those of them that another domain uses.
    pub used_by_others: u64,
    /// Products of other domains that it uses.
    pub uses_of_others: u64,
    /// Those of its active products that were measured.
    pub measured: u64,
    /// Those of them of which every promise of severity error is kept.
    pub kept: u64,
    /// Requests for its products that nobody decided.
    pub requests_waiting: u64,
}

/// The measures at a moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Insights {
    /// Which moment.
    pub at_unix_ms: UnixMs,
    /// Of the whole mesh, in the order of the table of this crate.
    pub measures: Vec<Measure>,
    /// Domain by domain.
    pub domains: Vec<DomainInsights>,
}

/// The lower of the two in the middle.
fn median(mut values: Vec<u64>) -> Option<u64> {
    values.sort_unstable();
    values.get(values.len().checked_sub(1)? / 2).copied()
}

/// In tenths of a percent, halves up.
fn share(part: u64, whole: u64) -> Option<Decimal> {
    let tenths = (part * 2_000 + whole).checked_div(whole * 2)?;
    Some(Decimal::new(i64::try_from(tenths).ok()?, 1))
}

fn number(value: u64) -> Option<Decimal> {
    i64::try_from(value).ok().map(Decimal::from)
}

/// Which products stand, and who uses which, at a moment.
struct Standing<'a> {
    active: BTreeMap<&'a ProductId, &'a ProductLife>,
    /// Product and the other domain that uses it.
    uses: BTreeSet<(&'a ProductId, &'a DomainName)>,
}

impl<'a> Standing<'a> {
    fn of(history: &'a History, moment: UnixMs) -> Self {
        let stands = |life: &&ProductLife| life.versions.iter().any(|version| version.stands(moment));
        let active: BTreeMap<&ProductId, &ProductLife> =
            history.products.iter().filter(|(_, life)| stands(life)).collect();
        let mut uses = BTreeSet::new();
        for (id, life) in &active {
            let versions = life.versions.iter().filter(|version| version.stands(moment));
            let inputs = versions.flat_map(|version| &version.inputs).filter(|input| input.domain != id.domain);
            uses.extend(inputs.map(|input| (input, &id.domain)));
        }
        for request in &history.requests {
            let holds = request.granted_unix_ms.is_some_and(|granted| granted <= moment)
                && request.ended_unix_ms.is_none_or(|ended| ended > moment);
            if holds && request.consumer != request.product.domain {
                uses.insert((&request.product, &request.consumer));
            }
        }
        uses.retain(|(product, _)| active.contains_key(product));
        Self { active, uses }
    }

    fn used(&self) -> BTreeSet<&ProductId> {
        self.uses.iter().map(|(product, _)| *product).collect()
    }
}

/// When another domain first used each product, as far as that was before a moment.
fn first_uses(history: &History, moment: UnixMs) -> BTreeMap<&ProductId, UnixMs> {
    let mut first: BTreeMap<&ProductId, UnixMs> = BTreeMap::new();
    let mut use_of = |product, at: UnixMs| {
        if at <= moment {
            first.entry(product).and_modify(|known| *known = at.min(*known)).or_insert(at);
        }
    };
    for request in history.requests.iter().filter(|request| request.consumer != request.product.domain) {
        if let Some(granted) = request.granted_unix_ms {
            use_of(&request.product, granted);
        }
    }
    for (id, life) in &history.products {
        for version in &life.versions {
            for input in version.inputs.iter().filter(|input| input.domain != id.domain) {
                use_of(input, version.sealed_unix_ms);
            }
        }
    }
    first
}

impl Insights {
    /// What a history comes to at a moment; what happened later is left out.
    pub fn at(history: &History, moment: UnixMs) -> Self {
        let standing = Standing::of(history, moment);
        let domains: Vec<&DomainName> =
            history.domains.iter().filter(|(_, admitted)| **admitted <= moment).map(|(name, _)| name).collect();
        let measures = measures(history, &standing, &domains, moment);
        let domains = domains.into_iter().map(|name| domain(history, &standing, name, moment)).collect();
        Self { at_unix_ms: moment, measures, domains }
    }

    /// One measure by its name.
    pub fn measure(&self, name: &str) -> Option<&Measure> {
        self.measures.iter().find(|measure| measure.name == name)
    }
}

fn measures(history: &History, standing: &Standing<'_>, domains: &[&DomainName], moment: UnixMs) -> Vec<Measure> {
    let count = |values: usize| values as u64;
    let granted = history.requests.iter().filter_map(|request| {
        let granted = request.granted_unix_ms.filter(|granted| *granted <= moment)?;
        Some(granted.saturating_sub(request.asked_unix_ms))
    });
    let first_uses = first_uses(history, moment);
    let until_used = first_uses.iter().filter_map(|(product, used)| {
        let first = history.products.get(product)?.versions.iter().map(|version| version.sealed_unix_ms).min()?;
        // A product that was named as an input before it was there had its consumer at once.
        (first <= moment).then(|| used.saturating_sub(first))
    });
    let enacted = history.proposals.iter().filter_map(|proposal| {
        let enacted = proposal.enacted_unix_ms.filter(|enacted| *enacted <= moment)?;
        Some(enacted.saturating_sub(proposal.opened_unix_ms))
    });
    let active = count(standing.active.len());
    let kept: Vec<bool> = standing.active.keys().filter_map(|id| history.kept.get(id).copied()).collect();
    let (measured, met) = (count(kept.len()), count(kept.iter().filter(|kept| **kept).count()));
    let with_products: BTreeSet<&DomainName> = standing.active.keys().map(|id| &id.domain).collect();
    let adopted = count(domains.iter().filter(|name| with_products.contains(*name)).count());
    let time = |name: &str, values: Vec<u64>| Measure {
        name: name.to_owned(),
        of: count(values.len()),
        value: median(values).and_then(number),
        unit: Unit::Milliseconds,
    };
    let part = |name: &str, part: u64, of: u64| Measure {
        name: name.to_owned(),
        value: share(part, of),
        unit: Unit::Percent,
        of,
    };
    let all = Measure { name: "active_products".to_owned(), value: number(active), unit: Unit::Products, of: active };
    vec![
        time("time_to_access", granted.collect()),
        time("time_to_first_consumer", until_used.collect()),
        part("cross_domain_use", count(standing.used().len()), active),
        part("quality_met", met, measured),
        part("quality_measured", measured, active),
        time("proposal_wait", enacted.collect()),
        all,
        part("adoption", adopted, count(domains.len())),
    ]
}

fn domain(history: &History, standing: &Standing<'_>, name: &DomainName, moment: UnixMs) -> DomainInsights {
    let count = |values: usize| values as u64;
    let own = || standing.active.keys().filter(|id| id.domain == *name);
    let kept: Vec<bool> = own().filter_map(|id| history.kept.get(id).copied()).collect();
    let used = standing.used();
    let waits = history.requests.iter().filter(|request| {
        let is_answered = [request.granted_unix_ms, request.ended_unix_ms].iter().flatten().any(|at| *at <= moment);
        request.product.domain == *name && request.asked_unix_ms <= moment && !is_answered
    });
    DomainInsights {
        domain: name.clone(),
        active_products: count(own().count()),
        used_by_others: count(own().filter(|id| used.contains(*id)).count()),
        uses_of_others: count(standing.uses.iter().filter(|(_, consumer)| *consumer == name).count()),
        measured: count(kept.len()),
        kept: count(kept.iter().filter(|kept| **kept).count()),
        requests_waiting: count(waits.count()),
    }
}
