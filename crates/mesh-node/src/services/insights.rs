//! `InsightService`.

use std::collections::BTreeSet;
use std::sync::Arc;

use mesh_insight::{Insights, Unit};
use mesh_model::{Code, DomainName};
use mesh_proto::status::MeshError;
use mesh_proto::v1::insight_service_server::InsightService;
use mesh_proto::v1::{DomainInsights, GetInsightsRequest, GetInsightsResponse, InsightMeasure, InsightsAt};
use tonic::{Request, Response, Status};

use super::{check_token, freshness};
use crate::core::Core;
use crate::insights;

/// Most moments of one question.
const MOMENTS: usize = 120;

pub(super) struct Service {
    core: Arc<Core>,
}

impl Service {
    pub(super) fn new(core: Arc<Core>) -> Self {
        Self { core }
    }
}

#[tonic::async_trait]
impl InsightService for Service {
    async fn get_insights(
        &self,
        request: Request<GetInsightsRequest>,
    ) -> Result<Response<GetInsightsResponse>, Status> {
        check_token(&self.core, &request)?;
        let moments = request.into_inner().at_unix_ms;
        if moments.len() > MOMENTS {
            let text = format!("at_unix_ms: expected at most {MOMENTS} moments; found {}", moments.len());
            return Err(MeshError::new(Code::BadArgument, text).into());
        }
        let core = Arc::clone(&self.core);
        let found = self.core.offload(move || insights::at(&core, &moments)).await?;
        let names = |domains: BTreeSet<DomainName>| domains.iter().map(ToString::to_string).collect();
        Ok(Response::new(GetInsightsResponse {
            insights: found.insights.into_iter().map(message).collect(),
            unreached: names(found.unreached),
            from_copies: names(found.from_copies),
            freshness: Some(freshness(&self.core)),
        }))
    }
}

fn message(insights: Insights) -> InsightsAt {
    let measure = |measure: mesh_insight::Measure| InsightMeasure {
        name: measure.name,
        value: measure.value.map(mesh_event::decimal_message),
        unit: match measure.unit {
            Unit::Milliseconds => "ms",
            Unit::Percent => "%",
            Unit::Products => "products",
        }
        .to_owned(),
        of: measure.of,
    };
    let domain = |domain: mesh_insight::DomainInsights| DomainInsights {
        domain: domain.domain.to_string(),
        active_products: domain.active_products,
        used_by_others: domain.used_by_others,
        uses_of_others: domain.uses_of_others,
        measured: domain.measured,
        kept: domain.kept,
        requests_waiting: domain.requests_waiting,
    };
    InsightsAt {
        at_unix_ms: insights.at_unix_ms,
        measures: insights.measures.into_iter().map(measure).collect(),
        domains: insights.domains.into_iter().map(domain).collect(),
    }
}
