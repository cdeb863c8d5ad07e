//! The paths under which tiles and entry bundles are served (C2SP tlog-tiles).

use std::fmt;
use std::str::FromStr;

use crate::decimal::parse_decimal;
use crate::excerpt::excerpt;
use crate::tile::{TILE_WIDTH, Tile, TileError};

/// The path of a resource below the log's URL prefix.
///
/// ```text
/// tile/<L>/<N>[.p/<W>]          hashes       tile/0/x001/x234/067    tile 1234067 of level 0, full
/// tile/entries/<N>[.p/<W>]      leaves       tile/entries/000.p/8    the first 8 leaves
/// ```
///
/// `FromStr` accepts exactly what `Display` writes. It takes no `..`, no query and no escape, so a
/// path that parsed can name no other file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TilePath {
    /// The hashes of a tile.
    Hashes(Tile),
    /// The leaves whose hashes are this tile of level 0; made by [`TilePath::entries`], matched as
    /// `Entries { .. }`.
    #[non_exhaustive]
    Entries(Tile),
}

impl TilePath {
    /// The path of the leaves that a tile of level 0 has the hashes of; `None` for other levels,
    /// which have no leaves.
    pub fn entries(tile: Tile) -> Option<Self> {
        (tile.level() == 0).then_some(Self::Entries(tile))
    }

    /// The coordinates, whatever is served there.
    pub fn tile(&self) -> Tile {
        match *self {
            Self::Hashes(tile) | Self::Entries(tile) => tile,
        }
    }
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hashes(tile) => write!(f, "tile/{}/", tile.level())?,
            Self::Entries(_) => f.write_str("tile/entries/")?,
        }
        let tile = self.tile();
        write_index(f, tile.index())?;
        if !tile.is_full() {
            write!(f, ".p/{}", tile.width())?;
        }
        Ok(())
    }
}

/// Three digits an element, all but the last with an `x` before it: no file has the name of a
/// directory.
fn write_index(f: &mut fmt::Formatter<'_>, index: u64) -> fmt::Result {
    let mut unit = 1;
    while index / unit >= 1000 {
        unit *= 1000;
    }
    while unit > 1 {
        write!(f, "x{:03}/", index / unit % 1000)?;
        unit /= 1000;
    }
    write!(f, "{:03}", index % 1000)
}

impl FromStr for TilePath {
    type Err = TileError;

    fn from_str(text: &str) -> Result<Self, TileError> {
        let wrong = || TileError::Path { found: excerpt(text) };
        let path = parse(text).ok_or_else(wrong)??;
        // The parts were read one by one; that they are in their one spelling is said once, by
        // writing them again.
        if path.to_string() == text { Ok(path) } else { Err(wrong()) }
    }
}

/// The path's parts; `None` where the form is wrong, an error where the form is right and the tile
/// impossible.
fn parse(text: &str) -> Option<Result<TilePath, TileError>> {
    let (kind, rest) = text.strip_prefix("tile/")?.split_once('/')?;
    let (elements, width) = match rest.split_once(".p/") {
        None => (rest, TILE_WIDTH),
        Some((elements, width)) => (elements, u16::try_from(parse_decimal(width)?).ok()?),
    };
    let index = elements.split('/').try_fold(0_u64, |index, element| {
        let digits = element.strip_prefix('x').unwrap_or(element);
        let three = digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit());
        let value = three.then(|| digits.parse::<u64>().ok()).flatten()?;
        index.checked_mul(1000)?.checked_add(value)
    })?;
    Some(if kind == "entries" {
        Tile::new(0, index, width).map(TilePath::Entries)
    } else {
        let level = u8::try_from(parse_decimal(kind)?).ok()?;
        Tile::new(level, index, width).map(TilePath::Hashes)
    })
}
