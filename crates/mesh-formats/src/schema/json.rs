//! JSON Schema, drafts 4 to 2020-12: structural comparison.
//!
//! A schema is the set of values that it takes. Where the sets of two parts can be told apart by the part alone (types, bounds, allowed
//! values, properties, items), the comparison says exactly what is gone and what has come. Parts that only a prover could tell apart
//! (`not`, `if`, patterns, what depends on its neighbours) break both ways as soon as they differ: a false alarm is looked at, a missed one
//! is not. The draft is taken to be the same on both sides.
//!
//! Annotations (titles, descriptions, examples, defaults, unknown keywords) say nothing about values ([`super::json_bare`]).

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::json_bare::{bare, is_beyond, refers, refers_elsewhere};
use super::json_choices::{choices, exclude_each_other};
use super::json_numbers::{LENGTHS, Side, canonical, compare, length, limit, step};
use super::json_refs::target;
use super::json_values::{Values, covers};
use super::{DEEPEST, SchemaChange, SchemaError};

/// Compares two JSON Schemas.
///
/// # Errors
/// [`SchemaError`] of the first that is none.
pub fn compare_json_schemas(before: &str, after: &str) -> Result<Vec<SchemaChange>, SchemaError> {
    let (before, after) = (bare(&read(before)?), bare(&read(after)?));
    let mut walk = Walk::new([&before, &after]);
    walk.later.push(("#".to_owned(), &before, &after));
    // References are followed from here, so that a chain of them takes no stack.
    while let Some((path, old, new)) = walk.later.pop() {
        walk.schemas(&path, old, new)?;
    }
    if before != after && (is_beyond(&before) || is_beyond(&after)) {
        let what = "it refers to parts by addresses or dynamically: other than before, as a whole";
        walk.put("#", what, (true, true));
    }
    Ok(walk.changes)
}

fn read(text: &str) -> Result<Value, SchemaError> {
    serde_json::from_str(text).map_err(|error| SchemaError::Json(error.to_string()))
}

/// A schema that is no `true` or `false`: its keywords.
type Conditions = Map<String, Value>;

/// What takes every value.
static ANY: Value = Value::Bool(true);

/// Most pairs of schemas that are compared.
const MOST_PAIRS: usize = 200_000;

/// Keywords that only a prover could compare. Each rules out values, whatever stands beside it.
const OPAQUE: [&str; 8] =
    ["pattern", "format", "propertyNames", "dependencies", "dependentRequired", "dependentSchemas", "not", "if"];

/// Keywords that mean something else with other neighbours.
const ENTANGLED: [&str; 6] =
    ["patternProperties", "contains", "minContains", "maxContains", "unevaluatedProperties", "unevaluatedItems"];

struct Walk<'s> {
    roots: [&'s Value; 2],
    /// What references lead to may be another.
    definitions_differ: bool,
    depth: usize,
    /// How many comparisons this one is part of whose result is needed at once.
    within: usize,
    pairs: usize,
    /// Pairs that are compared already, or are being compared: recursive schemas.
    seen: HashSet<(*const Value, *const Value)>,
    /// The same, in the order in which they came.
    seen_in_order: Vec<(*const Value, *const Value)>,
    /// Targets of references that are still to be compared.
    later: Vec<(String, &'s Value, &'s Value)>,
    changes: Vec<SchemaChange>,
}

impl<'s> Walk<'s> {
    fn new(roots: [&'s Value; 2]) -> Self {
        let (seen, seen_in_order, later, changes) = (HashSet::new(), Vec::new(), Vec::new(), Vec::new());
        let definitions = |root: &'s Value| ["$defs", "definitions"].map(|key| root.get(key));
        let definitions_differ = definitions(roots[0]) != definitions(roots[1])
            || (roots[0] != roots[1] && roots.iter().any(|root| refers_elsewhere(root)));
        Self { roots, definitions_differ, depth: 0, within: 0, pairs: 0, seen, seen_in_order, later, changes }
    }

    fn put(&mut self, path: impl Into<String>, what: impl Into<String>, (backward, forward): (bool, bool)) {
        if backward || forward {
            let (path, what) = (path.into(), what.into());
            self.changes.push(SchemaChange { path, what, breaks_backward: backward, breaks_forward: forward });
        }
    }

    fn schemas(&mut self, path: &str, old: &'s Value, new: &'s Value) -> Result<(), SchemaError> {
        if std::ptr::eq(old, new) || !self.seen.insert((old, new)) {
            return Ok(());
        }
        self.seen_in_order.push((old, new));
        self.pairs += 1;
        if self.pairs > MOST_PAIRS {
            return Err(SchemaError::TooLarge);
        }
        if self.depth == DEEPEST {
            return Err(SchemaError::TooDeep(path.to_owned()));
        }
        self.depth += 1;
        let hop = |root: &'s Value, schema: &'s Value| {
            let reference = schema.get("$ref").and_then(Value::as_str);
            reference.and_then(|reference| target(root, reference))
        };
        let (was, is) = (hop(self.roots[0], old), hop(self.roots[1], new));
        if was.is_some() || is.is_some() {
            let (was, is) = (was.unwrap_or(old), is.unwrap_or(new));
            if self.within == 0 {
                self.later.push((path.to_owned(), was, is));
            } else {
                self.schemas(path, was, is)?;
            }
        } else if old.get("$ref").is_some() || new.get("$ref").is_some() {
            // At least one leads out of its document.
            let differ = old.get("$ref") != new.get("$ref");
            self.put(format!("{path}/$ref"), "it refers to something else", (differ, differ));
        } else {
            self.whole(path, old, new)?;
        }
        // From 2019-09 on, what stands beside a reference counts as well.
        let (was, is) = (beside_reference(old), beside_reference(new));
        if was.is_some() || is.is_some() {
            self.objects(path, was.unwrap_or(&NO_CONDITIONS), is.unwrap_or(&NO_CONDITIONS))?;
        }
        self.depth -= 1;
        Ok(())
    }

    fn whole(&mut self, path: &str, old: &'s Value, new: &'s Value) -> Result<(), SchemaError> {
        match (conditions(path, old)?, conditions(path, new)?) {
            (None, None) => {}
            (None, Some(_)) => self.put(path, "values were ruled out, and are allowed", (false, true)),
            (Some(_), None) => self.put(path, "values were allowed, and are ruled out", (true, false)),
            (Some(was), Some(is)) => match (choices(was), choices(is)) {
                (None, Some(list)) if !was.is_empty() => {
                    let ways = list.iter().map(|one| self.trial(path, old, one)).collect::<Result<Vec<_>, _>>()?;
                    let backward = ways.iter().all(|way| way.0) || !exclude_each_other(self.roots[1], is);
                    self.put(path, "it has become a choice", (backward, ways.iter().any(|way| way.1)));
                }
                (Some(list), None) if !is.is_empty() => {
                    let ways = list.iter().map(|one| self.trial(path, one, new)).collect::<Result<Vec<_>, _>>()?;
                    let forward = ways.iter().all(|way| way.1) || !exclude_each_other(self.roots[0], was);
                    self.put(path, "it is no choice any more", (ways.iter().any(|way| way.0), forward));
                }
                _ => self.objects(path, was, is)?,
            },
        }
        Ok(())
    }

    /// The ways in which one breaks the other, without noting them.
    fn trial(&mut self, path: &str, old: &'s Value, new: &'s Value) -> Result<(bool, bool), SchemaError> {
        let before = std::mem::take(&mut self.changes);
        let seen = self.seen_in_order.len();
        self.within += 1;
        self.schemas(path, old, new)?;
        self.within -= 1;
        // What was found here is not kept, so it has to be found again elsewhere.
        for pair in self.seen_in_order.drain(seen..) {
            self.seen.remove(&pair);
        }
        let found = std::mem::replace(&mut self.changes, before);
        Ok((found.iter().any(|one| one.breaks_backward), found.iter().any(|one| one.breaks_forward)))
    }

    /// All differences as one: `what`, and the ways in which any of them breaks.
    fn as_one(&mut self, path: &str, what: &str, old: &'s Value, new: &'s Value) -> Result<(), SchemaError> {
        let takes_all = |schema: &Value| *schema == ANY || schema.as_object().is_some_and(Map::is_empty);
        let ways = match (takes_all(old), takes_all(new)) {
            (true, true) => (false, false),
            (true, false) => (true, false),
            (false, true) => (false, true),
            (false, false) => self.trial(path, old, new)?,
        };
        self.put(path, what, ways);
        Ok(())
    }

    fn objects(&mut self, path: &str, old: &'s Conditions, new: &'s Conditions) -> Result<(), SchemaError> {
        let (was, is) = (Values::of(path, old)?, Values::of(path, new)?);
        self.values(path, &was, &is);
        // What is said of a type that only one of them takes tells nothing more.
        let both = |kind: &str| was.types.contains(kind) && is.types.contains(kind);
        if was.takes_numbers() && is.takes_numbers() {
            for (side, key) in [(Side::Least, "minimum"), (Side::Most, "maximum")] {
                self.put(
                    format!("{path}/{key}"),
                    said(old, new, key),
                    compare(limit(old, side), limit(new, side), side),
                );
            }
            let steps = step(old.get("multipleOf"), new.get("multipleOf"));
            self.put(format!("{path}/multipleOf"), said(old, new, "multipleOf"), steps);
        }
        for (key, side) in LENGTHS {
            let of = if key.ends_with("Length") {
                "string"
            } else if key.ends_with("Items") {
                "array"
            } else {
                "object"
            };
            if both(of) {
                let ways = compare(length(old, key, side), length(new, key, side), side);
                self.put(format!("{path}/{key}"), said(old, new, key), ways);
            }
        }
        self.opaque(path, old, new);
        if both("array") {
            self.items(path, old, new)?;
        }
        if both("object") {
            self.properties(path, old, new)?;
        }
        self.combined(path, old, new)
    }

    /// What can only be seen to be the same.
    fn opaque(&mut self, path: &str, old: &Conditions, new: &Conditions) {
        let differs = |key: &str| {
            let is_same = old.get(key) == new.get(key);
            !is_same || (self.definitions_differ && old.get(key).is_some_and(refers))
        };
        let mut found = Vec::new();
        for key in OPAQUE {
            let conditional = key == "if" && old.contains_key("if") && new.contains_key("if");
            if differs(key) || (conditional && (differs("then") || differs("else"))) {
                found.push((key, (new.contains_key(key), old.contains_key(key))));
            }
        }
        found.extend(ENTANGLED.into_iter().filter(|key| differs(key)).map(|key| (key, (true, true))));
        // What is left over for them depends on everything beside them.
        for key in ["unevaluatedProperties", "unevaluatedItems"] {
            let is_there = old.contains_key(key) && new.contains_key(key);
            let refer = self.definitions_differ && old.values().any(refers);
            if is_there && !differs(key) && (old != new || refer) {
                found.push((key, (true, true)));
            }
        }
        for (key, ways) in found {
            self.put(format!("{path}/{key}"), said(old, new, key), ways);
        }
    }

    /// Types and listed values.
    fn values(&mut self, path: &str, was: &Values<'_>, is: &Values<'_>) {
        let missing = |from: &Values<'_>, of: &Values<'_>| from.types.iter().any(|kind| !covers(&of.types, kind));
        let types = (missing(was, is), missing(is, was));
        self.put(format!("{path}/type"), format!("{} -> {}", was.words(), is.words()), types);
        match (&was.listed, &is.listed) {
            (Some(old), Some(new)) => {
                let texts =
                    |values: &[&Value]| -> BTreeSet<String> { values.iter().map(|value| canonical(value)).collect() };
                let (old, new) = (texts(old), texts(new));
                let gone: Vec<_> = old.difference(&new).cloned().collect();
                let come: Vec<_> = new.difference(&old).cloned().collect();
                let enumeration = format!("{path}/enum");
                self.put(enumeration.clone(), format!("gone: {}", few(&gone)), (!gone.is_empty(), false));
                self.put(enumeration, format!("new: {}", few(&come)), (false, !come.is_empty()));
            }
            (None, Some(_)) => self.put(format!("{path}/enum"), "only listed values are allowed", (true, false)),
            (Some(_), None) => self.put(format!("{path}/enum"), "more than listed values are allowed", (false, true)),
            (None, None) => {}
        }
    }

    fn items(&mut self, path: &str, old: &'s Conditions, new: &'s Conditions) -> Result<(), SchemaError> {
        let unique = |schema: &Conditions| schema.get("uniqueItems").and_then(Value::as_bool) == Some(true);
        let ways = (!unique(old) && unique(new), unique(old) && !unique(new));
        self.put(format!("{path}/uniqueItems"), said(old, new, "uniqueItems"), ways);
        let ((first, rest), (new_first, new_rest)) = (tuple(old), tuple(new));
        for place in 0..first.len().max(new_first.len()) {
            let (old, new) = (first.get(place).unwrap_or(rest), new_first.get(place).unwrap_or(new_rest));
            self.schemas(&format!("{path}/items/{place}"), old, new)?;
        }
        self.schemas(&format!("{path}/items"), rest, new_rest)
    }

    fn properties(&mut self, path: &str, old: &'s Conditions, new: &'s Conditions) -> Result<(), SchemaError> {
        let required = |schema: &Conditions| -> BTreeSet<String> {
            let names = schema.get("required").and_then(Value::as_array).into_iter().flatten();
            names.filter_map(Value::as_str).map(ToOwned::to_owned).collect()
        };
        let (was, is) = (required(old), required(new));
        for name in is.difference(&was) {
            self.put(format!("{path}/required"), format!("'{name}' has to be there"), (true, false));
        }
        for name in was.difference(&is) {
            self.put(format!("{path}/required"), format!("'{name}' may be absent"), (false, true));
        }
        let (was_named, is_named) = (named(old), named(new));
        let others = |schema: &'s Conditions| schema.get("additionalProperties").unwrap_or(&ANY);
        let (rest, new_rest) = (others(old), others(new));
        let patterned = [old, new].iter().any(|schema| schema.contains_key("patternProperties"));
        for (name, schema) in &was_named {
            let at = format!("{path}/properties/{}", escape(name));
            match is_named.get(name) {
                Some(new) => self.schemas(&at, schema, new)?,
                None if patterned => self.put(&at, "it is gone, and a pattern may take its place", (true, true)),
                None => self.as_one(&at, "it is gone", schema, new_rest)?,
            }
        }
        for (name, schema) in is_named.iter().filter(|(name, _)| !was_named.contains_key(*name)) {
            let at = format!("{path}/properties/{}", escape(name));
            if patterned {
                self.put(at, "it is new, and a pattern may have held for it", (true, true));
            } else {
                self.as_one(&at, "it is new", rest, schema)?;
            }
        }
        self.as_one(&format!("{path}/additionalProperties"), &said(old, new, "additionalProperties"), rest, new_rest)
    }

    /// `allOf`, `anyOf`, `oneOf`: those that stand on both sides as they are belong together; the others are compared in their order.
    fn combined(&mut self, path: &str, was: &'s Conditions, is: &'s Conditions) -> Result<(), SchemaError> {
        for key in ["allOf", "anyOf", "oneOf"] {
            let list = |schema: &'s Conditions| schema.get(key).and_then(Value::as_array);
            let at = format!("{path}/{key}");
            let (old, new) = match (list(was), list(is)) {
                (None, None) => continue,
                (None, Some(_)) => {
                    self.put(at, "it is new", (true, false));
                    continue;
                }
                (Some(_), None) => {
                    self.put(at, "it is gone", (false, true));
                    continue;
                }
                (Some(old), Some(new)) => (old, new),
            };
            let left = |from: &'s [Value], of: &[Value]| -> Vec<&'s Value> {
                let of: HashSet<String> = of.iter().map(canonical).collect();
                from.iter().filter(|one| !of.contains(&canonical(one))).collect()
            };
            let (gone, come) = (left(old, new), left(new, old));
            let differ = !gone.is_empty() || !come.is_empty() || (self.definitions_differ && old.iter().any(refers));
            if key == "oneOf"
                && differ
                && !(exclude_each_other(self.roots[0], was) && exclude_each_other(self.roots[1], is))
            {
                // Whatever one choice takes more may be what two take now, so that it is refused.
                self.put(at, "other choices, which may overlap", (true, true));
                continue;
            }
            // Spelt alike, they may still refer to definitions that differ.
            let places: BTreeMap<String, usize> =
                new.iter().enumerate().map(|(place, one)| (canonical(one), place)).collect();
            for old in old {
                if let Some(place) = places.get(&canonical(old)) {
                    self.schemas(&format!("{at}/{place}"), old, &new[*place])?;
                }
            }
            for (place, (old, new)) in gone.iter().zip(&come).enumerate() {
                self.schemas(&format!("{at}/{place}"), old, new)?;
            }
            let all = key == "allOf";
            if gone.len() > come.len() {
                self.put(at, if all { "a part is gone" } else { "a choice is gone" }, (!all, all));
            } else if come.len() > gone.len() {
                self.put(at, if all { "a part is new" } else { "a choice is new" }, (all, !all));
            }
        }
        Ok(())
    }
}

static NO_CONDITIONS: LazyLock<Conditions> = LazyLock::new(Map::new);

/// What a schema asks of values; `None` where it takes none at all.
fn conditions<'s>(path: &str, schema: &'s Value) -> Result<Option<&'s Conditions>, SchemaError> {
    match schema {
        Value::Bool(false) => Ok(None),
        Value::Bool(true) => Ok(Some(&NO_CONDITIONS)),
        Value::Object(map) => Ok(Some(map)),
        other => Err(SchemaError::Shape {
            path: path.to_owned(),
            expected: "a schema: an object, true or false",
            found: excerpt(other),
        }),
    }
}

fn beside_reference(schema: &Value) -> Option<&Conditions> {
    schema.as_object().filter(|map| map.contains_key("$ref") && map.len() > 1)
}

fn named(schema: &Conditions) -> BTreeMap<&str, &Value> {
    let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    properties.map(|(name, schema)| (name.as_str(), schema)).collect()
}

/// The schemas of the first items, and that of all others: `prefixItems` and `items`, before 2020 a list of `items` and `additionalItems`.
fn tuple(schema: &Conditions) -> (&[Value], &Value) {
    let list = |key: &str| schema.get(key).and_then(Value::as_array).map(Vec::as_slice);
    match (list("prefixItems"), list("items")) {
        (Some(first), _) => (first, schema.get("items").unwrap_or(&ANY)),
        (None, Some(first)) => (first, schema.get("additionalItems").unwrap_or(&ANY)),
        (None, None) => (&[], schema.get("items").unwrap_or(&ANY)),
    }
}

/// The first of many, for people.
fn few(values: &[String]) -> String {
    const MOST: usize = 8;
    let more = if values.len() > MOST { format!(" and {} more", values.len() - MOST) } else { String::new() };
    values[..values.len().min(MOST)].join(", ") + &more
}

/// A keyword on both sides, for people.
fn said(old: &Conditions, new: &Conditions, key: &str) -> String {
    let one = |schema: &Conditions| schema.get(key).map_or_else(|| "none".to_owned(), excerpt);
    format!("{} -> {}", one(old), one(new))
}

pub(super) fn excerpt(value: &Value) -> String {
    const MOST: usize = 60;
    let text = value.to_string();
    if text.chars().count() <= MOST { text } else { text.chars().take(MOST - 1).chain(['…']).collect() }
}

/// A step of a JSON pointer.
fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
