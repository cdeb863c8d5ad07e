//! Standards and waivers, and what they do to a publish.

use mesh_event::ProposalBody;
use mesh_event::proposal::{EnactStandard, RetireStandard, RevokeWaiver, Waive, WaiverScope};
use mesh_model::{Code, Enforcement, Expectation, JsonText, Name, Standard, TestCase, Version, limits};

use super::{accepted, outcome, refused, refused_in_feed};
use crate::testing::{TestJudge, TestMesh, descriptor, standard};
use crate::{Applied, Effect, NoPolicy, StandardStatus, Strict, admit_domain_command_with, apply, read};

fn enact(mesh: &mut TestMesh, standard: Standard, supersedes: Option<&str>) -> Applied {
    let supersedes = supersedes.map(|version| version.parse().unwrap());
    mesh.decide(ProposalBody::EnactStandard(EnactStandard { standard, supersedes }), &[])
}

fn id(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn ids(found: &[crate::EnactedStandard]) -> Vec<String> {
    found.iter().map(|standard| format!("{}@{}", standard.id, standard.version)).collect()
}

#[test]
fn versions_of_a_standard_supersede_each_other_and_stay_in_history() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    let first = enact(&mut mesh, standard("pii", "1.0.0", "ssn"), None);
    accepted(&first);
    let (pii, at) = (id("pii"), first.leaf.index);
    let version: Version = "1.0.0".parse().unwrap();
    assert!(first.effects.contains(&Effect::StandardEnacted { id: pii.clone(), version, supersedes: None }));
    let known = read::standard(&mesh.state, &pii, version).unwrap().unwrap();
    assert_eq!((known.enacted_at, known.proposal, known.status), (at, at, StandardStatus::InForce));
    let text = read::standard_text(&mesh.state, &pii, version).unwrap().unwrap();
    assert_eq!(text, standard("pii", "1.0.0", "ssn"));

    accepted(&enact(&mut mesh, standard("pii", "1.1.0", "ssn"), Some("1.0.0")));
    accepted(&enact(&mut mesh, standard("naming", "1.0.0", "tmp"), None));
    assert_eq!(ids(&read::standards_in_force(&mesh.state).unwrap()), ["naming@1.0.0", "pii@1.1.0"]);
    assert_eq!(ids(&read::standards_in_force_at(&mesh.state, at).unwrap()), ["pii@1.0.0"]);
    assert_eq!(ids(&read::standards_in_force_at(&mesh.state, at - 1).unwrap()), Vec::<String>::new());
    let retire = RetireStandard { id: pii.clone(), version: "1.1.0".parse().unwrap(), reason: "moot".into() };
    accepted(&mesh.decide(ProposalBody::RetireStandard(retire.clone()), &[]));
    assert_eq!(ids(&read::standards_in_force(&mesh.state).unwrap()), ["naming@1.0.0"]);
    assert_eq!(read::standards(&mesh.state, Some(&pii)).unwrap().len(), 2);
    refused(&mesh.decide(ProposalBody::RetireStandard(retire), &[]), Code::UnknownStandard, "no standard pii");
    // It may come back, above all that it ever was.
    let again = enact(&mut mesh, standard("pii", "1.1.0", "ssn"), None);
    refused(&again, Code::StaleStandard, "the last version was 1.1.0");
    accepted(&enact(&mut mesh, standard("pii", "2.0.0", "ssn"), None));
}

#[test]
fn refuses_standards_that_do_not_fit() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    accepted(&enact(&mut mesh, standard("pii", "1.0.0", "ssn"), None));
    let refuse = |edit: fn(&mut Standard), supersedes, code, detail: &str| {
        let mut standard = standard("pii", "1.1.0", "ssn");
        edit(&mut standard);
        refused(&enact(&mut mesh.clone(), standard, supersedes), code, detail);
    };
    let one = Some("1.0.0");
    refuse(|_| (), None, Code::StaleStandard, "in force is 1.0.0");
    refuse(|_| (), Some("0.9.0"), Code::StaleStandard, "in force is 1.0.0");
    refuse(|s| s.version = Version::new(1, 0, 0), one, Code::StaleStandard, "a later one is higher");
    refuse(|s| s.id = Name::parse("other").unwrap(), one, Code::StaleStandard, "in force is none");
    refuse(|s| s.title.clear(), one, Code::BadStandard, "title has 0 bytes");
    refuse(|s| s.effective_from = "soon".into(), one, Code::BadStandard, "effective_from is no date");
    refuse(|s| s.grace_days = 731, one, Code::BadStandard, "grace_days is 731");
    refuse(|s| s.rules.push(s.rules[0].clone()), one, Code::BadStandard, "stands there twice");
    refuse(|s| s.rules[0].expression.clear(), one, Code::BadStandard, "rule forbidden has 0 bytes");
    refuse(
        |s| s.rules[0].expression = "x".repeat(limits::RULE_BYTES + 1),
        one,
        Code::BadStandard,
        "rule forbidden has 2049 bytes",
    );
    refuse(|s| s.kind = mesh_model::StandardKind::GlossaryTerm, one, Code::BadStandard, "detail is not that");
    // The evaluator has its say: rules that are none, and the standard's own test cases.
    refuse(|s| s.rules[0].expression = "nonsense".into(), one, Code::BadStandard, "forbidden is no rule");
    let case = |expect, fields: &str| TestCase {
        name: "sample".into(),
        expect,
        product: JsonText::parse(&format!("{{\"fields\": [{fields}]}}")).unwrap(),
    };
    let mut with_case = |expect, fields, supersedes, id: &str| {
        let mut standard = standard(id, "1.1.0", "ssn");
        standard.tests = vec![case(expect, fields)];
        enact(&mut mesh, standard, supersedes)
    };
    refused(&with_case(Expectation::Pass, "\"ssn\"", one, "pii"), Code::BadStandard, "comes out otherwise");
    refused(&with_case(Expectation::Fail, "\"a\"", one, "pii"), Code::BadStandard, "comes out otherwise");
    accepted(&with_case(Expectation::Fail, "\"ssn\"", one, "pii"));
    let mut other = standard("naming", "1.0.0", "tmp");
    other.tests = vec![case(Expectation::Pass, "\"ssn\"")];
    refused(&enact(&mut mesh, other, None), Code::BadStandard, "would be refused by pii");
}

#[test]
fn a_blocking_standard_refuses_a_publish_and_the_leaf_has_the_verdict() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    let before = mesh.publish(descriptor("sales/orders", "1.0.0", &["id"]));
    assert_eq!(before.outcome().verdict_digest, None, "nothing was judged");
    accepted(&enact(&mut mesh, standard("pii", "1.0.0", "ssn"), None));
    let refused = mesh.publish(descriptor("sales/people", "1.0.0", &["ssn"]));
    refused_in_feed(&refused, Code::StandardViolated, "pii@1.0.0 forbidden: the field ssn must not be there");
    assert!(refused.outcome().verdict_digest.is_some());
    let good = mesh.publish(descriptor("sales/people", "1.0.0", &["id"]));
    accepted(&good);
    assert!(good.outcome().verdict_digest.is_some());
    assert_ne!(good.outcome().verdict_digest, refused.outcome().verdict_digest);
    assert_eq!(good.leaf.encode(), good.leaf_bytes);
    // The home node says so before it takes the command.
    let command = mesh.publish_command(descriptor("sales/cards", "1.0.0", &["ssn"]));
    let command = mesh_event::SignedCommand::verify(command, &mesh.mesh_id).unwrap();
    let size = read::head(&mesh.state).unwrap().size;
    let early = admit_domain_command_with(&mesh.state, &command, size, &TestJudge).unwrap().unwrap_err();
    assert_eq!(early.code, Code::StandardViolated);
}

#[test]
fn a_warning_and_a_grace_let_it_pass_and_are_told() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    accepted(&mesh.publish(descriptor("sales/people", "1.0.0", &["ssn"])));
    let mut warns = standard("pii", "1.0.0", "ssn");
    warns.enforcement = Enforcement::Warn;
    accepted(&enact(&mut mesh, warns, None));
    let warned = mesh.publish(descriptor("sales/cards", "1.0.0", &["ssn"]));
    accepted(&warned);
    assert!(matches!(&warned.effects[1], Effect::Violated { violations, .. } if !violations[0].blocks));
    let mut graceful = standard("pii", "2.0.0", "ssn");
    graceful.grace_days = 10;
    accepted(&enact(&mut mesh, graceful, Some("1.0.0")));
    // First sealed before enactment: it has its grace. First sealed after: it has none.
    accepted(&mesh.publish(descriptor("sales/people", "1.1.0", &["ssn", "id"])));
    let new = mesh.publish(descriptor("sales/new", "1.0.0", &["ssn"]));
    refused_in_feed(&new, Code::StandardViolated, "pii@2.0.0");
    mesh.now += 11 * 24 * 60 * 60 * 1000;
    let late = mesh.publish(descriptor("sales/people", "1.2.0", &["ssn", "id", "at"]));
    refused_in_feed(&late, Code::StandardViolated, "pii@2.0.0");
}

fn waive(mesh: &TestMesh, scope: WaiverScope, life: u64) -> ProposalBody {
    let expires_unix_ms = mesh.now + life;
    ProposalBody::Waive(Waive { standard: id("pii"), scope, reason: "migration".into(), expires_unix_ms })
}

const HOUR: u64 = 60 * 60 * 1000;

#[test]
fn a_waiver_holds_for_its_product_until_it_expires_or_is_revoked() {
    let mut mesh = TestMesh::with_domains(&["sales", "finance"]);
    accepted(&enact(&mut mesh, standard("pii", "1.0.0", "ssn"), None));
    let people = WaiverScope::Product("sales/people".parse().unwrap());
    let body = waive(&mesh, people, HOUR);
    let granted = mesh.decide(body, &[]);
    accepted(&granted);
    let waiver = granted.leaf.index;
    accepted(&mesh.publish(descriptor("sales/people", "1.0.0", &["ssn"])));
    let other = mesh.publish(descriptor("sales/cards", "1.0.0", &["ssn"]));
    refused_in_feed(&other, Code::StandardViolated, "ssn");
    assert_eq!(read::waivers_in(&mesh.state, &"sales".parse().unwrap(), mesh.now).unwrap().len(), 1);
    let mut revoked = mesh.clone();
    mesh.now += HOUR;
    let late = mesh.publish(descriptor("sales/people", "1.1.0", &["ssn", "id"]));
    refused_in_feed(&late, Code::StandardViolated, "ssn");
    let body = ProposalBody::RevokeWaiver(RevokeWaiver { waiver, reason: String::new() });
    refused(&mesh.decide(body.clone(), &[]), Code::UnknownWaiver, "expired at");

    accepted(&revoked.decide(body.clone(), &[]));
    let late = revoked.publish(descriptor("sales/people", "1.1.0", &["ssn", "id"]));
    refused_in_feed(&late, Code::StandardViolated, "ssn");
    refused(&revoked.decide(body, &[]), Code::AlreadySo, "was revoked at index");
    let unknown = ProposalBody::RevokeWaiver(RevokeWaiver { waiver: 1, reason: String::new() });
    refused(&revoked.decide(unknown, &[]), Code::UnknownWaiver, "no waiver 1");

    // For a whole domain; an expired one leaves the list with the next.
    let body = waive(&mesh, WaiverScope::Domain("sales".parse().unwrap()), HOUR);
    accepted(&mesh.decide(body, &[]));
    accepted(&mesh.publish(descriptor("sales/cards", "1.0.0", &["ssn"])));
    assert_eq!(mesh.state.values().keys().filter(|key| key[0] == 0x64).count(), 1);
    assert_eq!(read::waivers(&mesh.state).unwrap().len(), 2);
    let elsewhere = mesh.publish(descriptor("finance/cards", "1.0.0", &["ssn"]));
    refused_in_feed(&elsewhere, Code::StandardViolated, "ssn");
}

#[test]
fn refuses_waivers_that_do_not_fit() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    let sales = || WaiverScope::Domain("sales".parse().unwrap());
    let body = waive(&mesh, sales(), HOUR);
    refused(&mesh.decide(body, &[]), Code::UnknownStandard, "no standard pii");
    accepted(&enact(&mut mesh, standard("pii", "1.0.0", "ssn"), None));
    let body = waive(&mesh, sales(), 0);
    refused(&mesh.decide(body, &[]), Code::BadClosingDate, "it expires at");
    let body = waive(&mesh, sales(), limits::WAIVER_LIFE_MS + 9000);
    refused(&mesh.decide(body, &[]), Code::BadClosingDate, "not later than");
    let body = waive(&mesh, WaiverScope::Domain("nowhere".parse().unwrap()), HOUR);
    refused(&mesh.decide(body, &[]), Code::UnknownDomain, "nowhere");
    let reason = " ".to_owned();
    let body = Waive { standard: id("pii"), scope: sales(), reason, expires_unix_ms: mesh.now + HOUR };
    refused(&mesh.decide(ProposalBody::Waive(body), &[]), Code::Malformed, "a waiver says why");
}

/// A build without an evaluator takes no standard, and refuses rather than lets pass.
#[test]
fn without_an_evaluator_there_are_no_standards() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    let body = EnactStandard { standard: standard("pii", "1.0.0", "ssn"), supersedes: None };
    let command = mesh.proposal_command(ProposalBody::EnactStandard(body), &["council-0", "council-1"]);
    let entry = mesh.entry(mesh_event::ledger::EntryBody::Envelope(command.bytes().to_vec()));
    let applied = apply(&mesh.state, &entry, &Strict).unwrap().remove(0);
    outcome(&applied, Code::BadStandard, "cannot evaluate");
    accepted(&enact(&mut mesh, standard("pii", "1.0.0", "ssn"), None));
    let command = mesh.publish_command(descriptor("sales/orders", "1.0.0", &["id"]));
    let command = mesh_event::SignedCommand::verify(command, &mesh.mesh_id).unwrap();
    let size = read::head(&mesh.state).unwrap().size;
    let refused = admit_domain_command_with(&mesh.state, &command, size, &NoPolicy).unwrap().unwrap_err();
    assert_eq!(refused.code, Code::StandardViolated);
}
