//! Claims about copies of a store that is in use.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use mesh_store::{Batch, FeedId, Store, StoreError, StoreOptions};

fn open(folder: &std::path::Path) -> Store {
    Store::open(folder, StoreOptions::default()).unwrap()
}

#[test]
fn a_copy_of_a_busy_store_is_whole_and_holds_all_that_was_acknowledged_before() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("store"));
    let (stop, acknowledged) = (AtomicBool::new(false), AtomicU64::new(0));
    let kept = store.attachments().put(b"an attachment").unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut ledger = store.ledger().appender().unwrap();
            while !stop.load(Ordering::SeqCst) {
                let mut batch = Batch::new();
                let size = ledger.size();
                ledger.append(&mut batch, format!("leaf {size} {}", "x".repeat(3000)).as_bytes());
                // The count lies in another key of the same batch: a torn copy would have one without the other.
                store.meta().put_value(&mut batch, "count", &(size + 1).to_be_bytes()).unwrap();
                store.committer().commit_blocking(batch).unwrap();
                acknowledged.store(size + 1, Ordering::SeqCst);
            }
        });
        for copy in 0..5 {
            while acknowledged.load(Ordering::SeqCst) < 50 * (copy + 1) {
                std::thread::yield_now();
            }
            let before = acknowledged.load(Ordering::SeqCst);
            let target = folder.path().join(format!("copy-{copy}"));
            store.copy_to(&target).unwrap();
            let copy = open(&target);
            assert_eq!(copy.damage(), vec![]);
            let size = copy.ledger().size().unwrap();
            assert!(size >= before, "{size} of {before} acknowledged leaves are in the copy");
            assert_eq!(copy.meta().value("count").unwrap(), Some(size.to_be_bytes().to_vec()));
            assert_eq!(copy.check_whole().unwrap(), size);
            assert_eq!(copy.ledger().root().unwrap(), store.ledger().root_at(size).unwrap());
            assert_eq!(copy.attachments().get(&kept).unwrap().as_deref(), Some(&b"an attachment"[..]));
        }
        stop.store(true, Ordering::SeqCst);
    });
}

#[test]
fn a_copy_goes_into_a_new_folder_only() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("store"));
    let taken = folder.path().join("taken");
    std::fs::create_dir(&taken).unwrap();
    assert!(matches!(store.copy_to(&taken), Err(StoreError::Invalid { .. })));
    assert_eq!(std::fs::read_dir(&taken).unwrap().count(), 0);
    assert!(Store::in_memory(1).unwrap().copy_to(&folder.path().join("new")).is_err());
}

#[test]
fn authority_that_was_given_up_stays_lost_and_the_first_reason_stands() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.give_up_authority("restored").unwrap();
    store.give_up_authority("again").unwrap();
    store.close().unwrap();
    drop(store);
    let store = open(folder.path());
    assert_eq!(store.lost_authority().unwrap().as_deref(), Some("restored"));
}

#[test]
fn a_leaf_that_is_another_is_found_by_reading_everything() {
    let store = Store::in_memory(3).unwrap();
    let feed = store.feed(FeedId::new("sales", 1).unwrap());
    let mut log = feed.log().appender().unwrap();
    let mut batch = Batch::new();
    log.append_all(&mut batch, ["a", "b", "c"]);
    store.committer().commit_blocking(batch).unwrap();
    assert_eq!(store.check_whole().unwrap(), 3);
    let mut batch = Batch::new();
    feed.log().put_leaf(&mut batch, 1, b"B");
    store.committer().commit_blocking(batch).unwrap();
    assert!(matches!(store.check_whole(), Err(StoreError::Corrupt { .. })));
}
