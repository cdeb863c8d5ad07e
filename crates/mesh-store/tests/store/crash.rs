//! What is there after a simulated power loss: whole batches, in order, and everything that was acknowledged.

use mesh_store::{Batch, Crash, KeyRange, Kv, MemDisk, MemKv, Page, StoreError};

fn put(kv: &MemKv, n: u8) {
    let mut batch = Batch::new();
    for part in 0..4 {
        batch.put([n, part], [n]);
    }
    kv.apply(batch).unwrap();
}

/// Three synced batches and three that are not.
fn half_synced(seed: u64) -> (MemDisk, MemKv) {
    let disk = MemDisk::new(seed);
    let kv = MemKv::open(&disk);
    for n in 0..3 {
        put(&kv, n);
    }
    kv.sync().unwrap();
    for n in 3..6 {
        put(&kv, n);
    }
    (disk, kv)
}

/// How many keys of each batch there are.
fn survivors(disk: &MemDisk) -> Vec<usize> {
    let entries = MemKv::open(disk).range(&KeyRange::all(), Page::first(100)).unwrap();
    (0..6).map(|n| entries.iter().filter(|(key, _)| key[0] == n).count()).collect()
}

#[test]
fn a_crash_takes_what_it_is_told_to_and_nothing_synced() {
    for (crash, expected) in [
        (Crash::LoseNothing, [4, 4, 4, 4, 4, 4]),
        (Crash::LoseUnsynced, [4, 4, 4, 0, 0, 0]),
        (Crash::LoseLast(1), [4, 4, 4, 4, 4, 0]),
        (Crash::LoseLast(9), [4, 4, 4, 0, 0, 0]),
    ] {
        let (disk, _kv) = half_synced(1);
        disk.crash(crash);
        assert_eq!(survivors(&disk), expected, "{crash:?}");
    }
}

#[test]
fn losing_some_keeps_a_prefix_that_the_seed_decides() {
    let mut kept = Vec::new();
    for seed in 0..50 {
        let (disk, _kv) = half_synced(seed);
        disk.crash(Crash::LoseSome);
        let first = survivors(&disk);
        let count = first.iter().filter(|&&keys| keys == 4).count();
        assert!(first[..count].iter().all(|&keys| keys == 4) && first[count..].iter().all(|&keys| keys == 0));
        kept.push(count);

        let (disk, _kv) = half_synced(seed);
        disk.crash(Crash::LoseSome);
        assert_eq!(survivors(&disk), first, "seed {seed}");
    }
    for count in 3..=6 {
        assert!(kept.contains(&count), "no seed kept {count}");
    }
}

#[test]
fn tearing_loses_a_part_of_the_last_batch_only() {
    for seed in 0..50 {
        let (disk, _kv) = half_synced(seed);
        disk.crash(Crash::TearLast);
        let left = survivors(&disk);
        assert_eq!(left[..5], [4; 5]);
        assert!(left[5] < 4, "seed {seed} tore nothing");
    }
}

#[test]
fn a_handle_from_before_the_crash_is_closed() {
    let (disk, kv) = half_synced(1);
    disk.crash(Crash::LoseNothing);
    assert!(matches!(kv.get(&[0, 0]), Err(StoreError::Closed)));
    assert!(matches!(kv.sync(), Err(StoreError::Closed)));
    assert!(matches!(kv.apply(Batch::new()), Err(StoreError::Closed)));
}

#[test]
fn a_failed_sync_keeps_its_batches_unsynced_and_ends_writing() {
    let (disk, kv) = half_synced(1);
    disk.fail_syncs(1);
    assert!(matches!(kv.sync(), Err(StoreError::Io { .. })));
    assert!(matches!(kv.sync(), Err(StoreError::Poisoned { .. })));
    assert!(matches!(kv.apply(Batch::new()), Err(StoreError::Poisoned { .. })));
    assert_eq!(disk.unsynced_batches(), 3);
    disk.crash(Crash::LoseUnsynced);
    assert_eq!(survivors(&disk), [4, 4, 4, 0, 0, 0]);
    MemKv::open(&disk).sync().unwrap();
}
