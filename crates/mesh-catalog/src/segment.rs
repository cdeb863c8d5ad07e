//! A segment of the index, opened for searching.

use std::sync::Arc;

use tantivy::columnar::StrColumn;
use tantivy::fieldnorm::FieldNormReader;
use tantivy::{DocId, InvertedIndexReader, SegmentReader};

use crate::SearchError;
use crate::facets::{AllValues, Column, Counts, Facet, RETIRED};
use crate::level::Level;
use crate::schema::{Fields, ID_FIELD};

/// A segment, with everything that a search reads at hand.
pub(crate) struct Segment {
    pub(crate) reader: SegmentReader,
    /// One per [`Level::SHELVES`].
    pub(crate) shelves: [Arc<InvertedIndexReader>; 4],
    pub(crate) ids: Arc<InvertedIndexReader>,
    pub(crate) names: Arc<InvertedIndexReader>,
    pub(crate) columns: Arc<Columns>,
    /// Ids by number.
    id_texts: Option<StrColumn>,
    /// How many words a name has.
    pub(crate) name_lengths: FieldNormReader,
    /// The documents that are there and not retired: what is listed when nothing is asked.
    pub(crate) open: Arc<OpenCounts>,
}

/// What a segment says of each document; never changes.
pub(crate) struct Columns {
    /// One per [`Facet`].
    pub(crate) facets: [Column; 4],
    /// The number of its id; the numbers order as the ids do.
    ids: Vec<u32>,
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
        let columns = match before {
            Some(before) => Arc::clone(&before.columns),
            None => Arc::new(Columns::read(reader, values)?),
        };
        let mut shelves = Vec::with_capacity(4);
        for field in fields.shelves {
            shelves.push(reader.inverted_index(field)?);
        }
        let open = match before {
            Some(before) if before.reader.num_deleted_docs() == reader.num_deleted_docs() => Arc::clone(&before.open),
            _ => Arc::new(open_counts(reader, &columns.facets, before, values)),
        };
        Ok(Self {
            reader: reader.clone(),
            shelves: shelves.try_into().ok().expect("four were pushed"),
            ids: reader.inverted_index(fields.id)?,
            names: reader.inverted_index(fields.by_name)?,
            columns,
            id_texts: reader.fast_fields().str(ID_FIELD)?,
            name_lengths: reader.get_fieldnorms_reader(fields.shelf(Level::Name))?,
            open,
        })
    }

    /// The number of a document's id; numbers order as ids do.
    #[inline]
    pub(crate) fn id_number(&self, doc: DocId) -> u32 {
        self.columns.ids[doc as usize]
    }

    /// The id of a number.
    pub(crate) fn id(&self, number: u32) -> Result<String, SearchError> {
        let mut id = String::new();
        if let Some(ids) = &self.id_texts {
            ids.ord_to_str(number.into(), &mut id)?;
        }
        Ok(id)
    }
}

impl Columns {
    fn read(reader: &SegmentReader, values: &mut AllValues) -> Result<Self, SearchError> {
        let mut facets = Vec::with_capacity(4);
        for facet in Facet::ALL {
            facets.push(Column::read(reader, facet, &mut values[facet as usize])?);
        }
        let ids = reader.fast_fields().str(ID_FIELD)?;
        let number = |doc| ids.as_ref().and_then(|ids| ids.ords().first(doc)).and_then(|ord| u32::try_from(ord).ok());
        Ok(Self {
            facets: facets.try_into().ok().expect("four were pushed"),
            ids: (0..reader.max_doc()).map(|doc| number(doc).unwrap_or(u32::MAX)).collect(),
        })
    }
}

/// Counts a segment; where it was counted before, only what was deleted since is looked at.
fn open_counts(
    reader: &SegmentReader,
    facets: &[Column; 4],
    before: Option<&Segment>,
    values: &AllValues,
) -> OpenCounts {
    let status = &facets[Facet::Status as usize];
    let is_open = |doc: &DocId| !status.has(*doc, &[RETIRED]);
    if let Some(before) = before {
        let alive = before.reader.doc_ids_alive();
        let gone: Vec<DocId> = alive.filter(|doc| reader.is_deleted(*doc)).filter(is_open).collect();
        let mut open = OpenCounts::clone(&before.open);
        open.counts.grow(values);
        open.counts.subtract(facets, &gone);
        open.total -= gone.len();
        return open;
    }
    let docs: Vec<DocId> = reader.doc_ids_alive().filter(is_open).collect();
    let mut counts = Counts::zero(values);
    counts.add(facets, &docs);
    OpenCounts { total: docs.len(), counts }
}
