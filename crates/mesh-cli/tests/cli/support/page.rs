//! A Markdown page of the repository and its fenced code blocks.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The repository's root.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The text of a file of the repository.
pub(crate) fn read(path: &str) -> String {
    let path = repository().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A fenced code block: ```` ```sh host=alpha until=ok ````.
#[derive(Debug)]
pub(crate) struct Block {
    /// The first word of the info string.
    pub(crate) language: String,
    /// `name=value` words after it.
    pub(crate) attributes: BTreeMap<String, String>,
    /// What is between the fences.
    pub(crate) text: String,
    /// Where it begins, for messages.
    pub(crate) line: usize,
}

impl Block {
    /// An attribute of the info string.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }
}

/// The page's fenced blocks, in order.
pub(crate) fn blocks(markdown: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (number, line) in markdown.lines().enumerate() {
        match (&mut open, line.trim_start().strip_prefix("```")) {
            (None, Some(info)) => {
                let mut words = info.split_whitespace();
                let language = words.next().unwrap_or_default().to_owned();
                let attributes = words
                    .map(|word| word.split_once('=').unwrap_or_else(|| panic!("line {}: {word}", number + 1)))
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .collect();
                open = Some(Block { language, attributes, text: String::new(), line: number + 1 });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a fence is not closed");
    blocks
}

/// Targets of the page's relative links that are not there.
pub(crate) fn broken_links(page: &str) -> Vec<String> {
    let folder = repository().join(page).parent().unwrap().to_owned();
    let text = read(page);
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    targets.filter(|target| !target.contains("://") && !folder.join(target).exists()).map(str::to_owned).collect()
}
