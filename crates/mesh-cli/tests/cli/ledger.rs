//! `docs/ledger.md`: every command of it as written, in order, on one mesh; two programs that share no code with us; a fork.

use std::path::PathBuf;
use std::process::Command;

use crate::support::local_mesh::LocalMesh;
use crate::support::{http, page, shell};
use mesh_event::checkpoint::{LedgerCheckpoint, ledger_checkpoint, vouch};
use mesh_event::{Keypair, voters::ledger_origin};
use mesh_model::MeshId;
use mesh_tlog::{Note, leaf_hash};
use serde_json::Value;

const PAGE: &str = "docs/ledger.md";

/// Whether a block can be run here: with what, or why not.
fn skipped(needs: Option<&str>) -> Option<String> {
    let probe = |program: &str, arguments: &[&str]| {
        let found = Command::new(program).args(arguments).output();
        (!found.as_ref().is_ok_and(|found| found.status.success()))
            .then(|| format!("{program} {arguments:?}: {found:?}"))
    };
    match needs {
        None => None,
        Some("python") => probe("python3", &["-c", "import cryptography"]),
        Some("go") => probe("go", &["version"]).or_else(|| {
            let package = PathBuf::from("/usr/share/gocode/src/golang.org/x/mod/sumdb/tlog");
            (!package.is_dir()).then(|| format!("{} is not there", package.display()))
        }),
        Some(other) => panic!("{PAGE}: needs={other}"),
    }
}

/// The folders of what the page's foreign programs need, as this test found them.
fn path() -> Vec<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect()
}

#[test]
fn the_page_is_run_as_written_and_other_peoples_tools_agree() {
    let mesh = LocalMesh::with_sample();
    let urls = mesh.urls();
    let page = page::read(PAGE);
    let mut foreign = 0;
    for block in page::blocks(&page).into_iter().filter(|block| block.language == "console") {
        if block.attribute("run") == Some("never") {
            continue;
        }
        if let Some(why) = skipped(block.attribute("needs")) {
            eprintln!("skipped: {PAGE}:{}: {why}", block.line);
            continue;
        }
        for line in block.text.lines().filter(|line| *line != "mesh up --sample") {
            // The ports that this mesh got, and the repository where the page starts in it.
            let line = line.replace("http://127.0.0.1:7080", &urls[0]).replace("http://127.0.0.1:7081", &urls[1]);
            let output = if block.attribute("needs").is_none() {
                mesh.run(&line)
            } else {
                foreign += 1;
                let path = std::env::join_paths(path()).unwrap();
                let cache = page::repository().join("target/go-cache").to_string_lossy().into_owned();
                shell::run(mesh.folder(), &path, &[("GOCACHE", &cache)], &line)
            };
            assert!(output.status.success(), "{PAGE}:{}: {line}\n{}", block.line, shell::describe(&output));
            if block.attribute("needs").is_some() {
                let said = String::from_utf8(output.stdout).unwrap();
                for claim in ["checkpoint: ", "tree: ", "inclusion: entry 3 is in the tree", "consistency: "] {
                    assert!(said.contains(claim), "{line}\n{said}");
                }
            }
        }
    }
    eprintln!("{foreign} foreign programs verified the ledger");

    // What was remembered is demanded: a checkpoint of another history is not gone on from.
    let json = mesh.json("mesh ledger checkpoint");
    assert!(json["seen_before"].is_u64() && json["cosigned_by"].as_array().unwrap().len() >= 2, "{json}");
    let mesh_id = mesh_id(&mesh);
    let kept = mesh.folder().join(format!(".config/mesh/checkpoints/{mesh_id}.note"));
    std::fs::write(&kept, signed(&mesh, &mesh_id, 2, &[1, 2])).unwrap();
    let output = mesh.run("mesh ledger checkpoint");
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(8), "{error}");
    assert!(error.contains("does not go on from that of 2") && error.contains("mesh ledger compare"), "{error}");
}

fn mesh_id(mesh: &LocalMesh) -> MeshId {
    let status = mesh.json("mesh status");
    status["nodes"][0]["status"]["mesh_id"].as_str().unwrap().parse().unwrap()
}

/// A checkpoint of a history that never was, signed with these voters' keys.
fn signed(mesh: &LocalMesh, mesh_id: &MeshId, size: u64, by: &[u64]) -> Vec<u8> {
    let checkpoint = ledger_checkpoint(mesh_id, size, leaf_hash(b"another history"), None).unwrap();
    let lines = by.iter().flat_map(|id| {
        let key = |kind: &str| {
            let path = mesh.folder().join(format!(".mesh/keys/node-{id}/{kind}.pem"));
            Keypair::from_pem(&std::fs::read_to_string(path).unwrap()).unwrap()
        };
        vouch(mesh_id, *id, &checkpoint, 1_700_000_000, &key("log"), &key("cosigner")).unwrap()
    });
    Note::new(checkpoint.to_string(), lines.collect()).unwrap().to_string().into_bytes()
}

#[test]
fn stolen_voter_keys_are_shown_and_a_fork_waits_for_the_council() {
    let mesh = LocalMesh::with_sample();
    let (mesh_id, urls) = (mesh_id(&mesh), mesh.urls());
    let exits = |line: &str, code: i32| {
        let output = mesh.run(line);
        assert_eq!(output.status.code(), Some(code), "{line}\n{}", shell::describe(&output));
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (text(output.stdout), text(output.stderr))
    };
    // One stolen key: shown, and nothing stops.
    std::fs::write(mesh.folder().join("lone.note"), signed(&mesh, &mesh_id, 2, &[3])).unwrap();
    let (said, _) = exits("mesh ledger compare lone.note", 8);
    assert!(said.starts_with("false-head") && said.contains("voter 3"), "{said}");
    exits("mesh apply examples/customer_profile.hcl --wait receipt", 0);

    // The keys of a majority: nothing but the council's word is taken.
    std::fs::write(mesh.folder().join("false.note"), signed(&mesh, &mesh_id, 2, &[1, 2])).unwrap();
    let on_second = format!("--node {}", urls[1]);
    let (said, error) = exits(&format!("mesh ledger compare false.note {on_second}"), 8);
    assert!(said.starts_with("fork") && error.contains("two histories"), "{said}{error}");
    let proof = "false.fork-proof";
    let (said, _) = exits(&format!("mesh ledger verify {proof}"), 0);
    assert!(said.contains("a majority of voters signed two histories"), "{said}");
    exits(&format!("mesh-verify fork {proof}"), 0);
    let text = std::fs::read_to_string(mesh.folder().join(proof)).unwrap();
    let at = text.find("\nroot ").unwrap() + "\nroot ".len();
    let other = if text.as_bytes()[at] == b'A' { "B" } else { "A" };
    std::fs::write(mesh.folder().join("altered"), [&text[..at], other, &text[at + 1..]].concat()).unwrap();
    exits("mesh ledger verify altered", 8);

    crate::support::until("the fork is known to all nodes", || {
        let status = mesh.json("mesh status");
        let alarmed = |node: &Value| node["status"]["alarms"].to_string().contains("two histories");
        let all = status["nodes"].as_array().unwrap().iter().all(alarmed);
        if all { Ok(()) } else { Err(status.to_string()) }
    });
    let (_, error) =
        exits("mesh standard propose config/standards/pii-handling.yaml --council-key .mesh/keys/council-1.pem", 6);
    assert!(error.contains("nothing happened") && error.contains("MESH-0116"), "{error}");
    exits("mesh show customer_experience/customer_profile", 0);

    let keys = "--council-key .mesh/keys/council-1.pem --council-key .mesh/keys/council-2.pem";
    let resolve = format!("mesh ledger resolve-fork {proof} --reason 'two stolen keys' {keys}");
    let (_, error) = exits(&resolve, 2);
    assert!(error.contains("--yes"), "{error}");
    exits("mesh ledger resolve-fork altered --reason x --yes", 8);
    exits(&format!("{resolve} --yes"), 0);
    crate::support::until("the fork is resolved on all nodes", || {
        let status = mesh.json("mesh status");
        let calm = |node: &Value| !node["status"]["alarms"].to_string().contains("two histories");
        let all = status["nodes"].as_array().unwrap().iter().all(calm);
        if all { Ok(()) } else { Err(status.to_string()) }
    });
    exits("mesh apply examples/customer_360.hcl --wait receipt", 0);
    let (said, _) = exits("mesh ledger compare false.note", 8);
    assert!(said.contains("council decided"), "{said}");
}

#[test]
fn tiles_are_served_as_far_as_the_ledger_goes_and_nothing_else_is() {
    let mesh = LocalMesh::with_sample();
    let size = mesh.json("mesh ledger checkpoint")["size"].as_u64().unwrap();
    let get = |path: &str| http::get(&format!("{}/ledger/{path}", mesh.urls()[2])).unwrap();
    for width in 1..=size {
        let (status, hashes) = get(&format!("tile/0/000.p/{width}"));
        assert_eq!((status, hashes.len() as u64), (200, 32 * width));
        let (status, bundle) = get(&format!("tile/entries/000.p/{width}"));
        let leaves = mesh_tlog::decode_bundle(&bundle, u16::try_from(width).unwrap()).unwrap();
        assert_eq!((status, leaf_hash(leaves[0]).as_bytes().as_slice()), (200, &hashes[..32]));
    }
    let beyond = ["tile/0/000", "tile/0/001", "tile/1/000", "tile/0/x001/000.p/3", "tile/entries/000"];
    for path in beyond {
        let (status, body) = get(path);
        assert_eq!(status, 404, "{path}: {}", String::from_utf8_lossy(&body));
    }
    let odd =
        ["tile/0/0", "tile/0/000.p/0", "tile/0/000.p/256", "tile/x/000", "tile/64/000", "tile/0/../000", "tile/0/%30"];
    for path in odd {
        let (status, body) = get(path);
        let error: Value = serde_json::from_slice(&body).unwrap();
        assert!(status == 400 || status == 404, "{path}: {status}");
        assert!(error["error"]["code"].as_str().unwrap().starts_with("MESH-"), "{path}: {error}");
    }
}

#[test]
fn what_is_no_checkpoint_receipt_or_index_is_refused_with_its_code() {
    let mesh = LocalMesh::empty();
    let exits = |line: &str, code: i32, why: &str| {
        let output = mesh.run(line);
        let error = String::from_utf8(output.stderr.clone()).unwrap();
        assert_eq!(output.status.code(), Some(code), "{line}\n{}", shell::describe(&output));
        assert!(error.contains(why), "{line}\n{error}");
    };
    exits("mesh ledger receipt 1000", 4, "there is no leaf 1000");
    exits("mesh ledger receipt nobody/nothing", 4, "MESH-");
    exits("mesh ledger compare nothing.note", 4, "nothing.note");
    std::fs::write(mesh.folder().join("odd.note"), "nonsense").unwrap();
    exits("mesh ledger compare odd.note", 3, "the checkpoint");
    let foreign = MeshId([9; 32]);
    let other = ledger_checkpoint(&foreign, 1, leaf_hash(b"x"), None).unwrap();
    let keys = [1, 2].map(|n| Keypair::from_seed(&zeroize::Zeroizing::new([n; 32])));
    let lines = vouch(&foreign, 1, &other, 1, &keys[0], &keys[1]).unwrap();
    let note = Note::new(other.to_string(), lines.to_vec()).unwrap().to_string();
    assert!(LedgerCheckpoint::parse(note.as_bytes(), &foreign).is_ok() && note.starts_with(&ledger_origin(&foreign)));
    std::fs::write(mesh.folder().join("foreign.note"), note).unwrap();
    exits("mesh ledger compare foreign.note", 8, "expected");
    std::fs::write(mesh.folder().join("receipt.txt"), "datamesh-receipt 1\nmesh nothing\n").unwrap();
    exits("mesh ledger verify receipt.txt", 8, "line 2");
    exits("mesh-verify receipt receipt.txt", 8, "line 2");
    exits("mesh-verify fork receipt.txt", 8, "line 1");
}
