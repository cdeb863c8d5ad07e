//! What differs between two versions of a contract, and which differences break consumers (`docs/contracts.md` lists them).
//!
//! The descriptor has of a contract what fits into a field; this compares the contract itself: nested columns, lists and maps, the bounds
//! of values, keys, and where the data lies. A consumer reads: whatever the data may be now and was not before breaks it, however harmless
//! it looks to who writes.
//!
//! Everything else is a change that breaks nobody, so that an empty list means that both say the same.

use std::collections::BTreeSet;

use mesh_model::{Bump, Change, ChangeKind};
use serde_json::Value as Json;

use super::bounds;
use super::read::checked;
use crate::problem::{Problem, Problems, Severity};
use crate::yaml::{Entry, Node, load, path_of};

/// Compares two contracts, each the text of an ODCS document of any version that is read.
///
/// # Errors
/// All problems of the first document that can't be read.
pub fn compare_contracts(before: &str, after: &str) -> Result<Vec<Change>, Problems> {
    let (before, after) = (read(before)?, read(after)?);
    let mut found = Changes(Vec::new());
    found.named(&before, &after, "schema", "name", &mut |found, path, old, new| found.table(path, old, new));
    found.named(&before, &after, "servers", "server", &mut |found, path, old, new| found.server(path, old, new));
    found.checks(&before, &after, "slaProperties", "a service level is gone");
    found.checks(&before, &after, "quality", "a check that the data passed is gone");
    // A version is what the comparison is about; the rest of the head tells people something.
    found.rest("", &before, &after, &["schema", "servers", "slaProperties", "quality", "version", "apiVersion"]);
    Ok(found.0)
}

fn read(text: &str) -> Result<Node, Problems> {
    let mut problems = Vec::new();
    let root = load(text, &mut problems).filter(|root| checked(root, &mut problems).is_some());
    problems.retain(|problem: &Problem| problem.severity == Severity::Error);
    match root {
        Some(root) if problems.is_empty() => Ok(root),
        _ => Err(Problems::sorted(problems)),
    }
}

/// The differences so far.
pub(super) struct Changes(Vec<Change>);

/// What is compared of two things with one name.
type Pair<'a> = dyn FnMut(&mut Changes, &str, &Node, &Node) + 'a;

impl Changes {
    /// Notes a difference. `breaks`: why it breaks consumers, where it does; else it is of this weight.
    pub(super) fn put(&mut self, path: String, before: Option<&Node>, after: Option<&Node>, weight: Weight) {
        let json = |node: Option<&Node>| node.map_or(Json::Null, Node::to_json);
        let kind = match (before, after) {
            (None, _) => ChangeKind::Added,
            (_, None) => ChangeKind::Removed,
            _ => ChangeKind::Changed,
        };
        let (bump, breaks) = match weight {
            Weight::Breaks(why) => (Bump::Major, Some(why.to_owned())),
            Weight::Adds => (Bump::Minor, None),
            Weight::Tells => (Bump::Patch, None),
        };
        self.0.push(Change { path, kind, before: json(before), after: json(after), bump, breaks });
    }

    /// Walks two lists of named things together, in the order of the first.
    fn named(&mut self, before: &Node, after: &Node, list: &str, key: &str, pair: &mut Pair<'_>) {
        self.lists("", before.list(list), after.list(list), list, key, pair);
    }

    fn lists(&mut self, parent: &str, before: &[Node], after: &[Node], list: &str, key: &str, pair: &mut Pair<'_>) {
        let parent = path_of(parent, list);
        let name = |node: &Node| node.text(key).unwrap_or_default().to_owned();
        for old in before {
            let path = path_of(&parent, &name(old));
            match after.iter().find(|new| name(new) == name(old)) {
                Some(new) => pair(self, &path, old, new),
                None => self.put(path, Some(old), None, Weight::Breaks("it is gone, and consumers read it")),
            }
        }
        for new in after.iter().filter(|new| !before.iter().any(|old| name(old) == name(new))) {
            self.put(path_of(&parent, &name(new)), None, Some(new), Weight::Adds);
        }
    }

    fn table(&mut self, path: &str, before: &Node, after: &Node) {
        self.one(path, before, after, "logicalType", Weight::Breaks("it is of another kind"));
        self.one(path, before, after, "physicalType", Weight::Breaks("it is of another kind"));
        self.one(path, before, after, "physicalName", Weight::Breaks("it has another name where it lies"));
        self.columns(path, before, after);
        self.checks_at(path, before, after, "quality", "a check that the data passed is gone");
        self.relationships(path, before, after);
        self.rest(
            path,
            before,
            after,
            &["name", "logicalType", "physicalType", "physicalName", "properties", "quality", "relationships"],
        );
    }

    fn columns(&mut self, path: &str, before: &Node, after: &Node) {
        let (old, new) = (before.list("properties"), after.list("properties"));
        let keys = |columns: &[Node]| -> Vec<String> {
            let mut keys: Vec<_> = columns.iter().filter(|column| column.flag("primaryKey") == Some(true)).collect();
            keys.sort_by_key(|column| column.get("primaryKeyPosition").and_then(Node::as_decimal));
            keys.iter().map(|column| column.text("name").unwrap_or_default().to_owned()).collect()
        };
        let (old_keys, new_keys) = (keys(old), keys(new));
        self.lists(path, old, new, "properties", "name", &mut |found, path, old, new| found.column(path, old, new));
        if old_keys != new_keys {
            let weight = if old_keys.is_empty() {
                Weight::Adds
            } else {
                Weight::Breaks("the key that consumers join on is another")
            };
            let json = |keys: Vec<String>| if keys.is_empty() { Json::Null } else { keys.into() };
            self.values(format!("{path}.primaryKey"), json(old_keys), json(new_keys), weight);
        }
    }

    fn values(&mut self, path: String, before: Json, after: Json, weight: Weight) {
        self.put(path, None, None, weight);
        let change = self.0.last_mut().expect("just put");
        change.kind = match (before.is_null(), after.is_null()) {
            (true, _) => ChangeKind::Added,
            (_, true) => ChangeKind::Removed,
            _ => ChangeKind::Changed,
        };
        (change.before, change.after) = (before, after);
    }

    fn column(&mut self, path: &str, before: &Node, after: &Node) {
        self.one(path, before, after, "logicalType", Weight::Breaks("the type that consumers parse is another"));
        self.one(path, before, after, "physicalType", Weight::Breaks("the type where it lies is another"));
        self.one(path, before, after, "physicalName", Weight::Breaks("it has another name where it lies"));
        self.one(path, before, after, "encryptedName", Weight::Breaks("it has another name where it lies"));
        self.promise(path, before, after, "required", "a value that was always there may be absent");
        self.promise(path, before, after, "unique", "a key that consumers join on is no longer unique");
        self.partitions(path, before, after);
        bounds::compare(self, path, before, after);
        self.choices(path, before, after);
        self.columns(path, before, after);
        for (key, below) in [("items", ["items", ""]), ("map", ["key", "value"])] {
            match (before.get(key), after.get(key)) {
                (Some(old), Some(new)) if key == "items" => self.column(&format!("{path}.items"), old, new),
                (Some(old), Some(new)) => {
                    for part in below {
                        if let (Some(old), Some(new)) = (old.get(part), new.get(part)) {
                            self.column(&format!("{path}.map.{part}"), old, new);
                        }
                    }
                }
                (None, None) => {}
                (old, new) => {
                    let weight =
                        if old.is_none() { Weight::Adds } else { Weight::Breaks("what it holds is not said any more") };
                    self.put(format!("{path}.{key}"), old, new, weight);
                }
            }
        }
        self.checks_at(path, before, after, "quality", "a check that the data passed is gone");
        self.relationships(path, before, after);
        self.rest(path, before, after, COMPARED);
    }

    /// A flag that promises something while it is set.
    pub(super) fn promise(&mut self, path: &str, before: &Node, after: &Node, key: &str, gone: &'static str) {
        let (was, is) = (before.flag(key) == Some(true), after.flag(key) == Some(true));
        if was != is {
            let weight = if was { Weight::Breaks(gone) } else { Weight::Adds };
            self.put(format!("{path}.{key}"), before.get(key), after.get(key), weight);
        }
    }

    fn partitions(&mut self, path: &str, before: &Node, after: &Node) {
        let was = before.flag("partitioned") == Some(true);
        for key in ["partitioned", "partitionKeyPosition"] {
            let weight = if was { Weight::Breaks("data is laid out otherwise") } else { Weight::Adds };
            self.one(path, before, after, key, weight);
        }
    }

    /// The values that are allowed. One that is gone is one that consumers may ask for; a new one is one that they don't know.
    fn choices(&mut self, path: &str, before: &Node, after: &Node) {
        let (old, new) = (choices(before), choices(after));
        match (old, new) {
            (Some(old), Some(new)) if old == new => self.one(path, before, after, "enum", Weight::Tells),
            (Some(old), Some(new)) => {
                let words = |values: &BTreeSet<String>| Json::from(values.iter().cloned().collect::<Vec<_>>());
                let gone: BTreeSet<_> = old.difference(&new).cloned().collect();
                let come: BTreeSet<_> = new.difference(&old).cloned().collect();
                if !gone.is_empty() {
                    let weight = Weight::Breaks("a value that consumers may ask for is gone");
                    self.values(format!("{path}.values"), words(&gone), Json::Null, weight);
                }
                if !come.is_empty() {
                    let weight = Weight::Breaks("a value may come that consumers don't know");
                    self.values(format!("{path}.values"), Json::Null, words(&come), weight);
                }
            }
            (Some(old), None) => {
                let weight = Weight::Breaks("any value may come, and consumers know some");
                self.values(format!("{path}.values"), old.into_iter().collect::<Vec<_>>().into(), Json::Null, weight);
            }
            (None, Some(new)) => {
                self.values(
                    format!("{path}.values"),
                    Json::Null,
                    new.into_iter().collect::<Vec<_>>().into(),
                    Weight::Adds,
                );
            }
            (None, None) => {}
        }
    }

    fn server(&mut self, path: &str, before: &Node, after: &Node) {
        const TELLING: [&str; 4] = ["description", "roles", "environment", "customProperties"];
        for key in keys(before, after, &["server", "id"]) {
            let weight = match () {
                () if TELLING.contains(&key) => Weight::Tells,
                () if before.get(key).is_none() => Weight::Adds,
                () => Weight::Breaks("consumers find the data elsewhere"),
            };
            self.one(path, before, after, key, weight);
        }
    }

    fn checks(&mut self, before: &Node, after: &Node, list: &str, gone: &'static str) {
        self.checks_at("", before, after, list, gone);
    }

    /// Checks and service levels have no names that are theirs for sure: those that stand on both sides as they are say nothing; of the
    /// others, one by one, what is no longer there is gone.
    fn checks_at(&mut self, path: &str, before: &Node, after: &Node, list: &str, gone: &'static str) {
        let path = path_of(path, list);
        let (old, new) = (before.list(list), after.list(list));
        let mut left: Vec<&Node> =
            new.iter().filter(|new| !old.iter().any(|old| old.to_json() == new.to_json())).collect();
        for old in old.iter().filter(|old| !new.iter().any(|new| new.to_json() == old.to_json())) {
            let at = left.iter().position(|new| bounds::same_check(old, new));
            let name = bounds::name_of_check(old);
            match at.map(|at| left.remove(at)) {
                Some(new) => bounds::compare_check(self, &path_of(&path, &name), old, new),
                None => self.put(path_of(&path, &name), Some(old), None, Weight::Breaks(gone)),
            }
        }
        for new in left {
            self.put(path_of(&path, &bounds::name_of_check(new)), None, Some(new), Weight::Adds);
        }
    }

    /// Foreign keys: each promises that what a row refers to is there. Relationships have no names, so one that says something else is one
    /// that is gone and one that is new.
    fn relationships(&mut self, path: &str, before: &Node, after: &Node) {
        let path = path_of(path, "relationships");
        let said = |node: &Node| {
            let kind = node.text("type").unwrap_or("foreignKey").to_owned();
            (kind, ["from", "to"].map(|key| node.get(key).map(Node::to_json)))
        };
        let is_key = |node: &Node| node.text("type").is_none_or(|kind| kind == "foreignKey");
        let (old, new) = (before.list("relationships"), after.list("relationships"));
        let without = |some: &[Node], others: &[Node]| -> Vec<Node> {
            some.iter().filter(|one| !others.iter().any(|other| said(other) == said(one))).cloned().collect()
        };
        for gone in without(old, new) {
            let weight = Weight::Breaks("a row may refer to what is not there");
            self.put(path.clone(), Some(&gone), None, if is_key(&gone) { weight } else { Weight::Tells });
        }
        for come in without(new, old) {
            self.put(path.clone(), None, Some(&come), if is_key(&come) { Weight::Adds } else { Weight::Tells });
        }
        if without(old, new).is_empty() && without(new, old).is_empty() {
            let (old, new) = (before.get("relationships"), after.get("relationships"));
            if old.map(Node::to_json) != new.map(Node::to_json) {
                self.put(path, old, new, Weight::Tells);
            }
        }
    }

    /// One value; of this weight where it is another, and no break where it was not said before.
    pub(super) fn one(&mut self, path: &str, before: &Node, after: &Node, key: &str, weight: Weight) {
        let (old, new) = (before.get(key), after.get(key));
        if old.map(Node::to_json) == new.map(Node::to_json) {
            return;
        }
        let weight = if old.is_none() { weight.at_most(Weight::Adds) } else { weight };
        self.put(path_of(path, key), old, new, weight);
    }

    /// What tells people something, and no program.
    fn rest(&mut self, path: &str, before: &Node, after: &Node, compared: &[&str]) {
        for key in keys(before, after, compared) {
            self.one(path, before, after, key, Weight::Tells);
        }
    }
}

/// What a difference means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    /// It breaks consumers, and why.
    Breaks(&'static str),
    /// Something more is there, or promised.
    Adds,
    /// Nothing that a program could notice.
    Tells,
}

impl Weight {
    fn at_most(self, most: Self) -> Self {
        if matches!(self, Self::Breaks(_)) { most } else { self }
    }
}

/// What [`Changes::column`] looks at itself.
const COMPARED: &[&str] = &[
    "name",
    "logicalType",
    "physicalType",
    "physicalName",
    "encryptedName",
    "required",
    "unique",
    "primaryKey",
    "primaryKeyPosition",
    "partitioned",
    "partitionKeyPosition",
    "logicalTypeOptions",
    "enum",
    "properties",
    "items",
    "map",
    "quality",
    "relationships",
];

/// The keys of both, in the order of the first, without these.
fn keys<'n>(before: &'n Node, after: &'n Node, without: &[&str]) -> Vec<&'n str> {
    let known = |entries: &'n [Entry]| entries.iter().map(|entry| entry.key.as_str());
    let mut keys: Vec<&str> = known(before.entries()).collect();
    keys.extend(known(after.entries()).filter(|key| before.get(key).is_none()));
    keys.dedup();
    keys.retain(|key| !without.contains(key));
    keys
}

/// The values that a column may have: the enumeration of 3.2, or a library check of those before that nothing else may fail.
fn choices(column: &Node) -> Option<BTreeSet<String>> {
    let text = |node: &Node| node.as_text().map(ToOwned::to_owned);
    if let Some(values) = column.get("enum") {
        return Some(values.items().iter().filter_map(|value| value.get("value").and_then(text)).collect());
    }
    let check = column.list("quality").iter().find(|check| {
        let metric = check.text("metric").or_else(|| check.text("rule"));
        metric == Some("invalidValues") && check.text("mustBe") == Some("0")
    })?;
    let values = check.get("arguments").and_then(|arguments| arguments.get("validValues"))?;
    Some(values.items().iter().filter_map(text).collect())
}

#[cfg(test)]
#[path = "compare_tests.rs"]
mod tests;
