//! Adding up, for each document of a segment, which words were found at which level.
//!
//! Documents are taken in windows: a window's marks fit a processor's cache, each list is read once from front to
//! back, and the cost is about a nanosecond or two per entry of a list, whatever their number.

use std::ops::Range;

use tantivy::{DocId, DocSet, TERMINATED};

use crate::level::Level;
use crate::sources::{Docs, Source};

/// Documents per window; with 8 bytes a mark, 256 KiB.
const WINDOW: DocId = 1 << 15;

/// So few documents of a window that looking each up is cheaper than reading a list: a list is read in blocks of 128.
const FEW: u32 = WINDOW / 256;

/// What is known of a document.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The word that was found last, from 1.
    word: u8,
    /// The level at which.
    level: u8,
    /// How many words were found.
    pub(crate) words: u8,
    /// The worst among the words' best levels.
    pub(crate) worst: u8,
    /// Whether the whole query is its id or name: 2 as it is, 1 squashed, 0 not.
    pub(crate) exact: u8,
    /// The sum over words and levels.
    pub(crate) points: u16,
}

impl Mark {
    #[inline]
    fn add(&mut self, word: u8, level: Level, points: u16) {
        let level = level as u8;
        if word == 0 {
            self.exact = self.exact.max(u8::try_from(points).unwrap_or(u8::MAX));
        } else if self.word != word {
            // The first list of a word that has the document is its best.
            self.word = word;
            self.level = level;
            self.words += 1;
            self.worst = self.worst.max(level);
            self.points = self.points.saturating_add(points);
        } else if self.level != level {
            self.level = level;
            self.points = self.points.saturating_add(points);
        }
    }
}

/// Which documents matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wants {
    /// Those with all words, or with the whole query: the first word leads, and the lists of the others are only
    /// looked up where it leads to few. Others may be handed out too, with marks that lack words.
    All,
    /// Those with any word.
    Any,
}

/// Hands documents of the lists to `take` with their marks, in order. The lists must come word by word, best level
/// first; put a rare word first.
pub(crate) fn tally(sources: &mut [Source], wants: Wants, mut take: impl FnMut(DocId, Mark)) {
    debug_assert!(sources.is_sorted_by_key(|source| (source.word, source.level)), "as the contract says");
    let mut marks = vec![Mark::default(); WINDOW as usize];
    let mut marked = [0_u64; WINDOW as usize / 64]; // a bit per mark, to find the few
    let leads = |word: u8| wants == Wants::Any || word <= 1;
    loop {
        let leading = sources.iter().filter(|source| leads(source.word));
        let first = leading.map(|source| source.docs.doc()).min().unwrap_or(TERMINATED);
        if first == TERMINATED {
            return;
        }
        let window = first..first.saturating_add(WINDOW).min(TERMINATED);
        let mut few: Option<Vec<DocId>> = None; // what the first word led to, once that is known and if it is little
        let mut is_led = false;
        for Source { word, level, points, docs } in sources.iter_mut() {
            if !leads(*word) && !is_led {
                is_led = true;
                few = documents(&marked, first);
            }
            let mut mark = |at: usize| {
                marks[at].add(*word, *level, *points);
                marked[at / 64] |= 1 << (at % 64);
            };
            match (&few, docs) {
                (_, Docs::List(docs)) => {
                    while let Some(doc) = docs.pop_if(|doc| *doc < window.end) {
                        mark((doc - first) as usize);
                    }
                }
                (Some(few), Docs::Postings(docs)) => look_up(docs.as_mut(), few, first, &mut mark),
                (Some(few), Docs::Phrase(docs)) => look_up(docs, few, first, &mut mark),
                (None, Docs::Postings(docs)) => drain(docs.as_mut(), &window, &mut mark),
                (None, Docs::Phrase(docs)) => drain(docs, &window, &mut mark),
            }
        }
        for (bits, block) in marked.iter_mut().zip((first..).step_by(64)) {
            while *bits != 0 {
                let doc = block + bits.trailing_zeros();
                *bits &= *bits - 1;
                take(doc, std::mem::take(&mut marks[(doc - first) as usize]));
            }
        }
    }
}

/// The marked documents, if they are few.
fn documents(marked: &[u64], first: DocId) -> Option<Vec<DocId>> {
    let count: u32 = marked.iter().map(|bits| bits.count_ones()).sum();
    if count > FEW {
        return None;
    }
    let mut documents = Vec::with_capacity(count as usize);
    for (bits, block) in marked.iter().zip((first..).step_by(64)) {
        documents.extend((0..64).filter(|bit| bits >> bit & 1 == 1).map(|bit| block + bit));
    }
    Some(documents)
}

/// Marks those of the documents that are in the list.
fn look_up(docs: &mut impl DocSet, few: &[DocId], first: DocId, mark: &mut impl FnMut(usize)) {
    for doc in few {
        let at = docs.doc();
        if at == *doc || at < *doc && docs.seek(*doc) == *doc {
            mark((doc - first) as usize);
        }
    }
}

/// Reads a list up to the window's end.
#[inline]
fn drain(docs: &mut impl DocSet, window: &Range<DocId>, mark: &mut impl FnMut(usize)) {
    let mut doc = docs.doc();
    if doc < window.start {
        doc = docs.seek(window.start);
    }
    while doc < window.end {
        mark((doc - window.start) as usize);
        doc = docs.advance();
    }
}
