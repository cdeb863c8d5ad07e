//! The other nodes' feed services.

use std::sync::Arc;
use std::time::Duration;

use mesh_event::FeedId;
use mesh_model::{DomainName, MeshId, NodeId};
use mesh_proto::status::MeshError;
use mesh_proto::v1::feed_service_client::FeedServiceClient;
use mesh_proto::v1::{
    FeedAttachmentRequest, FeedAttachmentResponse, FeedConsistencyRequest, FeedHeadsRequest, FeedHeadsResponse,
    FeedPlace, FeedRangeRequest, FeedRangeResponse,
};
use mesh_tlog::Hash;
use tonic::Streaming;
use tonic::transport::Channel;

use crate::transport::PeerChannels;

/// How long a node may take for an answer, or for the next message of one.
const ANSWER: Duration = Duration::from_secs(5);
/// Largest message, in bytes: a batch of events with its proof, or a page of heads.
const MESSAGE_BYTES: usize = 2 << 20;

/// How asking a node failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Fault {
    /// It did not answer, or too slowly.
    #[error("it does not answer: {0}")]
    Silent(String),
    /// It said that it cannot.
    #[error("{0}")]
    Refused(MeshError),
    /// It sent what it cannot prove, or more than it may.
    #[error("it sent {0}")]
    Lie(String),
    /// This node cannot.
    #[error("{0}")]
    Here(MeshError),
}

impl From<tonic::Status> for Fault {
    fn from(status: tonic::Status) -> Self {
        if mesh_proto::status::is_ours(&status) {
            return Self::Refused(status.into());
        }
        match status.code() {
            // What tonic says of a message over its limit.
            tonic::Code::OutOfRange => Self::Lie(format!("too much: {}", status.message())),
            _ => Self::Silent(status.message().to_owned()),
        }
    }
}

impl From<MeshError> for Fault {
    fn from(error: MeshError) -> Self {
        Self::Here(error)
    }
}

/// What is asked of the other nodes.
pub struct FeedPeers {
    mesh: MeshId,
    me: NodeId,
    channels: Arc<PeerChannels>,
}

async fn soon<T>(answer: impl Future<Output = Result<T, tonic::Status>>) -> Result<T, Fault> {
    match tokio::time::timeout(ANSWER, answer).await {
        Ok(answer) => answer.map_err(Fault::from),
        Err(_) => Err(Fault::Silent(format!("nothing came within {} s", ANSWER.as_secs()))),
    }
}

/// The next message of a stream; `None` at its end.
///
/// # Errors
/// [`Fault::Silent`] when it does not come in time.
pub async fn next<T>(stream: &mut Streaming<T>) -> Result<Option<T>, Fault> {
    soon(stream.message()).await
}

impl FeedPeers {
    /// Speaks for node `me`.
    pub fn new(mesh: MeshId, me: NodeId, channels: Arc<PeerChannels>) -> Self {
        Self { mesh, me, channels }
    }

    fn client(&self, id: NodeId) -> FeedServiceClient<Channel> {
        FeedServiceClient::new(self.channels.channel(id)).max_decoding_message_size(MESSAGE_BYTES)
    }

    /// A page of a node's heads of these domains.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn heads(
        &self,
        id: NodeId,
        domains: &[DomainName],
        held: Vec<FeedPlace>,
    ) -> Result<FeedHeadsResponse, Fault> {
        let domains = domains.iter().map(ToString::to_string).collect();
        let request = FeedHeadsRequest { mesh_id: self.mesh.0.to_vec(), from_node_id: self.me, domains, held };
        let mut client = self.client(id);
        Ok(soon(client.feed_heads(request)).await?.into_inner())
    }

    /// A node's events of a feed from one on, under a head of this size.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn range(
        &self,
        id: NodeId,
        feed: &FeedId,
        from: u64,
        size: u64,
    ) -> Result<Streaming<FeedRangeResponse>, Fault> {
        let (domain, epoch) = (feed.domain.to_string(), feed.epoch);
        let request =
            FeedRangeRequest { mesh_id: self.mesh.0.to_vec(), from_node_id: self.me, domain, epoch, from, size };
        let mut client = self.client(id);
        Ok(soon(client.feed_range(request)).await?.into_inner())
    }

    /// The roots of a feed at two sizes, and that the one is the beginning of the other, as a node says.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn consistency(
        &self,
        id: NodeId,
        feed: &FeedId,
        old_size: u64,
        size: u64,
    ) -> Result<(Hash, Hash, Vec<Hash>), Fault> {
        let (domain, epoch) = (feed.domain.to_string(), feed.epoch);
        let mesh_id = self.mesh.0.to_vec();
        let request = FeedConsistencyRequest { mesh_id, from_node_id: self.me, domain, epoch, old_size, size };
        let mut client = self.client(id);
        let answer = soon(client.feed_consistency(request)).await?.into_inner();
        Ok((hash(&answer.old_root)?, hash(&answer.root)?, hashes(&answer.proof)?))
    }

    /// The file of an attachment, in pieces.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn attachment(
        &self,
        id: NodeId,
        domain: &DomainName,
        digest: Vec<u8>,
        read_request: Vec<u8>,
    ) -> Result<Streaming<FeedAttachmentResponse>, Fault> {
        let (mesh_id, domain) = (self.mesh.0.to_vec(), domain.to_string());
        let request = FeedAttachmentRequest { mesh_id, from_node_id: self.me, domain, digest, read_request };
        let mut client = self.client(id);
        Ok(soon(client.feed_attachment(request)).await?.into_inner())
    }
}

/// A hash as it travels.
///
/// # Errors
/// [`Fault::Lie`] for another length.
pub fn hash(bytes: &[u8]) -> Result<Hash, Fault> {
    Hash::try_from(bytes).map_err(|_| Fault::Lie(format!("a hash of {} bytes", bytes.len())))
}

/// The hashes of a proof as they travel.
///
/// # Errors
/// [`Fault::Lie`] for one of another length, or more than a proof has.
pub fn hashes(list: &[Vec<u8>]) -> Result<Vec<Hash>, Fault> {
    if list.len() > 64 {
        return Err(Fault::Lie(format!("a proof of {} hashes", list.len())));
    }
    list.iter().map(|bytes| hash(bytes)).collect()
}
