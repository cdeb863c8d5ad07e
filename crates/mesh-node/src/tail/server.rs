//! Sends the committed ledger to whoever tails it.

use std::pin::Pin;
use std::sync::Arc;

use futures::Stream;
use mesh_governance::{KeyPurpose, read};
use mesh_model::{Code, PublicKey};
use mesh_proto::status::MeshError;
use mesh_proto::v1::tail_service_server::{TailService, TailServiceServer};
use mesh_proto::v1::{TailCheckpoint, TailItem, TailLeaves, TailRequest, tail_item::Item};
use mesh_raft::PeerIdentity;
use mesh_tlog::{ProveError, prove_consistency};
use mesh_verify::Found;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use crate::core::{Core, storage_error};

/// Largest message, in bytes: a batch of leaves, of which the last may be a whole entry.
pub const MESSAGE_BYTES: usize = 16 << 20;
/// Leaves of a batch, and their bytes, from which on it ends with the next entry.
const LEAVES: u64 = 512;
const BYTES: usize = 1 << 20;
/// Leaves that are read at once.
const PAGE: usize = 128;
/// Leaves after which a batch ends even within what may be one entry: more than one has.
const MOST: u64 = 4096;
/// Items on their way to a reader that is slower than the disk.
const AHEAD: usize = 2;

/// Serves `TailService`.
pub struct Service {
    core: Arc<Core>,
}

impl Service {
    /// Over the node's parts.
    pub fn server(core: Arc<Core>) -> TailServiceServer<Self> {
        TailServiceServer::new(Self { core }).max_encoding_message_size(MESSAGE_BYTES)
    }

    /// Who is admitted may read, whether it knows its number or not.
    fn check_sender(&self, request: &TailRequest, peer: &PeerIdentity) -> Result<(), MeshError> {
        if request.mesh_id != self.core.mesh_id.0 {
            return Err(MeshError::new(Code::WrongMesh, "the request names another mesh"));
        }
        let key = PublicKey::from_slice(&request.node_key)
            .ok_or_else(|| MeshError::new(Code::Malformed, "node_key: expected a public key of 32 bytes"))?;
        if key != peer.key {
            let (said, proven) = (key.fingerprint(), peer.key.fingerprint());
            let text = format!("the request says that it is from the key {said}; the connection is {proven}'s");
            return Err(MeshError::new(Code::UnknownNode, text));
        }
        let purpose = read::key_purpose(&self.core.state, &key).map_err(|error| self.core.state_error(&error))?;
        let unknown = || {
            let text = format!("the key {} is no node's of this mesh, as far as this node knows", key.fingerprint());
            MeshError::new(Code::NotAdmitted, text)
        };
        let Some(KeyPurpose::Node(id)) = purpose else { return Err(unknown()) };
        if request.from_node_id != 0 && request.from_node_id != id {
            return Err(unknown());
        }
        match read::node_revocation(&self.core.state, id).map_err(|error| self.core.state_error(&error))? {
            None => Ok(()),
            Some(revoked) => {
                let text = format!("node {id} was revoked at index {}: {}", revoked.index, revoked.reason);
                Err(MeshError::new(Code::NodeRevoked, text))
            }
        }
    }
}

#[tonic::async_trait]
impl TailService for Service {
    type TailStream = Pin<Box<dyn Stream<Item = Result<TailItem, Status>> + Send>>;

    async fn tail(&self, request: Request<TailRequest>) -> Result<Response<Self::TailStream>, Status> {
        self.check_sender(request.get_ref(), PeerIdentity::of(request.extensions())?)?;
        let request = request.into_inner();
        let (send, receive) = mpsc::channel(AHEAD);
        let core = Arc::clone(&self.core);
        self.core.tasks.spawn(async move {
            if let Err(error) = run(&core, request.next_index, &send).await {
                // The reader may be gone; then nobody needs the reason.
                drop(send.send(Err(error.into())).await);
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receive))))
    }
}

type Sender = mpsc::Sender<Result<TailItem, Status>>;

/// Returns whether the reader is still there.
async fn send(sender: &Sender, item: Item) -> bool {
    sender.send(Ok(TailItem { item: Some(item) })).await.is_ok()
}

async fn run(core: &Arc<Core>, mut next: u64, sender: &Sender) -> Result<(), MeshError> {
    let mut brief = core.checkpoints.follow();
    let (mut shown, mut handovers, mut forked) = (None, 0, false);
    // Who lacks leaves from before a recovery of voters gets them under the word of the voters of that time.
    while let Some((base, before)) = core.checkpoints.stage(next) {
        let size = base.size();
        let item = TailCheckpoint { note: base.bytes(), handovers: before };
        if !send(sender, Item::Checkpoint(item)).await {
            return Ok(());
        }
        if !leaves(core, &mut next, size, sender).await? {
            return Ok(());
        }
    }
    loop {
        let seen = *brief.borrow_and_update();
        if seen.is_forked && !forked {
            let proof = core.checkpoints.fork().map_or_else(Vec::new, |fork| fork.proof.into_bytes());
            if !send(sender, Item::ForkProof(proof)).await {
                return Ok(());
            }
        }
        forked = seen.is_forked;
        let last = core.checkpoints.last().filter(|(_, counted)| Some((counted.size, counted.time_unix_s)) != shown);
        if let Some((last, counted)) = last {
            shown = Some((counted.size, counted.time_unix_s));
            let all = core.checkpoints.handovers();
            let news = if all.len() == handovers { Vec::new() } else { all.clone() };
            handovers = all.len();
            let item = TailCheckpoint { note: last.bytes(), handovers: news };
            if !send(sender, Item::Checkpoint(item)).await {
                return Ok(());
            }
            if !leaves(core, &mut next, counted.size, sender).await? {
                return Ok(());
            }
        }
        tokio::select! {
            changed = brief.changed() => if changed.is_err() { return Ok(()) },
            () = sender.closed() => return Ok(()),
            () = core.stopping.cancelled() => return Err(MeshError::new(Code::Unavailable, "the node stops; go on elsewhere")),
        }
    }
}

/// Sends the leaves from `next` up to `size`; returns whether the reader is still there.
async fn leaves(core: &Arc<Core>, next: &mut u64, size: u64, sender: &Sender) -> Result<bool, MeshError> {
    while *next < size {
        let (reader, from) = (Arc::clone(core), *next);
        let leaves = core.offload(move || batch(&reader, from, size)).await?;
        *next += leaves.leaves.len() as u64;
        if !send(sender, Item::Leaves(leaves)).await {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The next leaves up to `size`, cut where an entry ended, with the proof that they are that ledger's.
fn batch(core: &Core, first: u64, size: u64) -> Result<TailLeaves, MeshError> {
    let ledger = core.store.ledger();
    let (mut leaves, mut bytes, mut next) = (Vec::new(), 0, first);
    'read: while next < size {
        let page = ledger.leaves(next..size, PAGE).map_err(|error| storage_error(&error))?;
        if page.is_empty() {
            return Err(MeshError::new(Code::Damaged, format!("leaf {next} is not there")));
        }
        for (index, leaf) in page {
            bytes += leaf.len();
            next = index + 1;
            let count = next - first;
            let is_enough = count >= LEAVES || bytes >= BYTES;
            let may_end = is_enough && (count >= MOST || ends_entry(index, &leaf)?);
            leaves.push(leaf);
            if may_end {
                break 'read;
            }
        }
    }
    let consistency = prove_consistency(&ledger, next, size).map_err(|error| match error {
        ProveError::Read(error) => storage_error(&error),
        error => MeshError::new(Code::Internal, error.to_string()),
    })?;
    let consistency = consistency.iter().map(|hash| hash.as_bytes().to_vec()).collect();
    Ok(TailLeaves { first_index: first, leaves, consistency })
}

fn ends_entry(index: u64, leaf: &[u8]) -> Result<bool, MeshError> {
    let found = Found::decode(index, leaf.to_vec());
    Ok(found.map_err(|fault| MeshError::new(Code::Damaged, fault.to_string()))?.ends_entry())
}
