//! Which products count at all: domains, tags, states, owners.

use std::sync::Arc;

use tantivy::DocId;

use crate::facets::Facet;
use crate::segment::Segment;
use crate::snapshot::Snapshot;
use crate::{Lifecycle, Query, SearchError};

/// A condition: one of these values of a facet.
pub(crate) struct Condition {
    pub(crate) facet: Facet,
    pub(crate) values: Vec<Arc<str>>,
}

/// The conditions of a query; all must hold.
pub(crate) struct Filter {
    pub(crate) conditions: Vec<Condition>,
    /// Whether retired products are left out for want of a word on states.
    pub(crate) hides_retired: bool,
}

/// The conditions in a segment's own numbers.
pub(crate) struct SegmentFilter<'a> {
    segment: &'a Segment,
    conditions: Vec<(Facet, Vec<u64>)>,
    retired: Option<u64>,
}

impl Filter {
    /// The conditions of a query.
    pub(crate) fn new(snapshot: &Snapshot, query: &Query) -> Self {
        let mut conditions = Vec::new();
        let mut one_of = |facet: Facet, texts: &mut dyn Iterator<Item = &str>| {
            let values =
                snapshot.with_values(|values| texts.flat_map(|text| values[facet as usize].alike(text)).collect());
            conditions.push(Condition { facet, values });
        };
        if !query.domains.is_empty() {
            one_of(Facet::Domain, &mut query.domains.iter().map(mesh_model::DomainName::as_str));
        }
        for tag in &query.tags {
            one_of(Facet::Tag, &mut std::iter::once(tag.as_str()));
        }
        if !query.statuses.is_empty() {
            one_of(Facet::Status, &mut query.statuses.iter().map(|status| Lifecycle::as_str(*status)));
        }
        if !query.owners.is_empty() {
            one_of(Facet::Owner, &mut query.owners.iter().map(String::as_str));
        }
        Self { conditions, hides_retired: query.statuses.is_empty() }
    }

    /// The conditions in a segment's own numbers; `None` when nothing in it can meet them.
    pub(crate) fn on<'a>(&self, segment: &'a Segment) -> Result<Option<SegmentFilter<'a>>, SearchError> {
        let mut conditions = Vec::with_capacity(self.conditions.len());
        for condition in &self.conditions {
            let mut ords = Vec::new();
            for value in &condition.values {
                ords.extend(segment.facets[condition.facet as usize].ord(value)?);
            }
            if ords.is_empty() {
                return Ok(None);
            }
            conditions.push((condition.facet, ords));
        }
        let retired = if self.hides_retired { segment.retired()? } else { None };
        Ok(Some(SegmentFilter { segment, conditions, retired }))
    }
}

impl SegmentFilter<'_> {
    /// Whether the document is there and meets all conditions.
    #[inline]
    pub(crate) fn takes(&self, doc: DocId) -> bool {
        let facets = &self.segment.facets;
        !self.segment.reader.is_deleted(doc)
            && self.retired.is_none_or(|retired| !facets[Facet::Status as usize].has(doc, &[retired]))
            && self.conditions.iter().all(|(facet, ords)| facets[*facet as usize].has(doc, ords))
    }
}
