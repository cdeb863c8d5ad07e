//! How the state machine reads its state.

use mesh_model::LedgerIndex;

/// A key with its value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// Stored state that is not what this crate wrote. Deciding on it would make this node differ from the others, so
/// [`apply`](crate::apply) stops instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{what} {why}", if self.needs_protocol.is_some() { "" } else { "the stored state is damaged: " })]
pub struct Damage {
    /// Which record or leaf.
    pub what: String,
    /// What was expected of it.
    pub why: String,
    /// Nothing is broken, but the rules in force are those of this protocol version, which this build does not know: update it. The
    /// ledger before this leaf stands; nothing behind it may be decided here.
    pub needs_protocol: Option<u32>,
}

impl Damage {
    pub(crate) fn new(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { what: what.into(), why: why.into(), needs_protocol: None }
    }

    /// Of a state whose rules this build does not know.
    pub(crate) fn needs_protocol(version: u32, known: u32) -> Self {
        let why = format!("is version {version}; this build knows 1 to {known}: update it");
        Self { what: "the protocol in force".to_owned(), why, needs_protocol: Some(version) }
    }
}

/// A consistent view of the state and the ledger, as of some number of leaves.
///
/// Keys and values are opaque to an implementation; [`crate::keys`] draws them.
pub trait StateRead {
    /// Why a read failed. Also takes the damage that this crate finds in what was read.
    type Error: std::error::Error + From<Damage> + Send + Sync + 'static;

    /// The value of a key.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Self::Error>;

    /// The greatest key that starts with `prefix` and is less than `below`, with its value.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn last_below(&self, prefix: &[u8], below: &[u8]) -> Result<Option<Pair>, Self::Error>;

    /// At most `limit` keys that start with `prefix` and are greater than `after`, ascending, with their values.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Pair>, Self::Error>;

    /// The exact bytes of a leaf; `None` only when the ledger has no such leaf yet.
    ///
    /// # Errors
    /// When the store cannot be read, and when it lacks a leaf below the ledger's size (as after the installation of a
    /// snapshot): to decide without it would be to decide otherwise than the others.
    fn leaf(&self, index: LedgerIndex) -> Result<Option<Vec<u8>>, Self::Error>;
}

impl<T: StateRead + ?Sized> StateRead for &T {
    type Error = T::Error;

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Self::Error> {
        (**self).get(key)
    }
    fn last_below(&self, prefix: &[u8], below: &[u8]) -> Result<Option<Pair>, Self::Error> {
        (**self).last_below(prefix, below)
    }
    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Pair>, Self::Error> {
        (**self).scan(prefix, after, limit)
    }
    fn leaf(&self, index: LedgerIndex) -> Result<Option<Vec<u8>>, Self::Error> {
        (**self).leaf(index)
    }
}
