//! Which products are made of which.

use mesh_lineage::openlineage::{Column, ColumnStep, Origin, PortAt, Seen};
use mesh_lineage::{Absent, Direction, Major, Reached, Step, Supplier, Walk};
use mesh_model::{Name, ProductId};
use mesh_proto::status::MeshError;
use mesh_proto::v1::{self, lineage_supplier};
use serde::Serialize;

use crate::acknowledgement::Freshness;
use crate::client::Client;
use crate::convert::{missing, odd, parse};
use crate::retry::{Failed, Repeat};

/// Where lineage begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineageOf {
    /// A product.
    Product {
        /// Which.
        product: ProductId,
        /// Which major; the newest that is not retired without it.
        major: Option<u32>,
        /// One of its output ports, which has to be there, and one field of it.
        part: Option<(Name, Option<String>)>,
    },
    /// A system outside, as input ports name it.
    Outside(String),
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LineageView {
    /// Where it began; `None` for a system outside.
    pub from: Option<Major>,
    /// Supplies, majors and cycles.
    #[serde(flatten)]
    pub walk: Walk,
    /// How old the answer may be.
    pub freshness: Freshness,
}

/// Something that went from somewhere into a port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ObservedSupply {
    /// From where.
    pub from: Origin,
    /// Into which port.
    pub to: PortAt,
    /// What runs told of it.
    #[serde(flatten)]
    pub seen: Seen,
}

/// What pipelines told a node of a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ObservedView {
    /// Of which major.
    pub of: Major,
    /// What went into its ports.
    pub came_in: Vec<ObservedSupply>,
    /// What of its ports went into others.
    pub went_out: Vec<ObservedSupply>,
    /// What is made of the column that was asked about, the nearest first.
    pub steps: Vec<ColumnStep>,
    /// Whether there is more.
    pub cut: bool,
    /// Events that the node keeps.
    pub events: u64,
    /// When the last one came.
    pub last_event_unix_ms: Option<u64>,
    /// How old the rest of the answer may be.
    pub freshness: Freshness,
}

impl Client {
    /// What a product is made of, or what is made of it, by at most so many steps; 0 for all.
    ///
    /// # Errors
    /// [`mesh_model::Code::UnknownProduct`], [`mesh_model::Code::UnknownVersion`], [`mesh_model::Code::NotFound`] for a port, field or system
    /// that is not there, or the transport's.
    pub async fn lineage(&self, of: &LineageOf, direction: Direction, hops: u32) -> Result<LineageView, MeshError> {
        let direction = match direction {
            Direction::Up => v1::LineageDirection::Up,
            Direction::Down => v1::LineageDirection::Down,
        };
        let mut message = v1::GetLineageRequest { direction: direction.into(), hops, ..Default::default() };
        match of {
            LineageOf::Outside(system) => message.system.clone_from(system),
            LineageOf::Product { product, major, part } => {
                message.product = product.to_string();
                message.major = major.unwrap_or_default();
                if let Some((port, field)) = part {
                    message.port = port.to_string();
                    message.field = field.clone().unwrap_or_default();
                }
            }
        }
        let answer = self
            .call(Repeat::Read, async |attempt| {
                let answer = attempt.lineage().get_lineage(attempt.request(message.clone())).await;
                answer.map_err(|status| Failed::of(status, &attempt.url))
            })
            .await?
            .into_inner();
        let cycle = |cycle: v1::LineageCycle| cycle.majors.iter().map(major).collect::<Result<Vec<_>, _>>();
        Ok(LineageView {
            from: answer.from.as_ref().map(major).transpose()?,
            walk: Walk {
                steps: answer.steps.into_iter().map(step).collect::<Result<_, _>>()?,
                reached: answer.reached.into_iter().map(reached).collect::<Result<_, _>>()?,
                cycles: answer.cycles.into_iter().map(cycle).collect::<Result<_, _>>()?,
                cut: answer.cut,
            },
            freshness: Freshness::of(answer.freshness),
        })
    }
}

impl Client {
    /// What pipelines told the node: what went into the ports of a major, and from there into others; with a port and a column, all that is made
    /// of that.
    ///
    /// # Errors
    /// [`mesh_model::Code::UnknownProduct`], [`mesh_model::Code::UnknownVersion`], [`mesh_model::Code::NotFound`] for a port that is not there, or
    /// the transport's.
    pub async fn observed(
        &self,
        product: &ProductId,
        major: Option<u32>,
        column: Option<(&Name, &str)>,
        hops: u32,
    ) -> Result<ObservedView, MeshError> {
        let message = v1::GetObservedRequest {
            product: product.to_string(),
            major: major.unwrap_or_default(),
            port: column.map(|(port, _)| port.to_string()).unwrap_or_default(),
            column: column.map(|(_, column)| column.to_owned()).unwrap_or_default(),
            hops,
        };
        let answer = self
            .call(Repeat::Read, async |attempt| {
                let answer = attempt.lineage().get_observed(attempt.request(message.clone())).await;
                answer.map_err(|status| Failed::of(status, &attempt.url))
            })
            .await?
            .into_inner();
        let supplies = |supplies: Vec<v1::ObservedSupply>| supplies.into_iter().map(observed_supply);
        Ok(ObservedView {
            of: required_major("of", answer.of)?,
            came_in: supplies(answer.came_in).collect::<Result<_, _>>()?,
            went_out: supplies(answer.went_out).collect::<Result<_, _>>()?,
            steps: answer.steps.into_iter().map(observed_step).collect::<Result<_, _>>()?,
            cut: answer.cut,
            events: answer.events,
            last_event_unix_ms: Some(answer.last_event_unix_ms).filter(|at| *at != 0),
            freshness: Freshness::of(answer.freshness),
        })
    }
}

fn observed_port(field: &str, m: Option<v1::ObservedPort>) -> Result<PortAt, MeshError> {
    let v1::ObservedPort { product, major, port } = m.ok_or_else(|| missing(field))?;
    Ok(PortAt { product: parse(field, &product)?, major, port: parse(field, &port)? })
}

fn observed_supply(m: v1::ObservedSupply) -> Result<ObservedSupply, MeshError> {
    let from = match m.from.and_then(|from| from.origin).ok_or_else(|| missing("from"))? {
        v1::observed_origin::Origin::Port(port) => Origin::Port(observed_port("from", Some(port))?),
        v1::observed_origin::Origin::Outside(dataset) => Origin::Outside(dataset),
    };
    let columns = m.columns.into_iter().map(|column| Column { to: column.to, from: column.from }).collect();
    let seen = Seen { columns, first: m.first_unix_ms, last: m.last_unix_ms, runs: m.runs, cut: m.cut };
    Ok(ObservedSupply { from, to: observed_port("to", m.to)?, seen })
}

fn observed_step(m: v1::ObservedStep) -> Result<ColumnStep, MeshError> {
    Ok(ColumnStep {
        hops: m.hops,
        from: observed_port("steps.from", m.from)?,
        from_column: m.from_column,
        to: observed_port("steps.to", m.to)?,
        to_column: m.to_column,
    })
}

fn major(m: &v1::LineageMajor) -> Result<Major, MeshError> {
    Ok(Major { product: parse("product", &m.product)?, major: m.major })
}

fn required_major(field: &str, m: Option<v1::LineageMajor>) -> Result<Major, MeshError> {
    major(&m.ok_or_else(|| missing(field))?)
}

fn supplier(m: Option<v1::LineageSupplier>) -> Result<Supplier, MeshError> {
    use lineage_supplier::Supplier as Message;
    match m.and_then(|m| m.supplier).ok_or_else(|| missing("steps.from"))? {
        Message::Product(found) => Ok(Supplier::Product(major(&found)?)),
        Message::Outside(system) => Ok(Supplier::Outside(system)),
        Message::Missing(found) => {
            let why = match found.why() {
                v1::LineageAbsent::Unknown => Absent::Unknown,
                v1::LineageAbsent::Retired => Absent::Retired,
                v1::LineageAbsent::NoVersion => Absent::NoVersion,
                v1::LineageAbsent::Unspecified => return Err(odd("steps.from.missing.why", found.why)),
            };
            Ok(Supplier::Missing { source: found.source, why })
        }
    }
}

fn step(m: v1::LineageStep) -> Result<Step, MeshError> {
    Ok(Step {
        hops: m.hops,
        from: supplier(m.from)?,
        to: required_major("steps.to", m.to)?,
        port: parse("steps.port", &m.port)?,
        required: m.required,
    })
}

fn reached(m: v1::LineageReached) -> Result<Reached, MeshError> {
    let v1::LineageReached { major, hops, owner, deprecated, required } = m;
    Ok(Reached { major: required_major("reached.major", major)?, hops, owner, deprecated, required })
}
