//! The other nodes' peer ports, for checkpoints and the tail of the ledger.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mesh_model::{Code, MeshId, NodeId};
use mesh_proto::status::MeshError;
use mesh_proto::v1::federation_service_client::FederationServiceClient;
use mesh_proto::v1::tail_service_client::TailServiceClient;
use mesh_proto::v1::{
    AskAgeRequest, CosignRequest, FetchCheckpointRequest, OfferCheckpointRequest, PullHeadsRequest, PullHeadsResponse,
    PushHeadsRequest, TailItem, TailRequest,
};
use mesh_tlog::NoteSignature;
use tonic::transport::Channel;
use tonic::{Request, Streaming};

use crate::transport::{NO_NUMBER, PeerChannels};

/// How long a node may take to answer.
const ANSWER: Duration = Duration::from_secs(2);

/// What is asked of and shown to the other nodes.
pub struct FederationPeers {
    mesh: MeshId,
    me: NodeId,
    channels: Arc<PeerChannels>,
    /// Who is being shown something, and whether there is something newer since.
    showing: Mutex<BTreeMap<NodeId, bool>>,
}

/// Whom to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Callee {
    /// This node, wherever it is.
    Node(NodeId),
    /// Whoever answers at this address.
    Whoever(String),
}

impl From<NodeId> for Callee {
    fn from(id: NodeId) -> Self {
        Self::Node(id)
    }
}

impl fmt::Display for Callee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(id) => write!(f, "node {id}"),
            Self::Whoever(address) => f.write_str(address),
        }
    }
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
        Self { mesh, me, channels, showing: Mutex::default() }
    }

    fn client(&self, to: &Callee) -> Result<FederationServiceClient<Channel>, MeshError> {
        Ok(FederationServiceClient::new(self.channel(to)?))
    }

    fn channel(&self, to: &Callee) -> Result<Channel, MeshError> {
        match to {
            Callee::Node(id) => Ok(self.channels.channel(*id)),
            Callee::Whoever(address) => self.channels.channel_at(NO_NUMBER, address),
        }
    }

    /// Begins to tail a node's ledger.
    ///
    /// # Errors
    /// What it says, or that it does not answer.
    pub async fn tail(&self, to: &Callee, request: TailRequest) -> Result<Streaming<TailItem>, MeshError> {
        let client = TailServiceClient::new(self.channel(to)?);
        let mut client = client.max_decoding_message_size(crate::tail::server::MESSAGE_BYTES);
        // The beginning has a deadline, the stream has none.
        let begun = tokio::time::timeout(ANSWER, client.tail(request)).await;
        let late = |_| MeshError::new(Code::Unreachable, format!("{to} does not answer"));
        Ok(begun.map_err(late)??.into_inner())
    }

    /// Asks a voter for its two lines.
    ///
    /// # Errors
    /// What it says, or that it does not answer.
    pub async fn cosign(&self, id: NodeId, checkpoint: String) -> Result<Vec<NoteSignature>, MeshError> {
        let request = CosignRequest { mesh_id: self.mesh.0.to_vec(), from_node_id: self.me, checkpoint };
        let answer = self.client(&id.into())?.cosign(soon(request)).await?;
        let lines = answer.into_inner().lines;
        let odd = |error: mesh_tlog::SignatureError| MeshError::new(Code::Malformed, error.to_string());
        lines.iter().map(|line| line.parse().map_err(odd)).collect()
    }

    /// Asks a node for its newest checkpoint, and all changes of voters.
    ///
    /// # Errors
    /// What it says, or that it does not answer.
    pub async fn checkpoint(&self, to: &Callee) -> Result<(Vec<u8>, Vec<Vec<u8>>), MeshError> {
        let request = FetchCheckpointRequest { mesh_id: self.mesh.0.to_vec(), from_node_id: self.me };
        let answer = self.client(to)?.fetch_checkpoint(soon(request)).await?.into_inner();
        Ok((answer.note, answer.handovers))
    }

    /// Asks a node how many leaves its newest checkpoint covers, and for how long there was no surer sign that it is the newest.
    ///
    /// # Errors
    /// What it says, or that it does not answer.
    pub async fn age(&self, to: &Callee) -> Result<(u64, Option<Duration>), MeshError> {
        let request = AskAgeRequest { mesh_id: self.mesh.0.to_vec(), from_node_id: self.me };
        let answer = self.client(to)?.ask_age(soon(request)).await?.into_inner();
        Ok((answer.size, answer.age_ms.map(Duration::from_millis)))
    }

    /// Compares heads of feeds with a node.
    ///
    /// # Errors
    /// What it says, or that it does not answer.
    pub async fn pull_heads(&self, id: NodeId, request: PullHeadsRequest) -> Result<PullHeadsResponse, MeshError> {
        Ok(self.client(&id.into())?.pull_heads(request).await?.into_inner())
    }

    /// Shows a node heads of feeds that it lacks.
    ///
    /// # Errors
    /// What it says, or that it does not answer.
    pub async fn push_heads(&self, id: NodeId, request: PushHeadsRequest) -> Result<(), MeshError> {
        self.client(&id.into())?.push_heads(request).await?;
        Ok(())
    }

    /// Shows a node what is known here, as `newest` has it, one thing at a time: what is newer by the time that it answers is shown next. Gives
    /// back the proof of a fork that stands there, if it is news. `None` while the same node is being shown something: that shows this, too.
    ///
    /// # Errors
    /// What it says, or that it does not answer.
    pub async fn offer(&self, id: NodeId, newest: impl Fn() -> Offer) -> Result<Option<Vec<u8>>, MeshError> {
        let showing = || self.showing.lock().unwrap_or_else(PoisonError::into_inner);
        match showing().entry(id) {
            Entry::Occupied(mut newer) => {
                newer.insert(true);
                return Ok(None);
            }
            Entry::Vacant(nobody) => _ = nobody.insert(false),
        }
        loop {
            let shown = self.show(id, newest()).await;
            let mut showing = showing();
            let is_newer = showing.insert(id, false) == Some(true);
            match shown {
                Ok(proof) if proof.is_empty() && is_newer => {}
                // Whoever shows a fork, or does not answer, is shown the rest in the next round.
                shown => {
                    showing.remove(&id);
                    return Ok(Some(shown?).filter(|proof| !proof.is_empty()));
                }
            }
        }
    }

    async fn show(&self, id: NodeId, offer: Offer) -> Result<Vec<u8>, MeshError> {
        let Offer { note, handovers, fork_proof } = offer;
        let (mesh_id, from_node_id) = (self.mesh.0.to_vec(), self.me);
        let request = OfferCheckpointRequest { mesh_id, from_node_id, note, handovers, fork_proof };
        let answer = self.client(&id.into())?.offer_checkpoint(soon(request)).await?;
        Ok(answer.into_inner().fork_proof)
    }
}

fn soon<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(ANSWER);
    request
}
