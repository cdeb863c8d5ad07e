//! `LineageService`.

use std::sync::Arc;

use mesh_governance::{lacks, read};
use mesh_lineage::{Absent, Bounds, Direction, Graph, Major, Reached, Step, Supplier, Walk};
use mesh_model::{Code, Name, ProductId, Version, VersionId};
use mesh_proto::status::MeshError;
use mesh_proto::v1::lineage_service_server::LineageService;
use mesh_proto::v1::{
    GetLineageRequest, GetLineageResponse, GetObservedRequest, GetObservedResponse, LineageAbsent, LineageCycle,
    LineageDirection, LineageMajor, LineageMissing, LineageReached, LineageStep, LineageSupplier, lineage_supplier,
};
use tonic::{Request, Response, Status};

use super::{check_token, freshness, observed};
use crate::core::Core;
use crate::lineage::Known;

/// Most steps of an answer, and most hops when nobody says how many.
pub(super) const STEPS: usize = 20_000;
pub(super) const HOPS: u32 = 1_000;

pub(super) struct Service {
    core: Arc<Core>,
}

impl Service {
    pub(super) fn new(core: Arc<Core>) -> Self {
        Self { core }
    }
}

pub(super) fn bad(what: &str, why: impl std::fmt::Display) -> MeshError {
    MeshError::new(Code::BadArgument, format!("{what}: {why}"))
}

#[tonic::async_trait]
impl LineageService for Service {
    async fn get_lineage(&self, request: Request<GetLineageRequest>) -> Result<Response<GetLineageResponse>, Status> {
        check_token(&self.core, &request)?;
        let asked = Asked::of(request.into_inner())?;
        let core = Arc::clone(&self.core);
        let (from, walk) = self.core.offload(move || asked.answer(&core)).await?;
        Ok(Response::new(answer(&self.core, from.as_ref(), &walk)))
    }

    async fn get_observed(
        &self,
        request: Request<GetObservedRequest>,
    ) -> Result<Response<GetObservedResponse>, Status> {
        check_token(&self.core, &request)?;
        let core = Arc::clone(&self.core);
        let request = request.into_inner();
        let mut answer = self.core.offload(move || observed::answer(&core, request)).await?;
        answer.freshness = Some(freshness(&self.core));
        Ok(Response::new(answer))
    }
}

/// Where a walk begins.
enum From {
    Product { product: ProductId, major: Option<u32>, port: Option<Name>, field: Option<String> },
    Outside(String),
}

struct Asked {
    from: From,
    direction: Direction,
    bounds: Bounds,
}

impl Asked {
    fn of(request: GetLineageRequest) -> Result<Self, MeshError> {
        let direction = match request.direction() {
            LineageDirection::Up => Direction::Up,
            LineageDirection::Down => Direction::Down,
            LineageDirection::Unspecified => return Err(bad("direction", "expected up or down")),
        };
        let hops = if request.hops == 0 { HOPS } else { request.hops };
        let bounds = Bounds { hops, steps: STEPS };
        if !request.system.is_empty() {
            if direction == Direction::Up || !request.product.is_empty() {
                return Err(bad("system", "a system outside is asked about downwards, and without a product"));
            }
            return Ok(Self { from: From::Outside(request.system), direction, bounds });
        }
        let port = match request.port.as_str() {
            "" => None,
            port => Some(port.parse().map_err(|error| bad("port", error))?),
        };
        let field = Some(request.field).filter(|field| !field.is_empty());
        if field.is_some() && port.is_none() {
            return Err(bad("field", "a field is one of a port"));
        }
        let product = request.product.parse().map_err(|error| bad("product", error))?;
        let major = Some(request.major).filter(|major| *major != 0);
        Ok(Self { from: From::Product { product, major, port, field }, direction, bounds })
    }

    fn answer(self, core: &Core) -> Result<(Option<Major>, Walk), MeshError> {
        let Self { from, direction, bounds } = self;
        match from {
            From::Outside(system) => {
                let walk = core.lineage.ask(core, |known| known.graph.walk_from_outside(&system, bounds))?;
                if walk.steps.is_empty() {
                    let text = format!("no input port of this mesh names {system}");
                    return Err(MeshError::new(Code::NotFound, text));
                }
                Ok((None, walk))
            }
            From::Product { product, major, port, field } => core.lineage.ask(core, |Known { graph, .. }| {
                let from = begin(core, graph, &product, major)?;
                if let Some(port) = port {
                    has(core, graph, &from, port, field)?;
                }
                let walk = graph.walk(&from, direction, bounds);
                Ok((Some(from), walk))
            })?,
        }
    }
}

pub(super) fn begin(core: &Core, graph: &Graph, product: &ProductId, major: Option<u32>) -> Result<Major, MeshError> {
    let from = match major {
        Some(major) => Some(Major { product: product.clone(), major }).filter(|from| graph.made(from).is_some()),
        None => graph.newest(product),
    };
    if let Some(from) = from {
        return Ok(from);
    }
    let known = read::product(&core.state, product).map_err(|e| core.state_error(&e))?;
    Err(match (known, major) {
        (None, _) => MeshError::new(Code::UnknownProduct, format!("there is no product {product}")),
        (Some(_), None) => MeshError::new(Code::Retired, format!("{product} is retired")),
        (Some(_), Some(major)) => {
            let text = format!("{product} has no major {major} that is not retired");
            MeshError::new(Code::UnknownVersion, text)
        }
    })
}

/// Whether the highest version of a major has a port, and a field there.
pub(super) fn has(
    core: &Core,
    graph: &Graph,
    from: &Major,
    port: Name,
    field: Option<String>,
) -> Result<(), MeshError> {
    let highest: Option<Version> = graph.made(from).and_then(|made| made.versions.last().copied());
    let Some(version) = highest.map(|version| VersionId { product: from.product.clone(), version }) else {
        return Ok(());
    };
    let descriptor = read::descriptor_of(&core.state, &version).map_err(|e| core.state_error(&e))?;
    let part = mesh_event::fact::PortScope { port, fields: field.into_iter().collect() };
    match descriptor.and_then(|descriptor| lacks(&descriptor, &part)) {
        Some(missing) => Err(MeshError::new(Code::NotFound, format!("{version} has no {missing}"))),
        None => Ok(()),
    }
}

pub(super) fn major_of(major: &Major) -> LineageMajor {
    LineageMajor { product: major.product.to_string(), major: major.major }
}

fn supplier_of(supplier: &Supplier) -> LineageSupplier {
    let supplier = match supplier {
        Supplier::Product(major) => lineage_supplier::Supplier::Product(major_of(major)),
        Supplier::Outside(system) => lineage_supplier::Supplier::Outside(system.clone()),
        Supplier::Missing { source, why } => {
            let why = match why {
                Absent::Unknown => LineageAbsent::Unknown,
                Absent::Retired => LineageAbsent::Retired,
                Absent::NoVersion => LineageAbsent::NoVersion,
            };
            lineage_supplier::Supplier::Missing(LineageMissing { source: source.clone(), why: why.into() })
        }
    };
    LineageSupplier { supplier: Some(supplier) }
}

fn answer(core: &Core, from: Option<&Major>, walk: &Walk) -> GetLineageResponse {
    let step = |step: &Step| LineageStep {
        hops: step.hops,
        from: Some(supplier_of(&step.from)),
        to: Some(major_of(&step.to)),
        port: step.port.to_string(),
        required: step.required,
    };
    let reached = |reached: &Reached| LineageReached {
        major: Some(major_of(&reached.major)),
        hops: reached.hops,
        owner: reached.owner.clone(),
        deprecated: reached.deprecated,
        required: reached.required,
    };
    let cycle = |cycle: &Vec<Major>| LineageCycle { majors: cycle.iter().map(major_of).collect() };
    GetLineageResponse {
        from: from.map(major_of),
        steps: walk.steps.iter().map(step).collect(),
        reached: walk.reached.iter().map(reached).collect(),
        cycles: walk.cycles.iter().map(cycle).collect(),
        cut: walk.cut,
        freshness: Some(freshness(core)),
    }
}
