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
    pub(crate) fn page(&mut self, id: u64, view: &StateView) -> Result<Option<Vec<(Vec<u8>, Vec<u8>)>>, ExportError> {
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
