//! Counting products by domain, tag, status and owner.
//!
//! Each segment numbers its own values. [`Values`] gives them numbers that hold for all segments while the index is
//! open, so that a search adds up plain arrays and looks up only the few texts that it shows.

use std::collections::BTreeMap;
use std::sync::Arc;

use tantivy::DocId;
use tantivy::SegmentReader;
use tantivy::columnar::StrColumn;

use crate::Facets;
use crate::SearchError;
use crate::schema::FACET_FIELDS;

/// By what products are counted and filtered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Facet {
    Domain,
    Tag,
    Status,
    Owner,
}

impl Facet {
    pub(crate) const ALL: [Self; 4] = [Self::Domain, Self::Tag, Self::Status, Self::Owner];
}

/// How many values of each facet an answer shows.
const SHOWN: usize = 20;
/// Documents that are looked at together.
const BLOCK: usize = 256;

/// The values of one facet, numbered as they were first seen. Only grows: a value that no product has any more costs
/// its text until the index is opened again.
#[derive(Debug, Default)]
pub(crate) struct Values {
    texts: Vec<Arc<str>>,
    numbers: BTreeMap<Arc<str>, u32>,
    /// Numbers by the text in lower case.
    alike: BTreeMap<String, Vec<u32>>,
}

impl Values {
    fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = u32::try_from(self.texts.len()).expect("fewer values than documents, which u32 counts");
        let text: Arc<str> = text.into();
        self.texts.push(Arc::clone(&text));
        self.alike.entry(text.to_lowercase()).or_default().push(number);
        self.numbers.insert(text, number);
        number
    }

    /// The values that differ from the text in upper and lower case at most.
    pub(crate) fn alike(&self, text: &str) -> Vec<Arc<str>> {
        let numbers = self.alike.get(&text.to_lowercase()).map(Vec::as_slice).unwrap_or_default();
        numbers.iter().map(|number| Arc::clone(&self.texts[*number as usize])).collect()
    }

    fn top(&self, counts: &[u32]) -> Vec<(String, u64)> {
        let mut top: Vec<(u32, &str)> = Vec::new();
        for (number, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            top.push((*count, &self.texts[number]));
        }
        let order = |a: &(u32, &str), b: &(u32, &str)| b.0.cmp(&a.0).then(a.1.cmp(b.1));
        if top.len() > SHOWN {
            top.select_nth_unstable_by(SHOWN, order);
            top.truncate(SHOWN);
        }
        top.sort_unstable_by(order);
        top.into_iter().map(|(count, text)| (text.to_owned(), u64::from(count))).collect()
    }
}

/// The values of all facets.
pub(crate) type AllValues = [Values; 4];

/// A segment's column of one facet.
#[derive(Clone)]
pub(crate) struct FacetColumn {
    /// Absent when no document of the segment has a value.
    column: Option<StrColumn>,
    /// From the segment's numbers to those of [`Values`].
    numbers: Arc<[u32]>,
}

impl FacetColumn {
    /// Opens a segment's column; `known` are its numbers if the segment was seen before.
    pub(crate) fn open(
        reader: &SegmentReader,
        facet: Facet,
        known: Option<&Self>,
        values: &mut AllValues,
    ) -> Result<Self, SearchError> {
        let column = reader.fast_fields().str(FACET_FIELDS[facet as usize])?;
        let numbers = match (known, &column) {
            (Some(known), _) => Arc::clone(&known.numbers),
            (None, None) => Arc::from([]),
            (None, Some(column)) => {
                let mut numbers = Vec::with_capacity(column.num_terms());
                let mut terms = column.dictionary().stream()?;
                while terms.advance() {
                    numbers.push(values[facet as usize].number(&String::from_utf8_lossy(terms.key())));
                }
                numbers.into()
            }
        };
        Ok(Self { column, numbers })
    }

    /// The segment's own number of a value.
    pub(crate) fn ord(&self, value: &str) -> Result<Option<u64>, SearchError> {
        Ok(match &self.column {
            Some(column) => column.dictionary().term_ord(value)?,
            None => None,
        })
    }

    /// Whether the document has one of these of the segment's own numbers.
    pub(crate) fn has(&self, doc: DocId, ords: &[u64]) -> bool {
        self.column.as_ref().is_some_and(|column| column.ords().values_for_doc(doc).any(|ord| ords.contains(&ord)))
    }

    fn count(&self, docs: &[DocId], by: u32, counts: &mut [u32]) {
        let Some(column) = &self.column else { return };
        let ords = column.ords();
        let mut count = |ord: u64| {
            let number = usize::try_from(ord).ok().and_then(|ord| self.numbers.get(ord));
            if let Some(number) = number {
                let count = &mut counts[*number as usize];
                *count = count.wrapping_add(by);
            }
        };
        if ords.get_cardinality().is_full() {
            let mut block = [0; BLOCK];
            for docs in docs.chunks(BLOCK) {
                let block = &mut block[..docs.len()];
                ords.values.get_vals(docs, block);
                for ord in block {
                    count(*ord);
                }
            }
        } else {
            for doc in docs {
                ords.values_for_doc(*doc).for_each(&mut count);
            }
        }
    }
}

/// How many products have each value.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts([Vec<u32>; 4]);

impl Counts {
    /// Zero for all values there are.
    pub(crate) fn zero(values: &AllValues) -> Self {
        Self(std::array::from_fn(|facet| vec![0; values[facet].texts.len()]))
    }

    /// Adds the documents of a segment.
    pub(crate) fn add(&mut self, columns: &[FacetColumn; 4], docs: &[DocId]) {
        for (column, counts) in columns.iter().zip(&mut self.0) {
            column.count(docs, 1, counts);
        }
    }

    /// Takes away documents that were added before.
    pub(crate) fn subtract(&mut self, columns: &[FacetColumn; 4], docs: &[DocId]) {
        for (column, counts) in columns.iter().zip(&mut self.0) {
            column.count(docs, u32::MAX, counts); // adds -1
        }
    }

    /// Makes room for values that came later.
    pub(crate) fn grow(&mut self, values: &AllValues) {
        for (counts, values) in self.0.iter_mut().zip(values) {
            counts.resize(values.texts.len(), 0);
        }
    }

    /// Adds other counts, which have room for no more values than these.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (counts, others) in self.0.iter_mut().zip(&other.0) {
            for (count, other) in counts.iter_mut().zip(others) {
                *count += other;
            }
        }
    }

    /// The most frequent values.
    pub(crate) fn top(&self, values: &AllValues) -> Facets {
        let top = |facet: Facet| values[facet as usize].top(&self.0[facet as usize]);
        Facets {
            domains: top(Facet::Domain),
            tags: top(Facet::Tag),
            statuses: top(Facet::Status),
            owners: top(Facet::Owner),
        }
    }
}
