//! Claims about attachments that are erased.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::support::{Mesh, descriptor, domain_of, keypair, strangers};
use mesh_client::WaitLevel;
use mesh_client::publish::Attached;
use mesh_event::attachment::PrivateAttachment;
use mesh_event::federation::Erase;
use mesh_event::{Body, FeedId};
use mesh_model::{Attachment, AttachmentPurpose, Code, Descriptor, Digest, LedgerIndex};
use mesh_node::replicas::{files, heads};
use mesh_proto::status::MeshError;
use mesh_proto::v1::FeedAttachmentRequest;
use mesh_proto::v1::feed_service_client::FeedServiceClient;

const NAME: &[u8] = b"Jane Smith of Zeppelin Lane";
const LATER: &[u8] = b"Omar Dupont of Airship Street";
const TEXT: &[u8] = b"a public file that has to go too";

fn named(descriptor: &mut Descriptor, digest: Digest, size: usize, private: bool) {
    descriptor.attachments.push(Attachment {
        digest,
        name: if private { "people.json".into() } else { "notes.txt".into() },
        media_type: "text/plain".into(),
        size: size as u64,
        purpose: if private { AttachmentPurpose::People } else { AttachmentPurpose::Original },
        private,
    });
}

/// Every file below a folder that holds these bytes.
fn holding(folder: &Path, needle: &[u8]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(holding(&path, needle));
        } else if std::fs::read(&path).is_ok_and(|bytes| bytes.windows(needle.len()).any(|part| part == needle)) {
            found.push(path);
        }
    }
    found
}

/// Awaits that so many files hold these bytes.
async fn held(mesh: &Mesh, needle: &[u8], count: usize) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    loop {
        let found = holding(mesh.folder.path(), needle);
        if found.len() == count {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "expected {count}: {found:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn gone(mesh: &Mesh, needle: &[u8]) {
    held(mesh, needle, 0).await;
}

async fn erase(mesh: &Mesh, domain: u64, digest: Digest, signer: &str) -> Result<LedgerIndex, Code> {
    let body = Body::Erase(Erase { domain: domain_of(domain), digest, reason: "asked for it".into() });
    let envelope = mesh.builder().sign(body, &[&keypair(signer)]).unwrap();
    match mesh.client(2).submit(&envelope).await {
        Ok(acknowledgement) => Ok(acknowledgement.ledger_index.unwrap()),
        Err(error) => Err(error.code),
    }
}

async fn mesh() -> Mesh {
    let mesh = Mesh::start_with(|config| config.feeds.pull_ms = 50).await;
    mesh.admit_domains().await;
    mesh
}

/// A product with both attachments.
fn product(people: &PrivateAttachment) -> Descriptor {
    let mut product = descriptor(1, "orders");
    product.owner.people = Some(people.digest());
    named(&mut product, people.digest(), people.body.len(), true);
    named(&mut product, Digest::of(TEXT), TEXT.len(), false);
    product
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_erased_leaves_every_node_and_is_served_and_taken_no_more() {
    let mut mesh = mesh().await;
    let people = PrivateAttachment { salt: [9; 16], body: NAME.to_vec() };
    let text = Digest::of(TEXT);
    let mut product = product(&people);
    let mut outgoing = mesh.publish_command(product.clone(), None);
    outgoing.attachments = vec![Attached::private(&people), Attached::public(TEXT.to_vec())];
    let sealed = mesh.client(1).publish(&outgoing, WaitLevel::Sealed).await.unwrap();
    for node in 1..=3 {
        assert!(mesh.node(node).core().wait_indexed(sealed.ledger_index.unwrap(), Duration::from_secs(10)).await);
        // Each keeps a copy of the public file.
        assert_eq!(mesh.client(node).attachment(text).await.unwrap(), TEXT);
    }
    // So does each of the private one: the two others keep the domain's feed.
    held(&mesh, TEXT, 3).await;
    held(&mesh, NAME, 3).await;

    // Another domain's root erases for its own domain only, where the attachment is nobody's.
    assert_eq!(erase(&mesh, 1, people.digest(), "root-2").await, Err(Code::UnknownKey));
    assert_eq!(erase(&mesh, 1, people.digest(), "engineer").await, Err(Code::WrongRole));
    let foreign = erase(&mesh, 2, people.digest(), "root-2").await.unwrap();
    for node in 1..=3 {
        assert!(mesh.node(node).core().wait_indexed(foreign, Duration::from_secs(10)).await);
    }
    assert_eq!(holding(mesh.folder.path(), NAME).len(), 3, "it is domain 1's");
    assert_eq!(mesh.client(3).private_attachment(people.digest(), &keypair("engineer")).await.unwrap(), people);

    erase(&mesh, 1, people.digest(), "root-1").await.unwrap();
    let last = erase(&mesh, 1, text, "owner").await.unwrap();
    gone(&mesh, NAME).await;
    gone(&mesh, TEXT).await;
    for node in 1..=3 {
        let client = mesh.client(node);
        assert!(mesh.node(node).core().wait_indexed(last, Duration::from_secs(10)).await);
        assert_eq!(client.attachment(text).await.unwrap_err().code, Code::Erased, "node {node}");
        let error = client.private_attachment(people.digest(), &keypair("engineer")).await.unwrap_err();
        assert_eq!(error.code, Code::Erased, "node {node}");
        assert!(error.message.contains("was erased at index"), "{error}");
        // The product itself is what it was.
        let view = client.product("domain_1/orders", mesh_client::Read::default()).await.unwrap();
        assert_eq!(view.descriptor.owner.people, Some(people.digest()));
    }

    // Nobody brings it back under another version; nothing of what was sent is kept.
    let digest = mesh_event::descriptor_digest(&product);
    product.version = mesh_model::Version::new(1, 0, 1);
    let mut again = mesh.publish_command(product, Some(digest));
    again.attachments = vec![Attached::private(&people), Attached::public(TEXT.to_vec())];
    assert_eq!(mesh.client(1).publish(&again, WaitLevel::Sealed).await.unwrap_err().code, Code::Erased);
    gone(&mesh, NAME).await;

    // A folder that was set back has it again; the node clears it away when it starts.
    mesh.stop_node(1).await;
    let hex = people.digest().to_string();
    let file = mesh.folder.path().join("node-1/data");
    let place = private_folder(&file).join(&hex[..2]);
    std::fs::create_dir_all(&place).unwrap();
    std::fs::write(place.join(&hex[2..]), [&[9; 16], NAME].concat()).unwrap();
    assert_eq!(holding(mesh.folder.path(), NAME).len(), 1);
    mesh.start_node(1).await;
    gone(&mesh, NAME).await;
    mesh.stop().await;
}

/// Where a node keeps private attachments: the folder called so below its data.
fn private_folder(data: &Path) -> PathBuf {
    let found = std::fs::read_dir(data).unwrap().flatten().map(|entry| entry.path());
    let found: Vec<PathBuf> = found.filter(|path| path.is_dir()).collect();
    let is_private = |path: &&PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().contains("private"));
    found.iter().find(is_private).cloned().unwrap_or_else(|| panic!("{found:?}"))
}

/// What a node says when another one asks it for an attachment.
async fn asked(mesh: &Mesh, node: u64, domain: u64, digest: Digest) -> Code {
    let channels = strangers::channels(&mesh.genesis, &keypair("node-3"), 3);
    let address = mesh.node(node).peer_address().to_string();
    let mut peer = FeedServiceClient::new(channels.channel_at(node, &address).unwrap());
    let request = FeedAttachmentRequest {
        mesh_id: mesh.genesis.mesh_id.0.to_vec(),
        from_node_id: 3,
        domain: domain_of(domain).to_string(),
        digest: digest.0.to_vec(),
        read_request: Vec::new(),
    };
    match peer.feed_attachment(request).await {
        Ok(_) => Code::Accepted,
        Err(status) => MeshError::from(status).code,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_away_loses_its_copy_and_fetches_none() {
    let mut mesh = mesh().await;
    let people = PrivateAttachment { salt: [9; 16], body: NAME.to_vec() };
    let text = Digest::of(TEXT);
    let mut outgoing = mesh.publish_command(product(&people), None);
    outgoing.attachments = vec![Attached::private(&people), Attached::public(TEXT.to_vec())];
    mesh.client(1).publish(&outgoing, WaitLevel::Sealed).await.unwrap();
    held(&mesh, TEXT, 3).await;
    held(&mesh, NAME, 3).await;
    assert_eq!(asked(&mesh, 2, 1, text).await, Code::Accepted);

    // One is away with its copies; of what comes meanwhile it never had any.
    mesh.stop_node(3).await;
    let later = PrivateAttachment { salt: [8; 16], body: LATER.to_vec() };
    let mut product = descriptor(1, "returns");
    named(&mut product, later.digest(), later.body.len(), true);
    let mut outgoing = mesh.publish_command(product, None);
    outgoing.attachments = vec![Attached::private(&later)];
    mesh.client(1).publish(&outgoing, WaitLevel::Sealed).await.unwrap();
    held(&mesh, LATER, 2).await;
    for digest in [people.digest(), text, later.digest()] {
        erase(&mesh, 1, digest, "root-1").await.unwrap();
    }
    held(&mesh, NAME, 1).await;
    held(&mesh, TEXT, 1).await;
    gone(&mesh, LATER).await;
    for node in [1, 2] {
        assert_eq!(asked(&mesh, node, 1, text).await, Code::Erased, "node {node}");
        assert_eq!(asked(&mesh, node, 2, text).await, Code::Erased, "node {node}, in another domain's name");
    }

    mesh.start_node(3).await;
    let feed = FeedId { domain: domain_of(1), epoch: 1 };
    let core = mesh.node(3).core();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    // It copies the events, and what they name is wanted no more.
    while heads::of_feed(core, &feed).unwrap().is_none_or(|head| head.goal.size < 2) || files::missing(core, 10) > 0 {
        assert!(tokio::time::Instant::now() < deadline, "{} files are wanted", files::missing(core, 10));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for needle in [NAME, TEXT, LATER] {
        gone(&mesh, needle).await;
    }
    mesh.stop().await;
}
