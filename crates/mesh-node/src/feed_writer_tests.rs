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
