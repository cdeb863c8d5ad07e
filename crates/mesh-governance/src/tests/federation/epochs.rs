//! What a new epoch of a feed has to continue.

use mesh_event::Body;
use mesh_event::command::DelegateNode;
use mesh_model::{Code, Digest};

use super::{head, sales};
use crate::testing::{TestMesh, descriptor};
use crate::tests::{accepted, refused};
use crate::{Applied, read};

fn delegate(mesh: &mut TestMesh, epoch: u64, base_size: u64, base_root: Option<Digest>) -> Applied {
    let body = DelegateNode { domain: sales(), node_id: 2, epoch, base_size, base_root };
    mesh.say_directly(Body::DelegateNode(body), &["sales/root"])
}

#[test]
fn a_new_epoch_continues_what_the_ledger_has_sealed() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    for version in ["1.0.0", "1.0.1", "1.0.2"] {
        accepted(&mesh.publish(descriptor("sales/orders", version, &["id"])));
    }
    let known = head(&mesh, 1).unwrap();
    let other = Some(Digest([7; 32]));
    refused(&delegate(&mut mesh, 2, 0, None), Code::BadBase, "decided commands of the first 3");
    refused(&delegate(&mut mesh, 2, 2, other), Code::BadBase, "it continues 2 events");
    refused(&delegate(&mut mesh, 2, 3, other), Code::BadBase, "another history");
    refused(&delegate(&mut mesh, 2, 3, None), Code::Malformed, "base_root is not");
    let applied = delegate(&mut mesh, 2, 3, Some(known.root));
    accepted(&applied);

    let ended = read::ended_epoch(&mesh.state, &sales(), 1).unwrap().unwrap();
    assert_eq!((ended.cursor.last_outbox, ended.cursor.last_seq), (3, Some(2)));
    assert_eq!((ended.ended_at, ended.kept_size, ended.kept_root), (applied.leaf.index, 3, Some(known.root)));
    assert_eq!((ended.delegation.node_id, ended.delegation.epoch), (1, 1));
    mesh.open_feed(&sales());
    accepted(&mesh.publish(descriptor("sales/orders", "1.0.3", &["id"])));
    let cursor = read::feed_cursor(&mesh.state, &sales()).unwrap().unwrap();
    assert_eq!((cursor.epoch, cursor.last_outbox), (2, 1));
    // The number stays known for whoever has the old feed.
    assert!(read::outbox_outcome(&mesh.state, &sales(), 1, 3).unwrap().is_some());
    assert_eq!(read::ended_epochs(&mesh.state, &sales()).unwrap(), [ended]);
}

/// Events that replicas hold and the ledger does not: a planned move takes them along.
#[test]
fn a_base_may_lie_behind_the_last_head_in_the_ledger() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    accepted(&mesh.publish(descriptor("sales/orders", "1.0.0", &["id"])));
    accepted(&delegate(&mut mesh, 2, 40, Some(Digest([7; 32]))));
    let delegation = read::domain(&mesh.state, &sales()).unwrap().unwrap().delegation.unwrap();
    assert_eq!((delegation.base_size, delegation.base_root), (40, Some(Digest([7; 32]))));
}
