//! That a node has no say in Raft, and why.

use std::sync::{Arc, OnceLock};

/// Why a node only reads, once that is so: then it stays so. Clones are one.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReadsOnly(Arc<OnceLock<String>>);

impl ReadsOnly {
    /// As the store says.
    pub(crate) fn new(why: Option<String>) -> Self {
        Self(Arc::new(why.map_or_else(OnceLock::new, OnceLock::from)))
    }

    /// From now on. A reason that stands already stays.
    pub(crate) fn set(&self, why: &str) {
        drop(self.0.set(why.to_owned()));
    }

    /// Why, if it is so.
    pub(crate) fn get(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }
}
