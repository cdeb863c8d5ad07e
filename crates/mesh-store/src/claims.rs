//! Who writes which feed, in this process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::log_name::FeedId;

/// Whose hand appends to a feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hand {
    /// The feed's one writer: this node was delegated.
    Writer,
    /// Copies of what another node wrote.
    Copier,
}

/// The hands that feeds were given to since the store was opened, shared by all handles. What is on the disk says whose a feed with leaves
/// is; this says it for one that has none yet.
#[derive(Debug, Clone, Default)]
pub(crate) struct Claims(Arc<Mutex<BTreeMap<FeedId, Hand>>>);

impl Claims {
    /// Gives the feed to a hand; returns whether it is, or was already, in that one.
    pub(crate) fn claim(&self, feed: &FeedId, hand: Hand) -> bool {
        let mut claims = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *claims.entry(feed.clone()).or_insert(hand) == hand
    }
}
