//! The built `mesh` and product files, as far as no node is needed: exit codes, stdout, stderr.

use crate::support::machine::Machine;
use serde_json::Value;

const PRODUCT: &str = r#"resource "data_product" "orders" {
  domain  = "sales"
  owner   = "sales-team"
  version = "1.0.0"

  output {
    api {
      format = "json"
    }
  }
}
"#;
/// Three things wrong, in three places.
const BROKEN: &str = "resource \"data_product\" \"x\" {\n  version = 3\n  owner = 5\n}\n";
/// Nothing listens there.
const NOWHERE: &str = "http://127.0.0.1:1";

fn examples() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples")
}

#[test]
fn the_examples_validate_and_name_their_products() {
    let machine = Machine::new();
    let example = examples().join("customer_profile.hcl");
    let text = machine.ok(&["validate", example.to_str().unwrap(), "-o", "json"]);
    let document: Value = serde_json::from_str(&text).unwrap();
    let products = document["files"][0]["products"][0].as_str().unwrap();
    assert!(products.starts_with("customer_experience/customer_profile"), "{products}");
    assert_eq!(document["files"][0]["errors"], Value::Array(Vec::new()));
}

#[test]
fn every_error_of_a_file_is_listed_with_file_line_and_field() {
    let machine = Machine::new();
    machine.write("broken.hcl", BROKEN);
    let output = machine.run(&["validate", "broken.hcl"]);
    assert_eq!(output.status.code(), Some(3));
    let error = String::from_utf8(output.stderr).unwrap();
    insta::assert_snapshot!(error, @r"
    error: broken.hcl has 3 errors [MESH-0205]
      broken.hcl:1:1: domain: expected the owning domain, found nothing
      broken.hcl:2:13: version: expected a string, found the number 3
      broken.hcl:3:11: owner: expected a string, found the number 5
    hint: mend the fields that are listed
    ");
}

#[test]
fn a_draft_validates_with_a_warning_and_is_not_published() {
    let machine = Machine::new();
    machine.write(
        "draft.odcs.yaml",
        "apiVersion: v3.1.0\nkind: DataContract\nid: orders\nname: orders\nversion: 1.0.0\nstatus: draft\n\
         domain: sales\nteam:\n  name: sales\n",
    );
    let output = machine.run(&["validate", "draft.odcs.yaml"]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{error}");
    assert!(error.contains("a draft stays on its own node and is not sealed"), "{error}");
    machine.ok(&["key", "new", "--out", "me.pem"]);
    for command in [&["plan", "draft.odcs.yaml"][..], &["apply", "draft.odcs.yaml"]] {
        let error = machine.refused(3, &[command, &["--key", "me.pem", "--node", NOWHERE]].concat());
        assert!(error.contains("is a draft"), "{error}");
    }
}

#[test]
fn scripts_get_usage_errors_as_json_too() {
    let machine = Machine::new();
    let output = machine.run(&["list", "--no-such-flag", "-o", "json"]);
    let error: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!((output.status.code(), &error["error"]["code"]), (Some(2), &"MESH-0200".into()));
    assert!(error["error"]["message"].as_str().unwrap().contains("--no-such-flag"), "{error}");
}

#[test]
fn scripts_get_errors_as_json_on_stderr_and_data_on_stdout() {
    let machine = Machine::new();
    machine.write("broken.hcl", BROKEN);
    let output = machine.run(&["validate", "broken.hcl", "-o", "json"]);
    let error: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!((&error["error"]["code"], &error["error"]["exit_code"]), (&"MESH-0205".into(), &3.into()));
    let data: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(data["files"][0]["errors"][1]["line"], 2);
}

#[test]
fn two_files_for_one_version_are_refused_by_validate_already() {
    let machine = Machine::new();
    machine.write("a.hcl", PRODUCT);
    machine.write("b.hcl", PRODUCT);
    let error = machine.refused(3, &["validate", "a.hcl", "b.hcl"]);
    assert!(error.contains("b.hcl and a.hcl both describe sales/orders"), "{error}");
}

#[test]
fn a_product_comes_in_through_standard_input() {
    use std::io::Write as _;
    let machine = Machine::new();
    let mut child = machine
        .command(&["validate", "-", "-o", "name"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(PRODUCT.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "standard input\n");
    assert!(output.status.success());
}

#[test]
fn without_a_node_or_a_key_the_hint_says_where_to_name_one() {
    let machine = Machine::new();
    machine.write("a.hcl", PRODUCT);
    let error = machine.refused(2, &["show", "sales/orders"]);
    assert!(error.contains("MESH-0203") && error.contains("hint: `mesh up --sample`"), "{error}");
    let error = machine.refused(2, &["apply", "a.hcl", "--node", NOWHERE]);
    assert!(error.contains("no key to sign with"), "{error}");
}

#[test]
fn a_dead_node_is_exit_6_and_nothing_happened() {
    let machine = Machine::new();
    machine.ok(&["key", "new", "--out", "me.pem"]);
    machine.write("a.hcl", PRODUCT);
    for args in [
        vec!["list", "--node", NOWHERE],
        vec!["plan", "a.hcl", "--node", NOWHERE],
        vec!["apply", "a.hcl", "--node", NOWHERE, "--key", "me.pem", "--timeout", "2s"],
    ] {
        let error = machine.refused(6, &args);
        assert!(error.contains("nothing happened"), "{args:?}: {error}");
    }
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let machine = Machine::new();
    machine.ok(&["key", "new", "--out", "me.pem"]);
    std::fs::set_permissions(machine.path("me.pem"), std::fs::Permissions::from_mode(0o644)).unwrap();
    machine.write("a.hcl", PRODUCT);
    let error = machine.refused(2, &["apply", "a.hcl", "--node", NOWHERE, "--key", "me.pem"]);
    assert!(error.contains("expected mode 0600; found 0644") && error.contains("chmod 600 me.pem"), "{error}");
}

#[test]
fn what_cannot_be_undone_needs_yes_without_a_terminal() {
    let error = Machine::new().refused(2, &["retire", "sales/orders", "--node", NOWHERE]);
    assert!(error.contains("MESH-0210") && error.contains("hint: add --yes"), "{error}");
}

#[test]
fn usage_errors_are_exit_2_and_name_what_was_expected() {
    let machine = Machine::new();
    for (args, expected) in [
        (vec!["shew"], "show"),
        (vec!["show", "a/b", "--at", "soon"], "expected a ledger index"),
        (vec!["apply", "x.hcl", "--timeout", "soon"], "expected a length of time"),
        (vec!["deprecate", "orders"], "expected domain/name"),
        (vec!["diff", "sales/orders@1.0.0", "--node", NOWHERE], "expected a second one"),
        (vec!["list", "--mesh-id", "abc"], "expected 64 lower-case hexadecimal digits"),
    ] {
        let error = machine.refused(2, &args);
        assert!(error.contains(expected), "{args:?}: {error}");
    }
}

#[test]
fn a_plan_that_was_altered_is_refused() {
    let machine = Machine::new();
    machine.ok(&["key", "new", "--out", "me.pem"]);
    machine.write("plan.json", "{\"format\": \"datamesh-plan-v1\"}");
    let error = machine.refused(3, &["apply", "--plan", "plan.json", "--key", "me.pem", "--node", NOWHERE]);
    assert!(error.contains("the plan file does not fit"), "{error}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let machine = Machine::new();
    let mut child = machine
        .command(&["validate", examples().to_str().unwrap(), "-o", "json"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap()), (Some(0), String::new()));
}
