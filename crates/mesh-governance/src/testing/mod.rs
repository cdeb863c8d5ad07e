//! A fixture for tests, this crate's and others': keys from seeds, a founded mesh, writers of feeds.
//!
//! Everything is deterministic; keys are named, such as `council-0`, `node-1`, `sales/root`, `sales/owner`.

mod council;
mod feed;
mod judge;
mod mesh;

pub use feed::TestFeed;
pub use judge::{TestJudge, standard};
pub use mesh::TestMesh;

use mesh_event::Keypair;
use mesh_model::{Dataset, Descriptor, Digest, Field, Name, OutputPort, PortKind, ProductId, Version};
use zeroize::Zeroizing;

/// The key of a name.
pub fn keypair(name: &str) -> Keypair {
    Keypair::from_seed(&Zeroizing::new(Digest::of(name.as_bytes()).0))
}

/// A descriptor that may be published: one dataset with these fields, one port.
///
/// # Panics
/// When the id or the version does not parse.
pub fn descriptor(id: &str, version: &str, fields: &[&str]) -> Descriptor {
    let id: ProductId = id.parse().expect("a product id such as sales/orders");
    let mut descriptor = Descriptor::new(id.domain, id.name);
    descriptor.version = version.parse::<Version>().expect("a version such as 1.0.0");
    descriptor.owner.team = "team".into();
    let field = |name: &&str| Field { name: (*name).into(), logical_type: "string".into(), ..Field::default() };
    let fields = fields.iter().map(field).collect();
    descriptor.datasets = vec![Dataset { name: "main".into(), fields, ..Dataset::default() }];
    let port = Name::parse("files").expect("a name");
    descriptor.outputs = vec![OutputPort::new(port, PortKind::Batch)];
    descriptor
}
