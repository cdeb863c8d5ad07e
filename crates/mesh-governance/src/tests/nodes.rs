//! Nodes, voters and the protocol, as the council decides them.

use mesh_event::genesis::PROTOCOL_VERSION;
use mesh_event::ledger::EntryBody;
use mesh_event::proposal::{ResolveFork, RevokeNode, SetProtocol, SetVoters};
use mesh_event::{NodeRecord, ProposalBody, ProtocolRange, Signer};
use mesh_model::{Code, Digest, NodeId};

use super::{accepted, refused};
use crate::testing::{TestJudge, TestMesh, descriptor, keypair};
use crate::{Effect, KeyPurpose, Strict, admit_entry_among, apply, read};

/// A record of a node that the ledger does not know, with or without the keys of a voter.
pub(super) fn record(name: &str, votes: bool) -> NodeRecord {
    let keys = [name.to_owned(), format!("{name}/log"), format!("{name}/cosigner")].map(|name| keypair(&name));
    let key = |n: usize| votes.then(|| keys[n].public_key());
    let mut record = NodeRecord {
        node_id: 0,
        name: name.into(),
        key: keys[0].public_key(),
        log_key: key(1),
        cosigner_key: key(2),
        api_address: "127.0.0.1:7180".into(),
        peer_address: "127.0.0.1:7280".into(),
        possession: Vec::new(),
    };
    let signers: Vec<&dyn Signer> = keys.iter().take(if votes { 3 } else { 1 }).map(|key| key as &dyn Signer).collect();
    record.prove_possession(&signers);
    record
}

fn admit(mesh: &mut TestMesh, record: NodeRecord) -> crate::Applied {
    mesh.decide(ProposalBody::AdmitNode(record), &[])
}

#[test]
fn a_node_gets_the_index_of_its_leaf_plus_1000() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    let applied = admit(&mut mesh, record("node-9", false));
    accepted(&applied);
    let node_id = applied.leaf.index + 1000;
    assert!(applied.effects.contains(&Effect::NodeAdmitted { node_id }));
    let node = read::node(&mesh.state, node_id).unwrap().unwrap();
    assert_eq!((node.record.node_id, node.voter, node.admitted_at), (node_id, false, applied.leaf.index));
    let purpose = read::key_purpose(&mesh.state, &node.record.key).unwrap();
    assert_eq!(purpose, Some(KeyPurpose::Node(node_id)));
    accepted(&mesh.delegate("sales", node_id, 2));
}

#[test]
fn refuses_nodes_that_do_not_fit() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    let mut refuse = |edit: fn(&mut NodeRecord), code, detail: &str| {
        let mut node = record("node-9", true);
        edit(&mut node);
        refused(&admit(&mut mesh, node), code, detail);
    };
    refuse(|n| n.node_id = 4, Code::Malformed, "node_id is 4");
    refuse(|n| n.name.clear(), Code::Malformed, "a node's name has 0 bytes");
    refuse(|n| n.name.push('x'), Code::NoPossession, "did not sign with each of its keys");
    refuse(|n| n.possession.truncate(2), Code::NoPossession, "did not sign");
    refuse(|n| n.log_key = None, Code::Malformed, "expected both or none");
    refuse(|n| n.api_address = "x".repeat(300), Code::TooLarge, "an address");
    refuse(|n| *n = record("node-1", false), Code::KeyInUse, "the key of node 1");
    refuse(|n| *n = record("sales/root", false), Code::KeyInUse, "a root key of sales");
}

fn revoke(mesh: &mut TestMesh, node_id: NodeId) -> crate::Applied {
    mesh.decide(ProposalBody::RevokeNode(RevokeNode { node_id, reason: "stolen".into() }), &[])
}

#[test]
fn a_revoked_node_writes_no_feed() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    let node_id = admit(&mut mesh, record("node-9", false)).leaf.index + 1000;
    accepted(&mesh.delegate("sales", node_id, 2));
    // The fixture names a node's key by its id; this one's is another.
    let feed = mesh.feeds.get_mut(&"sales".parse().unwrap()).unwrap();
    feed.node = keypair("node-9");
    accepted(&mesh.publish(descriptor("sales/orders", "1.0.0", &["id"])));
    refused(&revoke(&mut mesh, 1), Code::NodeVotes, "node 1 is a voter");
    refused(&revoke(&mut mesh, 99), Code::UnknownNode, "no node 99");
    accepted(&revoke(&mut mesh, node_id));
    refused(&revoke(&mut mesh, node_id), Code::AlreadySo, "was revoked at index");
    refused(&mesh.publish(descriptor("sales/orders", "1.0.1", &["id"])), Code::NodeRevoked, "writes the feed");
    refused(&mesh.delegate("sales", node_id, 3), Code::NodeRevoked, "was revoked at index");
    refused(&admit(&mut mesh, record("node-9", false)), Code::KeyInUse, "the key of node");
    accepted(&mesh.delegate("sales", 1, 3));
    accepted(&mesh.publish(descriptor("sales/orders", "1.0.1", &["id"])));
}

fn set_voters(mesh: &mut TestMesh, replaces: &[NodeId], voters: &[NodeId]) -> crate::Applied {
    let body = SetVoters { voters: voters.to_vec(), replaces: replaces.to_vec() };
    mesh.decide(ProposalBody::SetVoters(body), &[])
}

#[test]
fn the_council_sets_the_voters() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    let four = admit(&mut mesh, record("node-8", true)).leaf.index + 1000;
    let observer = admit(&mut mesh, record("node-9", false)).leaf.index + 1000;
    let now = [1, 2, 3];
    refused(&set_voters(&mut mesh, &[1, 2], &[1]), Code::StaleRoster, "in force are 1, 2, 3");
    refused(&set_voters(&mut mesh, &now, &now), Code::AlreadySo, "1, 2, 3");
    refused(&set_voters(&mut mesh, &now, &[1, 2]), Code::BadVoters, "expected 1, 3, 5 or 7");
    refused(&set_voters(&mut mesh, &now, &[]), Code::BadVoters, "expected 1, 3, 5 or 7");
    refused(&set_voters(&mut mesh, &now, &[1, 3, 2]), Code::BadVoters, "ascending");
    refused(&set_voters(&mut mesh, &now, &[1, 2, 2]), Code::BadVoters, "ascending");
    refused(&set_voters(&mut mesh, &now, &[1, 2, 9]), Code::UnknownNode, "no node 9 to vote");
    refused(&set_voters(&mut mesh, &now, &[1, 2, observer]), Code::BadVoters, "lacks a log");
    let set = set_voters(&mut mesh, &now, &[1, 3, four]);
    accepted(&set);
    assert!(set.effects.contains(&Effect::VotersSet { voters: vec![1, 3, four] }));
    let voting: Vec<NodeId> =
        read::nodes(&mesh.state).unwrap().iter().filter(|node| node.voter).map(|node| node.record.node_id).collect();
    assert_eq!(voting, [1, 3, four]);
    accepted(&revoke(&mut mesh, 2));
    refused(&set_voters(&mut mesh, &[1, 3, four], &[1, 2, 3]), Code::NodeRevoked, "node 2 was revoked");
}

/// Builds differ in what they know and their leaves may not: the leaf says yes, a leader that does not know the version
/// proposes no such thing, and a node that does not know it stops behind the leaf.
#[test]
fn a_build_that_is_too_old_stops_and_says_so() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    let set = |version| ProposalBody::SetProtocol(SetProtocol { protocol_version: version });
    refused(&mesh.decide(set(PROTOCOL_VERSION), &[]), Code::AlreadySo, "is in force");
    refused(&mesh.decide(set(PROTOCOL_VERSION + 2), &[]), Code::StaleRoster, "the next follows it");
    let command = mesh.proposal_command(set(PROTOCOL_VERSION + 1), &["council-0", "council-1"]);
    let entry = mesh.entry(EntryBody::Envelope(command.bytes().to_vec()));
    let heard = |_| Some(ProtocolRange::BUILD);
    let refused = admit_entry_among(&mesh.state, &entry, &Strict, &TestJudge, &heard).unwrap().unwrap_err();
    assert_eq!(refused.code, Code::VotersHoldBack);
    accepted(&mesh.apply(&entry)[0]);
    let next = mesh.publish_command(descriptor("sales/orders", "1.0.0", &["id"]));
    let feed = mesh.feeds.get_mut(&"sales".parse().unwrap()).unwrap();
    let event = feed.command(3, next.bytes().to_vec());
    let batch = feed.batch(vec![event]);
    for body in [EntryBody::Feed(batch), EntryBody::Envelope(command.bytes().to_vec())] {
        let entry = mesh.entry(body);
        let stopped = apply(&mesh.state, &entry, &Strict).unwrap_err();
        assert!(stopped.to_string().contains("this build knows 1 to"), "{stopped}");
    }
}

#[test]
fn a_fork_is_resolved_once_and_only_by_a_history_that_is_there() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    let size = mesh.history.len() as u64;
    let (proof, root, refused_root) = (Digest([7; 32]), Digest([8; 32]), Digest([9; 32]));
    let mut resolve = |size, refused_size, reason: &str| {
        let reason = reason.to_owned();
        let body = ResolveFork { proof, size, root, refused_size, refused_root, reason };
        mesh.decide(ProposalBody::ResolveFork(body), &[])
    };
    refused(&resolve(0, 2, ""), Code::BadResolution, "expected 1 to");
    refused(&resolve(size + 9, 2, ""), Code::BadResolution, "expected 1 to");
    refused(&resolve(size, 0, ""), Code::BadResolution, "refuses");
    refused(&resolve(2, 3, ""), Code::BadResolution, "expected another one of 1 to 2");
    refused(&resolve(size, 2, &"x".repeat(5000)), Code::TooLarge, "reason");
    let applied = resolve(size, 2, "the other one was signed with stolen keys");
    accepted(&applied);
    let resolved = Effect::ForkResolved { size, root, refused_size: 2, refused_root };
    assert!(applied.effects.contains(&resolved));
    refused(&resolve(size, 2, ""), Code::BadResolution, "settled it");
    let resolved = read::resolved_fork(&mesh.state).unwrap().unwrap();
    assert_eq!((resolved.size, resolved.root, resolved.index), (size, root, applied.leaf.index));
}

#[test]
fn who_voted_at_which_size_stays_known() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    let ids = |mesh: &TestMesh, size| {
        let found = read::voters_at(&mesh.state, size).unwrap();
        found.map(|(since, voters)| (since, voters.to_set().unwrap().iter().map(|voter| voter.id).collect::<Vec<_>>()))
    };
    assert_eq!(ids(&mesh, 0), None);
    assert_eq!(ids(&mesh, 9), Some((1, vec![1, 2, 3])));
    let changed = set_voters(&mut mesh, &[1, 2, 3], &[2]).leaf.index;
    let back = set_voters(&mut mesh, &[2], &[1, 2, 3]).leaf.index;
    assert_eq!(ids(&mesh, changed), Some((1, vec![1, 2, 3])), "the leaf that changes them is still the old ones'");
    assert_eq!(ids(&mesh, changed + 1), Some((changed + 1, vec![2])));
    assert_eq!(ids(&mesh, back + 7), Some((back + 1, vec![1, 2, 3])));
    assert!(read::was_voter(&mesh.state, 3).unwrap() && !read::was_voter(&mesh.state, 4).unwrap());
}
