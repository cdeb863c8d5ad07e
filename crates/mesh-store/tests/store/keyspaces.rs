//! Each keyspace gives back what was put into it, and keeps out of the others.

use std::collections::BTreeMap;

use mesh_store::{
    Batch, Crash, Damage, HeadWrite, KeyRange, MemDisk, MemoryLoop, Page, Store, StoreError, StoreOptions, VOTE,
};
use proptest::prelude::*;

fn commit(store: &Store, fill: impl FnOnce(&mut Batch)) {
    let mut batch = Batch::new();
    fill(&mut batch);
    store.committer().commit_blocking(batch).unwrap();
}

fn reopen(disk: &MemDisk) -> Store {
    Store::open_memory(disk, MemoryLoop::Inline, StoreOptions::default()).unwrap()
}

#[test]
fn meta_keeps_ids_generations_and_values() {
    let store = Store::in_memory(1).unwrap();
    let meta = store.meta();
    assert_eq!((meta.node_id().unwrap(), meta.generation().unwrap()), (None, 0));
    commit(&store, |batch| {
        meta.put_node_id(batch, b"node");
        meta.put_mesh_id(batch, b"mesh");
        meta.put_value(batch, "node_id", b"no clash").unwrap();
        assert_eq!(meta.next_generation(batch).unwrap(), 1);
    });
    assert_eq!(meta.node_id().unwrap(), Some(b"node".to_vec()));
    assert_eq!(meta.mesh_id().unwrap(), Some(b"mesh".to_vec()));
    assert_eq!(meta.value("node_id").unwrap(), Some(b"no clash".to_vec()));
    commit(&store, |batch| {
        assert_eq!(meta.next_generation(batch).unwrap(), 2);
        meta.delete_value(batch, "node_id");
    });
    assert_eq!((meta.value("node_id").unwrap(), meta.generation().unwrap()), (None, 2));
}

#[test]
fn the_raft_log_appends_truncates_and_purges() {
    let store = Store::in_memory(1).unwrap();
    let log = store.raft_log();
    let entry = |n: u8| vec![n; if n.is_multiple_of(3) { 6000 } else { 10 }];
    assert_eq!((log.last().unwrap(), log.next_index().unwrap()), (None, 0));
    commit(&store, |batch| log.append(batch, 1, (1..=10).map(entry)));
    assert_eq!(log.last().unwrap(), Some((10, entry(10))));
    assert_eq!(log.entries(3..5, 100).unwrap(), [(3, entry(3)), (4, entry(4))]);
    assert_eq!(log.entries(3..11, 1).unwrap(), [(3, entry(3))]);
    assert_eq!(log.entries(5..5, 100).unwrap(), []);
    // In one batch, as a new leader's append does it.
    commit(&store, |batch| {
        log.truncate_from(batch, 8);
        log.append(batch, 8, [b"other"]);
        log.save_committed(batch, b"committed");
    });
    assert_eq!(log.last().unwrap(), Some((8, b"other".to_vec())));
    commit(&store, |batch| log.purge_to(batch, 5, b"log id"));
    assert_eq!(log.entries(0..u64::MAX, 100).unwrap().len(), 3);
    assert_eq!(log.purged().unwrap(), Some((5, b"log id".to_vec())));
    commit(&store, |batch| log.purge_to(batch, 20, b"snapshot"));
    assert_eq!((log.last().unwrap(), log.next_index().unwrap()), (None, 21));
    assert_eq!(log.committed().unwrap(), Some(b"committed".to_vec()));
    assert_eq!(log.vote().unwrap(), None);
    commit(&store, |batch| log.save_vote(batch, b"vote").unwrap());
    assert_eq!(log.vote().unwrap(), Some(b"vote".to_vec()));
}

#[test]
fn a_lost_vote_or_raft_tail_costs_the_authority_for_ever() {
    type Write = fn(&Store, &mut Batch);
    let writes: [(&str, Write); 4] = [
        ("vote", |store, batch| {
            store.raft_log().save_vote(batch, b"new").unwrap();
        }),
        ("tail", |store, batch| {
            store.raft_log().append(batch, 6, [b"six"]);
        }),
        ("truncation", |store, batch| {
            store.raft_log().truncate_from(batch, 3);
        }),
        ("cosigner", |store, batch| {
            store.guarded().put(batch, "cosigner", b"new", HeadWrite::Soon).unwrap();
        }),
    ];
    for (what, write) in writes {
        let disk = MemDisk::new(1);
        let store = reopen(&disk);
        commit(&store, |batch| {
            store.raft_log().save_vote(batch, b"old").unwrap();
            store.raft_log().append(batch, 1, [b"one", b"two"]);
            store.raft_log().append(batch, 3, [b"3", b"4", b"5"]);
        });
        let before = disk.snapshot();
        commit(&store, |batch| write(&store, batch));
        disk.restore_database(&before);

        let store = reopen(&disk);
        let damage = store.damage();
        assert_eq!(damage.len(), 1, "{what}");
        assert!(damage[0].costs_authority(), "{what}");
        let reason = store.lost_authority().unwrap();
        assert_eq!(reason, Some(damage[0].to_string()), "{what}");
        // New writes cover the damage up; the reason stays.
        commit(&store, |batch| {
            store.raft_log().save_vote(batch, b"newer").unwrap();
            store.raft_log().append(batch, 6, [b"six"]);
            store.guarded().put(batch, "cosigner", b"newer", HeadWrite::Now).unwrap();
        });
        disk.crash(Crash::LoseUnsynced);
        let store = reopen(&disk);
        assert_eq!((store.damage(), store.lost_authority().unwrap()), (vec![], reason), "{what}");
    }
}

#[test]
fn a_node_admitted_under_a_new_id_acts_again() {
    let disk = MemDisk::new(1);
    let store = reopen(&disk);
    let before = disk.snapshot();
    commit(&store, |batch| {
        store.raft_log().save_vote(batch, b"vote").unwrap();
        store.raft_log().append(batch, 0, [b"entry"]);
    });
    disk.restore_database(&before);
    let store = reopen(&disk);
    assert_eq!(store.damage().len(), 2);
    store.restore_authority(b"new id").unwrap();
    for store in [store, reopen(&disk)] {
        assert_eq!((store.damage(), store.lost_authority().unwrap()), (vec![], None));
        assert_eq!(store.meta().node_id().unwrap(), Some(b"new id".to_vec()));
    }
}

#[test]
fn a_head_file_of_any_earlier_moment_is_no_damage() {
    let dir = tempfile::tempdir().unwrap();
    let head = dir.path().join("HEAD");
    let open = || Store::open(dir.path(), StoreOptions::default()).unwrap();
    let steps: [fn(&Store, &mut Batch); 8] = [
        |store, batch| store.raft_log().append(batch, 0, vec![b"entry"; 10]),
        |store, batch| store.raft_log().truncate_from(batch, 4),
        |store, batch| store.raft_log().append(batch, 4, [b"other"]),
        |store, batch| store.raft_log().purge_to(batch, 4, b"id"),
        |store, batch| store.raft_log().save_vote(batch, b"1").unwrap(),
        |store, batch| {
            let leaves = vec![b"leaf"; 5];
            store.ledger().appender().unwrap().append_all(batch, leaves);
        },
        |store, batch| {
            store.raft_log().save_vote(batch, b"0").unwrap();
            store.ledger().appender().unwrap().append(batch, b"leaf");
        },
        |store, batch| store.raft_log().append(batch, 9, [b"after a snapshot"]),
    ];
    let mut earlier = Vec::new();
    for step in steps {
        let store = open();
        commit(&store, |batch| step(&store, batch));
        store.close().unwrap();
        drop(store);
        earlier.push(std::fs::read(&head).unwrap());
        for bytes in &earlier {
            std::fs::write(&head, bytes).unwrap();
            assert_eq!(open().damage(), []);
        }
    }
}

#[test]
fn a_lost_head_file_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let head = dir.path().join("HEAD");
    let open = || Store::open(dir.path(), StoreOptions::default()).unwrap();
    let store = open();
    commit(&store, |batch| {
        store.raft_log().save_vote(batch, b"vote").unwrap();
    });
    store.close().unwrap();
    drop(store);
    assert_eq!(open().damage(), []);

    let mut bytes = std::fs::read(&head).unwrap();
    bytes[20] ^= 1;
    std::fs::write(&head, bytes).unwrap();
    assert!(matches!(open().damage()[..], [Damage::Head { .. }]));

    std::fs::remove_file(&head).unwrap();
    let store = open();
    assert!(matches!(store.damage()[..], [Damage::Head { .. }]));
    assert!(store.lost_authority().unwrap().is_some());
    assert_eq!(store.guarded().get(VOTE).unwrap(), Some(b"vote".to_vec()));
}

#[test]
fn a_generation_of_the_state_is_filled_beside_the_one_in_use_and_switched_to() {
    let store = Store::in_memory(1).unwrap();
    let state = store.state();
    let old = state.current().unwrap();
    commit(&store, |batch| {
        old.apply(batch, (0..100_u8).map(|n| ([n], Some([n]))));
        old.set_applied(batch, b"old");
    });
    let new = state.view(1);
    commit(&store, |batch| new.apply(batch, [(b"k", Some(b"v"))]));
    assert_eq!(state.current().unwrap().get(b"k").unwrap(), None);
    assert!(matches!(state.clear(0, 10), Err(StoreError::Invalid { .. })));
    commit(&store, |batch| {
        new.set_applied(batch, b"new");
        state.switch(batch, 1);
    });
    let current = state.current().unwrap();
    assert_eq!(current.generation(), 1);
    assert_eq!(current.applied().unwrap(), Some(b"new".to_vec()));
    assert_eq!(current.range(&KeyRange::all(), Page::first(10)).unwrap(), [(b"k".to_vec(), b"v".to_vec())]);
    let mut pages = 0;
    while let Some(batch) = state.clear(0, 30).unwrap() {
        store.committer().apply_relaxed(batch).unwrap();
        pages += 1;
    }
    assert_eq!(pages, 5);
    assert_eq!((old.applied().unwrap(), old.get(&[3]).unwrap()), (None, None));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn state_and_index_agree_with_a_map(
        changes in proptest::collection::vec(
            (proptest::collection::vec(prop_oneof![Just(0_u8), Just(0xff), 1..4_u8], 0..4), proptest::option::of(any::<u8>())),
            0..60,
        ),
        prefix in proptest::collection::vec(prop_oneof![Just(0_u8), Just(0xff), 1..4_u8], 0..2),
        bound in proptest::collection::vec(prop_oneof![Just(0_u8), Just(0xff), 1..4_u8], 0..4),
    ) {
        let store = Store::in_memory(1).unwrap();
        let view = store.state().view(u32::MAX);
        let space = store.index(0xff);
        let mut model: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
        commit(&store, |batch| {
            // Neighbours that must not show.
            store.state().view(u32::MAX - 1).apply(batch, [(vec![0xff; 9], Some([1]))]);
            store.index(0xfe).put(batch, &[0xff; 9], &[1]);
            store.feed(mesh_store::FeedId::new("a", 0).unwrap()).put_value(batch, "", &[]).unwrap();
        });
        for (key, value) in changes {
            commit(&store, |batch| {
                view.apply(batch, [(&key, value.map(|value| [value]))]);
                match value {
                    Some(value) => space.put(batch, &key, &[value]),
                    None => space.delete(batch, &key),
                }
            });
            match value {
                Some(value) => model.insert(key, vec![value]),
                None => model.remove(&key),
            };
        }
        let all: Vec<_> = model.clone().into_iter().collect();
        prop_assert_eq!(view.range(&KeyRange::all(), Page::first(100)).unwrap(), all.clone());
        prop_assert_eq!(space.range(&KeyRange::all(), Page::first(100)).unwrap(), all);
        let below = |key: &Vec<u8>| key.starts_with(&prefix) && *key < bound;
        let expected = model.iter().rev().find(|(key, _)| below(key));
        let last = view.last_below(&prefix, &bound).unwrap();
        prop_assert_eq!(last.as_ref().map(|(key, value)| (key, value)), expected);
        let range = KeyRange::prefix(prefix.clone()).below(&bound);
        let expected: Vec<_> = model.into_iter().filter(|(key, _)| below(key)).rev().take(3).collect();
        prop_assert_eq!(view.range(&range, Page::last(3)).unwrap(), expected.clone());
        prop_assert_eq!(space.range(&range, Page::last(3)).unwrap(), expected);
    }
}
