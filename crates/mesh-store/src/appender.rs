//! The one writer of a log.

use std::ops::Range;

use mesh_tlog::{Frontier, Hash, leaf_hash};

use crate::batch::Batch;
use crate::merkle_log::{Edge, MerkleLog};

/// Appends leaves to one log, into any batch: see [`MerkleLog::appender`].
///
/// The index it returns is the leaf's for good once the batch is durable.
#[must_use]
pub struct Appender {
    log: MerkleLog,
    edge: Edge,
    /// What it appends makes the log a copy.
    copying: bool,
}

impl Appender {
    pub(crate) fn new(log: MerkleLog, edge: Edge) -> Self {
        Self { log, edge, copying: false }
    }

    pub(crate) fn copying(log: MerkleLog, edge: Edge) -> Self {
        Self { log, edge, copying: true }
    }

    /// Appends a leaf and returns its index.
    pub fn append(&mut self, batch: &mut Batch, leaf: &[u8]) -> u64 {
        let index = self.push(batch, leaf);
        self.put_edge(batch);
        index
    }

    /// Appends several leaves, writing the right edge once, and returns their indexes.
    pub fn append_all<I>(&mut self, batch: &mut Batch, leaves: I) -> Range<u64>
    where
        I: IntoIterator,
        I::Item: AsRef<[u8]>,
    {
        let first = self.size();
        for leaf in leaves {
            self.push(batch, leaf.as_ref());
        }
        if self.size() > first {
            self.put_edge(batch);
        }
        first..self.size()
    }

    /// The number of leaves, those in batches not yet committed included.
    pub fn size(&self) -> u64 {
        self.edge.frontier.size()
    }

    /// The root over them.
    pub fn root(&self) -> Hash {
        self.edge.frontier.root()
    }

    /// The right edge.
    pub fn frontier(&self) -> &Frontier {
        &self.edge.frontier
    }

    /// The log that is written.
    pub fn log(&self) -> &MerkleLog {
        &self.log
    }

    pub(crate) fn put_edge(&self, batch: &mut Batch) {
        self.log.put_edge(batch, &self.edge);
        if self.copying {
            self.log.put_copy_mark(batch);
        }
    }

    fn push(&mut self, batch: &mut Batch, leaf: &[u8]) -> u64 {
        let index = self.size();
        self.log.put_leaf(batch, index, leaf);
        let subtrees = self.edge.frontier.append(leaf_hash(leaf));
        self.log.put_subtrees(batch, subtrees);
        index
    }
}
