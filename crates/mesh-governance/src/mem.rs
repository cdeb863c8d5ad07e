//! A state in memory, for tests, auditors and simulations.

use std::collections::BTreeMap;
use std::ops::Bound;

use mesh_model::LedgerIndex;

use crate::applied::{Applied, StateChange};
use crate::state::{Damage, Pair, StateRead};

/// State and leaves in two maps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemState {
    values: BTreeMap<Vec<u8>, Vec<u8>>,
    leaves: BTreeMap<LedgerIndex, Vec<u8>>,
}

impl MemState {
    /// The state before Genesis.
    pub fn new() -> Self {
        Self::default()
    }

    /// Commits one decision: its changes and its leaf.
    pub fn commit(&mut self, applied: &Applied) {
        self.apply_changes(&applied.changes);
        self.put_leaf(applied.leaf.index, applied.leaf_bytes.clone());
    }

    /// Writes changes, in their order.
    pub fn apply_changes(&mut self, changes: &[StateChange]) {
        for change in changes {
            match &change.value {
                Some(value) => self.values.insert(change.key.clone(), value.clone()),
                None => self.values.remove(&change.key),
            };
        }
    }

    /// Keeps a leaf's exact bytes.
    pub fn put_leaf(&mut self, index: LedgerIndex, bytes: Vec<u8>) {
        self.leaves.insert(index, bytes);
    }

    /// All keys with their values, ascending.
    pub fn values(&self) -> &BTreeMap<Vec<u8>, Vec<u8>> {
        &self.values
    }
}

impl StateRead for MemState {
    type Error = Damage;

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Damage> {
        Ok(self.values.get(key).cloned())
    }

    fn last_below(&self, prefix: &[u8], below: &[u8]) -> Result<Option<Pair>, Damage> {
        let mut before = self.values.range::<[u8], _>((Bound::Unbounded, Bound::Excluded(below))).rev();
        let last = before.find(|(key, _)| key.starts_with(prefix) || key.as_slice() < prefix);
        Ok(last.filter(|(key, _)| key.starts_with(prefix)).map(|(key, value)| (key.clone(), value.clone())))
    }

    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Pair>, Damage> {
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let from = self.values.range::<[u8], _>((from, Bound::Unbounded));
        let ours = from.take_while(|(key, _)| key.starts_with(prefix)).take(limit);
        Ok(ours.map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    fn leaf(&self, index: LedgerIndex) -> Result<Option<Vec<u8>>, Damage> {
        Ok(self.leaves.get(&index).cloned())
    }
}
