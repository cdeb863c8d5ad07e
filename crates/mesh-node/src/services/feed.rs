//! `FeedService`: feeds for other nodes. Peers only.

use std::pin::Pin;
use std::sync::Arc;

use futures::Stream;
use mesh_event::FeedId;
use mesh_model::{Code, Digest, DomainName, NodeId, limits};
use mesh_proto::status::MeshError;
use mesh_proto::v1::feed_service_server::{FeedService, FeedServiceServer};
use mesh_proto::v1::{
    FeedAttachmentRequest, FeedAttachmentResponse, FeedConsistencyRequest, FeedConsistencyResponse, FeedHeadsRequest,
    FeedHeadsResponse, FeedRangeRequest, FeedRangeResponse, SignedFeedHead,
};
use mesh_tlog::{Hash, ProveError, prove_consistency};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use crate::attachments;
use crate::core::{Core, storage_error};
use crate::replicas::copy::store_id;
use crate::replicas::forks::forked;
use crate::replicas::turn::{DOMAINS, HEADS, place, read_place};
use crate::replicas::{heads, writers};

/// Largest request, in bytes: 256 domains and what is held of them.
const REQUEST_BYTES: usize = 1 << 20;
/// Bytes of heads after which a page ends.
const PAGE_BYTES: usize = 512 << 10;
/// Batches of one stream; whoever wants more asks again.
const BATCHES: usize = 64;
/// Bytes of an attachment in one message.
const PIECE: usize = 256 << 10;

pub(super) struct Service {
    core: Arc<Core>,
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

fn storage(error: &mesh_store::StoreError) -> MeshError {
    storage_error(error)
}

fn proof_error(error: &ProveError<mesh_store::StoreError>) -> MeshError {
    MeshError::new(Code::Damaged, error.to_string())
}

fn bytes_of(proof: &[Hash]) -> Vec<Vec<u8>> {
    proof.iter().map(|hash| hash.as_bytes().to_vec()).collect()
}

impl Service {
    pub(super) fn server(core: Arc<Core>) -> FeedServiceServer<Self> {
        FeedServiceServer::new(Self { core }).max_decoding_message_size(REQUEST_BYTES)
    }

    /// It is the transport's business that a sender can't lie about who it is; what it is told is public to the mesh, except private
    /// attachments, for which it has to sign.
    fn check_sender<T>(&self, request: &Request<T>, mesh_id: &[u8], from: NodeId) -> Result<(), MeshError> {
        super::check_member(&self.core, request, mesh_id, from)
    }

    /// A feed that may be served up to `size`.
    fn feed(&self, domain: &str, epoch: u64, size: u64) -> Result<mesh_store::Feed, MeshError> {
        let bad = |text: String| MeshError::new(Code::BadArgument, text);
        let domain = DomainName::parse(domain).map_err(|error| bad(format!("domain: {error}")))?;
        if forked(&self.core, &domain)?.is_some_and(|forked| epoch >= forked) {
            let text = format!(
                "epoch {epoch} of the feed of {domain} was signed in two histories; it is not served until that is resolved"
            );
            return Err(MeshError::new(Code::FeedForked, text));
        }
        let id = FeedId { domain, epoch };
        let held = heads::of_feed(&self.core, &id)?.map_or(0, |head| head.goal.size);
        if size > held {
            let text = format!("this node has {held} events of {}/{epoch}; expected {size}", id.domain);
            return Err(MeshError::new(Code::NotFound, text));
        }
        Ok(self.core.store.feed(store_id(&id)?))
    }

    fn stream_seat(&self) -> Result<OwnedSemaphorePermit, MeshError> {
        let seat = Arc::clone(self.core.replicas.streams()).try_acquire_owned();
        seat.map_err(|_| MeshError::new(Code::QueueFull, "this node serves as many streams as it may; try again"))
    }
}

#[tonic::async_trait]
impl FeedService for Service {
    type FeedRangeStream = Answers<FeedRangeResponse>;
    type FeedAttachmentStream = Answers<FeedAttachmentResponse>;

    async fn feed_heads(&self, request: Request<FeedHeadsRequest>) -> Result<Response<FeedHeadsResponse>, Status> {
        let message = request.get_ref();
        self.check_sender(&request, &message.mesh_id, message.from_node_id)?;
        let request = request.into_inner();
        if request.domains.len() > DOMAINS || request.held.len() > HEADS {
            let (domains, held) = (request.domains.len(), request.held.len());
            let text =
                format!("{domains} domains and {held} heads in one request; at most {DOMAINS} and {HEADS} are taken");
            return Err(MeshError::new(Code::TooLarge, text).into());
        }
        let core = Arc::clone(&self.core);
        Ok(Response::new(self.core.offload(move || answer_heads(&core, &request)).await?))
    }

    async fn feed_range(&self, request: Request<FeedRangeRequest>) -> Result<Response<Self::FeedRangeStream>, Status> {
        let message = request.get_ref();
        self.check_sender(&request, &message.mesh_id, message.from_node_id)?;
        let request = request.into_inner();
        if request.from >= request.size {
            let text = format!("from is {} and size {}; expected a smaller from", request.from, request.size);
            return Err(MeshError::new(Code::BadArgument, text).into());
        }
        let seat = self.stream_seat()?;
        let feed = self.feed(&request.domain, request.epoch, request.size)?;
        let (tell, told) = mpsc::channel(2);
        // It waits while the asker is slow, and ends when the asker goes away or the node stops.
        let (core, feed) = (Arc::clone(&self.core), Arc::new(feed));
        self.core.tasks.spawn(async move {
            let _seat = seat;
            let (mut from, size) = (request.from, request.size);
            for _ in 0..BATCHES {
                let reader = Arc::clone(&feed);
                let batch = core.offload(move || next_batch(&reader, from, size)).await;
                let taken = batch.as_ref().map_or(0, |(count, _)| *count);
                let message = batch.map(|(_, message)| message).map_err(Status::from);
                let failed = message.is_err();
                let sent = tokio::select! {
                    sent = tell.send(message) => sent.is_ok(),
                    () = core.stopping.cancelled() => false,
                };
                if !sent || failed {
                    return;
                }
                from += taken;
                if from >= size {
                    return;
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(told))))
    }

    async fn feed_consistency(
        &self,
        request: Request<FeedConsistencyRequest>,
    ) -> Result<Response<FeedConsistencyResponse>, Status> {
        let message = request.get_ref();
        self.check_sender(&request, &message.mesh_id, message.from_node_id)?;
        let request = request.into_inner();
        if request.old_size > request.size {
            let text =
                format!("old_size is {} and size {}; expected a smaller old_size", request.old_size, request.size);
            return Err(MeshError::new(Code::BadArgument, text).into());
        }
        let feed = self.feed(&request.domain, request.epoch, request.size)?;
        let log = feed.log();
        let old_root = log.root_at(request.old_size).map_err(|e| storage(&e))?;
        let root = log.root_at(request.size).map_err(|e| storage(&e))?;
        let proof = prove_consistency(log, request.old_size, request.size).map_err(|error| proof_error(&error))?;
        Ok(Response::new(FeedConsistencyResponse {
            old_root: old_root.as_bytes().to_vec(),
            root: root.as_bytes().to_vec(),
            proof: bytes_of(&proof),
        }))
    }

    async fn feed_attachment(
        &self,
        request: Request<FeedAttachmentRequest>,
    ) -> Result<Response<Self::FeedAttachmentStream>, Status> {
        let message = request.get_ref();
        self.check_sender(&request, &message.mesh_id, message.from_node_id)?;
        let request = request.into_inner();
        let bad = |text: String| MeshError::new(Code::BadArgument, text);
        let domain = DomainName::parse(&request.domain).map_err(|error| bad(format!("domain: {error}")))?;
        let digest = Digest::from_slice(&request.digest).ok_or_else(|| bad("digest: expected 32 bytes".to_owned()))?;
        let seat = self.stream_seat()?;
        let file =
            attachments::for_keeper(&self.core, request.from_node_id, &domain, digest, &request.read_request).await?;
        let (tell, told) = mpsc::channel(2);
        let stopping = self.core.stopping.clone();
        self.core.tasks.spawn(async move {
            let _seat = seat;
            let length = file.len() as u64;
            for (n, piece) in file.chunks(PIECE).enumerate() {
                let length = if n == 0 { length } else { 0 };
                let sent = tokio::select! {
                    sent = tell.send(Ok(FeedAttachmentResponse { bytes: piece.to_vec(), length })) => sent.is_ok(),
                    () = stopping.cancelled() => false,
                };
                if !sent {
                    return;
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(told))))
    }
}

/// A page of heads. What the asker said that it holds goes onto the board.
fn answer_heads(core: &Arc<Core>, request: &FeedHeadsRequest) -> Result<FeedHeadsResponse, MeshError> {
    let mut held = std::collections::BTreeMap::new();
    for place in &request.held {
        let Some((feed, goal)) = read_place(place) else {
            return Err(MeshError::new(Code::BadArgument, "held: expected a domain and a root of 32 bytes"));
        };
        if writers::of(core, &feed)?.is_some() {
            core.replicas.copies().heard(&feed, request.from_node_id, goal.size, std::time::Instant::now());
        }
        held.insert(feed, goal);
    }
    let mut answer = FeedHeadsResponse::default();
    let mut bytes = 0;
    for name in &request.domains {
        let domain =
            DomainName::parse(name).map_err(|error| MeshError::new(Code::BadArgument, format!("domains: {error}")))?;
        let heads = heads::of_domain(core, &domain)?;
        if !answer.heads.is_empty() && (bytes > PAGE_BYTES || answer.heads.len() + heads.len() > HEADS) {
            answer.next_domain.clone_from(name);
            break;
        }
        for (id, head) in heads.into_iter().take(HEADS) {
            let note = if held.get(&id) == Some(&head.goal) { Vec::new() } else { head.note };
            bytes += note.len() + 128;
            answer.heads.push(SignedFeedHead { place: Some(place(&id, head.goal)), note });
        }
    }
    Ok(answer)
}

/// The next events of a stream with their proof, within the limits of one batch.
fn next_batch(feed: &mesh_store::Feed, from: u64, size: u64) -> Result<(u64, FeedRangeResponse), MeshError> {
    let mut events = Vec::new();
    let mut bytes = 0;
    let leaves = feed.log().leaves(from..size, limits::FEED_BATCH).map_err(|e| storage(&e))?;
    for (expected, (seq, leaf)) in (from..).zip(leaves) {
        bytes += leaf.len();
        if seq != expected || (!events.is_empty() && bytes > limits::FEED_BATCH_BYTES) {
            break;
        }
        events.push(leaf);
    }
    if events.is_empty() {
        return Err(MeshError::new(Code::Damaged, format!("event {from} of a feed is not there")));
    }
    let count = events.len() as u64;
    let proof = prove_consistency(feed.log(), from + count, size).map_err(|error| proof_error(&error))?;
    Ok((count, FeedRangeResponse { events, proof: bytes_of(&proof) }))
}
