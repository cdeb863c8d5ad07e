//! Council matters round trip, and what is not one names the field.

use mesh_event::command::{OffboardMember, RoleGrant, RotateDomainKeys, VetoRootReplacement};
use mesh_event::proposal::{
    AmendCouncil, Approve, Comment, DomainStanding, EnactStandard, Reject, ReplaceDomainRoot, ResolveFork,
    RetireStandard, RevokeNode, RevokeWaiver, SetProtocol, SetVoters, Waive, WaiverScope, Withdraw,
};
use mesh_event::{Body, Command, Council, NodeRecord, ProposalBody, Propose, Seat, proto};
use mesh_event::{decode_standard, encode_standard, standard_digest};
use mesh_model::{
    CommandId, Digest, Enforcement, Expectation, JsonText, MeshId, PublicKey, Role, Rule, RuleSeverity, Standard,
    StandardDetail, StandardKind, TestCase,
};
use prost::Message as _;

fn key(n: u8) -> PublicKey {
    PublicKey([n; 32])
}

fn standard(detail: Option<StandardDetail>) -> Standard {
    Standard {
        id: "pii-handling".parse().unwrap(),
        version: "1.2.0".parse().unwrap(),
        title: "PII".into(),
        kind: StandardKind::Policy,
        text: "# Why".into(),
        selector: "status == 'active'".into(),
        rules: vec![Rule {
            id: "encrypted".parse().unwrap(),
            expression: "storage.encryption.enabled == true".into(),
            severity: RuleSeverity::Critical,
            message: "not encrypted".into(),
            remediation: "encrypt it".into(),
        }],
        enforcement: Enforcement::Block,
        effective_from: "2027-01-01".into(),
        grace_days: 90,
        tests: vec![TestCase {
            name: "plain".into(),
            expect: Expectation::Fail,
            product: JsonText::parse(r#"{"storage": {"z": 1.50, "a": null}}"#).unwrap(),
        }],
        detail,
    }
}

fn details() -> Vec<Option<StandardDetail>> {
    let (text, data_type) = (String::new, || "string".to_owned());
    vec![
        None,
        Some(StandardDetail::GlossaryTerm {
            definition: "who buys".into(),
            synonyms: vec!["client".into()],
            owner: "sales".into(),
            data_type: data_type(),
        }),
        Some(StandardDetail::Identifier {
            entity: "customer".into(),
            pattern: "C[0-9]+".into(),
            checksum: "luhn".into(),
            examples: vec!["C1".into()],
            data_type: text(),
        }),
        Some(StandardDetail::Time {
            zone: "UTC".into(),
            granularity: "PT1S".into(),
            calendar: "gregorian".into(),
            time: "event".into(),
        }),
        Some(StandardDetail::Schema { json_schema: JsonText::parse(r#"{"type": "object"}"#).unwrap() }),
    ]
}

fn matters() -> Vec<ProposalBody> {
    let standing = || DomainStanding { domain: "sales".parse().unwrap(), reason: "audit".into() };
    let seat = |n: u8, domain: &str| Seat { name: format!("seat-{n}"), key: key(n), domain: domain.parse().ok() };
    let waive = |scope| Waive { standard: "pii".parse().unwrap(), scope, reason: "later".into(), expires_unix_ms: 9 };
    let node = NodeRecord {
        node_id: 0,
        name: "node".into(),
        key: key(4),
        log_key: None,
        cosigner_key: None,
        api_address: "a:1".into(),
        peer_address: "a:2".into(),
        possession: vec![vec![1; 64]],
    };
    let mut all: Vec<ProposalBody> = (details().into_iter())
        .map(|detail| EnactStandard { standard: standard(detail), supersedes: "1.1.0".parse().ok() })
        .map(ProposalBody::EnactStandard)
        .collect();
    all.extend([
        ProposalBody::RetireStandard(RetireStandard {
            id: "pii".parse().unwrap(),
            version: "1.0.0".parse().unwrap(),
            reason: "moot".into(),
        }),
        ProposalBody::AdmitDomains(Vec::new()),
        ProposalBody::SuspendDomain(standing()),
        ProposalBody::ResumeDomain(standing()),
        ProposalBody::RemoveDomain(standing()),
        ProposalBody::AmendCouncil(AmendCouncil {
            council: Council { threshold: 1, seats: vec![seat(1, ""), seat(2, "sales")] },
            min_review_ms: 5,
            recovery_keys: vec![key(3)],
        }),
        ProposalBody::Waive(waive(WaiverScope::Product("sales/orders".parse().unwrap()))),
        ProposalBody::Waive(waive(WaiverScope::Domain("sales".parse().unwrap()))),
        ProposalBody::RevokeWaiver(RevokeWaiver { waiver: 7, reason: "done".into() }),
        ProposalBody::ReplaceDomainRoot(ReplaceDomainRoot {
            domain: "sales".parse().unwrap(),
            root_keys: vec![key(5)],
            root_threshold: 1,
            reason: "lost".into(),
        }),
        ProposalBody::SetVoters(SetVoters { voters: vec![1, 2, 1004], replaces: vec![1, 2, 3] }),
        ProposalBody::AdmitNode(node),
        ProposalBody::RevokeNode(RevokeNode { node_id: 1004, reason: "stolen".into() }),
        ProposalBody::SetProtocol(SetProtocol { protocol_version: 2 }),
        ProposalBody::GrantRole(RoleGrant { key: key(6), role: Role::DataMeshArchitect }),
        ProposalBody::ResolveFork(ResolveFork {
            proof: Digest([7; 32]),
            size: 12,
            root: Digest([6; 32]),
            refused_size: 11,
            refused_root: Digest([5; 32]),
            reason: "the other one was signed with stolen keys".into(),
        }),
    ]);
    all
}

fn command(body: Body) -> Command {
    let (mesh_id, id, author) = (MeshId([1; 32]), CommandId([2; 16]), key(3));
    Command { mesh_id, id, author, expires_unix_ms: 1_800_000_000_000, body }
}

#[test]
fn every_council_command_round_trips() {
    let (proposal, digest, council_version, reason) = (7, Digest([8; 32]), 2, || "because".to_owned());
    let mut bodies: Vec<Body> = (matters().into_iter())
        .map(|body| Propose { body, closes_unix_ms: 9, summary: "impact".into(), council_version })
        .map(Body::Propose)
        .collect();
    bodies.extend([
        Body::Approve(Approve { proposal, digest, council_version }),
        Body::Reject(Reject { proposal, digest, council_version, reason: reason() }),
        Body::Withdraw(Withdraw { proposal, reason: reason() }),
        Body::Comment(Comment { proposal, text: reason() }),
        Body::RotateDomainKeys(RotateDomainKeys {
            domain: "sales".parse().unwrap(),
            root_keys: vec![key(1), key(2)],
            root_threshold: 2,
            roster_version: 3,
        }),
        Body::VetoRootReplacement(VetoRootReplacement { domain: "sales".parse().unwrap(), proposal, reason: reason() }),
        Body::OffboardMember(OffboardMember { key: key(4), domain: None, reason: reason(), version: 5 }),
    ]);
    for body in bodies {
        assert_eq!(body.feed_domain(), None, "{}", body.kind());
        let command = command(body);
        assert_eq!(Command::decode(&command.encode()).unwrap(), command);
    }
    for body in matters() {
        assert_eq!(ProposalBody::decode(&body.encode()).unwrap(), body, "{}", body.kind());
        assert!(body.kind() == "AdmitDomain" || !body.subject().is_empty());
    }
}

#[test]
fn a_proposal_names_the_keys_that_must_prove_possession() {
    let named: Vec<PublicKey> = matters().iter().flat_map(ProposalBody::named_keys).collect();
    assert_eq!(named, [key(1), key(2), key(3), key(5), key(6)]);
}

#[test]
fn a_standard_round_trips_with_its_json_in_the_order_of_its_author() {
    for detail in details() {
        let standard = standard(detail);
        let bytes = encode_standard(&standard);
        let again = decode_standard(&bytes).unwrap();
        assert_eq!((&again, encode_standard(&again)), (&standard, bytes));
        assert_eq!(standard_digest(&standard), standard_digest(&again));
    }
    assert_eq!(standard(None).tests[0].product.as_str(), r#"{"storage":{"z":1.5,"a":null}}"#);
}

type Edit = fn(&mut proto::Propose, &mut proto::Standard);

/// Given a good message, when one field of it is spoilt, then that field is named.
#[test]
fn what_is_malformed_names_its_field() {
    let good = || proto::Command::decode(command(Body::Propose(propose())).encode().as_slice()).unwrap();
    let cases: [(&str, Edit); 9] = [
        ("standard.id", |_, s| s.id = "NOT A NAME".into()),
        ("standard.version", |_, s| s.version = "one".into()),
        ("standard.kind", |_, s| s.kind = 99),
        ("standard.enforcement", |_, s| s.enforcement = 0),
        ("standard.grace_days", |_, s| s.grace_days = 70_000),
        ("standard.rules.id", |_, s| s.rules[0].id = String::new()),
        ("standard.rules.severity", |_, s| s.rules[0].severity = 0),
        ("standard.tests.expect", |_, s| s.tests[0].expect = 3),
        ("standard.tests.product", |_, s| s.tests[0].product = "{".into()),
    ];
    for (field, edit) in cases {
        let mut message = good();
        let Some(proto::command::Body::Propose(propose)) = &mut message.body else { panic!("a proposal") };
        let Some(proto::propose::Body::EnactStandard(mut body)) = propose.body.take() else { panic!("a standard") };
        edit(propose, body.standard.as_mut().unwrap());
        propose.body = Some(proto::propose::Body::EnactStandard(body));
        assert_eq!(Command::decode(&message.encode_to_vec()).unwrap_err().field, field);
    }
    let mut empty = good();
    empty.body = Some(proto::command::Body::Propose(proto::Propose::default()));
    assert_eq!(Command::decode(&empty.encode_to_vec()).unwrap_err().field, "body");
    let short = proto::Approve { digest: vec![1; 31], ..proto::Approve::default() };
    empty.body = Some(proto::command::Body::Approve(short));
    assert_eq!(Command::decode(&empty.encode_to_vec()).unwrap_err().field, "digest");
}

fn propose() -> Propose {
    let body = ProposalBody::EnactStandard(EnactStandard { standard: standard(None), supersedes: None });
    Propose { body, closes_unix_ms: 9, summary: String::new(), council_version: 1 }
}
