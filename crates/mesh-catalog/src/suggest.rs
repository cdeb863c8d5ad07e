//! Completion of ids and names, and "did you mean".

use std::collections::BTreeSet;

use mesh_model::ProductId;
use tantivy::schema::IndexRecordOption;
use tantivy::{DocSet as _, InvertedIndexReader, TERMINATED};

use crate::page;
use crate::schema::NAME_SEPARATOR;
use crate::search::search;
use crate::segment::Segment;
use crate::snapshot::Snapshot;
use crate::{Lifecycle, Query, SearchError, words};

/// Products whose id begins so, then those whose name does, each by id; where there are none, what a search finds.
pub(crate) fn suggest(snapshot: &Snapshot, prefix: &str, limit: usize) -> Result<Vec<ProductId>, SearchError> {
    let limit = limit.min(Query::LIMIT);
    let prefix = prefix[..prefix.floor_char_boundary(Query::TEXT_BYTES)].trim().to_lowercase();
    let mut suggested: Vec<ProductId> = Vec::new();
    let add = |ids: &mut dyn Iterator<Item = ProductId>, suggested: &mut Vec<ProductId>| {
        for id in ids {
            if suggested.len() < limit && !suggested.contains(&id) {
                suggested.push(id);
            }
        }
    };
    let squashed = words::squash(&prefix);
    for by_name in [false, true] {
        if by_name && squashed.is_empty() {
            break;
        }
        let mut found = BTreeSet::new();
        for segment in &snapshot.segments {
            let (index, prefix) = if by_name { (&segment.names, &squashed) } else { (&segment.ids, &prefix) };
            complete(segment, index, prefix, limit, &mut found)?;
        }
        add(&mut found.into_iter(), &mut suggested);
    }
    if !suggested.is_empty() {
        return Ok(suggested);
    }
    let query = Query {
        statuses: vec![Lifecycle::Draft, Lifecycle::Active, Lifecycle::Deprecated],
        ..Query { limit, ..Query::text(prefix) }
    };
    let hits = search(snapshot, &query)?.hits;
    add(&mut hits.into_iter().map(|hit| hit.id), &mut suggested);
    Ok(suggested)
}

/// The first ids of a segment whose term begins so; deleted ones left out.
fn complete(
    segment: &Segment,
    index: &InvertedIndexReader,
    prefix: &str,
    limit: usize,
    found: &mut BTreeSet<ProductId>,
) -> Result<(), SearchError> {
    let mut terms = index.terms().range().ge(prefix).into_stream()?;
    let mut taken = 0;
    while taken < limit && terms.advance() && terms.key().starts_with(prefix.as_bytes()) {
        let mut docs = index.read_postings_from_terminfo(terms.value(), IndexRecordOption::Basic)?;
        while docs.doc() != TERMINATED && segment.reader.is_deleted(docs.doc()) {
            docs.advance();
        }
        if docs.doc() != TERMINATED {
            let term = String::from_utf8_lossy(terms.key());
            let id = term.split_once(NAME_SEPARATOR).map_or(&*term, |(_, id)| id);
            found.insert(page::product_id(id)?);
            taken += 1;
        }
    }
    Ok(())
}
