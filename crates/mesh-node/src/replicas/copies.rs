//! Who holds how much of which feed, as the others say: for people, never for decisions.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use mesh_event::FeedId;
use mesh_model::NodeId;

/// Feeds that are remembered; more than a node keeps.
const MOST: usize = 20_000;
/// For how long what a node said is shown.
const FORGOTTEN: Duration = Duration::from_mins(10);

/// What one node said of its copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// Which.
    pub node: NodeId,
    /// How many events it holds.
    pub size: u64,
    /// When it said so.
    pub heard: Instant,
}

/// The board on which all of it stands.
#[derive(Default)]
pub struct Copies(Mutex<BTreeMap<FeedId, BTreeMap<NodeId, Holder>>>);

impl Copies {
    /// A node said that it holds so many events.
    pub fn heard(&self, feed: &FeedId, node: NodeId, size: u64, heard: Instant) {
        let mut board = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if board.len() >= MOST && !board.contains_key(feed) {
            return;
        }
        board.entry(feed.clone()).or_default().insert(node, Holder { node, size, heard });
    }

    /// Who holds the feed, by node; without those who said so long ago.
    pub fn of(&self, feed: &FeedId, now: Instant) -> Vec<Holder> {
        let board = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let holders = board.get(feed).into_iter().flat_map(BTreeMap::values);
        holders.filter(|holder| now.saturating_duration_since(holder.heard) < FORGOTTEN).copied().collect()
    }
}
