//! The bytes of every command that came with protocol 2. `fixtures/commands-protocol-2.txt` was written by the build that brought them and is
//! never edited.

use std::fmt::Write as _;

use mesh_event::federation::{
    AdmissionRule, AdmitVouchedNode, Erase, FeedAnchor, RecoverVoters, ReportEquivocation, ResolveEquivocation,
};
use mesh_event::{Body, Command, FeedBridge, FeedForkProof, FeedId, NodeRecord, ProposalBody, Propose, proto};
use mesh_model::{CommandId, Digest, MeshId, PublicKey};
use mesh_tlog::Hash;
use prost::Message as _;

fn key(n: u8) -> PublicKey {
    PublicKey([n; 32])
}

fn record(node_id: u64) -> NodeRecord {
    NodeRecord {
        node_id,
        name: "node-9".into(),
        key: key(8),
        log_key: Some(key(9)),
        cosigner_key: Some(key(10)),
        api_address: "127.0.0.1:7080".into(),
        peer_address: "127.0.0.1:7946".into(),
        possession: vec![vec![1; 64]],
    }
}

fn propose(body: ProposalBody) -> Body {
    Body::Propose(Propose { body, closes_unix_ms: 9, summary: "s".into(), council_version: 3 })
}

fn bodies() -> Vec<Body> {
    let domain = || "sales".parse().unwrap();
    let proof = |bridge| FeedForkProof {
        feed: FeedId { domain: domain(), epoch: 2 },
        node_key: key(8),
        heads: [b"one".to_vec(), b"two".to_vec()],
        bridge,
    };
    let bridge = FeedBridge { root: Hash::new([4; 32]), proof: vec![Hash::new([5; 32]), Hash::new([6; 32])] };
    vec![
        Body::AdmitVouchedNode(AdmitVouchedNode { domain: domain(), node: record(0) }),
        Body::RecoverVoters(RecoverVoters {
            voters: vec![record(2), record(0)],
            size: 77,
            root: Hash::new([7; 32]),
            reason: "lost".into(),
        }),
        Body::FeedAnchor(FeedAnchor { domain: domain(), epoch: 2, ledger_size: 40, head_note: b"head".to_vec() }),
        Body::ReportEquivocation(ReportEquivocation { proof: proof(None) }),
        Body::ReportEquivocation(ReportEquivocation { proof: proof(Some(bridge)) }),
        Body::ResolveEquivocation(ResolveEquivocation {
            domain: domain(),
            report: 41,
            head_size: 12,
            head_root: Digest([3; 32]),
            node_id: 1004,
            epoch: 3,
            reason: "stolen".into(),
        }),
        Body::Erase(Erase { domain: domain(), digest: Digest([2; 32]), reason: "asked".into() }),
        propose(ProposalBody::SetAdmissionRule(AdmissionRule::Off)),
        propose(ProposalBody::SetAdmissionRule(AdmissionRule::DomainRoot { nodes_per_domain: 5 })),
    ]
}

fn command(body: Body) -> Command {
    let (mesh_id, id, author) = (MeshId([1; 32]), CommandId([2; 16]), key(3));
    Command { mesh_id, id, author, expires_unix_ms: 1_800_000_000_000, body }
}

fn lines() -> String {
    bodies().into_iter().fold(String::new(), |mut lines, body| {
        let kind = body.kind();
        write!(lines, "{kind} ").unwrap();
        for byte in command(body).encode() {
            write!(lines, "{byte:02x}").unwrap();
        }
        lines + "\n"
    })
}

#[test]
fn the_bytes_of_protocol_2_stay_what_they_are() {
    assert_eq!(lines(), include_str!("../fixtures/commands-protocol-2.txt"));
}

#[test]
fn they_decode_to_the_same_and_are_none_under_protocol_1() {
    for body in bodies() {
        let payload = command(body.clone()).encode();
        assert_eq!(body.since_protocol(), 2);
        assert_eq!(Command::decode(&payload).unwrap().body, body);
        let error = Command::decode_under(1, &payload).unwrap_err();
        assert_eq!(error.field, "body", "{error}");
        if let Body::Propose(propose) = body {
            assert_eq!(ProposalBody::decode(&propose.body.encode()).unwrap(), propose.body);
        }
    }
}

/// Whoever reads a leaf need not know which protocol was in force.
#[test]
fn a_body_of_protocol_1_wins_wherever_it_stands_and_under_every_protocol() {
    let first = command(Body::Withdraw(mesh_event::proposal::Withdraw { proposal: 7, reason: "r".into() }));
    let only_body = |command: &Command| {
        let payload = command.encode();
        let bare = proto::Command { body: None, ..proto::Command::decode(payload.as_slice()).unwrap() }.encode_to_vec();
        (bare.clone(), payload.strip_prefix(bare.as_slice()).unwrap().to_vec())
    };
    let (bare, known) = only_body(&first);
    for later in bodies().into_iter().take(7) {
        let (_, later) = only_body(&command(later));
        for payload in [[&*bare, &*known, &*later].concat(), [&*bare, &*later, &*known].concat()] {
            for protocol in [1, 2] {
                assert_eq!(Command::decode_under(protocol, &payload).unwrap(), first);
            }
        }
    }
}

#[test]
fn fields_of_the_wrong_length_are_named() {
    use proto::later_command::Body as M;
    let payload = |body| {
        let message = proto::LaterCommand {
            mesh_id: vec![1; 32],
            command_id: vec![2; 16],
            author: vec![3; 32],
            expires_unix_ms: 0,
            body: Some(body),
        };
        message.encode_to_vec()
    };
    let erase =
        |digest: Vec<u8>, domain: &str| M::Erase(proto::Erase { domain: domain.into(), digest, reason: String::new() });
    let field = |body| Command::decode(&payload(body)).unwrap_err().field;
    assert_eq!(field(erase(vec![1; 31], "sales")), "body.digest");
    assert_eq!(field(erase(vec![1; 32], "Sales/")), "body.domain");
    assert_eq!(field(M::AdmitVouchedNode(proto::AdmitVouchedNode { domain: "sales".into(), node: None })), "body.node");
    assert_eq!(field(M::Propose(proto::LaterPropose::default())), "body");
    let half = proto::ReportEquivocation {
        domain: "sales".into(),
        node_key: vec![1; 32],
        proof: vec![vec![1; 32]],
        ..Default::default()
    };
    assert_eq!(field(M::ReportEquivocation(half)), "body.root_at_smaller", "a proof without its root");
}
