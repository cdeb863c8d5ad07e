//! What a publish of a descriptor would do now. Nothing is written; `apply` decides again when it comes to it.

use mesh_governance::{StateRead, read};
use mesh_model::change::required_bump;
use mesh_model::{Bump, Change, Code, Descriptor, Digest, Version, VersionId, compare};
use mesh_proto::status::MeshError;

/// What would happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The product's first version.
    Create,
    /// A further version.
    Update,
    /// Nothing: the content is sealed already.
    Unchanged,
    /// It would be refused.
    Refused,
}

/// A plan.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What would happen.
    pub action: Action,
    /// The version to publish.
    pub version: Version,
    /// What it was compared with.
    pub previous: Option<Version>,
    /// What the command has to name.
    pub planned_against: Option<Digest>,
    /// What differs.
    pub changes: Vec<Change>,
    /// Why it would be refused: code, path, text.
    pub problems: Vec<(Code, String, String)>,
    /// What would pass, and should be looked at.
    pub warnings: Vec<Warning>,
}

/// What would pass, and should be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// What it would be refused with, or [`Code::UndefinedTerm`], which nothing is refused with.
    pub code: Code,
    /// Where in the product document.
    pub path: String,
    /// What does not hold.
    pub message: String,
    /// From when on it would be refused; `None` where it is advice.
    pub due_unix_ms: Option<mesh_model::UnixMs>,
}

/// What the file's author said about the version.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    /// The descriptor's version is the author's, not a placeholder.
    pub version_given: bool,
    /// Breaks are intended.
    pub major: bool,
    /// Breaks among overflowed fields.
    pub overflow_breaks: Vec<String>,
}

/// Compares a descriptor with what is sealed.
///
/// # Errors
/// [`Code::UnknownDomain`], or that the ledger cannot be read.
pub fn plan<S: StateRead>(state: &S, descriptor: &Descriptor, wishes: &Wishes) -> Result<Plan, MeshError> {
    let fail = |error: S::Error| MeshError::new(Code::Damaged, error.to_string());
    let sealed_descriptor = |id: &VersionId| {
        let found = read::descriptor_of(state, id).map_err(fail)?;
        found.ok_or_else(|| MeshError::new(Code::Damaged, format!("the descriptor of {id} is not there")))
    };
    let id = descriptor.id();
    if read::domain(state, &descriptor.domain).map_err(fail)?.is_none() {
        return Err(MeshError::new(Code::UnknownDomain, format!("no domain is called {}", descriptor.domain)));
    }
    let mut plan = Plan {
        action: Action::Create,
        version: if wishes.version_given { descriptor.version } else { Version::FIRST },
        previous: None,
        planned_against: None,
        changes: Vec::new(),
        problems: Vec::new(),
        warnings: Vec::new(),
    };
    for flaw in descriptor.check() {
        plan.problems.push((Code::InvalidProduct, flaw.path, flaw.message));
    }
    let Some(product) = read::product(state, &id).map_err(fail)? else {
        return Ok(plan.settled());
    };
    plan.action = Action::Update;
    plan.planned_against = Some(product.last_sealed.digest);
    if product.retirement.is_some() {
        plan.problems.push((Code::Retired, "name".into(), format!("{id} is retired; nothing new can happen to it")));
        return Ok(plan.settled());
    }

    if wishes.version_given {
        let wanted = VersionId { product: id.clone(), version: descriptor.version };
        if let Some(sealed) = read::version(state, &wanted).map_err(fail)? {
            let before = sealed_descriptor(&wanted)?;
            plan.previous = Some(descriptor.version);
            plan.changes = compare(&before, descriptor);
            if plan.changes.is_empty() {
                plan.action = Action::Unchanged;
                plan.problems.clear();
                return Ok(plan);
            }
            let index = sealed.ledger_index;
            let text = format!("{wanted} is sealed with other content since ledger index {index}");
            plan.problems.push((Code::VersionConflict, "version".into(), text));
            return Ok(plan.settled());
        }
    }

    let base = if wishes.version_given {
        let wanted = VersionId { product: id.clone(), version: descriptor.version };
        read::version_below(state, &wanted).map_err(fail)?
    } else {
        read::version(state, &VersionId { product: id.clone(), version: product.highest }).map_err(fail)?
    };
    // A given version may be lower than everything that is sealed: then there is nothing to compare it with.
    let Some(base) = base else { return Ok(plan.settled()) };
    let before = sealed_descriptor(&VersionId { product: id.clone(), version: base.version })?;
    plan.previous = Some(base.version);
    plan.changes = compare(&before, descriptor);
    if plan.changes.is_empty() && !wishes.version_given {
        plan.action = Action::Unchanged;
        plan.version = base.version;
        plan.problems.clear();
        return Ok(plan);
    }

    let mut needed = required_bump(&plan.changes);
    if !wishes.overflow_breaks.is_empty() {
        needed = Bump::Major;
    }
    let breaks: Vec<(String, String)> = (plan.changes.iter())
        .filter_map(|change| change.breaks.as_ref().map(|why| (change.path.clone(), why.clone())))
        .chain(wishes.overflow_breaks.iter().map(|path| (path.clone(), "it breaks in an attachment".to_owned())))
        .collect();
    if wishes.version_given {
        plan.check_step(base.version, needed, &breaks);
    } else {
        let bump = if wishes.major { Bump::Major } else { needed };
        // A major of 0 promises nothing: its minor takes breaks.
        let bump = if bump == Bump::Major && base.version.major == 0 && !wishes.major { Bump::Minor } else { bump };
        if bump == Bump::Major && !wishes.major {
            for (path, why) in &breaks {
                plan.problems.push((Code::BreakingChange, path.clone(), why.clone()));
            }
        }
        let next = base.version.bump(bump);
        plan.version = next.ok_or_else(|| MeshError::new(Code::VersionTooLow, "the version's number is used up"))?;
    }
    Ok(plan.settled())
}

impl Plan {
    fn settled(mut self) -> Self {
        if !self.problems.is_empty() {
            self.action = Action::Refused;
        }
        self
    }

    /// Whether the author's version stands for what changed.
    fn check_step(&mut self, base: Version, needed: Bump, breaks: &[(String, String)]) {
        let given = self.version;
        let rose = if given.major > base.major {
            Bump::Major
        } else if given.minor > base.minor {
            if base.major == 0 { Bump::Major } else { Bump::Minor }
        } else {
            Bump::Patch
        };
        if rose >= needed {
            return;
        }
        if needed == Bump::Major {
            for (path, why) in breaks {
                self.problems.push((Code::BreakingChange, path.clone(), why.clone()));
            }
        } else {
            let text =
                format!("{given} after {base} is a patch, and something was added; expected at least a minor step");
            self.problems.push((Code::VersionTooLow, "version".into(), text));
        }
    }
}
