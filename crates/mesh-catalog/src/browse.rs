//! Listing products by id, when no words are asked for.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use tantivy::postings::SegmentPostings;
use tantivy::schema::IndexRecordOption;
use tantivy::termdict::TermStreamer;
use tantivy::{DocId, DocSet as _, TERMINATED};

use crate::facets::Counts;
use crate::filter::Filter;
use crate::page::{self, ById, Chosen};
use crate::ranking::Best;
use crate::search::Gathered;
use crate::segment::Segment;
use crate::snapshot::Snapshot;
use crate::{SearchError, sources};

/// All products that meet a condition, gathered from its posting lists: the shortest ones lead.
pub(crate) fn filtered(snapshot: &Snapshot, filter: &Filter, keep: usize) -> Result<Gathered, SearchError> {
    let mut gathered = Gathered::new(snapshot);
    for segment in &snapshot.segments {
        let mut best = Best::new(keep);
        if !filter.is_void() {
            let mut docs = leading(snapshot, segment, filter)?;
            docs.retain(|doc| filter.takes(segment, *doc));
            for doc in &docs {
                best.offer(0, *doc, |doc| segment.id_number(doc));
            }
            gathered.total += docs.len();
            gathered.counts.add(&segment.columns.facets, &docs);
        }
        gathered.best.push(best.finish());
    }
    Ok(gathered)
}

/// The documents of the condition that fewest meet, each once, in order.
fn leading(snapshot: &Snapshot, segment: &Segment, filter: &Filter) -> Result<Vec<DocId>, SearchError> {
    let mut shortest: Option<(u64, Vec<SegmentPostings>)> = None;
    for condition in &filter.conditions {
        let index = segment.reader.inverted_index(snapshot.fields.facets[condition.facet as usize])?;
        let mut lists = Vec::new();
        for number in &condition.numbers {
            let value = snapshot.with_values(|values| values[condition.facet as usize].text(*number));
            lists.extend(sources::postings(&index, &value)?);
        }
        let length = lists.iter().map(|list| u64::from(list.doc_freq())).sum();
        if shortest.as_ref().is_none_or(|(least, _)| length < *least) {
            shortest = Some((length, lists));
        }
    }
    let mut docs = Vec::new();
    for mut list in shortest.map(|(_, lists)| lists).unwrap_or_default() {
        while list.doc() != TERMINATED {
            docs.push(list.doc());
            list.advance();
        }
    }
    docs.sort_unstable(); // near linear: the lists are sorted
    docs.dedup();
    Ok(docs)
}

/// The counts over all products that are not retired, which every commit leaves ready.
pub(crate) fn everything(snapshot: &Snapshot) -> (usize, Counts) {
    (snapshot.open_total, snapshot.open_counts.clone())
}

/// A page of all products that are not retired: the segments' ids are read in order, as far as the page reaches.
pub(crate) fn everything_page(
    snapshot: &Snapshot,
    filter: &Filter,
    offset: usize,
    limit: usize,
) -> Result<Vec<Chosen>, SearchError> {
    let mut walks = Vec::new();
    let mut heads: BinaryHeap<ById<(usize, DocId)>> = BinaryHeap::new();
    for (number, segment) in snapshot.segments.iter().enumerate() {
        let mut walk = Walk { segment, filter, terms: segment.ids.terms().stream()? };
        if let Some((id, doc)) = walk.next()? {
            heads.push(Reverse((id, (walks.len(), doc))));
        }
        walks.push((number, walk));
    }
    let mut chosen = Vec::new();
    let mut skip = offset;
    while chosen.len() < limit
        && let Some(Reverse((id, (at, doc)))) = heads.pop()
    {
        let (segment, walk) = &mut walks[at];
        if skip > 0 {
            skip -= 1;
        } else {
            chosen.push(Chosen { id: page::product_id(&id)?, address: page::address(*segment, doc), rank: 0 });
        }
        if let Some((id, doc)) = walk.next()? {
            heads.push(Reverse((id, (at, doc))));
        }
    }
    Ok(chosen)
}

struct Walk<'a> {
    segment: &'a Segment,
    filter: &'a Filter,
    terms: TermStreamer<'a>,
}

impl Walk<'_> {
    fn next(&mut self) -> Result<Option<(String, DocId)>, SearchError> {
        while self.terms.advance() {
            let info = self.terms.value();
            let mut docs = self.segment.ids.read_postings_from_terminfo(info, IndexRecordOption::Basic)?;
            while docs.doc() != TERMINATED {
                if self.filter.takes(self.segment, docs.doc()) {
                    let id = String::from_utf8_lossy(self.terms.key()).into_owned();
                    return Ok(Some((id, docs.doc())));
                }
                docs.advance();
            }
        }
        Ok(None)
    }
}
