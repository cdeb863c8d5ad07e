//! What differs between two versions of a product, and which differences break consumers (`product.md`, Versions).
//!
//! Works over inline fields; contracts are compared by the product-life work. The same comparison runs in `mesh plan`,
//! at admission and in `apply`, so all three give one answer.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::descriptor::{Descriptor, Field, InputPort, OutputPort, Quantity};
use crate::version::Version;

/// Which number of the version a change raises at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bump {
    /// Nothing that consumers could notice in their code.
    Patch,
    /// Something was added.
    Minor,
    /// Consumers may break.
    Major,
}

/// Added, removed or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// Was not there before.
    Added,
    /// Is no longer there.
    Removed,
    /// Is another.
    Changed,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Where, such as `datasets.orders.fields.email.type`.
    pub path: String,
    /// What happened.
    pub kind: ChangeKind,
    /// What it was, as compact JSON; `null` when added.
    pub before: serde_json::Value,
    /// What it is, as compact JSON; `null` when removed.
    pub after: serde_json::Value,
    /// Which number of the version it raises.
    pub bump: Bump,
    /// Why it breaks consumers, when it does.
    pub breaks: Option<String>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            ChangeKind::Added => write!(f, "+ {}: {}", self.path, self.after),
            ChangeKind::Removed => write!(f, "- {}: {}", self.path, self.before),
            ChangeKind::Changed => write!(f, "~ {}: {} -> {}", self.path, self.before, self.after),
        }
    }
}

/// All differences between two versions, in the descriptor's order. Version, attachments and source are left out: they
/// say nothing that consumers read.
///
/// An empty list means that the content is unchanged.
pub fn compare(before: &Descriptor, after: &Descriptor) -> Vec<Change> {
    let mut changes = Changes(Vec::new());
    changes.plain(before, after);
    changes.datasets(before, after);
    changes.inputs(&before.inputs, &after.inputs);
    changes.outputs(&before.outputs, &after.outputs);
    changes.promises(before, after);
    changes.0
}

/// The least version step that the changes allow; a patch when there is none.
pub fn required_bump(changes: &[Change]) -> Bump {
    changes.iter().map(|change| change.bump).max().unwrap_or(Bump::Patch)
}

/// The largest change that a step stands for. In major 0 a minor may break: Semantic Versioning 2.0.0, item 4.
pub fn step(from: Version, to: Version) -> Bump {
    let minor_rose = to.minor > from.minor;
    if to.major > from.major || (to.major == 0 && minor_rose) {
        Bump::Major
    } else if minor_rose {
        Bump::Minor
    } else {
        Bump::Patch
    }
}

struct Changes(Vec<Change>);

fn json<T: Serialize>(value: &T) -> serde_json::Value {
    serde_json::to_value(value).expect("descriptor parts are plain data")
}

impl Changes {
    /// Records a difference of two values, of the weight that `weigh` gives it.
    fn value<T: Serialize + PartialEq>(
        &mut self,
        path: impl Into<String>,
        before: &T,
        after: &T,
        weigh: impl FnOnce(&T, &T) -> (Bump, Option<String>),
    ) {
        if before == after {
            return;
        }
        let (bump, breaks) = weigh(before, after);
        let (before, after) = (json(before), json(after));
        let is_nothing = |value: &serde_json::Value| {
            value.is_null() || value.as_str() == Some("") || value.as_array().is_some_and(Vec::is_empty)
        };
        let kind = match (is_nothing(&before), is_nothing(&after)) {
            (true, false) => ChangeKind::Added,
            (false, true) => ChangeKind::Removed,
            _ => ChangeKind::Changed,
        };
        self.0.push(Change { path: path.into(), kind, before, after, bump, breaks });
    }

    fn patch<T: Serialize + PartialEq>(&mut self, path: impl Into<String>, before: &T, after: &T) {
        self.value(path, before, after, |_, _| (Bump::Patch, None));
    }

    fn plain(&mut self, before: &Descriptor, after: &Descriptor) {
        self.patch("title", &before.title, &after.title);
        self.patch("description", &before.description, &after.description);
        self.patch("type", &before.product_type, &after.product_type);
        self.patch("tags", &before.tags, &after.tags);
        self.patch("owner", &before.owner, &after.owner);
        self.patch("license", &before.license, &after.license);
        self.patch("quality_rules", &before.quality_rules, &after.quality_rules);
        self.patch("storage", &before.storage, &after.storage);
        self.patch("access", &before.access, &after.access);
        self.patch("retention_period", &before.retention_period, &after.retention_period);
        self.patch("compliance", &before.compliance, &after.compliance);
        self.patch("documentation", &before.documentation, &after.documentation);
        self.patch("extensions", &before.extensions, &after.extensions);
        self.patch("overflow", &before.overflow, &after.overflow);
    }

    /// Walks two named lists together.
    fn pairs<'a, T>(
        before: &'a [T],
        after: &'a [T],
        name: impl Fn(&T) -> &str,
    ) -> Vec<(String, Option<&'a T>, Option<&'a T>)> {
        let mut all: BTreeMap<String, (Option<&T>, Option<&T>)> = BTreeMap::new();
        for item in before {
            all.entry(name(item).to_owned()).or_default().0 = Some(item);
        }
        for item in after {
            all.entry(name(item).to_owned()).or_default().1 = Some(item);
        }
        all.into_iter().map(|(name, (before, after))| (name, before, after)).collect()
    }

    fn push<T: Serialize>(
        &mut self,
        path: String,
        before: Option<&T>,
        after: Option<&T>,
        bump: Bump,
        breaks: Option<&str>,
    ) {
        let kind = match (before.is_some(), after.is_some()) {
            (false, _) => ChangeKind::Added,
            (_, false) => ChangeKind::Removed,
            _ => ChangeKind::Changed,
        };
        let breaks = breaks.map(str::to_owned);
        self.0.push(Change { path, kind, before: json(&before), after: json(&after), bump, breaks });
    }

    fn datasets(&mut self, before: &Descriptor, after: &Descriptor) {
        // Where fields overflowed, only a reader of both attachments can compare them; saying "removed" would be a guess.
        let overflowed = |d: &Descriptor| d.overflow.iter().any(|o| o.part == crate::OverflowPart::Fields);
        let whole = !overflowed(before) && !overflowed(after);
        for (name, old, new) in Self::pairs(&before.datasets, &after.datasets, |d| &d.name) {
            let path = format!("datasets.{name}");
            match (old, new) {
                (Some(old), None) => {
                    self.push(path, Some(old), None, Bump::Major, Some("a dataset that consumers read is gone"));
                }
                (None, new) => self.push(path, None, new, Bump::Minor, None),
                (Some(old), Some(new)) => {
                    self.patch(format!("{path}.description"), &old.description, &new.description);
                    for (field, old, new) in Self::pairs(&old.fields, &new.fields, |f| &f.name) {
                        self.field(format!("{path}.fields.{field}"), old, new, whole);
                    }
                }
            }
        }
    }

    fn field(&mut self, path: String, before: Option<&Field>, after: Option<&Field>, whole: bool) {
        match (before, after) {
            (Some(old), None) if whole => {
                self.push(path, Some(old), None, Bump::Major, Some("a field that consumers read is gone"));
            }
            (Some(old), None) => self.push(path, Some(old), None, Bump::Patch, None),
            (None, new) => self.push(path, None, new, Bump::Minor, None),
            (Some(old), Some(new)) => {
                self.value(format!("{path}.type"), &old.logical_type, &new.logical_type, |old, _| {
                    if old.is_empty() {
                        (Bump::Minor, None)
                    } else {
                        (Bump::Major, Some("the type that consumers parse is another".into()))
                    }
                });
                self.value(format!("{path}.nullable"), &old.nullable, &new.nullable, |_, now| {
                    if *now {
                        (Bump::Major, Some("a value that was always there may be absent".into()))
                    } else {
                        (Bump::Minor, None)
                    }
                });
                self.value(format!("{path}.unique"), &old.unique, &new.unique, |_, now| {
                    if *now {
                        (Bump::Minor, None)
                    } else {
                        (Bump::Major, Some("a key that consumers join on is no longer unique".into()))
                    }
                });
                self.patch(format!("{path}.classification"), &old.classification, &new.classification);
                self.patch(format!("{path}.pii"), &old.pii, &new.pii);
                self.patch(format!("{path}.tags"), &old.tags, &new.tags);
                self.patch(format!("{path}.term"), &old.term, &new.term);
                self.patch(format!("{path}.description"), &old.description, &new.description);
            }
        }
    }

    fn inputs(&mut self, before: &[InputPort], after: &[InputPort]) {
        for (name, old, new) in Self::pairs(before, after, |p| p.name.as_str()) {
            if old != new {
                let newly_required = new.is_some_and(|p| p.required) && !old.is_some_and(|p| p.required);
                let (bump, breaks) = if newly_required {
                    (Bump::Major, Some("the product cannot be made without a further source"))
                } else {
                    (Bump::Patch, None)
                };
                self.push(format!("inputs.{name}"), old, new, bump, breaks);
            }
        }
    }

    fn outputs(&mut self, before: &[OutputPort], after: &[OutputPort]) {
        for (name, old, new) in Self::pairs(before, after, |p| p.name.as_str()) {
            let path = format!("outputs.{name}");
            match (old, new) {
                (Some(old), None) => {
                    self.push(path, Some(old), None, Bump::Major, Some("a port that consumers use is gone"));
                }
                (None, new) => self.push(path, None, new, Bump::Minor, None),
                (Some(old), Some(new)) => self.port(&path, old, new),
            }
        }
    }

    fn port(&mut self, path: &str, old: &OutputPort, new: &OutputPort) {
        let breaking = |what: &'static str| {
            move |old: &Option<String>, _: &Option<String>| match old {
                None => (Bump::Minor, None),
                Some(_) => (Bump::Major, Some(what.to_owned())),
            }
        };
        self.value(format!("{path}.kind"), &old.kind, &new.kind, |_, _| {
            (Bump::Major, Some("the port is another kind of door".into()))
        });
        self.value(format!("{path}.enabled"), &old.enabled, &new.enabled, |_, now| {
            if *now { (Bump::Minor, None) } else { (Bump::Major, Some("the port is closed".into())) }
        });
        self.value(
            format!("{path}.format"),
            &old.format,
            &new.format,
            breaking("the format that consumers parse is another"),
        );
        self.value(format!("{path}.location"), &old.location, &new.location, breaking("consumers find it elsewhere"));
        self.value(
            format!("{path}.protocol"),
            &old.protocol,
            &new.protocol,
            breaking("consumers speak another protocol"),
        );
        self.value(format!("{path}.topic"), &old.topic, &new.topic, breaking("consumers listen to another topic"));
        self.value(format!("{path}.partition_by"), &old.partition_by, &new.partition_by, |old, _| {
            if old.is_empty() {
                (Bump::Minor, None)
            } else {
                (Bump::Major, Some("paths that consumers read are laid out otherwise".into()))
            }
        });
        self.value(format!("{path}.rate_limit"), &old.rate_limit, &new.rate_limit, |old, new| match (old, new) {
            (Some(old), Some(new)) if new < old => (Bump::Major, Some("fewer requests are allowed".into())),
            (None, Some(_)) => (Bump::Major, Some("requests were not limited before".into())),
            _ => (Bump::Patch, None),
        });
        self.patch(format!("{path}.description"), &old.description, &new.description);
        self.patch(format!("{path}.schema_registry"), &old.schema_registry, &new.schema_registry);
        self.patch(format!("{path}.frequency"), &old.frequency, &new.frequency);
        self.patch(format!("{path}.contract"), &old.contract, &new.contract);
        self.patch(format!("{path}.classification"), &old.classification, &new.classification);
        self.patch(format!("{path}.datasets"), &old.datasets, &new.datasets);
    }

    fn promises(&mut self, before: &Descriptor, after: &Descriptor) {
        let weigh = |old: Option<&Quantity>, new: Option<&Quantity>| match (old, new) {
            (Some(_), None) => (Bump::Major, Some("a guarantee is gone")),
            (Some(old), Some(new)) if looser(old, new) => (Bump::Major, Some("the guarantee is looser")),
            _ => (Bump::Patch, None),
        };
        for (name, old, new) in Self::pairs(&before.quality, &after.quality, |m| &m.name) {
            if old != new {
                let (bump, breaks) = weigh(old.and_then(|m| m.target.as_ref()), new.and_then(|m| m.target.as_ref()));
                self.push(format!("quality.{name}"), old, new, bump, breaks);
            }
        }
        for (name, old, new) in Self::pairs(&before.sla, &after.sla, |s| &s.name) {
            if old != new {
                let (bump, breaks) = weigh(old.and_then(|s| s.target.as_ref()), new.and_then(|s| s.target.as_ref()));
                self.push(format!("sla.{name}"), old, new, bump, breaks);
            }
        }
    }
}

/// Whether the new bound promises less. Bounds in different units or directions are not comparable, and count as looser.
fn looser(old: &Quantity, new: &Quantity) -> bool {
    if old.unit != new.unit || old.comparison != new.comparison {
        return true;
    }
    match old.comparison.as_str() {
        ">" | ">=" => new.value < old.value,
        "<" | "<=" => new.value > old.value,
        _ => new.value != old.value,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::descriptor::{Dataset, Field, OutputPort, PortKind, ServiceLevel};
    use crate::name::{DomainName, Name};
    use rust_decimal::Decimal;

    fn product() -> Descriptor {
        let mut d = Descriptor::new(DomainName::parse("sales").unwrap(), Name::parse("orders").unwrap());
        let field = |name: &str, logical_type: &str| Field {
            name: name.into(),
            logical_type: logical_type.into(),
            nullable: false,
            unique: true,
            ..Field::default()
        };
        d.datasets = vec![Dataset {
            name: "orders".into(),
            fields: vec![field("id", "string"), field("at", "date")],
            ..Dataset::default()
        }];
        let mut port = OutputPort::new(Name::parse("files").unwrap(), PortKind::Batch);
        port.format = Some("parquet".into());
        port.rate_limit = Some(Decimal::from(100));
        d.outputs = vec![port];
        let quantity = Quantity { comparison: ">=".into(), value: Decimal::new(999, 1), unit: "%".into() };
        d.sla = vec![ServiceLevel {
            name: "availability".into(),
            target: Some(quantity),
            percentile: None,
            measured: String::new(),
            description: String::new(),
        }];
        d
    }

    /// Given the product, when this edit is made, then the version step is this one.
    #[test]
    fn weighs_each_kind_of_change() {
        type Edit = fn(&mut Descriptor);
        let table: &[(&str, Edit, Bump)] = &[
            ("description", |d| d.description = "new".into(), Bump::Patch),
            ("field added", |d| d.datasets[0].fields.push(Field { name: "x".into(), ..Field::default() }), Bump::Minor),
            (
                "port added",
                |d| d.outputs.push(OutputPort::new(Name::parse("api").unwrap(), PortKind::Api)),
                Bump::Minor,
            ),
            (
                "field removed",
                |d| {
                    d.datasets[0].fields.pop();
                },
                Bump::Major,
            ),
            ("type changed", |d| d.datasets[0].fields[0].logical_type = "int".into(), Bump::Major),
            ("may be null now", |d| d.datasets[0].fields[0].nullable = true, Bump::Major),
            ("no longer unique", |d| d.datasets[0].fields[0].unique = false, Bump::Major),
            ("port removed", |d| d.outputs.clear(), Bump::Major),
            ("format changed", |d| d.outputs[0].format = Some("csv".into()), Bump::Major),
            ("rate limit lowered", |d| d.outputs[0].rate_limit = Some(Decimal::from(10)), Bump::Major),
            ("rate limit raised", |d| d.outputs[0].rate_limit = Some(Decimal::from(1000)), Bump::Patch),
            ("promise loosened", |d| d.sla[0].target.as_mut().unwrap().value = Decimal::from(99), Bump::Major),
            ("promise tightened", |d| d.sla[0].target.as_mut().unwrap().value = Decimal::new(9999, 2), Bump::Patch),
            ("promise gone", |d| d.sla.clear(), Bump::Major),
        ];
        for (what, edit, bump) in table {
            let (before, mut after) = (product(), product());
            edit(&mut after);
            let changes = compare(&before, &after);
            assert_eq!(required_bump(&changes), *bump, "{what}: {changes:?}");
            assert!(!changes.is_empty(), "{what}");
            assert_eq!(*bump == Bump::Major, changes.iter().any(|c| c.breaks.is_some()), "{what}");
        }
    }

    #[test]
    fn the_same_content_in_another_version_is_unchanged() {
        let (before, mut after) = (product(), product());
        after.version = crate::Version::new(2, 0, 0);
        assert_eq!(compare(&before, &after), vec![]);
    }
}
