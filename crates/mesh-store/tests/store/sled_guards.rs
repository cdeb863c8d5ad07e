//! Each guard around the storage engine, against the defect it is for (docs/adr/0001-sled-guarded.md).

use std::fs;
use std::path::Path;
use std::sync::Arc;

use mesh_store::{Batch, Chunked, DirLock, KeyRange, Kv, Page, SledKv, Store, StoreError, StoreOptions};

fn open(dir: &Path) -> SledKv {
    SledKv::open(dir, 1 << 20, DirLock::acquire(dir).unwrap()).unwrap()
}

#[test]
fn opens_after_a_crash_left_a_half_made_snapshot() {
    let dir = tempfile::tempdir().unwrap();
    let kv = open(dir.path());
    let mut batch = Batch::new();
    batch.put([1], [2]);
    kv.apply(batch).unwrap();
    kv.sync().unwrap();
    drop(kv);
    let left = dir.path().join("snap.00000000000FFFFF.generating");
    fs::write(&left, b"half").unwrap();

    let kv = open(dir.path());
    assert_eq!(kv.get(&[1]).unwrap(), Some(vec![2]));
    assert!(!left.exists());
}

#[test]
fn long_values_and_keys_never_become_blob_files() {
    let dir = tempfile::tempdir().unwrap();
    let kv = Arc::new(open(dir.path()));
    let chunked = Chunked::new(Arc::clone(&kv) as Arc<dyn Kv>);
    let value = |n: u8| vec![n; 64 << 10];
    for round in 0..4_u8 {
        let mut batch = Batch::new();
        for n in 0..40_u8 {
            batch.put([1, n], value(n.wrapping_add(round)));
        }
        chunked.apply(batch).unwrap();
        chunked.sync().unwrap();
    }
    // Inner pages: many keys, as long as they may be.
    for start in 0..20_u16 {
        let mut batch = Batch::new();
        for n in start * 500..(start + 1) * 500 {
            let mut key = vec![2; 238];
            key.extend_from_slice(&n.to_be_bytes());
            batch.put(key, []);
        }
        chunked.apply(batch).unwrap();
    }
    chunked.sync().unwrap();
    assert_eq!(kv.blob_files().unwrap(), 0);
    drop(chunked);
    drop(kv);

    let kv = Arc::new(open(dir.path()));
    let chunked = Chunked::new(Arc::clone(&kv) as Arc<dyn Kv>);
    for n in 0..40_u8 {
        assert_eq!(chunked.get(&[1, n]).unwrap(), Some(value(n + 3)));
    }
    let keys = chunked.keys(&KeyRange::prefix([2]), Page::first(20_000)).unwrap();
    assert_eq!(keys.len(), 10_000);
    assert_eq!(kv.blob_files().unwrap(), 0);
}

#[test]
fn one_batch_may_be_many_times_a_segment() {
    let dir = tempfile::tempdir().unwrap();
    let kv = Arc::new(open(dir.path()));
    let chunked = Chunked::new(Arc::clone(&kv) as Arc<dyn Kv>);
    let mut batch = Batch::new();
    batch.put([1], vec![7; 16 << 20]);
    chunked.apply(batch).unwrap();
    chunked.sync().unwrap();
    drop(chunked);
    drop(kv);
    let chunked = Chunked::new(Arc::new(open(dir.path())));
    assert_eq!(chunked.get(&[1]).unwrap(), Some(vec![7; 16 << 20]));
}

#[test]
fn a_second_opener_is_told_that_the_store_is_in_use_and_touches_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), StoreOptions::default()).unwrap();
    // As the first opener would have it in the middle of opening.
    let snapshot = dir.path().join("kv/snap.0000000000000001.generating");
    fs::write(&snapshot, b"half").unwrap();
    let error = Store::open(dir.path(), StoreOptions::default()).err().unwrap();
    assert!(matches!(error, StoreError::InUse { .. }));
    assert!(error.to_string().starts_with("store is in use by another process"));
    assert!(snapshot.exists());

    drop(store);
    Store::open(dir.path(), StoreOptions::default()).unwrap();
}
