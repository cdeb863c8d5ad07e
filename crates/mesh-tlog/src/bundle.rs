//! Entry bundles: the leaves behind a tile of level 0, in one file (C2SP tlog-tiles, "Log
//! entries").

/// The largest leaf an entry bundle can carry, in bytes: its length is a `u16`.
pub const MAX_ENTRY_BYTES: usize = u16::MAX as usize;

/// Leaves that fit no bundle, or bytes that are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// A leaf is larger than the format can say.
    #[error("expected entries of at most 65535 bytes, found entry {position} with {found}")]
    EntryTooLarge {
        /// The leaf's place in the bundle.
        position: usize,
        /// Its length in bytes.
        found: usize,
    },
    /// The bytes end within an entry.
    #[error("the bundle ends within entry {position}")]
    Truncated {
        /// The entry's place in the bundle.
        position: usize,
    },
    /// Another number of entries than the bundle's width.
    #[error("expected a bundle of {expected} entries, found {found}")]
    Count {
        /// The width.
        expected: usize,
        /// How many entries there are.
        found: usize,
    },
}

/// The bundle of these leaves: each with its length before it, a big-endian `u16`.
///
/// # Errors
/// [`BundleError::EntryTooLarge`].
pub fn encode_bundle<T: AsRef<[u8]>>(entries: impl IntoIterator<Item = T>) -> Result<Vec<u8>, BundleError> {
    let mut bytes = Vec::new();
    for (position, entry) in entries.into_iter().enumerate() {
        let entry = entry.as_ref();
        let len =
            u16::try_from(entry.len()).map_err(|_| BundleError::EntryTooLarge { position, found: entry.len() })?;
        bytes.extend_from_slice(&len.to_be_bytes());
        bytes.extend_from_slice(entry);
    }
    Ok(bytes)
}

/// The `width` leaves of a bundle.
///
/// # Errors
/// [`BundleError::Truncated`], or [`BundleError::Count`] where the bytes hold more or fewer
/// entries.
pub fn decode_bundle(bytes: &[u8], width: u16) -> Result<Vec<&[u8]>, BundleError> {
    let mut entries = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let truncated = BundleError::Truncated { position: entries.len() };
        let (len, after) = rest.split_first_chunk().ok_or(truncated)?;
        let len = usize::from(u16::from_be_bytes(*len));
        let (entry, after) = after.split_at_checked(len).ok_or(truncated)?;
        entries.push(entry);
        rest = after;
    }
    if entries.len() == usize::from(width) {
        Ok(entries)
    } else {
        Err(BundleError::Count { expected: usize::from(width), found: entries.len() })
    }
}
