//! `QualityService`, and what was measured as it crosses the wire.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use mesh_event::fact::{CheckVerdict, QualityCheck};
use mesh_measure::{
    Closed, Held, Incident, Level, PROMISED_PPM, Place, PortMeasures, ProductMeasures, Run, Standing, Timeline,
};
use mesh_model::{Code, DomainName, ProductId, UnixMs};
use mesh_proto::status::MeshError;
use mesh_proto::v1::quality_service_server::QualityService;
use mesh_proto::v1::{
    GetQualityRequest, GetQualityResponse, ListIncidentsRequest, ListIncidentsResponse, QualityIncident, QualityPlace,
    QualityPromise, QualityRunItem, QualityStanding,
};
use tonic::{Request, Response, Status};

use super::{check_token, freshness};
use crate::core::Core;
use crate::quality::{Declared, QualityDesk, QualityQuery};

const RUNS: u32 = 20;
const INCIDENTS: u32 = 100;
const MOST_INCIDENTS: u32 = 1_000;
/// Incidents of one product that an answer shows.
const SHOWN: usize = 200;

pub(super) struct Service {
    core: Arc<Core>,
    desk: QualityDesk,
}

impl Service {
    pub(super) fn new(core: Arc<Core>) -> Self {
        Self { desk: QualityDesk::new(Arc::clone(&core)), core }
    }
}

#[tonic::async_trait]
impl QualityService for Service {
    async fn get_quality(&self, request: Request<GetQualityRequest>) -> Result<Response<GetQualityResponse>, Status> {
        check_token(&self.core, &request)?;
        let mut answer = of_product(&self.desk, request.into_inner()).await?;
        answer.freshness = Some(freshness(&self.core));
        Ok(Response::new(answer))
    }

    async fn list_incidents(
        &self,
        request: Request<ListIncidentsRequest>,
    ) -> Result<Response<ListIncidentsResponse>, Status> {
        check_token(&self.core, &request)?;
        let ListIncidentsRequest { domain, ended, limit } = request.into_inner();
        let domain = match domain.as_str() {
            "" => None,
            name => Some(name.parse().map_err(|error| bad("domain", error))?),
        };
        let limit = if limit == 0 { INCIDENTS } else { limit.min(MOST_INCIDENTS) };
        let found = self.desk.incidents(domain, ended, usize::try_from(limit).unwrap_or(usize::MAX)).await?;
        let names = |domains: BTreeSet<DomainName>| domains.iter().map(ToString::to_string).collect();
        Ok(Response::new(ListIncidentsResponse {
            incidents: found.items.into_iter().map(|(product, found)| incident(&product, found)).collect(),
            cut: found.cut,
            unreached: names(found.unreached),
            from_copies: names(found.from_copies),
            freshness: Some(freshness(&self.core)),
        }))
    }
}

fn bad(what: &str, why: impl std::fmt::Display) -> MeshError {
    MeshError::new(Code::BadArgument, format!("{what}: {why}"))
}

/// Answers about one product, for clients or for other nodes.
pub(super) async fn of_product(
    desk: &QualityDesk,
    request: GetQualityRequest,
) -> Result<GetQualityResponse, MeshError> {
    let runs = if request.runs == 0 { RUNS } else { request.runs };
    desk.of_product(QualityQuery {
        product: request.product.parse().map_err(|error| bad("product", error))?,
        runs: usize::try_from(runs).unwrap_or(usize::MAX),
        as_of: Some(request.as_of_unix_ms).filter(|moment| *moment != 0),
    })
    .await
}

/// The question of a node to a home.
pub(crate) fn request(query: &QualityQuery) -> GetQualityRequest {
    GetQualityRequest {
        product: query.product.to_string(),
        runs: u32::try_from(query.runs).unwrap_or(u32::MAX),
        as_of_unix_ms: query.as_of.unwrap_or(0),
    }
}

/// What was measured of a product until a moment, of what its newest version declares.
pub(crate) fn answer(
    query: &QualityQuery,
    product: &ProductMeasures,
    declared: &Declared,
    moment: UnixMs,
) -> GetQualityResponse {
    let newest = product.places().iter().filter(|(place, _)| Some(place.major) == declared.major);
    let promises = newest.flat_map(|(_, port)| port.promises());
    let is_known = |timeline: &Timeline| timeline.at(moment).is_some_and(|turn| turn.held != Held::Gone);
    let names: BTreeSet<&String> = promises.filter(|(_, known)| is_known(known)).map(|(name, _)| name).collect();
    let incidents = product.incidents(moment).into_iter().take(SHOWN);
    GetQualityResponse {
        product: query.product.to_string(),
        places: product
            .places()
            .iter()
            .map(|(at, port)| QualityPlace {
                renewed_every_ms: declared.every.get(&at.port).map(|every| whole_ms(*every)),
                overdue_ms: declared
                    .every
                    .get(&at.port)
                    .filter(|_| query.as_of.is_none() && declared.major == Some(at.major))
                    .and_then(|every| port.overdue_ms(*every, moment)),
                ..place(at, port, moment)
            })
            .filter(|place| !place.promises.is_empty())
            .collect(),
        incidents: incidents.map(|found| incident(&query.product, found)).collect(),
        runs: product.runs().take(query.runs).map(run).collect(),
        unmeasured: declared.checks.iter().filter(|name| !names.contains(name)).cloned().collect(),
        from_copy: false,
        freshness: None,
    }
}

fn whole_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn place(at: &Place, port: &PortMeasures, moment: UnixMs) -> QualityPlace {
    QualityPlace {
        major: at.major,
        port: at.port.to_string(),
        tool: at.tool.clone(),
        promises: port
            .promises()
            .iter()
            // What was not known at the moment is not told of it.
            .filter(|(_, timeline)| timeline.last_unix_ms <= moment || timeline.at(moment).is_some())
            .map(|(name, timeline)| promise(name, timeline, moment))
            .collect(),
        last_run_unix_ms: port.last_unix_ms(),
        renewed_every_ms: None,
        overdue_ms: None,
    }
}

fn promise(name: &str, timeline: &Timeline, moment: UnixMs) -> QualityPromise {
    let level = Level::of(timeline, PROMISED_PPM, moment);
    let turn = timeline.at(moment);
    // The last look, unless it came later: then the one that showed how it was.
    let (last, last_unix_ms, value) = match turn {
        Some(turn) if timeline.last_unix_ms > moment => {
            let kept = if turn.held == Held::Broken { CheckVerdict::Failed } else { CheckVerdict::Passed };
            (kept, turn.at_unix_ms, None)
        }
        _ => (timeline.last, timeline.last_unix_ms, timeline.value.clone()),
    };
    // Numbers and verdicts have one form on the wire, whether they are signed or not.
    let check = QualityCheck {
        name: name.to_owned(),
        kind: timeline.kind,
        severity: turn.map_or(timeline.severity, |turn| turn.severity),
        verdict: last,
        rows: 0,
        failed: 0,
        value,
    }
    .to_message();
    QualityPromise {
        name: check.name,
        kind: check.kind,
        severity: check.severity,
        last: check.verdict,
        last_unix_ms,
        value: check.value,
        unit: check.unit,
        standing: standing(level.standing).into(),
        since_unix_ms: turn.map(|turn| turn.at_unix_ms),
        gone: turn.is_some_and(|turn| turn.held == Held::Gone),
        promised_ppm: level.promised_ppm,
        budget_ms: level.budget_ms,
        broken_ms: level.broken_ms,
        spent_percent: level.spent_percent,
        burn_hour_percent: level.burns[0].rate_percent,
        burn_day_percent: level.burns[1].rate_percent,
    }
}

fn standing(standing: Standing) -> QualityStanding {
    match standing {
        Standing::Unknown => QualityStanding::Unknown,
        Standing::Healthy => QualityStanding::Healthy,
        Standing::AtRisk => QualityStanding::AtRisk,
        Standing::Broken => QualityStanding::Broken,
    }
}

fn incident(product: &ProductId, incident: Incident) -> QualityIncident {
    let Incident { place, check, run, since_unix_ms, end } = incident;
    QualityIncident {
        product: product.to_string(),
        major: place.major,
        port: place.port.to_string(),
        tool: place.tool,
        check,
        run_id: run.0.to_vec(),
        since_unix_ms,
        until_unix_ms: end.map(|(at, ..)| at),
        end_run_id: end.map_or_else(Vec::new, |(_, run, _)| run.0.to_vec()),
        dropped: end.is_some_and(|(.., how)| how == Closed::Dropped),
    }
}

fn run(run: &Run) -> QualityRunItem {
    QualityRunItem {
        fact_id: run.id.0.to_vec(),
        stated_by: run.by.0.to_vec(),
        stated_unix_ms: run.at_unix_ms,
        run: Some(run.said.to_message()),
    }
}
