//! Who may append to a feed, and how a damaged one is taken back to what is whole.

use mesh_store::{Batch, Crash, Damage, FeedId, LogName, MemDisk, MemoryLoop, Store, StoreError, StoreOptions};

fn open(disk: &MemDisk) -> Store {
    Store::open_memory(disk, MemoryLoop::Inline, StoreOptions::default()).unwrap()
}

fn sales() -> FeedId {
    FeedId::new("sales", 1).unwrap()
}

fn copy(store: &Store, leaves: std::ops::Range<u8>) {
    let mut batch = Batch::new();
    store.feed(sales()).log().repairer().unwrap().append_all(&mut batch, leaves.map(|n| [n; 40]));
    store.committer().commit_blocking(batch).unwrap();
}

#[test]
fn a_copy_is_never_written_as_if_it_were_our_own() {
    let disk = MemDisk::new(1);
    let store = open(&disk);
    copy(&store, 0..3);
    assert!(store.feed(sales()).is_copy().unwrap());
    assert!(matches!(store.feed(sales()).log().appender(), Err(StoreError::Copy { .. })));
    drop(store);
    disk.crash(Crash::LoseUnsynced);
    // Nor after a restart, when nobody claimed it yet.
    assert!(matches!(open(&disk).feed(sales()).log().appender(), Err(StoreError::Copy { .. })));
}

#[test]
fn what_is_written_here_takes_no_copies() {
    let disk = MemDisk::new(1);
    let store = open(&disk);
    let mut appender = store.feed(sales()).log().appender().unwrap();
    // Already before its first leaf.
    assert!(matches!(store.feed(sales()).log().repairer(), Err(StoreError::Written { .. })));
    let mut batch = Batch::new();
    appender.append(&mut batch, b"leaf");
    store.committer().commit_blocking(batch).unwrap();
    assert!(matches!(store.feed(sales()).give_up(&mut Batch::new()), Err(StoreError::Written { .. })));
    drop((appender, store));
    disk.crash(Crash::LoseUnsynced);
    let store = open(&disk);
    assert!(matches!(store.feed(sales()).log().repairer(), Err(StoreError::Written { .. })));
    assert!(!store.feed(sales()).is_copy().unwrap());
}

#[test]
fn a_feed_that_is_claimed_for_copies_gets_no_writer_before_its_first_leaf() {
    let store = Store::in_memory(1).unwrap();
    let _copier = store.feed(sales()).log().repairer().unwrap();
    assert!(matches!(store.feed(sales()).log().appender(), Err(StoreError::Copy { .. })));
}

#[test]
fn a_damaged_feed_is_given_up_cut_back_and_filled_from_copies() {
    // The end of the feed is lost although it was acknowledged: the disk lied about its sync.
    let disk = MemDisk::new(3);
    let store = open(&disk);
    let mut appender = store.feed(sales()).log().appender().unwrap();
    let mut before = None;
    for n in 0..13_u8 {
        if n == 9 {
            before = Some(disk.snapshot());
        }
        let mut batch = Batch::new();
        appender.append(&mut batch, &[n; 40]);
        store.committer().commit_blocking(batch).unwrap();
    }
    let whole = store.feed(sales()).log().root().unwrap();
    drop((appender, store));
    disk.restore_database(&before.unwrap());

    let store = open(&disk);
    let feed = store.feed(sales());
    assert!(matches!(store.damage().as_slice(), [Damage::Log { readable_below: 9, .. }]), "{:?}", store.damage());
    let mut batch = Batch::new();
    feed.give_up(&mut batch).unwrap();
    store.committer().commit_blocking(batch).unwrap();
    for batch in feed.cut_damage().unwrap() {
        store.committer().commit_blocking(batch).unwrap();
    }
    assert_eq!(feed.log().size().unwrap(), 9);
    copy(&store, 9..13);
    assert_eq!(store.recheck(&LogName::Feed(sales())).unwrap(), None);
    assert_eq!(feed.log().root().unwrap(), whole);
    assert!(matches!(feed.log().appender(), Err(StoreError::Copy { .. })));
}

#[test]
fn a_byte_that_flips_on_the_disk_is_noticed_and_never_served() {
    let folder = tempfile::tempdir().unwrap();
    let leaf = |n: u8| [b"a leaf that is found in the file ".as_slice(), &[b'a' + n; 60]].concat();
    let store = Store::open(folder.path(), StoreOptions::default()).unwrap();
    let mut batch = Batch::new();
    store.feed(sales()).log().appender().unwrap().append_all(&mut batch, (0..12).map(leaf));
    store.committer().commit_blocking(batch).unwrap();
    store.close().unwrap();
    drop(store);

    let path = folder.path().join("kv/db");
    let mut bytes = std::fs::read(&path).unwrap();
    let last = leaf(11);
    let places: Vec<usize> =
        (0..=bytes.len() - last.len()).filter(|at| bytes[*at..].starts_with(&last)).map(|at| at + 50).collect();
    assert!(!places.is_empty(), "the leaf lies in the file as it is");
    for at in places {
        bytes[at] ^= 1;
    }
    std::fs::write(&path, bytes).unwrap();

    let Ok(store) = Store::open(folder.path(), StoreOptions::default()) else { return };
    let mut noticed = !store.damage().is_empty();
    for n in 0..12 {
        match store.feed(sales()).log().leaf(n.into()) {
            Ok(Some(read)) => assert_eq!(read, leaf(n), "leaf {n}"),
            Ok(None) | Err(_) => noticed = true,
        }
    }
    assert!(noticed);
}
