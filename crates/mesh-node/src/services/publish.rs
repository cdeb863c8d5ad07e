//! `PublishService`.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{Stream, StreamExt as _};
use mesh_model::{Bump, ChangeKind, Code};
use mesh_proto::status::MeshError;
use mesh_proto::v1::plan_response::Action as WireAction;
use mesh_proto::v1::publish_service_server::PublishService;
use mesh_proto::v1::{
    Acknowledgement, PlanRequest, PlanResponse, PlannedChange, Problem, PublishRequest, PublishResponse,
    PublishStreamResponse, StreamError, WaitLevel, publish_stream_response,
};
use prost::Message as _;
use tonic::{Request, Response, Status, Streaming};

use crate::clock::now_unix_ms;
use crate::core::Core;
use crate::plan::{self, Action, Plan, Warning, Wishes};
use crate::plan_standards::{judge_plan, judge_plan_by_own};
use crate::publish::{Publisher, Route};
use crate::rules_desk::RulesDesk;

/// How long a command waits that came too soon, before it is tried again.
const TURN: Duration = Duration::from_millis(20);

pub(super) struct Service {
    core: Arc<Core>,
    publisher: Publisher,
    rules: RulesDesk,
}

impl Service {
    pub(super) fn new(core: Arc<Core>) -> Self {
        let (publisher, rules) = (super::publisher(&core), RulesDesk::new(Arc::clone(&core)));
        Self { core, publisher, rules }
    }

    /// Adds what the domain's own rules say, or that they could not be asked: then the home node has the last word.
    async fn judge_by_own(
        &self,
        descriptor: &mesh_model::Descriptor,
        plan: &mut Plan,
        now: mesh_model::UnixMs,
    ) -> Result<(), MeshError> {
        if plan.action == Action::Unchanged {
            return Ok(());
        }
        let rules = match self.rules.get_soon(&descriptor.domain).await {
            Ok(found) => found.rules,
            Err(error) => {
                let message = format!("{}'s own rules could not be asked: {}", descriptor.domain, error.message);
                plan.warnings.push(Warning { code: error.code, path: String::new(), message, due_unix_ms: None });
                return Ok(());
            }
        };
        let Some(rules) = rules else { return Ok(()) };
        judge_plan_by_own(&self.core.state, &self.core.judge, &rules.own, descriptor, plan, now)
    }
}

/// An error of a stream has no fields: what they say goes into its sentence.
fn in_one(error: &MeshError) -> String {
    let fields = error.fields.iter().map(|(field, text)| format!("{field}: {text}")).collect::<Vec<_>>().join("; ");
    if fields.is_empty() { error.message.clone() } else { format!("{}: {fields}", error.message) }
}

pub(super) fn wait_of(request: &PublishRequest) -> Result<WaitLevel, MeshError> {
    match WaitLevel::try_from(request.wait) {
        Ok(WaitLevel::Unspecified) => Ok(WaitLevel::Sealed),
        Ok(wait) => Ok(wait),
        Err(_) => Err(MeshError::new(Code::BadArgument, format!("wait: {} is no wait level", request.wait))),
    }
}

/// A key that sends too fast waits in its stream, whose window then holds it back; nothing happened to what is sent again.
async fn publish_in_turn(
    publisher: &Publisher,
    request: PublishRequest,
    wait: WaitLevel,
    within: Duration,
) -> Result<Acknowledgement, MeshError> {
    let until = Instant::now() + within;
    loop {
        let PublishRequest { envelope, attachments, .. } = request.clone();
        match publisher.publish(envelope, attachments, wait, within).await {
            Err(error) if error.code == Code::Throttled && Instant::now() < until => tokio::time::sleep(TURN).await,
            answer => return answer,
        }
    }
}

#[tonic::async_trait]
impl PublishService for Service {
    async fn plan(&self, request: Request<PlanRequest>) -> Result<Response<PlanResponse>, Status> {
        super::check_token(&self.core, &request)?;
        let request = request.into_inner();
        let message = request.descriptor.unwrap_or_default();
        let descriptor = mesh_event::decode_descriptor(&message.encode_to_vec())
            .map_err(|error| MeshError::new(Code::InvalidProduct, error.to_string()))?;
        let wishes = Wishes {
            version_given: request.version_given,
            major: request.major,
            overflow_breaks: request.overflow_breaks,
        };
        let mut plan = plan::plan(&self.core.state, &descriptor, &wishes)?;
        let now = now_unix_ms().max(self.core.ledger_end().last_stamp);
        judge_plan(&self.core.state, &self.core.judge, &descriptor, &mut plan, now)?;
        self.judge_by_own(&descriptor, &mut plan, now).await?;
        let home = match self.publisher.route(&descriptor.domain)? {
            Route::Here => self.core.node_id(),
            Route::Home(node) => node,
        };
        Ok(Response::new(PlanResponse {
            action: match plan.action {
                Action::Create => WireAction::Create,
                Action::Update => WireAction::Update,
                Action::Unchanged => WireAction::Unchanged,
                Action::Refused => WireAction::Refused,
            }
            .into(),
            version: plan.version.to_string(),
            previous: plan.previous.map_or_else(String::new, |version| version.to_string()),
            planned_against: plan.planned_against.map_or_else(Vec::new, |digest| digest.0.to_vec()),
            changes: (plan.changes.into_iter())
                .map(|change| PlannedChange {
                    path: change.path,
                    kind: match change.kind {
                        ChangeKind::Added => "added",
                        ChangeKind::Removed => "removed",
                        ChangeKind::Changed => "changed",
                    }
                    .into(),
                    before: change.before.to_string(),
                    after: change.after.to_string(),
                    bump: match change.bump {
                        Bump::Patch => "patch",
                        Bump::Minor => "minor",
                        Bump::Major => "major",
                    }
                    .into(),
                    breaks: change.breaks.unwrap_or_default(),
                })
                .collect(),
            problems: (plan.problems.into_iter())
                .map(|(code, path, message)| Problem { code: code.number(), path, message, due_unix_ms: None })
                .collect(),
            warnings: (plan.warnings.into_iter())
                .map(|warning| Problem {
                    code: warning.code.number(),
                    path: warning.path,
                    message: warning.message,
                    due_unix_ms: warning.due_unix_ms,
                })
                .collect(),
            home_node_id: home,
            freshness: Some(super::freshness(&self.core)),
        }))
    }

    async fn publish(&self, request: Request<PublishRequest>) -> Result<Response<PublishResponse>, Status> {
        let within = super::deadline(&self.core, &request);
        let request = request.into_inner();
        let wait = wait_of(&request)?;
        let acknowledgement = self.publisher.publish(request.envelope, request.attachments, wait, within).await?;
        Ok(Response::new(PublishResponse { acknowledgement: Some(acknowledgement) }))
    }

    type PublishStreamStream = Pin<Box<dyn Stream<Item = Result<PublishStreamResponse, Status>> + Send>>;

    async fn publish_stream(
        &self,
        request: Request<Streaming<PublishRequest>>,
    ) -> Result<Response<Self::PublishStreamStream>, Status> {
        let within = Duration::from_millis(self.core.config.limits.publish_wait_ms);
        let publisher = self.publisher.clone();
        let window = self.core.config.limits.stream_window;
        // Requests enter the path in their order, and up to `window` of them wait for the ledger at once; a client that
        // sends faster is held back by the flow control of its own stream.
        let answers = request.into_inner().enumerate().map(move |(number, request)| {
            let publisher = publisher.clone();
            async move {
                let request = request?;
                let answer = match wait_of(&request) {
                    Ok(wait) => publish_in_turn(&publisher, request, wait, within).await,
                    Err(error) => Err(error),
                };
                let result = match answer {
                    Ok(acknowledgement) => publish_stream_response::Result::Acknowledgement(acknowledgement),
                    Err(error) => publish_stream_response::Result::Error(StreamError {
                        code: error.code.number(),
                        message: in_one(&error),
                    }),
                };
                Ok(PublishStreamResponse { number: number as u64, result: Some(result) })
            }
        });
        Ok(Response::new(Box::pin(answers.buffered(window))))
    }
}
