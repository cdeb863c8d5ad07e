//! Talking to another node for a client: a publish that belongs to another home, an attachment that lies elsewhere.
//!
//! Over the peer port, so that it is that node and no other, whatever its API asks of clients. What was certainly not handed over is answered with "nothing happened"; a connection that
//! broke after that is "outcome unknown", and a retry with the same command id is safe.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use mesh_event::FeedId;
use mesh_model::{Code, Digest, DomainName, NodeId};
use mesh_proto::status::MeshError;
use mesh_proto::v1::home_service_client::HomeServiceClient;
use mesh_proto::v1::{
    Acknowledgement, AttachmentBody, AuthorizeTokenRequest, AuthorizeTokenResponse, CheckAccessRequest,
    CheckAccessResponse, FeedHeadResponse, GetAccessTermsRequest, GetAccessTermsResponse, GetAttachmentRequest,
    GetDomainRulesRequest, GetDomainRulesResponse, GetQualityRequest, GetQualityResponse, IssueTokenRequest,
    IssueTokenResponse, ListAccessRequest, ListAccessResponse, PublishRequest, SealFeedRequest, SetDomainRulesRequest,
    SetDomainRulesResponse, StateFactRequest, StateFactResponse,
};
use tonic::transport::Channel;

use crate::access::Checked;
use crate::facts::Stated;
use crate::transport::PeerChannels;

/// Largest message of a forwarded publish, in bytes: envelope and attachments.
const MESSAGE_BYTES: usize = 64 << 20;
const FETCH: Duration = Duration::from_secs(10);
/// The home node stops waiting a little before this one does, so that its answer still arrives.
const SLACK: Duration = Duration::from_millis(500);

type Home = HomeServiceClient<Channel>;

/// The other nodes, as homes of domains.
pub struct Forward {
    peers: Arc<PeerChannels>,
    /// Since when which node does not answer.
    down: Mutex<BTreeMap<NodeId, Instant>>,
}

impl Forward {
    /// Over these channels.
    pub fn new(peers: Arc<PeerChannels>) -> Self {
        Self { peers, down: Mutex::default() }
    }

    fn home(&self, node: NodeId) -> Home {
        let client = HomeServiceClient::new(self.peers.channel(node));
        client.max_encoding_message_size(MESSAGE_BYTES).max_decoding_message_size(MESSAGE_BYTES)
    }

    fn mark(&self, node: NodeId, answers: bool) -> Option<Duration> {
        let mut down = self.down.lock().unwrap_or_else(PoisonError::into_inner);
        if answers {
            down.remove(&node);
            return None;
        }
        Some(down.entry(node).or_insert_with(Instant::now).elapsed())
    }

    /// One call. `within`: how long the other node may take.
    async fn call<Q, A>(
        &self,
        node: NodeId,
        request: Q,
        within: Duration,
        call: impl AsyncFnOnce(Home, tonic::Request<Q>) -> Result<tonic::Response<A>, tonic::Status>,
    ) -> Result<A, MeshError> {
        let mut request = tonic::Request::new(request);
        request.set_timeout(within);
        let response = call(self.home(node), request).await.map_err(|status| self.failed(node, status))?;
        self.mark(node, true);
        Ok(response.into_inner())
    }

    /// Hands a publish to the domain's home and passes its answer on.
    ///
    /// # Errors
    /// [`Code::HomeUnreachable`] (nothing happened), [`Code::OutcomeUnknown`], or what the home node says. The same for all calls below.
    pub async fn publish(
        &self,
        home: NodeId,
        request: PublishRequest,
        within: Duration,
    ) -> Result<Acknowledgement, MeshError> {
        let publish = async |mut home: Home, request| home.publish(request).await;
        let answer = self.call(home, request, within + SLACK, publish).await?;
        answer
            .acknowledgement
            .ok_or_else(|| MeshError::new(Code::OutcomeUnknown, "the home node sent no acknowledgement"))
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
    /// As [`Self::publish`].
    pub async fn set_rules(
        &self,
        home: NodeId,
        envelope: Vec<u8>,
        within: Duration,
    ) -> Result<SetDomainRulesResponse, MeshError> {
        let set = async |mut home: Home, request| home.set_domain_rules(request).await;
        self.call(home, SetDomainRulesRequest { envelope }, within + SLACK, set).await
    }

    /// Asks a domain's home for its own rules.
    ///
    /// # Errors
    /// As [`Self::publish`].
    pub async fn rules(
        &self,
        home: NodeId,
        domain: &DomainName,
        within: Duration,
    ) -> Result<GetDomainRulesResponse, MeshError> {
        let get = async |mut home: Home, request| home.get_domain_rules(request).await;
        self.call(home, GetDomainRulesRequest { domain: domain.to_string() }, within, get).await
    }

    /// Hands a fact to its domain's home and passes its answer on.
    ///
    /// # Errors
    /// As [`Self::publish`].
    pub async fn state_fact(
        &self,
        home: NodeId,
        domain: &DomainName,
        request: StateFactRequest,
        within: Duration,
    ) -> Result<Stated, MeshError> {
        let state = async |mut home: Home, request| home.state_fact(request).await;
        let StateFactResponse { epoch, seq, .. } = self.call(home, request, within + SLACK, state).await?;
        Ok(Stated { feed: FeedId { domain: domain.clone(), epoch }, seq })
    }

    /// Asks a node for requests for access to products of domains whose home it is.
    ///
    /// # Errors
    /// As [`Self::publish`].
    pub async fn list_access(
        &self,
        home: NodeId,
        request: ListAccessRequest,
        within: Duration,
    ) -> Result<ListAccessResponse, MeshError> {
        self.call(home, request, within, async |mut home: Home, request| home.list_access(request).await).await
    }

    /// Asks a domain's home whether another domain may read a port.
    ///
    /// # Errors
    /// As [`Self::publish`].
    pub async fn check_access(
        &self,
        home: NodeId,
        request: CheckAccessRequest,
        within: Duration,
    ) -> Result<Checked, MeshError> {
        let check = async |mut home: Home, request| home.check_access(request).await;
        let CheckAccessResponse { allowed, why, items, from_copy, .. } =
            self.call(home, request, within, check).await?;
        Ok(Checked { allowed, why, items, from_copy })
    }

    /// Asks a domain's home what it approves in advance, who issues its tokens, and which count no more.
    ///
    /// # Errors
    /// As [`Self::publish`].
    pub async fn access_terms(
        &self,
        home: NodeId,
        domain: &DomainName,
        within: Duration,
    ) -> Result<GetAccessTermsResponse, MeshError> {
        let get = async |mut home: Home, request| home.get_access_terms(request).await;
        self.call(home, GetAccessTermsRequest { domain: domain.to_string() }, within, get).await
    }

    /// Asks a domain's home for a token.
    ///
    /// # Errors
    /// As [`Self::publish`].
    pub async fn issue_token(
        &self,
        home: NodeId,
        request: IssueTokenRequest,
        within: Duration,
    ) -> Result<IssueTokenResponse, MeshError> {
        self.call(home, request, within, async |mut home: Home, request| home.issue_token(request).await).await
    }

    /// Asks a domain's home whether a token counts.
    ///
    /// # Errors
    /// As [`Self::publish`].
    pub async fn authorize_token(
        &self,
        home: NodeId,
        request: AuthorizeTokenRequest,
        within: Duration,
    ) -> Result<AuthorizeTokenResponse, MeshError> {
        self.call(home, request, within, async |mut home: Home, request| home.authorize_token(request).await).await
    }

    /// Asks a domain's home what was measured about a product.
    ///
    /// # Errors
    /// As [`Self::publish`].
    pub async fn quality(
        &self,
        home: NodeId,
        request: GetQualityRequest,
        within: Duration,
    ) -> Result<GetQualityResponse, MeshError> {
        self.call(home, request, within, async |mut home: Home, request| home.get_quality(request).await).await
    }

    /// Asks a domain's home to stop appending for a move.
    ///
    /// # Errors
    /// As [`Self::publish`].
    pub async fn seal_feed(
        &self,
        home: NodeId,
        envelope: Vec<u8>,
        within: Duration,
    ) -> Result<FeedHeadResponse, MeshError> {
        let seal = async |mut home: Home, request| home.seal_feed(request).await;
        self.call(home, SealFeedRequest { envelope }, within + SLACK, seal).await
    }

    /// Fetches an attachment.
    ///
    /// # Errors
    /// As [`Self::publish`], and [`Code::AttachmentMissing`].
    pub async fn attachment(
        &self,
        node: NodeId,
        digest: Digest,
        read_request: Vec<u8>,
        of_fact_in: Option<&DomainName>,
    ) -> Result<AttachmentBody, MeshError> {
        let request = GetAttachmentRequest {
            digest: digest.0.to_vec(),
            read_request,
            domain: of_fact_in.map_or_else(String::new, ToString::to_string),
        };
        let get = async |mut home: Home, request| home.get_attachment(request).await;
        let answer = self.call(node, request, FETCH, get).await?;
        answer.attachment.ok_or_else(|| MeshError::new(Code::AttachmentMissing, "the answer holds no attachment"))
    }
}

/// Whether the request never left: there was no connection, or TLS or the greeting ended it.
fn is_connect_error(status: &tonic::Status) -> bool {
    let mut source = std::error::Error::source(status);
    while let Some(error) = source {
        if error.is::<tonic::ConnectError>() {
            return true;
        }
        source = error.source();
    }
    false
}
