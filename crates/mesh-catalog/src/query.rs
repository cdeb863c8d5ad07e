//! What is asked, and the words that are looked for.

use mesh_model::DomainName;
use serde::{Deserialize, Serialize};

use crate::Lifecycle;
use crate::words::{self, Split};

/// What is asked. Any text is a query.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Query {
    /// Words; what stands in double quotes is looked for as a phrase. Blank lists everything by id. Only the first
    /// [`Query::TEXT_BYTES`] and [`Query::WORDS`] count.
    pub text: String,
    /// Only products of one of these domains; of all when empty.
    pub domains: Vec<DomainName>,
    /// Only products with all of these tags, upper and lower case alike.
    pub tags: Vec<String>,
    /// Only products in one of these states; all but retired when empty.
    pub statuses: Vec<Lifecycle>,
    /// Only products of one of these teams, upper and lower case alike; of all when empty.
    pub owners: Vec<String>,
    /// Most hits, at most [`Query::LIMIT`]; 0 asks for the counts alone.
    pub limit: usize,
    /// Hits to skip.
    pub offset: usize,
    /// Whether hits say why they rank where they do.
    pub explain: bool,
}

impl Query {
    /// Most hits of one answer.
    pub const LIMIT: usize = 1000;
    /// How much of a text is read, in bytes.
    pub const TEXT_BYTES: usize = 4096;
    /// How many different words and phrases count.
    pub const WORDS: usize = 16;

    /// A query for the best 20 products.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), limit: 20, ..Self::default() }
    }
}

/// A word or phrase that is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// One word, or the words of a phrase, as typed.
    pub(crate) words: Vec<String>,
    /// The same parted at capitals as products are, where that differs: `customer id` for `customerId`. A whole is
    /// indexed beside its parts only where it stands alone and has few of them, so a phrase with such a word, or a
    /// long name, is found by the parts.
    pub(crate) parted: Option<Vec<String>>,
    /// Whether it was quoted: then it is taken as it is, neither close nor as a beginning.
    pub(crate) quoted: bool,
}

impl Wanted {
    /// As explanations show it.
    pub(crate) fn shown(&self) -> String {
        self.words.join(" ")
    }
}

/// A text made ready.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ask {
    /// What to look for, each once.
    pub(crate) wanted: Vec<Wanted>,
    /// The whole text in lower case: perhaps an id or name.
    pub(crate) literal: String,
    /// The whole text squashed.
    pub(crate) squashed: String,
}

/// Left out beside other words: nearly every description has them, and few names.
const STOP_WORDS: [&str; 17] =
    ["a", "an", "and", "are", "at", "by", "for", "from", "in", "is", "of", "on", "or", "the", "to", "which", "with"];

/// Makes a text ready; `None` for a blank one.
pub(crate) fn parse(text: &str) -> Option<Ask> {
    let text = text[..text.floor_char_boundary(Query::TEXT_BYTES)].trim();
    if text.is_empty() {
        return None;
    }
    let mut wanted = Vec::new();
    let pieces: Vec<&str> = text.split(['"', '“', '”', '„']).collect();
    for (at, piece) in pieces.iter().enumerate() {
        let closed = at + 1 < pieces.len();
        if at % 2 == 1 && closed {
            let words = split(piece, Split::Query);
            wanted.push(Wanted { parted: parted(piece, &words), words, quoted: true });
        } else {
            words::split(piece, Split::Query, |word| {
                let words = vec![word.text.to_owned()];
                wanted.push(Wanted { parted: parted(&piece[word.start..word.end], &words), words, quoted: false });
            });
        }
    }
    let mut unique: Vec<Wanted> = Vec::new();
    for want in wanted {
        if !want.words.is_empty() && !unique.iter().any(|known| known.words == want.words) {
            unique.push(want);
        }
    }
    let telling = |want: &Wanted| want.quoted || !STOP_WORDS.contains(&want.words[0].as_str());
    if unique.iter().any(telling) {
        unique.retain(telling);
    }
    unique.truncate(Query::WORDS);
    Some(Ask { wanted: unique, literal: text.to_lowercase(), squashed: words::squash(text) })
}

fn split(text: &str, how: Split) -> Vec<String> {
    let mut words = Vec::new();
    words::split(text, how, |word| words.push(word.text.to_owned()));
    words
}

fn parted(text: &str, typed: &[String]) -> Option<Vec<String>> {
    let parted = split(text, Split::Name);
    (parted != typed).then_some(parted)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn wanted(text: &str) -> Vec<String> {
        let show = |want: &Wanted| {
            if want.quoted { format!("<{}>", want.shown()) } else { want.shown() }
        };
        parse(text).unwrap().wanted.iter().map(show).collect()
    }

    #[test]
    fn reads_words_and_phrases_and_never_fails() {
        for (text, expected) in [
            ("customer email", vec!["customer", "email"]),
            ("NOAA-GOES16", vec!["noaa", "goes", "16"]),
            ("\"point of sale\" the data data", vec!["<point of sale>", "data"]),
            ("never \"closed phrase", vec!["never", "closed", "phrase"]),
            ("to the", vec!["to", "the"]),
            ("title:x AND (y OR *) ~2 ^3 \\", vec!["title", "x", "y", "2", "3"]),
            ("\"\" !!", vec![]),
        ] {
            assert_eq!(wanted(text), expected, "{text}");
        }
        assert_eq!(parse(" \t\n"), None);
        assert_eq!(wanted(&"ü x ".repeat(100_000)).len(), 2);
    }
}
