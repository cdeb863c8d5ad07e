//! How far the indexes of history and attachments are, and a way to have them catch up.
//!
//! The projector writes them in large batches, because the store's cost is by the batch. Whoever reads one first asks for it to be as
//! far as the ledger: then it is written at once, so that a reader finds what was sealed a moment ago and writers pay nothing for that.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, watch};

/// Shared between the projector and readers.
#[derive(Debug)]
pub struct Folded {
    /// Leaves whose history and owners can be read.
    size: watch::Sender<u64>,
    wanted: AtomicU64,
    call: Notify,
}

impl Folded {
    /// With so many leaves in the indexes.
    pub fn new(size: u64) -> Self {
        Self { size: watch::Sender::new(size), wanted: AtomicU64::new(0), call: Notify::new() }
    }

    /// Waits until the indexes have this many leaves; returns whether they do.
    pub async fn reach(&self, size: u64, within: Duration) -> bool {
        let mut reached = self.size.subscribe();
        if *reached.borrow() >= size {
            return true;
        }
        self.wanted.fetch_max(size, Ordering::SeqCst);
        self.call.notify_one();
        tokio::time::timeout(within, reached.wait_for(|now| *now >= size)).await.is_ok_and(|found| found.is_ok())
    }

    /// Resolves when somebody waits.
    pub(crate) async fn called(&self) {
        self.call.notified().await;
    }

    /// Whether somebody waits for more than there is.
    pub(crate) fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::SeqCst) > *self.size.borrow()
    }

    /// The indexes have this many leaves now.
    pub(crate) fn reached(&self, size: u64) {
        self.size.send_replace(size);
    }
}
