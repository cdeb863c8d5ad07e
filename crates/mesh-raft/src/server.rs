//! What peers ask of this node.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::{FutureExt as _, Stream, StreamExt as _, future, stream};
use mesh_event::LedgerEntry;
use mesh_governance::read;
use mesh_model::{Code, NodeId, limits};
use mesh_proto::status::MeshError;
use mesh_proto::v1::raft_service_server::RaftService;
use mesh_proto::v1::{
    HelloRequest, HelloResponse, ProposeRequest, ProposeResponse, ProposeResult, RaftFrame, SealedLeaf, SnapshotChunk,
    snapshot_chunk::Part,
};
use mesh_tlog::Frontier;
use openraft::EntryPayload;
use openraft::async_runtime::WatchReceiver as _;
use openraft::raft::{AppendEntriesRequest, TransferLeaderRequest, VoteRequest};
use prost::Message as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tonic::{Request, Response, Status, Streaming};

use crate::contact::Contact;
use crate::frame::{self, SnapshotAnswer, SnapshotHeader};
use crate::identity::Identity;
use crate::import::{Import, ImportError};
use crate::later_members::LaterMembers;
use crate::log_store::LogStore;
use crate::machine::Machine;
use crate::offload::offload;
use crate::options::Clock;
use crate::peer_identity::PeerIdentity;
use crate::propose_error::ProposeError;
use crate::proposer::Proposer;
use crate::reads_only::ReadsOnly;
use crate::snapshot::{Data, Snapshot, SnapshotData};
use crate::tail::LedgerTail;
use crate::tokio_config::{Config, Raft, Runtime};

/// Longest wait for entries of another node that names no deadline.
const PATIENCE: Duration = Duration::from_secs(30);
/// Longest wait for the next chunk of a snapshot.
const CHUNK: Duration = Duration::from_secs(30);
/// How a leader is told that its stamp is not believed; nothing else that peers ask is answered so.
pub(crate) const STAMP_AHEAD: tonic::Code = tonic::Code::OutOfRange;
/// Most entries in one request to propose.
const ENTRIES: usize = 1024;
/// What a node says that has a ledger and nothing of Raft.
const NEEDS_SNAPSHOT: &str = "this node's ledger came from its peers: it needs a snapshot first";

/// Serves `RaftService`: openraft's questions from voters, and entries from any node of the mesh.
///
/// Each frame names its mesh and its sender, who must be a voter or learner, and the one that the transport proved.
pub struct RaftServer {
    pub(crate) me: Arc<Identity>,
    pub(crate) raft: Raft,
    pub(crate) machine: Arc<Machine>,
    pub(crate) log: LogStore<Runtime>,
    pub(crate) tail: LedgerTail,
    pub(crate) proposer: Proposer,
    /// Whether the transport proves who sends.
    pub(crate) authenticates: bool,
    pub(crate) founders: BTreeSet<NodeId>,
    pub(crate) later: LaterMembers,
    pub(crate) clock: Clock,
    pub(crate) contact: Arc<Contact>,
    /// Why this node answers nothing that openraft asks, if so.
    pub(crate) reads_only: ReadsOnly,
    /// True once the node stops: streams of peers, who don't know, end then.
    pub(crate) stopping: watch::Receiver<bool>,
}

/// Who the transport says is at the other end; `None` where it proves nothing.
#[derive(Debug, Clone, Copy)]
struct Sender(Option<NodeId>);

/// The stamp alone: the rest of an entry is skipped, not copied.
#[derive(prost::Message)]
struct Stamp {
    #[prost(uint64, tag = "1")]
    stamp_unix_ms: u64,
}

impl RaftServer {
    fn check_mesh(&self, mesh_id: &[u8]) -> Result<(), Status> {
        let checked = self.me.check_mesh(mesh_id);
        checked.map_err(|mismatch| MeshError::new(Code::WrongMesh, mismatch.to_string()).into())
    }

    /// Founders, and whoever voted later by the ledger, stay members for those who don't know of Raft's changes yet, until the council takes
    /// them out: an observer that is called to vote begins with a leader that no configuration of Raft on its disk names. And whom the
    /// node found to vote by a later part of the ledger is one before the own log says so.
    ///
    /// Everything that openraft asks comes through here, so this is where a reader refuses: an answer, even one of an empty log, could
    /// make a quorum of what it promised before and forgot.
    fn check_member(&self, mesh_id: &[u8], from: NodeId, group: &[u8]) -> Result<(), Status> {
        self.check_mesh(mesh_id)?;
        if let Some(why) = self.reads_only.get() {
            let text = format!("node {} only reads: {why}", self.me.node_id);
            return Err(MeshError::new(Code::ReadOnly, text).into());
        }
        // Before anybody's membership: those before a recovery may know each other, and have a longer log and a later term.
        if self.machine.group().map_err(|error| Status::unavailable(error.to_string()))? != group {
            let text = format!(
                "nodes {from} and {} are not among the same voters: the council recovered them after a lost quorum",
                self.me.node_id
            );
            return Err(MeshError::new(Code::OtherVoters, text).into());
        }
        let metrics = self.raft.metrics();
        let known = metrics.borrow_watched().membership_config.membership().get_node(&from).is_some();
        if known {
            return Ok(());
        }
        let voted =
            || read::was_voter(&self.machine.state, from).map_err(|error| Status::unavailable(error.to_string()));
        if self.founders.contains(&from) || self.later.contains(from) || voted()? {
            let revoked = read::node_revocation(&self.machine.state, from);
            return match revoked.map_err(|error| Status::unavailable(error.to_string()))? {
                None => Ok(()),
                Some(revoked) => {
                    let text = format!("node {from} was revoked at index {}", revoked.index);
                    Err(MeshError::new(Code::NodeRevoked, text).into())
                }
            };
        }
        Err(MeshError::new(Code::UnknownNode, format!("node {from} is no voter or learner of this mesh")).into())
    }

    fn sender<T>(&self, request: &Request<T>) -> Result<Sender, Status> {
        let proven = self.authenticates.then(|| PeerIdentity::of(request.extensions())).transpose()?;
        Ok(Sender(proven.map(|peer| peer.node_id)))
    }

    fn open<T: DeserializeOwned>(&self, sender: Sender, frame: &RaftFrame) -> Result<T, Status> {
        sender.check(frame.from_node_id)?;
        self.check_member(&frame.mesh_id, frame.from_node_id, &frame.group)?;
        frame::decode(&frame.frame).map_err(|error| malformed(error.to_string()))
    }

    /// An answer goes to whoever asked on this connection, and was let in by its group.
    fn seal<T: Serialize>(&self, value: &T) -> Response<RaftFrame> {
        Response::new(frame::seal(&self.me, &[], value))
    }

    /// Refuses entries from a future that this node's clock doesn't believe in, before Raft sees them. What a quorum has is believed, and
    /// so is the time that the ledger has reached: refusing either would only keep this node back. What this node's log has is no news:
    /// it may be what a quorum has already, and whoever leads sends it again to learn that.
    fn check_stamps(&self, request: &AppendEntriesRequest<Config>) -> Result<(), Status> {
        let mut limit = (self.clock)().saturating_add(limits::STAMP_AHEAD_MS).max(self.tail.last_stamp());
        for entry in &request.entries {
            let EntryPayload::Normal(proposal) = &entry.payload else {
                continue;
            };
            let Stamp { stamp_unix_ms } = Stamp::decode(proposal.bytes())
                .map_err(|error| malformed(format!("entry {}: {error}", entry.log_id)))?;
            if request.leader_commit >= Some(entry.log_id) {
                limit = limit.max(stamp_unix_ms);
            }
            let has = |id| self.log.has(id).map_err(|error| Status::unavailable(error.to_string()));
            if stamp_unix_ms > limit && !has(entry.log_id)? {
                let ahead = stamp_unix_ms.saturating_sub((self.clock)());
                tracing::error!(log_id = %entry.log_id, ahead, "the leader's stamp is ahead of this node's clock");
                let text = format!(
                    "expected a stamp at most {} ms ahead of this node's clock, found one {ahead} ms ahead",
                    limits::STAMP_AHEAD_MS
                );
                return Err(Status::new(STAMP_AHEAD, text));
            }
        }
        Ok(())
    }

    /// Raft's entries make leaves that a node has already which was an observer: it begins with a snapshot.
    fn check_beginning(&self) -> Result<(), Status> {
        if self.machine.needs_snapshot().map_err(|error| broken(&error))? {
            return Err(MeshError::new(Code::NotCaughtUp, NEEDS_SNAPSHOT).into());
        }
        Ok(())
    }

    /// Takes a snapshot in, or says what of it is needed.
    async fn receive(
        &self,
        sender: Sender,
        mut chunks: Streaming<SnapshotChunk>,
    ) -> Result<SnapshotAnswer<Runtime>, Status> {
        let Some(Part::Header(header)) = self.next_part(sender, &mut chunks).await? else {
            return Err(malformed("a snapshot begins with its header".into()));
        };
        let header: SnapshotHeader<Runtime> = frame::decode(&header).map_err(|error| malformed(error.to_string()))?;
        let target = Frontier::from_bytes(&header.frontier).map_err(|error| malformed(error.to_string()))?;
        let vote = self.raft.metrics().borrow_watched().vote;
        if vote > header.vote {
            return Ok(SnapshotAnswer::Done { vote });
        }
        if header.asks {
            let ledger_size = self.machine.state.ledger().size().map_err(|error| broken(&error))?;
            return Ok(SnapshotAnswer::Holds { ledger_size, vote });
        }
        self.contact.heard();
        let slot = self.machine.import_slot().ok_or_else(|| Status::unavailable("another snapshot is coming in"))?;
        // Leaves that a peer sent and that are being applied in this moment come first.
        let tail = self.tail.clone();
        drop(offload(move || tail.settle()).await);
        let mut import = Import::begin(slot, target).await.map_err(refused)?;
        while let Some(part) = self.next_part(sender, &mut chunks).await? {
            match part {
                Part::State(records) => import.state(records.keys, records.values).await,
                Part::Leaves(leaves) => import.leaves(leaves.first_index, &leaves.leaves).await,
                Part::Header(_) => return Err(malformed("a snapshot has one header".into())),
            }
            .map_err(refused)?;
        }
        let received = import.finish().map_err(refused)?;
        self.check_place(&header)?;
        let data = SnapshotData(Data::Received(Box::new(received)));
        let snapshot = Snapshot::<Runtime> { meta: header.meta, snapshot: data };
        let answer = self.raft.install_full_snapshot(header.vote, snapshot).await;
        let answer = answer.map_err(|fatal| Status::unavailable(fatal.to_string()))?;
        Ok(SnapshotAnswer::Done { vote: answer.vote })
    }

    /// openraft takes these for impossible and panics.
    fn check_place(&self, header: &SnapshotHeader<Runtime>) -> Result<(), Status> {
        let Some(last) = header.meta.last_log_id else {
            return Err(malformed("a snapshot of nothing".into()));
        };
        if last.committed_leader_id().term > header.vote.leader_id.term || !header.vote.committed {
            return Err(malformed(format!("a snapshot up to {last} from the leader {}", header.vote)));
        }
        let committed = self.raft.metrics().borrow_watched().local_committed;
        match committed {
            Some(committed) if last > committed && last.index <= committed.index => {
                Err(malformed(format!("a snapshot up to {last}, expected one that has the committed {committed}")))
            }
            _ => Ok(()),
        }
    }

    async fn next_part(&self, sender: Sender, chunks: &mut Streaming<SnapshotChunk>) -> Result<Option<Part>, Status> {
        let next = tokio::time::timeout(CHUNK, chunks.message()).await;
        let Some(chunk) = next.map_err(|_| Status::deadline_exceeded("the next chunk did not come in time"))?? else {
            return Ok(None);
        };
        sender.check(chunk.from_node_id)?;
        self.check_member(&chunk.mesh_id, chunk.from_node_id, &chunk.group)?;
        let part = chunk.part.ok_or_else(|| malformed("a chunk without a part".into()))?;
        Ok(Some(part))
    }

    async fn propose_one(&self, bytes: Vec<u8>) -> ProposeResult {
        let entry = match LedgerEntry::decode(&bytes) {
            Ok(entry) => entry,
            Err(error) => return failed(Code::Malformed, error.to_string()),
        };
        let pending = self.proposer.enqueue(entry.body, PATIENCE, true);
        let answer = match pending {
            Ok(pending) => pending.answer().await,
            Err(error) => Err(error),
        };
        match answer {
            Ok(leaves) => {
                let leaf = |leaf: crate::sealed::SealedLeaf| SealedLeaf {
                    ledger_index: leaf.index,
                    code: leaf.code().number(),
                    detail: leaf.detail,
                };
                ProposeResult { leaves: leaves.into_iter().map(leaf).collect(), code: None, detail: String::new() }
            }
            Err(ProposeError::Refused { code, detail }) => failed(code, detail),
            Err(ProposeError::Unavailable { why }) => failed(Code::Unavailable, why),
            Err(ProposeError::OutcomeUnknown { why }) => failed(Code::OutcomeUnknown, why),
            Err(error) => failed(error.code(), error.to_string()),
        }
    }
}

#[tonic::async_trait]
impl RaftService for RaftServer {
    async fn hello(&self, request: Request<HelloRequest>) -> Result<Response<HelloResponse>, Status> {
        self.sender(&request)?.check(request.get_ref().node_id)?;
        let hello = request.into_inner();
        let greeting = self.me.greet(&hello);
        let clock_unix_ms = Some((self.clock)());
        greeting.map(|greeting| Response::new(HelloResponse { clock_unix_ms, ..greeting })).map_err(|mismatch| {
            tracing::warn!(peer = hello.node_id, build = hello.build, %mismatch, "a peer was refused");
            Status::failed_precondition(mismatch.to_string())
        })
    }

    async fn vote(&self, request: Request<RaftFrame>) -> Result<Response<RaftFrame>, Status> {
        let question: VoteRequest<Config> = self.open(self.sender(&request)?, request.get_ref())?;
        let answer = self.raft.vote(question).await.map_err(|error| Status::unavailable(error.to_string()))?;
        Ok(self.seal(&answer))
    }

    async fn pre_vote(&self, request: Request<RaftFrame>) -> Result<Response<RaftFrame>, Status> {
        let question: VoteRequest<Config> = self.open(self.sender(&request)?, request.get_ref())?;
        let answer = self.raft.pre_vote(question).await.map_err(|error| Status::unavailable(error.to_string()))?;
        Ok(self.seal(&answer))
    }

    async fn transfer_leader(&self, request: Request<RaftFrame>) -> Result<Response<RaftFrame>, Status> {
        let question: TransferLeaderRequest<Config> = self.open(self.sender(&request)?, request.get_ref())?;
        let answer = self.raft.handle_transfer_leader(question).await;
        Ok(self.seal(&answer.map_err(|fatal| Status::unavailable(fatal.to_string()))?))
    }

    type AppendStreamStream = Pin<Box<dyn Stream<Item = Result<RaftFrame, Status>> + Send>>;

    async fn append_stream(
        &self,
        request: Request<Streaming<RaftFrame>>,
    ) -> Result<Response<Self::AppendStreamStream>, Status> {
        let sender = self.sender(&request)?;
        let (server, stopped) = (self.handle(), self.stopped());
        let frames = request.into_inner();
        // What ended the input, for the end of the output.
        let fault = Arc::new(Mutex::new(None));
        let told = Arc::clone(&fault);
        let requests = stream::unfold(Some((frames, server)), move |state| {
            let fault = Arc::clone(&fault);
            async move {
                let (mut frames, server) = state?;
                let request = match frames.message().await {
                    Ok(None) => return None,
                    Ok(Some(frame)) => server.open::<AppendEntriesRequest<Config>>(sender, &frame),
                    Err(status) => Err(status),
                };
                match request.and_then(|request| {
                    server.check_beginning()?;
                    server.check_stamps(&request)?;
                    Ok(request)
                }) {
                    Ok(request) => {
                        server.contact.heard();
                        Some((request, Some((frames, server))))
                    }
                    Err(status) => {
                        *fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(status);
                        None
                    }
                }
            }
        });
        let me = Arc::clone(&self.me);
        let answers = self.raft.stream_append(requests.take_until(Box::pin(stopped))).map(move |answer| match answer {
            Ok(answer) => Ok(frame::seal(&me, &[], &answer)),
            Err(fatal) => Err(Status::unavailable(fatal.to_string())),
        });
        let end = async move { told.lock().unwrap_or_else(PoisonError::into_inner).take() };
        let end = end.into_stream().filter_map(|fault| future::ready(fault.map(Err)));
        Ok(Response::new(Box::pin(answers.chain(end))))
    }

    async fn install_snapshot(
        &self,
        request: Request<Streaming<SnapshotChunk>>,
    ) -> Result<Response<RaftFrame>, Status> {
        let sender = self.sender(&request)?;
        tokio::select! {
            answer = self.receive(sender, request.into_inner()) => Ok(self.seal(&answer?)),
            () = self.stopped() => Err(Status::unavailable("the node is stopping")),
        }
    }

    async fn propose(&self, request: Request<ProposeRequest>) -> Result<Response<ProposeResponse>, Status> {
        // Any node of the mesh may; its entries prove themselves.
        self.sender(&request)?;
        let ProposeRequest { mesh_id, entries } = request.into_inner();
        self.check_mesh(&mesh_id)?;
        if entries.len() > ENTRIES {
            let text = format!("expected at most {ENTRIES} entries, found {}", entries.len());
            return Err(MeshError::new(Code::TooLarge, text).into());
        }
        let results = future::join_all(entries.into_iter().map(|bytes| self.propose_one(bytes))).await;
        let leader_node_id = self.raft.metrics().borrow_watched().current_leader;
        Ok(Response::new(ProposeResponse { results, leader_node_id }))
    }
}

impl RaftServer {
    /// Done once the node stops.
    fn stopped(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut stopping = self.stopping.clone();
        async move {
            // An error: the node is gone.
            drop(stopping.wait_for(|stopping| *stopping).await);
        }
    }

    /// A second handle for a stream that outlives the call.
    fn handle(&self) -> Self {
        Self {
            me: Arc::clone(&self.me),
            raft: self.raft.clone(),
            machine: Arc::clone(&self.machine),
            log: self.log.clone(),
            tail: self.tail.clone(),
            proposer: self.proposer.clone(),
            authenticates: self.authenticates,
            founders: self.founders.clone(),
            later: self.later.clone(),
            clock: Arc::clone(&self.clock),
            contact: Arc::clone(&self.contact),
            reads_only: self.reads_only.clone(),
            stopping: self.stopping.clone(),
        }
    }
}

impl Sender {
    fn check(self, from: NodeId) -> Result<(), MeshError> {
        match self.0 {
            Some(proven) if proven != from => Err(PeerIdentity::other_sender(proven, from)),
            _ => Ok(()),
        }
    }
}

fn failed(code: Code, detail: String) -> ProposeResult {
    ProposeResult { leaves: Vec::new(), code: Some(code.number()), detail }
}

fn malformed(why: String) -> Status {
    MeshError::new(Code::Malformed, why).into()
}

fn broken(error: &mesh_store::StoreError) -> Status {
    MeshError::new(Code::StorageFailed, error.chain()).into()
}

fn refused(error: ImportError) -> Status {
    match error {
        ImportError::Store(error) => broken(&error),
        error => MeshError::new(Code::Malformed, error.to_string()).into(),
    }
}
