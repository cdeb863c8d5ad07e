//! kill -9 in a loop: a child process writes until it is killed; everything it said was durable is there, and the chain is whole.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::sync_channel;

use mesh_store::{Batch, FeedId, Store, StoreOptions};
use mesh_tlog::{Frontier, leaf_hash};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const CHILD: &str = "MESH_STORE_KILL_TEST_DIR";
const KILLS: u64 = 15;

fn leaf(n: u64) -> Vec<u8> {
    let length = if n.is_multiple_of(11) { 9000 } else { 200 };
    n.to_be_bytes().into_iter().cycle().take(length).collect()
}

fn open(dir: &Path) -> Store {
    let options = StoreOptions { cache_bytes: 8 << 20, ..StoreOptions::default() };
    Store::open(dir, options).unwrap()
}

fn feed_id() -> FeedId {
    FeedId::new("sales", 1).unwrap()
}

/// Not a test of its own: the child's side of the one below.
#[test]
fn child_writes_until_it_is_killed() {
    let Some(dir) = std::env::var_os(CHILD) else {
        return;
    };
    let store = open(Path::new(&dir));
    let feed = store.feed(feed_id());
    let (mut ledger, mut feed_log) = (store.ledger().appender().unwrap(), feed.log().appender().unwrap());
    let (raft_log, state) = (store.raft_log(), store.state().current().unwrap());
    // At most 32 commits wait, so that they come in groups.
    let (enter, leave) = sync_channel(32);
    let leave = std::sync::Arc::new(std::sync::Mutex::new(leave));
    loop {
        let n = ledger.size();
        let mut batch = Batch::new();
        ledger.append(&mut batch, &leaf(n));
        feed_log.append(&mut batch, &leaf(n));
        raft_log.append(&mut batch, n, [leaf(n)]);
        if n % 100 == 99 {
            raft_log.purge_to(&mut batch, n - 50, b"id");
        }
        if n % 500 == 0 {
            raft_log.save_vote(&mut batch, &n.to_be_bytes()).unwrap();
        }
        state.apply(&mut batch, [(b"count", Some((n + 1).to_be_bytes()))]);
        enter.send(()).unwrap();
        let leave = std::sync::Arc::clone(&leave);
        let acknowledge = move |result: Result<(), _>| {
            result.unwrap();
            let mut out = std::io::stdout().lock();
            writeln!(out, "acknowledged {n}").unwrap();
            out.flush().unwrap();
            leave.lock().unwrap().recv().unwrap();
        };
        store.committer().commit(batch, Box::new(acknowledge));
    }
}

#[test]
fn everything_acknowledged_survives_kill_9() {
    if std::env::var_os(CHILD).is_some() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut random = StdRng::seed_from_u64(2026);
    let mut acknowledged = 0;
    for kill in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["kill::child_writes_until_it_is_killed", "--exact", "--nocapture"])
            .env(CHILD, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // Some are killed while they open the store or right after.
        let mut left = if kill % 5 == 4 { 0 } else { random.random_range(1..400) };
        if left == 0 {
            child.kill().unwrap();
        }
        for line in lines {
            // The test runner's own words come on the same line as the first of ours.
            let line = line.unwrap();
            let Some((_, n)) = line.split_once("acknowledged ") else {
                continue;
            };
            // What was written to the pipe before the kill counts too.
            acknowledged = n.parse::<u64>().unwrap() + 1;
            left -= 1;
            if left == 0 {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        let mut blobs = dir.path().join("kv/blobs").read_dir().unwrap();
        assert!(blobs.next().is_none());
        check(&open(dir.path()), acknowledged);
    }
    assert!(acknowledged > 500, "only {acknowledged} commits were acknowledged");
}

fn check(store: &Store, acknowledged: u64) {
    assert_eq!((store.damage(), store.lost_authority().unwrap()), (vec![], None));
    let size = store.ledger().size().unwrap();
    assert!(size >= acknowledged, "{acknowledged} were acknowledged, {size} are there");
    let feed = store.feed(feed_id());
    let mut frontier = Frontier::new();
    for n in 0..size {
        let expected = leaf(n);
        assert_eq!(store.ledger().leaf(n).unwrap().as_ref(), Some(&expected));
        assert_eq!(feed.log().leaf(n).unwrap().as_ref(), Some(&expected));
        frontier.append(leaf_hash(&expected));
    }
    assert_eq!(store.ledger().frontier().unwrap(), frontier);
    assert_eq!(feed.log().frontier().unwrap(), frontier);
    let count = store.state().current().unwrap().get(b"count").unwrap();
    assert_eq!(count, (size > 0).then(|| size.to_be_bytes().to_vec()));
    let raft_log = store.raft_log();
    assert_eq!(raft_log.next_index().unwrap(), size);
    let first = raft_log.purged().unwrap().map_or(0, |(index, _)| index + 1);
    for n in first..size {
        assert_eq!(raft_log.entry(n).unwrap(), Some(leaf(n)));
    }
    let vote = raft_log.vote().unwrap();
    let last = size.checked_sub(1).map(|last| (last / 500 * 500).to_be_bytes().to_vec());
    assert_eq!(vote, last);
}
