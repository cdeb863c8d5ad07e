//! EnactStandard: a version of a standard comes into force, in the place of the one before.

use mesh_event::encode_standard;
use mesh_event::proposal::EnactStandard;
use mesh_model::{Code, Digest, Name, Version, limits};

use super::enact::Matter;
use crate::applied::Effect;
use crate::apply::Moment;
use crate::decision::{Decision, broken, reject};
use crate::overlay::Overlay;
use crate::records::{EnactedStandard, Record as _, StandardStatus};
use crate::standard_form::standard_flaws;
use crate::state::{Damage, StateRead};
use crate::{keys, read};

pub(crate) fn apply<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    matter: &Matter<'_>,
    body: &EnactStandard,
    at: Moment,
) -> Decision<Vec<Effect>, S> {
    let standard = &body.standard;
    let (id, version) = (&standard.id, standard.version);
    let flaws = standard_flaws(standard);
    if !flaws.is_empty() {
        return reject(Code::BadStandard, flaws.join("; "));
    }
    let present = in_force(draft, id, body.supersedes)?;
    above_all_others(draft, id, version)?;
    let mut others = read::in_force(draft, matter.bench.judge)?;
    others.retain(|other| other.standard.id != *id);
    if others.len() >= limits::STANDARDS {
        return reject(Code::TooLarge, format!("{} standards are in force; no more are taken", others.len()));
    }
    if let Err(flaws) = matter.bench.judge.check_standard(standard, &others) {
        return reject(Code::BadStandard, flaws.join("; "));
    }

    if let Some(before) = present {
        let status = StandardStatus::Superseded { by: version, index: at.index };
        draft.put(keys::standard(id, before.version), EnactedStandard { status, ..before }.encode());
    }
    let text = encode_standard(standard);
    let enacted = EnactedStandard {
        id: id.clone(),
        version,
        title: standard.title.clone(),
        digest: Digest::of(&text),
        proposal: matter.proposal,
        enacted_at: at.index,
        enacted_unix_ms: at.stamp,
        status: StandardStatus::InForce,
    };
    draft.put(keys::standard(id, version), enacted.encode());
    draft.put(keys::standard_text(id, version), text.encode());
    draft.put(keys::in_force(id), version.encode());
    Ok(vec![Effect::StandardEnacted { id: id.clone(), version, supersedes: body.supersedes }])
}

/// The version in force of a standard, if it is the one that a command says it changes.
pub(super) fn in_force<S: StateRead>(
    state: &S,
    id: &Name,
    named: Option<Version>,
) -> Decision<Option<EnactedStandard>, S> {
    let found = read::version_in_force(state, id)?;
    if found != named {
        let text = |version: Option<Version>| version.map_or_else(|| "none".to_owned(), |version| version.to_string());
        let detail = format!("it changes version {} of {id}; in force is {}", text(named), text(found));
        return reject(Code::StaleStandard, detail);
    }
    let Some(version) = found else { return Ok(None) };
    match read::standard(state, id, version)? {
        Some(standard) => Ok(Some(standard)),
        None => Err(broken(Damage::new(format!("standard {id}@{version}"), "is in force and missing"))),
    }
}

/// Versions of a standard only rise, also over retired ones: one number never means two texts.
fn above_all_others<S: StateRead>(state: &S, id: &Name, version: Version) -> Decision<(), S> {
    let Some(last) = read::standards(state, Some(id))?.pop() else { return Ok(()) };
    if version > last.version {
        return Ok(());
    }
    let detail = format!("{id}@{version}; the last version was {}, and a later one is higher", last.version);
    reject(Code::StaleStandard, detail)
}
