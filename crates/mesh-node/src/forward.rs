//! Talking to another node as its client: a publish that belongs to another home, an attachment that lies elsewhere.
//!
//! One lazy, long-lived channel per node. What was certainly not handed over is answered with "nothing happened"; a connection that
//! broke after that is "outcome unknown", and a retry with the same command id is safe.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use mesh_governance::read;
use mesh_model::{Code, Digest, DomainName, NodeId};
use mesh_proto::status::MeshError;
use mesh_proto::v1::catalog_service_client::CatalogServiceClient;
use mesh_proto::v1::governance_service_client::GovernanceServiceClient;
use mesh_proto::v1::publish_service_client::PublishServiceClient;
use mesh_proto::v1::{
    Acknowledgement, AttachmentBody, FeedHeadResponse, GetAttachmentRequest, GetDomainRulesRequest,
    GetDomainRulesResponse, PublishRequest, SealFeedRequest, SetDomainRulesRequest, SetDomainRulesResponse,
};
use mesh_raft::StoreState;
use tonic::transport::{Channel, Endpoint};

/// Largest message of a forwarded publish, in bytes: envelope and attachments.
const MESSAGE_BYTES: usize = 64 << 20;
const CONNECT: Duration = Duration::from_secs(2);
const FETCH: Duration = Duration::from_secs(10);

/// The other nodes, as this one reaches them.
pub struct Forward {
    /// Where the ledger says that nodes are.
    state: StoreState,
    token: Option<String>,
    peers: Mutex<BTreeMap<NodeId, Peer>>,
}

#[derive(Clone)]
struct Peer {
    channel: Channel,
    /// Since when it does not answer.
    down_since: Option<Instant>,
}

impl Forward {
    /// Knows the API addresses of the nodes from the applied state; `token` is shown where reads need one.
    pub fn new(state: StoreState, token: Option<String>) -> Self {
        Self { state, token, peers: Mutex::new(BTreeMap::new()) }
    }

    fn peer(&self, node: NodeId) -> Result<Peer, MeshError> {
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(peer) = peers.get(&node) {
            return Ok(peer.clone());
        }
        let unreachable = |text: String| MeshError::new(Code::HomeUnreachable, text);
        let known = read::node(&self.state, node).map_err(|error| MeshError::new(Code::Damaged, error.to_string()))?;
        let known = known.ok_or_else(|| unreachable(format!("no address of node {node} is known")))?;
        let address = known.record.api_address;
        let endpoint = Endpoint::from_shared(format!("http://{address}"))
            .map_err(|error| unreachable(format!("node {node} has the address {address}: {error}")))?;
        let channel = endpoint.connect_timeout(CONNECT).tcp_nodelay(true).connect_lazy();
        let peer = Peer { channel, down_since: None };
        peers.insert(node, peer.clone());
        Ok(peer)
    }

    fn mark(&self, node: NodeId, answers: bool) -> Option<Duration> {
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        let peer = peers.get_mut(&node)?;
        if answers {
            peer.down_since = None;
            return None;
        }
        Some(peer.down_since.get_or_insert_with(Instant::now).elapsed())
    }

    /// Hands a publish to the domain's home and passes its answer on.
    ///
    /// # Errors
    /// [`Code::HomeUnreachable`] (nothing happened), [`Code::OutcomeUnknown`], or what the home node says.
    pub async fn publish(
        &self,
        home: NodeId,
        request: PublishRequest,
        within: Duration,
    ) -> Result<Acknowledgement, MeshError> {
        let peer = self.peer(home)?;
        let mut client = PublishServiceClient::new(peer.channel).max_encoding_message_size(MESSAGE_BYTES);
        let mut request = tonic::Request::new(request);
        // The home node stops waiting a little before this one does, so that its answer still arrives.
        request.set_timeout(within + Duration::from_millis(500));
        match client.publish(request).await {
            Ok(response) => {
                self.mark(home, true);
                let acknowledgement = response.into_inner().acknowledgement;
                acknowledgement
                    .ok_or_else(|| MeshError::new(Code::OutcomeUnknown, "the home node sent no acknowledgement"))
            }
            Err(status) => Err(self.failed(home, status)),
        }
    }

    /// What a failed call means. A node's own answer carries our code; everything else is the transport speaking, and then only a
    /// connection that was never made is certain to have changed nothing.
    fn failed(&self, home: NodeId, status: tonic::Status) -> MeshError {
        if is_connect_error(&status) {
            let since = self.mark(home, false).unwrap_or_default().as_secs();
            let text =
                format!("node {home}, the home of this domain, does not answer (for {since} s); nothing happened");
            return MeshError::new(Code::HomeUnreachable, text);
        }
        if mesh_proto::status::is_ours(&status) {
            self.mark(home, true);
            return MeshError::from(status);
        }
        let text = format!(
            "the connection to node {home}, the home of this domain, broke before its answer came: {}",
            status.message()
        );
        MeshError::new(Code::OutcomeUnknown, text)
    }

    /// Hands a domain's own rules to its home and passes its answer on.
    ///
    /// # Errors
    /// [`Code::HomeUnreachable`] (nothing happened), [`Code::OutcomeUnknown`], or what the home node says.
    pub async fn set_rules(
        &self,
        home: NodeId,
        envelope: Vec<u8>,
        within: Duration,
    ) -> Result<SetDomainRulesResponse, MeshError> {
        let mut client = GovernanceServiceClient::new(self.peer(home)?.channel);
        let mut request = tonic::Request::new(SetDomainRulesRequest { envelope });
        request.set_timeout(within + Duration::from_millis(500));
        let response = client.set_domain_rules(request).await.map_err(|status| self.failed(home, status))?;
        self.mark(home, true);
        Ok(response.into_inner())
    }

    /// Asks a domain's home for its own rules.
    ///
    /// # Errors
    /// [`Code::HomeUnreachable`], [`Code::OutcomeUnknown`], or what the home node says.
    pub async fn rules(
        &self,
        home: NodeId,
        domain: &DomainName,
        within: Duration,
    ) -> Result<GetDomainRulesResponse, MeshError> {
        let mut client = GovernanceServiceClient::new(self.peer(home)?.channel);
        let mut request = tonic::Request::new(GetDomainRulesRequest { domain: domain.to_string() });
        request.set_timeout(within);
        self.show_token(&mut request);
        let response = client.get_domain_rules(request).await.map_err(|status| self.failed(home, status))?;
        self.mark(home, true);
        Ok(response.into_inner())
    }

    /// Asks a domain's home to stop appending for a move.
    ///
    /// # Errors
    /// [`Code::HomeUnreachable`] (nothing happened), [`Code::OutcomeUnknown`], or what the home node says.
    pub async fn seal_feed(
        &self,
        home: NodeId,
        envelope: Vec<u8>,
        within: Duration,
    ) -> Result<FeedHeadResponse, MeshError> {
        let mut client = GovernanceServiceClient::new(self.peer(home)?.channel);
        let mut request = tonic::Request::new(SealFeedRequest { envelope });
        request.set_timeout(within + Duration::from_millis(500));
        let response = client.seal_feed(request).await.map_err(|status| self.failed(home, status))?;
        self.mark(home, true);
        Ok(response.into_inner())
    }

    fn show_token<T>(&self, request: &mut tonic::Request<T>) {
        if let Some(token) = self.token.as_ref().and_then(|token| format!("Bearer {token}").parse().ok()) {
            request.metadata_mut().insert("authorization", token);
        }
    }

    /// Fetches an attachment.
    ///
    /// # Errors
    /// [`Code::HomeUnreachable`], or what the other node says.
    pub async fn attachment(
        &self,
        node: NodeId,
        digest: Digest,
        read_request: Vec<u8>,
    ) -> Result<AttachmentBody, MeshError> {
        let peer = self.peer(node)?;
        let mut client = CatalogServiceClient::new(peer.channel).max_decoding_message_size(MESSAGE_BYTES);
        let mut request = tonic::Request::new(GetAttachmentRequest { digest: digest.0.to_vec(), read_request });
        request.set_timeout(FETCH);
        self.show_token(&mut request);
        let response = client.get_attachment(request).await.map_err(|status| self.failed(node, status))?;
        response
            .into_inner()
            .attachment
            .ok_or_else(|| MeshError::new(Code::AttachmentMissing, "the answer holds no attachment"))
    }
}

/// Whether the request never left: tonic reports a failed connection as `Unavailable` with a transport error as its source.
fn is_connect_error(status: &tonic::Status) -> bool {
    let mut source = std::error::Error::source(status);
    while let Some(error) = source {
        let text = error.to_string();
        if text.contains("tcp connect error") || text.contains("dns error") || text.contains("Connection refused") {
            return true;
        }
        source = error.source();
    }
    status.message().contains("tcp connect error")
}
