//! What pipelines told a node, for `mesh lineage --observed` and `mesh impact ID#port.field`.

use mesh_client::lineage::{ObservedSupply, ObservedView};
use mesh_lineage::openlineage::{Column, ColumnStep, Origin};

use crate::lines::Lines;
use crate::output::printable;
use crate::style::Style;
use crate::time::show;

/// Columns of one supply that are shown.
const COLUMNS: usize = 20;

/// What came into a product's ports, and where it went.
pub(super) fn told(view: &ObservedView, style: Style) -> String {
    let mut lines = Lines::default();
    lines.add(style.bold(&format!("{}, as pipelines told this node", view.of)));
    for (title, supplies) in [("came in", &view.came_in), ("went out", &view.went_out)] {
        lines.add(title);
        if supplies.is_empty() {
            lines.add("  nothing");
        }
        for supply in supplies {
            add(&mut lines, supply);
        }
    }
    lines.add(match view.last_event_unix_ms {
        Some(last) => format!("{} here, the last of {}", many(view.events, "event"), show(last)),
        None => "no pipeline told this node anything yet".to_owned(),
    });
    lines.into_text()
}

fn add(lines: &mut Lines, supply: &ObservedSupply) {
    let from = match &supply.from {
        Origin::Port(port) => port.to_string(),
        Origin::Outside(dataset) => printable(dataset),
    };
    let seen = &supply.seen;
    let runs = format!("{}, the last of {}", many(seen.runs, "run"), show(seen.last));
    lines.add(format!("  {from} -> {}  ({runs})", supply.to));
    for column in seen.columns.iter().take(COLUMNS) {
        lines.add(format!("    {}", of(column)));
    }
    let more = seen.columns.len().saturating_sub(COLUMNS);
    if more > 0 || seen.cut {
        lines.add(format!("    and {more} more columns; all that are known with -o json"));
    }
}

fn of(column: &Column) -> String {
    let from = printable(&column.from);
    match &column.to {
        Some(to) => format!("{} is made of {from}", printable(to)),
        None => format!("all of it depends on {from}"),
    }
}

/// What is made of a column, the nearest first.
pub(super) fn made_of(name: &str, steps: &[ColumnStep]) -> String {
    let mut lines = Lines::default();
    if steps.is_empty() {
        lines.add(format!("no pipeline told this node of anything that is made of {}", printable(name)));
        return lines.into_text();
    }
    lines.add(format!("as pipelines told this node, made of {}:", printable(name)));
    for step in steps {
        let to = step.to_column.as_deref().map_or_else(|| "all of it".to_owned(), printable);
        lines.add(format!("  {}  {}: {to}, of {}", step.hops, step.to, printable(&step.from_column)));
    }
    lines.into_text()
}

fn many(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
