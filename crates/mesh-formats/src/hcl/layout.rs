//! HCL text: indentation, blocks, and strings with everything escaped that HCL would read otherwise.

use std::fmt::Write as _;

use mesh_model::limits;
use serde_json::Value as Json;

use super::scan::PAIRS;
use crate::write::WriteError;

/// A file under way.
#[derive(Default)]
pub(super) struct Layout {
    text: String,
    depth: usize,
}

impl Layout {
    /// The file.
    pub(super) fn finish(self) -> String {
        self.text
    }

    fn indent(&mut self) {
        for _ in 0..self.depth {
            self.text.push_str("  ");
        }
    }

    /// `name = value`, the value being written already.
    pub(super) fn line(&mut self, name: &str, value: &str) {
        self.indent();
        self.text.push_str(name);
        self.text.push_str(" = ");
        self.text.push_str(value);
        self.text.push('\n');
    }

    /// `name = "text"`.
    pub(super) fn text(&mut self, name: &str, text: &str) {
        self.line(name, &quoted(text));
    }

    /// `name = "text"`, left out when the text is empty.
    pub(super) fn some_text(&mut self, name: &str, text: &str) {
        if !text.is_empty() {
            self.text(name, text);
        }
    }

    /// `name = "text"`, left out when there is none.
    pub(super) fn option(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    /// `name = ["text", …]`, left out when the list is empty.
    pub(super) fn texts(&mut self, name: &str, texts: &[String]) {
        if !texts.is_empty() {
            let quoted: Vec<_> = texts.iter().map(|text| quoted(text)).collect();
            self.line(name, &format!("[{}]", quoted.join(", ")));
        }
    }

    /// `name "label" { … }`.
    pub(super) fn block(&mut self, name: &str, labels: &[&str], body: impl FnOnce(&mut Self)) {
        self.open(name, labels);
        body(self);
        self.close();
    }

    /// `name "label" { … }`, with a body that may fail.
    pub(super) fn try_block(
        &mut self,
        name: &str,
        labels: &[&str],
        body: impl FnOnce(&mut Self) -> Result<(), WriteError>,
    ) -> Result<(), WriteError> {
        self.open(name, labels);
        body(self)?;
        self.close();
        Ok(())
    }

    fn open(&mut self, name: &str, labels: &[&str]) {
        // A line of air before each block that is not the first thing in another.
        if !self.text.is_empty() && !self.text.ends_with("{\n") {
            self.text.push('\n');
        }
        self.indent();
        self.text.push_str(name);
        for label in labels {
            self.text.push(' ');
            self.text.push_str(&quoted(label));
        }
        self.text.push_str(" {\n");
        self.depth += 1;
    }

    fn close(&mut self) {
        self.depth -= 1;
        self.indent();
        self.text.push_str("}\n");
    }

    /// `name = { … }` of any shape.
    ///
    /// # Errors
    /// [`WriteError`] when it nests deeper or has more keys than a file may.
    pub(super) fn json(&mut self, name: &str, value: &Json) -> Result<(), WriteError> {
        self.indent();
        self.text.push_str(name);
        self.text.push_str(" = ");
        self.value(value, self.depth)?;
        self.text.push('\n');
        Ok(())
    }

    /// Writes a value within `open` brackets.
    fn value(&mut self, value: &Json, open: usize) -> Result<(), WriteError> {
        let nests = matches!(value, Json::Array(_) | Json::Object(_));
        if nests && open >= limits::NESTING {
            return Err(WriteError::Nesting { limit: limits::NESTING });
        }
        match value {
            Json::Null => self.text.push_str("null"),
            Json::Bool(value) => self.text.push_str(if *value { "true" } else { "false" }),
            Json::Number(number) => self.text.push_str(&number.to_string()),
            Json::String(text) => self.text.push_str(&quoted(text)),
            Json::Array(items) => {
                self.text.push('[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        self.text.push_str(", ");
                    }
                    self.value(item, open + 1)?;
                }
                self.text.push(']');
            }
            Json::Object(map) if map.is_empty() => self.text.push_str("{}"),
            Json::Object(map) => {
                if map.len() > PAIRS {
                    return Err(WriteError::Keys { limit: PAIRS, found: map.len() });
                }
                self.text.push_str("{\n");
                self.depth += 1;
                for (key, value) in map {
                    self.indent();
                    self.text.push_str(&quoted(key));
                    self.text.push_str(" = ");
                    self.value(value, open + 1)?;
                    self.text.push('\n');
                }
                self.depth -= 1;
                self.indent();
                self.text.push('}');
            }
        }
        Ok(())
    }
}

/// A string as HCL writes it.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // `${` and `%{` begin templates; doubled signs are the escape.
            '$' | '%' if chars.peek() == Some(&'{') => {
                out.push(char);
                out.push(char);
            }
            char if char.is_control() => {
                write!(out, "\\u{:04x}", u32::from(char)).expect("strings take all that is written");
            }
            char => out.push(char),
        }
    }
    out.push('"');
    out
}
