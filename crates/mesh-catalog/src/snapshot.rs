//! What one search sees: the products of one commit.

use std::sync::{Arc, PoisonError, RwLock};

use mesh_model::LedgerIndex;
use tantivy::Searcher;

use crate::SearchError;
use crate::facets::{AllValues, Counts, first_values};
use crate::schema::Fields;
use crate::segment::Segment;

/// The products of one commit.
pub(crate) struct Snapshot {
    pub(crate) searcher: Searcher,
    pub(crate) fields: Fields,
    pub(crate) segments: Vec<Segment>,
    /// The ledger position of that commit.
    pub(crate) position: Option<LedgerIndex>,
    /// How many products are not retired.
    pub(crate) open_total: usize,
    /// How those are spread.
    pub(crate) open_counts: Counts,
    /// Facet values; later snapshots may add some, none ever changes.
    pub(crate) values: Arc<RwLock<AllValues>>,
}

impl Snapshot {
    /// Opens what a searcher sees. What `before` knows of the same segments is kept.
    pub(crate) fn open(
        searcher: Searcher,
        fields: Fields,
        position: Option<LedgerIndex>,
        before: Option<&Self>,
    ) -> Result<Self, SearchError> {
        let values = match before {
            Some(before) => Arc::clone(&before.values),
            None => Arc::new(RwLock::new(first_values())),
        };
        let mut segments = Vec::new();
        let (mut open_total, mut open_counts);
        {
            let mut values = values.write().unwrap_or_else(PoisonError::into_inner);
            for reader in searcher.segment_readers() {
                let known = before.and_then(|before| {
                    before.segments.iter().find(|segment| segment.reader.segment_id() == reader.segment_id())
                });
                segments.push(Segment::open(reader, &fields, known, &mut values)?);
            }
            open_total = 0;
            open_counts = Counts::zero(&values);
            for segment in &segments {
                open_total += segment.open.total;
                open_counts.merge(&segment.open.counts);
            }
        }
        Ok(Self { searcher, fields, segments, position, open_total, open_counts, values })
    }

    /// Reads the facet values.
    pub(crate) fn with_values<T>(&self, read: impl FnOnce(&AllValues) -> T) -> T {
        read(&self.values.read().unwrap_or_else(PoisonError::into_inner))
    }
}
