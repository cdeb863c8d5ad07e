//! Text to tree, within bounds: the file is from anybody.
//!
//! The parser underneath hands out events without recursion; the tree is built on an explicit stack, so depth is a
//! number that is checked, not what is left of the machine's stack.

use std::borrow::Cow;
use std::collections::BTreeMap;

use mesh_model::limits::NESTING;
use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, Tag};

use super::{Entry, Node, Value, path_of};
use super::{indent, scalar};
use crate::problem::Problem;

/// Most values of a document once its aliases are written out.
const NODES: usize = 200_000;
/// Most bytes of text that aliases may repeat, in all.
const ALIAS_BYTES: usize = 8 * 1024 * 1024;

/// Reads the one document of a text. Problems are pushed; `None` when they leave no tree to go on with.
pub(crate) fn load(text: &str, problems: &mut Vec<Problem>) -> Option<Node> {
    let mut text = Cow::Borrowed(text.strip_prefix('\u{feff}').unwrap_or(text));
    for attempt in 0.. {
        let mut found = Vec::new();
        let error = match read(&text, &mut found) {
            Ok(root) => {
                problems.append(&mut found);
                return root;
            }
            Err(error) => error,
        };
        let (line, column) = (error.marker().line(), error.marker().col());
        let mended = indent::mended(&text, line, column, error.info());
        if let (Some(mended), true) = (mended, attempt < indent::MOST) {
            let expected = "every line of a quoted text deeper than its key";
            let found = "one further left, which is taken as part of the text";
            problems.push(Problem::warning((line, column + 1), "", expected, found));
            text = Cow::Owned(mended);
            continue;
        }
        let found_text = format!("text that is none ({})", error.info());
        problems.append(&mut found);
        problems.push(Problem::error((line, column + 1), "", "YAML", found_text));
        return None;
    }
    None
}

/// The tree, or `None` with the problem that ended it; the parser's error where the text is no YAML.
fn read(text: &str, problems: &mut Vec<Problem>) -> Result<Option<Node>, ScanError> {
    let mut loader = Loader { problems, open: Vec::new(), root: None, anchors: BTreeMap::new(), nodes: 0, aliased: 0 };
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let step = match event {
            Ok((event, span)) => loader.event(event, span),
            // The parser reads ahead and has a bound of its own on `[[[…`, above ours.
            Err(error) if error.info() == "recursion limit exceeded" => {
                Err(loader.too_deep((error.marker().line(), error.marker().col() + 1)))
            }
            Err(error) => return Err(error),
        };
        if let Err(problem) = step {
            loader.problems.push(problem);
            return Ok(None);
        }
    }
    if loader.root.is_none() {
        loader.problems.push(Problem::error((1, 1), "", "a YAML document", "an empty file"));
    }
    Ok(loader.root)
}

struct Loader<'p> {
    problems: &'p mut Vec<Problem>,
    open: Vec<Open>,
    root: Option<Node>,
    anchors: BTreeMap<usize, Anchor>,
    nodes: usize,
    aliased: usize,
}

/// A list or mapping whose end has not come yet.
struct Open {
    node: Node,
    anchor: usize,
    /// The key that waits for its value.
    key: Option<(String, usize, usize)>,
    /// Where each key of a mapping stood first.
    keys: BTreeMap<String, usize>,
}

/// What an alias repeats.
struct Anchor {
    node: Node,
    cost: Cost,
}

/// What writing out a value takes.
#[derive(Clone, Copy, Default)]
struct Cost {
    nodes: usize,
    depth: usize,
    bytes: usize,
}

impl Loader<'_> {
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Problem> {
        let place = (span.start.line(), span.start.col() + 1);
        match event {
            Event::DocumentStart(_) if self.root.is_some() => {
                Err(self.refuse(place, "one document in the file", "a second one"))
            }
            Event::Scalar(text, style, anchor, tag) => {
                let core = self.tag(place, tag.as_deref());
                let value = match (style, core) {
                    (ScalarStyle::Plain, false) => scalar::resolve(&text),
                    _ => Value::String(text.into_owned()),
                };
                self.count(place, 1)?;
                self.value(Node::new(place, value), anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                self.tag(place, tag.as_deref());
                self.open(place, Value::Seq(Vec::new()), anchor)
            }
            Event::MappingStart(anchor, tag) => {
                self.tag(place, tag.as_deref());
                self.open(place, Value::Map(Vec::new()), anchor)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let open = self.open.pop().expect("the parser ends only what it started");
                self.value(open.node, open.anchor)
            }
            Event::Alias(anchor) => self.alias(place, anchor),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {
                Ok(())
            }
        }
    }

    fn open(&mut self, place: (usize, usize), value: Value, anchor: usize) -> Result<(), Problem> {
        self.count(place, 1)?;
        self.depth(place, 1)?;
        self.open.push(Open { node: Node::new(place, value), anchor, key: None, keys: BTreeMap::new() });
        Ok(())
    }

    fn alias(&mut self, place: (usize, usize), id: usize) -> Result<(), Problem> {
        let Some(anchor) = self.anchors.get(&id) else {
            return Err(self.refuse(place, "an alias of a value that is complete", "one of a value that contains it"));
        };
        let cost = anchor.cost;
        self.count(place, cost.nodes)?;
        self.depth(place, cost.depth)?;
        self.aliased += cost.bytes;
        if self.aliased > ALIAS_BYTES {
            let expected = format!("at most {ALIAS_BYTES} bytes of text repeated by aliases");
            return Err(self.refuse(place, &expected, "more"));
        }
        let node = self.anchors.get(&id).expect("found above").node.clone();
        self.place(node)
    }

    /// A complete value: remembered when it has an anchor, then put where it belongs.
    fn value(&mut self, node: Node, anchor: usize) -> Result<(), Problem> {
        if anchor > 0 {
            let cost = cost(&node);
            // The copy that the anchor keeps is a repetition, too: nested anchors would otherwise multiply.
            self.count(node.place(), cost.nodes)?;
            self.anchors.insert(anchor, Anchor { node: node.clone(), cost });
        }
        self.place(node)
    }

    fn place(&mut self, node: Node) -> Result<(), Problem> {
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match (&mut open.node.value, open.key.take()) {
            (Value::Seq(items), _) => items.push(node),
            (Value::Map(entries), Some((key, line, column))) => entries.push(Entry { key, line, column, node }),
            (Value::Map(_), None) => return self.key(&node),
            _ => unreachable!("only lists and mappings are open"),
        }
        Ok(())
    }

    fn key(&mut self, node: &Node) -> Result<(), Problem> {
        let Some(key) = node.as_text().or((node.value == Value::Null).then_some("null")) else {
            return Err(Problem::error(node.place(), self.path(), "a key that is one word or text", node.describe()));
        };
        let first = self.open.last().and_then(|open| open.keys.get(key)).copied();
        if let Some(first) = first {
            let found = format!("'{key}' here and at line {first}");
            let path = path_of(&self.path(), key);
            self.problems.push(Problem::error(node.place(), path, "a key once in its mapping", found));
        }
        let open = self.open.last_mut().expect("a key stands in a mapping");
        open.keys.entry(key.to_owned()).or_insert(node.line);
        open.key = Some((key.to_owned(), node.line, node.column));
        Ok(())
    }

    /// Whether the tag says that the scalar is a text. Other tags say nothing that the formats here need.
    fn tag(&mut self, place: (usize, usize), tag: Option<&Tag>) -> bool {
        let Some(tag) = tag else { return false };
        if tag.is_yaml_core_schema() && tag.suffix == "str" {
            return true;
        }
        let found = format!("the tag {tag}, which is ignored");
        let path = self.path();
        self.problems.push(Problem::warning(place, path, "a value without a tag", found));
        false
    }

    fn count(&mut self, place: (usize, usize), nodes: usize) -> Result<(), Problem> {
        self.nodes += nodes;
        if self.nodes > NODES {
            return Err(self.refuse(place, &format!("at most {NODES} values, aliases written out"), "more"));
        }
        Ok(())
    }

    fn depth(&self, place: (usize, usize), more: usize) -> Result<(), Problem> {
        if self.open.len() + more > NESTING {
            return Err(self.too_deep(place));
        }
        Ok(())
    }

    fn too_deep(&self, place: (usize, usize)) -> Problem {
        self.refuse(place, &format!("at most {NESTING} levels of nesting"), "more")
    }

    fn refuse(&self, place: (usize, usize), expected: &str, found: &str) -> Problem {
        // A path of many levels helps nobody: its start says where to look.
        let path: String = self.path().chars().take(80).collect();
        Problem::error(place, path, expected, found)
    }

    fn path(&self) -> String {
        self.open.iter().fold(String::new(), |path, open| match (&open.node.value, &open.key) {
            (Value::Seq(items), _) => format!("{path}[{}]", items.len()),
            (_, Some((key, ..))) => path_of(&path, key),
            _ => path,
        })
    }
}

fn cost(node: &Node) -> Cost {
    let below = |cost: Cost, node: &Node| {
        let below = self::cost(node);
        Cost { nodes: cost.nodes + below.nodes, depth: cost.depth.max(below.depth), bytes: cost.bytes + below.bytes }
    };
    let mut cost = match &node.value {
        Value::Seq(items) => items.iter().fold(Cost::default(), below),
        Value::Map(entries) => entries.iter().fold(Cost::default(), |cost, entry| {
            let mut cost = below(cost, &entry.node);
            cost.bytes += entry.key.len();
            cost
        }),
        Value::String(text) | Value::Number(text) => {
            return Cost { nodes: 1, depth: 0, bytes: text.len() };
        }
        Value::Null | Value::Bool(_) => {
            return Cost { nodes: 1, depth: 0, bytes: 0 };
        }
    };
    cost.nodes += 1;
    cost.depth += 1;
    cost
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::problem::Severity;

    fn problems(text: &str) -> Vec<String> {
        let mut problems = Vec::new();
        load(text, &mut problems);
        problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_value_knows_its_place() {
        let root = load("a: 1\nb:\n  - x\n  - käse: y\n", &mut Vec::new()).unwrap();
        assert_eq!(root.get("a").unwrap().place(), (1, 4));
        assert_eq!(root.list("b")[0].place(), (3, 5));
        assert_eq!(root.list("b")[1].get("käse").unwrap().place(), (4, 11));
        assert_eq!(root.entries()[1].line, 2);
    }

    #[test]
    fn a_key_that_stands_twice_is_an_error_with_both_lines() {
        assert_eq!(
            problems("a:\n  b: 1\n  c: 2\n  b: 3\n"),
            ["4:3: a.b: expected a key once in its mapping, found 'b' here and at line 2"]
        );
    }

    #[test]
    fn several_documents_and_none_are_refused() {
        assert!(problems("a: 1\n---\nb: 2\n")[0].contains("expected one document in the file, found a second one"));
        for empty in ["", "# only a comment\n", "\u{feff}"] {
            assert!(problems(empty)[0].contains("found an empty file"), "{empty}");
        }
    }

    #[test]
    fn twenty_thousand_levels_are_an_error_and_no_overflow() {
        let spaces = |n: usize| " ".repeat(n);
        let block: String = (0..2_000).map(|n| format!("{}a:\n", spaces(n))).collect::<Vec<_>>().concat();
        for deep in ["[".repeat(20_000), "{a: ".repeat(20_000), "- ".repeat(20_000), "? ".repeat(20_000), block] {
            let problems = problems(&deep);
            assert!(problems[0].contains("at most 64 levels of nesting"), "{problems:?}");
        }
        let fits = format!("{}{}", "[".repeat(NESTING), "]".repeat(NESTING));
        assert_eq!(problems(&fits), [""; 0]);
    }

    #[test]
    fn aliases_are_written_out_within_a_bound() {
        let root = load("a: &x {k: 1}\nb: *x\n", &mut Vec::new()).unwrap();
        assert_eq!(root.get("b").unwrap().text("k"), Some("1"));

        let laughs: String = (1..10)
            .map(|n| format!("l{n}: &l{n} [{}]\n", vec![format!("*l{}", n - 1); 10].join(", ")))
            .collect::<Vec<_>>()
            .concat();
        assert!(problems(&format!("l0: &l0 [lol]\n{laughs}"))[0].contains("at most 200000 values"));

        let long = "x".repeat(100_000);
        let repeated = format!("a: &a {long}\nb: [{}]\n", ["*a"; 1000].join(", "));
        assert!(problems(&repeated)[0].contains("bytes of text repeated by aliases"));

        let nested: String = (1..80).map(|n| format!("l{n}: &l{n} [*l{}]\n", n - 1)).collect::<Vec<_>>().concat();
        assert!(problems(&format!("l0: &l0 []\n{nested}"))[0].contains("levels of nesting"));
        assert!(!problems("a: &a [*a]\n").is_empty());
    }

    #[test]
    fn tags_are_ignored_with_a_warning_but_str_makes_a_text() {
        let mut problems = Vec::new();
        let root = load("a: !!str 1\nb: !mine 2\n", &mut problems).unwrap();
        assert_eq!(root.get("a").unwrap().as_str(), Some("1"));
        assert_eq!(root.text("b"), Some("2"));
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].severity, Severity::Warning);
    }

    #[test]
    fn keys_are_words() {
        assert!(problems("? [a, b]\n: c\n")[0].contains("expected a key that is one word or text, found a list of 2"));
        assert!(problems("a: b: c\n")[0].contains("expected YAML"));
    }
}
