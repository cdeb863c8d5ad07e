//! The Registry of Open Data, whole: imported, killed on the way, imported again.

use std::path::{Path, PathBuf};

use crate::support::local_mesh::LocalMesh;
use crate::support::until;
use serde_json::Value;

/// Products that are sealed before the mesh is killed: some, and by far not all.
const KILL_AT: usize = 150;
const PRODUCTS: usize = 1039;
const DEPRECATED: usize = 19;

/// The records lie beside the repository; a checkout without them says so and tests nothing.
fn records() -> Option<PathBuf> {
    let records = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/open-data-registry");
    if records.is_dir() {
        return Some(records.canonicalize().unwrap());
    }
    eprintln!("skipped: {} is not there", records.display());
    None
}

fn products(mesh: &LocalMesh) -> Vec<Value> {
    mesh.json("mesh list")["products"].as_array().unwrap().clone()
}

fn ledger_size(mesh: &LocalMesh) -> u64 {
    let status = mesh.json("mesh status");
    let nodes = status["nodes"].as_array().unwrap();
    nodes.iter().map(|node| node["status"]["ledger"]["size"].as_u64().unwrap()).max().unwrap()
}

#[test]
fn a_registry_of_a_thousand_records_survives_a_kill_in_the_middle_and_a_second_run() {
    let Some(records) = records() else { return };
    let mut mesh = LocalMesh::empty();
    let import = ["import", "open-data-registry", records.to_str().unwrap()];

    let mut first =
        mesh.command(&import).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
    until("the import to be under way", || {
        assert!(first.try_wait().unwrap().is_none(), "the import ended before the mesh was killed");
        let sealed = products(&mesh).len();
        if sealed >= KILL_AT { Ok(()) } else { Err(format!("{sealed} products")) }
    });
    mesh.kill_and_start_again();
    first.kill().unwrap();
    first.wait().unwrap();
    let kept = products(&mesh).len();
    assert!((KILL_AT..PRODUCTS).contains(&kept), "{kept} products after the kill");

    let output = mesh.command(&import).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}");
    // Spellings of one organisation became one domain, and the summary says which.
    assert!(told.contains("NOAA") || told.contains("spelling"), "{told}");
    let all = products(&mesh);
    assert_eq!(all.len(), PRODUCTS);
    assert_eq!(all.iter().filter(|product| product["status"] == "deprecated").count(), DEPRECATED);
    let found = mesh.json("mesh search 'noaa goes'");
    let first = found["hits"][0]["id"].as_str().unwrap();
    assert!(first.contains("goes"), "{found}");

    let size = ledger_size(&mesh);
    let again = mesh.command(&import).output().unwrap();
    let told = String::from_utf8_lossy(&again.stderr) + String::from_utf8_lossy(&again.stdout);
    assert!(again.status.success() && told.contains(&format!("ledger size unchanged at {size}")), "{told}");
    assert_eq!(ledger_size(&mesh), size);
    assert_eq!(products(&mesh), all);
}
