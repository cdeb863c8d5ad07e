//! One block's body, read by name: asks the table what each name is, and reports what does not fit.

use std::collections::BTreeMap;

use hcl_edit::Span;
use hcl_edit::expr::Expression;
use hcl_edit::structure::{Attribute, Block, Body, Structure};
use rust_decimal::Decimal;
use serde_json::Value as Json;

use super::source::Source;
use super::table::{self, Kind};
use super::value::{self, Placed, Value};
use crate::number::decimal;

/// A body whose names have been checked against the table.
pub(super) struct Section<'s, 'f> {
    pub source: &'s Source<'f>,
    /// Its path in the table.
    path: &'static str,
    /// Its path for messages, with numbers where blocks repeat.
    pub shown: String,
    /// Where the block begins.
    pub offset: usize,
    /// The block's label and its place.
    pub label: Option<(String, usize)>,
    attributes: Vec<&'s Attribute>,
    blocks: Vec<&'s Block>,
}

impl<'s, 'f> Section<'s, 'f> {
    /// Opens a body: reports wrong kinds at once, and keeps what has an unknown name among the extensions.
    pub(super) fn open(
        source: &'s Source<'f>,
        path: &'static str,
        shown: String,
        offset: usize,
        label: Option<(String, usize)>,
        body: &'s Body,
    ) -> Self {
        let mut section = Self { source, path, shown, offset, label, attributes: Vec::new(), blocks: Vec::new() };
        let mut unknown_blocks: BTreeMap<&str, Vec<&Block>> = BTreeMap::new();
        for structure in body {
            let offset = structure.span().map_or(0, |span| span.start);
            match structure {
                Structure::Attribute(attribute) => {
                    let name = attribute.key.as_str();
                    match table::find(path, name) {
                        Some(row) if row.kind.is_attribute() => section.attributes.push(attribute),
                        Some(_) => source.error(
                            offset,
                            &section.at(name),
                            format!("a block `{name} {{ … }}`"),
                            format!("`{name} = …`"),
                        ),
                        None => section.unknown_attribute(offset, name, &attribute.value),
                    }
                }
                Structure::Block(block) => {
                    let name = block.ident.as_str();
                    match table::find(path, name) {
                        Some(row) if row.kind.is_block() || row.kind == Kind::Quantity => {
                            section.check_labels(row.kind, block);
                            section.blocks.push(block);
                        }
                        Some(_) => source.error(
                            offset,
                            &section.at(name),
                            format!("`{name} = …`"),
                            format!("a block `{name} {{ … }}`"),
                        ),
                        None => unknown_blocks.entry(name).or_default().push(block),
                    }
                }
            }
        }
        for (name, blocks) in unknown_blocks {
            section.unknown_blocks(name, &blocks);
        }
        section
    }

    /// The path of a name in here, for messages.
    pub(super) fn at(&self, name: &str) -> String {
        if self.shown.is_empty() { name.to_owned() } else { format!("{}.{name}", self.shown) }
    }

    fn check_labels(&self, kind: Kind, block: &Block) {
        let allowed = usize::from(kind == Kind::Named);
        if let Some(label) = block.labels.get(allowed) {
            let offset = label.span().map_or(0, |span| span.start);
            let expected = if allowed == 0 { "no label" } else { "one label" };
            let found = format!("the label \"{}\"", value::excerpt(label.as_str()));
            self.source.error(offset, &self.at(block.ident.as_str()), expected, found);
        }
    }

    fn warn_unknown(&self, offset: usize, name: &str) -> String {
        let key = format!("hcl.{}", self.at(name));
        let expected = match table::closest(self.path, name) {
            Some(known) => format!("a known name ('{known}' is the closest)"),
            None => "a known name".into(),
        };
        let name_shown = value::excerpt(name);
        if self.is_personal() {
            self.source.warning(offset, &self.at(name), expected, format!("'{name_shown}', kept with the person"));
        } else if self.may_name_people(name) {
            // Extensions are published for ever: better no product than a person in them.
            let expected = "`owner_person { … }` or `people { person { … } }`, which are kept private";
            self.source.error(offset, &self.at(name), expected, format!("'{name_shown}'"));
        } else {
            let found = format!("'{name_shown}', kept in extensions as '{}'", value::excerpt(&key));
            self.source.warning(offset, &self.at(name), expected, found);
        }
        key
    }

    /// Whether this is a person's block.
    fn is_personal(&self) -> bool {
        matches!(self.path, "owner_person" | "people.person")
    }

    /// Whether an unknown name looks like a person's position misspelt.
    fn may_name_people(&self, name: &str) -> bool {
        let near = |known| matches!(known, "owner_person" | "people" | "person");
        let says = |word| matches!(word, "person" | "persons" | "people");
        self.path == "people" || table::closest(self.path, name).is_some_and(near) || name.split(['_', '-']).any(says)
    }

    /// Takes back what a person's block said under unknown names: it belongs to the person, not to the extensions.
    pub(super) fn take_unknown(&self) -> serde_json::Map<String, Json> {
        assert!(self.is_personal(), "only people keep what else is said of them");
        let prefix = format!("hcl.{}.", self.shown);
        let mut extensions = self.source.extensions.borrow_mut();
        // One prefix's keys stand together, and a file may name many people.
        let keys = extensions.range(prefix.clone()..).map(|(key, _)| key).take_while(|key| key.starts_with(&prefix));
        let keys: Vec<String> = keys.cloned().collect();
        let said = keys.into_iter().filter_map(|key| {
            let value = extensions.remove(&key)?.value();
            Some((key[prefix.len()..].to_owned(), value))
        });
        said.collect()
    }

    fn unknown_attribute(&self, offset: usize, name: &str, expression: &Expression) {
        let key = self.warn_unknown(offset, name);
        let path = self.at(name);
        if let Some(placed) = value::literal(self.source, &path, expression) {
            self.source.extend(offset, &key, &value::json(self.source, &path, &placed));
        }
    }

    fn unknown_blocks(&self, name: &str, blocks: &[&Block]) {
        let offset = blocks[0].span().map_or(0, |span| span.start);
        let key = self.warn_unknown(offset, name);
        let path = self.at(name);
        let values: Vec<Json> = blocks.iter().map(|block| block_json(self.source, &path, block)).collect();
        self.source.extend(offset, &key, &Json::Array(values));
    }

    fn attribute(&self, name: &str, fits: impl Fn(Kind) -> bool) -> Option<Placed> {
        // Only what is there is looked up: most names are not, and files may have many blocks.
        let attribute = self.attributes.iter().find(|attribute| attribute.key.as_str() == name)?;
        let row = table::find(self.path, name).unwrap_or_else(|| panic!("{}.{name} is in the table", self.path));
        assert!(fits(row.kind), "{}.{name} is read as the kind that the table gives", self.path);
        let placed = value::literal(self.source, &self.at(name), &attribute.value)?;
        (placed.value != Value::Null).then_some(placed)
    }

    fn wrong(&self, name: &str, expected: &str, found: &Placed) {
        self.source.error(found.offset, &self.at(name), expected, found.describe());
    }

    /// Whether a value stands there, right or wrong.
    pub(super) fn says(&self, name: &str) -> bool {
        self.attributes.iter().any(|attribute| attribute.key.as_str() == name && !attribute.value.is_null())
    }

    /// A text and its place.
    pub(super) fn text_at(&self, name: &str) -> Option<(String, usize)> {
        let placed = self.attribute(name, |kind| matches!(kind, Kind::Text | Kind::Word(_)))?;
        if let Value::Text(text) = placed.value {
            return Some((text, placed.offset));
        }
        self.wrong(name, "a string", &placed);
        None
    }

    /// A text.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.text_at(name).map(|(text, _)| text)
    }

    /// A list of texts; empty when absent.
    pub(super) fn texts(&self, name: &str) -> Vec<String> {
        const EXPECTED: &str = "a list of strings";
        let Some(placed) = self.attribute(name, |kind| kind == Kind::Texts) else {
            return Vec::new();
        };
        let Value::List(items) = placed.value else {
            self.wrong(name, EXPECTED, &placed);
            return Vec::new();
        };
        let mut texts = Vec::new();
        for item in items {
            match item.value {
                Value::Text(text) => texts.push(text),
                _ => self.wrong(name, EXPECTED, &item),
            }
        }
        texts
    }

    /// True or false.
    pub(super) fn boolean(&self, name: &str) -> Option<bool> {
        let placed = self.attribute(name, |kind| kind == Kind::Bool)?;
        if let Value::Bool(value) = placed.value {
            return Some(value);
        }
        self.wrong(name, "true or false", &placed);
        None
    }

    /// A decimal number and its place.
    pub(super) fn number_at(&self, name: &str) -> Option<(Decimal, usize)> {
        let placed = self.attribute(name, |kind| kind == Kind::Number)?;
        let Value::Number(text) = &placed.value else {
            self.wrong(name, "a number", &placed);
            return None;
        };
        let number = decimal(text);
        if number.is_none() {
            self.wrong(name, "a number of at most 18 digits and 28 decimal places", &placed);
        }
        number.map(|number| (number, placed.offset))
    }

    /// A decimal number.
    pub(super) fn number(&self, name: &str) -> Option<Decimal> {
        self.number_at(name).map(|(number, _)| number)
    }

    /// A text that `read` understands; what it says otherwise is reported.
    pub(super) fn parsed<T, E: std::fmt::Display>(&self, name: &str, read: impl Fn(&str) -> Result<T, E>) -> Option<T> {
        let (text, offset) = self.text_at(name)?;
        match read(&text) {
            Ok(value) => Some(value),
            Err(why) => {
                self.source.error(offset, &self.at(name), why.to_string(), format!("\"{}\"", value::excerpt(&text)));
                None
            }
        }
    }

    /// One of the words that the table lists, as the enum whose serialised form it is.
    pub(super) fn word<T: serde::de::DeserializeOwned>(&self, name: &str) -> Option<T> {
        let Some(Kind::Word(words)) = table::find(self.path, name).map(|row| row.kind) else {
            panic!("{}.{name} is a word in the table", self.path)
        };
        self.parsed(name, |text| {
            let word = words.contains(&text).then(|| serde_json::from_value(Json::String(text.into())).ok()).flatten();
            word.ok_or_else(|| format!("one of {}", words.join(", ")))
        })
    }

    /// An object's keys and values, in order.
    pub(super) fn object(&self, name: &str) -> Vec<(String, Placed)> {
        let Some(placed) = self.attribute(name, |kind| kind == Kind::Any) else {
            return Vec::new();
        };
        if let Value::Object(pairs) = placed.value {
            return pairs;
        }
        self.wrong(name, "an object `{ \"namespace.key\" = value }`", &placed);
        Vec::new()
    }

    /// The text or number that stands where a target may; its block form is [`Section::one`].
    pub(super) fn target(&self, name: &str) -> Option<Placed> {
        self.attribute(name, |kind| kind == Kind::Quantity)
    }

    /// Reports a name that must be there.
    pub(super) fn missing(&self, name: &str, expected: &str) {
        self.source.error(self.offset, &self.at(name), expected, "nothing");
    }

    /// The block of this name; a second one is an error.
    pub(super) fn one(&self, name: &str) -> Option<Section<'s, 'f>> {
        let mut found = self.sections(name, |kind| matches!(kind, Kind::One | Kind::Quantity));
        if found.len() > 1 {
            let again = found.swap_remove(1);
            self.source.error(again.offset, &self.at(name), "one such block", "a second one");
            found.truncate(1);
        }
        found.pop()
    }

    /// All blocks of this name.
    pub(super) fn many(&self, name: &str) -> Vec<Section<'s, 'f>> {
        self.sections(name, |kind| matches!(kind, Kind::Many | Kind::Named | Kind::Group))
    }

    /// All blocks in here that `path` describes, whatever their names: the ports of `output`.
    pub(super) fn each(&self, path: &'static str) -> Vec<(&'s str, Section<'s, 'f>)> {
        let opened = self.blocks.iter().enumerate();
        opened.map(|(at, block)| (block.ident.as_str(), self.open_block(path, block, Some(at)))).collect()
    }

    fn sections(&self, name: &str, fits: impl Fn(Kind) -> bool) -> Vec<Section<'s, 'f>> {
        let blocks: Vec<_> = self.blocks.iter().filter(|block| block.ident.as_str() == name).collect();
        if blocks.is_empty() {
            return Vec::new();
        }
        let row = table::find(self.path, name).unwrap_or_else(|| panic!("{}.{name} is in the table", self.path));
        assert!(fits(row.kind), "{}.{name} is read as the kind that the table gives", self.path);
        let repeats = !matches!(row.kind, Kind::One | Kind::Quantity);
        // A group that stands once is shown without a number.
        let numbered = repeats && !(row.kind == Kind::Group && blocks.len() == 1);
        blocks.iter().enumerate().map(|(at, block)| self.open_block(row.path, block, numbered.then_some(at))).collect()
    }

    fn open_block(&self, path: &'static str, block: &'s Block, at: Option<usize>) -> Section<'s, 'f> {
        let name = block.ident.as_str();
        let shown = at.map_or_else(|| self.at(name), |at| self.at(&format!("{name}[{at}]")));
        let offset = block.span().map_or(0, |span| span.start);
        let label = block
            .labels
            .first()
            .map(|label| (self.source.plain(label.as_str()), label.span().map_or(offset, |span| span.start)));
        Section::open(self.source, path, shown, offset, label, &block.body)
    }

    /// The label, or `name = …` inside; both must not differ.
    pub(super) fn name_at(&self) -> Option<(String, usize)> {
        let inside = self.text_at("name");
        if let (Some((label, _)), Some((name, offset))) = (&self.label, &inside)
            && label != name
        {
            let expected = format!("the label's \"{}\" or no name", value::excerpt(label));
            self.source.error(*offset, &self.at("name"), expected, format!("\"{}\"", value::excerpt(name)));
        }
        inside.or_else(|| self.label.clone())
    }
}

/// A block as JSON: attributes and blocks by name, labels under `_labels`.
fn block_json(source: &Source<'_>, path: &str, block: &Block) -> Json {
    let mut map = serde_json::Map::new();
    if !block.labels.is_empty() {
        let labels = block.labels.iter().map(|label| Json::String(source.plain(label.as_str()))).collect();
        map.insert("_labels".into(), Json::Array(labels));
    }
    for structure in &block.body {
        match structure {
            Structure::Attribute(attribute) => {
                if let Some(placed) = value::literal(source, path, &attribute.value) {
                    map.insert(attribute.key.as_str().into(), value::json(source, path, &placed));
                }
            }
            Structure::Block(inner) => {
                let json = block_json(source, path, inner);
                match map.entry(inner.ident.as_str()).or_insert_with(|| Json::Array(Vec::new())) {
                    Json::Array(list) => list.push(json),
                    other => *other = Json::Array(vec![other.take(), json]),
                }
            }
        }
    }
    Json::Object(map)
}
