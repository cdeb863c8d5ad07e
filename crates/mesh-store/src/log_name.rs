//! Names of the Merkle logs of one node.

use std::fmt;

use crate::StoreError;

/// The longest domain name, in bytes.
pub const MAX_DOMAIN_BYTES: usize = 128;

/// One feed: a domain, and the epoch of the delegation under which its node writes. A new epoch is a new log.
///
/// # Key bytes
///
/// ```text
/// domain (UTF-8, no NUL) | 0x00 | epoch: u64, big-endian
/// ```
///
/// so feeds sort by domain, then epoch.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FeedId {
    domain: String,
    epoch: u64,
}

impl FeedId {
    /// The feed of `domain` in `epoch`.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for an empty domain or one with a NUL, [`StoreError::TooLong`] over [`MAX_DOMAIN_BYTES`].
    pub fn new(domain: impl Into<String>, epoch: u64) -> Result<Self, StoreError> {
        let domain = domain.into();
        if domain.len() > MAX_DOMAIN_BYTES {
            return Err(StoreError::TooLong { what: "a domain name", limit: MAX_DOMAIN_BYTES, found: domain.len() });
        }
        if domain.is_empty() || domain.contains('\0') {
            return Err(StoreError::Invalid { expected: "a domain name without NUL", found: domain });
        }
        Ok(Self { domain, epoch })
    }

    /// The domain's name.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The epoch.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The key bytes, as drawn at [`FeedId`].
    pub(crate) fn to_key(&self) -> Vec<u8> {
        let mut key = Vec::with_capacity(self.domain.len() + 9);
        key.extend_from_slice(self.domain.as_bytes());
        key.push(0);
        key.extend_from_slice(&self.epoch.to_be_bytes());
        key
    }

    /// Reads what [`FeedId::to_key`] writes, and nothing else.
    pub(crate) fn from_key(key: &[u8]) -> Option<Self> {
        let (rest, epoch) = key.split_last_chunk::<8>()?;
        let (0, domain) = rest.split_last()? else {
            return None;
        };
        let domain = String::from_utf8(domain.to_vec()).ok()?;
        Self::new(domain, u64::from_be_bytes(*epoch)).ok()
    }
}

impl fmt::Display for FeedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (epoch {})", self.domain, self.epoch)
    }
}

/// A Merkle log of this node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogName {
    /// The global ledger.
    Ledger,
    /// A domain's feed, our own or a copy of a peer's.
    Feed(FeedId),
}

impl fmt::Display for LogName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ledger => f.write_str("the ledger"),
            Self::Feed(feed) => write!(f, "the feed of {feed}"),
        }
    }
}
