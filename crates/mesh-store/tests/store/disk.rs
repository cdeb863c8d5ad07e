//! The store on a real disk: reopening, formats, attachments.

use std::fs;
use std::path::Path;
use std::time::Duration;

use mesh_store::{
    Attachments, Batch, CommitSnapshot, FORMAT_VERSION, FeedId, LogName, MAX_ATTACHMENT_BYTES, Store, StoreError,
    StoreOptions, digest_of,
};

fn open(dir: &Path) -> Store {
    Store::open(dir, StoreOptions::default()).unwrap()
}

/// Every file below `dir`, with its bytes.
fn files(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

fn fill(store: &Store) {
    let feed = store.feed(FeedId::new("sales", 1).unwrap());
    let mut batch = Batch::new();
    store.meta().put_node_id(&mut batch, b"node");
    store.raft_log().append(&mut batch, 0, [b"entry"]);
    store.raft_log().save_vote(&mut batch, b"vote").unwrap();
    store.ledger().appender().unwrap().append(&mut batch, b"leaf");
    let leaves = (0..100_u32).map(u32::to_be_bytes);
    feed.log().appender().unwrap().append_all(&mut batch, leaves);
    store.committer().commit_blocking(batch).unwrap();
}

#[test]
fn everything_is_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    fill(&store);
    let feed = FeedId::new("sales", 1).unwrap();
    let root = store.feed(feed.clone()).log().root().unwrap();
    let CommitSnapshot { commits, syncs, .. } = store.committer().stats();
    assert_eq!((commits, syncs), (1, 1));
    store.close().unwrap();
    drop(store);

    let store = open(dir.path());
    assert_eq!((store.damage(), store.lost_authority().unwrap()), (vec![], None));
    assert_eq!(store.feeds().unwrap(), std::slice::from_ref(&feed));
    assert_eq!(store.feed(feed.clone()).log().root().unwrap(), root);
    let heads = store.committer().acknowledged();
    assert_eq!(heads.log(&LogName::Feed(feed)).unwrap().root, root);
    assert_eq!(heads.log(&LogName::Ledger).unwrap().size, 1);
    assert_eq!(heads.record(mesh_store::VOTE), Some(&b"vote"[..]));
    let usage = store.disk_usage().unwrap();
    assert!(usage.database > 0 && usage.total >= usage.database + usage.attachments);
}

#[test]
fn a_store_dropped_without_closing_has_what_was_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    fill(&store);
    drop(store);
    assert_eq!(open(dir.path()).ledger().size().unwrap(), 1);
}

#[test]
fn the_head_file_has_a_vote_when_it_is_acknowledged_and_other_heads_later() {
    let dir = tempfile::tempdir().unwrap();
    let options = StoreOptions { head_interval: Duration::from_hours(1), ..StoreOptions::default() };
    let store = Store::open(dir.path(), options).unwrap();
    let head = || fs::read(dir.path().join("HEAD")).unwrap();
    let empty = head();
    let mut batch = Batch::new();
    store.ledger().appender().unwrap().append(&mut batch, b"leaf");
    store.committer().commit_blocking(batch).unwrap();
    assert_eq!(head(), empty);
    let mut batch = Batch::new();
    store.raft_log().save_vote(&mut batch, b"the vote").unwrap();
    store.committer().commit_blocking(batch).unwrap();
    assert!(head().windows(8).any(|bytes| bytes == b"the vote"));
    let with_vote = head();
    let mut batch = Batch::new();
    store.ledger().appender().unwrap().append(&mut batch, b"leaf");
    store.committer().commit_blocking(batch).unwrap();
    assert_eq!(head(), with_vote);
    store.close().unwrap();
    assert_ne!(head(), with_vote);
}

#[test]
fn a_raft_log_that_was_given_up_is_empty_and_no_loss() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    fill(&store);
    let mut batch = Batch::new();
    store.raft_log().append(&mut batch, 1, [b"one", b"two"]);
    store.raft_log().purge_to(&mut batch, 1, b"id");
    store.raft_log().save_committed(&mut batch, b"id");
    store.committer().commit_blocking(batch).unwrap();
    let mut batch = Batch::new();
    store.raft_log().begin_anew(&mut batch).unwrap();
    store.committer().commit_blocking(batch).unwrap();
    // As a crash leaves it.
    drop(store);
    let store = open(dir.path());
    assert_eq!((store.damage(), store.lost_authority().unwrap()), (vec![], None));
    let log = store.raft_log();
    assert_eq!((log.last().unwrap(), log.purged().unwrap(), log.committed().unwrap()), (None, None, None));
    assert_eq!((log.vote().unwrap(), log.next_index().unwrap()), (None, 0));
    assert_eq!(store.ledger().size().unwrap(), 1);
    // And goes on from nothing.
    let mut batch = Batch::new();
    log.append(&mut batch, 0, [b"anew"]);
    log.save_vote(&mut batch, b"first").unwrap();
    store.committer().commit_blocking(batch).unwrap();
    store.close().unwrap();
    drop((log, store));
    let store = open(dir.path());
    assert_eq!((store.damage(), store.lost_authority().unwrap()), (vec![], None));
    assert_eq!(store.raft_log().last().unwrap(), Some((0, b"anew".to_vec())));
    assert_eq!(store.raft_log().vote().unwrap().as_deref(), Some(&b"first"[..]));
}

#[test]
fn a_database_that_went_back_in_time_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    fill(&store);
    store.close().unwrap();
    drop(store);
    let old = files(&dir.path().join("kv"));

    let store = open(dir.path());
    let mut batch = Batch::new();
    store.ledger().appender().unwrap().append(&mut batch, b"lost");
    store.committer().commit_blocking(batch).unwrap();
    store.close().unwrap();
    drop(store);
    fs::remove_dir_all(dir.path().join("kv")).unwrap();
    fs::create_dir_all(dir.path().join("kv/blobs")).unwrap();
    for (path, bytes) in old {
        fs::write(path, bytes).unwrap();
    }

    let store = open(dir.path());
    assert_eq!(store.damage().len(), 1);
    assert!(matches!(store.ledger().leaf(1), Err(StoreError::Damaged { .. })));
    assert!(store.ledger().leaf(0).unwrap().is_some());
}

#[test]
fn a_newer_store_is_refused_and_left_untouched() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    fill(&store);
    store.close().unwrap();
    drop(store);
    let newer = FORMAT_VERSION + 1;
    fs::write(dir.path().join("FORMAT"), format!("mesh-store {newer}\n")).unwrap();
    let before = files(dir.path());
    let error = Store::open(dir.path(), StoreOptions::default()).err().unwrap();
    assert!(matches!(error, StoreError::NewerFormat { found, supported: FORMAT_VERSION } if found == newer));
    assert_eq!(files(dir.path()), before);
}

#[test]
fn a_database_without_its_format_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    fs::remove_file(dir.path().join("FORMAT")).unwrap();
    let refused = Store::open(dir.path(), StoreOptions::default());
    assert!(matches!(refused, Err(StoreError::Corrupt { .. })));
}

fn keeps_lists_and_deletes(attachments: &Attachments) {
    let mut longest = vec![7; MAX_ATTACHMENT_BYTES + 1];
    let too_long = attachments.put(&longest);
    assert!(matches!(too_long, Err(StoreError::TooLong { .. })));
    longest.pop();
    let contents: [&[u8]; 4] = [b"", b"a", b"b", &longest];
    let mut digests: Vec<_> = contents.iter().map(|bytes| digest_of(bytes)).collect();
    for (bytes, digest) in contents.iter().zip(&digests) {
        assert!(!attachments.contains(digest).unwrap());
        assert_eq!(attachments.put(bytes).unwrap(), *digest);
        assert_eq!(attachments.put(bytes).unwrap(), *digest);
        assert_eq!(attachments.get(digest).unwrap().as_deref(), Some(*bytes));
    }
    digests.sort_unstable();
    assert_eq!(attachments.list().unwrap(), digests);
    assert!(attachments.delete(&digests[0]).unwrap());
    assert!(!attachments.delete(&digests[0]).unwrap());
    assert_eq!(attachments.get(&digests[0]).unwrap(), None);
    assert_eq!(attachments.list().unwrap(), digests[1..]);
}

#[test]
fn attachments_are_kept_listed_and_deleted_publicly_and_privately_apart() {
    let dir = tempfile::tempdir().unwrap();
    for store in [open(dir.path()), Store::in_memory(1).unwrap()] {
        keeps_lists_and_deletes(store.attachments());
        assert_eq!(store.private_attachments().list().unwrap(), Vec::<[u8; 32]>::new());
        keeps_lists_and_deletes(store.private_attachments());
    }
}

#[test]
fn a_damaged_attachment_is_not_served_and_can_be_kept_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let digest = store.attachments().put(b"whole").unwrap();
    let folder = dir.path().join("attachments");
    let (path, _) = files(&folder).remove(0);
    fs::write(path, b"whale").unwrap();
    let damaged = store.attachments().get(&digest);
    assert!(matches!(damaged, Err(StoreError::Corrupt { .. })));
    store.attachments().put(b"whole").unwrap();
    assert_eq!(store.attachments().get(&digest).unwrap(), Some(b"whole".to_vec()));
}

#[test]
fn half_written_attachments_are_gone_after_a_start() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    let left = dir.path().join("attachments/tmp/3");
    fs::write(&left, b"half").unwrap();
    let store = open(dir.path());
    assert!(!left.exists());
    assert_eq!(store.attachments().list().unwrap(), Vec::<[u8; 32]>::new());
}
