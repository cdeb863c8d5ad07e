//! `AccessService`, and access as it crosses the wire.

use std::sync::Arc;

use mesh_access::{AccessRecord, AccessRule, Issuer, RevokedToken, Scope, Status as Standing};
use mesh_event::fact::{PortScope, PrivateText};
use mesh_model::{Code, DomainName, FactId, Name, ProductId, PublicKey, UnixMs};
use mesh_proto::status::MeshError;
use mesh_proto::v1::access_service_server::AccessService;
use mesh_proto::v1::{
    AccessIssuerItem, AccessItem, AccessPort, AccessRuleItem, AccessStatus, AccessText, AuthorizeTokenRequest,
    AuthorizeTokenResponse, CheckAccessRequest, CheckAccessResponse, GetAccessTermsRequest, GetAccessTermsResponse,
    IssueTokenRequest, IssueTokenResponse, ListAccessRequest, ListAccessResponse, RevokedTokenItem, StateFactRequest,
    StateFactResponse,
};
use tonic::{Request, Response, Status};

use super::{check_token, deadline, freshness};
use crate::access::{AccessDesk, AccessQuery, Authorized, Checked, Issued, Listed, Terms, Wanted};
use crate::core::Core;
use crate::facts::{FactDesk, Stated};

const LIMIT: u32 = 100;
const LARGEST_LIMIT: u32 = 1_000;

pub(super) struct Service {
    core: Arc<Core>,
    facts: FactDesk,
    desk: AccessDesk,
}

impl Service {
    pub(super) fn new(core: Arc<Core>) -> Self {
        Self { facts: FactDesk::new(Arc::clone(&core)), desk: AccessDesk::new(Arc::clone(&core)), core }
    }
}

#[tonic::async_trait]
impl AccessService for Service {
    async fn state_fact(&self, request: Request<StateFactRequest>) -> Result<Response<StateFactResponse>, Status> {
        let within = deadline(&self.core, &request);
        // Only a node may say that a fact was taken before.
        let request = StateFactRequest { carried: false, ..request.into_inner() };
        Ok(Response::new(stated(&self.facts.state(request, within).await?)))
    }

    async fn list_access(&self, request: Request<ListAccessRequest>) -> Result<Response<ListAccessResponse>, Status> {
        check_token(&self.core, &request)?;
        Ok(Response::new(list(&self.core, &self.desk, request.into_inner()).await?))
    }

    async fn check_access(
        &self,
        request: Request<CheckAccessRequest>,
    ) -> Result<Response<CheckAccessResponse>, Status> {
        check_token(&self.core, &request)?;
        Ok(Response::new(check(&self.core, &self.desk, request.into_inner()).await?))
    }

    async fn get_access_terms(
        &self,
        request: Request<GetAccessTermsRequest>,
    ) -> Result<Response<GetAccessTermsResponse>, Status> {
        check_token(&self.core, &request)?;
        Ok(Response::new(terms_of(&self.desk, &request.into_inner()).await?))
    }

    async fn issue_token(&self, request: Request<IssueTokenRequest>) -> Result<Response<IssueTokenResponse>, Status> {
        let within = deadline(&self.core, &request);
        Ok(Response::new(self.desk.issue_token(request.into_inner().envelope, within).await?))
    }

    async fn authorize_token(
        &self,
        request: Request<AuthorizeTokenRequest>,
    ) -> Result<Response<AuthorizeTokenResponse>, Status> {
        Ok(Response::new(authorize(&self.desk, request.into_inner()).await?))
    }
}

fn bad(what: &str, why: impl std::fmt::Display) -> MeshError {
    MeshError::new(Code::BadArgument, format!("{what}: {why}"))
}

/// An empty text is nothing said.
fn optional<T: std::str::FromStr>(what: &str, text: &str) -> Result<Option<T>, MeshError>
where
    T::Err: std::fmt::Display,
{
    if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(|error| bad(what, error)) }
}

fn required<T: std::str::FromStr>(what: &str, text: &str) -> Result<T, MeshError>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error| bad(what, error))
}

fn key(what: &str, bytes: &[u8]) -> Result<Option<PublicKey>, MeshError> {
    if bytes.is_empty() {
        return Ok(None);
    }
    PublicKey::from_slice(bytes).map(Some).ok_or_else(|| bad(what, "expected 32 bytes"))
}

pub(crate) fn stated(stated: &Stated) -> StateFactResponse {
    StateFactResponse { domain: stated.feed.domain.to_string(), epoch: stated.feed.epoch, seq: stated.seq }
}

/// Answers a list, for clients or for other nodes.
pub(super) async fn list(
    core: &Core,
    desk: &AccessDesk,
    request: ListAccessRequest,
) -> Result<ListAccessResponse, MeshError> {
    let request_id = match request.request_id.as_slice() {
        [] => None,
        bytes => Some(FactId::from_slice(bytes).ok_or_else(|| bad("request_id", "expected 16 bytes"))?),
    };
    let mut statuses = Vec::new();
    for number in &request.statuses {
        let standing = AccessStatus::try_from(*number).ok().and_then(standing);
        statuses.push(standing.ok_or_else(|| bad("statuses", format!("{number} is none")))?);
    }
    let query = AccessQuery {
        request: request_id,
        domains: request.domains.iter().map(|name| required("domains", name)).collect::<Result<_, _>>()?,
        product: optional("product", &request.product)?,
        consumer: optional("consumer", &request.consumer)?,
        requester: key("requester", &request.requester)?,
        statuses,
    };
    let decider = key("decider", &request.decider)?;
    let limit = if request.limit == 0 { LIMIT } else { request.limit.min(LARGEST_LIMIT) };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let Listed { items, cut, unreached, from_copies } = desk.list(&query, decider.as_ref(), limit).await?;
    let names = |domains: std::collections::BTreeSet<DomainName>| domains.iter().map(ToString::to_string).collect();
    let (unreached, from_copies) = (names(unreached), names(from_copies));
    Ok(ListAccessResponse { items, cut, unreached, from_copies, freshness: Some(freshness(core)) })
}

/// Answers a check, for clients or for other nodes.
pub(super) async fn check(
    core: &Core,
    desk: &AccessDesk,
    request: CheckAccessRequest,
) -> Result<CheckAccessResponse, MeshError> {
    let product: ProductId = required("product", &request.product)?;
    let port: Name = required("port", &request.port)?;
    let consumer: DomainName = required("consumer", &request.consumer)?;
    let field = Some(request.field.as_str()).filter(|field| !field.is_empty());
    let Checked { allowed, why, items, from_copy } =
        desk.check(&product, request.major, (&port, field), &consumer).await?;
    Ok(CheckAccessResponse { allowed, why, items, from_copy, freshness: Some(freshness(core)) })
}

/// Answers what a domain's terms are, for clients or for other nodes.
pub(super) async fn terms_of(
    desk: &AccessDesk,
    request: &GetAccessTermsRequest,
) -> Result<GetAccessTermsResponse, MeshError> {
    desk.terms(&required("domain", &request.domain)?).await
}

/// Answers whether a token counts, for clients or for other nodes.
pub(super) async fn authorize(
    desk: &AccessDesk,
    request: AuthorizeTokenRequest,
) -> Result<AuthorizeTokenResponse, MeshError> {
    let wanted = Wanted {
        product: required("product", &request.product)?,
        major: request.major,
        port: required("port", &request.port)?,
        field: Some(request.field).filter(|field| !field.is_empty()),
    };
    desk.authorize_token(&request.token, wanted).await
}

/// The question of a node to a home, without the token.
pub(crate) fn authorize_request(wanted: &Wanted) -> AuthorizeTokenRequest {
    AuthorizeTokenRequest {
        token: String::new(),
        product: wanted.product.to_string(),
        major: wanted.major,
        port: wanted.port.to_string(),
        field: wanted.field.clone().unwrap_or_default(),
    }
}

/// Whether a token counts, as others see it.
pub(crate) fn authorized(core: &Core, authorized: &Authorized) -> AuthorizeTokenResponse {
    AuthorizeTokenResponse {
        allowed: authorized.allowed,
        why: authorized.why.clone(),
        consumer: authorized.consumer.to_string(),
        request_id: authorized.request.0.to_vec(),
        from_copy: authorized.from_copy,
        freshness: Some(freshness(core)),
    }
}

/// A token on its way to whoever asked for it.
pub(crate) fn issued(issued: &Issued) -> IssueTokenResponse {
    IssueTokenResponse {
        token: issued.token.as_str().to_owned(),
        request_id: issued.claims.request.0.to_vec(),
        until_unix_ms: issued.claims.until_unix_ms,
        ports: ports(&issued.claims.scope),
    }
}

/// A domain's terms as others see them.
pub(crate) fn terms(core: &Core, domain: &DomainName, terms: &Terms) -> GetAccessTermsResponse {
    let rule = |rule: &AccessRule| AccessRuleItem {
        rule_id: rule.id.0.to_vec(),
        product: rule.product.to_string(),
        major: rule.major,
        consumers: rule.consumers.iter().map(ToString::to_string).collect(),
        ports: ports(&rule.scope),
        days: rule.days,
        stated_by: rule.by.0.to_vec(),
        stated_unix_ms: rule.at_unix_ms,
    };
    let issuer = |(issuer, counts): &(Issuer, bool)| AccessIssuerItem {
        key: issuer.key.0.to_vec(),
        granted_by: issuer.signers.iter().map(|key| key.0.to_vec()).collect(),
        granted_unix_ms: issuer.at_unix_ms,
        counts: *counts,
        ended_by: issuer.ended.map_or_else(Vec::new, |(by, _)| by.0.to_vec()),
        ended_unix_ms: issuer.ended.map(|(_, at)| at),
        epoch: issuer.epoch.unwrap_or(0),
    };
    let revoked = |token: &RevokedToken| RevokedTokenItem {
        token: token.token.as_bytes().to_vec(),
        request_id: token.request.0.to_vec(),
        revoked_by: token.by.0.to_vec(),
        revoked_unix_ms: token.at_unix_ms,
    };
    let home = terms.home_issuer;
    GetAccessTermsResponse {
        domain: domain.to_string(),
        rules: terms.rules.iter().map(rule).collect(),
        issuers: terms.issuers.iter().map(issuer).collect(),
        revoked_tokens: terms.revoked_tokens.iter().map(revoked).collect(),
        ended_requests: terms.ended_requests.iter().map(|id| id.0.to_vec()).collect(),
        home_issuer: home.map_or_else(Vec::new, |home| home.key.0.to_vec()),
        home_possession: home.map_or_else(Vec::new, |home| home.possession.to_vec()),
        home_epoch: home.map_or(0, |home| home.epoch),
        from_copy: terms.from_copy,
        freshness: Some(freshness(core)),
    }
}

fn ports(scope: &Scope) -> Vec<AccessPort> {
    let port = |part: &PortScope| AccessPort { port: part.port.to_string(), fields: part.fields.clone() };
    scope.0.iter().map(port).collect()
}

/// The question of a node to a home.
pub(crate) fn list_request(query: &AccessQuery, domains: Vec<String>, limit: usize) -> ListAccessRequest {
    let text = |name: Option<&DomainName>| name.map_or_else(String::new, ToString::to_string);
    ListAccessRequest {
        request_id: query.request.map_or_else(Vec::new, |id| id.0.to_vec()),
        domains,
        product: query.product.as_ref().map_or_else(String::new, ToString::to_string),
        consumer: text(query.consumer.as_ref()),
        requester: query.requester.map_or_else(Vec::new, |key| key.0.to_vec()),
        decider: Vec::new(),
        statuses: query.statuses.iter().map(|status| status_of(*status).into()).collect(),
        limit: u32::try_from(limit).unwrap_or(LARGEST_LIMIT),
    }
}

/// The same about one port.
pub(crate) fn check_request(
    product: &ProductId,
    major: u32,
    (port, field): (&Name, Option<&str>),
    consumer: &DomainName,
) -> CheckAccessRequest {
    CheckAccessRequest {
        product: product.to_string(),
        major,
        port: port.to_string(),
        field: field.unwrap_or_default().to_owned(),
        consumer: consumer.to_string(),
    }
}

fn standing(status: AccessStatus) -> Option<Standing> {
    Some(match status {
        AccessStatus::Unspecified => return None,
        AccessStatus::Waiting => Standing::Waiting,
        AccessStatus::Granted => Standing::Granted,
        AccessStatus::Denied => Standing::Denied,
        AccessStatus::Cancelled => Standing::Cancelled,
        AccessStatus::Revoked => Standing::Revoked,
        AccessStatus::Expired => Standing::Expired,
    })
}

fn status_of(standing: Standing) -> AccessStatus {
    match standing {
        Standing::Waiting => AccessStatus::Waiting,
        Standing::Granted => AccessStatus::Granted,
        Standing::Denied => AccessStatus::Denied,
        Standing::Cancelled => AccessStatus::Cancelled,
        Standing::Revoked => AccessStatus::Revoked,
        Standing::Expired => AccessStatus::Expired,
    }
}

/// A request as others see it.
pub(crate) fn item(record: &AccessRecord, now: UnixMs) -> AccessItem {
    let text = |text: &PrivateText| AccessText { digest: text.digest.0.to_vec(), size: text.size };
    let (grant, end) = (record.grant.as_ref(), record.end.as_ref());
    AccessItem {
        request_id: record.request.0.to_vec(),
        product: record.product.to_string(),
        major: record.major,
        asked: ports(&record.asked),
        consumer: record.consumer.to_string(),
        requester: record.requester.0.to_vec(),
        purpose: Some(text(&record.purpose)),
        days: record.days,
        asked_unix_ms: record.asked_unix_ms,
        status: status_of(record.status(now)).into(),
        granted: grant.map_or_else(Vec::new, |grant| ports(&grant.scope)),
        granted_by: grant.map_or_else(Vec::new, |grant| grant.by.0.to_vec()),
        granted_unix_ms: grant.map(|grant| grant.at_unix_ms),
        until_unix_ms: grant.map(|grant| grant.until_unix_ms),
        grant_note: grant.and_then(|grant| grant.note.as_ref()).map(text),
        granted_rule: grant.and_then(|grant| grant.rule).map_or_else(Vec::new, |rule| rule.0.to_vec()),
        ended_by: end.map_or_else(Vec::new, |end| end.by.0.to_vec()),
        ended_unix_ms: end.map(|end| end.at_unix_ms),
        end_note: end.and_then(|end| end.note.as_ref()).map(text),
    }
}
