//! Attachments that are erased.

use mesh_event::Body;
use mesh_event::federation::Erase;
use mesh_model::{Attachment, AttachmentPurpose, Code, Digest};

use super::sales;
use crate::testing::{TestMesh, descriptor};
use crate::tests::{accepted, refused, refused_in_feed};
use crate::{Applied, Effect, read};

const GONE: Digest = Digest([9; 32]);

fn erase(mesh: &mut TestMesh, domain: &str, signers: &[&str]) -> Applied {
    let body = Erase { domain: domain.parse().unwrap(), digest: GONE, reason: "asked to be forgotten".into() };
    mesh.say_directly(Body::Erase(body), signers)
}

#[test]
fn whoever_may_erases_an_attachment_once() {
    for signers in [&["sales/root"][..], &["sales/owner"], &["sales/steward"], &["council-0", "council-1"]] {
        let mut mesh = TestMesh::with_domains(&["sales", "finance"]);
        let applied = erase(&mut mesh, "sales", signers);
        accepted(&applied);
        assert!(applied.effects.contains(&Effect::Erased { domain: sales(), digest: GONE }));
        let known = read::erasure(&mesh.state, &sales(), &GONE).unwrap().unwrap();
        assert_eq!((known.index, known.reason.as_str()), (applied.leaf.index, "asked to be forgotten"));
        assert!(!read::is_erased(&mesh.state, &"finance".parse().unwrap(), &GONE).unwrap(), "each domain's own");
        assert_eq!(read::erasures(&mesh.state, None, None, 9).unwrap(), [known]);
        refused(&erase(&mut mesh, "sales", signers), Code::AlreadySo, "was erased at index");
    }
}

#[test]
fn nobody_else_does() {
    let mut mesh = TestMesh::with_domains(&["sales", "finance"]);
    refused(&erase(&mut mesh, "sales", &["sales/engineer"]), Code::WrongRole, "does not allow erase");
    refused(&erase(&mut mesh, "sales", &["finance/root"]), Code::UnknownKey, "no role in domain sales");
    refused(&erase(&mut mesh, "sales", &["finance/owner"]), Code::WrongDomain, "in domain finance");
    refused(&erase(&mut mesh, "sales", &["council-0"]), Code::UnknownKey, "no role");
    refused(&erase(&mut mesh, "nowhere", &["sales/root"]), Code::UnknownDomain, "no domain nowhere");
}

#[test]
fn what_was_erased_is_not_published_again() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    accepted(&erase(&mut mesh, "sales", &["sales/root"]));
    let mut said = descriptor("sales/orders", "1.0.0", &["id"]);
    said.attachments = vec![Attachment {
        name: "people.json".into(),
        media_type: "application/json".into(),
        size: 10,
        digest: GONE,
        purpose: AttachmentPurpose::People,
        private: true,
    }];
    refused_in_feed(&mesh.publish(said), Code::Erased, "people.json");
    accepted(&mesh.publish(descriptor("sales/orders", "1.0.0", &["id"])));
}
