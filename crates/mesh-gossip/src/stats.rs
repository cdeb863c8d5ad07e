//! What the machine counts.

use crate::drop_reason::DropReason;

/// Counts since the machine was made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GossipStats {
    /// Packets that were taken.
    pub received: u64,
    /// Packets that were sent.
    pub sent: u64,
    /// Bytes in them, without UDP's and IP's headers.
    pub sent_bytes: u64,
    /// Signatures of packets that were checked.
    pub checked: u64,
    /// Heads and rumours that were not what they claimed to be.
    pub refused_news: u64,
    /// How slow this node takes itself for: 0 is healthy.
    pub slowness: u32,
    /// Pieces of news that are being passed on.
    pub backlog: usize,
    dropped: [u64; DropReason::ALL.len()],
}

impl GossipStats {
    pub(crate) fn drop(&mut self, reason: DropReason) {
        self.dropped[reason as usize] += 1;
    }

    /// Packets that were dropped, by reason.
    pub fn dropped(&self) -> impl Iterator<Item = (DropReason, u64)> {
        DropReason::ALL.into_iter().zip(self.dropped)
    }

    /// Packets that were dropped for this reason.
    pub fn dropped_for(&self, reason: DropReason) -> u64 {
        self.dropped[reason as usize]
    }
}
