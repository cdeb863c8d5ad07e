//! What deprecation and retirement share: the product, one of its versions, and the counts that follow.

use mesh_model::{Code, ProductId, Version, VersionId};

use crate::decision::{Decision, reject};
use crate::read;
use crate::records::{Product, SealedVersion};
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
