//! 400 pairs of contract versions, and what `datacontract breaking` says of each: `contract_pairs/generate.py` made the pairs, asked, and
//! printed `verdicts.jsonl`. Here the same pairs are compared again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use mesh_formats::compare_contracts;
use serde::Deserialize;
use serde_json::Value;

/// A pair: which contract, how its next version is made of it (JSON Patch, RFC 6902), and the other program's verdict.
#[derive(Deserialize)]
struct Pair {
    kind: String,
    contract: String,
    patch: Vec<Step>,
    datacontract: String,
}

#[derive(Deserialize)]
struct Step {
    op: String,
    path: String,
    #[serde(default)]
    value: Value,
}

/// Kinds of which the verdicts differ, all for the reason that `docs/contracts.md` gives.
const DIFFERENT: [&str; 1] = ["allowed value removed"];
/// Kinds that break nobody.
const HARMLESS: [&str; 6] = [
    "allowed values in another order",
    "bound tighter",
    "check tighter",
    "column added",
    "required from now on",
    "words",
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/contract_pairs")
}

fn pairs() -> Vec<Pair> {
    let text = fs::read_to_string(folder().join("verdicts.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn contract(name: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(folder().join(format!("{name}.odcs.json"))).unwrap()).unwrap()
}

fn patched(mut document: Value, patch: &[Step]) -> Value {
    for step in patch {
        let (parent, last) = step.path.rsplit_once('/').unwrap();
        let value = step.value.clone();
        match (document.pointer_mut(parent).unwrap(), step.op.as_str()) {
            (Value::Object(map), "add") => drop(map.insert(last.to_owned(), value)),
            (Value::Object(map), "remove") => drop(map.remove(last).unwrap()),
            (Value::Array(list), "add") if last == "-" => list.push(value),
            (Value::Array(list), "add") => list.insert(last.parse().unwrap(), value),
            (Value::Array(list), "remove") => drop(list.remove(last.parse().unwrap())),
            (_, op) => panic!("{op} {}", step.path),
        }
    }
    document
}

/// Whether the pair breaks consumers, by our comparison.
fn breaks(pair: &Pair) -> bool {
    let before = contract(&pair.contract);
    let after = patched(before.clone(), &pair.patch);
    let changes = compare_contracts(&before.to_string(), &after.to_string()).unwrap();
    assert!(!changes.is_empty(), "{} of {}: nothing changed", pair.kind, pair.contract);
    changes.iter().any(|change| change.breaks.is_some())
}

#[test]
fn verdicts_are_those_of_datacontract_except_where_the_documentation_says_why() {
    let (mut same, mut different, mut kinds) = (0, BTreeSet::new(), BTreeMap::<String, u32>::new());
    let pairs = pairs();
    for pair in &pairs {
        *kinds.entry(pair.kind.clone()).or_default() += 1;
        let is_breaking = breaks(pair);
        assert_eq!(is_breaking, !HARMLESS.contains(&pair.kind.as_str()), "{} of {}", pair.kind, pair.contract);
        if is_breaking == (pair.datacontract == "breaking") {
            same += 1;
        } else {
            different.insert(pair.kind.as_str());
        }
    }
    assert_eq!(pairs.len(), 400);
    assert!(same >= 380, "{same} of 400 verdicts are the same");
    assert_eq!(different.into_iter().collect::<Vec<_>>(), DIFFERENT);
    for (kind, count) in &kinds {
        assert!(*count >= 20 || HARMLESS.contains(&kind.as_str()), "{count} pairs of '{kind}'");
    }
    let docs = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/contracts.md")).unwrap();
    for (kind, count) in &kinds {
        let word = |breaks: bool| if breaks { "breaks" } else { "does not" };
        let here = !HARMLESS.contains(&kind.as_str());
        let (here, there) = (word(here), word(here && !DIFFERENT.contains(&kind.as_str())));
        let row = format!("| {kind} | {count} | {here} | {there} |");
        assert!(docs.contains(&row), "docs/contracts.md should have {row}");
    }
    assert!(docs.contains(&format!("{same} of 400")), "docs/contracts.md says another number than {same}");
}
