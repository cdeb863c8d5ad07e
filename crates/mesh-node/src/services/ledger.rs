//! `LedgerService`.

use std::pin::Pin;
use std::sync::Arc;

use futures::Stream;
use mesh_governance::read;
use mesh_model::Code;
use mesh_proto::status::MeshError;
use mesh_proto::v1::ledger_service_server::LedgerService;
use mesh_proto::v1::{GetHeadRequest, GetHeadResponse, StreamEntriesRequest, StreamEntriesResponse};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use crate::node::{Core, storage_error};

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
