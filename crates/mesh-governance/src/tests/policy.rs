//! The guide's four rules as a standard of a real mesh: refused, warned, refused; waived; reported.

use std::path::{Path, PathBuf};

use mesh_event::ProposalBody;
use mesh_event::proposal::{EnactStandard, Waive, WaiverScope};
use mesh_formats::{Context, parse, parse_standard};
use mesh_model::{Code, Descriptor, Digest, Name, Standard, Version};

use super::{accepted, outcome};
use crate::compliance::{ComplianceState, compliance, preview};
use crate::testing::TestMesh;
use crate::{Applied, Effect, PolicyJudge};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;
const DOMAIN: &str = "customer_experience";
const RULES: [&str; 4] = ["encrypted-at-rest", "pii-tagged", "access-logged", "retention-defined"];

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn product(file: &str, version: Version) -> Descriptor {
    let text = std::fs::read(repository().join("examples").join(file)).unwrap();
    let mut ctx =
        Context { domain: None, salt: &mut || [7; 16], encoded_len: &|_| 0, file_name: file, load: &|_| None };
    // What names people lies in attachments, which this mesh does not have.
    let mut descriptor = parse(&text, &mut ctx).unwrap().products.remove(0).descriptor;
    descriptor.version = version;
    descriptor
}

/// The guide's product as written.
fn written(version: Version) -> Descriptor {
    product("customer_profile.hcl", version)
}

fn standard() -> Standard {
    let text = std::fs::read_to_string(repository().join("config/standards/pii-handling.yaml")).unwrap();
    parse_standard(&text).unwrap().standard
}

fn enact(mesh: &mut TestMesh) {
    accepted(&mesh.decide(ProposalBody::EnactStandard(EnactStandard { standard: standard(), supersedes: None }), &[]));
}

fn violated(applied: &Applied) -> usize {
    applied
        .effects
        .iter()
        .map(|effect| if let Effect::Violated { violations, .. } = effect { violations.len() } else { 0 })
        .sum()
}

fn refused_with_all_four(applied: &Applied) {
    outcome(applied, Code::StandardViolated, "pii-handling@1.0.0");
    let detail = &applied.outcome().detail;
    assert_eq!(RULES.iter().filter(|rule| detail.contains(*rule)).count(), 4, "{detail}");
    assert!(detail.contains("storage { encryption { enabled = true } }"), "how to put it right: {detail}");
    assert!(applied.outcome().verdict_digest.is_some());
}

#[test]
fn a_new_product_is_refused_with_all_violations_until_it_keeps_the_standard() {
    let mut mesh = TestMesh::with_domains(&[DOMAIN]).with_policy();
    enact(&mut mesh);
    refused_with_all_four(&mesh.publish(written(Version::FIRST)));
    let governed = mesh.publish(product("customer_profile_governed.hcl", Version::FIRST));
    accepted(&governed);
    assert_eq!(violated(&governed), 0);
    assert!(governed.outcome().verdict_digest.is_some());
}

#[test]
fn a_product_from_before_is_warned_in_grace_and_refused_after_it() {
    let mut mesh = TestMesh::with_domains(&[DOMAIN]).with_policy();
    let first = mesh.publish(written(Version::FIRST));
    accepted(&first);
    assert_eq!(first.outcome().verdict_digest, None, "no standard was in force");
    enact(&mut mesh);
    let enacted = mesh.now;

    let changed = |patch: u32| {
        let mut descriptor = written(Version::new(1, 0, patch));
        descriptor.description = format!("changed {patch} times");
        descriptor
    };
    let in_grace = mesh.publish(changed(1));
    accepted(&in_grace);
    assert_eq!(violated(&in_grace), 4, "recorded, for tasks and whoever publishes");
    let judge = PolicyJudge::default();
    let states = |mesh: &TestMesh| -> Vec<ComplianceState> {
        let rows = compliance(&mesh.state, &judge, None, mesh.now).unwrap();
        rows.into_iter().map(|row| row.state).collect()
    };
    let until = enacted + u64::from(standard().grace_days) * DAY_MS;
    assert_eq!(states(&mesh), [ComplianceState::InGrace { until }]);

    mesh.now = until;
    refused_with_all_four(&mesh.publish(changed(2)));
    assert_eq!(states(&mesh), [ComplianceState::Violating]);
    accepted(&mesh.publish(product("customer_profile_governed.hcl", Version::new(1, 1, 0))));
    assert_eq!(states(&mesh), [ComplianceState::Compliant]);
}

#[test]
fn a_task_opens_with_the_first_violating_version_or_the_enactment_and_anew_after_it_was_closed() {
    let mut mesh = TestMesh::with_domains(&[DOMAIN]).with_policy();
    let since = |mesh: &TestMesh| {
        let rows = compliance(&mesh.state, &PolicyJudge::default(), None, mesh.now).unwrap();
        assert_eq!(rows.len(), 1);
        rows[0].since
    };
    let changed = |patch: u32| {
        let mut product = written(Version::new(1, 0, patch));
        product.description = format!("change {patch}");
        product
    };
    accepted(&mesh.publish(written(Version::FIRST)));
    mesh.now += DAY_MS;
    enact(&mut mesh);
    let enacted = mesh.now;
    assert_eq!(since(&mesh), Some(enacted), "the product was there before");
    // A further version that violates it is the same task, and so is a later look.
    mesh.now += DAY_MS;
    accepted(&mesh.publish(changed(1)));
    assert_eq!(since(&mesh), Some(enacted));
    // Mended: no task. Spoilt again, still in grace: another task, of that day.
    accepted(&mesh.publish(product("customer_profile_governed.hcl", Version::new(1, 1, 0))));
    assert_eq!(since(&mesh), None);
    mesh.now += DAY_MS;
    let mut spoilt = written(Version::new(2, 0, 0));
    accepted(&mesh.publish(spoilt.clone()));
    let again = mesh.now;
    mesh.now += DAY_MS;
    spoilt.version = Version::new(2, 0, 1);
    spoilt.description = "changed".into();
    accepted(&mesh.publish(spoilt));
    assert_eq!(since(&mesh), Some(again));
}

#[test]
fn a_waiver_lets_one_product_off_until_its_day() {
    let mut mesh = TestMesh::with_domains(&[DOMAIN]).with_policy();
    enact(&mut mesh);
    let waive = Waive {
        standard: Name::parse("pii-handling").unwrap(),
        scope: WaiverScope::Product(written(Version::FIRST).id()),
        reason: "fields are declared next month".into(),
        expires_unix_ms: mesh.now + 30 * DAY_MS,
    };
    accepted(&mesh.decide(ProposalBody::Waive(waive.clone()), &[]));
    accepted(&mesh.publish(written(Version::FIRST)));
    let rows = compliance(&mesh.state, &PolicyJudge::default(), None, mesh.now).unwrap();
    let waived = ComplianceState::Waived { until: waive.expires_unix_ms + 1, why: waive.reason };
    assert_eq!((rows.len(), &rows[0].state, rows[0].findings.len()), (1, &waived, 4));
    assert!(rows[0].waived_since.is_some_and(|granted| Some(granted) < rows[0].since), "granted, then published");
    mesh.now += 30 * DAY_MS;
    let mut changed = written(Version::new(1, 0, 1));
    changed.description = "changed".into();
    refused_with_all_four(&mesh.publish(changed));
}

#[test]
fn a_preview_says_what_enacting_would_mean() {
    let mut mesh = TestMesh::with_domains(&[DOMAIN]).with_policy();
    accepted(&mesh.publish(written(Version::FIRST)));
    let before = mesh.state.clone();
    let found = preview(&mesh.state, &standard(), mesh.now).unwrap().unwrap();
    let impact = &found.impact[&DOMAIN.parse().unwrap()];
    assert_eq!((found.products, impact.len(), impact[0].findings.len()), (1, 1, 4));
    assert_eq!(impact[0].grace_until, Some(mesh.now + 90 * DAY_MS));
    assert_eq!(before, mesh.state, "a projection changes nothing");
    let broken = Standard { selector: "nonsense ==".into(), ..standard() };
    assert!(preview(&mesh.state, &broken, mesh.now).unwrap().is_err());
}

#[test]
fn a_standard_whose_own_tests_fail_or_whose_passing_products_are_refused_is_not_enacted() {
    let mut mesh = TestMesh::with_domains(&[DOMAIN]).with_policy();
    let mut failing = standard();
    failing.tests.retain(|test| test.expect == mesh_model::Expectation::Fail);
    failing.tests[0].expect = mesh_model::Expectation::Pass;
    let refused = mesh.decide(ProposalBody::EnactStandard(EnactStandard { standard: failing, supersedes: None }), &[]);
    outcome(&refused, Code::BadStandard, "expected to pass");
    enact(&mut mesh);
    let mut other = standard();
    other.id = Name::parse("other").unwrap();
    other.rules.truncate(1);
    other.rules[0].expression = "storage.encryption.enabled == true".into();
    let document = r#"{"storage": {"encryption": {"enabled": true}}}"#;
    other.tests = vec![mesh_model::TestCase {
        name: "encrypted, and nothing else".into(),
        expect: mesh_model::Expectation::Pass,
        product: mesh_model::JsonText::parse(document).unwrap(),
    }];
    let refused = mesh.decide(ProposalBody::EnactStandard(EnactStandard { standard: other, supersedes: None }), &[]);
    outcome(&refused, Code::BadStandard, "pii-handling@1.0.0, which is in force, refuses it");
}

#[test]
fn a_verdict_is_the_same_whoever_remembers_what() {
    let mut one = TestMesh::with_domains(&[DOMAIN]).with_policy();
    enact(&mut one);
    let mut two = one.clone().with_policy();
    // One has judged other products before; the other judges for the first time.
    let _warm = one.clone().publish(product("customer_profile_governed.hcl", Version::FIRST));
    let digest = |applied: &Applied| applied.outcome().verdict_digest.map(|digest: Digest| digest.0);
    let (a, b) = (one.publish(written(Version::FIRST)), two.publish(written(Version::FIRST)));
    assert!(digest(&a).is_some());
    assert_eq!(digest(&a), digest(&b));
}
