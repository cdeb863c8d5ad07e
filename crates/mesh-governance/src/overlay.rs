//! A state with changes on top that are not committed yet.

use std::collections::BTreeMap;
use std::ops::Bound;

use mesh_model::LedgerIndex;

use crate::applied::{Applied, StateChange};
use crate::state::{Pair, StateRead};

/// Reads as the state beneath would after the changes and leaves that were pushed.
///
/// Nodes apply several entries before one durable commit with it; commands write their changes into it, so that later
/// parts of one command see earlier ones.
#[derive(Debug)]
pub struct Overlay<'a, S> {
    base: &'a S,
    changes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    leaves: BTreeMap<LedgerIndex, Vec<u8>>,
}

impl<'a, S> Overlay<'a, S> {
    /// No changes yet.
    pub fn new(base: &'a S) -> Self {
        Self { base, changes: BTreeMap::new(), leaves: BTreeMap::new() }
    }

    /// Takes the changes and the leaf of one decision.
    pub fn push(&mut self, applied: &Applied) {
        for change in &applied.changes {
            self.changes.insert(change.key.clone(), change.value.clone());
        }
        self.leaves.insert(applied.leaf.index, applied.leaf_bytes.clone());
    }

    /// All changes, sorted by key, each key once with its last value.
    pub fn into_changes(self) -> Vec<StateChange> {
        self.changes.into_iter().map(|(key, value)| StateChange { key, value }).collect()
    }

    pub(crate) fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.changes.insert(key, Some(value));
    }

    pub(crate) fn remove(&mut self, key: Vec<u8>) {
        self.changes.insert(key, None);
    }
}

impl<S: StateRead> StateRead for Overlay<'_, S> {
    type Error = S::Error;

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, S::Error> {
        match self.changes.get(key) {
            Some(value) => Ok(value.clone()),
            None => self.base.get(key),
        }
    }

    fn last_below(&self, prefix: &[u8], below: &[u8]) -> Result<Option<Pair>, S::Error> {
        if below <= prefix {
            return Ok(None);
        }
        let range = (Bound::Included(prefix), Bound::Excluded(below));
        let mut ours = self.changes.range::<[u8], _>(range).rev();
        let ours = ours.find_map(|(key, value)| match value {
            Some(value) if key.starts_with(prefix) => Some((key.clone(), value.clone())),
            _ => None,
        });
        let mut below = below.to_vec();
        let theirs = loop {
            match self.base.last_below(prefix, &below)? {
                Some((key, _)) if self.changes.get(&key).is_some_and(Option::is_none) => below = key,
                found => break found,
            }
        };
        Ok(match (ours, theirs) {
            (Some(ours), Some(theirs)) => Some(if theirs.0 > ours.0 { theirs } else { ours }),
            (ours, theirs) => ours.or(theirs),
        })
    }

    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Pair>, S::Error> {
        let mut found = Vec::new();
        let mut after = after.map(<[u8]>::to_vec);
        while found.len() < limit {
            let wanted = limit - found.len();
            let page = self.base.scan(prefix, after.as_deref(), wanted)?;
            // The base has nothing more behind a short page; behind a full one, ours wait for the next page.
            let end = if page.len() < wanted { None } else { page.last().map(|(key, _)| key.clone()) };
            let from = match after.as_deref() {
                Some(after) if after >= prefix => Bound::Excluded(after),
                _ => Bound::Included(prefix),
            };
            let to = end.as_deref().map_or(Bound::Unbounded, Bound::Included);
            let mut merged: BTreeMap<_, _> = page.into_iter().collect();
            // A range panics when its start is behind its end; the base's page lies behind `after`, so it never is.
            let ours = self.changes.range::<[u8], _>((from, to));
            for (key, value) in ours.take_while(|(key, _)| key.starts_with(prefix)) {
                match value {
                    Some(value) => merged.insert(key.clone(), value.clone()),
                    None => merged.remove(key),
                };
            }
            found.extend(merged.into_iter().take(wanted));
            if end.is_none() {
                break;
            }
            after = end;
        }
        Ok(found)
    }

    fn leaf(&self, index: LedgerIndex) -> Result<Option<Vec<u8>>, S::Error> {
        match self.leaves.get(&index) {
            Some(leaf) => Ok(Some(leaf.clone())),
            None => self.base.leaf(index),
        }
    }
}
