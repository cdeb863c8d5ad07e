//! A standard's file, YAML: what the council is asked to sign, with a line for everything in it.
//!
//! The file has the fields of [`Standard`] under the names that its JSON has; a test case's product is a map of the file,
//! shaped as rules see products. Unlike in product files, a field that nobody knows is an error: whoever signs must not
//! believe in something that is not there.

use std::collections::BTreeMap;

use mesh_model::{Name, Standard, Version};

use crate::problem::{Problem, Problems};
use crate::yaml::{Check, Node, Object, Shape, Value, load, optional, path_of, required};

/// A standard with the places of its fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandardFile {
    /// What the file says.
    pub standard: Standard,
    places: BTreeMap<String, (usize, usize)>,
}

impl StandardFile {
    /// Line and column, from 1, of a path such as `rules[2].expression`; of the nearest field around it that the file
    /// has, else the file's first line.
    pub fn place(&self, path: &str) -> (usize, usize) {
        let mut path = path;
        loop {
            if let Some(place) = self.places.get(path) {
                return *place;
            }
            match path.rfind(['.', '[']) {
                Some(at) => path = &path[..at],
                None => return (1, 1),
            }
        }
    }
}

static RULE: Object = Object {
    fields: &[
        required("id", Shape::Pattern(name)),
        required("expression", Shape::Text),
        required("severity", Shape::Word(&[("low", 0), ("medium", 0), ("high", 0), ("critical", 0)])),
        required("message", Shape::Text),
        required("remediation", Shape::Text),
    ],
    more: None,
};
static TEST: Object = Object {
    fields: &[
        required("name", Shape::Text),
        required("expect", Shape::Word(&[("pass", 0), ("fail", 0)])),
        required("product", Shape::Open),
    ],
    more: None,
};
static GLOSSARY_TERM: Object = Object {
    fields: &[
        required("definition", Shape::Text),
        optional("synonyms", Shape::List(&Shape::Text)),
        required("owner", Shape::Pattern(name)),
        optional("data_type", Shape::Text),
    ],
    more: None,
};
static IDENTIFIER: Object = Object {
    fields: &[
        required("entity", Shape::Text),
        required("pattern", Shape::Text),
        optional("checksum", Shape::Word(&[("none", 0), ("luhn", 0), ("mod97", 0), ("mod11", 0)])),
        optional("examples", Shape::List(&Shape::Text)),
        optional("data_type", Shape::Text),
    ],
    more: None,
};
static TIME: Object = Object {
    fields: &[
        required("zone", Shape::Text),
        required("granularity", Shape::Text),
        required("calendar", Shape::Text),
        required("time", Shape::Word(&[("event", 0), ("processing", 0)])),
    ],
    more: None,
};
static SCHEMA: Object = Object { fields: &[required("json_schema", Shape::Any)], more: None };
static DETAIL: Object = Object {
    fields: &[
        optional("glossary-term", Shape::Map(&GLOSSARY_TERM)),
        optional("identifier", Shape::Map(&IDENTIFIER)),
        optional("time", Shape::Map(&TIME)),
        optional("schema", Shape::Map(&SCHEMA)),
    ],
    more: Some(one_detail),
};
static STANDARD: Object = Object {
    fields: &[
        required("id", Shape::Pattern(name)),
        required("version", Shape::Pattern(version)),
        required("title", Shape::Text),
        required(
            "kind",
            Shape::Word(&[("policy", 0), ("schema", 0), ("glossary-term", 0), ("identifier", 0), ("convention", 0)]),
        ),
        required("text", Shape::Text),
        optional("selector", Shape::Text),
        optional("rules", Shape::List(&Shape::Map(&RULE))),
        required("enforcement", Shape::Word(&[("advise", 0), ("warn", 0), ("block", 0)])),
        optional("effective_from", Shape::Date),
        optional("grace_days", Shape::Integer),
        optional("tests", Shape::List(&Shape::Map(&TEST))),
        optional("detail", Shape::Map(&DETAIL)),
    ],
    more: None,
};

fn name(text: &str, _: u16) -> Option<&'static str> {
    Name::parse(text).is_err().then_some("a name, [a-z][a-z0-9_-]{0,62}")
}

fn version(text: &str, _: u16) -> Option<&'static str> {
    Version::parse(text).is_err().then_some("a version such as 1.0.0")
}

fn one_detail(check: &mut Check<'_>, node: &Node, path: &str) {
    let found = node.entries().len();
    if found != 1 {
        let expected = "one of glossary-term, identifier, time, schema";
        check.problems.push(Problem::error(node.place(), path, expected, format!("{found} of them")));
    }
}

/// Reads a standard's file. What its expressions and details mean is the policy crate's business, which names fields by
/// the paths that [`StandardFile::place`] takes.
///
/// # Errors
/// All [`Problems`] of the file at once, unless it is no YAML: then those up to there.
pub fn parse_standard(text: &str) -> Result<StandardFile, Problems> {
    let mut problems = Vec::new();
    if let Some(root) = load(text, &mut problems) {
        let mut check = Check { version: 0, version_text: "a standard", problems: &mut problems };
        check.object(&root, &STANDARD, "");
        // Tables make warnings of unknown fields and odd dates; a standard has neither.
        for problem in &mut problems {
            let (line, column) = (problem.line, problem.column);
            let found = problem.found.trim_end_matches(", which is kept as an extension").to_owned();
            *problem = Problem::error((line, column), problem.path.clone(), problem.expected.clone(), found);
        }
        if problems.is_empty() {
            match serde_json::from_value(said(&root)) {
                Ok(standard) => {
                    let mut places = BTreeMap::new();
                    collect(&root, "", &mut places);
                    return Ok(StandardFile { standard, places });
                }
                // What the tables don't bound, such as a number of days beyond any.
                Err(error) => problems.push(Problem::error((1, 1), "", "a standard", error.to_string())),
            }
        }
    }
    Err(Problems::sorted(problems))
}

/// The tree as JSON without what is null at the upper levels, which counts as left out.
fn said(node: &Node) -> serde_json::Value {
    let mut json = node.to_json();
    if let Some(fields) = json.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    json
}

fn collect(node: &Node, path: &str, places: &mut BTreeMap<String, (usize, usize)>) {
    for entry in node.entries() {
        let below = path_of(path, &entry.key);
        // A block's text begins on the line after its key; people look for the key.
        places.insert(below.clone(), (entry.line, entry.column));
        collect(&entry.node, &below, places);
    }
    if let Value::Seq(items) = &node.value {
        for (at, item) in items.iter().enumerate() {
            let below = format!("{path}[{at}]");
            places.insert(below.clone(), item.place());
            collect(item, &below, places);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const FILE: &str = "\
id: retention
version: 1.0.0
title: Retention
kind: policy
text: |
  Say how long.
enforcement: block
effective_from: 2026-01-31
grace_days: 90
rules:
  - id: defined
    expression: retention_period != null
    severity: high
    message: Nothing is said.
    remediation: Say it.
tests:
  - name: said
    expect: pass
    product: {retention_period: P3Y, quality: [{target: {value: 99.5}}]}
";

    #[test]
    fn every_field_has_its_place() {
        let file = parse_standard(FILE).unwrap();
        assert_eq!(file.standard.grace_days, 90);
        assert_eq!(
            file.standard.tests[0].product.as_str(),
            r#"{"retention_period":"P3Y","quality":[{"target":{"value":99.5}}]}"#
        );
        assert_eq!(file.place("rules[0].expression"), (12, 5));
        assert_eq!(file.place("rules[0].nothing"), (11, 5));
        assert_eq!(file.place("tests[0].product"), (19, 5));
        assert_eq!(file.place("detail.pattern"), (1, 1));
    }

    #[test]
    fn all_errors_at_once_with_their_lines() {
        let broken = FILE
            .replace("1.0.0", "1.0.0-rc1")
            .replace("block", "refuse")
            .replace("severity: high\n", "sverity: high\n")
            .replace("90", "1.5")
            .replace("2026-01-31", "soon");
        let problems = parse_standard(&broken).unwrap_err().to_string();
        let lines: Vec<_> = problems.lines().collect();
        assert_eq!(
            lines,
            [
                "2:10: version: expected a version such as 1.0.0, found '1.0.0-rc1'",
                "7:14: enforcement: expected one of advise, warn, block, found 'refuse'",
                "8:17: effective_from: expected a date such as 2024-05-31, found 'soon'",
                "9:13: grace_days: expected a whole number, found the number 1.5",
                "11:5: rules[0].severity: expected a text, found no such field",
                "13:5: rules[0].sverity: expected a known field, found 'sverity'",
            ]
        );
        assert!(parse_standard(&FILE.replace("90", "99999")).unwrap_err().to_string().contains("u16"));
        assert!(parse_standard("a: [").is_err());
    }
}
