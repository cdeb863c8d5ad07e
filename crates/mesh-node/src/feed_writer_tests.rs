//! What a feed has after a crash at the worst moment.
#![allow(clippy::unwrap_used)]

use mesh_event::command::RetireProduct;
use mesh_event::{Body, Command, Keypair, LeafEntry, Outcome, SignedCommand};
use mesh_model::{CommandId, Digest, DomainName};
use mesh_store::{Crash, MemDisk, MemoryLoop, StoreOptions};
use zeroize::Zeroizing;

use super::*;

const DOMAIN: &str = "orders";
const QUOTA: DayQuota = DayQuota { commands: 1_000, bytes: 1 << 20 };

fn store(disk: &MemDisk) -> Arc<Store> {
    Arc::new(Store::open_memory(disk, MemoryLoop::Inline, StoreOptions::default()).unwrap())
}

fn writer(store: &Arc<Store>, sealed_outbox: u64, sealed_seq: Option<u64>) -> Arc<FeedWriter> {
    let id = FeedId { domain: DomainName::parse(DOMAIN).unwrap(), epoch: 1 };
    FeedWriter::open(id, MeshId([7; 32]), Arc::clone(store), (10, QUOTA), sealed_outbox, sealed_seq).unwrap()
}

fn admitted(number: u8) -> Admitted {
    let author = Keypair::from_seed(&Zeroizing::new(Digest::of(b"author").0));
    let product = ProductId::parse(&format!("{DOMAIN}/product_{number}")).unwrap();
    let body = Body::RetireProduct(RetireProduct { product, version: None, reason: "over".into() });
    let command = Command {
        mesh_id: MeshId([7; 32]),
        id: CommandId([number; 16]),
        author: author.public_key(),
        expires_unix_ms: 0,
        body,
    };
    let envelope = command.sign(&[&author]).unwrap();
    let signed = SignedCommand::verified_before(envelope, &MeshId([7; 32])).unwrap();
    Admitted::for_test(signed, DomainName::parse(DOMAIN).unwrap())
}

fn refused(ledger_index: u64) -> Decided {
    Decided { ledger_index, code: Code::Retired, detail: "retired".into() }
}

fn refusing_leaf(index: u64) -> LedgerLeaf {
    LedgerLeaf {
        index,
        stamp_unix_ms: 1_000 + index,
        entry: LeafEntry::FeedEvent(Vec::new()),
        head_note: None,
        outcome: Outcome {
            code: Code::Retired,
            detail: "retired".into(),
            verdict_digest: None,
            state_digest: Digest([0; 32]),
        },
    }
}

#[test]
fn a_writer_that_crashed_before_a_verdict_knows_what_may_lack_one() {
    let disk = MemDisk::new(1);
    let first = store(&disk);
    let feed = writer(&first, 0, None);
    for number in 1..=4 {
        feed.append(&admitted(number), 1).unwrap();
    }
    // The first two were decided and told; the ledger had the third too when the node fell.
    feed.resolve(1, Ok(refused(5)));
    feed.append_verdict(2, &refusing_leaf(6)).unwrap();
    feed.resolve(2, Ok(refused(6)));
    drop((feed, first));
    disk.crash(Crash::LoseUnsynced);

    let again = store(&disk);
    let feed = writer(&again, 3, Some(2));
    assert_eq!(feed.unsettled(), 3..=3);
    assert_eq!(feed.waiting(), [4]);
    feed.append_verdict(3, &refusing_leaf(7)).unwrap();
    drop((feed, again));
    disk.crash(Crash::LoseUnsynced);

    // Once is enough.
    let again = store(&disk);
    assert!(writer(&again, 3, Some(2)).unsettled().is_empty());
    // What was given out stays given out.
    let receipt = writer(&again, 3, Some(2)).append(&admitted(5), 8).unwrap();
    assert_eq!((receipt.position.outbox, receipt.position.seq), (5, 6));
}

/// A set of the domain's own rules, with nothing in it.
fn no_rules(number: u64) -> mesh_event::SignedRules {
    own_rules(number, &[])
}

/// A set of the domain's own rules, with these in it.
fn own_rules(number: u64, ids: &[&str]) -> mesh_event::SignedRules {
    let author = Keypair::from_seed(&Zeroizing::new(Digest::of(b"author").0));
    let rules = mesh_event::DomainRules {
        mesh_id: MeshId([7; 32]),
        domain: DomainName::parse(DOMAIN).unwrap(),
        epoch: 1,
        number,
        author: author.public_key(),
        rules: ids.iter().map(|id| mesh_governance::testing::standard(id, "1.0.0", "x")).collect(),
        reason: String::new(),
    };
    mesh_event::SignedRules::verify(rules.sign(&[&author]).unwrap(), &MeshId([7; 32])).unwrap()
}

#[test]
fn rules_that_were_acknowledged_are_there_after_a_crash_and_never_proposed() {
    let disk = MemDisk::new(1);
    let first = store(&disk);
    let feed = writer(&first, 0, None);
    assert!(feed.rules().is_none());
    feed.append(&admitted(1), 1).unwrap();
    // A rule that the next set takes over keeps its time; the ledger's is ahead of this machine's clock here.
    let far = |size: u64| Ok(u64::MAX / 2 + size);
    feed.append_rules(&own_rules(1, &["kept"]), 4, far).unwrap();
    let set = || own_rules(2, &["added", "kept"]);
    let second = feed.append_rules(&set(), 5, far).unwrap();
    feed.append(&admitted(2), 5).unwrap();
    assert_eq!(feed.append_rules(&set(), 9, far).unwrap().rules.event.seq, 2, "the first answer again");
    let stale = feed.append_rules(&no_rules(2 + 2), 9, |_| Ok(0)).unwrap_err();
    assert_eq!(stale.code, Code::StaleRules);
    drop((feed, first));
    disk.crash(Crash::LoseUnsynced);

    let again = store(&disk);
    let feed = writer(&again, 0, None);
    let found = feed.rules().unwrap();
    assert_eq!(found.own.since(), [u64::MAX / 2 + 5, u64::MAX / 2 + 4]);
    assert_eq!((found.number(), &found.event), (2, &second.rules.event));
    assert_eq!(found.event.ledger_size, 5);
    assert_eq!(feed.size(), 4);
    // The commands around them are proposed, each in a run of its own; they are not.
    assert_eq!(feed.waiting(), [1, 2]);
    let node = Keypair::from_seed(&Zeroizing::new([3; 32]));
    let (ready, _) = feed.ready(&node).unwrap();
    assert_eq!((ready.events.len(), ready.first_outbox), (1, 1));
    feed.resolve(1, Ok(refused(5)));
    let (ready, _) = feed.ready(&node).unwrap();
    assert_eq!((ready.events.len(), ready.first_outbox, ready.head.size), (1, 2, 4));
    assert!(ready.events.iter().all(|bytes| FeedEvent::decode_proposed(bytes).is_ok()));
}

#[test]
fn a_version_that_other_rules_let_pass_is_not_appended() {
    let store = store(&MemDisk::new(1));
    let feed = writer(&store, 0, None);
    let judged = |number| {
        let mut admitted = admitted(1);
        admitted.judged_by = Some(number);
        admitted
    };
    feed.append_rules(&no_rules(1), 1, |_| Ok(0)).unwrap();
    let error = feed.append(&judged(0), 1).unwrap_err();
    assert_eq!(error.code, Code::Unavailable);
    assert!(error.message.contains("nothing happened"), "{error}");
    assert_eq!(feed.size(), 1);
    feed.append(&judged(1), 1).unwrap();
}

#[test]
fn a_place_of_rules_that_holds_something_else_is_damage_and_the_feed_is_not_written() {
    let store = store(&MemDisk::new(1));
    let feed = writer(&store, 0, None);
    feed.append(&admitted(1), 1).unwrap();
    let rules = feed.append_rules(&no_rules(1), 1, |_| Ok(0)).unwrap().rules;
    let mesh = MeshId([7; 32]);
    let code = |bytes: Vec<u8>, mesh, since: &[u64]| FeedRules::read(bytes, mesh, since).unwrap_err().code;
    assert_eq!(code(feed.feed.log().leaf(0).unwrap().unwrap(), &mesh, &[]), Code::Damaged, "a command");
    assert_eq!(code(rules.bytes.clone(), &MeshId([8; 32]), &[]), Code::Damaged, "of another mesh");
    assert_eq!(code(rules.bytes.clone(), &mesh, &[1]), Code::Damaged, "a time without a rule");
    let mut forged = rules.bytes.clone();
    let last = forged.len() - 1;
    forged[last] ^= 1;
    assert_eq!(code(forged, &mesh, &[]), Code::Damaged, "a signature that does not hold");

    for place in [&[0; 8][..], &[0; 7], &[9; 8], &[]] {
        let mut batch = Batch::new();
        feed.feed.put_value(&mut batch, RULES, place).unwrap();
        store.committer().commit_blocking(batch).unwrap();
        let opened = FeedWriter::open(feed.id().clone(), mesh, Arc::clone(&store), (10, QUOTA), 0, None);
        assert_eq!(opened.err().map(|error| error.code), Some(Code::Damaged), "{place:?}");
    }
}

#[test]
fn a_new_epoch_is_no_new_day_and_what_is_taken_over_is_not_refused() {
    let disk = MemDisk::new(1);
    let store = store(&disk);
    let open = |epoch: u64| {
        let id = FeedId { domain: DomainName::parse(DOMAIN).unwrap(), epoch };
        let quota = DayQuota { commands: 3, bytes: 1 << 20 };
        FeedWriter::open(id, MeshId([7; 32]), Arc::clone(&store), (10, quota), 0, None).unwrap()
    };
    let first = open(1);
    for number in 1..=2 {
        first.append(&admitted(number), 1).unwrap();
    }
    let second = open(2);
    second.append(&admitted(3), 1).unwrap();
    let refused = second.append(&admitted(4), 1).unwrap_err();
    assert_eq!(refused.code, Code::QuotaUsedUp);
    // It was counted, or came before the bound; its client was told that it is safe.
    second.append_carried(&admitted(5), 1).unwrap();
    assert_eq!(open(3).append(&admitted(6), 1).unwrap_err().code, Code::QuotaUsedUp);
}
