//! Which rules hold is decided by the protocol in force at an entry's index, for ever.

use mesh_event::federation::{AdmissionRule, AdmitVouchedNode, Erase, FeedAnchor};
use mesh_event::ledger::EntryBody;
use mesh_event::proposal::SetProtocol;
use mesh_event::{Body, ProposalBody};
use mesh_model::{Code, Digest};

use super::{leaves, note, sales};
use crate::testing::{TestJudge, TestMesh, descriptor};
use crate::tests::nodes::record;
use crate::tests::{accepted, kinds, refused};
use crate::{Strict, admit_entry, admit_entry_among, read};

/// What an older build says, which does not know these kinds at all: the leaves of both are the same bytes.
#[test]
fn under_protocol_1_later_commands_are_none() {
    let mut mesh = TestMesh::with_domains_under(1, &["sales"]);
    let head_note = note(&mesh, 1, &leaves(4, 9), "node-1");
    let bodies = [
        (Body::FeedAnchor(FeedAnchor { domain: sales(), epoch: 1, ledger_size: 2, head_note }), "node-1"),
        (Body::Erase(Erase { domain: sales(), digest: Digest([9; 32]), reason: String::new() }), "sales/root"),
        (Body::AdmitVouchedNode(AdmitVouchedNode { domain: sales(), node: record("node-9", false) }), "sales/root"),
    ];
    for (body, signer) in bodies.clone() {
        let applied = mesh.say_directly(body, &[signer]);
        refused(&applied, Code::Malformed, "body does not decode");
        assert_eq!(applied.outcome().detail, "body does not decode");
    }
    let rule = ProposalBody::SetAdmissionRule(AdmissionRule::DomainRoot { nodes_per_domain: 1 });
    refused(&mesh.decide(rule.clone(), &[]), Code::Malformed, "body does not decode");
    let published = mesh.publish(descriptor("sales/orders", "1.0.0", &["id"]));
    assert!(!kinds(&published).contains(&0x18), "no head is kept");
    // A base is whatever the root says.
    let applied = mesh.delegate("sales", 1, 2);
    accepted(&applied);
    assert!(!kinds(&applied).contains(&0x16), "no epoch is kept");

    accepted(&mesh.decide(ProposalBody::SetProtocol(SetProtocol { protocol_version: 2 }), &[]));
    let (body, signer) = bodies[1].clone();
    accepted(&mesh.say_directly(body, &[signer]));
    accepted(&mesh.decide(rule, &[]));
    let published = mesh.publish(descriptor("sales/orders", "1.0.1", &["id"]));
    assert!(kinds(&published).contains(&0x18));
}

#[test]
fn a_leader_proposes_no_protocol_that_a_voter_does_not_know() {
    let mut mesh = TestMesh::with_domains_under(1, &["sales"]);
    let set = ProposalBody::SetProtocol(SetProtocol { protocol_version: 2 });
    let command = mesh.proposal_command(set, &["council-0", "council-1"]);
    let entry = mesh.entry(EntryBody::Envelope(command.bytes().to_vec()));
    let admit = |newest: &dyn Fn(u64) -> Option<u32>| {
        admit_entry_among(&mesh.state, &entry, &Strict, &TestJudge, newest).unwrap()
    };
    let old = admit(&|voter| Some(if voter == 3 { 1 } else { 2 })).unwrap_err();
    assert_eq!((old.code, old.detail.contains("voter 3 knows 1 to 1")), (Code::UnsupportedCommand, true), "{old}");
    let silent = admit(&|voter| (voter != 2).then_some(2)).unwrap_err();
    assert_eq!(silent.code, Code::UnsupportedCommand);
    assert!(silent.detail.contains("voter 2 has not said"), "{silent}");
    assert_eq!(admit(&|_| Some(2)), Ok(()));
    assert_eq!(admit_entry(&mesh.state, &entry, &Strict).unwrap(), Ok(()));
}

#[test]
fn a_node_that_is_too_old_says_which_protocol_it_needs() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    assert_eq!(read::needs_protocol(&mesh.state).unwrap(), None);
    accepted(&mesh.decide(ProposalBody::SetProtocol(SetProtocol { protocol_version: 3 }), &[]));
    assert_eq!(read::needs_protocol(&mesh.state).unwrap(), Some(3));
    let command = mesh.proposal_command(ProposalBody::SetAdmissionRule(AdmissionRule::Off), &["council-0"]);
    let entry = mesh.entry(EntryBody::Envelope(command.bytes().to_vec()));
    let stopped = crate::apply(&mesh.state, &entry, &Strict).unwrap_err();
    assert_eq!(stopped.needs_protocol, Some(3));
    assert_eq!(stopped.to_string(), "the protocol in force is version 3; this build knows 1 to 2: update it");
}
