//! What a publish would do, given what is sealed.

use mesh_governance::testing::{TestMesh, descriptor};
use mesh_model::{Code, Descriptor, Version};
use mesh_node::plan::{Action, Wishes, plan};

const ID: &str = "sales/orders";

fn sealed(versions: &[(&str, &[&str])]) -> TestMesh {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    for (version, fields) in versions {
        mesh.publish(descriptor(ID, version, fields));
    }
    mesh
}

fn titled(mut descriptor: Descriptor) -> Descriptor {
    descriptor.title = "another".into();
    descriptor
}

/// What, what is sealed, the descriptor, whether its version was given, whether a major step is wanted, what the plan says.
type Row<'a> = (&'a str, Vec<(&'a str, &'a [&'a str])>, Descriptor, bool, bool, Result<(Action, Version), Code>);

/// Given what is sealed, when this descriptor is planned, then this is the step.
#[test]
fn plans_the_version_that_the_changes_ask_for() {
    let v = Version::new;
    let (one, two): (&[&str], &[&str]) = (&["a"], &["a", "b"]);
    let d = |version: &str, fields: &[&str]| descriptor(ID, version, fields);
    let table: Vec<Row<'_>> = vec![
        ("first", vec![], d("9.9.9", one), false, false, Ok((Action::Create, v(1, 0, 0)))),
        ("first, given", vec![], d("0.3.0", one), true, false, Ok((Action::Create, v(0, 3, 0)))),
        ("unchanged", vec![("1.4.0", one)], d("1.0.0", one), false, false, Ok((Action::Unchanged, v(1, 4, 0)))),
        ("unchanged, given", vec![("1.4.0", one)], d("1.4.0", one), true, false, Ok((Action::Unchanged, v(1, 4, 0)))),
        ("text", vec![("1.4.0", one)], titled(d("1.0.0", one)), false, false, Ok((Action::Update, v(1, 4, 1)))),
        ("added", vec![("1.4.0", one)], d("1.0.0", two), false, false, Ok((Action::Update, v(1, 5, 0)))),
        ("removed", vec![("1.4.0", two)], d("1.0.0", one), false, false, Err(Code::BreakingChange)),
        ("removed, allowed", vec![("1.4.0", two)], d("1.0.0", one), false, true, Ok((Action::Update, v(2, 0, 0)))),
        ("removed, given", vec![("1.4.0", two)], d("2.0.0", one), true, false, Ok((Action::Update, v(2, 0, 0)))),
        ("removed, given too small", vec![("1.4.0", two)], d("1.5.0", one), true, false, Err(Code::BreakingChange)),
        ("added, given too small", vec![("1.4.0", one)], d("1.4.1", two), true, false, Err(Code::VersionTooLow)),
        ("removed below 1", vec![("0.4.0", two)], d("1.0.0", one), false, false, Ok((Action::Update, v(0, 5, 0)))),
        (
            "patch of an older major",
            vec![("1.4.0", two), ("2.0.0", one)],
            titled(d("1.4.1", two)),
            true,
            false,
            Ok((Action::Update, v(1, 4, 1))),
        ),
        ("sealed with other content", vec![("1.4.0", two)], d("1.4.0", one), true, false, Err(Code::VersionConflict)),
    ];
    for (what, known, descriptor, version_given, major, expected) in table {
        let mesh = sealed(&known);
        let wishes = Wishes { version_given, major, overflow_breaks: Vec::new() };
        let plan = plan(&mesh.state, &descriptor, &wishes).unwrap();
        let found = match plan.action {
            Action::Refused => Err(plan.problems[0].0),
            action => Ok((action, plan.version)),
        };
        assert_eq!(found, expected, "{what}: {plan:?}");
        assert_eq!(plan.planned_against.is_some(), !known.is_empty(), "{what}");
    }
}

#[test]
fn says_that_a_domain_is_unknown_and_a_product_retired_or_flawed() {
    let mesh = sealed(&[]);
    let stranger = descriptor("nobody/orders", "1.0.0", &[]);
    assert_eq!(plan(&mesh.state, &stranger, &Wishes::default()).unwrap_err().code, Code::UnknownDomain);
    let mut flawed = descriptor(ID, "1.0.0", &["a", "a"]);
    flawed.owner.team = String::new();
    let plan = plan(&mesh.state, &flawed, &Wishes::default()).unwrap();
    assert_eq!(plan.action, Action::Refused);
    assert_eq!(plan.problems.len(), 2, "{plan:?}");
}
