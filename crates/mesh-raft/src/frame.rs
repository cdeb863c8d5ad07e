//! Raft's own structures on the wire.

use mesh_event::codec;
use mesh_proto::v1::RaftFrame;
use openraft::AsyncRuntime;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::identity::Identity;
use crate::type_config::{SnapshotMeta, Vote};

/// Format version of all frames. A node that speaks another one is refused before, by protocol version.
const FORMAT: u8 = 1;
/// The largest message between voters, in bytes.
pub(crate) const MESSAGE_BYTES: usize = 16 << 20;

/// A frame from this node to others of its `group` of voters.
pub(crate) fn seal<T: Serialize>(me: &Identity, group: &[u8], value: &T) -> RaftFrame {
    let (mesh_id, group) = (me.mesh_id.0.to_vec(), group.to_vec());
    RaftFrame { mesh_id, from_node_id: me.node_id, frame: encode(value), group }
}

pub(crate) fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    codec::encode(FORMAT, value)
}

pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, codec::CodecError> {
    codec::decode(FORMAT, bytes)
}

/// The first part of a snapshot.
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
pub(crate) struct SnapshotHeader<R: AsyncRuntime> {
    pub(crate) vote: Vote<R>,
    pub(crate) meta: SnapshotMeta<R>,
    /// The ledger's right edge.
    pub(crate) frontier: Vec<u8>,
    /// Nothing follows: the sender asks which leaves it needs to send.
    pub(crate) asks: bool,
}

/// The answer to a snapshot.
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
pub(crate) enum SnapshotAnswer<R: AsyncRuntime> {
    /// To a question: how many leaves the receiver has.
    Holds { ledger_size: u64, vote: Vote<R> },
    /// What openraft answered.
    Done { vote: Vote<R> },
}
