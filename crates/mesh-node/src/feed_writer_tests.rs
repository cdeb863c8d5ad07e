//! What a feed has after a crash at the worst moment.
#![allow(clippy::unwrap_used)]

use mesh_event::command::RetireProduct;
use mesh_event::{Body, Command, Keypair, SignedCommand};
use mesh_model::{CommandId, Digest, DomainName};
use mesh_store::{Crash, MemDisk, MemoryLoop, StoreOptions};
use zeroize::Zeroizing;

use super::*;

const DOMAIN: &str = "orders";

fn store(disk: &MemDisk) -> Arc<Store> {
    Arc::new(Store::open_memory(disk, MemoryLoop::Inline, StoreOptions::default()).unwrap())
}

fn writer(store: &Arc<Store>, sealed_outbox: u64, sealed_seq: Option<u64>) -> Arc<FeedWriter> {
    let id = FeedId { domain: DomainName::parse(DOMAIN).unwrap(), epoch: 1 };
    FeedWriter::open(id, MeshId([7; 32]), Arc::clone(store), 10, sealed_outbox, sealed_seq).unwrap()
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
    feed.append_verdict(2, &refused(6), 7).unwrap();
    feed.resolve(2, Ok(refused(6)));
    drop((feed, first));
    disk.crash(Crash::LoseUnsynced);

    let again = store(&disk);
    let feed = writer(&again, 3, Some(2));
    assert_eq!(feed.unsettled(), 3..=3);
    assert_eq!(feed.waiting(), [4]);
    feed.append_verdict(3, &refused(7), 8).unwrap();
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
    let author = Keypair::from_seed(&Zeroizing::new(Digest::of(b"author").0));
    let rules = mesh_event::DomainRules {
        mesh_id: MeshId([7; 32]),
        domain: DomainName::parse(DOMAIN).unwrap(),
        epoch: 1,
        number,
        author: author.public_key(),
        rules: Vec::new(),
        reason: String::new(),
    };
    mesh_event::SignedRules::verify(rules.sign(&[&author]).unwrap(), &MeshId([7; 32])).unwrap()
}

#[test]
fn rules_that_were_acknowledged_are_there_after_a_crash_and_never_proposed() {
    let disk = MemDisk::new(1);
    let first = store(&disk);
    let feed = writer(&first, 0, None);
    assert!(feed.stored_rules().unwrap().is_none());
    feed.append(&admitted(1), 1).unwrap();
    feed.append_rules(&no_rules(1), 4, |_| Ok(0)).unwrap();
    let second = feed.append_rules(&no_rules(2), 5, |size| Ok(size * 1000)).unwrap();
    feed.append(&admitted(2), 5).unwrap();
    assert_eq!(feed.append_rules(&no_rules(2), 9, |_| Ok(0)).unwrap().rules.event.seq, 2, "the first answer again");
    let stale = feed.append_rules(&no_rules(2 + 2), 9, |_| Ok(0)).unwrap_err();
    assert_eq!(stale.code, Code::StaleRules);
    drop((feed, first));
    disk.crash(Crash::LoseUnsynced);

    let again = store(&disk);
    let feed = writer(&again, 0, None);
    let found = InFeed::read(feed.stored_rules().unwrap().unwrap(), &MeshId([7; 32]), |size| Ok(size * 1000)).unwrap();
    assert_eq!((found.number(), &found.event), (2, &second.rules.event));
    assert_eq!(found.event.ledger_size, 5);
    feed.take_up_rules(found);
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
fn a_place_of_rules_that_holds_something_else_is_damage() {
    let store = store(&MemDisk::new(1));
    let feed = writer(&store, 0, None);
    feed.append(&admitted(1), 1).unwrap();
    let bytes = feed.feed.log().leaf(0).unwrap().unwrap();
    assert_eq!(InFeed::read(bytes, &MeshId([7; 32]), |_| Ok(0)).unwrap_err().code, Code::Damaged);
    feed.append_rules(&no_rules(1), 1, |_| Ok(0)).unwrap();
    let bytes = feed.stored_rules().unwrap().unwrap();
    assert_eq!(InFeed::read(bytes.clone(), &MeshId([8; 32]), |_| Ok(0)).unwrap_err().code, Code::Damaged);
    let mut forged = bytes;
    let last = forged.len() - 1;
    forged[last] ^= 1;
    assert_eq!(InFeed::read(forged, &MeshId([7; 32]), |_| Ok(0)).unwrap_err().code, Code::Damaged);
}
