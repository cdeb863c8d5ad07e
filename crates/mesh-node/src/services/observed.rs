//! What pipelines told this node, for `LineageService`.

use mesh_lineage::openlineage::{Column, ColumnStep, Origin, PortAt, Row};
use mesh_lineage::{Bounds, Direction};
use mesh_model::{Name, ProductId};
use mesh_proto::status::MeshError;
use mesh_proto::v1::{
    GetObservedRequest, GetObservedResponse, ObservedColumn, ObservedOrigin, ObservedPort, ObservedStep,
    ObservedSupply, observed_origin,
};

use super::lineage::{HOPS, STEPS, bad, begin, has, major_of};
use crate::core::Core;
use crate::lineage::Known;

/// Columns that an answer tells of, in all.
const COLUMNS: usize = 50_000;

pub(super) fn answer(core: &Core, request: GetObservedRequest) -> Result<GetObservedResponse, MeshError> {
    let product: ProductId = request.product.parse().map_err(|error| bad("product", error))?;
    let column = match (request.port.as_str(), request.column) {
        ("", column) if column.is_empty() => None,
        (_, column) if column.is_empty() => return Err(bad("column", "a port is asked about with one of its columns")),
        (port, column) => Some((port.parse::<Name>().map_err(|error| bad("port", error))?, column)),
    };
    let major = Some(request.major).filter(|major| *major != 0);
    let hops = if request.hops == 0 { HOPS } else { request.hops };
    let of = core.lineage.ask(core, |Known { graph, .. }| {
        let of = begin(core, graph, &product, major)?;
        if let Some((port, _)) = &column {
            // What a pipeline writes may have columns that no contract names.
            has(core, graph, &of, port.clone(), None)?;
        }
        Ok::<_, MeshError>(of)
    })??;
    core.pipelines.ask(core, |observed, told| {
        let mut room = COLUMNS;
        let mut cut = observed.is_cut(&of);
        let is_of_column = column.is_some();
        let mut supplies = |direction| {
            let rows = observed.rows(&of, direction);
            cut |= rows.len() > STEPS;
            rows.into_iter().take(STEPS).map(|row| supply(&row, &mut room)).collect::<Vec<_>>()
        };
        let (came_in, went_out) = (supplies(Direction::Up), supplies(Direction::Down));
        let bounds = Bounds { hops, steps: STEPS };
        let (steps, more) = column.map_or_else(Default::default, |(port, column)| {
            let port = PortAt { product: of.product.clone(), major: of.major, port };
            observed.made_of(&port, &column, bounds)
        });
        GetObservedResponse {
            of: Some(major_of(&of)),
            came_in,
            went_out,
            steps: steps.iter().map(step).collect(),
            // Who asks of a column is told whether there is more of it.
            cut: if is_of_column { more || observed.refused() } else { cut },
            events: told.events,
            last_event_unix_ms: told.last_unix_ms,
            freshness: None,
        }
    })
}

fn port_of(port: &PortAt) -> ObservedPort {
    ObservedPort { product: port.product.to_string(), major: port.major, port: port.port.to_string() }
}

fn supply(row: &Row<'_>, room: &mut usize) -> ObservedSupply {
    let origin = match row.from {
        Origin::Port(port) => observed_origin::Origin::Port(port_of(port)),
        Origin::Outside(dataset) => observed_origin::Origin::Outside(dataset.clone()),
    };
    let columns = row.seen.columns.iter().take(*room);
    let columns: Vec<_> =
        columns.map(|Column { to, from }| ObservedColumn { to: to.clone(), from: from.clone() }).collect();
    *room -= columns.len();
    ObservedSupply {
        from: Some(ObservedOrigin { origin: Some(origin) }),
        to: Some(port_of(row.to)),
        cut: row.seen.cut || columns.len() < row.seen.columns.len(),
        columns,
        first_unix_ms: row.seen.first,
        last_unix_ms: row.seen.last,
        runs: row.seen.runs,
    }
}

fn step(step: &ColumnStep) -> ObservedStep {
    ObservedStep {
        hops: step.hops,
        from: Some(port_of(&step.from)),
        from_column: step.from_column.clone(),
        to: Some(port_of(&step.to)),
        to_column: step.to_column.clone(),
    }
}
