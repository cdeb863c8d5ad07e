//! Counting products by domain, tag, status and owner.
//!
//! Each segment numbers its own values. [`Values`] gives them numbers that hold for all segments while the index is
//! open, and [`Column`] keeps a segment's documents by those numbers in plain arrays: a search that finds half of all
//! products still has to count each of them. That costs about 25 bytes of memory a product.

use std::collections::BTreeMap;
use std::sync::Arc;

use tantivy::{DocId, SegmentReader};

use crate::schema::FACET_FIELDS;
use crate::{Facets, Lifecycle, SearchError};

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
/// The number of [`Lifecycle::Retired`]: the states are numbered before anything else.
pub(crate) const RETIRED: u32 = Lifecycle::Retired as u32;
/// Stands where a document has no value.
const NONE: u32 = u32::MAX;

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

    /// The numbers of the values that differ from the text in upper and lower case at most.
    pub(crate) fn alike(&self, text: &str) -> &[u32] {
        self.alike.get(&text.to_lowercase()).map(Vec::as_slice).unwrap_or_default()
    }

    /// The text of a number.
    pub(crate) fn text(&self, number: u32) -> Arc<str> {
        Arc::clone(&self.texts[number as usize])
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

/// No values yet but the states.
pub(crate) fn first_values() -> AllValues {
    let mut values = AllValues::default();
    for state in Lifecycle::ALL {
        let number = values[Facet::Status as usize].number(state.as_str());
        debug_assert_eq!(number, state as u32, "the states come in their order");
    }
    values
}

/// One facet of a segment's documents.
pub(crate) enum Column {
    /// At most one value each.
    One(Vec<u32>),
    /// Any number of values: those of a document stand from its start to the next one's.
    Many { starts: Vec<u32>, numbers: Vec<u32> },
}

impl Column {
    /// Reads a facet of a segment.
    pub(crate) fn read(reader: &SegmentReader, facet: Facet, values: &mut Values) -> Result<Self, SearchError> {
        let documents = reader.max_doc();
        let Some(column) = reader.fast_fields().str(FACET_FIELDS[facet as usize])? else {
            return Ok(Self::One(vec![NONE; documents as usize]));
        };
        let mut known = Vec::with_capacity(column.num_terms());
        let mut terms = column.dictionary().stream()?;
        while terms.advance() {
            known.push(values.number(&String::from_utf8_lossy(terms.key())));
        }
        let number = |ord: u64| usize::try_from(ord).ok().and_then(|ord| known.get(ord)).copied().unwrap_or(NONE);
        let ords = column.ords();
        if !ords.get_cardinality().is_multivalue() {
            let one = |doc| ords.first(doc).map_or(NONE, number);
            return Ok(Self::One((0..documents).map(one).collect()));
        }
        let mut starts = Vec::with_capacity(documents as usize + 1);
        let mut numbers = Vec::new();
        for doc in 0..documents {
            starts.push(u32::try_from(numbers.len()).expect("tantivy counts values with u32"));
            numbers.extend(ords.values_for_doc(doc).map(number));
        }
        starts.push(u32::try_from(numbers.len()).expect("tantivy counts values with u32"));
        Ok(Self::Many { starts, numbers })
    }

    /// A document's values.
    #[inline]
    fn of(&self, doc: DocId) -> &[u32] {
        let at = doc as usize;
        match self {
            Self::One(numbers) => &numbers[at..=at],
            Self::Many { starts, numbers } => &numbers[starts[at] as usize..starts[at + 1] as usize],
        }
    }

    /// Whether the document has one of these values.
    #[inline]
    pub(crate) fn has(&self, doc: DocId, numbers: &[u32]) -> bool {
        self.of(doc).iter().any(|number| numbers.contains(number))
    }

    fn count(&self, docs: &[DocId], by: u32, counts: &mut [u32]) {
        for doc in docs {
            for number in self.of(*doc) {
                // What has no value has no count either.
                if let Some(count) = counts.get_mut(*number as usize) {
                    *count = count.wrapping_add(by);
                }
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
    pub(crate) fn add(&mut self, columns: &[Column; 4], docs: &[DocId]) {
        for (column, counts) in columns.iter().zip(&mut self.0) {
            column.count(docs, 1, counts);
        }
    }

    /// Takes away documents that were added before.
    pub(crate) fn subtract(&mut self, columns: &[Column; 4], docs: &[DocId]) {
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
