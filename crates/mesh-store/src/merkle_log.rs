//! A Merkle log under a key prefix: the ledger and every feed.

use std::ops::Range;
use std::sync::Arc;

use mesh_tlog::{Frontier, Hash, HashReader, ProveError, StoredHash, leaf_hash, root_at};

use crate::StoreError;
use crate::appender::Appender;
use crate::batch::Batch;
use crate::bytes::Reader;
use crate::chunked::Chunked;
use crate::claims::{Claims, Hand};
use crate::damage::{Damage, DamageBoard};
use crate::heads::Head;
use crate::log_name::{FeedId, LogName};
use crate::range::{KeyRange, Page};
use crate::record;

const FRONTIER: u8 = 0x01;
const SUBTREE: u8 = 0x02;
const LEAF: u8 = 0x03;

/// The leaves of a log, the hashes of all complete subtrees, and its right edge.
///
/// ```text
/// PREFIX | 0x01                         -> version: u8 = 1 | base: u64 | frontier (see mesh_tlog::Frontier)
/// PREFIX | 0x02 | level: u8 | index: u64 -> version: u8 = 1 | hash: 32 bytes
/// PREFIX | 0x03 | index: u64             -> version: u8 = 1 | leaf
/// ```
///
/// PREFIX is `0x04` for the ledger and drawn at [`Feed`](crate::Feed) for feeds. Leaves below `base` came as the frontier of a snapshot and
/// may be missing until they are fetched. The size is known from the frontier: nothing is scanned.
///
/// A leaf, its hashes and the frontier change in one batch. Leaves and hashes never change later.
#[derive(Clone)]
pub struct MerkleLog {
    kv: Arc<Chunked>,
    name: LogName,
    prefix: Vec<u8>,
    /// What makes the log a feed; `None` for the ledger.
    feed: Option<FeedMarks>,
    damage: DamageBoard,
}

/// What a feed has beside its log.
#[derive(Clone)]
pub(crate) struct FeedMarks {
    pub(crate) id: FeedId,
    /// A key that lists the feed; written with its first leaf.
    pub(crate) listing: Vec<u8>,
    /// A key that makes the feed a copy, for ever.
    pub(crate) copy: Vec<u8>,
    pub(crate) claims: Claims,
}

/// The frontier record.
pub(crate) struct Edge {
    pub(crate) base: u64,
    pub(crate) frontier: Frontier,
}

impl MerkleLog {
    pub(crate) fn new(
        kv: Arc<Chunked>,
        name: LogName,
        prefix: Vec<u8>,
        feed: Option<FeedMarks>,
        damage: DamageBoard,
    ) -> Self {
        Self { kv, name, prefix, feed, damage }
    }

    /// Which log this is.
    pub fn name(&self) -> &LogName {
        &self.name
    }

    /// The number of leaves that were applied; of these, the acknowledged ones are durable.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn size(&self) -> Result<u64, StoreError> {
        Ok(self.frontier()?.size())
    }

    /// The root over all leaves.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn root(&self) -> Result<Hash, StoreError> {
        Ok(self.frontier()?.root())
    }

    /// The right edge: size and root in one.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn frontier(&self) -> Result<Frontier, StoreError> {
        Ok(self.edge()?.frontier)
    }

    /// The root over the first `size` leaves.
    ///
    /// # Errors
    /// [`StoreError::MissingHash`] for a size that was never reached.
    pub fn root_at(&self, size: u64) -> Result<Hash, StoreError> {
        root_of(self, size)
    }

    /// Leaves below this index came with a snapshot and may be missing here.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn base(&self) -> Result<u64, StoreError> {
        Ok(self.edge()?.base)
    }

    /// Leaf `index`; `None` where it isn't here (yet).
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Corrupt`], or when it can't be read.
    pub fn leaf(&self, index: u64) -> Result<Option<Vec<u8>>, StoreError> {
        self.damage.refuse(&self.name, index)?;
        self.stored_leaf(index)
    }

    /// The leaves in `range` that are here, with their indexes, at most `limit`; those before the damage, if there is some. Up to `limit` times the longest leaf is in memory.
    ///
    /// # Errors
    /// As [`MerkleLog::leaf`]; [`StoreError::Damaged`] only when the range starts there.
    pub fn leaves(&self, range: Range<u64>, limit: usize) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        self.damage.refuse(&self.name, range.start)?;
        let end = range.end.min(self.damage.readable_below(&self.name));
        let keys = KeyRange::new(self.leaf_key(range.start), self.leaf_key(end));
        let page = self.kv.range(&keys, Page::first(limit))?;
        page.into_iter()
            .map(|(key, stored)| Ok((record::key_index(&key)?, record::unwrap("a leaf", stored)?)))
            .collect()
    }

    /// The one writer of this log. It knows the right edge itself, so that leaves can be appended while earlier batches still wait: make
    /// one, keep it, hand in the batches in the order in which they were filled, and drop it if one of them wasn't committed.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] for a log that lost something: its writer must never go on under this name. [`StoreError::Copy`] for a
    /// feed that is a copy of what another node wrote.
    pub fn appender(&self) -> Result<Appender, StoreError> {
        let edge = self.edge()?;
        self.damage.refuse(&self.name, u64::MAX)?;
        if let Some(feed) = &self.feed
            && (self.is_copy()? || !feed.claims.claim(&feed.id, Hand::Writer))
        {
            return Err(StoreError::Copy { feed: feed.id.clone() });
        }
        Ok(Appender::new(self.clone(), edge))
    }

    /// An [`Appender`] for a log that may be damaged: for **copies** of what peers have, each leaf verified against a checkpoint before.
    /// See [`Store::recheck`](crate::Store::recheck). A feed without leaves becomes a copy with the appender's first batch.
    ///
    /// # Errors
    /// When the right edge can't be read; see [`MerkleLog::clear`]. [`StoreError::Written`] for a feed that this node writes.
    pub fn repairer(&self) -> Result<Appender, StoreError> {
        let edge = self.edge()?;
        if let Some(feed) = &self.feed {
            let is_written = edge.frontier.size() > 0 && !self.is_copy()?;
            if is_written || !feed.claims.claim(&feed.id, Hand::Copier) {
                return Err(StoreError::Written { feed: feed.id.clone() });
            }
        }
        Ok(Appender::copying(self.clone(), edge))
    }

    /// Whether the log is a copy of what another node wrote; never the ledger, which everybody has.
    pub(crate) fn is_copy(&self) -> Result<bool, StoreError> {
        let Some(feed) = &self.feed else { return Ok(false) };
        Ok(self.kv.get(&feed.copy)?.is_some())
    }

    /// Makes a feed a copy, with the batch: this node never appends to it as its writer again. `false` when its writer is at work.
    pub(crate) fn turn_into_copy(&self, batch: &mut Batch) -> bool {
        let Some(feed) = &self.feed else { return false };
        if !feed.claims.claim(&feed.id, Hand::Copier) {
            return false;
        }
        self.put_copy_mark(batch);
        true
    }

    pub(crate) fn put_copy_mark(&self, batch: &mut Batch) {
        if let Some(feed) = &self.feed {
            batch.put(feed.copy.clone(), record::wrap(&[]));
        }
    }

    /// Goes back to the leaves before the damage, in batches of about `limit` keys, to be applied in their order: the first one sets
    /// the right edge, the later ones remove what lay behind it. Nothing for a whole log.
    ///
    /// # Errors
    /// When the hashes of what is left can't be read: then [`MerkleLog::clear`] is what is left to do.
    pub(crate) fn cut_damage(&self, limit: usize) -> Result<Vec<Batch>, StoreError> {
        let size = self.damage.readable_below(&self.name);
        if size == u64::MAX {
            return Ok(Vec::new());
        }
        let frontier = match Frontier::from_reader(&Unguarded(self), size) {
            Ok(frontier) => frontier,
            Err(ProveError::Read(error)) => return Err(error),
            Err(error) => return Err(StoreError::Invalid { expected: "a tree size", found: error.to_string() }),
        };
        let base = self.edge().map_or(0, |edge| edge.base).min(size);
        let mut batch = Batch::new();
        self.put_edge(&mut batch, &Edge { base, frontier });
        let mut batches = vec![batch];
        let mut rest = KeyRange::prefix(self.key(LEAF)).from(&self.leaf_key(size));
        loop {
            let keys = self.kv.keys(&rest, Page::first(limit))?;
            let Some(last) = keys.last() else { break };
            rest = rest.after(last);
            batches.push(deletion(keys));
        }
        for level in 0..u8::try_from(u64::BITS - 1).expect("63") {
            // The first subtree of the level that reaches beyond what is left.
            let mut rest = KeyRange::prefix(self.level_key(level)).from(&self.subtree_key(level, size >> level));
            loop {
                let keys = self.kv.keys(&rest, Page::first(limit))?;
                let Some(last) = keys.last() else { break };
                rest = rest.after(last);
                batches.push(deletion(keys));
            }
        }
        Ok(batches)
    }

    /// Lets the log go on at the right edge of an installed snapshot. The leaves before it may be added later.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] where the log has more leaves than the snapshot.
    pub fn install(&self, batch: &mut Batch, frontier: Frontier) -> Result<Appender, StoreError> {
        let size = self.size()?;
        if frontier.size() < size {
            return Err(StoreError::Invalid {
                expected: "a snapshot not older than the log",
                found: format!("{} leaves, the log has {size}", frontier.size()),
            });
        }
        if frontier.size() == size {
            return Ok(Appender::new(self.clone(), self.edge()?));
        }
        self.put_subtrees(batch, frontier.subtrees());
        let base = frontier.size();
        let appender = Appender::new(self.clone(), Edge { base, frontier });
        appender.put_edge(batch);
        Ok(appender)
    }

    /// Adds a leaf below the base. The caller has verified it against a checkpoint. Its hashes go in with [`MerkleLog::put_subtrees`].
    pub fn put_leaf(&self, batch: &mut Batch, index: u64, leaf: &[u8]) {
        batch.put_new(self.leaf_key(index), record::wrap(leaf));
    }

    /// Adds hashes of complete subtrees, verified as well.
    pub fn put_subtrees(&self, batch: &mut Batch, subtrees: impl IntoIterator<Item = StoredHash>) {
        for (level, index, hash) in subtrees {
            batch.put_new(self.subtree_key(level, index), record::wrap(hash.as_bytes()));
        }
    }

    /// A batch that removes up to `limit` keys of the log, the right edge first; `None` once nothing is left. For a copy that is too
    /// damaged to go on from; its acknowledged head stays known.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn clear(&self, limit: usize) -> Result<Option<Batch>, StoreError> {
        let mut batch = Batch::new();
        let all = KeyRange::prefix(self.prefix.clone());
        for key in self.kv.keys(&all, Page::first(limit))? {
            batch.delete(key);
        }
        Ok((!batch.is_empty()).then_some(batch))
    }

    /// Compares the log with its acknowledged head and its tail with its hashes, in `O(log size)` reads.
    pub(crate) fn check(&self, acknowledged: Option<Head>) -> Result<Option<Damage>, StoreError> {
        let found = match self.first_damage(acknowledged) {
            // The reads of the check itself say what is wrong.
            Err(error @ (StoreError::Corrupt { .. } | StoreError::MissingHash { .. })) => Some((0, error.to_string())),
            found => found?,
        };
        let Some((readable_below, reason)) = found else {
            self.damage.set(self.name.clone(), None);
            return Ok(None);
        };
        self.damage.set(self.name.clone(), Some(readable_below));
        Ok(Some(Damage::Log { log: self.name.clone(), readable_below, reason }))
    }

    fn first_damage(&self, acknowledged: Option<Head>) -> Result<Option<(u64, String)>, StoreError> {
        let Edge { base, frontier } = self.edge()?;
        let size = frontier.size();
        for (level, index, hash) in frontier.subtrees() {
            let same = matches!(self.stored_subtree(level, index), Ok(stored) if stored == hash);
            if !same {
                let reason = format!("subtree ({level}, {index}) is not the one of the right edge");
                return Ok(Some((index << level, reason)));
            }
        }
        if size > base {
            let last = size - 1;
            let leaf = self.stored_leaf(last).ok().flatten();
            let stored = self.stored_subtree(0, last)?;
            if leaf.is_none_or(|leaf| leaf_hash(&leaf) != stored) {
                let reason = format!("leaf {last} is gone or doesn't hash to what is stored");
                return Ok(Some((last, reason)));
            }
        }
        let Some(head) = acknowledged else {
            return Ok(None);
        };
        if size < head.size {
            let expected = head.size;
            let reason = format!("expected {expected} acknowledged leaves, found {size}");
            return Ok(Some((size, reason)));
        }
        let root = root_of(&Unguarded(self), head.size)?;
        if root != head.root {
            let reason = format!("expected root {} of the first {} leaves, found {root}", head.root, head.size);
            return Ok(Some((0, reason)));
        }
        Ok(None)
    }

    fn edge(&self) -> Result<Edge, StoreError> {
        let damaged = || StoreError::corrupt(format_args!("the right edge of {}", self.name));
        let Some(stored) = self.kv.get(&self.key(FRONTIER))? else {
            return Ok(Edge { base: 0, frontier: Frontier::new() });
        };
        let bytes = record::unwrap("the right edge of a log", stored)?;
        let mut reader = Reader::new(&bytes);
        let base = reader.u64().ok_or_else(damaged)?;
        let frontier = Frontier::from_bytes(reader.rest()).map_err(|_| damaged())?;
        Ok(Edge { base, frontier })
    }

    /// Reads every leaf that is stored and compares them with the root; returns how many there are. A log whose first leaves are not fetched
    /// yet is compared by its subtree hashes alone, at the start.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when they don't hash to the root.
    pub(crate) fn check_whole(&self) -> Result<u64, StoreError> {
        const LEAVES: usize = 512;
        let (size, base) = (self.size()?, self.base()?);
        if base > 0 {
            return Ok(size - base.min(size));
        }
        let mut hashed = Frontier::new();
        while hashed.size() < size {
            let page = self.leaves(hashed.size()..size, LEAVES)?;
            let missing = || StoreError::corrupt(format_args!("leaf {} of {}", hashed.size(), self.name()));
            if page.first().is_none_or(|(index, _)| *index != hashed.size()) {
                return Err(missing());
            }
            for (_, leaf) in page {
                hashed.append(leaf_hash(&leaf));
            }
        }
        if hashed.root() == self.root()? {
            return Ok(size);
        }
        Err(StoreError::corrupt(format_args!("the {size} leaves of {} under their root", self.name())))
    }

    pub(crate) fn put_edge(&self, batch: &mut Batch, edge: &Edge) {
        let mut bytes = edge.base.to_be_bytes().to_vec();
        bytes.extend_from_slice(&edge.frontier.to_bytes());
        batch.put(self.key(FRONTIER), record::wrap(&bytes));
        if let Some(feed) = &self.feed {
            batch.put(feed.listing.clone(), record::wrap(&[]));
        }
        // A damaged log is filled again from elsewhere: what it has now is no proof that it is what was acknowledged.
        if self.damage.readable_below(&self.name) == u64::MAX {
            let head = edge.frontier.clone();
            batch.marks_mut().logs.insert(self.name.clone(), head);
        }
    }

    fn stored_leaf(&self, index: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let stored = self.kv.get(&self.leaf_key(index))?;
        stored.map(|stored| record::unwrap("a leaf", stored)).transpose()
    }

    fn stored_subtree(&self, level: u8, index: u64) -> Result<Hash, StoreError> {
        let Some(stored) = self.kv.get(&self.subtree_key(level, index))? else {
            return Err(StoreError::MissingHash { log: self.name.clone(), level, index });
        };
        let bytes = record::unwrap("a subtree hash", stored)?;
        Hash::try_from(bytes.as_slice()).map_err(|_| StoreError::corrupt("a subtree hash"))
    }

    fn key(&self, part: u8) -> Vec<u8> {
        let mut key = Vec::with_capacity(self.prefix.len() + 10);
        key.extend_from_slice(&self.prefix);
        key.push(part);
        key
    }

    fn leaf_key(&self, index: u64) -> Vec<u8> {
        let mut key = self.key(LEAF);
        key.extend_from_slice(&index.to_be_bytes());
        key
    }

    fn level_key(&self, level: u8) -> Vec<u8> {
        let mut key = self.key(SUBTREE);
        key.push(level);
        key
    }

    fn subtree_key(&self, level: u8, index: u64) -> Vec<u8> {
        let mut key = self.level_key(level);
        key.extend_from_slice(&index.to_be_bytes());
        key
    }
}

impl HashReader for MerkleLog {
    type Error = StoreError;

    fn read(&self, level: u8, index: u64) -> Result<Hash, StoreError> {
        // The last leaf below the subtree; a level that no tree has is missing.
        let last = (u128::from(index) + 1) << level.min(63);
        let last = u64::try_from(last - 1).unwrap_or(u64::MAX);
        self.damage.refuse(&self.name, last)?;
        self.stored_subtree(level, index)
    }
}

fn deletion(keys: Vec<Vec<u8>>) -> Batch {
    let mut batch = Batch::new();
    for key in keys {
        batch.delete(key);
    }
    batch
}

/// The stored hashes for the check itself, which decides what is damaged.
struct Unguarded<'a>(&'a MerkleLog);

impl HashReader for Unguarded<'_> {
    type Error = StoreError;

    fn read(&self, level: u8, index: u64) -> Result<Hash, StoreError> {
        self.0.stored_subtree(level, index)
    }
}

fn root_of<R: HashReader<Error = StoreError>>(reader: &R, size: u64) -> Result<Hash, StoreError> {
    match root_at(reader, size) {
        Ok(root) => Ok(root),
        Err(ProveError::Read(error)) => Err(error),
        Err(error) => Err(StoreError::Invalid { expected: "a tree size", found: error.to_string() }),
    }
}
