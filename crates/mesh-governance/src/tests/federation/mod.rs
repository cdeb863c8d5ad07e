//! Commands that exist from protocol 2 on.

mod admission;
mod anchors;
mod epochs;
mod erasure;
mod forks;
mod garbage;
mod protocol;
mod recovery;

use mesh_event::{Body, FeedHead, FeedId};
use mesh_model::{Digest, DomainName};
use mesh_tlog::{Frontier, Hash};

use crate::testing::{TestMesh, keypair};
use crate::{LedgerHead, read};

fn sales() -> DomainName {
    "sales".parse().unwrap()
}

fn head(mesh: &TestMesh, epoch: u64) -> Option<LedgerHead> {
    read::ledger_head(&mesh.state, &sales(), epoch).unwrap()
}

/// A signed head of this many made-up leaves of the sales feed; `twist` makes another history of the last ones.
fn note(mesh: &TestMesh, epoch: u64, leaves: &[Hash], node: &str) -> Vec<u8> {
    let mut tree = Frontier::new();
    for leaf in leaves {
        tree.append(*leaf);
    }
    let head = FeedHead {
        feed: FeedId { domain: sales(), epoch },
        size: tree.size(),
        root: tree.root(),
        last_leaf: leaves.last().copied().unwrap_or(mesh_event::event::NO_LEAF),
    };
    head.sign(&mesh.mesh_id, &keypair(node)).unwrap()
}

/// Made-up leaves; from `twist` on those of another history.
fn leaves(count: u64, twist: u64) -> Vec<Hash> {
    (0..count).map(|n| mesh_tlog::leaf_hash(format!("{n} {}", n >= twist).as_bytes())).collect()
}

fn root_of(leaves: &[Hash]) -> Hash {
    let mut tree = Frontier::new();
    for leaf in leaves {
        tree.append(*leaf);
    }
    tree.root()
}

fn digest_of(leaves: &[Hash]) -> Digest {
    Digest(*root_of(leaves).as_bytes())
}

fn anchor(mesh: &mut TestMesh, epoch: u64, ledger_size: u64, head_note: Vec<u8>, signers: &[&str]) -> crate::Applied {
    let body = mesh_event::federation::FeedAnchor { domain: sales(), epoch, ledger_size, head_note };
    mesh.say_directly(Body::FeedAnchor(body), signers)
}
