//! Claims about files that belong to versions.

use std::time::Duration;

use crate::support::{Mesh, descriptor, keypair};
use mesh_client::publish::Attached;
use mesh_client::{SearchQuery, WaitLevel};
use mesh_event::attachment::PrivateAttachment;
use mesh_model::{Attachment, AttachmentPurpose, Code, Descriptor, Digest, Overflow, OverflowPart};

fn named(descriptor: &mut Descriptor, digest: Digest, size: usize, purpose: AttachmentPurpose, private: bool) {
    descriptor.attachments.push(Attachment {
        digest,
        name: "file".into(),
        media_type: "application/json".into(),
        size: size as u64,
        purpose,
        private,
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn private_attachments_are_read_by_the_domains_own_keys_only_and_on_any_node() {
    let mesh = Mesh::start().await;
    mesh.admit_domains().await;
    let people = PrivateAttachment { salt: [9; 16], body: br#"[{"name":"Jane Smith"}]"#.to_vec() };
    let mut product = descriptor(1, "orders");
    product.owner.people = Some(people.digest());
    named(&mut product, people.digest(), people.body.len(), AttachmentPurpose::People, true);

    // Named and not sent: refused, and nothing happened.
    let mut outgoing = mesh.publish_command(product, None);
    let error = mesh.client(1).publish(&outgoing, WaitLevel::Sealed).await.unwrap_err();
    assert_eq!(error.code, Code::NotPublishedHere);
    // Other bytes than the digest says: refused.
    let forged = PrivateAttachment { salt: [9; 16], body: br#"[{"name":"Mallory S."}]"#.to_vec() };
    outgoing.attachments = vec![Attached::private(&forged)];
    let error = mesh.client(1).publish(&outgoing, WaitLevel::Sealed).await.unwrap_err();
    assert_eq!(error.code, Code::NotPublishedHere);

    // Published through another node than its home.
    outgoing.attachments = vec![Attached::private(&people)];
    let sealed = mesh.client(2).publish(&outgoing, WaitLevel::Sealed).await.unwrap();
    for node in 1..=3 {
        let client = mesh.client(node);
        assert!(mesh.node(node).core().wait_indexed(sealed.ledger_index.unwrap(), Duration::from_secs(10)).await);
        let read = client.private_attachment(people.digest(), &keypair("engineer")).await.unwrap();
        assert_eq!(read, people, "node {node}");
        let error = client.private_attachment(people.digest(), &keypair("stranger")).await.unwrap_err();
        assert_eq!(error.code, Code::ReadDenied, "node {node}");
        let error = client.attachment(people.digest()).await.unwrap_err();
        assert_eq!(error.code, Code::AttachmentMissing, "a private file is none that can be had without a signature");
    }
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn overflowed_text_is_found_on_every_node() {
    let mesh = Mesh::start().await;
    mesh.admit_domains().await;
    let body = br#"[{"path":"description","text":"about zeppelins"}]"#.to_vec();
    let digest = Digest::of(&body);
    let mut product = descriptor(2, "airships");
    product.description = String::new();
    product.overflow.push(Overflow { part: OverflowPart::Texts, digest, count: 1 });
    named(&mut product, digest, body.len(), AttachmentPurpose::Overflow, false);
    let mut outgoing = mesh.publish_command(product, None);
    outgoing.attachments = vec![Attached::public(body.clone())];
    let sealed = mesh.client(2).publish(&outgoing, WaitLevel::Sealed).await.unwrap();
    let query =
        SearchQuery { query: "zeppelins".into(), at_least_index: sealed.ledger_index, ..SearchQuery::default() };
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    for node in 1..=3 {
        let client = mesh.client(node);
        while client.search(&query).await.unwrap().hits.is_empty() {
            assert!(tokio::time::Instant::now() < deadline, "node {node} did not fetch the overflowed text");
            tokio::task::yield_now().await;
        }
        assert_eq!(client.attachment(digest).await.unwrap(), body);
    }
    mesh.stop().await;
}
