//! Claims about the state machine, at its boundary: entries in, leaves and state out.

#![allow(clippy::unwrap_used)]

mod admission;
mod amendments;
mod council;
mod council_witness;
mod domains;
mod facts;
mod federation;
mod feeds;
mod garbage;
mod lifecycle;
mod matters;
mod nodes;
mod overlays;
mod own_rules;
mod policy;
mod proposals;
mod publishing;
mod reads;
mod roles;
mod sequences;
mod standards;
mod witness;

use mesh_model::Code;

use crate::Applied;

/// Given what came before, when this was decided, then this is the code; the detail has this text in it, and nothing but
/// the listed kinds of keys changed.
fn outcome(applied: &Applied, code: Code, detail: &str) {
    let found = applied.outcome();
    assert_eq!(found.code, code, "{}", found.detail);
    assert!(found.detail.contains(detail), "{:?} lacks {detail:?}", found.detail);
    assert_eq!(applied.leaf.encode(), applied.leaf_bytes);
}

/// Rejected with this code, and nothing changed but the head.
fn refused(applied: &Applied, code: Code, detail: &str) {
    outcome(applied, code, detail);
    assert_eq!(kinds(applied), [0x01], "nothing but the head changes");
}

/// Rejected with this code behind a right fence: the number is used up, the head of the batch kept, and nothing else.
fn refused_in_feed(applied: &Applied, code: Code, detail: &str) {
    outcome(applied, code, detail);
    assert_eq!(kinds(applied), [0x01, 0x11, 0x12, 0x18], "only head, cursor, outbox index and the feed's head change");
}

fn accepted(applied: &Applied) {
    outcome(applied, Code::Accepted, "");
}

fn kinds(applied: &Applied) -> Vec<u8> {
    applied.changes.iter().map(|change| change.key[0]).collect()
}
