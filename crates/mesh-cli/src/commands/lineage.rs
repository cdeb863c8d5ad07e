//! `mesh lineage` and `mesh impact`: what a product is made of, and who breaks when it changes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::str::FromStr;

use clap::Args;
use mesh_client::lineage::{LineageOf, LineageView};
use mesh_lineage::openlineage::ColumnStep;
use mesh_lineage::{Direction, Major, Reached, Step, Supplier};
use mesh_model::{Name, ProductId};

use super::observed;
use crate::app::App;
use crate::failure::Failure;
use crate::lines::Lines;
use crate::output::printable;
use crate::reading::note_age;
use crate::style::Style;

/// Deeper steps are drawn as deep as this.
const DEEPEST: usize = 40;

/// What a product is made of and what is made of it, by the input ports that owners signed
#[derive(Debug, Args)]
pub(crate) struct LineageArgs {
    /// The product
    #[arg(value_name = "DOMAIN/NAME", add = crate::completer::ids())]
    product: ProductId,
    /// Only what it is made of
    #[arg(long, conflicts_with = "down")]
    up: bool,
    /// Only what is made of it
    #[arg(long)]
    down: bool,
    /// At most so many steps
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    hops: Option<u32>,
    /// Which major version; the newest that is not retired without it
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    major: Option<u32>,
    /// What pipelines told the node instead, down to columns: what went into the product's ports, and from there into others
    #[arg(long, conflicts_with_all = ["up", "down", "hops"])]
    observed: bool,
}

/// Who breaks when a product, or a port or field of it, changes or goes; or a system outside
#[derive(Debug, Args)]
pub(crate) struct ImpactArgs {
    /// DOMAIN/NAME, DOMAIN/NAME#PORT or DOMAIN/NAME#PORT.FIELD
    #[arg(value_name = "ID", add = crate::completer::ids(), required_unless_present = "outside")]
    of: Option<Part>,
    /// A system outside, as input ports name it, such as postgres.shop.orders
    #[arg(long, value_name = "SYSTEM", conflicts_with_all = ["of", "major"])]
    outside: Option<String>,
    /// At most so many steps
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    hops: Option<u32>,
    /// Which major version; the newest that is not retired without it
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    major: Option<u32>,
}

/// `DOMAIN/NAME[#PORT[.FIELD]]`.
#[derive(Debug, Clone)]
struct Part {
    product: ProductId,
    part: Option<(Name, Option<String>)>,
}

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (product, part) = text.split_once('#').map_or((text, None), |(product, part)| (product, Some(part)));
        let product = product.parse::<ProductId>().map_err(|error| error.to_string())?;
        let part = match part {
            None => None,
            Some(part) => {
                let (port, field) = part.split_once('.').map_or((part, None), |(port, field)| (port, Some(field)));
                if field == Some("") {
                    return Err("expected DOMAIN/NAME#PORT.FIELD".to_owned());
                }
                Some((port.parse::<Name>().map_err(|error| error.to_string())?, field.map(str::to_owned)))
            }
        };
        Ok(Self { product, part })
    }
}

pub(crate) async fn run(args: LineageArgs, app: &App) -> Result<(), Failure> {
    let LineageArgs { product, up, down, hops, major, observed: is_observed } = args;
    let client = app.client()?;
    if is_observed {
        let view = client.observed(&product, major, None, 0).await?;
        app.output().one(&view, &product.to_string(), |style| observed::told(&view, style))?;
        if view.cut {
            app.note("there is more than the node keeps or tells");
        }
        note_age(app, &view.freshness);
        return Ok(());
    }
    let of = LineageOf::Product { product, major, part: None };
    let both = [(Direction::Up, !down), (Direction::Down, !up)];
    let mut views = BTreeMap::new();
    for (direction, _) in both.into_iter().filter(|(_, wanted)| *wanted) {
        let name = if direction == Direction::Up { "up" } else { "down" };
        views.insert(name, client.lineage(&of, direction, hops.unwrap_or_default()).await?);
    }
    let (up, down) = (views.get("up"), views.get("down"));
    let from = up.or(down).and_then(|view| view.from.clone()).ok_or_else(|| Failure::internal("no beginning"))?;
    app.output().one(&views, &from.product.to_string(), |style| tree(&from, up, down, style))?;
    let all = || views.values();
    notes(app, all().any(|view| view.walk.cut), all().flat_map(|view| &view.walk.cycles));
    if let Some(view) = all().next() {
        note_age(app, &view.freshness);
    }
    Ok(())
}

pub(crate) async fn impact(args: ImpactArgs, app: &App) -> Result<(), Failure> {
    let ImpactArgs { of, outside, hops, major } = args;
    let (of, what) = match (of, outside) {
        (Some(Part { product, part }), _) => (LineageOf::Product { product, major, part }, None),
        (None, outside) => {
            let system = outside.unwrap_or_default();
            (LineageOf::Outside(system.clone()), Some(system))
        }
    };
    let client = app.client()?;
    let hops = hops.unwrap_or_default();
    let mut view = client.lineage(&of, Direction::Down, hops).await?;
    let name = view.from.as_ref().map_or_else(|| what.unwrap_or_default(), ToString::to_string);
    let mut columns = None;
    if let LineageOf::Product { product, major, part: Some((port, Some(field))) } = &of {
        let observed = client.observed(product, *major, Some((port, field)), hops).await?;
        columns = Some(observed.steps);
        view.walk.cut |= observed.cut;
    }
    let impact = Impact { view, columns };
    app.output().one(&impact, &name, |style| {
        let field = match &of {
            LineageOf::Product { product, part: Some((port, Some(field))), .. } => format!("{product}#{port}.{field}"),
            _ => String::new(),
        };
        let columns = impact.columns.as_ref().map(|steps| observed::made_of(&field, steps));
        format!("{}{}", told(&name, &impact.view, style), columns.unwrap_or_default())
    })?;
    let view = impact.view;
    if matches!(of, LineageOf::Product { part: Some(_), .. }) && !view.walk.reached.is_empty() {
        app.note("input ports name products: these take the product, and may not use this port or field");
    }
    notes(app, view.walk.cut, &view.walk.cycles);
    note_age(app, &view.freshness);
    Ok(())
}

/// Who breaks, and what is made of the column that was asked about.
#[derive(serde::Serialize)]
struct Impact {
    #[serde(flatten)]
    view: LineageView,
    #[serde(skip_serializing_if = "Option::is_none")]
    columns: Option<Vec<ColumnStep>>,
}

fn notes<'a>(app: &App, cut: bool, cycles: impl IntoIterator<Item = &'a Vec<Major>>) {
    if cut {
        app.note("there is more: more steps with --hops, or begin further on");
    }
    for cycle in cycles.into_iter().collect::<BTreeSet<_>>() {
        let names: Vec<String> = cycle.iter().map(ToString::to_string).collect();
        app.warn(format!("made of each other: {}", names.join(", ")));
    }
}

/// Who breaks, the nearest first, and whom to tell.
fn told(name: &str, view: &LineageView, style: Style) -> String {
    let reached = &view.walk.reached;
    let mut lines = Lines::default();
    if reached.is_empty() {
        lines.add(format!("nothing is made of {}", printable(name)));
        return lines.into_text();
    }
    let domains: BTreeSet<_> = reached.iter().map(|one| &one.major.product.domain).collect();
    let many = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let (products, domains) = (many(reached.len(), "product"), many(domains.len(), "domain"));
    lines.add(style.bold(&format!("{products} of {domains} are made of {}", printable(name))));
    for one in reached {
        lines.add(format!("  {}  {}", one.hops, line(one)));
    }
    let mut owners: BTreeMap<&str, usize> = BTreeMap::new();
    for one in reached {
        *owners.entry(one.owner.as_str()).or_default() += 1;
    }
    let owners: Vec<String> = owners.iter().map(|(owner, count)| format!("{} ({count})", printable(owner))).collect();
    lines.add(format!("to tell: {}", owners.join(", ")));
    lines.into_text()
}

fn line(one: &Reached) -> String {
    let mut text = one.major.to_string();
    if !one.owner.is_empty() {
        write!(text, ", {}", printable(&one.owner)).expect("a string takes everything");
    }
    if !one.required {
        text.push_str(", can be made without");
    }
    if one.deprecated {
        text.push_str(", deprecated");
    }
    text
}

fn tree(from: &Major, up: Option<&LineageView>, down: Option<&LineageView>, style: Style) -> String {
    let mut lines = Lines::default();
    lines.add(style.bold(&from.to_string()));
    for (title, view, direction) in [("is made of", up, Direction::Up), ("supplies", down, Direction::Down)] {
        let Some(view) = view else { continue };
        lines.add(title);
        draw(&mut lines, from, &view.walk.steps, direction);
    }
    lines.into_text()
}

/// The steps by where they lead from, each with its end. Each major is drawn with what lies behind it at its first step, which is one of the
/// nearest, so a tree is as deep as the walk was long.
fn draw(lines: &mut Lines, from: &Major, steps: &[Step], direction: Direction) {
    let mut behind: BTreeMap<&Major, Vec<(&Step, Option<&Major>)>> = BTreeMap::new();
    let mut first: BTreeMap<&Major, usize> = BTreeMap::new();
    for (at, step) in steps.iter().enumerate() {
        let supplier = match &step.from {
            Supplier::Product(major) => Some(major),
            Supplier::Outside(_) | Supplier::Missing { .. } => None,
        };
        let (here, there) = match direction {
            Direction::Up => (Some(&step.to), supplier),
            Direction::Down => (supplier, Some(&step.to)),
        };
        let Some(here) = here else { continue };
        behind.entry(here).or_default().push((step, there));
        if let Some(there) = there.filter(|there| *there != from) {
            first.entry(there).or_insert(at);
        }
    }
    let is_first =
        |step: &Step, there: &Major| first.get(there).is_some_and(|at| std::ptr::eq(&raw const steps[*at], step));
    let below = |major: &Major| behind.get(major).map_or(&[][..], Vec::as_slice).iter().rev();
    let mut next: Vec<(usize, &Step, Option<&Major>)> = below(from).map(|(step, there)| (1, *step, *there)).collect();
    if next.is_empty() {
        lines.add("  nothing that is known here");
    }
    while let Some((depth, step, there)) = next.pop() {
        let end = there.map_or_else(|| step.from.to_string(), ToString::to_string);
        let optional = if step.required { "" } else { ", can be made without" };
        let goes_on = there.filter(|there| is_first(step, there));
        let above =
            if goes_on.is_some() || there.is_none_or(|there| below(there).len() == 0) { "" } else { ", see above" };
        let indent = "  ".repeat(depth.min(DEEPEST));
        lines.add(format!("{indent}{} (at {}{optional}{above})", printable(&end), step.port));
        if let Some(there) = goes_on {
            next.extend(below(there).map(|(step, there)| (depth + 1, *step, *there)));
        }
    }
}
