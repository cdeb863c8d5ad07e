//! Which products are made of which.

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
