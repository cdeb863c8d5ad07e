//! The index's fields, and how words get into them.

use mesh_model::ProductId;
use tantivy::schema::{FAST, Field, IndexRecordOption, STORED, Schema, TextFieldIndexing, TextOptions};
use tantivy::tokenizer::{TextAnalyzer, Token, TokenStream, Tokenizer};

use crate::level::Level;
use crate::words::squash;

/// Raised whenever what is written for a product changes: fields, splitting, stems, stored forms. An index of another
/// version is reported as damaged, so that it is filled anew.
pub(crate) const VERSION: u32 = 1;

const REPLAY: &str = "replay";
/// Words between two texts, so that no phrase spans them.
const GAP: usize = 16;

/// The fields.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields {
    /// `domain/name`; names the document, and orders by its fast column.
    pub(crate) id: Field,
    /// See [`name_term`]: finds products by their whole name, and completes names.
    pub(crate) by_name: Field,
    /// One per [`Level::SHELVES`].
    pub(crate) shelves: [Field; 4],
    /// One per [`crate::facets::Facet`].
    pub(crate) facets: [Field; 4],
    /// What a hit shows, as JSON.
    pub(crate) hit: Field,
    /// The descriptor as JSON, for explanations.
    pub(crate) descriptor: Field,
}

/// Between name and id in [`Fields::by_name`]; sorts before every character of a name.
pub(crate) const NAME_SEPARATOR: char = '\u{1}';

/// The fields' names, in the order of [`crate::facets::Facet`].
pub(crate) const FACET_FIELDS: [&str; 4] = ["domain", "tag", "status", "owner"];
/// The name of the id's fast column.
pub(crate) const ID_FIELD: &str = "id";

impl Fields {
    /// The field of a shelf.
    pub(crate) fn shelf(&self, level: Level) -> Field {
        self.shelves[shelf_number(level)]
    }
}

/// The place of a level among [`Level::SHELVES`]: what is close to a name, or begins it, is on the names' shelf.
pub(crate) fn shelf_number(level: Level) -> usize {
    match level {
        Level::Name | Level::Close | Level::Prefix => 0,
        Level::Label => 1,
        Level::Structure => 2,
        Level::Prose => 3,
    }
}

/// The schema and its fields.
pub(crate) fn schema() -> (Schema, Fields) {
    let mut builder = Schema::builder();
    let raw = || {
        let indexing = TextFieldIndexing::default().set_tokenizer("raw").set_fieldnorms(false);
        TextOptions::default().set_indexing_options(indexing.set_index_option(IndexRecordOption::Basic))
    };
    let words = |lengths: bool| {
        let indexing = TextFieldIndexing::default().set_tokenizer(REPLAY).set_fieldnorms(lengths);
        TextOptions::default().set_indexing_options(indexing.set_index_option(IndexRecordOption::WithFreqsAndPositions))
    };
    let fields = Fields {
        id: builder.add_text_field(ID_FIELD, raw() | FAST),
        by_name: builder.add_text_field("by_name", raw()),
        shelves: [
            builder.add_text_field("name", words(true)),
            builder.add_text_field("label", words(false)),
            builder.add_text_field("structure", words(false)),
            builder.add_text_field("prose", words(false)),
        ],
        facets: FACET_FIELDS.map(|name| builder.add_text_field(name, raw() | FAST)),
        hit: builder.add_text_field("hit", STORED),
        descriptor: builder.add_text_field("descriptor", STORED),
    };
    (builder.build(), fields)
}

/// Registers the tokenizer that [`Replay`] texts need.
pub(crate) fn register(index: &tantivy::Index) {
    index.tokenizers().register(REPLAY, TextAnalyzer::builder(ReplayTokenizer::default()).build());
}

/// The term of [`Fields::by_name`]: the squashed name, [`NAME_SEPARATOR`], `domain/name`.
pub(crate) fn name_term(id: &ProductId) -> String {
    format!("{}{NAME_SEPARATOR}{id}", squash(id.name.as_str()))
}

/// Words written down for the tokenizer: splitting happens once, in [`crate::words`], for all uses alike.
#[derive(Default)]
pub(crate) struct Replay(String);

const END: char = '\n';
const SAME_POSITION: char = '\t';

impl Replay {
    /// Adds a word; a joined one takes the position of the word before it.
    pub(crate) fn word(&mut self, word: &str, joined: bool) {
        if joined {
            self.0.push(SAME_POSITION);
        }
        self.0.push_str(word);
        self.0.push(END);
    }

    /// Ends a text.
    pub(crate) fn gap(&mut self) {
        self.0.push(END);
    }

    /// The text for the tokenizer; `None` when there are no words.
    pub(crate) fn finish(self) -> Option<String> {
        (!self.0.trim_matches(END).is_empty()).then_some(self.0)
    }
}

#[derive(Clone, Default)]
struct ReplayTokenizer {
    token: Token,
}

struct ReplayStream<'a> {
    rest: &'a str,
    next_position: usize,
    token: &'a mut Token,
}

impl Tokenizer for ReplayTokenizer {
    type TokenStream<'a> = ReplayStream<'a>;
    fn token_stream<'a>(&'a mut self, text: &'a str) -> ReplayStream<'a> {
        self.token.reset();
        ReplayStream { rest: text, next_position: 0, token: &mut self.token }
    }
}

impl TokenStream for ReplayStream<'_> {
    fn advance(&mut self) -> bool {
        while let Some((word, rest)) = self.rest.split_once(END) {
            self.rest = rest;
            if word.is_empty() {
                self.next_position += GAP;
                continue;
            }
            let (word, joined) = match word.strip_prefix(SAME_POSITION) {
                Some(word) => (word, true),
                None => (word, false),
            };
            self.token.position = if joined { self.next_position.saturating_sub(1) } else { self.next_position };
            if !joined {
                self.next_position += 1;
            }
            self.token.text.clear();
            self.token.text.push_str(word);
            return true;
        }
        false
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}
