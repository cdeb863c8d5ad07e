//! The right edge of a tree: all that is needed to let it grow.

use crate::MAX_SIZE;
use crate::hash::{HASH_BYTES, Hash, node_hash};
use crate::proof::{ProveError, check_size};
use crate::range::{Range, fold, read_exactly};
use crate::reader::{HashReader, StoredHash};

/// The number of leaves and the hashes of the complete subtrees they make, from left (large) to
/// right (small): one for each set bit of the size, so at most 63. Also known as a compact range.
///
/// It grows and knows its root without reading what was stored before.
///
/// # Bytes
///
/// ```text
/// size: u64, big-endian | one 32-byte hash for each set bit of size, left to right
/// ```
///
/// There is no version byte: whoever stores it wraps it in a versioned record.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    subtrees: Vec<Hash>,
}

/// Bytes that are no [`Frontier`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrontierError {
    /// Another number of bytes than the size asks for (or too few to have a size).
    #[error("expected a frontier of {expected} bytes, found {found}")]
    Length {
        /// How many bytes the size asks for.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// No tree is that large.
    #[error("expected a tree size of at most 2^63 - 1, found {size}")]
    SizeTooLarge {
        /// The size in the bytes.
        size: u64,
    },
}

const SIZE_BYTES: usize = size_of::<u64>();

impl Frontier {
    /// The frontier of the empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// The frontier of the first `size` leaves of a stored tree.
    ///
    /// # Errors
    /// [`ProveError::SizeTooLarge`], or [`ProveError::Read`] where the store fails.
    pub fn from_reader<R: HashReader + ?Sized>(reader: &R, size: u64) -> Result<Self, ProveError<R::Error>> {
        check_size(size).map_err(|size| ProveError::SizeTooLarge { size })?;
        let addresses: Vec<_> = Range::tree(size).subtrees().collect();
        let subtrees = read_exactly(reader, &addresses).map_err(ProveError::Read)?;
        Ok(Self { size, subtrees })
    }

    /// The number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root of the tree: `MTH(D[0:size])` (RFC 6962, 2.1).
    pub fn root(&self) -> Hash {
        fold(&self.subtrees)
    }

    /// The complete subtrees, from left (large) to right (small).
    pub fn subtrees(&self) -> impl Iterator<Item = StoredHash> {
        Range::tree(self.size).subtrees().zip(&self.subtrees).map(|((level, index), &hash)| (level, index, hash))
    }

    /// Adds a leaf and returns the subtrees it completes, the leaf itself first: what a
    /// [`HashReader`] over this tree must have from now on. They never change later, so the store
    /// may write them in any order before it says that the tree has the new size.
    ///
    /// # Panics
    /// After 2^63 - 1 leaves.
    pub fn append(&mut self, leaf_hash: Hash) -> Vec<StoredHash> {
        assert!(self.size < MAX_SIZE, "the tree is full");
        let mut stored = vec![(0, self.size, leaf_hash)];
        let mut hash = leaf_hash;
        // Adding 1 to the size carries over its trailing ones; each is a subtree that now gets its
        // right half.
        let carries = u8::try_from(self.size.trailing_ones()).expect("at most 64");
        for level in 1..=carries {
            let left = self.subtrees.pop().expect("one subtree for each set bit");
            hash = node_hash(left, hash);
            stored.push((level, self.size >> level, hash));
        }
        self.subtrees.push(hash);
        self.size += 1;
        assert_eq!(self.subtrees.len(), self.size.count_ones() as usize);
        stored
    }

    /// The bytes, as drawn at [`Frontier`].
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(encoded_len(self.size));
        bytes.extend_from_slice(&self.size.to_be_bytes());
        for hash in &self.subtrees {
            bytes.extend_from_slice(hash.as_bytes());
        }
        bytes
    }

    /// Reads what [`Frontier::to_bytes`] writes, and nothing else.
    ///
    /// # Errors
    /// [`FrontierError`]: a size no tree has, or another number of bytes than the size asks for.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FrontierError> {
        let Some((size, hashes)) = bytes.split_first_chunk::<SIZE_BYTES>() else {
            return Err(FrontierError::Length { expected: SIZE_BYTES, found: bytes.len() });
        };
        let size = u64::from_be_bytes(*size);
        check_size(size).map_err(|size| FrontierError::SizeTooLarge { size })?;
        if bytes.len() != encoded_len(size) {
            return Err(FrontierError::Length { expected: encoded_len(size), found: bytes.len() });
        }
        let (hashes, _) = hashes.as_chunks::<HASH_BYTES>();
        Ok(Self { size, subtrees: hashes.iter().copied().map(Hash::new).collect() })
    }
}

/// The number of bytes of the frontier of `size` leaves.
fn encoded_len(size: u64) -> usize {
    SIZE_BYTES + HASH_BYTES * size.count_ones() as usize
}
