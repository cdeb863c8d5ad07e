//! Tiles: the stored tree cut into files that are fetched and cached (C2SP tlog-tiles).

use crate::MAX_SIZE;
use crate::hash::{HASH_BYTES, Hash};
use crate::range::read_exactly;
use crate::reader::{HashReader, NodeAddress};

/// The number of tree levels in a tile.
pub const TILE_HEIGHT: u8 = 8;

/// The number of hashes in a full tile.
pub const TILE_WIDTH: u16 = 1 << TILE_HEIGHT;

/// The tile levels that a tree of at most [`MAX_SIZE`] leaves can have: 0 to 7.
const LEVELS: u8 = 8;

/// `width` consecutive hashes of tree level `8 * level`, beginning with number `256 * index`.
///
/// At level 0 they are leaf hashes, at level `l` the hashes of full tiles of level `l - 1`. A tile
/// of 256 hashes is full; the last of a level is mostly partial and never contributes to the level
/// above.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    level: u8,
    index: u64,
    width: u16,
}

/// A tile that can't be, or bytes that are not the tile's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TileError {
    /// A width of 0 or more than 256.
    #[error("expected a tile width of 1 to 256, found {width}")]
    Width {
        /// The width.
        width: u16,
    },
    /// No tree of at most [`MAX_SIZE`] leaves has it.
    #[error("tile {index} of level {level} with width {width} lies beyond the largest tree")]
    BeyondTree {
        /// The tile level.
        level: u8,
        /// The position within the level.
        index: u64,
        /// The number of hashes.
        width: u16,
    },
    /// Not the path of a tile or an entry bundle in its one spelling.
    #[error("expected a path like tile/0/x001/067 or tile/entries/000.p/8, found {found:?}")]
    Path {
        /// The text.
        found: String,
    },
    /// Another number of bytes than the width asks for.
    #[error("expected a tile of {expected} bytes, found {found}")]
    Length {
        /// 32 times the width.
        expected: usize,
        /// How many there are.
        found: usize,
    },
}

impl Tile {
    /// The tile with these coordinates.
    ///
    /// # Errors
    /// [`TileError::Width`] or [`TileError::BeyondTree`].
    pub fn new(level: u8, index: u64, width: u16) -> Result<Self, TileError> {
        if width == 0 || width > TILE_WIDTH {
            return Err(TileError::Width { width });
        }
        let tile = Self { level, index, width };
        if tile.is_within(MAX_SIZE) { Ok(tile) } else { Err(TileError::BeyondTree { level, index, width }) }
    }

    /// The tile `(level, index)` as a tree of `size` leaves has it, full or partial; `None` when it
    /// has not begun yet.
    ///
    /// # Panics
    /// When `size` is more than [`MAX_SIZE`].
    pub fn at(level: u8, index: u64, size: u64) -> Option<Self> {
        let first = index.checked_mul(u64::from(TILE_WIDTH))?;
        let left = hashes_at(level, size).checked_sub(first).filter(|&left| left > 0)?;
        let width = left.min(u64::from(TILE_WIDTH));
        Some(Self { level, index, width: u16::try_from(width).expect("at most 256") })
    }

    /// The tile level; 0 has the leaf hashes.
    pub fn level(&self) -> u8 {
        self.level
    }

    /// The position within the level.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The number of hashes, 1 to 256.
    pub fn width(&self) -> u16 {
        self.width
    }

    /// Whether the tile has all 256 hashes, and so never changes.
    pub fn is_full(&self) -> bool {
        self.width == TILE_WIDTH
    }

    /// Whether a tree of `size` leaves has all the tile's hashes.
    ///
    /// # Panics
    /// When `size` is more than [`MAX_SIZE`].
    pub fn is_within(&self, size: u64) -> bool {
        let end = u128::from(self.index) * u128::from(TILE_WIDTH) + u128::from(self.width);
        end <= u128::from(hashes_at(self.level, size))
    }

    /// The stored subtrees whose hashes the tile consists of, in its order.
    pub fn addresses(&self) -> impl Iterator<Item = NodeAddress> {
        let level = self.level * TILE_HEIGHT;
        let first = self.index * u64::from(TILE_WIDTH);
        (first..first + u64::from(self.width)).map(move |index| (level, index))
    }

    /// Splits the bytes of the tile into its hashes.
    ///
    /// # Errors
    /// [`TileError::Length`] unless there are exactly 32 bytes for each hash.
    pub fn decode(&self, bytes: &[u8]) -> Result<Vec<Hash>, TileError> {
        let expected = usize::from(self.width) * HASH_BYTES;
        if bytes.len() != expected {
            return Err(TileError::Length { expected, found: bytes.len() });
        }
        let (hashes, _) = bytes.as_chunks::<HASH_BYTES>();
        Ok(hashes.iter().copied().map(Hash::new).collect())
    }
}

/// The hashes of `tile` from a stored tree; their concatenation is the file to serve.
///
/// # Errors
/// What the store says.
pub fn read_tile<R: HashReader + ?Sized>(reader: &R, tile: Tile) -> Result<Vec<Hash>, R::Error> {
    read_exactly(reader, &tile.addresses().collect::<Vec<_>>())
}

/// The tiles that a tree of `size` leaves consists of, by level and index; the last of each level
/// may be partial.
///
/// # Panics
/// When `size` is more than [`MAX_SIZE`].
pub fn tiles_at(size: u64) -> impl Iterator<Item = Tile> {
    new_tiles(0, size)
}

/// The tiles that are new or wider when a tree grows from `old_size` to `new_size` leaves, by level
/// and index.
///
/// # Panics
/// When the sizes are reversed or more than [`MAX_SIZE`].
pub fn new_tiles(old_size: u64, new_size: u64) -> impl Iterator<Item = Tile> {
    assert!(old_size <= new_size, "a tree of {old_size} leaves can't become one of {new_size}");
    let width = u64::from(TILE_WIDTH);
    (0..LEVELS).flat_map(move |level| {
        let (old, new) = (hashes_at(level, old_size), hashes_at(level, new_size));
        let indices = if old == new { 0..0 } else { old / width..new.div_ceil(width) };
        indices.map(move |index| Tile::at(level, index, new_size).expect("the level reaches it"))
    })
}

/// The number of hashes on a tile level: the complete subtrees of `256^level` leaves.
fn hashes_at(level: u8, size: u64) -> u64 {
    assert!(size <= MAX_SIZE, "no tree has {size} leaves");
    size.checked_shr(u32::from(level) * u32::from(TILE_HEIGHT)).unwrap_or(0)
}
