//! From the best of each segment to the page that is shown.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use mesh_model::ProductId;
use tantivy::{DocAddress, TantivyDocument};

use crate::SearchError;
use crate::document;
use crate::found::Hit;
use crate::ranking::{Candidate, Rank};
use crate::snapshot::Snapshot;

/// A document of the page.
pub(crate) struct Chosen {
    pub(crate) id: ProductId,
    pub(crate) address: DocAddress,
    pub(crate) rank: Rank,
}

#[derive(PartialEq, Eq)]
struct Head {
    candidate: Candidate,
    id: String,
    segment: usize,
    at: usize,
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> Ordering {
        self.candidate.rank.cmp(&other.candidate.rank).then_with(|| other.id.cmp(&self.id))
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Merges the segments' best, each in order; ids are looked up only as far as the page reaches.
pub(crate) fn choose(
    snapshot: &Snapshot,
    best: &[Vec<Candidate>],
    offset: usize,
    limit: usize,
) -> Result<Vec<Chosen>, SearchError> {
    let head = |segment: usize, at: usize| -> Result<Option<Head>, SearchError> {
        let Some(candidate) = best[segment].get(at) else {
            return Ok(None);
        };
        let id = snapshot.segments[segment].id(candidate.id)?;
        Ok(Some(Head { candidate: *candidate, id, segment, at }))
    };
    let mut heads = BinaryHeap::new();
    for segment in 0..best.len() {
        heads.extend(head(segment, 0)?);
    }
    let mut chosen = Vec::new();
    let mut skip = offset;
    while chosen.len() < limit
        && let Some(Head { candidate, id, segment, at }) = heads.pop()
    {
        heads.extend(head(segment, at + 1)?);
        if skip > 0 {
            skip -= 1;
            continue;
        }
        chosen.push(Chosen { id: product_id(&id)?, address: address(segment, candidate.doc), rank: candidate.rank });
    }
    Ok(chosen)
}

/// Parses an id that the index holds.
pub(crate) fn product_id(id: &str) -> Result<ProductId, SearchError> {
    ProductId::parse(id).map_err(|error| SearchError::Damaged(error.to_string()))
}

/// A document's address.
pub(crate) fn address(segment: usize, doc: tantivy::DocId) -> DocAddress {
    DocAddress::new(u32::try_from(segment).expect("far fewer segments than that"), doc)
}

/// Loads what a hit shows.
pub(crate) fn hit(snapshot: &Snapshot, chosen: Chosen, score: f32) -> Result<(Hit, TantivyDocument), SearchError> {
    let stored: TantivyDocument = snapshot.searcher.doc(chosen.address)?;
    let shown = document::shown(&snapshot.fields, &stored)?;
    let hit = Hit {
        id: chosen.id,
        version: shown.version,
        title: shown.title,
        description: shown.description,
        status: shown.status,
        owner: shown.owner,
        tags: shown.tags,
        ledger_index: shown.ledger_index,
        score,
        why: Vec::new(),
    };
    Ok((hit, stored))
}

/// Orders by id: the smallest first out of a [`BinaryHeap`].
pub(crate) type ById<T> = Reverse<(String, T)>;
