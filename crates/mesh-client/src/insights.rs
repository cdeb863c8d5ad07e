//! The guide's measures of success.

use mesh_insight::{DomainInsights, Insights, Measure, Unit};
use mesh_model::{DomainName, UnixMs};
use mesh_proto::status::MeshError;
use mesh_proto::v1;
use serde::Serialize;

use crate::acknowledgement::Freshness;
use crate::client::Client;
use crate::convert::{odd, parse};
use crate::retry::{Failed, Repeat};

/// What the history came to at some moments, as far as the node has feeds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InsightsView {
    /// In the order of the moments.
    pub insights: Vec<Insights>,
    /// Domains whose requests and quality runs are missing: the node has too little of their feeds.
    pub unreached: Vec<DomainName>,
    /// Domains whose feed was read from the node's copy.
    pub from_copies: Vec<DomainName>,
    /// How old the answer may be.
    pub freshness: Freshness,
}

impl Client {
    /// What the history came to at each of some moments (at most 120); now, when there is none.
    ///
    /// # Errors
    /// [`mesh_model::Code::BadArgument`] for too many, or the transport's.
    pub async fn insights(&self, at: &[UnixMs]) -> Result<InsightsView, MeshError> {
        let message = v1::GetInsightsRequest { at_unix_ms: at.to_vec() };
        let answer = self
            .call(Repeat::Read, async |attempt| {
                let answer = attempt.insights().get_insights(attempt.request(message.clone())).await;
                answer.map_err(|status| Failed::of(status, &attempt.url))
            })
            .await?
            .into_inner();
        let names = |field: &str, names: &[String]| -> Result<Vec<DomainName>, MeshError> {
            names.iter().map(|name| parse(field, name)).collect()
        };
        Ok(InsightsView {
            insights: answer.insights.into_iter().map(insights).collect::<Result<_, _>>()?,
            unreached: names("unreached", &answer.unreached)?,
            from_copies: names("from_copies", &answer.from_copies)?,
            freshness: Freshness::of(answer.freshness),
        })
    }
}

fn insights(m: v1::InsightsAt) -> Result<Insights, MeshError> {
    Ok(Insights {
        at_unix_ms: m.at_unix_ms,
        measures: m.measures.into_iter().map(measure).collect::<Result<_, _>>()?,
        domains: m.domains.iter().map(domain).collect::<Result<_, _>>()?,
    })
}

fn measure(m: v1::InsightMeasure) -> Result<Measure, MeshError> {
    let value = m.value.map(|value| mesh_event::decimal("value", &value)).transpose();
    Ok(Measure {
        value: value.map_err(|error| odd(&m.name, error))?,
        unit: match m.unit.as_str() {
            "ms" => Unit::Milliseconds,
            "%" => Unit::Percent,
            "products" => Unit::Products,
            other => return Err(odd("unit", format!("{other} is none that this build knows"))),
        },
        name: m.name,
        of: m.of,
    })
}

fn domain(m: &v1::DomainInsights) -> Result<DomainInsights, MeshError> {
    Ok(DomainInsights {
        domain: parse("domain", &m.domain)?,
        active_products: m.active_products,
        used_by_others: m.used_by_others,
        uses_of_others: m.uses_of_others,
        measured: m.measured,
        kept: m.kept,
        requests_waiting: m.requests_waiting,
    })
}
