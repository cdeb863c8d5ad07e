//! The wire: generated service types, and the only conversions between them and the domain types.
//!
//! Row 3. tonic and the service messages stop here and in the services that serve them (`mesh-node`, `mesh-raft`) and
//! the client that calls them (`mesh-client`). Signed messages are `mesh-event`'s; here they only travel.
//!
//! - [`v1`]: clients and servers of `proto/datamesh/v1/*_service.proto`, and [`FILE_DESCRIPTORS`] for reflection.
//! - [`status`]: our codes as gRPC statuses with `google.rpc.ErrorInfo`, and back.

pub mod status;

/// Generated code of the services.
#[allow(missing_docs, clippy::all, clippy::pedantic, unreachable_pub)]
pub mod v1 {
    tonic::include_proto!("datamesh.v1");
}

/// The encoded `FileDescriptorSet` of all services, for server reflection.
pub const FILE_DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

pub use mesh_event::proto as signed;
