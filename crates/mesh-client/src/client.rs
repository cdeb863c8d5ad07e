//! Connections, fail-over between nodes, and the pinned mesh.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mesh_event::Councils;
use mesh_event::genesis::SealedGenesis;
use mesh_model::{Code, MeshId};
use mesh_proto::status::MeshError;
use mesh_proto::v1;
use tokio::sync::OnceCell;
use tokio::time::Instant;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, Endpoint};

use crate::options::ClientOptions;
use crate::retry::{Effect, Failed, ROUNDS, Repeat, more_telling, pause};
use crate::tls;

/// Largest answer that is taken, in bytes: a page of 1,000 products or an attachment of 4 MiB fit by far.
pub(crate) const ANSWER_BYTES: usize = 64 * 1024 * 1024;
const CONNECT: Duration = Duration::from_secs(3);

/// A mesh whose founding document was read and verified.
#[derive(Debug, Clone)]
pub struct Mesh {
    /// SHA-256 of the founding document.
    pub id: MeshId,
    /// What people call it.
    pub name: String,
    /// The rules in force, as the node says.
    pub protocol_version: u32,
    /// The founding document with its signatures.
    pub genesis: Arc<SealedGenesis>,
}

struct Node {
    url: String,
    channel: Channel,
    mesh: OnceCell<Mesh>,
}

struct Inner {
    nodes: Vec<Node>,
    /// The node that answered last.
    preferred: AtomicUsize,
    /// The mesh that all nodes have to belong to: from the options, or the first that was read.
    pinned: OnceCell<MeshId>,
    token: Option<MetadataValue<Ascii>>,
    timeout: Duration,
    /// As it was made, for [`Client::of_node`].
    options: ClientOptions,
}

/// A client of one mesh. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

impl Client {
    /// By whose word recovered voters are believed, if not by the founding council's.
    pub(crate) fn councils_trusted(&self) -> Option<&Councils> {
        self.inner.options.councils.as_ref()
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let nodes: Vec<&str> = self.inner.nodes.iter().map(|node| node.url.as_str()).collect();
        f.debug_struct("Client").field("nodes", &nodes).field("mesh", &self.inner.pinned.get()).finish_non_exhaustive()
    }
}

/// One try of a call: a connection, and the deadline that is left.
pub(crate) struct Try {
    pub(crate) channel: Channel,
    pub(crate) url: String,
    left: Duration,
    token: Option<MetadataValue<Ascii>>,
}

impl Try {
    /// A request with the deadline that is left.
    pub(crate) fn request<T>(&self, message: T) -> tonic::Request<T> {
        let mut request = self.unbounded(message);
        request.set_timeout(self.left);
        request
    }

    /// A request without a deadline, for streams.
    pub(crate) fn unbounded<T>(&self, message: T) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        if let Some(token) = &self.token {
            request.metadata_mut().insert("authorization", token.clone());
        }
        request
    }

    pub(crate) fn catalog(&self) -> v1::catalog_service_client::CatalogServiceClient<Channel> {
        v1::catalog_service_client::CatalogServiceClient::new(self.channel.clone())
            .max_decoding_message_size(ANSWER_BYTES)
    }
    pub(crate) fn access(&self) -> v1::access_service_client::AccessServiceClient<Channel> {
        v1::access_service_client::AccessServiceClient::new(self.channel.clone())
            .max_decoding_message_size(ANSWER_BYTES)
    }
    pub(crate) fn lineage(&self) -> v1::lineage_service_client::LineageServiceClient<Channel> {
        v1::lineage_service_client::LineageServiceClient::new(self.channel.clone())
            .max_decoding_message_size(ANSWER_BYTES)
    }
    pub(crate) fn insights(&self) -> v1::insight_service_client::InsightServiceClient<Channel> {
        v1::insight_service_client::InsightServiceClient::new(self.channel.clone())
            .max_decoding_message_size(ANSWER_BYTES)
    }
    pub(crate) fn quality(&self) -> v1::quality_service_client::QualityServiceClient<Channel> {
        v1::quality_service_client::QualityServiceClient::new(self.channel.clone())
            .max_decoding_message_size(ANSWER_BYTES)
    }
    pub(crate) fn publish(&self) -> v1::publish_service_client::PublishServiceClient<Channel> {
        v1::publish_service_client::PublishServiceClient::new(self.channel.clone())
            .max_decoding_message_size(ANSWER_BYTES)
    }
    pub(crate) fn governance(&self) -> v1::governance_service_client::GovernanceServiceClient<Channel> {
        v1::governance_service_client::GovernanceServiceClient::new(self.channel.clone())
            .max_decoding_message_size(ANSWER_BYTES)
    }
    pub(crate) fn ledger(&self) -> v1::ledger_service_client::LedgerServiceClient<Channel> {
        v1::ledger_service_client::LedgerServiceClient::new(self.channel.clone())
            .max_decoding_message_size(ANSWER_BYTES)
    }
    pub(crate) fn node(&self) -> v1::node_service_client::NodeServiceClient<Channel> {
        v1::node_service_client::NodeServiceClient::new(self.channel.clone()).max_decoding_message_size(ANSWER_BYTES)
    }
}

impl Client {
    /// A client of these nodes. Nothing is connected yet: that happens with the first call. Must be called within a
    /// tokio runtime.
    ///
    /// # Errors
    /// [`Code::BadArgument`] when there is no node, or one is no address.
    pub fn connect(options: ClientOptions) -> Result<Self, MeshError> {
        let bad = |message: String| MeshError::new(Code::BadArgument, message);
        if options.nodes.is_empty() {
            return Err(bad("expected at least one node; found none".into()));
        }
        let mut nodes = Vec::new();
        for address in &options.nodes {
            let url = if address.contains("://") { address.clone() } else { format!("http://{address}") };
            let no_address =
                || bad(format!("'{address}' is no node address; expected http://host:port or https://host:port"));
            if !url.starts_with("http://") && !url.starts_with("https://") {
                return Err(no_address());
            }
            let mut endpoint = Endpoint::from_shared(url.clone())
                .and_then(|endpoint| endpoint.user_agent(options.user_agent.clone()))
                .map_err(|_| no_address())?;
            if url.starts_with("https://") {
                endpoint =
                    endpoint.tls_config(tls::config(options.ca.as_deref())?).map_err(|error| tls::unusable(&error))?;
            }
            let channel = endpoint
                .connect_timeout(CONNECT.min(options.timeout))
                .tcp_nodelay(true)
                .http2_keep_alive_interval(Duration::from_secs(20))
                .keep_alive_timeout(Duration::from_secs(10))
                .connect_lazy();
            nodes.push(Node { url, channel, mesh: OnceCell::new() });
        }
        Self::of(nodes, options)
    }

    /// A client of one node over a channel that was made elsewhere; `options.nodes` says what to call it.
    ///
    /// # Errors
    /// [`Code::BadArgument`] when the token is none.
    pub fn over(channel: Channel, options: ClientOptions) -> Result<Self, MeshError> {
        let url = options.nodes.first().cloned().unwrap_or_default();
        Self::of(vec![Node { url, channel, mesh: OnceCell::new() }], options)
    }

    fn of(nodes: Vec<Node>, options: ClientOptions) -> Result<Self, MeshError> {
        let token = options.token.as_ref().map(|token| MetadataValue::try_from(format!("Bearer {token}"))).transpose();
        let no_header = |_| MeshError::new(Code::BadArgument, "the token has characters that no header can carry");
        let token = token.map_err(no_header)?;
        let pinned = OnceCell::new_with(options.mesh_id);
        let timeout = options.timeout;
        let inner = Inner { nodes, preferred: AtomicUsize::new(0), pinned, token, timeout, options };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// A client of one node, with this one's options. An address without a scheme gets that of this client's first node.
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub fn of_node(&self, address: &str) -> Result<Self, MeshError> {
        let options = &self.inner.options;
        let first = options.nodes.first().map_or("", String::as_str);
        let scheme = if first.starts_with("https://") { "https" } else { "http" };
        let url = if address.contains("://") { address.to_owned() } else { format!("{scheme}://{address}") };
        let mesh_id = options.mesh_id.or(self.inner.pinned.get().copied());
        Self::connect(ClientOptions { nodes: vec![url], mesh_id, ..options.clone() })
    }

    /// The same with another time limit for each call.
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub fn within(&self, timeout: Duration) -> Result<Self, MeshError> {
        Self::connect(ClientOptions { timeout, ..self.inner.options.clone() })
    }

    /// The nodes' addresses, in the order of the options.
    pub fn nodes(&self) -> impl Iterator<Item = &str> {
        self.inner.nodes.iter().map(|node| node.url.as_str())
    }

    /// How long one call may take.
    pub fn timeout(&self) -> Duration {
        self.inner.timeout
    }

    /// The mesh, its founding document verified.
    ///
    /// # Errors
    /// [`Code::WrongMesh`] when a node belongs to another mesh than the pinned one; transport errors.
    pub async fn mesh(&self) -> Result<Mesh, MeshError> {
        self.call(Repeat::Read, async |attempt| self.mesh_of(&attempt).await).await
    }

    /// Calls one node after the other, with pauses between rounds, as far as `repeat` allows.
    pub(crate) async fn call<T, F>(&self, repeat: Repeat, call: impl Fn(Try) -> F) -> Result<T, MeshError>
    where
        F: Future<Output = Result<T, Failed>>,
    {
        self.call_within(self.inner.timeout, repeat, call).await
    }

    /// The same with a time limit of its own.
    pub(crate) async fn call_within<T, F>(
        &self,
        limit: Duration,
        repeat: Repeat,
        call: impl Fn(Try) -> F,
    ) -> Result<T, MeshError>
    where
        F: Future<Output = Result<T, Failed>>,
    {
        let deadline = Instant::now() + limit;
        let mut last: Option<MeshError> = None;
        // Once a try may have had an effect, no later "nothing happened" makes up for it.
        let mut unknown: Option<MeshError> = None;
        for round in 0..ROUNDS {
            let wait = pause(round);
            if round > 0 && Instant::now() + wait >= deadline {
                break;
            }
            tokio::time::sleep(wait).await;
            for _ in 0..self.inner.nodes.len() {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                let at = self.inner.preferred.load(Ordering::Relaxed) % self.inner.nodes.len();
                match self.attempt(at, left, &call).await {
                    Ok(value) => return Ok(value),
                    Err(Failed { error, effect: Effect::Answered }) => return Err(error),
                    Err(Failed { error, effect }) => {
                        tracing::debug!(node = %self.inner.nodes[at].url, code = %error.code, "a call failed: {error}");
                        // Compare-and-set, so that two calls that fail at once don't skip a node.
                        let _moved = self.inner.preferred.compare_exchange(
                            at,
                            (at + 1) % self.inner.nodes.len(),
                            Ordering::Relaxed,
                            Ordering::Relaxed,
                        );
                        if effect == Effect::Unknown && repeat == Repeat::OnlyIfNothingHappened {
                            return Err(error);
                        }
                        match (effect, repeat) {
                            (Effect::Unknown, Repeat::Read) => {
                                let silent = MeshError { code: Code::Unreachable, ..error };
                                last = Some(more_telling(last.take(), silent));
                            }
                            (Effect::Unknown, _) => unknown = Some(error),
                            _ => last = Some(more_telling(last.take(), error)),
                        }
                    }
                }
            }
        }
        Err(unknown
            .or(last)
            .unwrap_or_else(|| MeshError::new(Code::Unreachable, "no node answered in time; nothing happened")))
    }

    /// One try against one node, after its mesh was checked.
    async fn attempt<T, F>(&self, at: usize, left: Duration, call: &impl Fn(Try) -> F) -> Result<T, Failed>
    where
        F: Future<Output = Result<T, Failed>>,
    {
        let started = Instant::now();
        let attempt = self.try_of(at, left);
        if self.inner.pinned.get().is_some() {
            self.mesh_at(at, &attempt).await?;
        }
        let left = left.saturating_sub(started.elapsed());
        let url = &self.inner.nodes[at].url;
        match tokio::time::timeout(left, call(self.try_of(at, left))).await {
            Ok(result) => result,
            Err(_) => Err(Failed {
                error: MeshError::new(Code::OutcomeUnknown, format!("{url} did not answer in time")),
                effect: Effect::Unknown,
            }),
        }
    }

    fn try_of(&self, at: usize, left: Duration) -> Try {
        let node = &self.inner.nodes[at];
        Try { channel: node.channel.clone(), url: node.url.clone(), left, token: self.inner.token.clone() }
    }

    async fn mesh_of(&self, attempt: &Try) -> Result<Mesh, Failed> {
        let at =
            self.inner.nodes.iter().position(|node| node.url == attempt.url).expect("a try is of one of the nodes");
        self.mesh_at(at, attempt).await
    }

    /// The node's mesh: read once, its genesis verified, compared with the pin.
    async fn mesh_at(&self, at: usize, attempt: &Try) -> Result<Mesh, Failed> {
        let answered = |error| Failed { error, effect: Effect::Answered };
        let mesh = self.inner.nodes[at].mesh.get_or_try_init(|| read_mesh(attempt)).await?;
        let pinned = self.inner.pinned.get_or_init(async || mesh.id).await;
        if *pinned != mesh.id {
            let (url, expected, found) = (&attempt.url, pinned.short(), mesh.id.short());
            let message = format!("{url} belongs to mesh {found}; expected {expected}");
            return Err(answered(MeshError::new(Code::WrongMesh, message)));
        }
        Ok(mesh.clone())
    }
}

async fn read_mesh(attempt: &Try) -> Result<Mesh, Failed> {
    let url = &attempt.url;
    let read = attempt.governance().get_mesh(attempt.request(v1::GetMeshRequest {})).await;
    // A read changes nothing, whatever became of it: another node may be asked.
    let answer = read.map_err(|status| match Failed::of(status, url) {
        Failed { error, effect: Effect::Unknown } => Failed {
            error: MeshError::new(Code::Unreachable, format!("{error}; nothing happened")),
            effect: Effect::Nothing,
        },
        failed => failed,
    })?;
    let answer = answer.into_inner();
    let genesis = SealedGenesis::parse(answer.genesis).map_err(|error| Failed {
        error: MeshError::new(Code::WrongMesh, format!("{url} shows a genesis that does not verify: {error}")),
        effect: Effect::Answered,
    })?;
    Ok(Mesh {
        id: genesis.mesh_id,
        name: genesis.document.mesh_name.clone(),
        protocol_version: answer.protocol_version,
        genesis: Arc::new(genesis),
    })
}
