//! What openraft sends to one peer.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::{Stream, StreamExt as _, stream};
use mesh_model::Code;
use mesh_proto::status::MeshError;
use mesh_proto::v1::{LedgerLeaves, RaftFrame, SnapshotChunk, StateRecords, snapshot_chunk::Part};
use openraft::base::{BoxFuture, BoxStream};
use openraft::errors::{NetworkError, RPCError, ReplicationClosed, StreamingError, Timeout, Unreachable};
use openraft::network::RPCOption;
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, StreamAppendResult, TransferLeaderRequest,
    TransferLeaderResponse, VoteRequest, VoteResponse,
};
use openraft::{OptionalSend, RPCTypes, RaftNetworkV2};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use crate::export::Export;
use crate::exports::StatePage;
use crate::frame::{self, SnapshotAnswer, SnapshotHeader};
use crate::giving_way::Doubts;
use crate::identity::Identity;
use crate::machine::Machine;
use crate::peer::{Client, Connected, Peer};
use crate::server::STAMP_AHEAD;
use crate::snapshot::{Data, Snapshot, SnapshotData};
use crate::tokio_config::{Config, Runtime};
use crate::type_config::Vote;

/// How long a follower may leave a request of the replication stream unanswered, if openraft gives less: a slow disk is no lost
/// connection.
const ANSWER: Duration = Duration::from_secs(2);
/// Pause after a replication stream that didn't come about.
const PAUSE: Duration = Duration::from_millis(50);
/// The longest pause that openraft makes between attempts (its own doubles up to this).
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// How long one chunk of a snapshot may take, and the installation at its end.
const CHUNK: Duration = Duration::from_secs(30);
/// Bytes of leaves per chunk.
const CHUNK_BYTES: usize = 1 << 20;

/// openraft's network to one peer.
pub(crate) struct Link {
    me: Arc<Identity>,
    peer: Arc<Peer>,
    machine: Arc<Machine>,
    doubts: Doubts,
}

type Error = RPCError<Config>;

impl Link {
    pub(crate) fn new(me: Arc<Identity>, peer: Arc<Peer>, machine: Arc<Machine>, doubts: Doubts) -> Self {
        Self { me, peer, machine, doubts }
    }

    /// Sends a snapshot to a peer that was an observer and now receives the log: openraft itself would begin with the log's first entry.
    /// It goes on by itself; openraft asks again until the peer has it.
    fn bring_up(&self, vote: Vote<Runtime>) {
        let (me, peer) = (Arc::clone(&self.me), Arc::clone(&self.peer));
        let link = Self { me, peer, machine: Arc::clone(&self.machine), doubts: self.doubts.clone() };
        tokio::spawn(async move {
            let Some(_alone) = link.peer.begin_snapshot() else { return };
            let peer = link.peer.id();
            let sent = match Export::begin(&link.machine) {
                Ok(export) => link.send_snapshot(vote, export).await.map(drop).map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            match sent {
                Ok(()) => tracing::info!(peer, "an observer has a snapshot and receives the log from here on"),
                Err(error) => tracing::debug!(peer, %error, "an observer has no snapshot yet"),
            }
        });
    }

    async fn connected(&self, within: Duration) -> Result<Connected, Error> {
        self.peer.connected(within).await.map_err(|error| unreachable(&error))
    }

    fn timeout(&self, action: RPCTypes, timeout: Duration) -> Error {
        Timeout { action, id: self.me.node_id, target: self.peer.id(), timeout }.into()
    }

    /// One question, one answer, within openraft's time for it.
    async fn call<Q, A, F>(
        &self,
        action: RPCTypes,
        question: &Q,
        option: &RPCOption,
        call: impl FnOnce(Client, Request<RaftFrame>) -> F,
    ) -> Result<A, Error>
    where
        Q: Serialize,
        A: DeserializeOwned,
        F: Future<Output = Result<Response<RaftFrame>, Status>>,
    {
        let within = option.soft_ttl();
        let exchange = async {
            let connected = self.connected(within).await?;
            let number = connected.number();
            let mut request = Request::new(frame::seal(&self.me, &self.group()?, question));
            request.set_timeout(within);
            match call(connected.client, request).await {
                Ok(answer) => frame::decode(&answer.get_ref().frame).map_err(|error| NetworkError::new(&error).into()),
                Err(status) => Err(self.failed(number, &status)),
            }
        };
        tokio::time::timeout(within, exchange).await.unwrap_or_else(|_| Err(self.timeout(action, within)))
    }

    /// What a failed call means to openraft; the connection is made anew if it may be at fault.
    fn failed(&self, connection: u64, status: &Status) -> Error {
        let said_by_peer = said_by_peer(status);
        if !said_by_peer {
            self.peer.broke(connection);
        }
        if said_by_peer && status.code() == STAMP_AHEAD {
            self.doubts.hear(self.peer.id());
        }
        let text = format!("node {}: {}", self.peer.id(), status.message());
        if said_by_peer { Unreachable::from_string(text).into() } else { NetworkError::from_string(text).into() }
    }

    /// What this node can't read of its own is no failure of the peer, but it is all that openraft lets us say.
    fn group(&self) -> Result<Vec<u8>, Error> {
        self.machine.group().map_err(|error| unreachable(&error))
    }

    fn chunk(&self, group: &[u8], part: Part) -> SnapshotChunk {
        let (mesh_id, group) = (self.me.mesh_id.0.to_vec(), group.to_vec());
        SnapshotChunk { mesh_id, from_node_id: self.me.node_id, part: Some(part), group }
    }

    /// Sends chunks and decodes the answer.
    async fn install(
        &self,
        chunks: impl Stream<Item = SnapshotChunk> + Send + 'static,
    ) -> Result<SnapshotAnswer<Runtime>, Error> {
        let Connected { mut client, .. } = self.connected(CHUNK).await?;
        let answer = client.install_snapshot(chunks).await;
        let answer = answer.map_err(|status| {
            Error::from(NetworkError::from_string(format!("node {}: {}", self.peer.id(), status.message())))
        })?;
        frame::decode(&answer.get_ref().frame).map_err(|error| NetworkError::new(&error).into())
    }

    async fn send_snapshot(
        &self,
        vote: Vote<Runtime>,
        export: Export<Runtime>,
    ) -> Result<SnapshotResponse<Config>, Error> {
        let group = self.group()?;
        let header = |asks| {
            let header = SnapshotHeader::<Runtime> {
                vote,
                meta: export.meta().clone(),
                frontier: export.frontier().to_bytes(),
                asks,
            };
            self.chunk(&group, Part::Header(frame::encode(&header)))
        };
        let question = self.install(stream::iter([header(true)]));
        let answer = tokio::time::timeout(CHUNK, question).await;
        let holds = match answer.unwrap_or_else(|_| Err(self.timeout(RPCTypes::InstallSnapshot, CHUNK)))? {
            SnapshotAnswer::Holds { vote: theirs, .. } if theirs > vote => return Ok(SnapshotResponse::new(theirs)),
            SnapshotAnswer::Holds { ledger_size, .. } => ledger_size,
            SnapshotAnswer::Done { vote } => return Ok(SnapshotResponse::new(vote)),
        };
        // Two chunks on the way: reading goes on while one is sent.
        let (sender, chunks) = mpsc::channel(2);
        let first = header(false);
        let send = async {
            let sent = self.send_chunks(&sender, &group, first, &export, holds).await;
            drop(sender);
            // Then the receiver puts the snapshot in use.
            match sent {
                Ok(()) => tokio::time::sleep(CHUNK).await,
                Err(why) => return Err(why),
            }
            Err(self.timeout(RPCTypes::InstallSnapshot, CHUNK))
        };
        let answer = tokio::select! {
            answer = self.install(ReceiverStream::new(chunks)) => answer,
            sent = send => sent,
        };
        match answer? {
            SnapshotAnswer::Done { vote } | SnapshotAnswer::Holds { vote, .. } => Ok(SnapshotResponse::new(vote)),
        }
    }

    async fn send_chunks(
        &self,
        sender: &mpsc::Sender<SnapshotChunk>,
        group: &[u8],
        header: SnapshotChunk,
        export: &Export<Runtime>,
        mut next_leaf: u64,
    ) -> Result<(), Error> {
        let send = async |part| {
            let sent = tokio::time::timeout(CHUNK, sender.send(part)).await;
            match sent {
                Ok(Ok(())) => Ok(()),
                // The receiver ended the call: its answer says why.
                Ok(Err(_)) => std::future::pending().await,
                Err(_) => Err(self.timeout(RPCTypes::InstallSnapshot, CHUNK)),
            }
        };
        send(header).await?;
        // What can't be read here is no failure of the peer, but it is all that openraft lets us say: it backs off and asks again.
        while let Some(page) = export.state().map_err(|error| unreachable(&error))? {
            for part in pieces(page) {
                send(self.chunk(group, Part::State(part))).await?;
            }
        }
        while next_leaf < export.frontier().size() {
            let leaves = export.leaves(next_leaf, CHUNK_BYTES).map_err(|error| unreachable(&error))?;
            let count = leaves.len() as u64;
            send(self.chunk(group, Part::Leaves(LedgerLeaves { first_index: next_leaf, leaves }))).await?;
            next_leaf += count;
        }
        Ok(())
    }
}

/// A page of entries in messages of bounded size.
fn pieces(page: StatePage) -> Vec<StateRecords> {
    let mut pieces = vec![StateRecords::default()];
    let mut bytes = 0;
    for (key, value) in page {
        if bytes > CHUNK_BYTES {
            pieces.push(StateRecords::default());
            bytes = 0;
        }
        bytes += key.len() + value.len();
        let piece = pieces.last_mut().expect("there is one from the beginning");
        piece.keys.push(key);
        piece.values.push(value);
    }
    pieces
}

impl RaftNetworkV2<Config> for Link {
    type SnapshotData = SnapshotData;

    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<Config>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<Config>, Error> {
        // openraft replicates through streams only; one request is a stream of one.
        let (prev, last) = (request.prev_log_id, request.entries.last().map(|entry| entry.log_id));
        let mut answers = self.stream_append(stream::iter([request]), option).await?;
        let answer =
            answers.next().await.unwrap_or_else(|| Err(NetworkError::from_string("the stream ended early").into()))?;
        Ok(match answer {
            Ok(matched) if matched == last.or(prev) => AppendEntriesResponse::Success,
            Ok(matched) => AppendEntriesResponse::PartialSuccess(matched),
            Err(openraft::raft::StreamAppendError::Conflict(_)) => AppendEntriesResponse::Conflict,
            Err(openraft::raft::StreamAppendError::HigherVote(vote)) => AppendEntriesResponse::HigherVote(vote),
        })
    }

    fn stream_append<'s, S>(
        &'s mut self,
        input: S,
        option: RPCOption,
    ) -> BoxFuture<'s, Result<BoxStream<'s, Result<StreamAppendResult<Config>, Error>>, Error>>
    where
        S: Stream<Item = AppendEntriesRequest<Config>> + OptionalSend + Unpin + 'static,
    {
        Box::pin(async move {
            let within = option.soft_ttl();
            let idle = within.max(ANSWER);
            let connected = match self.connected(within).await {
                Ok(connected) => connected,
                Err(error) => {
                    // openraft's pause after failures lies in its stream: without asking for a request, the next attempt would
                    // come at once, and so on, as fast as the processor allows.
                    let mut input = input;
                    drop(tokio::time::timeout(PAUSE_MAX, input.next()).await);
                    return Err(error);
                }
            };
            let group = self.group()?;
            let number = connected.number();
            let mut client = connected.client;
            let asked = Arc::new(AtomicU64::new(0));
            let vote = Arc::new(OnceLock::new());
            let requests = {
                let (me, asked, vote) = (Arc::clone(&self.me), Arc::clone(&asked), Arc::clone(&vote));
                input.map(move |request| {
                    asked.fetch_add(1, Ordering::SeqCst);
                    vote.get_or_init(|| request.vote);
                    frame::seal(&me, &group, &request)
                })
            };
            let opening = tokio::time::timeout(idle, client.append_stream(requests)).await;
            let answers = match opening {
                Ok(Ok(answers)) => answers.into_inner(),
                Ok(Err(status)) => {
                    let error = self.failed(number, &status);
                    tokio::time::sleep(PAUSE).await;
                    return Err(error);
                }
                Err(_) => {
                    self.peer.broke(number);
                    return Err(self.timeout(RPCTypes::AppendEntries, idle));
                }
            };
            let link = &*self;
            let results = stream::unfold(Some((answers, 0_u64)), move |state| {
                let (asked, vote) = (Arc::clone(&asked), Arc::clone(&vote));
                async move {
                    let (mut answers, answered) = state?;
                    loop {
                        let before = asked.load(Ordering::SeqCst);
                        return match tokio::time::timeout(idle, answers.message()).await {
                            Ok(Ok(Some(answer))) => {
                                let result = frame::decode::<StreamAppendResult<Config>>(&answer.frame);
                                match result {
                                    Ok(result) => Some((Ok(result), Some((answers, answered + 1)))),
                                    Err(error) => Some((Err(NetworkError::new(&error).into()), None)),
                                }
                            }
                            // The node stops: behind the next connection may be another program, which is greeted.
                            Ok(Ok(None)) => {
                                link.peer.broke(number);
                                None
                            }
                            Ok(Err(status)) => {
                                let needs_snapshot = MeshError::from(status.clone()).code == Code::NotCaughtUp;
                                if let Some(vote) = vote.get().filter(|_| needs_snapshot) {
                                    link.bring_up(*vote);
                                }
                                Some((Err(link.failed(number, &status)), None))
                            }
                            // Nothing was asked: a quiet stream is no dead one.
                            Err(_) if before <= answered => continue,
                            Err(_) => {
                                link.peer.broke(number);
                                Some((Err(link.timeout(RPCTypes::AppendEntries, idle)), None))
                            }
                        };
                    }
                }
            });
            let results: BoxStream<'s, _> = Box::pin(results);
            Ok(results)
        })
    }

    async fn vote(&mut self, request: VoteRequest<Config>, option: RPCOption) -> Result<VoteResponse<Config>, Error> {
        self.call(RPCTypes::Vote, &request, &option, async |mut client, request| client.vote(request).await).await
    }

    async fn pre_vote(
        &mut self,
        request: VoteRequest<Config>,
        option: RPCOption,
    ) -> Result<VoteResponse<Config>, Error> {
        self.call(RPCTypes::Vote, &request, &option, async |mut client, request| client.pre_vote(request).await).await
    }

    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest<Config>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<Config>, Error> {
        let call = async |mut client: Client, request| client.transfer_leader(request).await;
        self.call(RPCTypes::TransferLeader, &request, &option, call).await
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote<Runtime>,
        snapshot: Snapshot<Runtime>,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<Config>, StreamingError<Config>> {
        let Data::Here(machine) = snapshot.snapshot.0 else {
            let why = "a snapshot that is coming in can't be sent on";
            return Err(Error::from(Unreachable::from_string(why)).into());
        };
        let export = Export::begin(&machine).map_err(|error| unreachable(&error))?;
        if export.meta().last_log_id.is_some_and(|last| last.committed_leader_id().term > vote.leader_id.term) {
            return Err(ReplicationClosed::new("another leader's entries are applied here").into());
        }
        tokio::select! {
            sent = self.send_snapshot(vote, export) => Ok(sent?),
            closed = cancel => Err(closed.into()),
        }
    }
}

fn unreachable(error: &(impl std::error::Error + 'static)) -> Error {
    Unreachable::new(error).into()
}

/// Tells an answer of the peer from a failure on the way: tonic puts the transport's error behind the statuses that it makes itself.
fn said_by_peer(status: &Status) -> bool {
    use std::error::Error as _;
    status.source().is_none() && !matches!(status.code(), tonic::Code::Unknown | tonic::Code::Cancelled)
}
