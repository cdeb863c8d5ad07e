//! A domain's own rules: local governance beside the standards of the mesh.
//!
//! They lie in the domain's feed and never reach the ledger, so nothing here is part of `apply`: the domain's home node asks
//! it before it takes a set of rules, and before it appends a publish that the standards in force would let pass. They are one
//! more thing that has to hold. A product that a standard refuses stays refused; other domains' products, deprecations
//! and retirements are not looked at.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use mesh_event::{SignedRules, standard_digest};
use mesh_model::{
    Action, Code, Descriptor, DomainName, LedgerIndex, Name, RuleSeverity, StandardKind, UnixMs, Version, VersionId,
    limits,
};
use mesh_policy::{Binding, Effect, Violation as Finding};

use crate::actor;
use crate::apply::moment;
use crate::authority;
use crate::decision::{Decision, Rejection, reject, split};
use crate::judge::{Case, FirstSealed, InForce, Judge};
use crate::overlay::Overlay;
use crate::policy::{PolicyJudge, Standing};
use crate::read;
use crate::roots;
use crate::standard_form::standard_flaws;
use crate::state::{Damage, StateRead};

/// A domain's own rules in force, ready to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnRules {
    domain: DomainName,
    rules: Vec<InForce>,
}

impl OwnRules {
    /// The rules of a signed set. `ledger_size` is what its event names; `since` is for each rule when it was set, on the scale of ledger
    /// stamps: what was sealed until then has its grace. `None` when there are more or fewer of them than rules.
    pub fn of(signed: &SignedRules, ledger_size: LedgerIndex, since: &[UnixMs]) -> Option<Self> {
        let set = signed.rules();
        let one = |(standard, since): (&mesh_model::Standard, &UnixMs)| InForce {
            digest: standard_digest(standard),
            standard: Arc::new(standard.clone()),
            enacted_at: ledger_size,
            enacted_unix_ms: *since,
        };
        let rules = set.rules.iter().zip(since).map(one).collect();
        (set.rules.len() == since.len()).then(|| Self { domain: set.domain.clone(), rules })
    }

    /// For each rule of a set that takes the place of `before` at `now`, since when it holds. What is taken over as it was keeps its
    /// time: another rule beside it is no new grace.
    pub fn since_when(signed: &SignedRules, before: Option<&Self>, now: UnixMs) -> Vec<UnixMs> {
        let kept = |digest| {
            let rules = before.iter().flat_map(|before| &before.rules);
            rules.into_iter().find(|rule| rule.digest == digest).map_or(now, |rule| rule.enacted_unix_ms)
        };
        signed.rules().rules.iter().map(|standard| kept(standard_digest(standard))).collect()
    }

    /// For each rule, since when it holds.
    pub fn since(&self) -> Vec<UnixMs> {
        self.rules.iter().map(|rule| rule.enacted_unix_ms).collect()
    }
}

/// A rule of its own domain that a version does not meet. Displays as one sentence that names the domain, the rule, the
/// place, what was found and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnViolation {
    /// Whose rule.
    pub domain: DomainName,
    /// The set of rules that it is in.
    pub standard: Name,
    /// Its version.
    pub version: Version,
    /// What it does to a publish now.
    pub effect: Effect,
    /// From when on it would refuse what passes now; `None` where it refuses, or never will.
    pub due_unix_ms: Option<UnixMs>,
    /// What does not hold.
    pub finding: Finding,
}

impl OwnViolation {
    /// Whether the version is refused for it.
    pub fn blocks(&self) -> bool {
        self.effect == Effect::Block
    }
}

impl fmt::Display for OwnViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}'s own {}@{} {}", self.domain, self.standard, self.version, self.finding)
    }
}

/// Whether a domain's home node may take a set of rules: who signed it, for which epoch, and whether the rules are fit to be
/// enforced. Its number is not looked at here: only the feed knows what is in force.
///
/// `at_ledger_size` is the ledger size that the event will name.
///
/// # Errors
/// When the state cannot be read or is damaged.
pub fn admit_rules<S: StateRead>(
    state: &S,
    signed: &SignedRules,
    at_ledger_size: u64,
    judge: &dyn Judge,
) -> Result<Result<(), Rejection>, S::Error> {
    split(fit(state, signed, at_ledger_size, judge))
}

fn fit<S: StateRead>(state: &S, signed: &SignedRules, at_ledger_size: u64, judge: &dyn Judge) -> Decision<(), S> {
    let rules = signed.rules();
    let name = &rules.domain;
    let at = moment(&read::head(state)?, 0);
    let mut draft = Overlay::new(state);
    let domain = roots::active(&mut draft, name, at)?;
    let Some(delegation) = &domain.delegation else {
        return reject(Code::NotDelegated, format!("no node writes the feed of domain {name} yet"));
    };
    if rules.epoch != delegation.epoch {
        let (named, in_force) = (rules.epoch, delegation.epoch);
        let detail =
            format!("the rules are for epoch {named} of the feed of domain {name}; epoch {in_force} is in force");
        return reject(Code::OldEpoch, detail);
    }
    if domain.root_keys.iter().any(|key| signed.signers().contains(key)) {
        authority::root::<S>(&domain, signed.signers())?;
    } else {
        actor::check(&draft, &rules.author, Action::SetRules, name, at_ledger_size)?;
    }
    let flaws = flaws(&draft, signed, judge)?;
    if flaws.is_empty() {
        return Ok(());
    }
    // A line for each: whoever is told can take them apart again.
    reject(Code::BadRules, flaws.join("\n"))
}

/// Everything that keeps rules from being enforced.
fn flaws<S: StateRead>(state: &S, signed: &SignedRules, judge: &dyn Judge) -> Result<Vec<String>, S::Error> {
    let rules = signed.rules();
    let mut found = Vec::new();
    if rules.reason.len() > limits::REASON_BYTES {
        let (bytes, most) = (rules.reason.len(), limits::REASON_BYTES);
        found.push(format!("reason: it has {bytes} bytes; at most {most} are taken"));
    }
    if rules.rules.len() > limits::STANDARDS {
        let (count, most) = (rules.rules.len(), limits::STANDARDS);
        found.push(format!("rules: there are {count}; at most {most} are taken"));
        return Ok(found);
    }
    let mut ids = BTreeSet::new();
    for standard in &rules.rules {
        let mut flaw = |text: String| found.push(format!("{}@{}: {text}", standard.id, standard.version));
        if !ids.insert(&standard.id) {
            flaw("its id stands there twice".to_owned());
        }
        if matches!(standard.kind, StandardKind::GlossaryTerm | StandardKind::Identifier) {
            flaw(
                "words and identifiers are shared, so the council enacts them; expected a policy, schema or convention"
                    .to_owned(),
            );
        }
        if !read::standards(state, Some(&standard.id))?.is_empty() {
            flaw("a standard of the mesh has this id; expected one of its own".to_owned());
        }
        let form = standard_flaws(standard);
        let sound = form.is_empty();
        form.into_iter().for_each(&mut flaw);
        if sound && let Err(more) = judge.check_standard(standard, &[]) {
            more.into_iter().for_each(&mut flaw);
        }
    }
    Ok(found)
}

/// What a domain's own rules say of a version at a moment, blocking or not, by rule. Nothing for other domains' products.
///
/// # Errors
/// When the state cannot be read or is damaged.
pub fn own_violations<S: StateRead>(
    state: &S,
    judge: &PolicyJudge,
    own: &OwnRules,
    descriptor: &Descriptor,
    now: UnixMs,
) -> Result<Vec<OwnViolation>, S::Error> {
    if own.domain != descriptor.domain || own.rules.is_empty() {
        return Ok(Vec::new());
    }
    let previous = match read::version_below(state, &descriptor.version_id())? {
        None => None,
        Some(below) => read::descriptor_of(state, &VersionId { product: descriptor.id(), version: below.version })?,
    };
    let first_sealed = first_sealed(state, descriptor)?;
    let case = Case { standards: &own.rules, descriptor, previous: previous.as_ref(), first_sealed, now, waivers: &[] };
    let mut found = Vec::new();
    for (one, standing) in own.rules.iter().zip(judge.standings(&case)) {
        let violation = |effect, due_unix_ms, finding| OwnViolation {
            domain: own.domain.clone(),
            standard: one.standard.id.clone(),
            version: one.standard.version,
            effect,
            due_unix_ms,
            finding,
        };
        let Some(standing) = standing else {
            found.push(violation(Effect::Block, None, uncompiled(&one.standard.id)));
            continue;
        };
        let due = due(&standing);
        found.extend(standing.findings().map(|finding| violation(standing.effect, due, finding.clone())));
    }
    Ok(found)
}

fn first_sealed<S: StateRead>(state: &S, descriptor: &Descriptor) -> Result<Option<FirstSealed>, S::Error> {
    let Some(product) = read::product(state, &descriptor.id())? else { return Ok(None) };
    let index = product.first_index;
    let leaf = read::leaf(state, index)?;
    let leaf = leaf.ok_or_else(|| Damage::new(format!("leaf {index}"), "is missing"))?;
    Ok(Some(FirstSealed { index, stamp_unix_ms: leaf.stamp_unix_ms }))
}

fn due(standing: &Standing) -> Option<UnixMs> {
    match standing.binding {
        Binding::NotYet { from: due } | Binding::InGrace { until: due } | Binding::Waived { until: due, .. } => {
            Some(due)
        }
        Binding::Binds => None,
    }
}

/// What was set was compiled then; a build that no longer can must not let everything pass.
fn uncompiled(id: &Name) -> Finding {
    Finding {
        rule: id.clone(),
        severity: RuleSeverity::Critical,
        path: String::new(),
        found: "a rule that this build cannot compile".to_owned(),
        message: "it cannot be asked".to_owned(),
        remediation: "set the domain's rules again".to_owned(),
    }
}
