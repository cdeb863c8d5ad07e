//! Group commit: order, grouping, back-pressure, and what a failed sync means.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mesh_store::{
    Batch, Callback, CommitLimits, Committer, Crash, MemDisk, MemoryLoop, Store, StoreError, StoreOptions,
};

fn batch(store: &Store, name: &str, value: &[u8]) -> Batch {
    let mut batch = Batch::new();
    store.meta().put_value(&mut batch, name, value).unwrap();
    batch
}

/// A callback, and what it will be told.
fn tell() -> (Callback, Receiver<Result<(), StoreError>>) {
    let (sender, receiver) = channel();
    (Box::new(move |result| sender.send(result).unwrap()), receiver)
}

fn manual(disk: &MemDisk, options: StoreOptions) -> Store {
    Store::open_memory(disk, MemoryLoop::Manual, options).unwrap()
}

#[test]
fn all_that_wait_share_one_sync_and_are_told_in_order() {
    let disk = MemDisk::new(1);
    let store = manual(&disk, StoreOptions::default());
    let syncs = disk.syncs();
    let told = Arc::new(Mutex::new(Vec::new()));
    for n in 0..100_u8 {
        let told = Arc::clone(&told);
        let callback: Callback = Box::new(move |result| {
            result.unwrap();
            told.lock().unwrap().push(n);
        });
        store.committer().commit(batch(&store, "n", &[n]), callback);
    }
    assert!(told.lock().unwrap().is_empty());
    assert_eq!(store.meta().value("n").unwrap(), None);
    assert_eq!(store.committer().step(), 100);
    assert_eq!(*told.lock().unwrap(), (0..100).collect::<Vec<u8>>());
    assert_eq!(store.meta().value("n").unwrap(), Some(vec![99]));
    assert_eq!(disk.syncs(), syncs + 1);
    let stats = store.committer().stats();
    assert_eq!((stats.commits, stats.syncs, stats.largest_group), (100, 1, 100));
}

#[test]
fn a_full_queue_hands_the_commit_back_whole() {
    let disk = MemDisk::new(1);
    let options =
        StoreOptions { limits: CommitLimits { waiting: 2, ..CommitLimits::default() }, ..StoreOptions::default() };
    let store = manual(&disk, options);
    let mut told = Vec::new();
    for n in 0..2_u8 {
        let (callback, receiver) = tell();
        store.committer().try_commit(batch(&store, "n", &[n]), callback).ok().unwrap();
        told.push(receiver);
    }
    let (callback, receiver) = tell();
    let refused = store.committer().try_commit(batch(&store, "n", &[2]), callback).err().unwrap();
    assert!(matches!(refused.error, StoreError::Full { waiting: 2 }));
    store.committer().step();
    for receiver in told {
        receiver.try_recv().unwrap().unwrap();
    }
    // There is room again, and what came back is what was handed in.
    store.committer().try_commit(refused.batch, refused.callback).ok().unwrap();
    store.committer().step();
    receiver.try_recv().unwrap().unwrap();
    assert_eq!(store.meta().value("n").unwrap(), Some(vec![2]));
}

#[test]
fn a_writer_waits_for_room_in_a_full_queue_and_gets_it() {
    let options =
        StoreOptions { limits: CommitLimits { waiting: 1, ..CommitLimits::default() }, ..StoreOptions::default() };
    let store = Store::open_memory(&MemDisk::new(1), MemoryLoop::Thread, options).unwrap();
    let done = Arc::new(AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for n in 0..100 {
                    let done = Arc::clone(&done);
                    let callback: Callback = Box::new(move |result| {
                        result.unwrap();
                        done.fetch_add(1, Ordering::SeqCst);
                    });
                    store.committer().commit(batch(&store, "n", &[n]), callback);
                }
            });
        }
    });
    store.close().unwrap();
    assert_eq!(done.load(Ordering::SeqCst), 400);
}

#[test]
fn a_failed_sync_is_told_to_all_and_ends_writing_for_ever() {
    let fatal = Arc::new(Mutex::new(Vec::new()));
    for commit_loop in [MemoryLoop::Manual, MemoryLoop::Thread] {
        let disk = MemDisk::new(1);
        let heard = Arc::clone(&fatal);
        let options = StoreOptions {
            fatal: Arc::new(move |error| heard.lock().unwrap().push(error.chain())),
            ..StoreOptions::default()
        };
        let store = Store::open_memory(&disk, commit_loop, options).unwrap();
        store.committer().commit_blocking(batch(&store, "kept", &[1])).unwrap();
        disk.fail_syncs(1);
        let (first, second) = (tell(), tell());
        store.committer().commit(batch(&store, "a", &[1]), first.0);
        store.committer().commit(batch(&store, "b", &[1]), second.0);
        store.committer().step();
        for receiver in [first.1, second.1] {
            receiver.recv().unwrap().unwrap_err();
        }
        // The disk would take it again; the store doesn't ask.
        let late = store.committer().commit_blocking(batch(&store, "c", &[1]));
        assert!(matches!(late, Err(StoreError::Poisoned { .. })));
        let late = store.committer().apply_relaxed(batch(&store, "c", &[1]));
        assert!(matches!(late, Err(StoreError::Poisoned { .. })));
        store.close().unwrap_err();
        disk.crash(Crash::LoseUnsynced);
        let store = Store::open_memory(&disk, MemoryLoop::Inline, StoreOptions::default()).unwrap();
        assert_eq!(store.meta().value("kept").unwrap(), Some(vec![1]));
        assert_eq!(store.meta().value("a").unwrap(), None);
    }
    assert_eq!(*fatal.lock().unwrap(), vec!["could not sync the data file: a fault was injected"; 2]);
}

#[test]
fn a_readable_commit_is_read_at_once_and_durable_later() {
    let disk = MemDisk::new(1);
    let store = manual(&disk, StoreOptions::default());
    let (callback, receiver) = tell();
    store.committer().commit(batch(&store, "before", &[1]), Box::new(|_| {}));
    store.committer().commit_readable(batch(&store, "n", &[1]), callback);
    assert_eq!(store.meta().value("before").unwrap(), Some(vec![1]));
    assert_eq!(store.meta().value("n").unwrap(), Some(vec![1]));
    receiver.try_recv().unwrap_err();
    assert_eq!(disk.unsynced_batches(), 1);
    store.committer().step();
    receiver.try_recv().unwrap().unwrap();
    assert_eq!(disk.unsynced_batches(), 0);
}

#[test]
fn a_relaxed_batch_is_durable_with_the_next_commit_or_on_close() {
    for by_close in [false, true] {
        let disk = MemDisk::new(1);
        let store = Store::open_memory(&disk, MemoryLoop::Thread, StoreOptions::default()).unwrap();
        store.committer().apply_relaxed(batch(&store, "relaxed", &[1])).unwrap();
        if by_close {
            store.close().unwrap();
        } else {
            store.committer().commit_blocking(batch(&store, "n", &[1])).unwrap();
        }
        disk.crash(Crash::LoseUnsynced);
        let store = manual(&disk, StoreOptions::default());
        assert_eq!(store.meta().value("relaxed").unwrap(), Some(vec![1]));
    }
}

#[test]
fn relaxed_batches_go_along_with_a_commit_or_by_themselves_when_they_waited_long_enough() {
    let disk = MemDisk::new(1);
    let never = StoreOptions {
        limits: CommitLimits { relaxed_sync: Duration::MAX, ..CommitLimits::default() },
        ..StoreOptions::default()
    };
    let store = Store::open_memory(&disk, MemoryLoop::Thread, never).unwrap();
    let (syncs, applied) = (disk.syncs(), disk.unsynced_batches());
    for n in 0..10 {
        store.committer().apply_relaxed(batch(&store, "relaxed", &[n])).unwrap();
    }
    // They wait in memory: the engine's cost is by the batch.
    assert_eq!((disk.syncs(), disk.unsynced_batches()), (syncs, applied));
    store.committer().commit_blocking(batch(&store, "n", &[1])).unwrap();
    assert_eq!(disk.syncs(), syncs + 1);
    store.close().unwrap();

    let disk = MemDisk::new(1);
    let at_once = StoreOptions {
        limits: CommitLimits { relaxed_sync: Duration::ZERO, ..CommitLimits::default() },
        ..StoreOptions::default()
    };
    let store = Store::open_memory(&disk, MemoryLoop::Thread, at_once).unwrap();
    let syncs = disk.syncs();
    store.committer().apply_relaxed(batch(&store, "relaxed", &[1])).unwrap();
    while disk.syncs() == syncs {
        std::thread::yield_now();
    }
    assert_eq!(store.meta().value("relaxed").unwrap(), Some(vec![1]));
}

#[test]
fn a_bad_batch_is_refused_alone() {
    let store = Store::in_memory(1).unwrap();
    let mut bad = Batch::new();
    bad.put(vec![1; 241], [1]);
    let refused = store.committer().commit_blocking(bad);
    assert!(matches!(refused, Err(StoreError::TooLong { .. })));
    store.committer().commit_blocking(batch(&store, "n", &[1])).unwrap();
}

#[test]
fn a_closed_store_refuses_commits_and_closes_again() {
    let store = Store::open_memory(&MemDisk::new(1), MemoryLoop::Thread, StoreOptions::default());
    let store = store.unwrap();
    store.close().unwrap();
    store.close().unwrap();
    let late = store.committer().commit_blocking(Batch::new());
    assert!(matches!(late, Err(StoreError::Closed)));
}

#[test]
fn a_callback_may_commit() {
    for commit_loop in [MemoryLoop::Inline, MemoryLoop::Thread] {
        let store = Store::open_memory(&MemDisk::new(1), commit_loop, StoreOptions::default()).unwrap();
        let committer: Committer = store.committer().clone();
        let next = batch(&store, "second", &[1]);
        let (callback, receiver) = tell();
        let first: Callback = Box::new(move |result| {
            result.unwrap();
            committer.commit(next, callback);
        });
        store.committer().commit(batch(&store, "first", &[1]), first);
        receiver.recv().unwrap().unwrap();
        assert_eq!(store.meta().value("second").unwrap(), Some(vec![1]));
    }
}
