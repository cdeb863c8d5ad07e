//! The first byte of every key, which says whose it is. All keyspaces share one tree, so that one batch can change several.

/// Facts about the store itself.
pub(crate) const META: u8 = 0x01;
/// openraft's entries and small records.
pub(crate) const RAFT_LOG: u8 = 0x02;
/// The replicated state.
pub(crate) const STATE: u8 = 0x03;
/// The ledger.
pub(crate) const LEDGER: u8 = 0x04;
/// The feeds.
pub(crate) const FEED: u8 = 0x05;
/// Secondary indexes.
pub(crate) const INDEX: u8 = 0x06;
/// Small records whose loss must be noticed.
pub(crate) const GUARDED: u8 = 0x07;
