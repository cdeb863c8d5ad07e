//! Which ports, and which fields of them.

use std::fmt;

use mesh_event::fact::PortScope;
use mesh_model::Name;
use serde::{Deserialize, Serialize};

/// Ports, or some of their fields; all ports when it names none.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Scope(pub Vec<PortScope>);

impl Scope {
    /// All ports, also those that come later.
    pub const ALL: Self = Self(Vec::new());

    /// Whether everything that `other` has is in it.
    pub fn contains(&self, other: &Self) -> bool {
        self.0.is_empty()
            || (!other.0.is_empty()
                && other.0.iter().all(|part| match part.fields.as_slice() {
                    [] => self.covers(&part.port, None),
                    fields => fields.iter().all(|field| self.covers(&part.port, Some(field))),
                }))
    }

    /// Whether it has a field of a port; or, without a field, the whole port.
    pub fn covers(&self, port: &Name, field: Option<&str>) -> bool {
        let Some(part) = self.part(port) else { return self.0.is_empty() };
        part.fields.is_empty() || field.is_some_and(|field| part.fields.iter().any(|known| known == field))
    }

    /// What it says about a port.
    pub fn part(&self, port: &Name) -> Option<&PortScope> {
        self.0.iter().find(|part| part.port == *port)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("all ports");
        }
        for (at, part) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{}", part.port)?;
            if !part.fields.is_empty() {
                write!(f, " ({})", part.fields.join(", "))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn scope(parts: &[(&str, &[&str])]) -> Scope {
        let part = |(port, fields): &(&str, &[&str])| PortScope {
            port: port.parse().unwrap(),
            fields: fields.iter().map(ToString::to_string).collect(),
        };
        Scope(parts.iter().map(part).collect())
    }

    #[test]
    fn a_part_is_in_the_whole_and_not_the_other_way_round() {
        let some = scope(&[("daily", &["id", "reason"])]);
        let port = scope(&[("daily", &[])]);
        let two = scope(&[("daily", &["id"]), ("stream", &[])]);
        assert!(Scope::ALL.contains(&Scope::ALL) && Scope::ALL.contains(&two));
        assert!(!two.contains(&Scope::ALL) && !port.contains(&Scope::ALL));
        assert!(port.contains(&some) && !some.contains(&port));
        assert!(!some.contains(&two) && !two.contains(&some));
        assert!(two.contains(&scope(&[("stream", &["any"])])));
    }

    #[test]
    fn some_fields_of_a_port_are_not_the_port() {
        let (daily, stream) = ("daily".parse().unwrap(), "stream".parse().unwrap());
        let some = scope(&[("daily", &["id"])]);
        assert!(some.covers(&daily, Some("id")));
        assert!(
            !some.covers(&daily, Some("reason")) && !some.covers(&daily, None) && !some.covers(&stream, Some("id"))
        );
        assert!(Scope::ALL.covers(&stream, None) && scope(&[("stream", &[])]).covers(&stream, Some("id")));
        assert_eq!(some.to_string(), "daily (id)");
    }

    fn any_scope() -> impl Strategy<Value = Scope> {
        let fields = proptest::collection::btree_set(prop_oneof!["x", "y", "z"], 0..3);
        let parts = proptest::collection::btree_map(prop_oneof!["a", "b", "c"], fields, 0..3);
        parts.prop_map(|parts| {
            let part = |(port, fields): (String, std::collections::BTreeSet<String>)| PortScope {
                port: port.parse().unwrap(),
                fields: fields.into_iter().collect(),
            };
            Scope(parts.into_iter().map(part).collect())
        })
    }

    proptest! {
        /// What is in it covers nothing that it does not.
        #[test]
        fn containing_is_covering(wide in any_scope(), narrow in any_scope()) {
            for port in ["a", "b", "c", "later"] {
                let port: Name = port.parse().unwrap();
                for field in [None, Some("x"), Some("y"), Some("z"), Some("later")] {
                    if wide.contains(&narrow) && narrow.covers(&port, field) {
                        prop_assert!(wide.covers(&port, field), "{wide} / {narrow}: {port} {field:?}");
                    }
                }
            }
            prop_assert!(wide.contains(&wide));
        }
    }
}
