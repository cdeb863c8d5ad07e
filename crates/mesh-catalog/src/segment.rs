//! A segment of the index, opened for searching.

use std::sync::Arc;

use tantivy::columnar::StrColumn;
use tantivy::fieldnorm::FieldNormReader;
use tantivy::{DocId, InvertedIndexReader, SegmentReader};

use crate::facets::{AllValues, Counts, Facet, FacetColumn};
use crate::level::Level;
use crate::schema::{Fields, ID_FIELD};
use crate::{Lifecycle, SearchError};

/// A segment, with everything that a search reads at hand.
pub(crate) struct Segment {
    pub(crate) reader: SegmentReader,
    /// One per [`Level::SHELVES`].
    pub(crate) shelves: [Arc<InvertedIndexReader>; 4],
    pub(crate) ids: Arc<InvertedIndexReader>,
    pub(crate) exact: Arc<InvertedIndexReader>,
    pub(crate) facets: [FacetColumn; 4],
    /// Ids by number; the numbers order as the ids do.
    pub(crate) id_column: Option<StrColumn>,
    /// How many words a name has.
    pub(crate) name_lengths: FieldNormReader,
    /// The documents that are there and not retired: what is listed when nothing is asked.
    pub(crate) open: Arc<OpenCounts>,
}

/// Counts over a segment's documents that are not retired.
#[derive(Debug, Clone)]
pub(crate) struct OpenCounts {
    pub(crate) total: usize,
    pub(crate) counts: Counts,
}

impl Segment {
    /// Opens a segment; `before` is the same segment as it was at the last commit, with no more deletions than now.
    pub(crate) fn open(
        reader: &SegmentReader,
        fields: &Fields,
        before: Option<&Self>,
        values: &mut AllValues,
    ) -> Result<Self, SearchError> {
        let mut facets = Vec::with_capacity(4);
        for facet in Facet::ALL {
            let known = before.map(|before| &before.facets[facet as usize]);
            facets.push(FacetColumn::open(reader, facet, known, values)?);
        }
        let facets: [FacetColumn; 4] = facets.try_into().ok().expect("four were pushed");
        let mut shelves = Vec::with_capacity(4);
        for field in fields.shelves {
            shelves.push(reader.inverted_index(field)?);
        }
        let open = match before {
            Some(before) if before.reader.num_deleted_docs() == reader.num_deleted_docs() => Arc::clone(&before.open),
            _ => Arc::new(open_counts(reader, &facets, before, values)?),
        };
        Ok(Self {
            reader: reader.clone(),
            shelves: shelves.try_into().ok().expect("four were pushed"),
            ids: reader.inverted_index(fields.id)?,
            exact: reader.inverted_index(fields.exact)?,
            facets,
            id_column: reader.fast_fields().str(ID_FIELD)?,
            name_lengths: reader.get_fieldnorms_reader(fields.shelf(Level::Name))?,
            open,
        })
    }

    /// The number of a document's id.
    pub(crate) fn id_ord(&self, doc: DocId) -> u64 {
        self.id_column.as_ref().and_then(|ids| ids.ords().first(doc)).unwrap_or(u64::MAX)
    }

    /// The id of a number.
    pub(crate) fn id(&self, ord: u64) -> Result<String, SearchError> {
        let mut id = String::new();
        if let Some(ids) = &self.id_column {
            ids.ord_to_str(ord, &mut id)?;
        }
        Ok(id)
    }

    /// The segment's own number of the status retired; `None` when nothing in it is.
    pub(crate) fn retired(&self) -> Result<Option<u64>, SearchError> {
        self.facets[Facet::Status as usize].ord(Lifecycle::Retired.as_str())
    }
}

/// Counts a segment; where it was counted before, only what was deleted since is looked at.
fn open_counts(
    reader: &SegmentReader,
    facets: &[FacetColumn; 4],
    before: Option<&Segment>,
    values: &AllValues,
) -> Result<OpenCounts, SearchError> {
    let status = &facets[Facet::Status as usize];
    let retired = status.ord(Lifecycle::Retired.as_str())?;
    let is_open = |doc: &DocId| retired.is_none_or(|retired| !status.has(*doc, &[retired]));
    if let Some(before) = before {
        let alive = before.reader.doc_ids_alive();
        let gone: Vec<DocId> = alive.filter(|doc| reader.is_deleted(*doc)).filter(is_open).collect();
        let mut open = OpenCounts::clone(&before.open);
        open.counts.grow(values);
        open.counts.subtract(facets, &gone);
        open.total -= gone.len();
        return Ok(open);
    }
    let docs: Vec<DocId> = reader.doc_ids_alive().filter(is_open).collect();
    let mut counts = Counts::zero(values);
    counts.add(facets, &docs);
    Ok(OpenCounts { total: docs.len(), counts })
}
