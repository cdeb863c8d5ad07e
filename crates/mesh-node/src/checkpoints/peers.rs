//! The other nodes' peer ports, for checkpoints and the tail of the ledger.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mesh_model::{Code, MeshId, NodeId};
use mesh_proto::status::MeshError;
use mesh_proto::v1::federation_service_client::FederationServiceClient;
use mesh_proto::v1::tail_service_client::TailServiceClient;
use mesh_proto::v1::{
    CosignRequest, FetchCheckpointRequest, OfferCheckpointRequest, PullHeadsRequest, PullHeadsResponse,
    PushHeadsRequest, TailItem, TailRequest,
};
use mesh_tlog::NoteSignature;
use tonic::transport::Channel;
use tonic::{Request, Streaming};

use crate::transport::PeerChannels;

/// How long a node may take to answer.
const ANSWER: Duration = Duration::from_secs(2);

/// What is asked of and shown to the other nodes.
pub struct FederationPeers {
    mesh: MeshId,
    me: NodeId,
    channels: Arc<PeerChannels>,
    /// Who is being shown something: the next thing comes with the next round.
    busy: Mutex<BTreeSet<NodeId>>,
}

/// What a node is shown.
#[derive(Debug, Clone, Default)]
pub struct Offer {
    /// The newest checkpoint; empty for none.
    pub note: Vec<u8>,
    /// All changes of voters, by size.
    pub handovers: Vec<Vec<u8>>,
    /// The proof of a fork that stands here; empty for none.
    pub fork_proof: Vec<u8>,
}

impl FederationPeers {
    /// Speaks for node `me`.
    pub fn new(mesh: MeshId, me: NodeId, channels: Arc<PeerChannels>) -> Self {
        Self { mesh, me, channels, busy: Mutex::default() }
    }

    fn client(&self, id: NodeId, address: &str) -> Result<FederationServiceClient<Channel>, MeshError> {
        Ok(FederationServiceClient::new(self.channels.channel(id, address)?))
    }

    /// Begins to tail a node's ledger.
    ///
    /// # Errors
    /// What it says, or that it does not answer.
    pub async fn tail(
        &self,
        id: NodeId,
        address: &str,
        request: TailRequest,
    ) -> Result<Streaming<TailItem>, MeshError> {
        let client = TailServiceClient::new(self.channels.channel(id, address)?);
        let mut client = client.max_decoding_message_size(crate::tail::server::MESSAGE_BYTES);
        // The beginning has a deadline, the stream has none.
        let begun = tokio::time::timeout(ANSWER, client.tail(request)).await;
        let late = |_| MeshError::new(Code::Unreachable, format!("node {id} at {address} does not answer"));
        Ok(begun.map_err(late)??.into_inner())
    }

    /// Asks a voter for its two lines.
    ///
    /// # Errors
    /// What it says, or that it does not answer.
    pub async fn cosign(&self, id: NodeId, address: &str, checkpoint: String) -> Result<Vec<NoteSignature>, MeshError> {
        let request = CosignRequest { mesh_id: self.mesh.0.to_vec(), from_node_id: self.me, checkpoint };
        let answer = self.client(id, address)?.cosign(soon(request)).await?;
        let lines = answer.into_inner().lines;
        let odd = |error: mesh_tlog::SignatureError| MeshError::new(Code::Malformed, error.to_string());
        lines.iter().map(|line| line.parse().map_err(odd)).collect()
    }

    /// Asks a node for its newest checkpoint, and all changes of voters.
    ///
    /// # Errors
    /// What it says, or that it does not answer.
    pub async fn checkpoint(&self, id: NodeId, address: &str) -> Result<(Vec<u8>, Vec<Vec<u8>>), MeshError> {
        let request = FetchCheckpointRequest { mesh_id: self.mesh.0.to_vec(), from_node_id: self.me };
        let answer = self.client(id, address)?.fetch_checkpoint(request).await?.into_inner();
        Ok((answer.note, answer.handovers))
    }

    /// Compares heads of feeds with a node.
    ///
    /// # Errors
    /// What it says, or that it does not answer.
    pub async fn pull_heads(
        &self,
        id: NodeId,
        address: &str,
        request: PullHeadsRequest,
    ) -> Result<PullHeadsResponse, MeshError> {
        Ok(self.client(id, address)?.pull_heads(request).await?.into_inner())
    }

    /// Shows a node heads of feeds that it lacks.
    ///
    /// # Errors
    /// What it says, or that it does not answer.
    pub async fn push_heads(&self, id: NodeId, address: &str, request: PushHeadsRequest) -> Result<(), MeshError> {
        self.client(id, address)?.push_heads(request).await?;
        Ok(())
    }

    /// Shows a node what is known here; gives back the proof of a fork that stands there, if it is news. `None` while the same node is
    /// still being shown something.
    ///
    /// # Errors
    /// What it says, or that it does not answer.
    pub async fn offer(&self, id: NodeId, address: &str, offer: Offer) -> Result<Option<Vec<u8>>, MeshError> {
        let busy = || self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        if !busy().insert(id) {
            return Ok(None);
        }
        let Offer { note, handovers, fork_proof } = offer;
        let (mesh_id, from_node_id) = (self.mesh.0.to_vec(), self.me);
        let request = OfferCheckpointRequest { mesh_id, from_node_id, note, handovers, fork_proof };
        let answer = match self.client(id, address) {
            Ok(mut client) => client.offer_checkpoint(soon(request)).await.map_err(MeshError::from),
            Err(error) => Err(error),
        };
        busy().remove(&id);
        Ok(Some(answer?.into_inner().fork_proof).filter(|proof| !proof.is_empty()))
    }
}

fn soon<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(ANSWER);
    request
}
