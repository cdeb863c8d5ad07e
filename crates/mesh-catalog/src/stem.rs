//! English stems, for prose only.

use std::collections::HashMap;

use tantivy::tokenizer::{Language, RawTokenizer, Stemmer, TextAnalyzer, TokenStream as _};

/// Stems that are remembered; when there are more, all are forgotten. A catalog's prose uses few words, often.
const REMEMBERED: usize = 20_000;

/// Turns words into stems: `publishes` and `published` into `publish`.
pub(crate) struct Stems {
    analyzer: TextAnalyzer,
    known: HashMap<String, String>,
}

impl Stems {
    pub(crate) fn new() -> Self {
        let analyzer = TextAnalyzer::builder(RawTokenizer::default()).filter(Stemmer::new(Language::English)).build();
        Self { analyzer, known: HashMap::new() }
    }

    /// The stem of a lower-case word.
    pub(crate) fn of(&mut self, word: &str) -> &str {
        if !self.known.contains_key(word) {
            if self.known.len() >= REMEMBERED {
                self.known.clear();
            }
            let mut stream = self.analyzer.token_stream(word);
            let stem = stream.next().map_or_else(|| word.to_owned(), |token| token.text.clone());
            self.known.insert(word.to_owned(), stem);
        }
        &self.known[word]
    }
}
