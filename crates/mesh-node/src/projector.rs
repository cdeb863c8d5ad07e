//! Step 6 of a publish: folds applied leaves into indexes and search.
//!
//! One task tails the ledger from where the search index stands. It decides nothing, and everything it writes can be made again
//! from the ledger: a missing or damaged index is thrown away and filled anew. Under load it lags, and says by how much.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use mesh_catalog::{Entry, IndexOptions, SearchError, SearchIndex};
use mesh_event::{Body, LedgerLeaf};
use mesh_model::{Code, Digest, LedgerIndex, ProductId};
use mesh_proto::status::MeshError;
use mesh_store::{Batch, KeyRange, Page};
use tantivy::directory::MmapDirectory;
use tokio::sync::watch;
use tracing::{info, warn};

use crate::attachments::{self, OWNERS};
use crate::commit_budget::CommitBudget;
use crate::core::{Core, storage_error};
use crate::erasure;
use crate::reads::{AsOf, HISTORY, Subject, history_key, tell_with};
use crate::replicas::writers::{self, DELEGATIONS};
use crate::synonyms::{Synonyms, decides_words, every_product};

/// Where in the store's index space the overflow attachments are noted that this node still has to fetch: digest -> product.
pub const WANTED: u8 = 4;
const LEAVES: usize = 512;
/// Products after which the index is committed although more leaves wait: bounds what a restart does again.
const PRODUCTS: usize = 4_000;
/// The same for the bytes of what the other indexes learn.
const PENDING_BYTES: usize = 4 << 20;
/// Pause after an error, and how often the projector looks for what nobody tells it of.
const AGAIN: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(50);
/// How long leaves gather before the index is committed: each commit costs the same, however little is in it.
const GATHER: Duration = Duration::from_millis(10);
const FETCH_EVERY: Duration = Duration::from_secs(2);

/// Opens the search index in a folder, anew when it is missing, damaged or of another version.
///
/// # Errors
/// [`Code::StorageFailed`] when the folder cannot be written.
pub fn open_search(folder: &Path, heap_mib: usize) -> Result<(SearchIndex, u64), MeshError> {
    let options = IndexOptions { writer_heap_bytes: heap_mib << 20 };
    let failed = |error: &dyn std::fmt::Display| {
        MeshError::new(Code::StorageFailed, format!("the search index in {}: {error}", folder.display()))
    };
    for attempt in 0..2 {
        std::fs::create_dir_all(folder).map_err(|error| failed(&error))?;
        let opened = match MmapDirectory::open(folder) {
            Ok(directory) => SearchIndex::open(Box::new(directory), options),
            Err(error) => return Err(failed(&error)),
        };
        match opened {
            Ok(opened) => return Ok((opened.index, opened.position.map_or(0, |last| last + 1))),
            Err(error @ SearchError::Damaged(_)) if attempt == 0 => {
                warn!(%error, "filling the search index anew");
                std::fs::remove_dir_all(folder).map_err(|error| failed(&error))?;
            }
            Err(error) => return Err(failed(&error)),
        }
    }
    Err(failed(&"it is damaged again after it was made anew"))
}

/// The one writer of indexes and search.
pub struct Projector {
    core: Arc<Core>,
    /// How many leaves are folded and searchable.
    indexed: watch::Sender<u64>,
    next: u64,
    dirty: BTreeSet<ProductId>,
    /// Every product is to be indexed again.
    all_dirty: bool,
    /// What the store's own indexes learn with the next commit.
    pending: Batch,
    /// Attachments whose owner is among that.
    owned: BTreeSet<Digest>,
}

impl Projector {
    /// Goes on after `next` leaves.
    pub fn new(core: Arc<Core>, indexed: watch::Sender<u64>, next: u64) -> Self {
        Self {
            core,
            indexed,
            next,
            dirty: BTreeSet::new(),
            all_dirty: false,
            pending: Batch::new(),
            owned: BTreeSet::new(),
        }
    }

    /// Folds until the node stops. Between its waits it keeps a processor and the disk busy: it wants a thread of its own.
    pub async fn run(mut self) {
        let least = Duration::from_millis(self.core.config.search.commit_ms);
        let mut budget = CommitBudget::new(least, Instant::now());
        // Since when something waits for a commit.
        let mut uncommitted: Option<Instant> = None;
        if let Err(error) = erasure::sweep(&self.core) {
            warn!(%error, "attachments that were erased are not all looked for");
        }
        while !self.core.stopping.is_cancelled() {
            for product in self.core.reindex.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
                self.dirty.insert(product);
                uncommitted.get_or_insert_with(Instant::now);
            }
            let folded = match self.fold() {
                Ok(folded) => folded,
                Err(error) => {
                    warn!(%error, "indexing pauses");
                    self.wait(AGAIN).await;
                    continue;
                }
            };
            if folded > 0 {
                uncommitted.get_or_insert_with(Instant::now);
            }
            if self.core.folded.is_wanted()
                && let Err(error) = self.flush()
            {
                warn!(%error, "the indexes of history and attachments were not written");
            }
            let Some(since) = uncommitted else {
                self.wait(LOOK).await;
                continue;
            };
            let full = self.dirty.len() >= PRODUCTS || self.pending.bytes() >= PENDING_BYTES;
            let due = budget.due().max(since + GATHER);
            let began = Instant::now();
            if !full && began < due {
                // While leaves come, they are folded; the wait ends with the next one, too.
                if folded == 0 {
                    self.wait((due - began).min(LOOK)).await;
                }
                continue;
            }
            match self.commit() {
                Ok(()) => uncommitted = None,
                Err(error) => {
                    warn!(%error, "the search index was not committed");
                    self.wait(AGAIN).await;
                }
            }
            budget.spend(began, Instant::now());
        }
        if uncommitted.is_some()
            && let Err(error) = self.commit()
        {
            warn!(%error, "the search index was not committed at the end");
        }
    }

    async fn wait(&self, pause: Duration) {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = self.core.wait_applied(self.next, pause) => {}
            () = self.core.folded.called() => {}
            () = self.core.stopping.cancelled() => {}
        }
    }

    /// Writes what the store's own indexes learnt.
    fn flush(&mut self) -> Result<(), MeshError> {
        let pending = std::mem::take(&mut self.pending);
        if !pending.is_empty() {
            self.core.store.committer().apply_relaxed_readable(pending).map_err(|e| storage_error(&e))?;
        }
        self.owned.clear();
        self.core.folded.reached(self.next);
        Ok(())
    }

    /// Folds the next page of leaves into the indexes.
    fn fold(&mut self) -> Result<usize, MeshError> {
        let size = self.core.ledger_size();
        if self.next >= size {
            return Ok(0);
        }
        let leaves = self.core.store.ledger().leaves(self.next..size, LEAVES).map_err(|e| storage_error(&e))?;
        let count = leaves.len();
        for (index, bytes) in leaves {
            let leaf = LedgerLeaf::decode(&bytes)
                .map_err(|error| MeshError::new(Code::Damaged, format!("leaf {index} does not decode: {error}")))?;
            self.fold_leaf(index, &leaf)?;
            self.next = index + 1;
        }
        Ok(count)
    }

    fn fold_leaf(&mut self, index: LedgerIndex, leaf: &LedgerLeaf) -> Result<(), MeshError> {
        let command = crate::reads::command_of(leaf);
        let item = tell_with(leaf, command.as_ref());
        let batch = &mut self.pending;
        let history = self.core.store.index(HISTORY);
        if let Some(domain) = &item.domain {
            history.put(batch, &history_key(&Subject::Domain(domain.clone()).prefix(), index), &[]);
        }
        if let Ok(product) = ProductId::parse(&item.subject) {
            history.put(batch, &history_key(&Subject::Product(product).prefix(), index), &[]);
        }
        if leaf.outcome.code != Code::Accepted {
            return Ok(());
        }
        if let Some(command) = &command {
            writers::note(&self.core.store.index(DELEGATIONS), batch, &command.body);
        }
        match command.map(|command| command.body) {
            // Other words for a term may be in force from this leaf on: whatever carries it is found by them, too.
            Some(Body::Propose(_) | Body::Approve(_)) if decides_words(&self.core, index) => self.all_dirty = true,
            Some(Body::PublishVersion(body)) => {
                let owners = self.core.store.index(OWNERS);
                for attachment in &body.descriptor.attachments {
                    let digest = attachment.digest;
                    if erasure::owner(&self.core, &digest)?.is_none() && self.owned.insert(digest) {
                        owners.put(batch, &digest.0, body.descriptor.domain.as_str().as_bytes());
                    }
                }
                self.dirty.insert(body.descriptor.id());
                self.core.reads.keep(index, body.descriptor);
            }
            Some(Body::Erase(body)) => {
                // Whose it is may be among what is to be written.
                self.flush()?;
                erasure::erase(&self.core, &body.domain, &body.digest)?;
            }
            Some(Body::DeprecateVersion(body)) => {
                self.dirty.insert(body.product);
            }
            Some(Body::RetireProduct(body)) => {
                self.dirty.insert(body.product);
            }
            Some(Body::AdmitDomains(body)) => {
                for admission in body.domains {
                    let subject = Subject::Domain(admission.name);
                    history.put(batch, &history_key(&subject.prefix(), index), &[]);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Puts every product that changed into the search index, as it is now, and commits.
    fn commit(&mut self) -> Result<(), MeshError> {
        // Readable before anybody is told that these leaves are indexed, and durable before the search index is: it says where to go on,
        // so what it is ahead of is never folded again.
        self.flush()?;
        self.core.store.committer().flush().map_err(|e| storage_error(&e))?;
        let search = &self.core.search;
        let failed = |error: SearchError| {
            let cause = std::error::Error::source(&error).map_or_else(String::new, |cause| format!(": {cause}"));
            MeshError::new(Code::StorageFailed, format!("{error}{cause}"))
        };
        if self.all_dirty {
            self.dirty.extend(every_product(&self.core)?);
            self.all_dirty = false;
        }
        let synonyms = Synonyms::in_force(&self.core)?;
        for product in &self.dirty {
            let view = self.core.reads.product(&self.core, product, None, AsOf::Now)?;
            let mut overflow_text = self.overflow_text(product, &view.descriptor)?;
            overflow_text.extend(synonyms.of(&view.descriptor));
            let entry = Entry {
                descriptor: &view.descriptor,
                status: view.status,
                ledger_index: view.ledger_index,
                stamp_unix_ms: view.sealed_unix_ms,
                overflow_text: &overflow_text,
            };
            search.put(&entry).map_err(failed)?;
        }
        self.core.lineage.changed(&self.core, &self.dirty)?;
        self.core.lives.changed(&self.core, &self.dirty)?;
        if let Some(last) = self.next.checked_sub(1) {
            search.commit(last).map_err(failed)?;
        }
        self.dirty.clear();
        self.indexed.send_replace(self.next);
        Ok(())
    }

    /// The texts of overflowed parts whose attachments are here; the others are noted, to be fetched from their home.
    fn overflow_text(
        &self,
        product: &ProductId,
        descriptor: &mesh_model::Descriptor,
    ) -> Result<Vec<String>, MeshError> {
        let mut texts = Vec::new();
        let mut batch = Batch::new();
        for overflow in &descriptor.overflow {
            let body = self.core.store.attachments().get(&overflow.digest.0).map_err(|e| storage_error(&e))?;
            match body {
                Some(body) => match mesh_formats::overflow_text(overflow.part, &body) {
                    Ok(more) => texts.extend(more),
                    Err(error) => warn!(%product, %error, "an overflowed part is not what its name says"),
                },
                None if erasure::refuse(&self.core, &product.domain, &overflow.digest).is_err() => {}
                None => {
                    self.core.store.index(WANTED).put(&mut batch, &overflow.digest.0, product.to_string().as_bytes());
                }
            }
        }
        if !batch.is_empty() {
            self.core.store.committer().apply_relaxed(batch).map_err(|e| storage_error(&e))?;
        }
        Ok(texts)
    }
}

/// Fetches overflow attachments that this node lacks, and has their products indexed again. Tries for ever, in rounds.
pub async fn fetch_wanted(core: Arc<Core>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(FETCH_EVERY) => {}
            () = core.stopping.cancelled() => return,
        }
        let Ok(wanted) = core.store.index(WANTED).range(&KeyRange::all(), Page::first(256)) else { continue };
        for (key, product) in wanted {
            let Some(digest) = Digest::from_slice(&key) else { continue };
            let fetched = tokio::select! {
                fetched = attachments::public(&core, digest) => fetched,
                () = core.stopping.cancelled() => return,
            };
            // What was erased is nowhere: it is not asked for again.
            if fetched.is_err_and(|error| error.code != Code::Erased) {
                continue;
            }
            let mut batch = Batch::new();
            core.store.index(WANTED).delete(&mut batch, &key);
            let forgotten = core.store.committer().apply_relaxed(batch);
            if let (Ok(()), Ok(product)) = (forgotten, ProductId::parse(&String::from_utf8_lossy(&product))) {
                core.reindex.lock().unwrap_or_else(PoisonError::into_inner).push(product);
            }
        }
    }
}

/// Says at start how far the index is.
pub fn report(next: u64, size: u64) {
    if next < size {
        info!(behind = size - next, "the search index catches up");
    }
}
