//! Domains whose feeds move to other nodes, and feeds of which a node signed two histories, as people decide about them.

use std::path::PathBuf;

use crate::support::local_mesh::LocalMesh;
use crate::support::{shell, until};
use mesh_event::genesis::SealedGenesis;
use mesh_event::{FeedForkProof, FeedHead, FeedId, Keypair, Signer as _};
use mesh_model::{DomainName, MeshId};
use mesh_tlog::leaf_hash;
use mesh_verify::FeedForkFile;
use serde_json::Value;

const NAME: &str = "customer_experience";
const ROOT: &str = "--root-key .mesh/keys/customer_experience-root.pem";

fn refused(mesh: &LocalMesh, line: &str, exit: i32, part: &str) {
    let output = mesh.run(line);
    let said = shell::describe(&output);
    assert_eq!(output.status.code(), Some(exit), "{line}\n{said}");
    assert!(said.contains(part), "{line}: {part}\n{said}");
}

fn domain(mesh: &LocalMesh) -> Value {
    mesh.json(&format!("mesh domain show {NAME}"))
}

/// Every file with this name below a folder.
fn files(folder: &std::path::Path, name: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, name));
        } else if path.file_name().is_some_and(|found| found == name) {
            found.push(path);
        }
    }
    found
}

#[test]
fn a_domain_moves_and_its_products_and_publishing_move_along() {
    let mesh = LocalMesh::with_sample();
    mesh.ok("mesh apply examples/customer_360.hcl");
    let before = domain(&mesh);
    let home = before["home_node_id"].as_u64().unwrap();
    let to = home % 3 + 1;
    let line = |to: u64, key: &str| format!("mesh domain move {NAME} --to {to} {key}");
    refused(&mesh, &line(to, "--root-key .mesh/keys/logistics-root.pem"), 7, "MESH-");
    refused(&mesh, &line(77, ROOT), 4, "77");
    assert_eq!(domain(&mesh)["epoch"], before["epoch"], "nothing happened");

    // Refused, but its home was asked to stop for a while: it goes on where it moves to.
    let said = shell::describe(&mesh.run(&line(to, ROOT)));
    assert!(said.contains(&format!("node {to} writes {NAME} as epoch 2")), "{said}");
    let after = domain(&mesh);
    assert_eq!((&after["home_node_id"], &after["epoch"]), (&to.into(), &2.into()));
    mesh.ok(&format!("mesh show {NAME}/customer_360"));
    let changed = std::fs::read_to_string(mesh.folder().join("examples/customer_360.hcl")).unwrap();
    std::fs::write(mesh.folder().join("next.hcl"), changed.replace("customer_360\"", "customer_next\"")).unwrap();
    mesh.ok("mesh apply next.hcl");
    let moved = domain(&mesh);
    assert_eq!(moved["feed_head"]["events"].as_u64(), Some(1), "{moved}");
    // And back, under load or not.
    mesh.ok(&line(home, ROOT));
    assert_eq!(domain(&mesh)["home_node_id"], home);
    mesh.ok(&format!("mesh show {NAME}/customer_next"));
    mesh.ok("mesh ledger export moved.meshexport");
    assert!(mesh.ok("mesh ledger verify moved.meshexport").contains("the export holds"));
}

/// A proof that a key signed two heads of the feed's first epoch.
fn proof(mesh_id: MeshId, key: &Keypair, others: [&[u8]; 2]) -> String {
    let feed = FeedId { domain: DomainName::parse(NAME).unwrap(), epoch: 1 };
    let head = |leaf: &[u8]| {
        let hash = leaf_hash(leaf);
        FeedHead { feed: feed.clone(), size: 1, root: hash, last_leaf: hash }.sign(&mesh_id, key).unwrap()
    };
    let heads = others.map(head);
    let proof = FeedForkProof { feed: feed.clone(), node_key: key.public_key(), heads, bridge: None };
    FeedForkFile { mesh_id, proof }.to_text()
}

#[test]
fn a_forked_feed_is_reported_shown_and_resolved() {
    let mesh = LocalMesh::with_sample();
    mesh.ok("mesh apply examples/customer_360.hcl");
    let home = domain(&mesh)["home_node_id"].as_u64().unwrap();
    let genesis = files(&mesh.folder().join(".mesh"), "genesis.bin");
    let mesh_id = SealedGenesis::parse(std::fs::read(&genesis[0]).unwrap()).unwrap().mesh_id;
    let key = |node: u64| {
        let own = |path: &&PathBuf| path.to_string_lossy().contains(&format!("node-{node}/"));
        let found = files(&mesh.folder().join(".mesh"), "node.pem");
        let path = found.iter().find(own).unwrap_or_else(|| panic!("{found:?}"));
        Keypair::from_pem(&std::fs::read_to_string(path).unwrap()).unwrap()
    };
    let write = |name: &str, text: String| std::fs::write(mesh.folder().join(name), text).unwrap();
    write("fork.proof", proof(mesh_id, &key(home), [b"one", b"other"]));
    write("same.proof", proof(mesh_id, &key(home), [b"one", b"one"]));
    write("stranger.proof", proof(mesh_id, &key(home % 3 + 1), [b"one", b"other"]));
    write("foreign.proof", proof(MeshId([7; 32]), &key(home), [b"one", b"other"]));
    write("cut.proof", proof(mesh_id, &key(home), [b"one", b"other"]).replace("end\n", ""));

    // What proves nothing is refused before or by the ledger, and changes nothing.
    for file in ["same.proof", "foreign.proof", "cut.proof", "examples/customer_360.hcl"] {
        refused(&mesh, &format!("mesh domain report {file}"), 8, file);
    }
    refused(&mesh, "mesh domain report stranger.proof", 7, "is not that of node");
    let resolve = |events: u64, root: &str, to: u64, key: &str| {
        format!("mesh domain resolve {NAME} --events {events} --root {root} --to {to} --reason cloned {key}")
    };
    let honest = domain(&mesh)["feed_head"].clone();
    let (events, root) = (honest["events"].as_u64().unwrap(), honest["root"].as_str().unwrap().to_owned());
    refused(&mesh, &resolve(events, &root, home, ROOT), 4, "no report");
    assert_eq!(domain(&mesh)["fork"], Value::Null);

    let said = shell::describe(&mesh.run("mesh domain report fork.proof"));
    assert!(said.contains(&format!("the fork of the feed {NAME}/1 is reported")), "{said}");
    assert!(shell::describe(&mesh.run("mesh domain report fork.proof")).contains("was reported at index"));
    let shown = mesh.ok(&format!("mesh domain show {NAME}"));
    assert!(shown.contains(&format!("node {home} signed two histories of epoch 1")), "{shown}");
    // Every node says so, and takes nothing more of it; others' domains go on.
    until("every node's status shows it", || {
        let status = mesh.json("mesh status");
        let alarms = |node: &Value| node["status"]["alarms"].to_string().contains("two histories");
        let all = status["nodes"].as_array().unwrap().iter().all(alarms);
        if all { Ok(()) } else { Err(status.to_string()) }
    });
    let changed = std::fs::read_to_string(mesh.folder().join("examples/customer_360.hcl")).unwrap();
    write("next.hcl", changed.replace("customer_360\"", "customer_next\""));
    refused(&mesh, "mesh apply next.hcl", 5, "MESH-0055");
    refused(&mesh, &format!("mesh domain delegate {NAME} --to {} {ROOT}", home % 3 + 1), 5, "MESH-0055");

    // Its root decides, and only for a history that was signed.
    refused(&mesh, &resolve(events, &root, home, "--root-key .mesh/keys/logistics-root.pem"), 7, "is no key of");
    let never = mesh_model::Digest(*leaf_hash(b"never").as_bytes()).to_string();
    refused(&mesh, &resolve(events + 1, &never, home, ROOT), 5, "MESH-0059");
    let said = shell::describe(&mesh.run(&resolve(events, &root, home, ROOT)));
    assert!(said.contains(&format!("node {home} writes {NAME} as epoch 2")), "{said}");
    refused(&mesh, &resolve(events, &root, home, ROOT), 4, "no report");
    mesh.ok("mesh apply next.hcl");
    mesh.ok(&format!("mesh show {NAME}/customer_360"));
    until("no node's status shows it", || {
        let status = mesh.json("mesh status").to_string();
        if status.contains("two histories") { Err(status) } else { Ok(()) }
    });
    mesh.ok("mesh ledger export after.meshexport");
    assert!(mesh.ok("mesh ledger verify after.meshexport").contains("the export holds"));
}
