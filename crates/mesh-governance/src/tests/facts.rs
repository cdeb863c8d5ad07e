//! Who may state facts about products, and about which.

use std::collections::BTreeSet;

use mesh_event::command::{RetireProduct, RevokeKey};
use mesh_event::fact::{
    ApproveAccess, CancelAccess, CheckKind, CheckVerdict, DenyAccess, EndAccessRule, EndIssuer, Fact, FactBody,
    GrantIssuer, PortScope, PrivateText, QualityCheck, QualityRun, RequestAccess, RevokeAccess, RevokeToken,
    SetAccessRule,
};
use mesh_event::{Body, Signer as _};
use mesh_model::{Code, Digest, DomainName, FactId, Severity, TokenId};

use super::accepted;
use crate::testing::{TestMesh, descriptor, keypair};
use crate::{FactCase, admit_fact, may_state, read};

/// Makes what is stated.
type Makes<'a> = &'a dyn Fn() -> FactBody;
/// Makes another run of one.
type Changes<'a> = &'a dyn Fn(&mut QualityRun);

const NOTE: PrivateText = PrivateText { digest: Digest([9; 32]), size: 4 };

/// A mesh in which sales owns a product, and finance asks for access.
fn mesh() -> TestMesh {
    let mut mesh = TestMesh::with_domains(&["sales", "finance"]);
    accepted(&mesh.publish(descriptor("sales/orders", "1.0.0", &["id", "amount"])));
    mesh
}

fn scope(port: &str, fields: &[&str]) -> Vec<PortScope> {
    let fields = fields.iter().map(ToString::to_string).collect();
    vec![PortScope { port: port.parse().unwrap(), fields }]
}

fn request(change: impl Fn(&mut RequestAccess)) -> FactBody {
    let mut body = RequestAccess {
        product: "sales/orders".parse().unwrap(),
        major: 1,
        scope: scope("files", &["id"]),
        consumer: "finance".parse().unwrap(),
        purpose: NOTE,
        days: 30,
    };
    change(&mut body);
    FactBody::RequestAccess(body)
}

fn said(mesh: &TestMesh, author: &str, body: FactBody) -> Result<(), Code> {
    let consumer: DomainName = match &body {
        FactBody::RequestAccess(body) => body.consumer.clone(),
        _ => "finance".parse().unwrap(),
    };
    let author = keypair(author).public_key();
    let fact = Fact { mesh_id: mesh.mesh_id, domain: "sales".parse().unwrap(), id: FactId([1; 16]), author, body };
    let at_ledger_size = read::head(&mesh.state).unwrap().size;
    let signers = BTreeSet::from([author]);
    let case = FactCase { fact: &fact, signers: &signers, consumer: Some(&consumer), at_ledger_size, was_taken: false };
    admit_fact(&mesh.state, &case, 0).unwrap().map_err(|rejection| rejection.code)
}

#[test]
fn the_consumer_asks_and_steps_back_and_the_owner_answers() {
    let mesh = mesh();
    let id = FactId([1; 16]);
    let asks = || request(|_| {});
    let approves = || {
        let FactBody::RequestAccess(RequestAccess { product, major, consumer, .. }) = asks() else { unreachable!() };
        let (scope, days, note) = (Vec::new(), 1, None);
        FactBody::ApproveAccess(ApproveAccess { request: id, product, major, consumer, scope, days, note })
    };
    let denies = || FactBody::DenyAccess(DenyAccess { request: id, note: NOTE });
    let cancels = || FactBody::CancelAccess(CancelAccess { request: id });
    let revokes = || FactBody::RevokeAccess(RevokeAccess { request: id, note: NOTE });
    let table: [(&str, Makes<'_>, Result<(), Code>); 16] = [
        ("finance/owner", &asks, Ok(())),
        ("finance/engineer", &asks, Ok(())),
        ("finance/steward", &asks, Err(Code::WrongRole)),
        ("sales/owner", &asks, Err(Code::WrongDomain)),
        ("stranger", &asks, Err(Code::UnknownKey)),
        ("sales/owner", &approves, Ok(())),
        ("sales/steward", &approves, Err(Code::WrongRole)),
        ("sales/root", &approves, Err(Code::UnknownKey)),
        ("finance/owner", &approves, Err(Code::WrongDomain)),
        ("sales/owner", &denies, Ok(())),
        ("sales/engineer", &denies, Err(Code::WrongRole)),
        ("finance/engineer", &cancels, Ok(())),
        ("sales/owner", &cancels, Err(Code::WrongDomain)),
        ("sales/owner", &revokes, Ok(())),
        ("sales/steward", &revokes, Ok(())),
        ("finance/owner", &revokes, Err(Code::WrongDomain)),
    ];
    for (author, body, expected) in table {
        assert_eq!(said(&mesh, author, body()), expected, "{author}: {}", body().kind());
    }
}

#[test]
fn nobody_asks_for_what_is_not_there() {
    let mesh = mesh();
    let code = |change: &dyn Fn(&mut RequestAccess)| said(&mesh, "finance/owner", request(change)).unwrap_err();
    assert_eq!(code(&|body| body.product = "sales/returns".parse().unwrap()), Code::UnknownProduct);
    assert_eq!(code(&|body| body.major = 2), Code::UnknownVersion);
    assert_eq!(code(&|body| body.major = u32::MAX), Code::UnknownVersion);
    assert_eq!(code(&|body| body.scope = scope("stream", &[])), Code::BadRequest);
    assert_eq!(code(&|body| body.scope = scope("files", &["id", "name"])), Code::BadRequest);
    assert_eq!(code(&|body| body.consumer = "nobody".parse().unwrap()), Code::WrongDomain, "it has no role there");
    assert_eq!(said(&mesh, "finance/owner", request(|body| body.scope = Vec::new())), Ok(()));
}

#[test]
fn what_is_retired_is_not_asked_for_and_who_was_revoked_does_not_ask() {
    let mut mesh = mesh();
    let domain: DomainName = "finance".parse().unwrap();
    let roster_version = read::domain(&mesh.state, &domain).unwrap().unwrap().roster_version;
    let revoke = RevokeKey {
        domain: Some(domain),
        key: keypair("finance/engineer").public_key(),
        reason: "left".into(),
        roster_version,
    };
    let revoke = mesh.command(Body::RevokeKey(revoke), &[keypair("finance/root")]);
    accepted(&mesh.submit(&revoke));
    assert_eq!(said(&mesh, "finance/engineer", request(|_| {})), Err(Code::RevokedKey));
    let cancel = FactBody::CancelAccess(CancelAccess { request: FactId([1; 16]) });
    assert_eq!(said(&mesh, "finance/engineer", cancel), Err(Code::RevokedKey));

    let retire = RetireProduct { product: "sales/orders".parse().unwrap(), version: None, reason: "replaced".into() };
    let retire = mesh.command(Body::RetireProduct(retire), &[keypair("sales/owner")]);
    accepted(&mesh.say("sales", &retire));
    assert_eq!(said(&mesh, "finance/owner", request(|_| {})), Err(Code::Retired));
}

#[test]
fn a_mesh_of_the_first_protocol_has_no_facts() {
    let mut mesh = TestMesh::with_domains_under(1, &["sales", "finance"]);
    accepted(&mesh.publish(descriptor("sales/orders", "1.0.0", &["id"])));
    assert_eq!(said(&mesh, "finance/owner", request(|_| {})), Err(Code::UnsupportedCommand));
}

#[test]
fn the_owner_approves_in_advance_its_root_names_issuers_and_both_take_tokens_back() {
    let mesh = mesh();
    let rule = |change: &dyn Fn(&mut SetAccessRule)| {
        let mut body = SetAccessRule {
            product: "sales/orders".parse().unwrap(),
            major: 1,
            consumers: vec!["finance".parse().unwrap()],
            scope: scope("files", &["id"]),
            days: 30,
        };
        change(&mut body);
        FactBody::SetAccessRule(body)
    };
    let id = FactId([1; 16]);
    let sets = || rule(&|_| {});
    let ends = || FactBody::EndAccessRule(EndAccessRule { rule: id });
    let issuer = keypair("issuer").public_key();
    let names = || FactBody::GrantIssuer(GrantIssuer { key: issuer, epoch: None, possession: [0; 64] });
    let stops = || FactBody::EndIssuer(EndIssuer { key: issuer });
    let takes_back = || FactBody::RevokeToken(RevokeToken { request: id, token: TokenId::new(vec![1]).unwrap() });
    let table: [(&str, Makes<'_>, Result<(), Code>); 14] = [
        ("sales/owner", &sets, Ok(())),
        ("sales/steward", &sets, Err(Code::WrongRole)),
        ("finance/owner", &sets, Err(Code::WrongDomain)),
        ("sales/owner", &ends, Ok(())),
        ("finance/owner", &ends, Err(Code::WrongDomain)),
        ("sales/root", &names, Ok(())),
        ("sales/owner", &names, Err(Code::ThresholdNotMet)),
        ("finance/root", &names, Err(Code::ThresholdNotMet)),
        ("sales/owner", &stops, Ok(())),
        ("sales/steward", &stops, Ok(())),
        ("sales/engineer", &stops, Err(Code::WrongRole)),
        ("sales/steward", &takes_back, Ok(())),
        ("finance/engineer", &takes_back, Ok(())),
        ("sales/engineer", &takes_back, Err(Code::WrongRole)),
    ];
    for (author, body, expected) in table {
        assert_eq!(said(&mesh, author, body()), expected, "{author}: {}", body().kind());
    }
    let code = |change: &dyn Fn(&mut SetAccessRule)| said(&mesh, "sales/owner", rule(change)).unwrap_err();
    assert_eq!(code(&|body| body.product = "sales/none".parse().unwrap()), Code::UnknownProduct);
    assert_eq!(code(&|body| body.major = 2), Code::UnknownVersion);
    assert_eq!(code(&|body| body.scope = scope("nowhere", &[])), Code::BadRequest);
    assert_eq!(code(&|body| body.consumers.push("nobody".parse().unwrap())), Code::UnknownDomain);
    // One key, one purpose.
    let key = keypair("sales/owner").public_key();
    let taken = FactBody::GrantIssuer(GrantIssuer { key, epoch: None, possession: [0; 64] });
    assert_eq!(said(&mesh, "sales/root", taken), Err(Code::KeyInUse));
}

/// Somebody ended a grant and left; the next home, and every copy, take their word all the same. Their word for anything that begins is over.
#[test]
fn what_only_takes_away_holds_when_its_author_has_left() {
    let mut mesh = mesh();
    let owner = keypair("sales/owner").public_key();
    let domain: DomainName = "sales".parse().unwrap();
    let roster_version = read::domain(&mesh.state, &domain).unwrap().unwrap().roster_version;
    let revoke = RevokeKey { domain: Some(domain), key: owner, reason: "left".into(), roster_version };
    let revoke = mesh.command(Body::RevokeKey(revoke), &[keypair("sales/root")]);
    accepted(&mesh.submit(&revoke));
    let id = FactId([1; 16]);
    let consumer: DomainName = "finance".parse().unwrap();
    let at_ledger_size = read::head(&mesh.state).unwrap().size;
    let judge = |author: &str, body: FactBody, was_taken: bool| {
        let author = keypair(author).public_key();
        let (domain, signers) = ("sales".parse().unwrap(), BTreeSet::from([author]));
        let fact = Fact { mesh_id: mesh.mesh_id, domain, id, author, body };
        let case = FactCase { fact: &fact, signers: &signers, consumer: Some(&consumer), at_ledger_size, was_taken };
        let admitted = admit_fact(&mesh.state, &case, 0).unwrap().map_err(|rejection| rejection.code);
        let copied = may_state(&mesh.state, &case).unwrap().map_err(|rejection| rejection.code);
        (admitted, copied)
    };
    let ends = || FactBody::RevokeAccess(RevokeAccess { request: id, note: NOTE });
    assert_eq!(judge("sales/owner", ends(), true), (Ok(()), Ok(())));
    assert_eq!(judge("sales/owner", ends(), false), (Err(Code::RevokedKey), Err(Code::RevokedKey)), "said now");
    assert_eq!(judge("sales/engineer", ends(), true).0, Err(Code::WrongRole), "never had it");
    let set = SetAccessRule {
        product: "sales/orders".parse().unwrap(),
        major: 1,
        consumers: Vec::new(),
        scope: Vec::new(),
        days: 1,
    };
    assert_eq!(judge("sales/owner", FactBody::SetAccessRule(set), true).0, Err(Code::RevokedKey));
}

fn run(mesh: &TestMesh, change: impl Fn(&mut QualityRun)) -> FactBody {
    let version = "sales/orders@1.0.0".parse().unwrap();
    let sealed = read::version(&mesh.state, &version).unwrap().unwrap();
    let check = QualityCheck {
        name: "email_valid".into(),
        kind: CheckKind::Rule,
        severity: Severity::Error,
        verdict: CheckVerdict::Passed,
        rows: 1,
        failed: 0,
        value: None,
    };
    let mut run = QualityRun {
        version,
        descriptor: sealed.descriptor_digest,
        port: "files".parse().unwrap(),
        contract: None,
        tool: "mesh-quality".into(),
        tool_version: "1".into(),
        began_unix_ms: 1,
        ended_unix_ms: 2,
        rows: 1,
        newest_unix_ms: None,
        checks: vec![check],
        details: None,
    };
    change(&mut run);
    FactBody::ReportQuality(Box::new(run))
}

#[test]
fn the_owning_domain_says_what_was_measured_of_what_stands_as_it_was_sealed() {
    let mut mesh = mesh();
    for (author, expected) in [
        ("sales/owner", Ok(())),
        ("sales/engineer", Ok(())),
        ("sales/steward", Ok(())),
        ("sales/root", Err(Code::UnknownKey)),
        ("finance/owner", Err(Code::WrongDomain)),
        ("stranger", Err(Code::UnknownKey)),
    ] {
        assert_eq!(said(&mesh, author, run(&mesh, |_| {})), expected, "{author}");
    }
    let code = |mesh: &TestMesh, change: Changes<'_>| said(mesh, "sales/owner", run(mesh, change));
    let changes: [(Changes<'_>, Code); 5] = [
        (&|run| run.version = "sales/orders@1.0.1".parse().unwrap(), Code::UnknownVersion),
        (&|run| run.version = "sales/none@1.0.0".parse().unwrap(), Code::UnknownVersion),
        (&|run| run.descriptor = Digest([0; 32]), Code::BadRun),
        (&|run| run.port = "stream".parse().unwrap(), Code::BadRun),
        (&|run| run.contract = Some(Digest([0; 32])), Code::BadRun),
    ];
    for (change, expected) in changes {
        assert_eq!(code(&mesh, change), Err(expected));
    }
    let retire = RetireProduct { product: "sales/orders".parse().unwrap(), version: None, reason: "replaced".into() };
    let retire = mesh.command(Body::RetireProduct(retire), &[keypair("sales/owner")]);
    accepted(&mesh.say("sales", &retire));
    assert_eq!(code(&mesh, &|_| {}), Err(Code::Retired));
}
