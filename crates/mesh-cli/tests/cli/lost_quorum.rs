//! `docs/operations.md`, "When most voters are gone for good", as written.

use crate::support::local_mesh::LocalMesh;
use crate::support::{page, shell, until};
use serde_json::Value;

/// The commands of the run-book, in order.
fn steps() -> Vec<(String, String)> {
    let blocks = page::blocks(&page::read("docs/operations.md")).into_iter();
    blocks.filter_map(|block| Some((block.attribute("recovery")?.to_owned(), block.text))).collect()
}

/// The run-book as written, on a mesh of three of which two are lost: its only survivor goes on alone.
#[test]
fn a_lost_quorum_is_recovered_by_the_run_book() {
    let mut mesh = LocalMesh::empty_on_its_own_ports();
    until("a checkpoint covers the ledger", || {
        let said = mesh.json("mesh status");
        let nodes = said["nodes"].as_array().unwrap();
        let is_covered = |node: &Value| {
            let status = &node["status"];
            status["ledger"]["size"] == status["freshness"]["checkpoint_size"]
        };
        if nodes.iter().all(is_covered) { Ok(()) } else { Err(said.to_string()) }
    });
    mesh.kill();
    let mut said = std::collections::BTreeMap::new();
    let mut node = Some(mesh.meshd(1));
    mesh.json_soon("mesh ledger checkpoint");
    for (step, text) in steps() {
        match step.as_str() {
            "refound" => {
                // Not while it runs.
                let refused = mesh.run(&text);
                assert_eq!(refused.status.code(), Some(2), "{}", shell::describe(&refused));
                node = None;
            }
            "after" => {
                node = Some(mesh.meshd(1));
                until("the survivor orders", || {
                    let status = mesh.json_soon("mesh status");
                    let first = &status["nodes"][0]["status"]["raft"];
                    let alone = first["role"] == "leader" && first["ledger_voters"] == serde_json::json!([1]);
                    if alone { Ok(()) } else { Err(status.to_string()) }
                });
            }
            _ => {}
        }
        said.insert(step, mesh.ok(&text));
    }
    assert!(said["refound"].contains("votes again from"), "{}", said["refound"]);
    assert!(said["after"].contains("RecoverVoters"), "{}", said["after"]);
    // A checkpoint of the new voters, followed from the founding document; and one of the lost comes back.
    until("the survivor vouches alone", || {
        let found = mesh.json_soon("mesh ledger checkpoint");
        if found["voters"] == 1 { Ok(()) } else { Err(found.to_string()) }
    });
    let back = mesh.meshd(2);
    until("it reads, and says why", || {
        let status = mesh.json_soon("mesh status");
        let second = &status["nodes"][1]["status"];
        let told = second["alarms"].to_string().contains("is not among them");
        if second["raft"]["role"] == "reader" && told { Ok(()) } else { Err(status.to_string()) }
    });
    drop((node, back));
}
