//! Which rules hold is decided by the protocol in force at an entry's index, for ever.

use mesh_event::federation::{AdmissionRule, AdmitVouchedNode, Erase, FeedAnchor};
use mesh_event::ledger::EntryBody;
use mesh_event::proposal::{DomainStanding, SetProtocol};
use mesh_event::protocol::PROTOCOL_VERSION;
use mesh_event::{Body, LedgerEntry, ProposalBody, ProtocolRange};
use mesh_model::{Code, Digest};

use super::{leaves, note, sales};
use crate::testing::{TestJudge, TestMesh, descriptor, keypair};
use crate::tests::nodes::record;
use crate::tests::{accepted, kinds, refused};
use crate::{Admission, Strict, admit_entry, admit_entry_among, read};

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
    let admit = |heard: &dyn Fn(u64) -> Option<ProtocolRange>| {
        admit_entry_among(&mesh.state, &entry, &Strict, &TestJudge, heard).unwrap()
    };
    // Everybody who holds it back is named, with what it knows.
    let ranges = [(1, Some((1, 2))), (2, None), (3, Some((1, 1)))];
    let heard = |voter| {
        let (_, range) = ranges.iter().find(|(id, _)| *id == voter)?;
        range.map(|(min, max)| ProtocolRange { min, max })
    };
    let refused = admit(&heard).unwrap_err();
    assert_eq!(refused.code, Code::VotersHoldBack);
    let expected =
        "not all voters know protocol version 2: voter 2 is not heard, voter 3 knows 1 to 1; nothing happened";
    assert_eq!(refused.detail, expected);
    // A build that dropped the old rules knows the version all the same; one that dropped this version does not.
    assert!(admit(&|_| Some((2..=3).into())).is_ok());
    assert!(admit(&|_| Some((3..=4).into())).is_err());
    assert_eq!(admit(&|_| Some(ProtocolRange::BUILD)), Ok(Admission { is_protocol_vote: true }));
    assert_eq!(admit_entry(&mesh.state, &entry, &Strict).unwrap(), Ok(()));
}

/// Approvals may be gathered before the last voter is updated; the one that completes the threshold is refused. A leader has to know
/// which those are: two at once complete it although neither does alone.
#[test]
fn approvals_of_a_protocol_are_marked_and_only_the_last_one_waits_for_the_voters() {
    let mut mesh = TestMesh::with_domains_under(1, &["sales"]);
    let set = ProposalBody::SetProtocol(SetProtocol { protocol_version: 2 });
    let opening = mesh.proposal_command(set, &["council-0"]);
    let entry = mesh.entry(EntryBody::Envelope(opening.bytes().to_vec()));
    let old = |_| Some(ProtocolRange::BUILD.held_at(1));
    let admit = |mesh: &TestMesh, entry: &LedgerEntry| {
        admit_entry_among(&mesh.state, entry, &Strict, &TestJudge, &old).unwrap()
    };
    assert_eq!(admit(&mesh, &entry), Ok(Admission { is_protocol_vote: true }));
    let opened = mesh.apply(&entry).remove(0);
    accepted(&opened);
    let approval = mesh.command(Body::Approve(mesh.approval(opened.leaf.index)), &[keypair("council-1")]);
    let entry = mesh.entry(EntryBody::Envelope(approval.bytes().to_vec()));
    assert_eq!(admit(&mesh, &entry).unwrap_err().code, Code::VotersHoldBack);
    // Other matters go on, and are not marked.
    let suspend = DomainStanding { domain: sales(), reason: "a matter like any other".into() };
    let other = mesh.proposal_command(ProposalBody::SuspendDomain(suspend), &["council-0", "council-1"]);
    let entry = mesh.entry(EntryBody::Envelope(other.bytes().to_vec()));
    assert_eq!(admit(&mesh, &entry), Ok(Admission { is_protocol_vote: false }));
}

#[test]
fn a_node_that_is_too_old_says_which_protocol_it_needs() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    assert_eq!(read::needs_protocol(&mesh.state, PROTOCOL_VERSION).unwrap(), None);
    accepted(&mesh.decide(ProposalBody::SetProtocol(SetProtocol { protocol_version: 3 }), &[]));
    assert_eq!(read::needs_protocol(&mesh.state, PROTOCOL_VERSION).unwrap(), Some(3));
    let command = mesh.proposal_command(ProposalBody::SetAdmissionRule(AdmissionRule::Off), &["council-0"]);
    let entry = mesh.entry(EntryBody::Envelope(command.bytes().to_vec()));
    let stopped = crate::apply(&mesh.state, &entry, &Strict).unwrap_err();
    assert_eq!(stopped.needs_protocol, Some(3));
    assert_eq!(stopped.to_string(), "the protocol in force is version 3; this build knows 1 to 2: update it");
}
