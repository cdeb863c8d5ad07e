//! What the standards in force would say of a planned version, and then its domain's own rules: the same evaluator that decides in
//! the ledger and at the home node, asked beforehand.

use mesh_governance::{Case, FirstSealed, OwnRules, PolicyJudge, StateRead, own_violations, read};
use mesh_model::{Code, Descriptor, UnixMs, VersionId};
use mesh_policy::{Binding, Effect};
use mesh_proto::status::MeshError;

use crate::plan::{Action, Plan, Warning};

/// Adds to a plan what the standards in force refuse, and what they only warn of.
///
/// # Errors
/// [`Code::Damaged`] when the ledger cannot be read.
pub fn judge_plan<S: StateRead>(
    state: &S,
    judge: &PolicyJudge,
    descriptor: &Descriptor,
    plan: &mut Plan,
    now: UnixMs,
) -> Result<(), MeshError> {
    let fail = |error: S::Error| MeshError::new(Code::Damaged, error.to_string());
    let standards = read::in_force(state, judge).map_err(fail)?;
    if plan.action == Action::Unchanged {
        return Ok(());
    }
    for undefined in mesh_governance::semantics::undefined(descriptor, standards.iter().map(|one| &*one.standard)) {
        let (path, message) = (undefined.path.clone(), undefined.to_string());
        plan.warnings.push(Warning { code: Code::UndefinedTerm, path, message, due_unix_ms: None });
    }
    if standards.is_empty() {
        return Ok(());
    }
    let id = descriptor.id();
    let first_sealed = match read::product(state, &id).map_err(fail)? {
        None => None,
        Some(product) => {
            let leaf = read::leaf(state, product.first_index).map_err(fail)?;
            leaf.map(|leaf| FirstSealed { index: leaf.index, stamp_unix_ms: leaf.stamp_unix_ms })
        }
    };
    let previous = match plan.previous {
        None => None,
        Some(version) => read::descriptor_of(state, &VersionId { product: id.clone(), version }).map_err(fail)?,
    };
    let waivers = read::waivers_of(state, &id, now).map_err(fail)?;
    let planned = Descriptor { version: plan.version, ..descriptor.clone() };
    let case = Case {
        standards: &standards,
        descriptor: &planned,
        previous: previous.as_ref(),
        first_sealed,
        now,
        waivers: &waivers,
    };
    for (one, standing) in standards.iter().zip(judge.standings(&case)) {
        let Some(standing) = standing else { continue };
        for finding in standing.findings() {
            let message = format!("{}@{} {finding}", one.standard.id, one.standard.version);
            let (code, path) = (Code::StandardViolated, finding.path.clone());
            if standing.effect == Effect::Block {
                plan.problems.push((code, path, message));
                continue;
            }
            let due_unix_ms = match &standing.binding {
                Binding::NotYet { from: due }
                | Binding::InGrace { until: due }
                | Binding::Waived { until: due, .. } => Some(*due),
                Binding::Binds => None,
            };
            plan.warnings.push(Warning { code, path, message, due_unix_ms });
        }
    }
    if !plan.problems.is_empty() {
        plan.action = Action::Refused;
    }
    Ok(())
}

/// Adds to a plan what the domain's own rules refuse, and what they only warn of.
///
/// # Errors
/// [`Code::Damaged`] when the ledger cannot be read.
pub fn judge_plan_by_own<S: StateRead>(
    state: &S,
    judge: &PolicyJudge,
    own: &OwnRules,
    descriptor: &Descriptor,
    plan: &mut Plan,
    now: UnixMs,
) -> Result<(), MeshError> {
    let fail = |error: S::Error| MeshError::new(Code::Damaged, error.to_string());
    let planned = Descriptor { version: plan.version, ..descriptor.clone() };
    for found in own_violations(state, judge, own, &planned, now).map_err(fail)? {
        let (code, path, message) = (Code::OwnRuleViolated, found.finding.path.clone(), found.to_string());
        if found.blocks() {
            plan.problems.push((code, path, message));
            plan.action = Action::Refused;
        } else {
            plan.warnings.push(Warning { code, path, message, due_unix_ms: found.due_unix_ms });
        }
    }
    Ok(())
}
