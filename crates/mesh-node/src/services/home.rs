//! `HomeService`: what this node, as a domain's home, does for other nodes' clients. Peers only.

use std::sync::Arc;

use mesh_model::{Code, Digest, DomainName};
use mesh_proto::status::MeshError;
use mesh_proto::v1::home_service_server::{HomeService, HomeServiceServer};
use mesh_proto::v1::{
    AuthorizeTokenRequest, AuthorizeTokenResponse, CheckAccessRequest, CheckAccessResponse, FeedHeadResponse,
    GetAccessTermsRequest, GetAccessTermsResponse, GetAttachmentRequest, GetAttachmentResponse, GetDomainRulesRequest,
    GetDomainRulesResponse, GetQualityRequest, GetQualityResponse, IssueTokenRequest, IssueTokenResponse,
    ListAccessRequest, ListAccessResponse, PublishRequest, PublishResponse, SealFeedRequest, SetDomainRulesRequest,
    SetDomainRulesResponse, StateFactRequest, StateFactResponse,
};
use mesh_raft::PeerIdentity;
use tonic::{Request, Response, Status};

use super::publish::wait_of;
use super::{MESSAGE_BYTES, access, deadline, governance, quality};
use crate::access::AccessDesk;
use crate::attachments;
use crate::core::Core;
use crate::facts::FactDesk;
use crate::moves::MoveDesk;
use crate::publish::Publisher;
use crate::quality::QualityDesk;
use crate::rules_desk::RulesDesk;

/// Bytes of a publish beside its attachments: envelope, digests, framing.
const BESIDE_ATTACHMENTS: usize = 1 << 20;

pub(super) struct Service {
    core: Arc<Core>,
    publisher: Publisher,
    rules: RulesDesk,
    moves: MoveDesk,
    facts: FactDesk,
    access: AccessDesk,
    quality: QualityDesk,
}

impl Service {
    pub(super) fn server(core: &Arc<Core>) -> HomeServiceServer<Self> {
        let (publisher, rules) = (Publisher::of_home(Arc::clone(core)), RulesDesk::of_home(Arc::clone(core)));
        let moves = MoveDesk::of_home(Arc::clone(core));
        let (facts, access) = (FactDesk::of_home(Arc::clone(core)), AccessDesk::of_home(Arc::clone(core)));
        let quality = QualityDesk::of_home(Arc::clone(core));
        // A publish with the attachments that one may have, and no more: other nodes may be anybody's.
        let largest = (core.config.limits.publish_mib << 20) + BESIDE_ATTACHMENTS;
        HomeServiceServer::new(Self { core: Arc::clone(core), publisher, rules, moves, facts, access, quality })
            .max_decoding_message_size(largest)
            .max_encoding_message_size(MESSAGE_BYTES)
    }
}

fn bad(what: &str, why: impl std::fmt::Display) -> MeshError {
    MeshError::new(Code::BadArgument, format!("{what}: {why}"))
}

#[tonic::async_trait]
impl HomeService for Service {
    async fn publish(&self, request: Request<PublishRequest>) -> Result<Response<PublishResponse>, Status> {
        PeerIdentity::of(request.extensions())?;
        let within = deadline(&self.core, &request);
        let request = request.into_inner();
        let wait = wait_of(&request)?;
        let acknowledgement = self.publisher.publish(request.envelope, request.attachments, wait, within).await?;
        Ok(Response::new(PublishResponse { acknowledgement: Some(acknowledgement) }))
    }

    async fn set_domain_rules(
        &self,
        request: Request<SetDomainRulesRequest>,
    ) -> Result<Response<SetDomainRulesResponse>, Status> {
        PeerIdentity::of(request.extensions())?;
        let within = deadline(&self.core, &request);
        Ok(Response::new(self.rules.set(request.into_inner().envelope, within).await?))
    }

    async fn get_domain_rules(
        &self,
        request: Request<GetDomainRulesRequest>,
    ) -> Result<Response<GetDomainRulesResponse>, Status> {
        PeerIdentity::of(request.extensions())?;
        let within = deadline(&self.core, &request);
        let name = DomainName::parse(&request.get_ref().domain).map_err(|error| bad("domain", error))?;
        let found = self.rules.get(&name, within).await?;
        Ok(Response::new(governance::rules_response(&self.core, &found)))
    }

    async fn state_fact(&self, request: Request<StateFactRequest>) -> Result<Response<StateFactResponse>, Status> {
        let peer = PeerIdentity::of(request.extensions())?.node_id;
        let within = deadline(&self.core, &request);
        let mut request = request.into_inner();
        request.carried = request.carried && self.facts.was_home(peer, &request.envelope)?;
        Ok(Response::new(access::stated(&self.facts.state(request, within).await?)))
    }

    async fn list_access(&self, request: Request<ListAccessRequest>) -> Result<Response<ListAccessResponse>, Status> {
        PeerIdentity::of(request.extensions())?;
        Ok(Response::new(access::list(&self.core, &self.access, request.into_inner()).await?))
    }

    async fn check_access(
        &self,
        request: Request<CheckAccessRequest>,
    ) -> Result<Response<CheckAccessResponse>, Status> {
        PeerIdentity::of(request.extensions())?;
        Ok(Response::new(access::check(&self.core, &self.access, request.into_inner()).await?))
    }

    async fn get_quality(&self, request: Request<GetQualityRequest>) -> Result<Response<GetQualityResponse>, Status> {
        PeerIdentity::of(request.extensions())?;
        Ok(Response::new(quality::of_product(&self.quality, request.into_inner()).await?))
    }

    async fn get_access_terms(
        &self,
        request: Request<GetAccessTermsRequest>,
    ) -> Result<Response<GetAccessTermsResponse>, Status> {
        PeerIdentity::of(request.extensions())?;
        Ok(Response::new(access::terms_of(&self.access, &request.into_inner()).await?))
    }

    async fn issue_token(&self, request: Request<IssueTokenRequest>) -> Result<Response<IssueTokenResponse>, Status> {
        PeerIdentity::of(request.extensions())?;
        let within = deadline(&self.core, &request);
        Ok(Response::new(self.access.issue_token(request.into_inner().envelope, within).await?))
    }

    async fn authorize_token(
        &self,
        request: Request<AuthorizeTokenRequest>,
    ) -> Result<Response<AuthorizeTokenResponse>, Status> {
        PeerIdentity::of(request.extensions())?;
        Ok(Response::new(access::authorize(&self.access, request.into_inner()).await?))
    }

    async fn seal_feed(&self, request: Request<SealFeedRequest>) -> Result<Response<FeedHeadResponse>, Status> {
        PeerIdentity::of(request.extensions())?;
        let within = deadline(&self.core, &request);
        Ok(Response::new(self.moves.seal(request.into_inner().envelope, within).await?))
    }

    async fn get_attachment(
        &self,
        request: Request<GetAttachmentRequest>,
    ) -> Result<Response<GetAttachmentResponse>, Status> {
        PeerIdentity::of(request.extensions())?;
        let request = request.into_inner();
        let digest = Digest::from_slice(&request.digest).ok_or_else(|| bad("digest", "expected 32 bytes"))?;
        let attachment = if request.domain.is_empty() {
            attachments::serve_here(&self.core, digest, request.read_request).await?
        } else {
            let domain = DomainName::parse(&request.domain).map_err(|error| bad("domain", error))?;
            attachments::serve_text(&self.core, &domain, digest, request.read_request, false).await?
        };
        Ok(Response::new(GetAttachmentResponse { attachment: Some(attachment) }))
    }
}
