//! What was measured about products, held against what they promise.

use mesh_event::fact::{CheckKind, CheckVerdict, Measured, QualityCheck, QualityRun};
use mesh_measure::{Burn, Closed, DAY_MS, HOUR_MS, Level, Place, Standing};
use mesh_model::{DomainName, FactId, ProductId, PublicKey, Severity, UnixMs};
use mesh_proto::status::MeshError;
use mesh_proto::v1::{self, QualityStanding};
use serde::Serialize;

use crate::access::fact_id;
use crate::acknowledgement::Freshness;
use crate::client::Client;
use crate::convert::{key, missing, odd, parse};
use crate::retry::{Failed, Repeat};

/// A promise with its error budget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Promise {
    /// The check's.
    pub name: String,
    /// What kind of promise it is.
    pub kind: CheckKind,
    /// What it means when it is broken.
    pub severity: Severity,
    /// What came out last.
    pub last: CheckVerdict,
    /// When, by the home's clock.
    pub last_unix_ms: UnixMs,
    /// What was measured last.
    pub value: Option<Measured>,
    /// Since when it is kept or broken; `None` when nobody measured it.
    pub since_unix_ms: Option<UnixMs>,
    /// Whether a later run does not make it any more.
    pub gone: bool,
    /// Its error budget.
    #[serde(flatten)]
    pub level: Level,
}

/// What one tool measures at one port of one major.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MeasuredPlace {
    /// Where.
    #[serde(flatten)]
    pub place: Place,
    /// What.
    pub promises: Vec<Promise>,
    /// When its last run was stated.
    pub last_run_unix_ms: UnixMs,
    /// How often the port says that its data is renewed.
    pub renewed_every_ms: Option<u64>,
    /// For how long a run is overdue: twice that time went by without one.
    pub overdue_ms: Option<u64>,
}

/// A promise of severity *error* that is or was broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QualityIncident {
    /// Whose.
    pub product: ProductId,
    /// Where.
    #[serde(flatten)]
    pub place: Place,
    /// Which promise.
    pub check: String,
    /// The run that showed it.
    pub run: FactId,
    /// When, by the home's clock.
    pub since_unix_ms: UnixMs,
    /// How it ended; `None` while it is open.
    pub end: Option<IncidentEnd>,
}

/// How an incident ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IncidentEnd {
    /// When, by the home's clock.
    pub at_unix_ms: UnixMs,
    /// By which run.
    pub run: FactId,
    /// Whether the promise was kept again, or is not made any more.
    pub how: Closed,
}

/// A run that was stated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatedRun {
    /// The fact that states it.
    pub id: FactId,
    /// Who states it.
    pub by: PublicKey,
    /// When its home took it.
    pub at_unix_ms: UnixMs,
    /// What it says.
    #[serde(flatten)]
    pub said: QualityRun,
}

/// What was measured about one product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QualityView {
    /// Which.
    pub product: ProductId,
    /// Its promises, by where they are measured.
    pub places: Vec<MeasuredPlace>,
    /// Open ones first, and the latest of them.
    pub incidents: Vec<QualityIncident>,
    /// The latest first.
    pub runs: Vec<StatedRun>,
    /// Rules and metrics that the newest version declares, and nobody measured.
    pub unmeasured: Vec<String>,
    /// Whether the owner's home did not answer: then later runs may be missing.
    pub from_copy: bool,
    /// How old the answer may be.
    pub freshness: Freshness,
}

/// Incidents of many products.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IncidentListing {
    /// Open ones first, and the latest of them.
    pub incidents: Vec<QualityIncident>,
    /// There are more.
    pub cut: bool,
    /// Domains of whose feeds the node has too little to tell.
    pub unreached: Vec<DomainName>,
    /// Domains whose feed was read from the node's copy.
    pub from_copies: Vec<DomainName>,
    /// How old the answer may be.
    pub freshness: Freshness,
}

impl Client {
    /// What was measured about a product, with at most so many of its runs (0 for 20); as it was at a moment, where one is given.
    ///
    /// # Errors
    /// [`mesh_model::Code::UnknownProduct`], [`mesh_model::Code::HomeUnreachable`], or the transport's.
    pub async fn quality(
        &self,
        product: &ProductId,
        runs: u32,
        as_of: Option<UnixMs>,
    ) -> Result<QualityView, MeshError> {
        let message = v1::GetQualityRequest { product: product.to_string(), runs, as_of_unix_ms: as_of.unwrap_or(0) };
        let answer = self
            .call(Repeat::Read, async |attempt| {
                let answer = attempt.quality().get_quality(attempt.request(message.clone())).await;
                answer.map_err(|status| Failed::of(status, &attempt.url))
            })
            .await?
            .into_inner();
        Ok(QualityView {
            product: parse("product", &answer.product)?,
            places: answer.places.into_iter().map(place).collect::<Result<_, _>>()?,
            incidents: answer.incidents.into_iter().map(incident).collect::<Result<_, _>>()?,
            runs: answer.runs.into_iter().map(run).collect::<Result<_, _>>()?,
            unmeasured: answer.unmeasured,
            from_copy: answer.from_copy,
            freshness: Freshness::of(answer.freshness),
        })
    }

    /// Incidents of one domain's products, or of all; `ended`: also those that are over; at most `limit`, 0 for 100.
    ///
    /// # Errors
    /// [`mesh_model::Code::UnknownDomain`], or the transport's.
    pub async fn incidents(
        &self,
        domain: Option<&DomainName>,
        ended: bool,
        limit: u32,
    ) -> Result<IncidentListing, MeshError> {
        let domain = domain.map_or_else(String::new, ToString::to_string);
        let message = v1::ListIncidentsRequest { domain, ended, limit };
        let answer = self
            .call(Repeat::Read, async |attempt| {
                let answer = attempt.quality().list_incidents(attempt.request(message.clone())).await;
                answer.map_err(|status| Failed::of(status, &attempt.url))
            })
            .await?
            .into_inner();
        let names = |field: &str, names: &[String]| -> Result<Vec<DomainName>, MeshError> {
            names.iter().map(|name| parse(field, name)).collect()
        };
        Ok(IncidentListing {
            incidents: answer.incidents.into_iter().map(incident).collect::<Result<_, _>>()?,
            cut: answer.cut,
            unreached: names("unreached", &answer.unreached)?,
            from_copies: names("from_copies", &answer.from_copies)?,
            freshness: Freshness::of(answer.freshness),
        })
    }
}

fn place(place: v1::QualityPlace) -> Result<MeasuredPlace, MeshError> {
    let at = Place { major: place.major, port: parse("port", &place.port)?, tool: place.tool };
    Ok(MeasuredPlace {
        place: at,
        promises: place.promises.into_iter().map(promise).collect::<Result<_, _>>()?,
        last_run_unix_ms: place.last_run_unix_ms,
        renewed_every_ms: place.renewed_every_ms,
        overdue_ms: place.overdue_ms,
    })
}

fn promise(m: v1::QualityPromise) -> Result<Promise, MeshError> {
    let standing = match m.standing() {
        QualityStanding::Unspecified => return Err(missing("standing")),
        QualityStanding::Unknown => Standing::Unknown,
        QualityStanding::Healthy => Standing::Healthy,
        QualityStanding::AtRisk => Standing::AtRisk,
        QualityStanding::Broken => Standing::Broken,
    };
    let (rows, failed) = (0, 0);
    // Numbers and verdicts have one form on the wire, whether they are signed or not.
    let check = mesh_event::proto::QualityCheck {
        name: m.name,
        kind: m.kind,
        severity: m.severity,
        verdict: m.last,
        rows,
        failed,
        value: m.value,
        unit: m.unit,
    };
    let QualityCheck { name, kind, severity, verdict, value, .. } =
        QualityCheck::from_message(check).map_err(|error| odd(&error.field, &error.why))?;
    Ok(Promise {
        name,
        kind,
        severity,
        last: verdict,
        last_unix_ms: m.last_unix_ms,
        value,
        since_unix_ms: m.since_unix_ms,
        gone: m.gone,
        level: Level {
            standing,
            promised_ppm: m.promised_ppm,
            budget_ms: m.budget_ms,
            broken_ms: m.broken_ms,
            spent_percent: m.spent_percent,
            burns: [
                Burn { window_ms: HOUR_MS, rate_percent: m.burn_hour_percent },
                Burn { window_ms: DAY_MS, rate_percent: m.burn_day_percent },
            ],
        },
    })
}

fn incident(m: v1::QualityIncident) -> Result<QualityIncident, MeshError> {
    let end = match m.until_unix_ms {
        None => None,
        Some(at_unix_ms) => Some(IncidentEnd {
            at_unix_ms,
            run: fact_id("end_run_id", &m.end_run_id)?,
            how: if m.dropped { Closed::Dropped } else { Closed::Fixed },
        }),
    };
    Ok(QualityIncident {
        product: parse("product", &m.product)?,
        place: Place { major: m.major, port: parse("port", &m.port)?, tool: m.tool },
        check: m.check,
        run: fact_id("run_id", &m.run_id)?,
        since_unix_ms: m.since_unix_ms,
        end,
    })
}

fn run(m: v1::QualityRunItem) -> Result<StatedRun, MeshError> {
    let said = QualityRun::from_message(m.run.ok_or_else(|| missing("run"))?);
    Ok(StatedRun {
        id: fact_id("fact_id", &m.fact_id)?,
        by: key("stated_by", &m.stated_by)?,
        at_unix_ms: m.stated_unix_ms,
        said: said.map_err(|error| odd(&error.field, &error.why))?,
    })
}
