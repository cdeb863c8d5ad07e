//! `docs/operations.md`: every command of it as written, on one mesh; and `mesh doctor` where a step is really broken.

use crate::support::local_mesh::LocalMesh;
use crate::support::{page, shell, until};
use serde_json::Value;

const PAGE: &str = "docs/operations.md";
const PRODUCT: &str = "customer_experience/customer_profile";

/// The commands of the page but for the run-book's, which `lost_quorum.rs` follows, in order.
fn steps() -> Vec<(String, String)> {
    let blocks = page::blocks(&page::read(PAGE)).into_iter().filter(|block| block.language == "console");
    blocks.filter_map(|block| Some((block.attribute("step")?.to_owned(), block.text))).collect()
}

/// What `mesh doctor` says as JSON, with its exit code.
fn doctor(mesh: &LocalMesh, arguments: &str) -> (Option<i32>, Value) {
    let output = mesh.run(&format!("mesh doctor {arguments} -o json"));
    let said = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", shell::describe(&output)));
    (output.status.code(), said)
}

fn broken(said: &Value) -> &Value {
    said["steps"].as_array().unwrap().iter().find(|step| step["verdict"] == "broken").unwrap_or(&Value::Null)
}

/// Other nodes are a moment behind whoever published.
fn soon_everywhere(mesh: &LocalMesh, way: &str) {
    until("it shows everywhere", || {
        let (exit, said) = doctor(mesh, &format!("{PRODUCT} {way}"));
        if exit == Some(0) { Ok(()) } else { Err(said.to_string()) }
    });
}

#[test]
fn every_command_of_the_page_works() {
    let mesh = LocalMesh::with_sample();
    // Until copies and checkpoints are there, there is something to say.
    until("all is well", || {
        let (exit, said) = doctor(&mesh, "");
        if exit == Some(0) { Ok(()) } else { Err(said.to_string()) }
    });
    let mut said = std::collections::BTreeMap::new();
    for (step, text) in steps() {
        if step == "path" {
            soon_everywhere(&mesh, "--from 1 --to 3");
        }
        said.insert(step, mesh.ok(&text));
    }
    assert!(said["status"].contains("leader") && said["wide"].contains("within 1 s"), "{said:?}");
    assert!(said["path"].ends_with("(node-3)\n"), "{}", said["path"]);
    assert!(said["backup"].contains("without private keys"), "{}", said["backup"]);
    assert_eq!(page::broken_links(PAGE), Vec::<String>::new());
    let narrow = mesh.ok("COLUMNS=60 mesh status");
    assert!(narrow.lines().all(|line| line.chars().count() <= 60), "{narrow}");
    let manifest = mesh.folder().join("kept/node-2/MANIFEST.json");
    let manifest: Value = serde_json::from_slice(&std::fs::read(manifest).unwrap()).unwrap();
    assert_eq!(manifest["node_id"], 2);
}

#[test]
fn doctor_names_the_step_that_is_broken() {
    let mesh = LocalMesh::with_sample();
    mesh.ok("mesh apply examples/customer_profile.hcl --yes");
    soon_everywhere(&mesh, "--from 1 --to 2");
    let (exit, said) = doctor(&mesh, &format!("{PRODUCT} --from 1 --to 2"));
    assert_eq!((exit, &said["broken"]), (Some(0), &Value::Null), "{said}");
    // Nobody is there.
    let (exit, said) = doctor(&mesh, &format!("{PRODUCT} --from 1 --to 127.0.0.1:1"));
    assert_eq!((exit, said["broken"].as_str()), (Some(6), Some("reach the second node")), "{said}");
    // It was never published.
    let (exit, said) = doctor(&mesh, "customer_experience/nothing --from 1 --to 2");
    assert_eq!((exit, said["broken"].as_str()), (Some(6), Some("known to the first node")), "{said}");
    assert!(broken(&said)["next_step"].as_str().unwrap().contains("mesh apply"));
    let refused = mesh.run("mesh doctor 99");
    assert_eq!(refused.status.code(), Some(4), "{}", shell::describe(&refused));
    let refused = mesh.run("mesh doctor --from 1");
    assert_eq!(refused.status.code(), Some(2), "{}", shell::describe(&refused));
}

#[test]
fn doctor_tells_a_node_that_is_cut_off_from_a_lost_quorum_and_an_erased_attachment() {
    let mut mesh = LocalMesh::with_sample_on_its_own_ports();
    mesh.ok("mesh apply examples/customer_profile.hcl --yes\nmesh apply examples/customer_360.hcl --yes");
    let shown = mesh.json("mesh show customer_experience/customer_360");
    let people = shown["owner"]["people"].as_str().unwrap();
    let key = ".mesh/keys/customer_experience-root.pem";
    mesh.ok(&format!("mesh erase {people} --domain customer_experience --reason asked --root-key {key} --yes"));
    // Search takes a moment; the step before would be the broken one until then.
    let said = until("the erased attachment is named", || {
        let (exit, said) = doctor(&mesh, "customer_experience/customer_360 --from 1 --to 1");
        if (exit, said["broken"].as_str()) == (Some(6), Some("attachments there")) {
            Ok(said)
        } else {
            Err(said.to_string())
        }
    });
    assert!(broken(&said)["evidence"].as_str().unwrap().contains("erased"), "{said}");
    let home = mesh.json("mesh domain show customer_experience")["home_node_id"].as_u64().unwrap();
    let home = u32::try_from(home).unwrap();
    let others: Vec<u32> = (1..=3).filter(|node| *node != home).collect();
    mesh.kill();
    let (_home, other) = (mesh.meshd(home), mesh.meshd(others[0]));
    until("two of three order", || {
        let output = mesh.run(&format!("mesh doctor {home} -o json"));
        let text = String::from_utf8(output.stdout).unwrap();
        let said: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
        let checks = said["nodes"][0]["checks"].as_array().unwrap().iter();
        let orders = checks.clone().any(|check| check["check"] == "order" && check["verdict"] == "ok");
        if orders { Ok(()) } else { Err(text) }
    });
    let (exit, said) = doctor(&mesh, &format!("{PRODUCT} --from {home} --to {}", others[1]));
    assert_eq!((exit, said["broken"].as_str()), (Some(6), Some("reach the second node")), "{said}");
    soon_everywhere(&mesh, &format!("--from {home} --to {}", others[0]));
    // One of three is left: what its domain publishes is local.
    drop(other);
    let source = std::fs::read_to_string(page::repository().join("examples/customer_profile.hcl")).unwrap();
    std::fs::write(mesh.folder().join("late.hcl"), source.replace("customer_profile", "late_profile")).unwrap();
    mesh.run("mesh apply late.hcl --wait local --yes");
    let (exit, said) = doctor(&mesh, &format!("customer_experience/late_profile --from {home} --to {home}"));
    assert_eq!((exit, said["broken"].as_str()), (Some(6), Some("sealed in the ledger")), "{said}");
    assert!(broken(&said)["evidence"].as_str().unwrap().contains("outbox"), "{said}");
    let output = mesh.run("mesh status");
    assert!(String::from_utf8_lossy(&output.stdout).contains("does not answer"), "{}", shell::describe(&output));
}

/// What the commands say that prepare a recovery.
#[test]
fn recovery_commands_refuse_what_would_lose_something() {
    let mesh = LocalMesh::empty();
    mesh.json_soon("mesh ledger checkpoint");
    mesh.ok("mesh ledger checkpoint > base.note");
    let keys = "--council-key .mesh/keys/council-1.pem --council-key .mesh/keys/council-2.pem";
    let refused = |line: &str, exit: i32, says: &str| {
        let output = mesh.run(line);
        let told = shell::describe(&output);
        assert_eq!(output.status.code(), Some(exit), "{told}");
        assert!(told.contains(says), "expected '{says}': {told}");
    };
    let recover = "mesh node recover-voters 1 --checkpoint base.note --reason lost";
    refused(&format!("{recover} {keys}"), 2, "there is no quorum to submit to");
    refused(
        &format!("mesh node recover-voters 1 2 --checkpoint base.note --reason lost {keys} --out two.meshcmd"),
        3,
        "",
    );
    refused(
        &format!("mesh node recover-voters 9 --checkpoint base.note --reason lost {keys} --out no.meshcmd"),
        4,
        "no node 9",
    );
    std::fs::write(mesh.folder().join("other.note"), "no note").unwrap();
    refused(
        &format!("mesh node recover-voters 1 --checkpoint other.note --reason lost {keys} --out no.meshcmd"),
        8,
        "other.note",
    );
    mesh.ok(&format!("{recover} {keys} --out recovery.meshcmd"));
    refused(
        "mesh node refound base.note --checkpoint base.note --config .mesh/node-1/node.toml",
        3,
        "not a .meshcmd file",
    );
    refused(
        "mesh node refound recovery.meshcmd --checkpoint base.note --config .mesh/node-1/node.toml",
        2,
        "another process",
    );
}
