//! Quality checks and service levels of a contract.
//!
//! A check in SQL becomes a rule, any other a metric. The file's own words stay in the extensions: an operator such as
//! `mustBeBetween` or a schedule has no field in a descriptor.

use mesh_model::{Metric, QualityRule, Quantity, ServiceLevel, Severity};
use rust_decimal::Decimal;

use crate::problem::Problem;
use crate::yaml::{Check, Node, path_of};

const OPERATORS: [(&str, &str); 8] = [
    ("mustBe", "="),
    ("mustNotBe", "!="),
    ("mustBeGreaterThan", ">"),
    ("mustBeGreaterOrEqualTo", ">="),
    ("mustBeLessThan", "<"),
    ("mustBeLessOrEqualTo", "<="),
    ("mustBeBetween", "between"),
    ("mustNotBeBetween", "not between"),
];

/// What a table of fields can't say: which fields a check has depends on its type.
pub(super) fn check(check: &mut Check<'_>, node: &Node, path: &str) {
    let metric = node.get("metric").is_some();
    let kind = node.text("type").unwrap_or(if metric { "library" } else { "text" });
    let mut needs = |key: &str, expected: &str| {
        if node.get(key).is_none() {
            check.missing(node, path, key, expected);
        }
    };
    match kind {
        // `rule` is what 3.0 called the metric.
        "library" if node.get("rule").is_none() => needs("metric", "the metric of a library check"),
        "sql" => needs("query", "the query of a check in SQL"),
        "custom" => {
            needs("engine", "the engine of a custom check");
            needs("implementation", "the implementation of a custom check");
        }
        _ => {}
    }
    let operators: Vec<_> = OPERATORS.iter().filter(|(key, _)| node.get(key).is_some()).map(|(key, _)| *key).collect();
    if let (true, [_, second, ..]) = (metric || kind == "sql", operators.as_slice()) {
        let place = node.get(second).map_or(node.place(), Node::place);
        let found = operators.join(" and ");
        check.problems.push(Problem::error(place, path_of(path, second), "one operator in a check", found));
    }
    for key in ["mustBeBetween", "mustNotBeBetween"] {
        if let Some(bounds) = node.get(key).filter(|bounds| bounds.items().len() != 2) {
            let place = bounds.place();
            check.problems.push(Problem::error(place, path_of(path, key), "two numbers", bounds.describe()));
        }
    }
}

/// Rules and metrics of a list of checks; `scope` is the table or `table.column` that they are of.
pub(super) fn read(checks: &[Node], scope: &str, rules: &mut Vec<QualityRule>, metrics: &mut Vec<Metric>) {
    for node in checks {
        let description = node.text("description").unwrap_or_default().to_owned();
        let operator = OPERATORS.iter().find_map(|(key, sign)| Some((*sign, node.get(key)?)));
        if let Some(query) = node.text("query").filter(|query| !query.trim().is_empty()) {
            let named = node.text("name").map_or_else(|| format!("{scope}.sql"), ToOwned::to_owned);
            rules.push(QualityRule {
                name: distinct(&named, |name| rules.iter().any(|rule| rule.name == name)),
                check: condition(query, operator),
                severity: severity(node),
                dimension: node.text("dimension").map(ToOwned::to_owned),
                description,
            });
            continue;
        }
        let kind = ["metric", "rule", "name", "type"].iter().find_map(|key| node.text(key)).unwrap_or("text");
        let bound = operator.and_then(|(sign, bound)| Some((sign, exact(bound)?)));
        let target = bound.map(|(sign, value)| Quantity {
            comparison: sign.into(),
            value,
            unit: match node.text("unit") {
                Some("percent") => "%".into(),
                unit => unit.unwrap_or_default().into(),
            },
        });
        let prose = match (operator, bound) {
            (Some((sign, node)), None) => Some(format!("{sign} {}", words(node))),
            _ => None,
        };
        let measured = [node.text("method"), node.text("engine"), node.text("scheduler"), node.text("schedule")];
        metrics.push(Metric {
            name: kind.to_owned(),
            target,
            scope: scope.to_owned(),
            measured: measured.into_iter().flatten().collect::<Vec<_>>().join(" "),
            description: [prose, Some(description)]
                .into_iter()
                .flatten()
                .filter(|t| !t.is_empty())
                .collect::<Vec<_>>()
                .join("; "),
        });
    }
}

/// The query with what its result must be: `(SELECT …) = 0`.
fn condition(query: &str, operator: Option<(&str, &Node)>) -> String {
    let query = query.trim().trim_end_matches(';').trim_end();
    match operator {
        None => query.to_owned(),
        Some((sign @ ("between" | "not between"), bounds)) => {
            let bounds: Vec<_> = bounds.items().iter().filter_map(Node::as_text).collect();
            format!("({query}) {} {}", sign.to_uppercase(), bounds.join(" AND "))
        }
        Some((sign, bound)) => {
            let text = bound.as_text().unwrap_or_default();
            let bound = match bound.as_str() {
                Some(text) => format!("'{}'", text.replace('\'', "''")),
                None => text.to_owned(),
            };
            format!("({query}) {sign} {bound}")
        }
    }
}

fn severity(node: &Node) -> Severity {
    match node.text("severity").map(str::to_lowercase).as_deref() {
        Some("warning" | "warn" | "info" | "low" | "notice") => Severity::Warning,
        _ => Severity::Error,
    }
}

fn distinct(name: &str, known: impl Fn(&str) -> bool) -> String {
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    [name.to_owned()].into_iter().chain(numbered).find(|name| !known(name)).expect("numbers don't end")
}

/// The number, where a descriptor can hold it: 63 bits of mantissa, at most 28 places.
fn exact(node: &Node) -> Option<Decimal> {
    node.as_decimal().filter(|number| i64::try_from(number.mantissa()).is_ok())
}

fn words(node: &Node) -> String {
    match node.items() {
        [] => node.as_text().unwrap_or_default().to_owned(),
        items => items.iter().filter_map(Node::as_text).collect::<Vec<_>>().join(" and "),
    }
}

/// Service levels, in the file's own words where there is no number.
pub(super) fn service_levels(properties: &[Node]) -> Vec<ServiceLevel> {
    properties.iter().map(service_level).collect()
}

fn service_level(node: &Node) -> ServiceLevel {
    let name = node.text("property").unwrap_or_default();
    let unit = unit(node.text("unit").unwrap_or_default());
    let value = node.get("value");
    let target =
        value.and_then(exact).map(|value| Quantity { comparison: comparison(name, &unit).into(), value, unit });
    let words = match (&target, value) {
        (None, Some(value)) => value.as_text().map(ToOwned::to_owned),
        _ => None,
    };
    let driver = node.text("driver").map(|driver| format!("driver: {driver}"));
    let description = node.text("description").map(ToOwned::to_owned);
    ServiceLevel {
        name: name.to_owned(),
        target,
        percentile: None,
        measured: node.text("element").unwrap_or_default().to_owned(),
        description: [words, description, driver].into_iter().flatten().collect::<Vec<_>>().join("; "),
    }
}

/// The unit, written out.
pub(super) fn unit(text: &str) -> String {
    match text {
        "d" | "day" => "days",
        "y" | "yr" | "year" => "years",
        "h" | "hr" | "hour" => "hours",
        "m" | "min" | "minute" => "minutes",
        "s" | "sec" | "second" => "seconds",
        "percent" => "%",
        other => other,
    }
    .to_owned()
}

/// How the number bounds what is measured: data is kept at least so long, and comes at most so late.
fn comparison(name: &str, unit: &str) -> &'static str {
    match (name.to_lowercase().as_str(), unit) {
        ("retention" | "availability" | "throughput" | "re" | "av", _) | (_, "%") => ">=",
        ("frequency" | "fy", _) => "=",
        _ => "<=",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::yaml::load;

    #[test]
    fn checks_in_sql_are_rules_and_others_are_metrics() {
        let text = "
- {type: sql, query: 'SELECT COUNT(*) FROM t;', mustBe: 0, severity: warning, dimension: uniqueness}
- {type: sql, query: SELECT AVG(x) FROM t, mustBeBetween: [1, 2.5]}
- {metric: invalidValues, mustBeLessOrEqualTo: 5, unit: percent}
- {type: text, description: looks right}
- {type: custom, engine: soda, implementation: x, name: no holes}
";
        let root = load(text, &mut Vec::new()).unwrap();
        let (mut rules, mut metrics) = (Vec::new(), Vec::new());
        read(root.items(), "t.x", &mut rules, &mut metrics);
        let rules: Vec<_> = rules.iter().map(|r| (r.name.as_str(), r.check.as_str(), r.severity)).collect();
        assert_eq!(
            rules,
            [
                ("t.x.sql", "(SELECT COUNT(*) FROM t) = 0", Severity::Warning),
                ("t.x.sql-2", "(SELECT AVG(x) FROM t) BETWEEN 1 AND 2.5", Severity::Error),
            ]
        );
        assert_eq!(metrics.iter().map(|m| m.name.as_str()).collect::<Vec<_>>(), ["invalidValues", "text", "no holes"]);
        let target = metrics[0].target.clone().unwrap();
        assert_eq!(target, Quantity { comparison: "<=".into(), value: 5.into(), unit: "%".into() });
        assert_eq!(metrics[2].measured, "soda");
    }

    #[test]
    fn service_levels_bound_what_they_measure() {
        let text = "
- {property: latency, value: 4, unit: d, element: t.x}
- {property: retention, value: 3, unit: y}
- {property: timeOfAvailability, value: '09:00', driver: regulatory}
";
        let root = load(text, &mut Vec::new()).unwrap();
        let levels = service_levels(root.items());
        let target = |at: usize| levels[at].target.as_ref().map(|t| format!("{} {} {}", t.comparison, t.value, t.unit));
        assert_eq!(target(0).as_deref(), Some("<= 4 days"));
        assert_eq!(levels[0].measured, "t.x");
        assert_eq!(target(1).as_deref(), Some(">= 3 years"));
        assert_eq!((target(2), levels[2].description.as_str()), (None, "09:00; driver: regulatory"));
    }
}
