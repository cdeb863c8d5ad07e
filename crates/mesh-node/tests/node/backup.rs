//! Claims about backups of running nodes, and about nodes on what was restored.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::support::{Mesh, descriptor};
use mesh_client::WaitLevel;
use mesh_client::publish::Attached;
use mesh_event::attachment::PrivateAttachment;
use mesh_model::{Attachment, AttachmentPurpose, Code};
use mesh_node::Config;
use mesh_node::backup::control::{self, Answer, ControlError, Request};
use mesh_node::backup::{BackupError, Manifest, restore, take};
use mesh_raft::RaftRole;

/// Long enough for a busy machine; nothing waits that long.
const DEADLINE: Duration = Duration::from_secs(30);

fn quick(config: &mut Config) {
    config.checkpoint.cosign_ms = 20;
    config.checkpoint.refresh_ms = 1_000;
    config.feeds.pull_ms = 100;
}

async fn backup(mesh: &Mesh, node: u64, to: &Path, with_keys: bool) -> Manifest {
    let request = Request::Backup { to: to.into(), with_keys };
    match control::ask(&mesh.config(node).node.data_dir, &request).await.unwrap() {
        Answer::Done(manifest) => *manifest,
        Answer::Refused { message, .. } => panic!("{message}"),
    }
}

/// A product with a public and a private attachment.
async fn publish_with_attachments(mesh: &Mesh, node: u64) -> (u64, mesh_model::Digest) {
    let people = PrivateAttachment { salt: [9; 16], body: br#"[{"name":"Jane Smith"}]"#.to_vec() };
    let mut product = descriptor(node, "people");
    product.owner.people = Some(people.digest());
    product.attachments.push(Attachment {
        digest: people.digest(),
        name: "people.json".into(),
        media_type: "application/json".into(),
        size: people.body.len() as u64,
        purpose: AttachmentPurpose::People,
        private: true,
    });
    let digest = people.digest();
    let mut outgoing = mesh.publish_command(product, None);
    outgoing.attachments = vec![Attached::private(&people)];
    let done = mesh.client(node).publish(&outgoing, WaitLevel::Sealed).await.unwrap();
    (done.ledger_index.unwrap(), digest)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voter_restored_from_a_backup_reads_on_and_neither_votes_cosigns_nor_writes() {
    let mut mesh = Mesh::start_with(quick).await;
    mesh.admit_domains().await;
    let (sealed, private) = publish_with_attachments(&mesh, 1).await;
    let folder = mesh.folder.path().join("backup");
    let manifest = backup(&mesh, 1, &folder, false).await;
    assert!(manifest.ledger.size > sealed && !manifest.has_keys);
    assert!(manifest.leaves_checked > manifest.ledger.size, "feeds are read too");
    assert!(!folder.join("keys").exists() && !folder.with_file_name("backup.part").exists());
    // What comes after the backup, the restored node does not know of itself.
    let later = mesh.publish(1, descriptor(1, "later")).await;
    mesh.stop_node(1).await;
    let config = mesh.config(1);
    std::fs::remove_dir_all(&config.node.data_dir).unwrap();
    let path = mesh.folder.path().join("node-1/node.toml");
    let done = restore::restore(&folder, &path).unwrap();
    assert!(!done.wrote_config && !done.wrote_keys && done.has_keys);
    mesh.start_node(1).await;
    let core = Arc::clone(mesh.node(1).core());
    assert_eq!(core.raft.status().role, RaftRole::Reader);
    // It reads: its own ledger, then what its peers have.
    assert!(core.wait_applied(later, DEADLINE).await, "a restored node tails the ledger");
    assert!(core.wait_indexed(later, DEADLINE).await);
    assert!(mesh.client(1).product("domain_1/later", mesh_client::Read::default()).await.is_ok());
    assert!(core.store.private_attachments().contains(&private.0).unwrap());
    let status = mesh.client(1).status().await.unwrap();
    assert_eq!(status.raft.role, "reader");
    assert!(status.upkeep.reads_only.is_some_and(|why| why.contains("backup")));
    // It writes no feed.
    let outgoing = mesh.publish_command(descriptor(1, "refused"), None);
    let refused = mesh.client(1).publish(&outgoing, WaitLevel::Local).await.unwrap_err();
    assert_eq!(refused.code, Code::ReadOnly, "{refused}");
    // It cosigns nothing.
    let (note, _) = core.checkpoints.last().unwrap();
    let refused = core.cosign(note.note().text()).await.unwrap_err();
    assert_eq!(refused.code, Code::ReadOnly, "{refused}");
    // It makes no quorum: with one of the other two gone, nothing is sealed.
    mesh.stop_node(3).await;
    let outgoing = mesh.publish_command(descriptor(2, "alone"), None);
    let mut options = mesh_client::ClientOptions::new([format!("http://{}", mesh.records[1].api_address)]);
    options.timeout = Duration::from_secs(3);
    let alone = mesh_client::Client::connect(options).unwrap();
    let reached = alone.publish(&outgoing, WaitLevel::Sealed).await;
    assert!(reached.as_ref().is_err() || reached.is_ok_and(|done| done.ledger_index.is_none()));
    mesh.start_node(3).await;
    mesh.publish(2, descriptor(2, "with_two")).await;
    // After a restart it is the same.
    drop(core);
    mesh.stop_node(1).await;
    mesh.start_node(1).await;
    assert_eq!(mesh.node(1).core().raft.status().role, RaftRole::Reader);
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_load_holds_all_that_was_acknowledged_before_it() {
    let mesh = Mesh::start_with(quick).await;
    mesh.admit_domains().await;
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let load = async {
        let mut last = 0;
        for n in 0..10_000 {
            if stop.load(std::sync::atomic::Ordering::SeqCst) {
                break;
            }
            last = mesh.publish(1, descriptor(1, &format!("p{n}"))).await;
        }
        last
    };
    let copies = async {
        for n in 0..3 {
            let before = mesh.publish(1, descriptor(1, &format!("marker_{n}"))).await;
            let manifest = backup(&mesh, 1, &mesh.folder.path().join(format!("backup-{n}")), n == 2).await;
            assert!(manifest.ledger.size > before, "{} leaves lack {before}", manifest.ledger.size);
        }
        stop.store(true, std::sync::atomic::Ordering::SeqCst);
    };
    tokio::join!(load, copies);
    let keys = mesh.folder.path().join("backup-2/keys/node.pem");
    assert_eq!(std::fs::metadata(keys).unwrap().permissions().mode() & 0o777, 0o600);
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_altered_backup_and_a_taken_folder_are_refused_and_nothing_is_written() {
    let mut mesh = Mesh::start_with(quick).await;
    mesh.admit_domains().await;
    let folder = mesh.folder.path().join("backup");
    backup(&mesh, 2, &folder, false).await;
    let request = Request::Backup { to: folder.clone(), with_keys: false };
    let data = mesh.config(2).node.data_dir;
    let again = control::ask(&data, &request).await.unwrap();
    assert!(matches!(&again, Answer::Refused { code, .. } if *code == Code::Usage.number()), "{again:?}");
    let relative = Request::Backup { to: "somewhere".into(), with_keys: false };
    let refused = control::ask(&data, &relative).await.unwrap();
    assert!(matches!(&refused, Answer::Refused { code, .. } if *code == Code::BadArgument.number()), "{refused:?}");
    // The running node's folder is not restored over.
    let path = mesh.folder.path().join("node-2/node.toml");
    assert!(matches!(restore::restore(&folder, &path), Err(BackupError::Taken(_))));
    mesh.stop_node(2).await;
    let missing = control::ask(&data, &request).await;
    assert!(matches!(missing, Err(ControlError::NotRunning(_))));
    // Of the stopped node a copy can be taken too; and it claims no authority.
    let stopped = mesh.folder.path().join("of-stopped");
    let manifest = take::of_stopped(&mesh.config(2), &stopped, false, 1).unwrap();
    assert_eq!(restore::check(&stopped).unwrap(), manifest);
    std::fs::remove_dir_all(&data).unwrap();
    let database = stopped.join("data/kv/db");
    let mut bytes = std::fs::read(&database).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&database, &bytes).unwrap();
    let altered = restore::restore(&stopped, &path).unwrap_err();
    assert_eq!(altered.code(), Code::BadProof, "{altered}");
    bytes[100] ^= 1;
    std::fs::write(&database, &bytes).unwrap();
    std::fs::write(stopped.join("data/more"), b"x").unwrap();
    let more = restore::restore(&stopped, &path).unwrap_err();
    assert!(matches!(&more, BackupError::File { path, .. } if path == "data/more"), "{more}");
    std::fs::remove_file(stopped.join("data/more")).unwrap();
    std::fs::remove_file(stopped.join("data/HEAD")).unwrap();
    let less = restore::restore(&stopped, &path).unwrap_err();
    assert!(matches!(&less, BackupError::File { path, .. } if path == "data/HEAD"), "{less}");
    assert!(!data.exists() && !data.with_file_name("data.restoring").exists());
    mesh.stop().await;
}
