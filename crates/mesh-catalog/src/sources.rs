//! From wanted words to the posting lists of a segment.

use tantivy::postings::SegmentPostings;
use tantivy::query::{BooleanQuery, DfaWrapper, EnableScoring, FuzzyTermQuery, PhraseQuery, Query, Scorer, TermQuery};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::termdict::TermDictionary;
use tantivy::{DocId, DocSet as _, InvertedIndexReader, TERMINATED, Term};

use crate::SearchError;
use crate::level::{self, Level};
use crate::query::Wanted;
use crate::schema::{Fields, shelf_number};
use crate::segment::Segment;
use crate::snapshot::Snapshot;
use crate::stem::Stems;

/// Most words of the names that one wanted word may stand for in a segment, by typing errors or as their beginning.
const EXPANSIONS: usize = 50;
/// Most words that are looked at for that.
const EXAMINED: usize = 2000;

/// A wanted word, with what finding it needs.
pub(crate) struct Search {
    wanted: Wanted,
    /// The words as typed, and parted where that differs.
    phrasings: Vec<Phrasing>,
    /// Accepts words that are a typing error or two away; `None` where none are allowed.
    close: Option<DfaWrapper>,
    is_prefix: bool,
    /// How many documents have it on the shelf where it is most frequent; 0 where it is the only word.
    frequency: u64,
    /// 1 for a frequent word, up to 4 for a rare one.
    pub(crate) rarity: u16,
}

/// One way in which the wanted words may stand in a text.
struct Phrasing {
    words: Vec<String>,
    /// The same words as stems.
    stems: Vec<String>,
}

/// The documents of one list.
pub(crate) enum Docs {
    /// Last first.
    List(Vec<DocId>),
    Postings(Box<SegmentPostings>),
    Phrase(Box<dyn Scorer>),
}

/// A list of documents, and what being in it means.
pub(crate) struct Source {
    /// The wanted word's number, from 1; 0 when it is the whole query that was found.
    pub(crate) word: u8,
    /// At which level; of no meaning for the whole query.
    pub(crate) level: Level,
    /// What being there adds.
    pub(crate) points: u16,
    pub(crate) docs: Docs,
}

impl Docs {
    #[inline]
    pub(crate) fn doc(&self) -> DocId {
        match self {
            Self::List(docs) => docs.last().copied().unwrap_or(TERMINATED),
            Self::Postings(docs) => docs.doc(),
            Self::Phrase(docs) => docs.doc(),
        }
    }

    /// Whether the document is in the list; the list is spent.
    pub(crate) fn contains(mut self, doc: DocId) -> bool {
        match &mut self {
            Self::List(docs) => docs.contains(&doc),
            Self::Postings(docs) => docs.doc() <= doc && docs.seek(doc) == doc,
            Self::Phrase(docs) => docs.doc() <= doc && docs.seek(doc) == doc,
        }
    }
}

/// Makes wanted words ready, the rarest first.
pub(crate) fn prepare(snapshot: &Snapshot, wanted: &[Wanted]) -> Result<Vec<Search>, SearchError> {
    let mut stems = Stems::new();
    let single = wanted.len() == 1;
    let mut searches = Vec::with_capacity(wanted.len());
    for wanted in wanted {
        let word = wanted.words[0].as_str();
        let plain = !wanted.quoted;
        let phrasings = std::iter::once(&wanted.words).chain(&wanted.parted).map(|words| Phrasing {
            words: words.clone(),
            stems: words.iter().map(|word| stems.of(word).to_owned()).collect(),
        });
        let mut search = Search {
            phrasings: phrasings.collect(),
            close: if plain { close_automaton(&snapshot.fields, word)? } else { None },
            is_prefix: plain && word.chars().count() >= level::PREFIX_LETTERS && !level::has_digit(word),
            frequency: 0,
            rarity: 1,
            wanted: wanted.clone(),
        };
        if !single {
            search.frequency = frequency(snapshot, &search)?;
            search.rarity = rarity(snapshot.searcher.num_docs(), search.frequency);
        }
        searches.push(search);
    }
    searches.sort_by_key(|search| search.frequency);
    Ok(searches)
}

fn close_automaton(fields: &Fields, word: &str) -> Result<Option<DfaWrapper>, SearchError> {
    Ok(match level::typing_errors(word) {
        0 => None,
        errors => {
            let term = Term::from_field_text(fields.shelf(Level::Name), word);
            Some(FuzzyTermQuery::new(term, errors, true).automaton()?)
        }
    })
}

/// How frequent a word is. Replaced versions count until they are merged away.
fn frequency(snapshot: &Snapshot, search: &Search) -> Result<u64, SearchError> {
    let mut most = 0;
    for level in Level::SHELVES {
        let mut frequency = 0;
        for segment in &snapshot.segments {
            let dictionary = segment.shelves[shelf_number(level)].terms();
            for words in search.phrasings(level) {
                let mut least = u32::MAX;
                for word in words {
                    least = least.min(dictionary.get(word)?.map_or(0, |info| info.doc_freq));
                }
                frequency += u64::from(least);
            }
        }
        most = most.max(frequency);
    }
    Ok(most)
}

/// How rare a word is that so many documents have.
fn rarity(documents: u64, frequency: u64) -> u16 {
    match ((documents + 1) / (frequency + 1)).max(1).ilog2() {
        0..3 => 1,
        3..6 => 2,
        6..9 => 3,
        _ => 4,
    }
}

impl Search {
    /// As explanations show it.
    pub(crate) fn shown(&self) -> String {
        self.wanted.shown()
    }

    /// What to look for on a shelf, each way that it may stand there.
    pub(crate) fn phrasings(&self, level: Level) -> impl Iterator<Item = &[String]> {
        self.phrasings.iter().map(move |one| if level.is_stemmed() { &*one.stems } else { &*one.words })
    }

    /// Whether it may be a typing error away, or a beginning.
    pub(crate) fn is_plain(&self) -> bool {
        !self.wanted.quoted
    }

    /// The documents that have the word or phrase itself on a shelf.
    pub(crate) fn on_shelf(
        &self,
        fields: &Fields,
        segment: &Segment,
        level: Level,
    ) -> Result<Option<Docs>, SearchError> {
        let shelf = &segment.shelves[shelf_number(level)];
        let mut phrasings = self.phrasings(level);
        if let (Some([word]), None) = (phrasings.next(), phrasings.next()) {
            return Ok(postings(shelf, word)?.map(|docs| Docs::Postings(Box::new(docs))));
        }
        let field = fields.shelf(level);
        let phrasings = self.phrasings(level).map(|words| phrase(field, words)).collect();
        let schema = segment.reader.schema();
        let weight = BooleanQuery::union(phrasings).weight(EnableScoring::disabled_from_schema(schema))?;
        Ok(Some(Docs::Phrase(weight.scorer(&segment.reader, 1.0)?)))
    }

    /// All lists of a segment for this word, best level first.
    pub(crate) fn sources(
        &self,
        word: u8,
        fields: &Fields,
        segment: &Segment,
        into: &mut Vec<Source>,
    ) -> Result<(), SearchError> {
        let names = &segment.shelves[shelf_number(Level::Name)];
        let mut add = |level: Level, docs: Docs| {
            into.push(Source { word, level, points: level.points() * self.rarity, docs });
        };
        let shelf = |level: Level, add: &mut dyn FnMut(Level, Docs)| -> Result<(), SearchError> {
            if let Some(docs) = self.on_shelf(fields, segment, level)? {
                add(level, docs);
            }
            Ok(())
        };
        shelf(Level::Name, &mut add)?;
        if let Some(automaton) = &self.close {
            for docs in close(names, automaton, &self.wanted.words[0])? {
                add(Level::Close, Docs::Postings(Box::new(docs)));
            }
        }
        shelf(Level::Label, &mut add)?;
        shelf(Level::Structure, &mut add)?;
        if self.is_prefix {
            for docs in beginning_with(names, &self.wanted.words[0])? {
                add(Level::Prefix, Docs::Postings(Box::new(docs)));
            }
        }
        shelf(Level::Prose, &mut add)
    }
}

/// The documents that have the words one after the other.
fn phrase(field: Field, words: &[String]) -> Box<dyn Query> {
    let term = |word: &String| Term::from_field_text(field, word);
    match words {
        [word] => Box::new(TermQuery::new(term(word), IndexRecordOption::Basic)),
        words => Box::new(PhraseQuery::new(words.iter().map(term).collect())),
    }
}

/// The documents of a term; no frequencies or positions.
pub(crate) fn postings(index: &InvertedIndexReader, word: &str) -> Result<Option<SegmentPostings>, SearchError> {
    Ok(match index.terms().get(word)? {
        Some(info) => Some(index.read_postings_from_terminfo(&info, IndexRecordOption::Basic)?),
        None => None,
    })
}

fn close(names: &InvertedIndexReader, automaton: &DfaWrapper, word: &str) -> Result<Vec<SegmentPostings>, SearchError> {
    let mut found = Vec::new();
    let mut terms = names.terms().search(automaton).into_stream()?;
    while found.len() < EXAMINED && terms.advance() {
        // What has digits, or is the word itself, is not close.
        if terms.key() != word.as_bytes() && !terms.key().iter().any(u8::is_ascii_digit) {
            found.push(terms.value().clone());
        }
    }
    most_frequent(names, found)
}

fn beginning_with(names: &InvertedIndexReader, word: &str) -> Result<Vec<SegmentPostings>, SearchError> {
    let dictionary: &TermDictionary = names.terms();
    let mut found = Vec::new();
    let mut terms = dictionary.range().gt(word).into_stream()?;
    while found.len() < EXAMINED && terms.advance() && terms.key().starts_with(word.as_bytes()) {
        found.push(terms.value().clone());
    }
    most_frequent(names, found)
}

fn most_frequent(
    names: &InvertedIndexReader,
    mut found: Vec<tantivy::postings::TermInfo>,
) -> Result<Vec<SegmentPostings>, SearchError> {
    found.sort_by_key(|info| std::cmp::Reverse(info.doc_freq)); // stable: alike ones stay in the words' order
    found.truncate(EXPANSIONS);
    let open = |info| names.read_postings_from_terminfo(info, IndexRecordOption::Basic).map_err(Into::into);
    found.iter().map(open).collect()
}
