//! `GovernanceService`.

use std::sync::Arc;

use mesh_event::ledger::EntryBody;
use mesh_event::{Envelope, proto};
use mesh_governance::{Domain, KeyPurpose, RosterEntry as Entry, Verify as _, read};
use mesh_model::{Action, Code, DomainName, ProductId, PublicKey};
use mesh_proto::status::MeshError;
use mesh_proto::v1::governance_service_server::GovernanceService;
use mesh_proto::v1::{
    Acknowledgement, DomainRole, DomainView, FeedFork, FeedHeadResponse, GetComplianceRequest, GetComplianceResponse,
    GetCouncilRequest, GetCouncilResponse, GetDomainRequest, GetDomainResponse, GetDomainRulesRequest,
    GetDomainRulesResponse, GetFeedHeadRequest, GetMeshRequest, GetMeshResponse, GetProposalRequest,
    GetProposalResponse, LedgerFeedHead, ListDomainsRequest, ListDomainsResponse, ListNodesRequest, ListNodesResponse,
    ListProposalsRequest, ListProposalsResponse, ListStandardsRequest, ListStandardsResponse, ListTermsRequest,
    ListTermsResponse, ListWaiversRequest, ListWaiversResponse, PreviewStandardRequest, PreviewStandardResponse,
    RosterEntry, SealFeedRequest, SetDomainRulesRequest, SetDomainRulesResponse, SubmitRequest, SubmitResponse,
    WaitLevel, WhoAmIRequest, WhoAmIResponse,
};
use tonic::{Request, Response, Status};

use super::{standards, view};
use crate::core::Core;
use crate::moves::MoveDesk;
use crate::rules_desk::{Found, RulesDesk};

const PAGE: usize = 200;
const LARGEST_PAGE: usize = 1_000;

pub(super) struct Service {
    core: Arc<Core>,
    rules: RulesDesk,
    moves: MoveDesk,
}

impl Service {
    pub(super) fn new(core: Arc<Core>) -> Self {
        let rules = RulesDesk::new(Arc::clone(&core));
        let moves = MoveDesk::new(Arc::clone(&core));
        Self { core, rules, moves }
    }

    fn domain(&self, domain: &Domain) -> Result<DomainView, MeshError> {
        let fail = |e| self.core.state_error(&e);
        let state = &self.core.state;
        let roster = read::roster(state, Some(&domain.name)).map_err(fail)?;
        let cursor = read::feed_cursor(state, &domain.name).map_err(fail)?;
        let delegation = domain.delegation.as_ref();
        let feed_head = match delegation {
            Some(delegation) => read::ledger_head(state, &domain.name, delegation.epoch).map_err(fail)?,
            None => None,
        };
        let fork = read::containment(state, &domain.name).map_err(fail)?;
        Ok(DomainView {
            name: domain.name.to_string(),
            title: domain.title.clone(),
            description: domain.description.clone(),
            responsibilities: domain.responsibilities.clone(),
            parent: domain.parent.as_ref().map_or_else(String::new, ToString::to_string),
            root_keys: domain.root_keys.iter().map(|key| key.0.to_vec()).collect(),
            root_threshold: domain.root_threshold,
            roster_version: domain.roster_version,
            status: domain.status.as_str().to_owned(),
            home_node_id: delegation.map_or(0, |delegation| delegation.node_id),
            epoch: delegation.map_or(0, |delegation| delegation.epoch),
            admitted_index: domain.admitted_at,
            roster: roster_entries(&roster),
            sealed_commands: cursor.map_or(0, |cursor| cursor.last_outbox),
            feed_head: feed_head.map(|head| LedgerFeedHead {
                events: head.size,
                root: head.root.0.to_vec(),
                ledger_index: head.index,
            }),
            fork: fork.map(|report| FeedFork {
                ledger_index: report.index,
                at_unix_ms: report.stamp_unix_ms,
                node_id: report.node_id,
                epoch: report.epoch,
                heads: (report.heads.iter())
                    .map(|(events, root)| LedgerFeedHead { events: *events, root: root.0.to_vec(), ledger_index: 0 })
                    .collect(),
            }),
        })
    }
}

fn roster_entries(roster: &[Entry]) -> Vec<RosterEntry> {
    (roster.iter())
        .flat_map(|entry| {
            entry.grants.iter().map(|grant| RosterEntry {
                key: entry.key.0.to_vec(),
                role: view::role(grant.role),
                granted_index: grant.granted_at,
                revoked_index: grant.revoked_at,
            })
        })
        .collect()
}

/// A domain's own rules as they cross the wire.
pub(super) fn rules_response(core: &Core, found: &Found) -> GetDomainRulesResponse {
    let rules = found.rules.as_ref();
    GetDomainRulesResponse {
        event: rules.map_or_else(Vec::new, |rules| rules.bytes.clone()),
        since_unix_ms: rules.map_or_else(Vec::new, |rules| rules.own.since()),
        epoch: found.epoch,
        home_node_id: found.home,
        freshness: Some(super::freshness(core)),
    }
}

fn bad(field: &str, error: impl std::fmt::Display) -> MeshError {
    let why = error.to_string();
    MeshError { code: Code::BadArgument, message: format!("{field}: {why}"), fields: vec![(field.to_owned(), why)] }
}

#[tonic::async_trait]
impl GovernanceService for Service {
    async fn submit(&self, request: Request<SubmitRequest>) -> Result<Response<SubmitResponse>, Status> {
        let within = super::deadline(&self.core, &request);
        let bytes = request.into_inner().envelope;
        self.core.check_writable()?;
        let envelope = Envelope::parse(bytes).map_err(|error| MeshError::new(error.code(), error.to_string()))?;
        let signed = self.core.verified.command(envelope, &self.core.mesh_id);
        let signed = signed.map_err(|error| MeshError::new(error.code(), error.to_string()))?;
        let command = signed.command();
        if command.body.feed_domain().is_some() {
            let text = format!("{} is a domain command; expected it at PublishService.Publish", command.body.kind());
            return Err(MeshError::new(Code::BadArgument, text).into());
        }
        // A retry of what is in the ledger already is answered with the first outcome.
        let known = read::command(&self.core.state, &command.id).map_err(|e| self.core.state_error(&e))?;
        let command_id = command.id.0.to_vec();
        let (index, code, detail) = if let Some(known) = known {
            let leaf = read::leaf(&self.core.state, known.ledger_index).map_err(|e| self.core.state_error(&e))?;
            let leaf = leaf.ok_or_else(|| MeshError::new(Code::Damaged, "a sealed leaf is not there"))?;
            (leaf.index, leaf.outcome.code, leaf.outcome.detail)
        } else {
            self.core.command_rate.count(&command.author, std::time::Instant::now())?;
            self.core.check_no_fork(&command.body)?;
            self.core.check_handed_over(&command.body)?;
            let body = EntryBody::Envelope(signed.envelope().bytes().to_vec());
            let leaves = self.core.raft.proposer().propose(body, within).await;
            let leaves = leaves.map_err(|error| MeshError::new(error.code(), error.to_string()))?;
            let leaf = leaves.into_iter().next();
            let leaf = leaf.ok_or_else(|| MeshError::new(Code::OutcomeUnknown, "the ledger named no leaf"))?;
            self.core.wait_applied(leaf.index, within).await;
            (leaf.index, leaf.code(), leaf.detail)
        };
        if code != Code::Accepted {
            return Err(MeshError::new(code, format!("{detail} (ledger index {index})")).into());
        }
        let acknowledgement = Acknowledgement {
            command_id,
            reached: WaitLevel::Sealed.into(),
            feed: None,
            ledger_index: Some(index),
            code: Some(code.number()),
            detail,
            version_id: String::new(),
        };
        Ok(Response::new(SubmitResponse { acknowledgement: Some(acknowledgement) }))
    }

    async fn get_mesh(&self, _request: Request<GetMeshRequest>) -> Result<Response<GetMeshResponse>, Status> {
        let document = &self.core.genesis.document;
        let mesh = read::mesh(&self.core.state).map_err(|e| self.core.state_error(&e))?;
        Ok(Response::new(GetMeshResponse {
            mesh_id: self.core.mesh_id.0.to_vec(),
            name: document.mesh_name.clone(),
            protocol_version: mesh.map_or(document.protocol_version, |mesh| mesh.protocol_version),
            genesis: self.core.genesis.envelope.bytes().to_vec(),
            freshness: Some(super::freshness(&self.core)),
        }))
    }

    async fn get_council(&self, request: Request<GetCouncilRequest>) -> Result<Response<GetCouncilResponse>, Status> {
        super::check_token(&self.core, &request)?;
        let mesh = read::mesh(&self.core.state).map_err(|e| self.core.state_error(&e))?;
        let mesh = mesh.ok_or_else(|| MeshError::new(Code::GenesisFirst, "the ledger has no genesis yet"))?;
        let roster = read::roster(&self.core.state, None).map_err(|e| self.core.state_error(&e))?;
        let seats = mesh.council.seats.iter().map(|seat| proto::Seat {
            name: seat.name.clone(),
            key: seat.key.0.to_vec(),
            domain: seat.domain.as_ref().map_or_else(String::new, ToString::to_string),
        });
        Ok(Response::new(GetCouncilResponse {
            council: Some(proto::Council { threshold: mesh.council.threshold, seats: seats.collect() }),
            version: mesh.council_version,
            mesh_roles: roster_entries(&roster),
            mesh_roster_version: mesh.roster_version,
            min_review_ms: read::terms(&self.core.state).map_err(|e| self.core.state_error(&e))?.min_review_ms,
            recovery_keys: mesh.recovery_keys.iter().map(|key| key.0.to_vec()).collect(),
            freshness: Some(super::freshness(&self.core)),
        }))
    }

    async fn get_domain(&self, request: Request<GetDomainRequest>) -> Result<Response<GetDomainResponse>, Status> {
        super::check_token(&self.core, &request)?;
        let within = super::deadline(&self.core, &request);
        let request = request.into_inner();
        let name = DomainName::parse(&request.name).map_err(|error| bad("name", error))?;
        super::at_least(&self.core, request.at_least_index, within).await?;
        let domain = read::domain(&self.core.state, &name).map_err(|e| self.core.state_error(&e))?;
        let domain =
            domain.ok_or_else(|| MeshError::new(Code::UnknownDomain, format!("no domain is called {name}")))?;
        Ok(Response::new(GetDomainResponse {
            domain: Some(self.domain(&domain)?),
            freshness: Some(super::freshness(&self.core)),
        }))
    }

    async fn list_domains(
        &self,
        request: Request<ListDomainsRequest>,
    ) -> Result<Response<ListDomainsResponse>, Status> {
        super::check_token(&self.core, &request)?;
        let request = request.into_inner();
        let limit = if request.page_size == 0 { PAGE } else { (request.page_size as usize).min(LARGEST_PAGE) };
        let after = match request.page_token.as_str() {
            "" => None,
            token => Some(DomainName::parse(token).map_err(|error| bad("page_token", error))?),
        };
        let domains = read::domains(&self.core.state, after.as_ref(), limit).map_err(|e| self.core.state_error(&e))?;
        let next = domains.last().filter(|_| domains.len() == limit).map_or_else(String::new, |d| d.name.to_string());
        let domains = domains.iter().map(|domain| self.domain(domain)).collect::<Result<_, _>>()?;
        let freshness = Some(super::freshness(&self.core));
        Ok(Response::new(ListDomainsResponse { domains, next_page_token: next, freshness }))
    }

    async fn seal_feed(&self, request: Request<SealFeedRequest>) -> Result<Response<FeedHeadResponse>, Status> {
        let within = super::deadline(&self.core, &request);
        Ok(Response::new(self.moves.seal(request.into_inner().envelope, within).await?))
    }

    async fn get_feed_head(&self, request: Request<GetFeedHeadRequest>) -> Result<Response<FeedHeadResponse>, Status> {
        super::check_token(&self.core, &request)?;
        let name = DomainName::parse(&request.get_ref().domain).map_err(|error| bad("domain", error))?;
        Ok(Response::new(self.moves.head(&name).await?))
    }

    async fn set_domain_rules(
        &self,
        request: Request<SetDomainRulesRequest>,
    ) -> Result<Response<SetDomainRulesResponse>, Status> {
        let within = super::deadline(&self.core, &request);
        Ok(Response::new(self.rules.set(request.into_inner().envelope, within).await?))
    }

    async fn get_domain_rules(
        &self,
        request: Request<GetDomainRulesRequest>,
    ) -> Result<Response<GetDomainRulesResponse>, Status> {
        super::check_token(&self.core, &request)?;
        let within = super::deadline(&self.core, &request);
        let name = DomainName::parse(&request.get_ref().domain).map_err(|error| bad("domain", error))?;
        let found = self.rules.get(&name, within).await?;
        Ok(Response::new(rules_response(&self.core, &found)))
    }

    async fn list_nodes(&self, request: Request<ListNodesRequest>) -> Result<Response<ListNodesResponse>, Status> {
        super::check_token(&self.core, &request)?;
        let fail = |e| self.core.state_error(&e);
        let nodes = read::nodes(&self.core.state).map_err(fail)?;
        let mut standings = Vec::with_capacity(nodes.len());
        for node in &nodes {
            let revocation = read::node_revocation(&self.core.state, node.record.node_id).map_err(fail)?;
            let standing = match (&revocation, node.voter) {
                (Some(_), _) => "revoked",
                (None, true) => "voter",
                (None, false) => "observer",
            };
            standings.push(mesh_proto::v1::NodeStanding {
                standing: standing.to_owned(),
                admitted_index: node.admitted_at,
                revoked_index: revocation.as_ref().map(|revocation| revocation.index),
                revoked_reason: revocation.map_or_else(String::new, |revocation| revocation.reason),
            });
        }
        Ok(Response::new(ListNodesResponse {
            nodes: nodes.iter().map(|node| node.record.to_message()).collect(),
            standings,
            freshness: Some(super::freshness(&self.core)),
        }))
    }

    async fn who_am_i(&self, request: Request<WhoAmIRequest>) -> Result<Response<WhoAmIResponse>, Status> {
        super::check_token(&self.core, &request)?;
        let request = request.into_inner();
        let fail = |e| self.core.state_error(&e);
        let state = &self.core.state;
        let key = PublicKey::from_slice(&request.key).ok_or_else(|| bad("key", "expected 32 bytes"))?;
        let purpose = read::key_purpose(state, &key).map_err(fail)?;
        let purposes = purpose.iter().map(name_purpose).collect();
        let roles = read::grants_of(state, &key).map_err(fail)?;
        let roles = roles.iter().flat_map(|entry| {
            entry.grants.iter().map(|grant| DomainRole {
                domain: entry.domain.as_ref().map_or_else(String::new, ToString::to_string),
                role: view::role(grant.role),
                granted_index: grant.granted_at,
                revoked_index: grant.revoked_at,
            })
        });
        let mut response = WhoAmIResponse { purposes, roles: roles.collect(), allowed: None, why: String::new() };
        if !request.action.is_empty() {
            let action: Action = request.action.parse().map_err(|error| bad("action", error))?;
            let domain = match ProductId::parse(&request.subject) {
                Ok(product) => product.domain,
                Err(_) => DomainName::parse(&request.subject).map_err(|error| bad("subject", error))?,
            };
            let allowed = read::may(state, &key, action, &domain, self.core.ledger_size()).map_err(fail)?;
            response.allowed = Some(allowed);
            response.why = action.who_may();
        }
        Ok(Response::new(response))
    }

    async fn list_proposals(
        &self,
        request: Request<ListProposalsRequest>,
    ) -> Result<Response<ListProposalsResponse>, Status> {
        super::check_token(&self.core, &request)?;
        Ok(Response::new(standards::proposals(&self.core, request.get_ref())?))
    }

    async fn get_proposal(
        &self,
        request: Request<GetProposalRequest>,
    ) -> Result<Response<GetProposalResponse>, Status> {
        super::check_token(&self.core, &request)?;
        Ok(Response::new(standards::proposal(&self.core, request.get_ref().index)?))
    }

    async fn list_standards(
        &self,
        request: Request<ListStandardsRequest>,
    ) -> Result<Response<ListStandardsResponse>, Status> {
        super::check_token(&self.core, &request)?;
        Ok(Response::new(standards::standards(&self.core, request.get_ref())?))
    }

    async fn preview_standard(
        &self,
        request: Request<PreviewStandardRequest>,
    ) -> Result<Response<PreviewStandardResponse>, Status> {
        super::check_token(&self.core, &request)?;
        let core = Arc::clone(&self.core);
        let request = request.into_inner();
        Ok(Response::new(self.core.offload(move || standards::preview(&core, &request)).await?))
    }

    async fn get_compliance(
        &self,
        request: Request<GetComplianceRequest>,
    ) -> Result<Response<GetComplianceResponse>, Status> {
        super::check_token(&self.core, &request)?;
        let core = Arc::clone(&self.core);
        let request = request.into_inner();
        Ok(Response::new(self.core.offload(move || standards::report(&core, &request)).await?))
    }

    async fn list_terms(&self, request: Request<ListTermsRequest>) -> Result<Response<ListTermsResponse>, Status> {
        super::check_token(&self.core, &request)?;
        let core = Arc::clone(&self.core);
        let request = request.into_inner();
        Ok(Response::new(self.core.offload(move || standards::terms(&core, &request)).await?))
    }

    async fn list_waivers(
        &self,
        request: Request<ListWaiversRequest>,
    ) -> Result<Response<ListWaiversResponse>, Status> {
        super::check_token(&self.core, &request)?;
        Ok(Response::new(standards::waivers(&self.core, request.get_ref().all)?))
    }
}

fn name_purpose(purpose: &KeyPurpose) -> String {
    match purpose {
        KeyPurpose::Council => "council member".to_owned(),
        KeyPurpose::Root(domain) => format!("root of {domain}"),
        KeyPurpose::RoleHolder => "role holder".to_owned(),
        KeyPurpose::Node(id) => format!("node {id}"),
        KeyPurpose::Log => "log key of a voter".to_owned(),
        KeyPurpose::Cosigner => "cosigner key of a voter".to_owned(),
        KeyPurpose::Recovery => "recovery key of the council".to_owned(),
    }
}
