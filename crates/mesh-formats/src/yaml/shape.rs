//! What a format's document looks like, as tables, and the check of a tree against them.
//!
//! The tables carry what the standards' own schemas say: fields, types, words, what is required, and with which version
//! each came. A wrong type, a word outside its list and a missing field are errors; a field that the declared version
//! does not know is a warning, and is kept.

use super::{Node, Value, path_of};
use crate::problem::Problem;

/// What may stand at a place.
pub(crate) enum Shape {
    /// A text.
    Text,
    /// A text that is a date, `2024-05-31`; another text is a warning.
    Date,
    /// A text that is a moment, `2024-05-31T10:00:00Z`; another text is a warning.
    Moment,
    /// `true` or `false`.
    Flag,
    /// A number.
    Number,
    /// A whole number.
    Integer,
    /// A whole number; from the given version on, also a text with a placeholder.
    Port(u16),
    /// Anything but a list or mapping.
    Scalar,
    /// Anything.
    Any,
    /// One of the words, each with the version that brought it.
    Word(&'static [(&'static str, u16)]),
    /// A list.
    List(&'static Shape),
    /// A mapping with known fields.
    Map(&'static Object),
    /// A mapping with any fields.
    Open,
    /// The second where a mapping stands, the first elsewhere.
    OrMap(&'static Shape, &'static Object),
    /// A text that the function takes; it says what it expected otherwise.
    Pattern(fn(&str, u16) -> Option<&'static str>),
}

/// A mapping with known fields.
pub(crate) struct Object {
    /// Its fields.
    pub(crate) fields: &'static [FieldRule],
    /// What a table can't say.
    pub(crate) more: Option<fn(&mut Check<'_>, &Node, &str)>,
}

/// A field of a mapping.
pub(crate) struct FieldRule {
    /// The key.
    pub(crate) name: &'static str,
    /// What stands there.
    pub(crate) shape: Shape,
    /// The version that brought it.
    pub(crate) since: u16,
    /// It must stand there in versions below this one; 0 for never.
    pub(crate) required_below: u16,
}

/// A field that may be absent.
pub(crate) const fn optional(name: &'static str, shape: Shape) -> FieldRule {
    FieldRule { name, shape, since: 0, required_below: 0 }
}
/// A field that must be there.
pub(crate) const fn required(name: &'static str, shape: Shape) -> FieldRule {
    FieldRule { name, shape, since: 0, required_below: u16::MAX }
}
/// A field that came with a version, and may be absent.
pub(crate) const fn since(version: u16, name: &'static str, shape: Shape) -> FieldRule {
    FieldRule { name, shape, since: version, required_below: 0 }
}

/// One check of a document.
pub(crate) struct Check<'p> {
    /// The declared version: major, minor and patch as digits, so 310 is 3.1.0.
    pub(crate) version: u16,
    /// The declared version as the file writes it.
    pub(crate) version_text: &'p str,
    /// Where to put what is found.
    pub(crate) problems: &'p mut Vec<Problem>,
}

impl Check<'_> {
    /// Checks a mapping.
    pub(crate) fn object(&mut self, node: &Node, object: &Object, path: &str) {
        if !matches!(node.value, Value::Map(_)) {
            self.wrong(node, path, "a mapping");
            return;
        }
        for entry in node.entries() {
            let below = path_of(path, &entry.key);
            match object.fields.iter().find(|field| field.name == entry.key) {
                Some(field) if field.since <= self.version => {
                    if entry.node.value != Value::Null {
                        self.shape(&entry.node, &field.shape, &below);
                    }
                }
                known => {
                    let expected = match known {
                        Some(_) => format!("a field of {}; this one came later", self.version_text),
                        None => "a known field".to_owned(),
                    };
                    let found = format!("'{}', which is kept as an extension", entry.key);
                    self.problems.push(Problem::warning((entry.line, entry.column), below, expected, found));
                }
            }
        }
        for field in object.fields {
            let needed = self.version < field.required_below && field.since <= self.version;
            let anything = matches!(field.shape, Shape::Any | Shape::Scalar);
            let there = node.get(field.name).is_some()
                || (anything && node.entries().iter().any(|entry| entry.key == field.name));
            if needed && !there {
                self.missing(node, path, field.name, field.shape.name());
            }
        }
        if let Some(more) = object.more {
            more(self, node, path);
        }
    }

    /// Checks a value that is not null.
    pub(crate) fn shape(&mut self, node: &Node, shape: &Shape, path: &str) {
        let fits = match (shape, &node.value) {
            (Shape::Any, _) => true,
            (Shape::Scalar, value) => !matches!(value, Value::Seq(_) | Value::Map(_)),
            (Shape::Flag, value) => matches!(value, Value::Bool(_)),
            (Shape::Number, value) => matches!(value, Value::Number(_)),
            (Shape::Integer | Shape::Port(_), Value::Number(_)) => {
                node.as_decimal().is_some_and(|number| number.fract().is_zero())
            }
            (Shape::Port(version), Value::String(_)) => self.version >= *version,
            (Shape::Open, value) => matches!(value, Value::Map(_)),
            (Shape::Map(object), _) | (Shape::OrMap(_, object), Value::Map(_)) => {
                self.object(node, object, path);
                true
            }
            (Shape::OrMap(other, _), _) => {
                self.shape(node, other, path);
                true
            }
            (Shape::List(item), Value::Seq(items)) => {
                for (at, node) in items.iter().enumerate() {
                    self.shape(node, item, &format!("{path}[{at}]"));
                }
                true
            }
            (Shape::Text, value) => matches!(value, Value::String(_)),
            (Shape::Date, Value::String(text)) => self.format(node, path, is_date(text), "a date such as 2024-05-31"),
            (Shape::Moment, Value::String(text)) => {
                self.format(node, path, is_moment(text), "a date and time such as 2024-05-31T10:00:00Z")
            }
            (Shape::Word(words), Value::String(text)) => {
                let known: Vec<_> =
                    words.iter().filter(|(_, since)| *since <= self.version).map(|(word, _)| *word).collect();
                if !known.contains(&text.as_str()) {
                    let expected = format!("one of {}", known.join(", "));
                    self.problems.push(Problem::error(node.place(), path, expected, node.describe()));
                }
                true
            }
            (Shape::Pattern(expected), Value::String(text)) => {
                if let Some(expected) = expected(text, self.version) {
                    self.problems.push(Problem::error(node.place(), path, expected, node.describe()));
                }
                true
            }
            _ => false,
        };
        if !fits {
            self.wrong(node, path, shape.name());
        }
    }

    fn format(&mut self, node: &Node, path: &str, fits: bool, expected: &str) -> bool {
        if !fits {
            self.problems.push(Problem::warning(node.place(), path, expected, node.describe()));
        }
        true
    }

    /// A field that must be there is not.
    pub(crate) fn missing(&mut self, node: &Node, path: &str, name: &str, expected: &str) {
        let path = path_of(path, name);
        self.problems.push(Problem::error(node.place(), path, expected, "no such field"));
    }

    fn wrong(&mut self, node: &Node, path: &str, expected: &str) {
        let unquoted = matches!(node.value, Value::Number(_) | Value::Bool(_)) && expected.starts_with("a text");
        let found = node.describe() + if unquoted { " (quotes make it a text)" } else { "" };
        self.problems.push(Problem::error(node.place(), path, expected, found));
    }
}

impl Shape {
    fn name(&self) -> &'static str {
        match self {
            Self::Text | Self::Date | Self::Moment | Self::Word(_) | Self::Pattern(_) => "a text",
            Self::Flag => "true or false",
            Self::Number => "a number",
            Self::Integer | Self::Port(_) => "a whole number",
            Self::Scalar => "a text, a number or a truth value",
            Self::Any => "a value",
            Self::List(_) => "a list",
            Self::Map(_) | Self::Open => "a mapping",
            Self::OrMap(Self::List(_), _) => "a list or a mapping",
            Self::OrMap(..) => "a text or a mapping",
        }
    }
}

fn is_date(text: &str) -> bool {
    let mut parts = text.split('-');
    let mut part = |len: usize, most: u32| {
        parts.next().is_some_and(|part| {
            part.len() == len
                && part.bytes().all(|b| b.is_ascii_digit())
                && part.parse().is_ok_and(|number: u32| number > 0 && number <= most)
        })
    };
    part(4, 9999) && part(2, 12) && part(2, 31) && parts.next().is_none()
}

fn is_moment(text: &str) -> bool {
    let Some((date, time)) = text.split_once(['T', 't']) else {
        return false;
    };
    let zone = time.find(['Z', 'z', '+', '-']);
    let (clock, zone) = zone.map_or((time, ""), |at| time.split_at(at));
    let two = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
    let mut parts = clock.splitn(3, ':');
    let hours_minutes = parts.next().is_some_and(two) && parts.next().is_some_and(two);
    let seconds = parts.next().is_some_and(|part| part.get(..2).is_some_and(two));
    let zone_fits = match zone.split_at_checked(1) {
        Some(("Z" | "z", "")) => true,
        Some(("+" | "-", offset)) => offset.split_once(':').is_some_and(|(h, m)| two(h) && two(m)),
        _ => false,
    };
    is_date(date) && hours_minutes && seconds && zone_fits
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::load;
    use super::*;

    static PART: Object =
        Object { fields: &[required("id", Shape::Text), since(110, "unit", Shape::Text)], more: None };
    static WHOLE: Object = Object {
        fields: &[
            required("name", Shape::Text),
            FieldRule { name: "status", shape: Shape::Text, since: 0, required_below: 110 },
            optional("kind", Shape::Word(&[("old", 0), ("new", 110)])),
            optional("parts", Shape::List(&Shape::Map(&PART))),
            optional("day", Shape::Date),
            optional("at", Shape::Moment),
            optional("size", Shape::Integer),
        ],
        more: None,
    };

    fn check(version: u16, text: &str) -> Vec<String> {
        let mut problems = Vec::new();
        let root = load(text, &mut problems).unwrap();
        Check { version, version_text: "v1.0.0", problems: &mut problems }.object(&root, &WHOLE, "");
        problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_problem_of_a_document_is_named_at_once() {
        let text = "name: 1.0\nkind: new\nparts:\n- unit: m\n- 7\nsize: 1.5\nday: soon\ncolour: red\n";
        assert_eq!(
            check(100, text),
            [
                "1:7: name: expected a text, found the number 1.0 (quotes make it a text)",
                "2:7: kind: expected one of old, found 'new'",
                "4:3: parts[0].unit: expected a field of v1.0.0; this one came later, found 'unit', which is kept as an extension",
                "4:3: parts[0].id: expected a text, found no such field",
                "5:3: parts[1]: expected a mapping, found the number 7",
                "6:7: size: expected a whole number, found the number 1.5",
                "7:6: day: expected a date such as 2024-05-31, found 'soon'",
                "8:1: colour: expected a known field, found 'colour', which is kept as an extension",
                "1:1: status: expected a text, found no such field",
            ]
        );
        assert_eq!(check(110, "name: x\nkind: new\nparts: [{id: a, unit: m}]\n"), [""; 0]);
    }

    #[test]
    fn dates_and_moments() {
        for good in ["2024-05-31", "0001-01-01"] {
            assert!(is_date(good), "{good}");
        }
        for good in ["2022-11-15T02:59:43+00:00", "2023-01-15T10:30:00Z", "2023-01-15T10:30:00.123-08:00"] {
            assert!(is_moment(good), "{good}");
        }
        for bad in ["2024-13-01", "24-05-31", "2024-05-31-1", "2024-05", "é024-05-31"] {
            assert!(!is_date(bad), "{bad}");
        }
        for bad in
            ["2024-05-31", "2024-05-31T10", "2024-05-31T10:00:00", "2024-05-31T10:00:é", "2024-05-31T10:00:00+é:00"]
        {
            assert!(!is_moment(bad), "{bad}");
        }
    }
}
