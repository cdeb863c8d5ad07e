//! What readers of a past state still need while the state moves on.

use std::collections::BTreeMap;

use mesh_governance::StateChange;
use mesh_store::{KeyRange, Page, StateView, StoreError};

/// Entries per page.
const PAGE: usize = 256;
/// Replaced values that are kept for one export, in bytes, before it is given up. The leader then begins another.
const KEEP_BYTES: usize = 64 << 20;

/// The exports that are under way.
///
/// An export reads the state page by page, as it was when the export began, while entries go on being applied: whoever changes a
/// key that an export hasn't come to yet leaves the old value here. So nothing is copied in advance and nothing waits; what is kept
/// is bounded by the keys that change meanwhile.
#[derive(Default)]
pub(crate) struct Exports {
    next_id: u64,
    open: BTreeMap<u64, Progress>,
}

struct Progress {
    generation: u32,
    /// Keys below were read.
    cursor: Vec<u8>,
    done: bool,
    /// What keys from the cursor on held at the beginning, where that changed; `None`: nothing.
    before: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    bytes: usize,
}

/// Entries of the state, by key.
pub(crate) type StatePage = Vec<(Vec<u8>, Vec<u8>)>;

/// Why an export can't go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExportError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the state changed by more than {KEEP_BYTES} bytes, or was replaced, while it was being sent")]
    Overtaken,
}

impl Exports {
    /// Begins an export of `view`, the state in use.
    pub(crate) fn begin(&mut self, view: &StateView) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        let generation = view.generation();
        let progress = Progress { generation, cursor: Vec::new(), done: false, before: BTreeMap::new(), bytes: 0 };
        self.open.insert(id, progress);
        id
    }

    pub(crate) fn end(&mut self, id: u64) {
        self.open.remove(&id);
    }

    /// Called before `changes` are written to `view`.
    pub(crate) fn before_changes(&mut self, view: &StateView, changes: &[StateChange]) -> Result<(), StoreError> {
        for progress in self.open.values_mut().filter(|progress| !progress.done) {
            for StateChange { key, .. } in changes {
                if key >= &progress.cursor && !progress.before.contains_key(key) {
                    let old = view.get(key)?;
                    progress.bytes += key.len() + old.as_ref().map_or(0, Vec::len);
                    progress.before.insert(key.clone(), old);
                }
            }
        }
        self.open.retain(|_, progress| progress.bytes <= KEEP_BYTES);
        Ok(())
    }

    /// The next page of an export, by key; `None` after the last.
    pub(crate) fn page(&mut self, id: u64, view: &StateView) -> Result<Option<StatePage>, ExportError> {
        let progress = self.open.get_mut(&id).ok_or(ExportError::Overtaken)?;
        if progress.generation != view.generation() {
            return Err(ExportError::Overtaken);
        }
        if progress.done {
            return Ok(None);
        }
        let page = view.range(&KeyRange::all().from(&progress.cursor), Page::first(PAGE))?;
        let next = page.last().filter(|_| page.len() == PAGE).map(|(last, _)| [last.as_slice(), &[0]].concat());
        let later = next.as_ref().map(|next| progress.before.split_off(next)).unwrap_or_default();
        let mut entries: BTreeMap<_, _> = page.into_iter().collect();
        for (key, old) in std::mem::replace(&mut progress.before, later) {
            match old {
                Some(old) => entries.insert(key, old),
                None => entries.remove(&key),
            };
        }
        progress.done = next.is_none();
        progress.cursor = next.unwrap_or_default();
        Ok(Some(entries.into_iter().collect()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use mesh_store::{Batch, Store};

    fn key(n: u32) -> Vec<u8> {
        n.to_be_bytes().to_vec()
    }

    fn write(store: &Store, exports: &mut Exports, changes: Vec<StateChange>) {
        let view = store.state().current().unwrap();
        exports.before_changes(&view, &changes).unwrap();
        let mut batch = Batch::new();
        view.apply(&mut batch, changes.into_iter().map(|change| (change.key, change.value)));
        store.committer().commit_blocking(batch).unwrap();
    }

    fn put(n: u32, value: &[u8]) -> StateChange {
        StateChange { key: key(n), value: Some(value.to_vec()) }
    }

    #[test]
    fn an_export_shows_the_state_of_its_beginning_whatever_changes_meanwhile() {
        let store = Store::in_memory(1).unwrap();
        let mut exports = Exports::default();
        // Even keys, over three pages.
        let old: Vec<_> = (0..300).map(|n| put(2 * n, b"old")).collect();
        write(&store, &mut exports, old.clone());
        let view = store.state().current().unwrap();
        let id = exports.begin(&view);
        let mut found = exports.page(id, &view).unwrap().unwrap();
        // Behind the cursor, at it, ahead of it; changed, added, removed, and twice.
        for n in [0, 1, 508, 510, 511, 512, 513, 598, 599, 700] {
            write(&store, &mut exports, vec![put(n, b"new")]);
            write(&store, &mut exports, vec![put(n, b"newer")]);
        }
        write(&store, &mut exports, vec![StateChange { key: key(514), value: None }]);
        while let Some(page) = exports.page(id, &view).unwrap() {
            found.extend(page);
        }
        let expected: Vec<_> = old.into_iter().map(|change| (change.key, change.value.unwrap())).collect();
        assert_eq!(found, expected);
        exports.end(id);
    }

    #[test]
    fn an_export_of_a_state_that_was_replaced_fails() {
        let store = Store::in_memory(1).unwrap();
        let mut exports = Exports::default();
        let id = exports.begin(&store.state().view(0));
        assert!(matches!(exports.page(id, &store.state().view(1)), Err(ExportError::Overtaken)));
    }
}
