//! `mesh insights`: the guide's measures of success, from the history alone.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use mesh_client::insights::InsightsView;
use mesh_insight::{DomainInsights, Insights, Measure, Objective, Progress, Unit};
use mesh_model::{Code, DomainName, UnixMs};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::failure::Failure;
use crate::files;
use crate::lines::Lines;
use crate::output::printable;
use crate::reading::note_age;
use crate::style::Style;
use crate::time;

const WEEK_MS: u64 = 7 * 86_400_000;
/// From low to high.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Arguments of `mesh insights`.
#[derive(Debug, Args)]
pub(crate) struct InsightsArgs {
    /// How it was at this moment: RFC 3339, or a day, which stands for its end (UTC)
    #[arg(long, value_name = "TIME", value_parser = super::quality::moment)]
    as_of: Option<UnixMs>,
    /// Plots the weeks before it
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u64).range(0..=104))]
    weeks: u64,
    /// Holds the measures against objectives: a TOML file, as docs/insights.md describes it
    #[arg(long, value_name = "FILE")]
    objectives: Option<PathBuf>,
}

/// What is printed.
#[derive(Debug, Serialize)]
struct Printed<'a> {
    #[serde(flatten)]
    now: &'a Insights,
    /// The weeks before, the oldest first; the last is `now`.
    weeks: &'a [Insights],
    objectives: Vec<Progress>,
    unreached: &'a [DomainName],
    from_copies: &'a [DomainName],
    freshness: &'a mesh_client::Freshness,
}

/// Asks a node, and shows it.
///
/// # Errors
/// What the node says; exit 3 for a file of objectives that has errors.
pub(crate) async fn run(args: InsightsArgs, app: &App) -> Result<(), Failure> {
    let wanted = args.objectives.as_deref().map(read).transpose()?;
    let last = args.as_of.unwrap_or_else(time::now);
    let moments: Vec<UnixMs> = (0..=args.weeks).rev().map(|week| last.saturating_sub(week * WEEK_MS)).collect();
    let view = app.client()?.insights(&moments).await?;
    let InsightsView { insights, unreached, from_copies, freshness } = &view;
    let Some(now) = insights.last() else {
        return Err(Failure::internal("the node says nothing of the moment that it was asked about"));
    };
    let objectives = match (&wanted, &args.objectives) {
        (Some(wanted), Some(path)) => progress(wanted, now, path)?,
        _ => Vec::new(),
    };
    let printed = Printed { now, weeks: insights, objectives, unreached, from_copies, freshness };
    app.output().one(&printed, "insights", |style| told(&printed, style))?;
    if !unreached.is_empty() {
        let names: Vec<&str> = unreached.iter().map(DomainName::as_str).collect();
        let text = "requests and quality runs are missing of domains whose feeds this node has too little of";
        app.warn(format!("{text}: {}", names.join(", ")));
    }
    note_age(app, freshness);
    Ok(())
}

fn told(printed: &Printed<'_>, style: Style) -> String {
    let mut lines = Lines::default();
    lines.add(style.bold(&format!("as of {}", time::show(printed.now.at_unix_ms))));
    for measure in &printed.now.measures {
        let series = printed.weeks.iter().map(|week| week.measure(&measure.name).and_then(|measure| measure.value));
        let line = format!("  {:22} {:>10}  {:10}", measure.name, value(measure), of(measure));
        lines.add(format!("{line}  {}", plot(&series.collect::<Vec<_>>())).trim_end());
    }
    if !printed.objectives.is_empty() {
        lines.add("objectives");
    }
    for progress in &printed.objectives {
        lines.add(format!("  {}", objective_text(progress, printed.now, style)));
    }
    lines.add("by domain: active products, used by others, uses of others, measured, kept, requests waiting");
    for domain in &printed.now.domains {
        let DomainInsights {
            active_products, used_by_others, uses_of_others, measured, kept, requests_waiting, ..
        } = domain;
        lines.add(format!(
            "  {:22} {active_products:>5} {used_by_others:>5} {uses_of_others:>5} {measured:>5} {kept:>5} {requests_waiting:>5}",
            domain.domain.as_str()
        ));
    }
    lines.into_text()
}

/// For people: `3 d`, `66.7 %`, `12`.
fn value(measure: &Measure) -> String {
    measure.value.map_or_else(|| "-".to_owned(), |value| in_words(value, measure.unit))
}

fn in_words(value: Decimal, unit: Unit) -> String {
    match unit {
        Unit::Milliseconds => value.to_u64().map_or_else(|| value.to_string(), time::age),
        Unit::Percent => format!("{} %", value.normalize()),
        Unit::Products => value.normalize().to_string(),
    }
}

/// Over how many it is.
fn of(measure: &Measure) -> String {
    match measure.unit {
        Unit::Milliseconds | Unit::Percent => format!("of {}", measure.of),
        Unit::Products => String::new(),
    }
}

/// One bar for each value, from 0 to the highest; a dot where there was nothing to measure.
fn plot(series: &[Option<Decimal>]) -> String {
    if series.len() < 2 {
        return String::new();
    }
    let most = series.iter().flatten().max().copied().unwrap_or_default();
    let bar = |value: &Option<Decimal>| match value {
        None => '·',
        Some(_) if most.is_zero() => BARS[0],
        Some(value) => {
            let place = (*value * Decimal::from(BARS.len() - 1) / most).round().to_usize();
            BARS[place.unwrap_or(0).min(BARS.len() - 1)]
        }
    };
    series.iter().map(bar).collect()
}

fn objective_text(progress: &Progress, now: &Insights, style: Style) -> String {
    let objective = &progress.objective;
    let unit = now.measure(&objective.measure).map_or(Unit::Products, |measure| measure.unit);
    let words = |value: Decimal| in_words(value, unit);
    let is_now = progress.value.map_or_else(|| "nothing to measure".to_owned(), words);
    let state = match (progress.reached, progress.due) {
        (true, _) => style.green("reached"),
        (false, true) => style.red("missed"),
        (false, false) => style.yellow("on the way"),
    };
    let part = progress.progress_percent.map_or_else(String::new, |part| format!(", {part} % of the way"));
    let (from, to) = (words(objective.baseline), words(objective.target));
    let by = time::show(objective.by_unix_ms.saturating_sub(1));
    format!("{state}: {} from {from} to {to} by {}: {is_now}{part}", objective.measure, &by[..10.min(by.len())])
}

/// A file of objectives as people write it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Objectives {
    #[serde(rename = "objective", default)]
    objectives: Vec<Written>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    measure: String,
    baseline: Amount,
    target: Amount,
    by: String,
}

/// A number, or a text such as `4d`, `-50 %` or `75 %`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Amount {
    Whole(i64),
    Text(String),
}

fn read(path: &Path) -> Result<Vec<Written>, Failure> {
    let text = files::read_text(path)?;
    let read: Objectives = toml::from_str(&text).map_err(|error| {
        let text = format!("{}: {}", path.display(), error.to_string().trim_end());
        Failure::new(Code::InvalidFile, text).hint("docs/insights.md describes objectives")
    })?;
    Ok(read.objectives)
}

fn progress(wanted: &[Written], now: &Insights, path: &Path) -> Result<Vec<Progress>, Failure> {
    let one = |written: &Written| -> Result<Progress, String> {
        let names: Vec<&str> = now.measures.iter().map(|measure| measure.name.as_str()).collect();
        let name = &written.measure;
        let known = now.measure(name);
        let measure = known.ok_or_else(|| format!("{name} is no measure; expected one of {}", names.join(", ")))?;
        let baseline = written.baseline.read(None, measure.unit)?;
        let target = written.target.read(Some(baseline), measure.unit)?;
        let by = time::parse(&written.by)
            .ok_or_else(|| format!("by: expected a day such as 2027-06-30; found {}", written.by))?;
        let objective = Objective { measure: name.clone(), baseline, target, by_unix_ms: by };
        objective.progress(now).ok_or_else(|| format!("{name}: the numbers are too large"))
    };
    let read: Vec<Result<Progress, String>> = wanted.iter().map(one).collect();
    let problems: Vec<String> = read.iter().filter_map(|one| one.as_ref().err()).map(|why| printable(why)).collect();
    if !problems.is_empty() {
        let text = format!("{} has errors", path.display());
        return Err(Failure::new(Code::InvalidFile, text).problems(problems));
    }
    Ok(read.into_iter().flatten().collect())
}

impl Amount {
    /// In the unit of the measure. What begins with a sign and ends with `%` is that much more or less than the baseline.
    fn read(&self, baseline: Option<Decimal>, unit: Unit) -> Result<Decimal, String> {
        let text = match self {
            Self::Whole(value) => return Ok(Decimal::from(*value)),
            Self::Text(text) => text.trim(),
        };
        let odd = || format!("expected a number, a share such as 75 %, or a time such as 4d; found {text}");
        let percent =
            text.strip_suffix('%').and_then(|number| number.trim().trim_start_matches('+').parse::<Decimal>().ok());
        match (percent, baseline) {
            (Some(change), Some(baseline)) if text.starts_with(['+', '-']) => {
                let changed = Decimal::ONE_HUNDRED.checked_add(change).and_then(|all| all.checked_mul(baseline));
                Ok(changed.ok_or_else(odd)? / Decimal::ONE_HUNDRED)
            }
            (Some(share), _) if unit == Unit::Percent => Ok(share),
            (None, _) if unit == Unit::Milliseconds => {
                let days = text.strip_suffix('d').and_then(|days| days.trim().parse::<u32>().ok());
                let day = |days: u32| Duration::from_hours(24) * days;
                let time = days.map(day).map_or_else(|| time::parse_duration(text), Ok).map_err(|_| odd())?;
                Ok(Decimal::from(u64::try_from(time.as_millis()).map_err(|_| odd())?))
            }
            (None, _) => text.parse().map_err(|_| odd()),
            (Some(_), _) => Err(odd()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn amounts_as_people_write_them() {
        let read = |text: &str, baseline: Option<i64>, unit| {
            Amount::Text(text.into()).read(baseline.map(Decimal::from), unit).ok().map(|value| value.to_string())
        };
        let (ms, percent) = (Unit::Milliseconds, Unit::Percent);
        assert_eq!(read("4d", None, ms).as_deref(), Some("345600000"));
        assert_eq!(read("-50 %", Some(400), ms).as_deref(), Some("200"));
        assert_eq!(read("+75 %", Some(20), percent).as_deref(), Some("35"));
        assert_eq!(read("75 %", Some(20), percent).as_deref(), Some("75"));
        assert_eq!(read("12.5", None, percent).as_deref(), Some("12.5"));
        assert_eq!(read("75 %", None, ms), None);
        assert_eq!(read("soon", None, ms), None);
    }

    #[test]
    fn plots_go_from_nothing_to_the_highest() {
        let series = [None, Some(0), Some(50), Some(100)].map(|value: Option<i64>| value.map(Decimal::from));
        assert_eq!(plot(&series), "·▁▅█");
        assert_eq!(plot(&series[1..2]), "");
        assert_eq!(plot(&[Some(Decimal::ZERO); 3]), "▁▁▁");
    }
}
