#![allow(clippy::unwrap_used)]

use super::*;
use crate::event::{EventKind, FeedEvent, FeedId, NO_LEAF};
use crate::signing::Keypair;
use mesh_model::{Code, Digest, Severity, TokenId};
use rust_decimal::Decimal;
use zeroize::Zeroizing;

const MESH: MeshId = MeshId([7; 32]);
const TEXT: PrivateText = PrivateText { digest: Digest([9; 32]), size: 11 };

fn keypair(n: u8) -> Keypair {
    Keypair::from_seed(&Zeroizing::new([n; 32]))
}

fn ports(ports: &[(&str, &[&str])]) -> Vec<PortScope> {
    let one = |(port, fields): &(&str, &[&str])| PortScope {
        port: port.parse().unwrap(),
        fields: fields.iter().map(ToString::to_string).collect(),
    };
    ports.iter().map(one).collect()
}

fn request() -> RequestAccess {
    RequestAccess {
        product: "orders/returns".parse().unwrap(),
        major: 2,
        scope: ports(&[("daily", &["id", "reason"]), ("stream", &[])]),
        consumer: "finance".parse().unwrap(),
        purpose: TEXT,
        days: 90,
    }
}

fn fact(body: FactBody) -> Fact {
    let (domain, id) = ("orders".parse().unwrap(), FactId([3; 16]));
    Fact { mesh_id: MESH, domain, id, author: keypair(1).public_key(), body }
}

fn approval(scope: Vec<PortScope>, note: Option<PrivateText>) -> FactBody {
    let RequestAccess { product, major, consumer, .. } = request();
    let request = FactId([4; 16]);
    FactBody::ApproveAccess(ApproveAccess { request, product, major, consumer, scope, days: 30, note })
}

fn rule(consumers: &[&str]) -> FactBody {
    let consumers = consumers.iter().map(|name| name.parse().unwrap()).collect();
    let RequestAccess { product, major, scope, days, .. } = request();
    FactBody::SetAccessRule(SetAccessRule { product, major, consumers, scope, days })
}

fn run() -> QualityRun {
    let check = |name: &str, verdict, value| QualityCheck {
        name: name.into(),
        kind: CheckKind::Metric,
        severity: Severity::Warning,
        verdict,
        rows: 10,
        failed: 3,
        value,
    };
    let measured = Measured { value: Decimal::new(985, 1), unit: "%".into() };
    QualityRun {
        version: "orders/returns@2.1.0".parse().unwrap(),
        descriptor: Digest([1; 32]),
        port: "daily".parse().unwrap(),
        contract: Some(Digest([2; 32])),
        tool: "soda".into(),
        tool_version: String::new(),
        began_unix_ms: 5,
        ended_unix_ms: 6,
        rows: 10,
        newest_unix_ms: Some(4),
        checks: vec![
            check("completeness", CheckVerdict::Failed, Some(measured)),
            check("email_valid", CheckVerdict::NotRun, None),
        ],
        details: Some(TEXT),
    }
}

#[test]
fn a_run_that_contradicts_itself_is_malformed() {
    let field = |change: &dyn Fn(&mut QualityRun)| {
        let mut body = run();
        change(&mut body);
        Fact::decode(&fact(FactBody::ReportQuality(Box::new(body))).encode()).unwrap_err().field
    };
    assert_eq!(field(&|run| run.version = "finance/returns@2.1.0".parse().unwrap()), "product");
    assert_eq!(field(&|run| run.ended_unix_ms = 4), "ended_unix_ms");
    assert_eq!(field(&|run| run.checks.clear()), "checks");
    assert_eq!(field(&|run| run.checks = vec![run.checks[0].clone(); MOST_CHECKS + 1]), "checks");
    assert_eq!(field(&|run| run.checks[1].name = "completeness".into()), "checks[1].name");
    assert_eq!(field(&|run| run.checks[0].failed = 11), "checks[0].failed");
    assert_eq!(field(&|run| run.checks[0].name = "a\u{1b}[2J".into()), "checks[0].name");
    assert_eq!(field(&|run| run.tool = String::new()), "tool");
    assert_eq!(field(&|run| run.tool = "t".repeat(65)), "tool");
}

#[test]
fn a_text_says_which_fact_it_belongs_to() {
    let text = FactText { domain: "orders".parse().unwrap(), fact: FactId([0; 16]), text: "für Jane\0".into() };
    assert_eq!(FactText::parse(&text.encode()), Some(text.clone()));
    let encoded = text.encode();
    for cut in 0..encoded.len() - text.text.len() {
        assert_eq!(FactText::parse(&encoded[..cut]), None, "{cut}");
    }
    assert_eq!(FactText::parse(b"people.json"), None);
}

#[test]
fn each_fact_comes_back_as_it_was_signed() {
    let request_id = FactId([4; 16]);
    let (note, scope) = (TEXT, ports(&[("daily", &[])]));
    for body in [
        FactBody::RequestAccess(request()),
        approval(scope, Some(note)),
        approval(Vec::new(), None),
        FactBody::DenyAccess(DenyAccess { request: request_id, note }),
        FactBody::CancelAccess(CancelAccess { request: request_id }),
        FactBody::RevokeAccess(RevokeAccess { request: request_id, note }),
        rule(&["finance", "sales"]),
        rule(&[]),
        FactBody::EndAccessRule(EndAccessRule { rule: request_id }),
        FactBody::GrantIssuer(GrantIssuer { key: keypair(3).public_key(), epoch: None, possession: [5; 64] }),
        FactBody::GrantIssuer(GrantIssuer { key: keypair(3).public_key(), epoch: Some(2), possession: [5; 64] }),
        FactBody::EndIssuer(EndIssuer { key: keypair(3).public_key() }),
        FactBody::RevokeToken(RevokeToken { request: request_id, token: TokenId::new(vec![1; 64]).unwrap() }),
        FactBody::ReportQuality(Box::new(run())),
    ] {
        let fact = fact(body);
        let signed = SignedFact::verify(fact.sign(&[&keypair(1)]).unwrap(), &MESH).unwrap();
        assert_eq!(*signed.fact(), fact);
        // The same as what is read back from a feed.
        let kept = SignedFact::verified_before(signed.envelope().clone()).unwrap();
        assert_eq!((kept.fact(), kept.signers()), (&fact, signed.signers()));
    }
}

#[test]
fn a_fact_of_another_mesh_of_another_author_or_signed_as_something_else_is_refused() {
    let fact = fact(FactBody::RequestAccess(request()));
    let code = |envelope: Envelope| SignedFact::verify(envelope, &MESH).unwrap_err().code();
    let foreign = Fact { mesh_id: MeshId([8; 32]), ..fact.clone() };
    assert_eq!(code(foreign.sign(&[&keypair(1)]).unwrap()), Code::WrongMesh);
    let unsigned = Envelope::sign(envelope::FACT, fact.encode(), &[&keypair(2)]).unwrap();
    assert_eq!(code(unsigned), Code::BadSignature);
    let rules = Envelope::sign(envelope::RULES, fact.encode(), &[&keypair(1)]).unwrap();
    assert_eq!(code(rules), Code::Malformed);
}

#[test]
fn what_could_be_read_in_two_ways_is_malformed() {
    let field = |change: &dyn Fn(&mut RequestAccess)| {
        let mut body = request();
        change(&mut body);
        Fact::decode(&fact(FactBody::RequestAccess(body)).encode()).unwrap_err().field
    };
    assert_eq!(field(&|body| body.product = "finance/returns".parse().unwrap()), "product");
    let FactBody::ApproveAccess(approval) = approval(Vec::new(), None) else { unreachable!() };
    let elsewhere = ApproveAccess { product: "finance/returns".parse().unwrap(), ..approval };
    assert_eq!(Fact::decode(&fact(FactBody::ApproveAccess(elsewhere)).encode()).unwrap_err().field, "product");
    let of = |body: FactBody| Fact::decode(&fact(body).encode()).unwrap_err().field;
    assert_eq!(of(rule(&["finance", "finance"])), "consumers");
    let FactBody::SetAccessRule(rule) = rule(&[]) else { unreachable!() };
    let elsewhere = SetAccessRule { product: "finance/returns".parse().unwrap(), ..rule };
    assert_eq!(of(FactBody::SetAccessRule(elsewhere)), "product");
    for token in [Vec::new(), vec![1; TokenId::MOST_BYTES + 1]] {
        let body = proto::AccessTokenRevocation { request: vec![4; 16], token };
        let body = proto::fact::Body::AccessTokenRevocation(body);
        assert_eq!(wire::from_message(body).unwrap_err().field, "token");
    }
    assert_eq!(field(&|body| body.scope = ports(&[("daily", &["id"]), ("daily", &[])])), "scope[1].port");
    assert_eq!(field(&|body| body.scope = ports(&[("daily", &["id", "id"])])), "scope[0].fields");
    assert_eq!(field(&|body| body.scope = ports(&[("daily", &[""])])), "scope[0].fields");
    assert_eq!(
        field(&|body| body.scope = vec![PortScope { port: "a".parse().unwrap(), fields: vec!["x".repeat(256)] }]),
        "scope[0].fields"
    );
}

#[test]
fn its_event_stays_in_the_feed_and_within_its_limit() {
    let event = |envelope: Vec<u8>| FeedEvent {
        mesh_id: MESH,
        feed: FeedId { domain: "orders".parse().unwrap(), epoch: 2 },
        seq: 0,
        previous_leaf: NO_LEAF,
        ledger_size: 4,
        at_unix_ms: 1,
        kind: EventKind::Fact { envelope },
    };
    let envelope = fact(FactBody::RequestAccess(request())).sign(&[&keypair(1)]).unwrap();
    let small = event(envelope.into_bytes());
    assert_eq!(FeedEvent::decode(&small.encode()).unwrap(), small);
    assert_eq!(FeedEvent::decode_proposed(&small.encode()).unwrap_err().field, "kind");
    let large = event(vec![0; mesh_model::limits::EVENT_BYTES]);
    assert_eq!(FeedEvent::decode(&large.encode()).unwrap_err().field, "event");
}
