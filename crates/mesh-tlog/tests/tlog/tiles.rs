use mesh_tlog::{
    BundleError, HASH_BYTES, MAX_ENTRY_BYTES, MAX_SIZE, Tile, TileError, TilePath, decode_bundle, encode_bundle,
    new_tiles, node_hash, read_tile, tiles_at,
};
use proptest::prelude::*;

use crate::cases;
use crate::tree::{leaves, mth, store};

fn tile(level: u8, index: u64, width: u16) -> Tile {
    Tile::new(level, index, width).unwrap()
}

#[test]
fn a_tree_of_70000_consists_of_the_tiles_the_specification_names() {
    let tiles: Vec<_> = tiles_at(70_000).collect();
    let level_0: Vec<_> = (0..273).map(|index| tile(0, index, 256)).collect();
    assert_eq!(&tiles[..273], level_0);
    let rest = [tile(0, 273, 112), tile(1, 0, 256), tile(1, 1, 17), tile(2, 0, 1)];
    assert_eq!(&tiles[273..], rest);
}

#[test]
fn tiles_of_small_trees() {
    let at = |size| tiles_at(size).collect::<Vec<_>>();
    assert_eq!(at(0), []);
    assert_eq!(at(1), [tile(0, 0, 1)]);
    assert_eq!(at(255), [tile(0, 0, 255)]);
    assert_eq!(at(256), [tile(0, 0, 256), tile(1, 0, 1)]);
    assert_eq!(at(257), [tile(0, 0, 256), tile(0, 1, 1), tile(1, 0, 1)]);
}

#[test]
fn growing_renews_only_the_tiles_that_got_wider() {
    let grown = |old, new| new_tiles(old, new).collect::<Vec<_>>();
    assert_eq!(grown(3, 3), []);
    assert_eq!(grown(3, 5), [tile(0, 0, 5)]);
    assert_eq!(grown(256, 257), [tile(0, 1, 1)]);
    assert_eq!(grown(255, 513), [tile(0, 0, 256), tile(0, 1, 256), tile(0, 2, 1), tile(1, 0, 2)]);
    assert_eq!(grown(MAX_SIZE - 1, MAX_SIZE), [tile(0, (1 << 55) - 1, 255)]);
}

#[test]
fn paths_are_those_of_the_specification() {
    for (path, tile) in [
        ("tile/0/x001/x234/067", tile(0, 1_234_067, 256)),
        ("tile/0/000", tile(0, 0, 256)),
        ("tile/0/273.p/112", tile(0, 273, 112)),
        ("tile/1/x001/000.p/255", tile(1, 1000, 255)),
        ("tile/2/000.p/1", tile(2, 0, 1)),
    ] {
        assert_eq!(TilePath::Hashes(tile).to_string(), path);
        assert_eq!(path.parse(), Ok(TilePath::Hashes(tile)));
    }
    let entries = TilePath::entries(tile(0, 999, 8)).unwrap();
    assert_eq!(entries.to_string(), "tile/entries/999.p/8");
    assert_eq!("tile/entries/999.p/8".parse(), Ok(entries));
    assert_eq!(TilePath::entries(tile(1, 0, 8)), None);
}

#[test]
fn rejects_every_other_path() {
    for path in [
        "",
        "tile",
        "tile/0",
        "tile/0/",
        "/tile/0/000",
        "tile/0/000/",
        "tile/00/000",
        "tile/+0/000",
        "tile/-1/000",
        "tile/64/000",
        "tile/256/000",
        "tile/data/000",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/x000",
        "tile/0/x000/001",
        "tile/0/001/002",
        "tile/0/x001/x002",
        "tile/0/X001/002",
        "tile/0/../000",
        "tile/0/+01",
        "tile/0/000.p",
        "tile/0/000.p/",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/65537",
        "tile/0/000.p/1.p/1",
        "tile/0/000.p/1/",
        "tile/0/000?x=1",
        "tile/0/٠٠٠",
        "tile/entries/x00",
        "tile/8/000.p/1",
        "tile/7/000",
        "tile/0/x999/x999/x999/x999/x999/999",
        "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
    ] {
        assert!(path.parse::<TilePath>().is_err(), "{path:?}");
    }
}

#[test]
fn rejects_tiles_of_no_tree() {
    for width in [0, 257, u16::MAX] {
        assert_eq!(Tile::new(0, 0, width), Err(TileError::Width { width }));
    }
    for (level, index, width) in [(0, 1 << 55, 1), (0, u64::MAX, 256), (7, 0, 128), (8, 0, 1)] {
        let beyond = TileError::BeyondTree { level, index, width };
        assert_eq!(Tile::new(level, index, width), Err(beyond));
    }
    assert!(Tile::new(7, 0, 127).is_ok());
    assert_eq!(Tile::at(7, 0, MAX_SIZE), Some(tile(7, 0, 127)));
    assert_eq!(Tile::at(200, 0, MAX_SIZE), None);
    assert_eq!(Tile::at(0, u64::MAX, MAX_SIZE), None);
}

#[test]
fn a_tile_is_within_the_trees_that_reached_it() {
    let partial = tile(0, 1, 3);
    assert!(!partial.is_within(258));
    assert!(partial.is_within(259));
    assert!(partial.is_within(100_000));
    assert!(!tile(1, 0, 2).is_within(511));
    assert!(tile(1, 0, 2).is_within(512));
}

#[test]
fn a_tile_has_the_hashes_of_the_definition() {
    let all = leaves(600);
    let stored = store(&all);
    let level_0 = read_tile(&stored, tile(0, 1, 256)).unwrap();
    assert_eq!(level_0, all[256..512]);
    let level_1 = read_tile(&stored, tile(1, 0, 2)).unwrap();
    assert_eq!(level_1, [mth(&all[..256]), mth(&all[256..512])]);
    // A full tile is the subtree whose one hash stands in the tile above.
    assert_eq!(mth(&level_0), level_1[1]);
    assert_eq!(node_hash(level_1[0], level_1[1]), mth(&all[..512]));

    let bytes: Vec<_> = level_1.iter().flat_map(|hash| hash.to_bytes()).collect();
    assert_eq!(tile(1, 0, 2).decode(&bytes), Ok(level_1));
    for wrong in [0, HASH_BYTES, 2 * HASH_BYTES - 1] {
        assert!(tile(1, 0, 2).decode(&bytes[..wrong]).is_err());
    }
}

#[test]
fn entry_bundles_read_back_and_nothing_else_does() {
    let largest = vec![7; MAX_ENTRY_BYTES];
    let entries: [&[u8]; 3] = [b"one", b"", &largest];
    let bytes = encode_bundle(entries).unwrap();
    assert_eq!(&bytes[..7], b"\x00\x03one\x00\x00");
    assert_eq!(decode_bundle(&bytes, 3).unwrap(), entries);
    for (expected, found) in [(2, 3), (4, 3)] {
        assert_eq!(decode_bundle(&bytes, expected), Err(BundleError::Count { expected: usize::from(expected), found }));
    }
    for (cut, position) in [(1, 0), (4, 0), (6, 1), (bytes.len() - 1, 2)] {
        assert_eq!(decode_bundle(&bytes[..cut], 3), Err(BundleError::Truncated { position }));
    }
    assert_eq!(
        encode_bundle([vec![], vec![0; MAX_ENTRY_BYTES + 1]]),
        Err(BundleError::EntryTooLarge { position: 1, found: MAX_ENTRY_BYTES + 1 })
    );
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn tile_paths_read_back(level in 0_u8..8, index in any::<u64>(), width in 1_u16..=256) {
        // As many bits as the largest tree has tiles of the level, less one, so that all are within it.
        let index = index.checked_shr(10 + 8 * u32::from(level)).unwrap_or(0);
        let width = if level == 7 { width.min(127) } else { width };
        let path = TilePath::Hashes(Tile::new(level, index, width)?);
        prop_assert_eq!(path.to_string().parse(), Ok(path));
    }

    #[test]
    fn a_path_that_parses_is_the_one_that_is_written(path in "tile/([0-9]{1,2}|entries)(/x[0-9]{3}){0,3}/[0-9]{3}(\\.p/[0-9]{1,3})?") {
        if let Ok(parsed) = path.parse::<TilePath>() {
            prop_assert_eq!(parsed.to_string(), path);
        }
    }

    #[test]
    fn growing_in_two_steps_makes_no_other_tiles(a in 0_u64..200_000, b in 0_u64..200_000, c in 0_u64..200_000) {
        let mut sizes = [a, b, c];
        sizes.sort_unstable();
        let [old, middle, new] = sizes;
        let mut stepwise: Vec<_> = new_tiles(old, middle).chain(new_tiles(middle, new)).collect();
        stepwise.retain(|tile| Tile::at(tile.level(), tile.index(), new) == Some(*tile));
        stepwise.sort_unstable();
        prop_assert_eq!(stepwise, new_tiles(old, new).collect::<Vec<_>>());
    }
}
