//! `FederationService`: what other nodes ask and show. Peers only.

use std::sync::Arc;

use mesh_governance::read;
use mesh_model::{Code, NodeId};
use mesh_proto::status::MeshError;
use mesh_proto::v1::federation_service_server::{FederationService, FederationServiceServer};
use mesh_proto::v1::{CosignRequest, CosignResponse, OfferCheckpointRequest, OfferCheckpointResponse};
use tonic::{Request, Response, Status};

use crate::checkpoints::{Heard, round};
use crate::node::Core;

/// Largest message of a peer here, in bytes: the proof of a fork with its founding document.
const MESSAGE_BYTES: usize = 8 << 20;

pub(super) struct Service {
    core: Arc<Core>,
}

impl Service {
    pub(super) fn server(core: Arc<Core>) -> FederationServiceServer<Self> {
        FederationServiceServer::new(Self { core })
            .max_decoding_message_size(MESSAGE_BYTES)
            .max_encoding_message_size(MESSAGE_BYTES)
    }

    /// It is the transport's business that a sender can't lie about who it is; what it shows is believed for its signatures only.
    fn check_sender(&self, mesh_id: &[u8], from: NodeId) -> Result<(), MeshError> {
        if mesh_id != self.core.mesh_id.0 {
            return Err(MeshError::new(Code::WrongMesh, "the request names another mesh"));
        }
        let fail = |error| self.core.state_error(&error);
        let known = read::node(&self.core.state, from).map_err(fail)?.is_some();
        let revoked = read::node_revocation(&self.core.state, from).map_err(fail)?.is_some();
        if !known || revoked {
            return Err(MeshError::new(Code::UnknownNode, format!("node {from} is none of this mesh")));
        }
        Ok(())
    }
}

#[tonic::async_trait]
impl FederationService for Service {
    async fn cosign(&self, request: Request<CosignRequest>) -> Result<Response<CosignResponse>, Status> {
        let request = request.into_inner();
        self.check_sender(&request.mesh_id, request.from_node_id)?;
        let lines = self.core.cosign(&request.checkpoint).await?;
        Ok(Response::new(CosignResponse { lines: lines.iter().map(ToString::to_string).collect() }))
    }

    async fn offer_checkpoint(
        &self,
        request: Request<OfferCheckpointRequest>,
    ) -> Result<Response<OfferCheckpointResponse>, Status> {
        let request = request.into_inner();
        self.check_sender(&request.mesh_id, request.from_node_id)?;
        if !request.fork_proof.is_empty() {
            self.core.checkpoints.hear_fork(&request.fork_proof)?;
        }
        if !request.note.is_empty() && self.core.checkpoints.hear(&request.note)? == Heard::Fork {
            spread(&self.core);
        }
        let fork_proof = self.core.checkpoints.fork().map_or_else(Vec::new, |fork| fork.proof.into_bytes());
        Ok(Response::new(OfferCheckpointResponse { fork_proof }))
    }
}

/// Tells everybody of the fork that stands here.
pub(super) fn spread(core: &Arc<Core>) {
    if let Some(fork) = core.checkpoints.fork() {
        round::offer(core, &[], fork.proof.as_bytes());
    }
}
