//! The program: exit codes, what it says and where, replays and reports.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Mesh, rich};

struct Ran {
    code: i32,
    out: String,
    err: String,
}

fn run(arguments: &[&str]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_mesh-verify")).args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

fn file(name: &str, export: &[u8]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, export).unwrap();
    path
}

/// The rich mesh, whose keys, stamps and ids are fixed.
fn golden() -> Vec<u8> {
    let mesh = rich();
    mesh.export(&[mesh.checkpoint(mesh.leaves.len(), &[1, 3])])
}

#[test]
fn says_that_an_export_holds_or_where_it_does_not() {
    let export = golden();
    let path = file("program.meshexport", &export);
    let path = path.to_str().unwrap();
    let ran = run(&["check", path]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(ran.out.starts_with("the export holds\nmesh ") && ran.out.contains("cosigned all of it"), "{}", ran.out);
    let id = ran.out.split_whitespace().nth(4).unwrap();
    assert_eq!(run(&["check", path, "--mesh-id", id]).code, 0);
    let other = run(&["check", path, "--mesh-id", &"0".repeat(64)]);
    assert_eq!((other.code, other.out.as_str()), (8, ""));
    assert!(other.err.starts_with("mesh-verify: the file does not hold: line 2: "), "{}", other.err);

    let mut changed = export;
    let at = changed.len() / 2;
    changed[at] ^= 1;
    let changed = file("program-changed.meshexport", &changed);
    for command in ["check", "replay", "report"] {
        let ran = run(&[command, changed.to_str().unwrap()]);
        assert_eq!((ran.code, ran.out.as_str()), (8, ""), "{command}");
        assert!(ran.err.contains("does not hold: line "), "{}", ran.err);
    }
}

#[test]
fn a_wrong_command_line_is_no_verdict() {
    let path = file("program-usage.meshexport", &golden());
    let path = path.to_str().unwrap();
    for wrong in [
        &["check", "/nowhere/at-all"][..],
        &["check"],
        &["check", path, "--mesh-id", "x"],
        &["replay", path, "--until", "99"],
        &["report", path, "--as", "pdf"],
    ] {
        let ran = run(wrong);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{wrong:?}: {}", ran.err);
        assert!(!ran.err.is_empty());
    }
}

#[test]
fn replays_the_state_at_a_leaf_and_what_each_changed() {
    let path = file("program-replay.meshexport", &golden());
    let path = path.to_str().unwrap();
    let early = run(&["replay", path, "--until", "2"]);
    assert_eq!(early.code, 0, "{}", early.err);
    assert!(early.out.contains("\ndomain finance\n") && !early.out.contains("\nproduct "), "{}", early.out);
    let late = run(&["replay", path]).out;
    for name in ["product sales/orders", "version sales/people@1.1.0", "standard no-ssn@1.0.0", "waiver 11", "node 3"] {
        assert!(late.contains(&format!("\n{name}\n")), "{name} in {late}");
    }
    let diff = run(&["replay", path, "--diff", "--until", "5"]).out;
    insta::assert_snapshot!("diff", diff);
    let json = run(&["replay", path, "--diff", "--until", "5", "--as", "json"]).out;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["leaves"].as_array().unwrap().len(), 6);
    assert_eq!(json["leaves"][4]["outcome"], "version_conflict");
    assert_eq!(json["leaves"][5]["changes"][0]["kind"], "product");
    let json = run(&["replay", path, "--as", "json"]).out;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert!(json["state"].as_array().unwrap().iter().any(|entry| entry["name"] == "sales/people@1.1.0"));
}

#[test]
fn reports_who_did_what_in_three_forms() {
    let path = file("program-report.meshexport", &golden());
    let path = path.to_str().unwrap();
    insta::assert_snapshot!("report-markdown", run(&["report", path]).out);
    let csv = run(&["report", path, "--as", "csv"]).out;
    assert!(csv.lines().count() > 10 && csv.split_inclusive('\n').all(|line| line.ends_with("\r\n")));
    insta::assert_snapshot!("report-csv", csv.replace("\r\n", "\n"));
    let json: serde_json::Value = serde_json::from_str(&run(&["report", path, "--as", "json"]).out).unwrap();
    let last = json["leaves"].as_array().unwrap().last().unwrap();
    assert_eq!((last["outcome"].as_str(), last["command"].as_str()), (Some("malformed"), Some("")));
    assert_eq!(json["checkpoints"][0]["cosigned_by"], serde_json::json!([1, 3]));
}

#[test]
fn texts_of_the_ledger_stay_in_their_cells() {
    let mut mesh = Mesh::with_domains(&["sales"]);
    let body = mesh_event::Body::Comment(mesh_event::proposal::Comment { proposal: 1, text: "=1".into() });
    mesh.direct(body, &["council-0"]);
    let path = file("program-cells.meshexport", &mesh.export(&[]));
    let page = run(&["report", path.to_str().unwrap()]).out;
    let cells: Vec<usize> = page
        .lines()
        .filter(|line| line.starts_with('|'))
        .map(|line| line.replace("\\|", "").matches('|').count())
        .collect();
    assert!(cells.iter().all(|count| *count == 11), "{page}");
}
