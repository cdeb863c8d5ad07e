//! Ledger and feeds: what is appended is read and proven; what is lost is noticed and refused.

use mesh_store::{
    Batch, Crash, Damage, FeedId, LogName, MemDisk, MemoryLoop, MerkleLog, Store, StoreError, StoreOptions,
};
use mesh_tlog::{
    Frontier, HashReader, check_consistency, check_inclusion, leaf_hash, prove_consistency, prove_inclusion,
};
use proptest::prelude::*;

fn leaf(n: u64) -> Vec<u8> {
    // Every seventh is longer than a chunk.
    let length = if n.is_multiple_of(7) { 5000 } else { 40 };
    n.to_be_bytes().into_iter().cycle().take(length).collect()
}

fn append(store: &Store, log: &MerkleLog, count: u64) {
    let mut batch = Batch::new();
    let mut appender = log.appender().unwrap();
    let first = appender.size();
    appender.append_all(&mut batch, (first..first + count).map(leaf));
    store.committer().commit_blocking(batch).unwrap();
}

fn root_of(count: u64) -> mesh_tlog::Hash {
    let mut frontier = Frontier::new();
    for n in 0..count {
        frontier.append(leaf_hash(&leaf(n)));
    }
    frontier.root()
}

fn reopen(disk: &MemDisk) -> Store {
    Store::open_memory(disk, MemoryLoop::Inline, StoreOptions::default()).unwrap()
}

fn feed_id(domain: &str, epoch: u64) -> FeedId {
    FeedId::new(domain, epoch).unwrap()
}

#[test]
fn every_size_has_its_root_and_its_proofs() {
    let store = Store::in_memory(1).unwrap();
    let ledger = store.ledger();
    let mut appender = ledger.appender().unwrap();
    for n in 0..70 {
        let mut batch = Batch::new();
        assert_eq!(appender.append(&mut batch, &leaf(n)), n);
        store.committer().commit_blocking(batch).unwrap();
        assert_eq!(ledger.size().unwrap(), n + 1);
        assert_eq!(ledger.root().unwrap(), root_of(n + 1));
    }
    for size in 1..=70 {
        let root = ledger.root_at(size).unwrap();
        assert_eq!(root, root_of(size));
        let proof = prove_inclusion(&ledger, size, size / 2).unwrap();
        check_inclusion(&proof, size, root, size / 2, leaf_hash(&leaf(size / 2))).unwrap();
        let proof = prove_consistency(&ledger, size, 70).unwrap();
        check_consistency(&proof, size, root, 70, root_of(70)).unwrap();
    }
    assert!(matches!(ledger.root_at(71), Err(StoreError::MissingHash { .. })));
    assert!(matches!(ledger.read(200, u64::MAX), Err(StoreError::MissingHash { .. })));
    assert_eq!(ledger.leaf(70).unwrap(), None);
    assert_eq!(ledger.leaves(60..100, 3).unwrap(), [(60, leaf(60)), (61, leaf(61)), (62, leaf(62))]);
    assert_eq!(ledger.leaves(68..u64::MAX, 50).unwrap().len(), 2);
}

#[test]
fn one_batch_changes_ledger_state_and_feed_together_or_not_at_all() {
    let disk = MemDisk::new(3);
    let store = Store::open_memory(&disk, MemoryLoop::Manual, StoreOptions::default()).unwrap();
    let feed = store.feed(feed_id("sales", 1));
    let (mut ledger_appender, mut feed_appender) = (store.ledger().appender().unwrap(), feed.log().appender().unwrap());
    let state = store.state().current().unwrap();
    for n in 0..20_u64 {
        let mut batch = Batch::new();
        ledger_appender.append(&mut batch, &leaf(n));
        feed_appender.append(&mut batch, &leaf(n));
        state.apply(&mut batch, [(b"count", Some(n.to_be_bytes()))]);
        state.set_applied(&mut batch, &n.to_be_bytes());
        store.committer().commit_readable(batch, Box::new(|_| {}));
    }
    disk.crash(Crash::LoseLast(7));
    let store = reopen(&disk);
    assert_eq!(store.damage(), []);
    let state = store.state().current().unwrap();
    assert_eq!(state.get(b"count").unwrap(), Some(12_u64.to_be_bytes().to_vec()));
    assert_eq!(state.applied().unwrap(), Some(12_u64.to_be_bytes().to_vec()));
    assert_eq!(store.ledger().root().unwrap(), root_of(13));
    assert_eq!(store.feed(feed_id("sales", 1)).log().root().unwrap(), root_of(13));
}

#[test]
fn a_log_is_appended_to_while_earlier_batches_wait() {
    let disk = MemDisk::new(3);
    let store = Store::open_memory(&disk, MemoryLoop::Manual, StoreOptions::default()).unwrap();
    let mut appender = store.ledger().appender().unwrap();
    for n in 0..10 {
        let mut batch = Batch::new();
        appender.append(&mut batch, &leaf(n));
        store.committer().commit(batch, Box::new(|_| {}));
    }
    assert_eq!(store.ledger().size().unwrap(), 0);
    store.committer().step();
    assert_eq!(store.ledger().root().unwrap(), root_of(10));
}

#[test]
fn feeds_are_listed_by_domain_then_epoch_and_keep_apart() {
    let store = Store::in_memory(1).unwrap();
    // Names that begin with each other, and epochs whose bytes look like names.
    let ids =
        [feed_id("a", 0x6262_6262_6262_6262), feed_id("a", 1), feed_id("a", 2), feed_id("ab", 1), feed_id("b", 0)];
    for (n, id) in (1..).zip(&ids) {
        let feed = store.feed(id.clone());
        append(&store, feed.log(), n);
        let mut batch = Batch::new();
        feed.put_value(&mut batch, "outbox", &n.to_be_bytes()).unwrap();
        store.committer().commit_blocking(batch).unwrap();
    }
    let mut sorted = ids.to_vec();
    sorted.sort();
    assert_eq!(store.feeds().unwrap(), sorted);
    for (n, id) in (1_u64..).zip(ids) {
        let feed = store.feed(id);
        assert_eq!(feed.log().size().unwrap(), n);
        assert_eq!(feed.log().leaves(0..100, 100).unwrap().len() as u64, n);
        assert_eq!(feed.value("outbox").unwrap(), Some(n.to_be_bytes().to_vec()));
    }
    assert!(FeedId::new("a\0b", 1).is_err() && FeedId::new("", 1).is_err());
}

/// A store whose disk lied: its HEAD file knows 20 leaves of the ledger and a feed, its database has fewer.
fn lost_tail(crash: Crash) -> (MemDisk, Store) {
    let disk = MemDisk::new(5);
    let store = reopen(&disk);
    append(&store, &store.ledger(), 15);
    append(&store, store.feed(feed_id("sales", 1)).log(), 10);
    let before = disk.snapshot();
    append(&store, &store.ledger(), 5);
    disk.restore_database(&before);
    disk.crash(crash);
    let store = reopen(&disk);
    (disk, store)
}

#[test]
fn a_lost_acknowledged_tail_is_reported_and_refused() {
    let (disk, store) = lost_tail(Crash::LoseNothing);
    let damage = store.damage();
    assert_eq!(damage.len(), 1);
    assert!(matches!(&damage[0], Damage::Log { log: LogName::Ledger, readable_below: 15, .. }));
    let ledger = store.ledger();
    assert_eq!(ledger.leaf(14).unwrap(), Some(leaf(14)));
    assert!(matches!(
        ledger.leaf(15),
        Err(StoreError::Damaged { log: LogName::Ledger, readable_below: 15, asked: 15 })
    ));
    assert_eq!(ledger.leaves(10..20, 100).unwrap().len(), 5);
    assert!(matches!(ledger.leaves(15..20, 100), Err(StoreError::Damaged { .. })));
    assert!(matches!(ledger.appender(), Err(StoreError::Damaged { .. })));
    // A ledger can be fetched again: no authority is lost. The feed is whole and goes on.
    assert_eq!(store.lost_authority().unwrap(), None);
    append(&store, store.feed(feed_id("sales", 1)).log(), 1);
    // The next start finds it again.
    disk.crash(Crash::LoseNothing);
    assert_eq!(reopen(&disk).damage(), damage);
}

#[test]
fn a_log_fetched_from_peers_is_whole_again() {
    let (disk, store) = lost_tail(Crash::LoseNothing);
    let ledger = store.ledger();
    let mut repairer = ledger.repairer().unwrap();
    for n in 15..20 {
        assert!(store.recheck(&LogName::Ledger).unwrap().is_some());
        let mut batch = Batch::new();
        repairer.append(&mut batch, &leaf(n));
        store.committer().commit_blocking(batch).unwrap();
        assert!(ledger.leaf(n).is_err());
    }
    assert_eq!(store.recheck(&LogName::Ledger).unwrap(), None);
    assert_eq!(store.damage(), []);
    assert_eq!(ledger.leaf(19).unwrap(), Some(leaf(19)));
    append(&store, &ledger, 1);
    disk.crash(Crash::LoseUnsynced);
    assert_eq!(reopen(&disk).damage(), []);
}

#[test]
fn other_leaves_in_the_place_of_the_lost_ones_stay_refused() {
    let (_disk, store) = lost_tail(Crash::LoseNothing);
    let ledger = store.ledger();
    let mut batch = Batch::new();
    let mut repairer = ledger.repairer().unwrap();
    repairer.append_all(&mut batch, (100..110).map(leaf));
    store.committer().commit_blocking(batch).unwrap();
    let found = store.recheck(&LogName::Ledger).unwrap().unwrap();
    assert!(matches!(found, Damage::Log { readable_below: 0, .. }));
    assert!(ledger.leaf(3).is_err());

    // Cleared page by page and fetched anew.
    while let Some(batch) = ledger.clear(7).unwrap() {
        store.committer().apply_relaxed(batch).unwrap();
    }
    let mut batch = Batch::new();
    let mut repairer = ledger.repairer().unwrap();
    repairer.append_all(&mut batch, (0..25).map(leaf));
    store.committer().commit_blocking(batch).unwrap();
    assert_eq!(store.recheck(&LogName::Ledger).unwrap(), None);
    assert_eq!(ledger.root().unwrap(), root_of(25));
}

#[test]
fn an_accepted_loss_leaves_what_is_there() {
    let (disk, store) = lost_tail(Crash::LoseNothing);
    assert_eq!(store.accept_loss(&LogName::Ledger).unwrap(), None);
    append(&store, &store.ledger(), 1);
    disk.crash(Crash::LoseUnsynced);
    let store = reopen(&disk);
    assert_eq!((store.damage(), store.ledger().size().unwrap()), (vec![], 16));
}

#[test]
fn torn_or_corrupt_tails_are_never_served() {
    let mut noticed = 0;
    for crash in [Crash::TearLast, Crash::CorruptLast] {
        for seed in 0..60 {
            let disk = MemDisk::new(seed);
            let store = Store::open_memory(&disk, MemoryLoop::Manual, StoreOptions::default()).unwrap();
            let mut appender = store.ledger().appender().unwrap();
            for n in 0..9 {
                let mut batch = Batch::new();
                appender.append(&mut batch, &leaf(n));
                store.committer().commit_readable(batch, Box::new(|_| {}));
                if n < 8 {
                    store.committer().step();
                }
            }
            disk.crash(crash);
            let store = reopen(&disk);
            noticed += store.damage().len();
            for n in 0..9 {
                // The leaf, an error, or (the whole append lost) nothing: never other bytes.
                if let Ok(Some(read)) = store.ledger().leaf(n) {
                    assert_eq!(read, leaf(n), "{crash:?}, seed {seed}");
                }
            }
            if store.damage().is_empty()
                && let Ok(size) = store.ledger().size()
            {
                assert_eq!(store.ledger().root().unwrap(), root_of(size), "{crash:?}, seed {seed}");
            }
        }
    }
    assert!(noticed > 20, "only {noticed} crashes did damage");
}

#[test]
fn a_log_goes_on_from_an_installed_snapshot_and_gets_its_older_leaves_later() {
    let source = Store::in_memory(1).unwrap();
    append(&source, &source.ledger(), 100);

    let disk = MemDisk::new(2);
    let store = reopen(&disk);
    append(&store, &store.ledger(), 3);
    let mut batch = Batch::new();
    let mut appender = store.ledger().install(&mut batch, source.ledger().frontier().unwrap()).unwrap();
    store.committer().commit_blocking(batch).unwrap();
    let mut batch = Batch::new();
    assert_eq!(appender.append(&mut batch, &leaf(100)), 100);
    store.committer().commit_blocking(batch).unwrap();

    disk.crash(Crash::LoseUnsynced);
    let store = reopen(&disk);
    let ledger = store.ledger();
    assert_eq!(store.damage(), []);
    assert_eq!((ledger.base().unwrap(), ledger.size().unwrap()), (100, 101));
    assert_eq!(ledger.root().unwrap(), root_of(101));
    assert_eq!(ledger.leaf(50).unwrap(), None);
    assert!(prove_inclusion(&ledger, 101, 50).is_err());

    let mut batch = Batch::new();
    let mut rebuilt = Frontier::new();
    for (index, leaf) in source.ledger().leaves(0..100, 100).unwrap() {
        ledger.put_leaf(&mut batch, index, &leaf);
        ledger.put_subtrees(&mut batch, rebuilt.append(leaf_hash(&leaf)));
    }
    store.committer().commit_blocking(batch).unwrap();
    assert_eq!(ledger.leaf(50).unwrap(), Some(leaf(50)));
    let proof = prove_inclusion(&ledger, 101, 50).unwrap();
    check_inclusion(&proof, 101, root_of(101), 50, leaf_hash(&leaf(50))).unwrap();

    let older = source.ledger();
    let mut batch = Batch::new();
    let refused = ledger.install(&mut batch, older.frontier().unwrap());
    assert!(matches!(refused, Err(StoreError::Invalid { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Random batches, syncs and power losses: the log is always a prefix of what was appended, with everything acknowledged in it.
    #[test]
    fn after_any_power_loss_the_log_is_a_prefix_with_all_acknowledged_leaves(
        seed in any::<u64>(),
        steps in proptest::collection::vec((1_u64..6, 0_u8..4), 1..30),
    ) {
        let disk = MemDisk::new(seed);
        let mut store = Store::open_memory(&disk, MemoryLoop::Manual, StoreOptions::default()).unwrap();
        let mut appender = store.ledger().appender().unwrap();
        let mut acknowledged = 0;
        for (count, what) in steps {
            let first = appender.size();
            let mut batch = Batch::new();
            appender.append_all(&mut batch, (first..first + count).map(leaf));
            store.committer().commit_readable(batch, Box::new(|_| {}));
            if what == 1 {
                store.committer().step();
                acknowledged = appender.size();
            }
            if what == 2 {
                disk.crash(Crash::LoseSome);
                store = Store::open_memory(&disk, MemoryLoop::Manual, StoreOptions::default()).unwrap();
                prop_assert_eq!(store.damage(), vec![]);
                appender = store.ledger().appender().unwrap();
                prop_assert!(appender.size() >= acknowledged);
                acknowledged = appender.size();
                prop_assert_eq!(appender.root(), root_of(appender.size()));
            }
        }
    }
}
