//! Who may set a domain's own rules, which rules are fit, and what they can and cannot do.

use mesh_event::command::{AdmitDomains, DeprecateVersion, RetireProduct, RevokeKey};
use mesh_event::proposal::{DomainStanding, EnactStandard, ProposalBody};
use mesh_event::{Body, DomainRules, SignedRules, Signer};
use mesh_model::{
    Action, Code, Enforcement, Expectation, JsonText, Name, Rule, RuleSeverity, Standard, StandardDetail, StandardKind,
    TestCase, Version,
};
use mesh_policy::Effect;

use super::{accepted, outcome};
use crate::testing::{TestMesh, descriptor, keypair};
use crate::{OwnRules, PolicyJudge, admit_domain_command_with, admit_rules, own_violations, read};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// A set that asks for a retention period.
fn retention(id: &str, enforcement: Enforcement) -> Standard {
    let case = |name: &str, expect, product: &str| TestCase {
        name: name.into(),
        expect,
        product: JsonText::parse(product).unwrap(),
    };
    Standard {
        id: Name::parse(id).unwrap(),
        version: Version::new(1, 0, 0),
        title: "Kept for how long".into(),
        kind: StandardKind::Policy,
        text: "Say it.".into(),
        selector: String::new(),
        rules: vec![Rule {
            id: Name::parse("retention-said").unwrap(),
            expression: "retention_period != null".into(),
            severity: RuleSeverity::High,
            message: "nobody says how long data is kept".into(),
            remediation: "say it in retention_period".into(),
        }],
        enforcement,
        effective_from: String::new(),
        grace_days: 0,
        tests: vec![
            case("said", Expectation::Pass, r#"{"retention_period": "P3Y"}"#),
            case("not said", Expectation::Fail, "{}"),
        ],
        detail: None,
    }
}

fn mesh() -> TestMesh {
    TestMesh::with_domains(&["sales", "orders"]).with_policy()
}

fn rules(mesh: &TestMesh, author: &str, rules: Vec<Standard>) -> DomainRules {
    DomainRules {
        mesh_id: mesh.mesh_id,
        domain: "sales".parse().unwrap(),
        epoch: 1,
        number: 1,
        author: keypair(author).public_key(),
        rules,
        reason: String::new(),
    }
}

fn signed(mesh: &TestMesh, rules: &DomainRules, signers: &[&str]) -> SignedRules {
    let keys: Vec<_> = signers.iter().map(|name| keypair(name)).collect();
    let keys: Vec<&dyn Signer> = keys.iter().map(|key| key as &dyn Signer).collect();
    SignedRules::verify(rules.sign(&keys).unwrap(), &mesh.mesh_id).unwrap()
}

/// What the home node says of a set by this author, having applied everything.
fn admitted(mesh: &TestMesh, author: &str, set: Vec<Standard>) -> Result<(), (Code, String)> {
    let signed = signed(mesh, &rules(mesh, author, set), &[author]);
    let size = read::head(&mesh.state).unwrap().size;
    let said = admit_rules(&mesh.state, &signed, size, &PolicyJudge::default()).unwrap();
    said.map_err(|rejection| (rejection.code, rejection.detail))
}

fn own(mesh: &TestMesh, set: Vec<Standard>) -> OwnRules {
    let signed = signed(mesh, &rules(mesh, "sales/steward", set), &["sales/steward"]);
    let since = OwnRules::since_when(&signed, None, mesh.now);
    OwnRules::of(&signed, read::head(&mesh.state).unwrap().size, &since).unwrap()
}

#[test]
fn the_domain_s_steward_and_its_root_may_set_rules_and_nobody_else() {
    let mut mesh = mesh();
    let set = || vec![retention("kept", Enforcement::Block)];
    for author in ["sales/steward", "sales/root"] {
        assert_eq!(admitted(&mesh, author, set()), Ok(()), "{author}");
    }
    let refused = |mesh: &TestMesh, author: &str, code: Code| {
        assert_eq!(admitted(mesh, author, set()).unwrap_err().0, code, "{author}");
    };
    refused(&mesh, "sales/engineer", Code::WrongRole);
    refused(&mesh, "sales/owner", Code::WrongRole);
    refused(&mesh, "orders/steward", Code::WrongDomain);
    refused(&mesh, "stranger", Code::UnknownKey);
    refused(&mesh, "council-0", Code::UnknownKey);

    let domain = "sales".parse().unwrap();
    let may = |mesh: &TestMesh, key: &str| {
        let size = read::head(&mesh.state).unwrap().size;
        read::may(&mesh.state, &keypair(key).public_key(), Action::SetRules, &domain, size).unwrap()
    };
    assert!(may(&mesh, "sales/root") && may(&mesh, "sales/steward") && !may(&mesh, "sales/engineer"));
    let roster_version = read::domain(&mesh.state, &domain).unwrap().unwrap().roster_version;
    let revoke = RevokeKey {
        domain: Some(domain.clone()),
        key: keypair("sales/steward").public_key(),
        reason: "left".into(),
        roster_version,
    };
    let revoke = mesh.command(Body::RevokeKey(revoke), &[keypair("sales/root")]);
    accepted(&mesh.submit(&revoke));
    refused(&mesh, "sales/steward", Code::RevokedKey);
    assert!(!may(&mesh, "sales/steward"));
}

#[test]
fn a_root_of_several_keys_signs_to_its_threshold() {
    let mut mesh = TestMesh::founded().with_policy();
    let mut admission = TestMesh::admission("sales");
    admission.root_keys = ["sales/root", "sales/root-2", "sales/root-3"].map(|key| keypair(key).public_key()).to_vec();
    admission.root_threshold = 2;
    let body = Body::AdmitDomains(AdmitDomains { domains: vec![admission], council_version: 1 });
    let signers = ["council-0", "council-1", "sales/root", "sales/root-2", "sales/root-3"].into_iter();
    let signers = signers.chain(["sales/owner", "sales/engineer", "sales/steward"]).map(keypair).collect::<Vec<_>>();
    let command = mesh.command(body, &signers);
    accepted(&mesh.submit(&command));
    let said = |signers: &[&str]| {
        let set = rules(&mesh, signers[0], vec![retention("kept", Enforcement::Block)]);
        let size = read::head(&mesh.state).unwrap().size;
        admit_rules(&mesh.state, &signed(&mesh, &set, signers), size, &PolicyJudge::default()).unwrap()
    };
    assert_eq!(said(&["sales/root"]).unwrap_err().code, Code::ThresholdNotMet);
    assert_eq!(said(&["sales/root", "sales/root-3"]), Ok(()));
}

#[test]
fn rules_are_for_a_domain_that_acts_and_for_the_epoch_in_force() {
    let mut mesh = mesh();
    let judge = PolicyJudge::default();
    let said = |mesh: &TestMesh, change: &dyn Fn(&mut DomainRules)| {
        let mut set = rules(mesh, "sales/steward", Vec::new());
        change(&mut set);
        let size = read::head(&mesh.state).unwrap().size;
        let said = admit_rules(&mesh.state, &signed(mesh, &set, &["sales/steward"]), size, &judge).unwrap();
        said.map_err(|rejection| rejection.code)
    };
    assert_eq!(said(&mesh, &|_| {}), Ok(()), "no rules at all");
    assert_eq!(said(&mesh, &|set| set.domain = "nobody".parse().unwrap()), Err(Code::UnknownDomain));
    assert_eq!(said(&mesh, &|set| set.epoch = 2), Err(Code::OldEpoch));
    accepted(&mesh.delegate("sales", 2, 2));
    assert_eq!(said(&mesh, &|_| {}), Err(Code::OldEpoch), "what was signed for the home before");
    assert_eq!(said(&mesh, &|set| set.epoch = 2), Ok(()));
    let standing = |reason: &str| DomainStanding { domain: "sales".parse().unwrap(), reason: reason.into() };
    accepted(&mesh.decide(ProposalBody::SuspendDomain(standing("an audit")), &[]));
    assert_eq!(said(&mesh, &|set| set.epoch = 2), Err(Code::DomainSuspended));
    accepted(&mesh.decide(ProposalBody::RemoveDomain(standing("merged")), &[]));
    assert_eq!(said(&mesh, &|set| set.epoch = 2), Err(Code::DomainRemoved));
}

#[test]
fn rules_that_are_not_fit_are_refused_with_every_flaw() {
    let mut mesh = mesh();
    let enact = EnactStandard { standard: retention("shared", Enforcement::Advise), supersedes: None };
    accepted(&mesh.decide(ProposalBody::EnactStandard(enact), &[]));
    let good = || retention("kept", Enforcement::Block);
    let table: Vec<(&str, Vec<Standard>)> = vec![
        ("a standard of the mesh has this id", vec![retention("shared", Enforcement::Block)]),
        ("stands there twice", vec![good(), good()]),
        ("the council enacts them", {
            let mut word = good();
            (word.kind, word.rules, word.tests) = (StandardKind::GlossaryTerm, Vec::new(), Vec::new());
            word.detail = Some(StandardDetail::GlossaryTerm {
                definition: "what is kept".into(),
                synonyms: Vec::new(),
                owner: "sales".into(),
                data_type: String::new(),
            });
            vec![word]
        }),
        ("expression", {
            let mut broken = good();
            broken.rules[0].expression = "retention_period != = null".into();
            vec![broken]
        }),
        ("expected to fail", {
            let mut failing = good();
            failing.tests[0].expect = Expectation::Fail;
            vec![failing]
        }),
    ];
    for (part, set) in table {
        let (code, detail) = admitted(&mesh, "sales/steward", set).unwrap_err();
        assert_eq!(code, Code::BadRules, "{part}");
        assert!(detail.contains(part), "{part}: {detail}");
    }
    // All at once, a line for each.
    let mut broken = retention("shared", Enforcement::Block);
    broken.title = String::new();
    let (_, detail) = admitted(&mesh, "sales/steward", vec![broken, good(), good()]).unwrap_err();
    assert_eq!(detail.lines().count(), 3, "{detail}");
}

#[test]
fn own_rules_can_only_be_stricter() {
    let mut mesh = mesh();
    accepted(&mesh.publish(descriptor("sales/orders", "1.0.0", &["id"])));
    let version = descriptor("sales/orders", "1.0.1", &["id"]);
    let judge = PolicyJudge::default();
    let own_of =
        |mesh: &TestMesh, set| own_violations(&mesh.state, &judge, &own(mesh, set), &version, mesh.now).unwrap();

    // What all standards let pass, the domain may refuse.
    let found = own_of(&mesh, vec![retention("kept", Enforcement::Block)]);
    assert_eq!(found.len(), 1);
    assert!(found[0].blocks());
    let said = found[0].to_string();
    for part in ["sales's own kept@1.0.0 retention-said", "retention_period", "say it in retention_period"] {
        assert!(said.contains(part), "{part} in {said}");
    }
    // What a standard refuses stays refused, whatever the domain's rules say: they are not even asked by it.
    let enact = EnactStandard { standard: retention("shared", Enforcement::Block), supersedes: None };
    accepted(&mesh.decide(ProposalBody::EnactStandard(enact), &[]));
    let mut lenient = retention("kept", Enforcement::Block);
    lenient.rules[0].expression = "retention_period == null".into();
    lenient.tests.clear();
    let fresh = descriptor("sales/fresh", "1.0.0", &["id"]);
    assert!(own_violations(&mesh.state, &judge, &own(&mesh, vec![lenient]), &fresh, mesh.now).unwrap().is_empty());
    let command = mesh.publish_command(fresh.clone());
    let command = mesh_event::SignedCommand::verify(command, &mesh.mesh_id).unwrap();
    let size = read::head(&mesh.state).unwrap().size;
    let refused = admit_domain_command_with(&mesh.state, &command, size, &judge).unwrap().unwrap_err();
    assert_eq!(refused.code, Code::StandardViolated);
    outcome(&mesh.publish(fresh), Code::StandardViolated, "shared@1.0.0");
    // Nor do they touch another domain's products.
    let foreign = descriptor("orders/orders", "1.0.0", &["id"]);
    let set = own(&mesh, vec![retention("kept", Enforcement::Block)]);
    assert!(own_violations(&mesh.state, &judge, &set, &foreign, mesh.now).unwrap().is_empty());
    // Nor what ends a product.
    let product: mesh_model::ProductId = "sales/orders".parse().unwrap();
    let (reason, version) = (String::from("over"), None);
    let end = DeprecateVersion {
        product: product.clone(),
        version,
        sunset: String::new(),
        successor: String::new(),
        reason: reason.clone(),
    };
    for body in [Body::DeprecateVersion(end), Body::RetireProduct(RetireProduct { product, version, reason })] {
        let command = mesh.command(body, &[keypair("sales/owner")]);
        accepted(&mesh.say("sales", &command));
    }
}

#[test]
fn enforcement_grace_dates_and_selectors_are_those_of_standards() {
    let mut mesh = mesh();
    accepted(&mesh.publish(descriptor("sales/orders", "1.0.0", &["id"])));
    let set_at = mesh.now;
    let judge = PolicyJudge::default();
    let effect = |mesh: &TestMesh, id: &str, change: &dyn Fn(&mut Standard), now| {
        let mut standard = retention("kept", Enforcement::Block);
        change(&mut standard);
        let found =
            own_violations(&mesh.state, &judge, &own(mesh, vec![standard]), &descriptor(id, "1.0.1", &["id"]), now);
        found.unwrap().first().map(|found| (found.effect, found.due_unix_ms))
    };
    let orders = "sales/orders";
    assert_eq!(effect(&mesh, orders, &|_| {}, set_at), Some((Effect::Block, None)));
    assert_eq!(effect(&mesh, orders, &|s| s.enforcement = Enforcement::Warn, set_at), Some((Effect::Warn, None)));
    assert_eq!(effect(&mesh, orders, &|s| s.enforcement = Enforcement::Advise, set_at), Some((Effect::Advise, None)));
    // What was there before has its grace; what comes later has none.
    let until = set_at + 30 * DAY_MS;
    assert_eq!(effect(&mesh, orders, &|s| s.grace_days = 30, set_at), Some((Effect::Warn, Some(until))));
    assert_eq!(effect(&mesh, orders, &|s| s.grace_days = 30, until), Some((Effect::Block, None)));
    assert_eq!(effect(&mesh, "sales/fresh", &|s| s.grace_days = 30, set_at), Some((Effect::Block, None)));
    let dated = effect(&mesh, orders, &|s| s.effective_from = "2999-01-01".into(), set_at).unwrap();
    assert_eq!(dated.0, Effect::Advise);
    assert!(dated.1.is_some());
    assert_eq!(effect(&mesh, orders, &|s| s.selector = "name == 'fresh'".into(), set_at), None);
}

#[test]
fn a_rule_that_is_taken_over_keeps_its_time_and_one_that_changed_has_a_new_one() {
    let mesh = mesh();
    let of = |set: Vec<Standard>| signed(&mesh, &rules(&mesh, "sales/steward", set), &["sales/steward"]);
    let (kept, other) = (retention("kept", Enforcement::Block), retention("other", Enforcement::Warn));
    let first = of(vec![kept.clone()]);
    let first = OwnRules::of(&first, 3, &OwnRules::since_when(&first, None, 1_000)).unwrap();
    assert_eq!(first.since(), [1_000]);
    let second = of(vec![other.clone(), kept.clone()]);
    assert_eq!(OwnRules::since_when(&second, Some(&first), 2_000), [2_000, 1_000]);
    let mut changed = kept;
    changed.grace_days = 30;
    assert_eq!(OwnRules::since_when(&of(vec![changed]), Some(&first), 3_000), [3_000]);
    assert_eq!(OwnRules::of(&second, 4, &[2_000]), None, "a time for each");
}
