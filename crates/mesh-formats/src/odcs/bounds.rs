//! Bounds of values, and of checks: which of two says more.

use rust_decimal::Decimal;

use super::compare::{Changes, Weight};
use crate::yaml::Node;

/// What a bound limits.
enum Side {
    /// From below: a larger one says more.
    Least,
    /// From above: a smaller one says more.
    Most,
}

const OPTIONS: [(&str, Side); 10] = [
    ("minLength", Side::Least),
    ("minItems", Side::Least),
    ("minProperties", Side::Least),
    ("minimum", Side::Least),
    ("exclusiveMinimum", Side::Least),
    ("maxLength", Side::Most),
    ("maxItems", Side::Most),
    ("maxProperties", Side::Most),
    ("maximum", Side::Most),
    ("exclusiveMaximum", Side::Most),
];

/// Options that say how a value is written, or what a program may compute with it.
const FORMS: [&str; 9] = [
    "format",
    "timezone",
    "defaultTimezone",
    "dimensions",
    "elementType",
    "distanceMetric",
    "embeddingModel",
    "embeddingModelVersion",
    "normalized",
];

const LOOSER: &str = "values may come that were ruled out";

/// The options of a column's logical type.
pub(super) fn compare(found: &mut Changes, path: &str, before: &Node, after: &Node) {
    const KEY: &str = "logicalTypeOptions";
    let path = format!("{path}.{KEY}");
    let nothing = Node::new((0, 0), crate::yaml::Value::Map(Vec::new()));
    let (before, after) = (before.get(KEY).unwrap_or(&nothing), after.get(KEY).unwrap_or(&nothing));
    for (key, side) in &OPTIONS {
        bound(found, &path, before, after, key, side);
    }
    for key in ["pattern", "multipleOf"] {
        found.one(&path, before, after, key, Weight::Breaks(LOOSER));
    }
    for key in FORMS {
        found.one(&path, before, after, key, Weight::Breaks("consumers read another form"));
    }
    found.promise(&path, before, after, "uniqueItems", "an item may come twice");
    let required = |node: &Node| -> Vec<String> {
        node.list("required").iter().filter_map(Node::as_text).map(ToOwned::to_owned).collect()
    };
    let (old, new) = (required(before), required(after));
    let is_kept = old.iter().all(|name| new.contains(name));
    let weight = if is_kept { Weight::Adds } else { Weight::Breaks("a value that was always there may be absent") };
    found.one(&path, before, after, "required", weight);
}

/// One bound: gone or looser breaks, new or tighter doesn't.
fn bound(found: &mut Changes, path: &str, before: &Node, after: &Node, key: &str, side: &Side) {
    let (Some(old), Some(new)) = (before.get(key), after.get(key)) else {
        return found.one(path, before, after, key, Weight::Breaks(LOOSER));
    };
    let is_tighter = match (old.as_decimal(), new.as_decimal(), side) {
        (Some(old), Some(new), Side::Least) => new >= old,
        (Some(old), Some(new), Side::Most) => new <= old,
        // Dates in one form, such as ISO 8601's, have the order of their letters.
        _ => match (old.as_str(), new.as_str()) {
            (Some(old), Some(new)) if old.len() == new.len() => match side {
                Side::Least => new >= old,
                Side::Most => new <= old,
            },
            _ => false,
        },
    };
    found.one(path, before, after, key, if is_tighter { Weight::Adds } else { Weight::Breaks(LOOSER) });
}

/// Whether two checks that differ ask the same question.
pub(super) fn same_check(one: &Node, other: &Node) -> bool {
    const ASKS: [&str; 10] =
        ["id", "name", "type", "metric", "rule", "query", "property", "element", "engine", "implementation"];
    // An own name is enough, whatever else was reworded.
    let named = ["id", "name"].iter().any(|key| one.text(key).is_some() && one.text(key) == other.text(key));
    named || ASKS.iter().all(|key| one.get(key).map(Node::to_json) == other.get(key).map(Node::to_json))
}

/// What people call a check.
pub(super) fn name_of_check(check: &Node) -> String {
    let keys = ["name", "id", "property", "metric", "rule", "type"];
    keys.iter().find_map(|key| check.text(key)).unwrap_or("check").to_owned()
}

/// Service levels for which more is better; of all others less is.
const MORE_IS_BETTER: [&str; 4] = ["availability", "throughput", "retention", "frequency"];

/// Two forms of one check or service level.
pub(super) fn compare_check(found: &mut Changes, path: &str, before: &Node, after: &Node) {
    const PROMISES: [(&str, &str); 8] = [
        ("mustBeGreaterThan", ">"),
        ("mustBeGreaterOrEqualTo", ">"),
        ("mustBeLessThan", "<"),
        ("mustBeLessOrEqualTo", "<"),
        ("mustBe", "="),
        ("mustNotBe", "="),
        ("mustBeBetween", "="),
        ("mustNotBeBetween", "="),
    ];
    for (key, sign) in PROMISES {
        promise(found, path, before, after, key, sign);
    }
    let level = before.text("property").unwrap_or_default();
    let sign = if MORE_IS_BETTER.contains(&level) { ">" } else { "<" };
    promise(found, path, before, after, "value", sign);
    for key in ["unit", "query", "arguments", "implementation", "valueExt", "element"] {
        found.one(path, before, after, key, Weight::Breaks("it promises something else"));
    }
    for key in
        ["description", "severity", "dimension", "businessImpact", "schedule", "scheduler", "driver", "name", "tags"]
    {
        found.one(path, before, after, key, Weight::Tells);
    }
}

fn promise(found: &mut Changes, path: &str, before: &Node, after: &Node, key: &str, sign: &str) {
    const WEAKER: &str = "the guarantee is looser";
    let decimal = |node: &Node| node.get(key).and_then(Node::as_decimal);
    let weight = match (decimal(before), decimal(after)) {
        (Some(old), Some(new)) if is_kept(old, new, sign) => Weight::Adds,
        _ => Weight::Breaks(WEAKER),
    };
    found.one(path, before, after, key, weight);
}

fn is_kept(old: Decimal, new: Decimal, sign: &str) -> bool {
    match sign {
        ">" => new >= old,
        "<" => new <= old,
        _ => new == old,
    }
}
