//! Which products count at all: domains, tags, states, owners.

use tantivy::DocId;

use crate::facets::{Facet, RETIRED};
use crate::segment::Segment;
use crate::snapshot::Snapshot;
use crate::{Lifecycle, Query};

/// A condition: one of these values of a facet.
pub(crate) struct Condition {
    pub(crate) facet: Facet,
    pub(crate) numbers: Vec<u32>,
}

/// The conditions of a query; all must hold.
pub(crate) struct Filter {
    pub(crate) conditions: Vec<Condition>,
    /// Whether retired products are left out for want of a word on states.
    hides_retired: bool,
}

impl Filter {
    /// The conditions of a query.
    pub(crate) fn new(snapshot: &Snapshot, query: &Query) -> Self {
        let mut conditions = Vec::new();
        let mut one_of = |facet: Facet, texts: &[&str]| {
            let numbers = snapshot.with_values(|values| {
                let values = &values[facet as usize];
                texts.iter().flat_map(|text| values.alike(text)).copied().collect()
            });
            conditions.push(Condition { facet, numbers });
        };
        if !query.domains.is_empty() {
            let domains: Vec<_> = query.domains.iter().map(mesh_model::DomainName::as_str).collect();
            one_of(Facet::Domain, &domains);
        }
        for tag in &query.tags {
            one_of(Facet::Tag, &[tag]);
        }
        if !query.statuses.is_empty() {
            let states: Vec<_> = query.statuses.iter().map(|state| Lifecycle::as_str(*state)).collect();
            one_of(Facet::Status, &states);
        }
        if !query.owners.is_empty() {
            let owners: Vec<_> = query.owners.iter().map(String::as_str).collect();
            one_of(Facet::Owner, &owners);
        }
        Self { conditions, hides_retired: query.statuses.is_empty() }
    }

    /// Whether nothing can meet the conditions.
    pub(crate) fn is_void(&self) -> bool {
        self.conditions.iter().any(|condition| condition.numbers.is_empty())
    }

    /// Whether a segment's document is there and meets all conditions.
    #[inline]
    pub(crate) fn takes(&self, segment: &Segment, doc: DocId) -> bool {
        let facets = &segment.columns.facets;
        let is_hidden = self.hides_retired && facets[Facet::Status as usize].has(doc, &[RETIRED]);
        let meets = |condition: &Condition| facets[condition.facet as usize].has(doc, &condition.numbers);
        !is_hidden && !segment.reader.is_deleted(doc) && self.conditions.iter().all(meets)
    }
}
