//! The founding ceremony, step by step on separate machines, and what it says of forged drafts.

use crate::support::machine::{Machine, mode};
use mesh_event::genesis::SealedGenesis;

/// Three members and a node's machine; every member has a key, nobody has two.
struct Cast {
    ada: Machine,
    ben: Machine,
    cleo: Machine,
    node: Machine,
}

fn cast() -> Cast {
    let cast = Cast { ada: Machine::new(), ben: Machine::new(), cleo: Machine::new(), node: Machine::new() };
    for member in [&cast.ada, &cast.ben, &cast.cleo] {
        member.ok(&["key", "new", "--out", "member.pem"]);
    }
    cast
}

const DRAFT: &str = "draft.json";

fn join(machine: &Machine, seat: &str) {
    machine.ok(&["genesis", "join", "council", "--seat", seat, "--key", "member.pem", DRAFT]);
}

/// A draft with three seats and one voter, passed from hand to hand; it ends at Ada's.
fn joined(cast: &Cast) {
    cast.ada.ok(&["genesis", "draft", "--mesh", "acme", "--threshold", "2", "--out", DRAFT]);
    join(&cast.ada, "architecture");
    cast.ada.send(DRAFT, &cast.ben);
    join(&cast.ben, "finance");
    cast.ben.send(DRAFT, &cast.node);
    let voter = ["genesis", "join", "voter", "--name", "node-1", "--api", "127.0.0.1:7080", "--peer", "127.0.0.1:7946"];
    cast.node.ok(&[&voter[..], &["--keys", "keys", DRAFT]].concat());
    cast.node.send(DRAFT, &cast.cleo);
    join(&cast.cleo, "operations");
    cast.cleo.send(DRAFT, &cast.ada);
}

fn sign(machine: &Machine) {
    machine.ok(&["genesis", "sign", "--key", "member.pem", "--yes", DRAFT]);
}

#[test]
fn three_members_on_separate_machines_found_a_mesh() {
    let cast = cast();
    joined(&cast);
    sign(&cast.ada);
    let too_few = cast.ada.refused(7, &["genesis", "seal", DRAFT, "--out", "genesis.bin"]);
    assert!(too_few.contains("1 of the 2 seats"), "{too_few}");
    cast.ada.send(DRAFT, &cast.ben);
    sign(&cast.ben);
    let sealed = cast.ben.ok(&["genesis", "seal", DRAFT, "--out", "genesis.bin"]);
    let genesis = SealedGenesis::parse(std::fs::read(cast.ben.path("genesis.bin")).unwrap()).unwrap();
    assert!(sealed.contains(&genesis.mesh_id.to_string()), "{sealed}");
    assert_eq!(genesis.document.mesh_name, "acme");
    assert_eq!(genesis.document.council.seats.len(), 3);
    for key in ["node", "log", "cosigner"] {
        assert_eq!(mode(&cast.node.path(&format!("keys/{key}.pem"))), 0o600);
    }
    let again = cast.ben.refused(2, &["genesis", "seal", DRAFT, "--out", "genesis.bin"]);
    assert!(again.contains("genesis.bin"), "{again}");
}

#[test]
fn a_review_time_is_part_of_what_everybody_agrees_on() {
    let cast = cast();
    let draft = ["genesis", "draft", "--mesh", "acme", "--threshold", "1", "--out", DRAFT];
    cast.ada.refused(2, &[&draft[..], &["--min-review-hours", "721"]].concat());
    cast.ada.ok(&[&draft[..], &["--min-review-hours", "24"]].concat());
    join(&cast.ada, "architecture");
    let honest = cast.ada.read(DRAFT);
    cast.ada.write(DRAFT, &honest.replace("86400000", "3600000"));
    let altered = cast.ada.refused(8, &["genesis", "show", DRAFT]);
    assert!(altered.contains("review time"), "{altered}");
    cast.ada.write(DRAFT, &honest);
    let voter = ["genesis", "join", "voter", "--name", "node-1", "--api", "127.0.0.1:7080", "--peer", "127.0.0.1:7946"];
    cast.ada.ok(&[&voter[..], &["--keys", "keys", DRAFT]].concat());
    assert!(cast.ada.ok(&["genesis", "show", DRAFT]).contains("open for at least 24 h"));
    sign(&cast.ada);
    cast.ada.ok(&["genesis", "seal", DRAFT, "--out", "genesis.bin"]);
    let genesis = SealedGenesis::parse(std::fs::read(cast.ada.path("genesis.bin")).unwrap()).unwrap();
    assert_eq!(genesis.document.min_review_ms, 86_400_000);
}

#[test]
fn drafts_that_grew_apart_are_merged() {
    let cast = cast();
    cast.ada.ok(&["genesis", "draft", "--mesh", "acme", "--threshold", "2", "--out", DRAFT]);
    cast.ada.send(DRAFT, &cast.ben);
    join(&cast.ada, "architecture");
    join(&cast.ben, "finance");
    std::fs::copy(cast.ben.path(DRAFT), cast.ada.path("theirs.json")).unwrap();
    cast.ada.ok(&["genesis", "merge", DRAFT, "theirs.json", "--out", "both.json"]);
    std::fs::copy(cast.ada.path("both.json"), cast.ada.path("again.json")).unwrap();
    cast.ada.ok(&["genesis", "merge", "theirs.json", DRAFT, "--out", "other-way.json"]);
    assert_eq!(cast.ada.read("both.json"), cast.ada.read("other-way.json"));
    let shown = cast.ada.ok(&["genesis", "show", "both.json"]);
    assert!(shown.contains("architecture") && shown.contains("finance"), "{shown}");
    cast.ada.ok(&["genesis", "draft", "--mesh", "acme", "--threshold", "2", "--out", "stranger.json"]);
    let stranger = cast.ada.refused(5, &["genesis", "merge", DRAFT, "stranger.json", "--out", "x.json"]);
    assert!(stranger.contains("nonce") || stranger.contains("creation time"), "{stranger}");
}

#[test]
fn nobody_joins_after_the_first_signature() {
    let cast = cast();
    joined(&cast);
    sign(&cast.ada);
    let late = Machine::new();
    late.ok(&["key", "new", "--out", "member.pem"]);
    cast.ada.send(DRAFT, &late);
    let refused = late.refused(5, &["genesis", "join", "council", "--seat", "late", "--key", "member.pem", DRAFT]);
    assert!(refused.contains("frozen"), "{refused}");
    assert_eq!(late.read(DRAFT), cast.ada.read(DRAFT));
    let stranger = late.refused(7, &["genesis", "sign", "--key", "member.pem", "--yes", DRAFT]);
    assert!(stranger.contains("no seat"), "{stranger}");
}

#[test]
fn altered_parts_are_found_and_named_and_nobody_signs_them() {
    let cast = cast();
    joined(&cast);
    let honest = cast.ada.read(DRAFT);
    cast.ada.ok(&["key", "new", "--out", "mallory.pem"]);
    let mallory = cast.ada.ok(&["key", "show", "mallory.pem"]);
    let mallory = mallory.split_whitespace().find(|word| word.starts_with("ed25519:")).unwrap();
    let draft: serde_json::Value = serde_json::from_str(&honest).unwrap();
    let text = |path: &str| draft.pointer(path).unwrap().as_str().unwrap().to_owned();
    let forgeries = [
        (text("/seats/1/key"), mallory.to_owned(), "seat finance"),
        ("\"finance\"".to_owned(), "\"finances\"".to_owned(), "seat finances"),
        ("127.0.0.1:7946".to_owned(), "127.0.0.1:6666".to_owned(), "voter node-1"),
        (text("/voters/0/log_key"), mallory.to_owned(), "voter node-1"),
        ("\"threshold\": 2".to_owned(), "\"threshold\": 1".to_owned(), "seat architecture"),
        ("\"acme\"".to_owned(), "\"acne\"".to_owned(), "seat operations"),
        (text("/nonce"), "0".repeat(32), "seat finance"),
    ];
    for (from, to, named) in forgeries {
        let forged = honest.replacen(&from, &to, 1);
        assert_ne!(forged, honest, "{from}");
        cast.ada.write("forged.json", &forged);
        let shown = cast.ada.refused(8, &["genesis", "show", "forged.json"]);
        assert!(shown.contains(named), "{named} in {shown}");
        cast.ada.refused(8, &["genesis", "sign", "--key", "member.pem", "--yes", "forged.json"]);
        assert_eq!(cast.ada.read("forged.json"), forged);
    }
}

#[test]
fn an_altered_document_or_signature_is_found_and_named() {
    let cast = cast();
    joined(&cast);
    sign(&cast.ada);
    cast.ada.send(DRAFT, &cast.ben);
    sign(&cast.ben);
    let honest = cast.ben.read(DRAFT);
    let mut draft: serde_json::Value = serde_json::from_str(&honest).unwrap();
    // A seat dropped after the signatures: the parts no longer make the document.
    let seats = draft.pointer_mut("/seats").unwrap().as_array_mut().unwrap();
    let dropped = seats.pop().unwrap();
    cast.ben.write("forged.json", &serde_json::to_string(&draft).unwrap());
    let shown = cast.ben.refused(8, &["genesis", "show", "forged.json"]);
    assert!(shown.contains("document"), "{shown}");
    draft.pointer_mut("/seats").unwrap().as_array_mut().unwrap().push(dropped);
    // One member's signature under another's key.
    let other = draft.pointer("/signatures/0/signature").unwrap().clone();
    *draft.pointer_mut("/signatures/1/signature").unwrap() = other;
    cast.ben.write("forged.json", &serde_json::to_string(&draft).unwrap());
    let shown = cast.ben.refused(8, &["genesis", "show", "forged.json"]);
    assert!(shown.contains("signature of"), "{shown}");
    cast.ben.refused(8, &["genesis", "seal", "forged.json", "--out", "genesis.bin"]);
    assert!(!cast.ben.path("genesis.bin").exists());
}

#[test]
fn a_key_has_one_seat_and_a_draft_is_not_overwritten() {
    let ada = Machine::new();
    ada.ok(&["key", "new", "--out", "member.pem"]);
    ada.ok(&["genesis", "draft", "--mesh", "acme", "--threshold", "1", "--out", DRAFT]);
    join(&ada, "architecture");
    let twice = ada.refused(5, &["genesis", "join", "council", "--seat", "finance", "--key", "member.pem", DRAFT]);
    assert!(twice.contains("serves the seat architecture"), "{twice}");
    ada.refused(2, &["genesis", "draft", "--mesh", "acme", "--threshold", "1", "--out", DRAFT]);
    // Joining again with the same content changes nothing.
    let before = ada.read(DRAFT);
    join(&ada, "architecture");
    assert_eq!(ada.read(DRAFT), before);
}
