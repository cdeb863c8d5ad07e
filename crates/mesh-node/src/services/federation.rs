//! `FederationService`: what other nodes ask and show. Peers only.

use std::sync::Arc;

use mesh_model::{Code, NodeId};
use mesh_proto::status::MeshError;
use mesh_proto::v1::federation_service_server::{FederationService, FederationServiceServer};
use mesh_proto::v1::{
    AskAgeRequest, AskAgeResponse, CosignRequest, CosignResponse, FetchCheckpointRequest, FetchCheckpointResponse,
    OfferCheckpointRequest, OfferCheckpointResponse, PullHeadsRequest, PullHeadsResponse, PushHeadsRequest,
    PushHeadsResponse,
};
use tonic::{Request, Response, Status};

use crate::core::Core;
use crate::gossip::{Ask, wire};

/// Largest message of a peer here, in bytes: the proof of a fork with its founding document.
const MESSAGE_BYTES: usize = 8 << 20;
/// Changes of voters that one offer may bring: more than a mesh has in its life, and each is checked.
const MOST_HANDOVERS: usize = 1_000;

pub(super) struct Service {
    core: Arc<Core>,
}

impl Service {
    pub(super) fn server(core: Arc<Core>) -> FederationServiceServer<Self> {
        FederationServiceServer::new(Self { core })
            .max_decoding_message_size(MESSAGE_BYTES)
            .max_encoding_message_size(MESSAGE_BYTES)
    }

    /// A sender can't lie about who it is; what it shows is believed for its signatures only.
    fn check_sender<T>(&self, request: &Request<T>, mesh_id: &[u8], from: NodeId) -> Result<(), MeshError> {
        super::check_member(&self.core, request, mesh_id, from)
    }
}

#[tonic::async_trait]
impl FederationService for Service {
    async fn cosign(&self, request: Request<CosignRequest>) -> Result<Response<CosignResponse>, Status> {
        let message = request.get_ref();
        self.check_sender(&request, &message.mesh_id, message.from_node_id)?;
        let request = request.into_inner();
        let lines = self.core.cosign(&request.checkpoint).await?;
        Ok(Response::new(CosignResponse { lines: lines.iter().map(ToString::to_string).collect() }))
    }

    async fn fetch_checkpoint(
        &self,
        request: Request<FetchCheckpointRequest>,
    ) -> Result<Response<FetchCheckpointResponse>, Status> {
        let message = request.get_ref();
        self.check_sender(&request, &message.mesh_id, message.from_node_id)?;
        let note = self.core.checkpoints.last().map_or_else(Vec::new, |(last, _)| last.bytes());
        Ok(Response::new(FetchCheckpointResponse { note, handovers: self.core.checkpoints.handovers() }))
    }

    async fn ask_age(&self, request: Request<AskAgeRequest>) -> Result<Response<AskAgeResponse>, Status> {
        let message = request.get_ref();
        self.check_sender(&request, &message.mesh_id, message.from_node_id)?;
        let brief = self.core.checkpoints.brief();
        let age_ms = brief.heard.map(|heard| u64::try_from(heard.elapsed().as_millis()).unwrap_or(u64::MAX));
        Ok(Response::new(AskAgeResponse { size: brief.size, age_ms }))
    }

    async fn pull_heads(&self, request: Request<PullHeadsRequest>) -> Result<Response<PullHeadsResponse>, Status> {
        let message = request.get_ref();
        self.check_sender(&request, &message.mesh_id, message.from_node_id)?;
        let request = request.into_inner();
        let answer = self.core.gossip.pull(wire::pull(&request)?).await;
        let answer = answer.ok_or_else(|| MeshError::new(Code::Unavailable, "this node stops; nothing happened"))?;
        Ok(Response::new(wire::answer_to_wire(answer)))
    }

    async fn push_heads(&self, request: Request<PushHeadsRequest>) -> Result<Response<PushHeadsResponse>, Status> {
        let message = request.get_ref();
        self.check_sender(&request, &message.mesh_id, message.from_node_id)?;
        let request = request.into_inner();
        let ask = Ask::Push { peer: request.from_node_id, push: wire::push(request.heads)? };
        self.core.gossip.ask(ask).await;
        Ok(Response::new(PushHeadsResponse {}))
    }

    async fn offer_checkpoint(
        &self,
        request: Request<OfferCheckpointRequest>,
    ) -> Result<Response<OfferCheckpointResponse>, Status> {
        let message = request.get_ref();
        self.check_sender(&request, &message.mesh_id, message.from_node_id)?;
        let request = request.into_inner();
        let OfferCheckpointRequest { note, handovers, fork_proof, .. } = request;
        // Each by itself: what is wrong with one keeps none of the others back. In this order: the note may need the voters that a
        // handover names.
        let mut wrong = None;
        if handovers.len() <= MOST_HANDOVERS {
            wrong = self.core.hear_handovers(handovers).await.err();
        }
        if !note.is_empty() {
            wrong = wrong.or(self.core.hear_checkpoint(note).await.err());
        }
        let is_shown = !fork_proof.is_empty();
        if is_shown {
            wrong = wrong.or(self.core.hear_fork(fork_proof).await.err());
        }
        if let Some(wrong) = wrong {
            return Err(wrong.into());
        }
        let theirs = self.core.checkpoints.fork().filter(|_| !is_shown);
        let fork_proof = theirs.map_or_else(Vec::new, |fork| fork.proof.into_bytes());
        Ok(Response::new(OfferCheckpointResponse { fork_proof }))
    }
}
