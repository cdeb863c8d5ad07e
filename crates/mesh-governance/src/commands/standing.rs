//! What commands name and must be there: a product, one of its versions, a node.

use mesh_model::{Code, NodeId, ProductId, Version, VersionId};

use crate::decision::{Decision, reject};
use crate::read;
use crate::records::{KnownNode, Product, SealedVersion};
use crate::state::StateRead;

/// The product, if there is one.
pub(super) fn product<S: StateRead>(state: &S, id: &ProductId) -> Decision<Product, S> {
    match read::product(state, id)? {
        Some(product) => Ok(product),
        None => reject(Code::UnknownProduct, format!("there is no product {id}")),
    }
}

/// One of its versions, if it has it.
pub(super) fn version<S: StateRead>(state: &S, product: &Product, version: Version) -> Decision<SealedVersion, S> {
    let id = VersionId { product: product.id.clone(), version };
    if let Some(version) = read::version(state, &id)? {
        return Ok(version);
    }
    let detail = format!("{} has no version {version}; its highest is {}", product.id, product.highest);
    reject(Code::UnknownVersion, detail)
}

/// A node, if it is known and may act.
pub(super) fn node<S: StateRead>(state: &S, id: NodeId, unknown: impl FnOnce() -> String) -> Decision<KnownNode, S> {
    let Some(node) = read::node(state, id)? else {
        return reject(Code::UnknownNode, unknown());
    };
    match read::node_revocation(state, id)? {
        None => Ok(node),
        Some(revoked) => reject(Code::NodeRevoked, format!("node {id} was revoked at index {}", revoked.index)),
    }
}
