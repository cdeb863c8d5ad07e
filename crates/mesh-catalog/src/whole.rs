//! Products whose id or name is the whole query.

use mesh_model::ProductId;
use tantivy::postings::SegmentPostings;
use tantivy::schema::IndexRecordOption;
use tantivy::{DocId, DocSet as _, TERMINATED};

use crate::SearchError;
use crate::level::Level;
use crate::query::Ask;
use crate::schema::NAME_SEPARATOR;
use crate::segment::Segment;
use crate::sources::{self, Docs, Source};

/// What [`crate::tally::Mark::exact`] is where the query is the id or name as it stands.
pub(crate) const LITERAL: u16 = 2;
/// What it is where the query is the name but for case, accents and what joins its words.
pub(crate) const SQUASHED: u16 = 1;

/// The id in a query that is one, with a version or without.
pub(crate) fn id(ask: &Ask) -> Option<ProductId> {
    let literal = ask.literal.as_str();
    ProductId::parse(literal.split_once('@').map_or(literal, |(id, _)| id)).ok()
}

/// Adds a segment's lists for the whole query.
pub(crate) fn lists(segment: &Segment, ask: &Ask, into: &mut Vec<Source>) -> Result<(), SearchError> {
    let (mut literal, mut squashed) = (Vec::new(), Vec::new());
    if let Some(id) = id(ask)
        && let Some(docs) = sources::postings(&segment.ids, &id.to_string())?
    {
        drain(docs, &mut literal);
    }
    if !ask.squashed.is_empty() {
        let beginning = format!("{}{NAME_SEPARATOR}", ask.squashed);
        let mut terms = segment.names.terms().range().ge(&beginning).into_stream()?;
        while terms.advance() && terms.key().starts_with(beginning.as_bytes()) {
            let is_literal = terms.key().rsplit(|byte| *byte == b'/').next() == Some(ask.literal.as_bytes());
            let docs = segment.names.read_postings_from_terminfo(terms.value(), IndexRecordOption::Basic)?;
            drain(docs, if is_literal { &mut literal } else { &mut squashed });
        }
    }
    for (points, mut docs) in [(LITERAL, literal), (SQUASHED, squashed)] {
        if !docs.is_empty() {
            docs.sort_unstable_by(|a, b| b.cmp(a));
            docs.dedup();
            into.push(Source { word: 0, level: Level::Name, points, docs: Docs::List(docs) });
        }
    }
    Ok(())
}

fn drain(mut docs: SegmentPostings, into: &mut Vec<DocId>) {
    while docs.doc() != TERMINATED {
        into.push(docs.doc());
        docs.advance();
    }
}
