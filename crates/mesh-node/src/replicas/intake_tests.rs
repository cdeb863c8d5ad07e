//! Lies about a feed, one by one: of who sends it, and of who wrote it.
#![allow(clippy::unwrap_used)]

use mesh_event::command::RetireProduct;
use mesh_event::{Body, Command, Keypair, Signer as _};
use mesh_governance::Strict;
use mesh_model::{CommandId, Digest, DomainName, ProductId};
use mesh_tlog::{StoredHash, prove_consistency};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

use super::*;

const MESH: MeshId = MeshId([7; 32]);

fn feed() -> FeedId {
    FeedId { domain: DomainName::parse("orders").unwrap(), epoch: 1 }
}

fn envelope(n: u8, domain: &str) -> Vec<u8> {
    let author = Keypair::from_seed(&Zeroizing::new(Digest::of(b"author").0));
    let product = ProductId::parse(&format!("{domain}/product")).unwrap();
    let body = Body::RetireProduct(RetireProduct { product, version: None, reason: "over".into() });
    let (id, author_key) = (CommandId([n; 16]), author.public_key());
    let command = Command { mesh_id: MESH, id, author: author_key, expires_unix_ms: 0, body };
    command.sign(&[&author]).unwrap().into_bytes()
}

/// A feed of as many commands, each changed before it is chained and encoded.
fn written(count: u8, mut change: impl FnMut(&mut FeedEvent)) -> Vec<Vec<u8>> {
    let mut previous_leaf = NO_LEAF;
    let mut events = Vec::new();
    for n in 0..count {
        let kind = EventKind::Command { outbox: u64::from(n) + 1, envelope: envelope(n, "orders") };
        let (seq, at_unix_ms) = (u64::from(n), 0);
        let ledger_size = u64::from(n / 2);
        let mut event = FeedEvent { mesh_id: MESH, feed: feed(), seq, previous_leaf, ledger_size, at_unix_ms, kind };
        change(&mut event);
        let bytes = event.encode();
        previous_leaf = leaf_hash(&bytes);
        events.push(bytes);
    }
    events
}

struct Tree {
    hashes: BTreeMap<(u8, u64), Hash>,
    frontier: Frontier,
}

fn tree(events: &[Vec<u8>]) -> Tree {
    let mut tree = Tree { hashes: BTreeMap::new(), frontier: Frontier::new() };
    for event in events {
        let stored: Vec<StoredHash> = tree.frontier.append(leaf_hash(event));
        tree.hashes.extend(stored.into_iter().map(|(level, index, hash)| ((level, index), hash)));
    }
    tree
}

impl Tree {
    fn goal(&self) -> Goal {
        Goal { size: self.frontier.size(), root: self.frontier.root() }
    }
    fn proof(&self, from: u64) -> Vec<Hash> {
        prove_consistency(&self.hashes, from, self.frontier.size()).unwrap()
    }
}

fn take(end: &CopyEnd, goal: &Goal, events: &[Vec<u8>], proof: &[Hash]) -> Result<CopyEnd, Flaw> {
    check(&MESH, &feed(), end, goal, events, proof, &Strict)
}

#[test]
fn takes_a_feed_in_pieces_of_any_length() {
    let events = written(9, |_| {});
    let tree = tree(&events);
    for piece in 1..=9 {
        let mut end = CopyEnd::empty();
        for chunk in events.chunks(piece) {
            let after = end.size() + chunk.len() as u64;
            end = take(&end, &tree.goal(), chunk, &tree.proof(after)).unwrap();
        }
        assert_eq!((end.size(), end.outbox, end.frontier.root()), (9, 9, tree.goal().root));
    }
}

#[test]
fn refuses_what_the_sender_cannot_prove() {
    let events = written(9, |_| {});
    let whole = tree(&events);
    let goal = whole.goal();
    let start = take(&CopyEnd::empty(), &goal, &events[..4], &whole.proof(4)).unwrap();
    let refused = |events: &[Vec<u8>], proof: &[Hash]| match take(&start, &goal, events, proof) {
        Err(Flaw::Sender(_)) => true,
        other => panic!("{other:?}"),
    };
    let mut other = events[4..6].to_vec();
    other[0][40] ^= 1;
    assert!(refused(&other, &whole.proof(6)), "an altered event");
    assert!(refused(&events[4..6], &whole.proof(5)), "the proof of another size");
    assert!(refused(&events[4..6], &[]), "no proof");
    assert!(refused(&events[5..7], &whole.proof(6)), "other events");
    assert!(refused(&[], &whole.proof(4)), "nothing");
    let longer = written(11, |_| {});
    assert!(refused(&longer[4..11], &whole.proof(9)), "more than there is");
    // A longer feed than it can prove: a head that others signed does not help.
    let claimed = Goal { size: 11, root: whole.goal().root };
    assert!(matches!(take(&start, &claimed, &longer[4..11], &[]), Err(Flaw::Sender(_))));
    let too_many = vec![Vec::new(); limits::FEED_BATCH + 1];
    let far = Goal { size: 1_000, root: goal.root };
    assert!(matches!(take(&start, &far, &too_many, &[]), Err(Flaw::Sender(_))));
    let too_large = vec![vec![0; limits::FEED_BATCH_BYTES / 2 + 1]; 2];
    assert!(matches!(take(&start, &far, &too_large, &[]), Err(Flaw::Sender(_))));
}

#[test]
fn refuses_what_no_honest_writer_signs() {
    type Lie = (&'static str, fn(&mut FeedEvent));
    let lies: [Lie; 7] = [
        ("another mesh", |event| event.mesh_id = MeshId([8; 32])),
        ("another epoch", |event| event.feed.epoch = 2),
        ("a number left out", |event| event.seq += u64::from(event.seq > 3)),
        ("a broken chain", |event| {
            if event.seq == 4 {
                event.previous_leaf = NO_LEAF;
            }
        }),
        ("a ledger size that goes back", |event| event.ledger_size = 9 - event.seq),
        ("an outbox number twice", |event| {
            if let EventKind::Command { outbox, .. } = &mut event.kind {
                *outbox = (*outbox).min(3);
            }
        }),
        ("another domain's command", |event| {
            event.kind = EventKind::Command { outbox: event.seq + 1, envelope: envelope(1, "sales") };
        }),
    ];
    for (what, lie) in lies {
        let events = written(6, lie);
        let tree = tree(&events);
        let found = take(&CopyEnd::empty(), &tree.goal(), &events, &[]);
        assert!(matches!(found, Err(Flaw::Writer { .. })), "{what}: {found:?}");
    }
}

#[test]
fn refuses_a_command_whose_author_did_not_sign() {
    let events = written(3, |event| {
        if let EventKind::Command { envelope, .. } = &mut event.kind
            && event.seq == 2
        {
            // The last bytes are the signature's.
            *envelope.last_mut().unwrap() ^= 1;
        }
    });
    let tree = tree(&events);
    let found = take(&CopyEnd::empty(), &tree.goal(), &events, &[]);
    assert!(matches!(found, Err(Flaw::Writer { seq: 2, .. })), "{found:?}");
}
