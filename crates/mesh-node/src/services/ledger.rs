//! `LedgerService`.

use std::pin::Pin;
use std::sync::Arc;

use futures::Stream;
use mesh_governance::read;
use mesh_model::Code;
use mesh_proto::status::MeshError;
use mesh_proto::v1::compare_checkpoint_response::Finding;
use mesh_proto::v1::ledger_service_server::LedgerService;
use mesh_proto::v1::{
    CompareCheckpointRequest, CompareCheckpointResponse, GetCheckpointRequest, GetCheckpointResponse,
    GetConsistencyProofRequest, GetConsistencyProofResponse, GetForkRequest, GetForkResponse, GetHeadRequest,
    GetHeadResponse, GetReceiptRequest, GetReceiptResponse, StreamEntriesRequest, StreamEntriesResponse,
};
use mesh_store::StoreError;
use mesh_tlog::{ProveError, prove_consistency, prove_inclusion};
use mesh_verify::Receipt;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use crate::checkpoints::Heard;
use crate::core::{Core, storage_error};

/// Leaves in one message: at most about 16 MiB.
const LEAVES: usize = 256;

pub(super) struct Service {
    core: Arc<Core>,
}

impl Service {
    pub(super) fn new(core: Arc<Core>) -> Self {
        Self { core }
    }
}

#[tonic::async_trait]
impl LedgerService for Service {
    type StreamEntriesStream = Pin<Box<dyn Stream<Item = Result<StreamEntriesResponse, Status>> + Send>>;

    async fn stream_entries(
        &self,
        request: Request<StreamEntriesRequest>,
    ) -> Result<Response<Self::StreamEntriesStream>, Status> {
        super::check_token(&self.core, &request)?;
        let request = request.into_inner();
        let (send, receive) = mpsc::channel(2);
        let core = Arc::clone(&self.core);
        self.core.tasks.spawn(async move {
            if let Err(error) = stream(&core, &request, &send).await {
                // The client may be gone; then nobody needs the reason.
                drop(send.send(Err(error.into())).await);
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receive))))
    }

    async fn get_head(&self, request: Request<GetHeadRequest>) -> Result<Response<GetHeadResponse>, Status> {
        super::check_token(&self.core, &request)?;
        let ledger = self.core.store.ledger();
        let present = self.core.ledger_size();
        let size = request.into_inner().at_size.unwrap_or(present);
        if size > present {
            let text = format!("at_size: this node has {present} leaves; expected at most that");
            return Err(MeshError::new(Code::NotCaughtUp, text).into());
        }
        let root = ledger.root_at(size).map_err(|e| storage_error(&e))?;
        let digest = match size.checked_sub(1) {
            None => Vec::new(),
            Some(last) => {
                let leaf = read::leaf(&self.core.state, last).map_err(|e| self.core.state_error(&e))?;
                let leaf = leaf.ok_or_else(|| MeshError::new(Code::Damaged, format!("leaf {last} is not there")))?;
                leaf.outcome.state_digest.0.to_vec()
            }
        };
        Ok(Response::new(GetHeadResponse {
            size,
            root: root.as_bytes().to_vec(),
            state_digest: digest,
            freshness: Some(super::freshness(&self.core)),
        }))
    }

    async fn get_checkpoint(
        &self,
        request: Request<GetCheckpointRequest>,
    ) -> Result<Response<GetCheckpointResponse>, Status> {
        super::check_token(&self.core, &request)?;
        Ok(Response::new(GetCheckpointResponse {
            note: self.core.checkpoints.last().map_or_else(Vec::new, |(last, _)| last.bytes()),
            handovers: self.core.checkpoints.handovers(),
            freshness: Some(super::freshness(&self.core)),
        }))
    }

    async fn get_receipt(&self, request: Request<GetReceiptRequest>) -> Result<Response<GetReceiptResponse>, Status> {
        super::check_token(&self.core, &request)?;
        let within = super::deadline(&self.core, &request);
        let index = request.into_inner().index;
        let size = self.core.ledger_size();
        if index >= size {
            let last = size.checked_sub(1).map_or_else(|| "has none".to_owned(), |last| format!("has 0 to {last}"));
            let text = format!("there is no leaf {index}; this node {last}");
            return Err(MeshError::new(Code::NotFound, text).into());
        }
        self.core.checkpoints.wait_covered(index, within).await;
        let last = self.core.checkpoints.last().filter(|(last, _)| last.size() > index);
        let (last, _) = last.ok_or_else(|| {
            MeshError::new(Code::NoReceipt, format!("no checkpoint with a majority covers leaf {index} yet"))
        })?;
        let ledger = self.core.store.ledger();
        let leaf = ledger.leaf(index).map_err(|e| storage_error(&e))?;
        let leaf =
            leaf.ok_or_else(|| MeshError::new(Code::NotFound, format!("this node does not have leaf {index}")))?;
        let proof = prove_inclusion(&ledger, last.size(), index).map_err(unproved)?;
        let (genesis, handovers) = (self.core.checkpoints.genesis().to_vec(), self.core.checkpoints.handovers());
        let receipt = Receipt::new(self.core.mesh_id, genesis, handovers, leaf, proof, last.bytes());
        Ok(Response::new(GetReceiptResponse { receipt: receipt.to_text().into_bytes() }))
    }

    async fn get_consistency_proof(
        &self,
        request: Request<GetConsistencyProofRequest>,
    ) -> Result<Response<GetConsistencyProofResponse>, Status> {
        super::check_token(&self.core, &request)?;
        let GetConsistencyProofRequest { old_size, new_size } = request.into_inner();
        let size = self.core.ledger_size();
        if new_size > size {
            let text = format!("new_size: this node has {size} leaves; expected at most that");
            return Err(MeshError::new(Code::NotCaughtUp, text).into());
        }
        let proof = prove_consistency(&self.core.store.ledger(), old_size, new_size).map_err(unproved)?;
        let proof = proof.iter().map(|hash| hash.as_bytes().to_vec()).collect();
        Ok(Response::new(GetConsistencyProofResponse { proof }))
    }

    async fn compare_checkpoint(
        &self,
        request: Request<CompareCheckpointRequest>,
    ) -> Result<Response<CompareCheckpointResponse>, Status> {
        super::check_token(&self.core, &request)?;
        let heard = self.core.hear_checkpoint(request.into_inner().note).await?;
        let mut fork_proof = Vec::new();
        if matches!(heard, Heard::Fork { .. }) {
            fork_proof = self.core.checkpoints.fork().map_or_else(Vec::new, |fork| fork.proof.into_bytes());
        }
        let (finding, detail) = found(heard);
        Ok(Response::new(CompareCheckpointResponse { finding: finding.into(), detail, fork_proof }))
    }

    async fn get_fork(&self, request: Request<GetForkRequest>) -> Result<Response<GetForkResponse>, Status> {
        super::check_token(&self.core, &request)?;
        let fork_proof = self.core.checkpoints.fork().map_or_else(Vec::new, |fork| fork.proof.into_bytes());
        Ok(Response::new(GetForkResponse { fork_proof }))
    }
}

fn unproved(error: ProveError<StoreError>) -> MeshError {
    match error {
        ProveError::Read(error) => storage_error(&error),
        error => MeshError::new(Code::BadArgument, error.to_string()),
    }
}

/// What a comparison came to, for people too.
fn found(heard: Heard) -> (Finding, String) {
    match heard {
        Heard::Agrees { .. } => {
            (Finding::Agrees, "this node's ledger has that root, and a majority vouches for it".into())
        }
        Heard::Ahead => {
            let text = "this node's ledger is not that far yet; if a majority vouches for it, it is compared then";
            (Finding::Ahead, text.into())
        }
        Heard::Unvouched { why } => {
            (Finding::Unvouched, format!("nothing contradicts it, and it does not count: {why}"))
        }
        Heard::FalseHead { voters } if voters.is_empty() => {
            (Finding::FalseHead, "this node's ledger has another root there, and no voter signed this one".into())
        }
        Heard::FalseHead { voters } => {
            let voters: Vec<String> = voters.iter().map(ToString::to_string).collect();
            let voters = voters.join(", ");
            let text = format!(
                "this node's ledger has another root there: voter {voters} signed what is not so, and counts for nothing here from now on"
            );
            (Finding::FalseHead, text)
        }
        Heard::Fork { .. } => {
            let text = "a majority vouches for it, and it contradicts this node's ledger: a fork. Nothing is accepted until the council decides";
            (Finding::Fork, text.into())
        }
        Heard::Refused => {
            let text = "a majority signed it, and the council decided that it is not the mesh's history";
            (Finding::FalseHead, text.into())
        }
    }
}

async fn stream(
    core: &Core,
    request: &StreamEntriesRequest,
    send: &mpsc::Sender<Result<StreamEntriesResponse, Status>>,
) -> Result<(), MeshError> {
    let mut end = core.follow();
    let mut next = request.from_index;
    let last = if request.limit == 0 { u64::MAX } else { next.saturating_add(request.limit) };
    loop {
        let size = end.borrow_and_update().size.min(last);
        while next < size {
            let leaves = core.store.ledger().leaves(next..size, LEAVES).map_err(|e| storage_error(&e))?;
            let Some((highest, _)) = leaves.last() else { break };
            let first_index = next;
            next = highest + 1;
            let leaves = leaves.into_iter().map(|(_, bytes)| bytes).collect();
            if send.send(Ok(StreamEntriesResponse { first_index, leaves })).await.is_err() {
                return Ok(());
            }
        }
        if !request.follow || next >= last {
            return Ok(());
        }
        tokio::select! {
            changed = end.changed() => if changed.is_err() { return Ok(()) },
            () = send.closed() => return Ok(()),
            () = core.stopping.cancelled() => return Err(MeshError::new(Code::Unavailable, "the node stops; go on elsewhere")),
        }
    }
}
