//! The search index: opening, filling, committing; searches see the last commit.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use mesh_model::{LedgerIndex, ProductId};
use serde::{Deserialize, Serialize};
use tantivy::directory::Directory;
use tantivy::indexer::{IndexWriterOptions, LogMergePolicy};
use tantivy::{Index, IndexReader, IndexWriter, ReloadPolicy, TantivyDocument, Term};

use crate::found::Found;
use crate::schema::{self, Fields};
use crate::search::search;
use crate::snapshot::Snapshot;
use crate::stem::Stems;
use crate::suggest::suggest;
use crate::{Entry, Query, SearchError, document};

/// How an index is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexOptions {
    /// Memory for products that were put and not written yet, in bytes. Less makes more and smaller files; what is
    /// outside 15 MB to 4 GB is moved there.
    pub writer_heap_bytes: usize,
}

impl Default for IndexOptions {
    /// 32 MiB.
    fn default() -> Self {
        Self { writer_heap_bytes: 32 * 1024 * 1024 }
    }
}

/// The bounds that tantivy sets to [`IndexOptions::writer_heap_bytes`].
const HEAP_BYTES: std::ops::RangeInclusive<usize> = 15_000_000..=4_000_000_000;
/// Merge when so many segments are of similar size.
const SEGMENTS_TO_MERGE: usize = 6;
/// Segments of more documents than this are not merged further, but for their deletions: bounds a merge's time.
const MERGED_DOCUMENTS: usize = 2_000_000;
/// Merge a segment once so much of it was replaced.
const REPLACED_TO_MERGE: f32 = 0.25;

/// An opened index.
#[derive(Debug)]
pub struct Opened {
    /// The index.
    pub index: SearchIndex,
    /// The ledger position of its last commit: go on after it. `None` for a new one.
    pub position: Option<LedgerIndex>,
}

/// A search index over products. Cheap to clone; all clones are the same index.
///
/// Searches never wait for writers. Writers wait for each other: one commit takes about as long as writing and
/// syncing what was put since the last.
#[derive(Clone)]
pub struct SearchIndex {
    shared: Arc<Shared>,
}

struct Shared {
    index: Index,
    fields: Fields,
    reader: IndexReader,
    /// Taken while putting, removing and committing. `None` after it failed: then the next one who writes makes another.
    writer: Mutex<Option<IndexWriter>>,
    writer_options: IndexWriterOptions,
    /// Taken while a document is made.
    stems: Mutex<Stems>,
    /// Taken for a moment: to copy the pointer, or to replace it.
    snapshot: RwLock<Arc<Snapshot>>,
}

/// What a commit says of itself.
#[derive(Serialize, Deserialize)]
struct Payload {
    schema: u32,
    position: LedgerIndex,
}

impl SearchIndex {
    /// Opens the index in a directory, or makes a new one there.
    ///
    /// # Errors
    /// [`SearchError::Damaged`] when there is one that cannot be read or that another version of this crate wrote:
    /// clear the directory and fill a new one. [`SearchError::Busy`] when it is open already.
    /// [`SearchError::Storage`] when the directory fails.
    pub fn open(directory: Box<dyn Directory>, options: IndexOptions) -> Result<Opened, SearchError> {
        let (schema, fields) = schema::schema();
        let index = Index::builder().schema(schema).open_or_create(directory)?;
        schema::register(&index);
        let position = position_of(&index)?;

        let (least, most) = HEAP_BYTES.into_inner();
        let writer_options = IndexWriterOptions::builder()
            .memory_budget_per_thread(options.writer_heap_bytes.clamp(least, most))
            .num_worker_threads(1)
            .num_merge_threads(1)
            .build();
        let writer = open_writer(&index, &writer_options)?;

        // Reloaded by `commit` alone, so that what is seen and its position always belong together.
        let reader: IndexReader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        let snapshot = Snapshot::open(reader.searcher(), fields, position, None)?;
        let shared = Shared {
            index,
            fields,
            reader,
            writer: Mutex::new(Some(writer)),
            writer_options,
            stems: Mutex::new(Stems::new()),
            snapshot: RwLock::new(Arc::new(snapshot)),
        };
        Ok(Opened { index: Self { shared: Arc::new(shared) }, position })
    }

    /// Puts a product, in place of what was known of it. Searches see it after the next [`SearchIndex::commit`].
    ///
    /// # Errors
    /// [`SearchError::Storage`] when the directory fails, for want of space perhaps: nothing since the last commit is kept, put all of it
    /// again.
    pub fn put(&self, entry: &Entry<'_>) -> Result<(), SearchError> {
        let mut stems = self.shared.stems.lock().unwrap_or_else(PoisonError::into_inner);
        let document = document::document(&self.shared.fields, entry, &mut stems);
        drop(stems);
        self.write(|writer| {
            writer.delete_term(self.id_term(&entry.descriptor.id()));
            writer.add_document(document)?;
            Ok(())
        })
    }

    /// Removes a product, if it is there. Searches see that after the next [`SearchIndex::commit`].
    ///
    /// # Errors
    /// As [`SearchIndex::put`].
    pub fn remove(&self, id: &ProductId) -> Result<(), SearchError> {
        self.write(|writer| {
            writer.delete_term(self.id_term(id));
            Ok(())
        })
    }

    /// Makes everything since the last commit durable and visible, together with the ledger position that it reaches.
    ///
    /// # Errors
    /// As [`SearchIndex::put`].
    pub fn commit(&self, position: LedgerIndex) -> Result<(), SearchError> {
        let payload = Payload { schema: schema::VERSION, position };
        let payload = serde_json::to_string(&payload).expect("two numbers");
        self.write(|writer| {
            let mut prepared = writer.prepare_commit()?;
            prepared.set_payload(&payload);
            prepared.commit()?;

            // With the writer held, so that snapshots follow each other as commits do.
            self.shared.reader.reload()?;
            let before = self.snapshot();
            let searcher = self.shared.reader.searcher();
            let next = Snapshot::open(searcher, self.shared.fields, Some(position), Some(&before))?;
            tracing::debug!(position, segments = next.segments.len(), products = next.searcher.num_docs(), "indexed");
            *self.shared.snapshot.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
            Ok(())
        })
    }

    /// The ledger position of the last commit.
    pub fn position(&self) -> Option<LedgerIndex> {
        self.snapshot().position
    }

    /// How many products the last commit has, retired ones included.
    pub fn len(&self) -> usize {
        usize::try_from(self.snapshot().searcher.num_docs()).unwrap_or(usize::MAX)
    }

    /// Whether the last commit has no products.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Finds products.
    ///
    /// # Errors
    /// Never because of the query. [`SearchError::Damaged`] or [`SearchError::Storage`] when files fail.
    pub fn search(&self, query: &Query) -> Result<Found, SearchError> {
        search(&self.snapshot(), query)
    }

    /// Completes an id or a name, for shells; where nothing begins so, what was perhaps meant, best first.
    /// At most `limit` and at most [`Query::LIMIT`]. Empty when files fail, for it is only a help.
    pub fn suggest(&self, prefix: &str, limit: usize) -> Vec<ProductId> {
        suggest(&self.snapshot(), prefix, limit).unwrap_or_else(|error| {
            tracing::warn!(%error, "no suggestions");
            Vec::new()
        })
    }

    /// Reads all files and compares them with their checksums; takes as long as reading them does.
    ///
    /// # Errors
    /// [`SearchError::Damaged`] names the files that are not what was written.
    pub fn verify(&self) -> Result<(), SearchError> {
        let damaged = self.shared.index.validate_checksum()?;
        if damaged.is_empty() {
            return Ok(());
        }
        let mut names: Vec<String> = damaged.iter().map(|path| path.display().to_string()).collect();
        names.sort_unstable();
        Err(SearchError::Damaged(names.join(", ")))
    }

    fn id_term(&self, id: &ProductId) -> Term {
        Term::from_field_text(self.shared.fields.id, &id.to_string())
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.shared.snapshot.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Hands the writer out. One that failed never works again, so it is not kept: with it goes what was not committed.
    fn write<T>(
        &self,
        work: impl FnOnce(&mut IndexWriter<TantivyDocument>) -> Result<T, SearchError>,
    ) -> Result<T, SearchError> {
        let mut kept = self.shared.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut writer = match kept.take() {
            Some(writer) => writer,
            None => open_writer(&self.shared.index, &self.shared.writer_options)?,
        };
        let done = work(&mut writer)?;
        *kept = Some(writer);
        Ok(done)
    }
}

impl fmt::Debug for SearchIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SearchIndex").field("position", &self.position()).field("len", &self.len()).finish()
    }
}

fn open_writer(index: &Index, options: &IndexWriterOptions) -> Result<IndexWriter, SearchError> {
    let writer = index.writer_with_options(options.clone())?;
    let mut merging = LogMergePolicy::default();
    merging.set_min_num_segments(SEGMENTS_TO_MERGE);
    merging.set_max_docs_before_merge(MERGED_DOCUMENTS);
    merging.set_del_docs_ratio_before_merge(REPLACED_TO_MERGE);
    writer.set_merge_policy(Box::new(merging));
    Ok(writer)
}

/// The position of the last commit; an error when it is of another version.
fn position_of(index: &Index) -> Result<Option<LedgerIndex>, SearchError> {
    let meta = index.load_metas()?;
    let Some(payload) = meta.payload else {
        // Made, and never committed. A commit without a payload is none of ours.
        return if meta.segments.is_empty() { Ok(None) } else { Err(SearchError::Damaged("no position".into())) };
    };
    let payload: Payload = serde_json::from_str(&payload).map_err(|error| SearchError::Damaged(error.to_string()))?;
    if payload.schema != schema::VERSION {
        let (expected, found) = (schema::VERSION, payload.schema);
        return Err(SearchError::Damaged(format!("expected version {expected}, found {found}")));
    }
    Ok(Some(payload.position))
}
