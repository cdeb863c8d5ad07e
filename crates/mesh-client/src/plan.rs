//! What a publish would do.

use mesh_model::{Bump, Change, ChangeKind, Code, Descriptor, Digest, NodeId, Version};
use mesh_proto::status::MeshError;
use mesh_proto::v1;
use serde::Serialize;

use crate::acknowledgement::Freshness;
use crate::convert::{code, odd, optional, optional_digest, parse};

/// What is to be planned.
#[derive(Debug, Clone)]
pub struct PlanRequest<'a> {
    /// The content.
    pub descriptor: &'a Descriptor,
    /// Whether the file named the version; else the node proposes one.
    pub version_given: bool,
    /// Breaks are intended: a new major is proposed.
    pub major: bool,
    /// Breaks among overflowed fields, which only the client can see.
    pub overflow_breaks: &'a [String],
}

/// What would happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PlanAction {
    /// A first version.
    Create,
    /// A further version.
    Update,
    /// Nothing: this content is sealed already.
    Unchanged,
    /// It would be refused; the problems say why.
    Refused,
}

/// One reason why it would be refused, or what should be looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlanProblem {
    /// The stable code.
    #[serde(serialize_with = "crate::convert::code_slug::serialize")]
    pub code: Code,
    /// Where in the descriptor; empty for the whole.
    pub path: String,
    /// What was expected and found.
    pub message: String,
    /// Of a warning: from when on it would be refused.
    pub due_unix_ms: Option<mesh_model::UnixMs>,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// What would happen.
    pub action: PlanAction,
    /// The version to publish; for unchanged content the one that is sealed. `None` when none can be proposed.
    pub version: Option<Version>,
    /// The version that it is compared with; `None` for a first one.
    pub previous: Option<Version>,
    /// To be named by the publish; `None` for a first version.
    pub planned_against: Option<Digest>,
    /// Field by field.
    pub changes: Vec<Change>,
    /// Why not.
    pub problems: Vec<PlanProblem>,
    /// What would pass, and should be looked at.
    pub warnings: Vec<PlanProblem>,
    /// The node that writes the domain's feed.
    pub home_node_id: NodeId,
    /// How old the answer may be.
    pub freshness: Freshness,
}

impl Plan {
    pub(crate) fn of(message: v1::PlanResponse) -> Result<Self, MeshError> {
        use v1::plan_response::Action;
        let action = match Action::try_from(message.action) {
            Ok(Action::Create) => PlanAction::Create,
            Ok(Action::Update) => PlanAction::Update,
            Ok(Action::Unchanged) => PlanAction::Unchanged,
            Ok(Action::Refused) => PlanAction::Refused,
            _ => return Err(odd("action", format!("{} is no action", message.action))),
        };
        let problem = |problem: v1::Problem| {
            let v1::Problem { code: number, path, message, due_unix_ms } = problem;
            Ok::<_, MeshError>(PlanProblem { code: code("problems.code", number)?, path, message, due_unix_ms })
        };
        let problems = message.problems.into_iter().map(problem);
        Ok(Self {
            action,
            version: optional("version", &message.version)?,
            // A node may name the whole id.
            previous: optional("previous", message.previous.rsplit('@').next().unwrap_or_default())?,
            planned_against: optional_digest("planned_against", &message.planned_against)?,
            changes: message.changes.into_iter().map(change).collect::<Result<_, _>>()?,
            problems: problems.collect::<Result<_, MeshError>>()?,
            warnings: message.warnings.into_iter().map(problem).collect::<Result<_, _>>()?,
            home_node_id: message.home_node_id,
            freshness: Freshness::of(message.freshness),
        })
    }
}

fn change(message: v1::PlannedChange) -> Result<Change, MeshError> {
    let json = |field: &str, text: &str| match text {
        "" => Ok(serde_json::Value::Null),
        text => serde_json::from_str(text).map_err(|error| odd(field, error)),
    };
    let kind = match message.kind.as_str() {
        "added" => ChangeKind::Added,
        "removed" => ChangeKind::Removed,
        "changed" => ChangeKind::Changed,
        other => return Err(odd("changes.kind", format!("'{other}' is no kind of change"))),
    };
    let bump = match message.bump.as_str() {
        "patch" => Bump::Patch,
        "minor" => Bump::Minor,
        "major" => Bump::Major,
        other => return Err(odd("changes.bump", format!("'{other}' is no bump"))),
    };
    Ok(Change {
        kind,
        before: json("changes.before", &message.before)?,
        after: json("changes.after", &message.after)?,
        bump,
        breaks: (!message.breaks.is_empty()).then_some(message.breaks),
        path: parse("changes.path", &message.path)?,
    })
}
