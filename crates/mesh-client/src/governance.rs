//! Domains, council, nodes, keys; and submitting what changes them.

use std::time::Duration;

use mesh_event::{Council, Envelope, NodeRecord, Seat};
use mesh_model::{Action, Digest, DomainName, LedgerIndex, NodeId, PublicKey, Role, UnixMs};
use mesh_proto::status::MeshError;
use mesh_proto::v1;
use serde::Serialize;

use crate::acknowledgement::{Acknowledgement, Freshness};
use crate::catalog::Listing;
use crate::client::Client;
use crate::convert::{key, missing, odd, optional, parse, role};
use crate::retry::{Failed, Repeat};

/// A node as the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KnownNode {
    /// Its keys and addresses.
    #[serde(flatten)]
    pub record: NodeRecord,
    /// `voter`, `observer` or `revoked`.
    pub standing: String,
    /// The leaf that let it in.
    pub admitted_index: LedgerIndex,
    /// The leaf that took it out.
    pub revoked_index: Option<LedgerIndex>,
    /// Why it was taken out.
    pub revoked_reason: String,
}

/// A domain as the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DomainView {
    /// Its name.
    pub name: DomainName,
    /// What people call it.
    pub title: String,
    /// What it is about.
    pub description: String,
    /// What it answers for.
    pub responsibilities: Vec<String>,
    /// The domain it belongs to.
    pub parent: Option<DomainName>,
    /// Who speaks for it.
    pub root_keys: Vec<PublicKey>,
    /// How many of them must sign.
    pub root_threshold: u32,
    /// To be named by commands that change the roster.
    pub roster_version: u64,
    /// `active`, `suspended`, …
    pub status: String,
    /// The node that writes its feed; `None` for none yet.
    pub home_node_id: Option<NodeId>,
    /// The feed's epoch in force.
    pub epoch: u64,
    /// The leaf that admitted it.
    pub admitted_index: LedgerIndex,
    /// Its role holders.
    pub roster: Vec<RosterEntry>,
    /// Commands of the present epoch that the ledger has.
    pub sealed_commands: u64,
    /// The newest head of its feed that is in the ledger.
    pub feed_head: Option<LedgerFeedHead>,
    /// That its node signed two histories of the feed, and nobody has said yet which stands.
    pub fork: Option<FeedFork>,
}

/// A head of a feed, as the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LedgerFeedHead {
    /// How many events it covers.
    pub events: u64,
    /// Their root.
    pub root: Digest,
    /// The leaf that carries it; 0 for a head of a report.
    pub ledger_index: LedgerIndex,
}

/// A report that a node signed two histories of a feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FeedFork {
    /// The leaf of the report.
    pub ledger_index: LedgerIndex,
    /// That leaf's stamp.
    pub at_unix_ms: UnixMs,
    /// Who signed both.
    pub node_id: NodeId,
    /// The feed's epoch.
    pub epoch: u64,
    /// Both, by size.
    pub heads: Vec<LedgerFeedHead>,
}

/// A role that a key holds or held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RosterEntry {
    /// Whose.
    pub key: PublicKey,
    /// Which.
    pub role: Role,
    /// The leaf that granted it.
    pub granted_index: LedgerIndex,
    /// The leaf that revoked it.
    pub revoked_index: Option<LedgerIndex>,
}

/// The council in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CouncilView {
    /// Seats and threshold.
    pub council: Council,
    /// To be named by commands that the council signs.
    pub version: u64,
    /// Roles for the whole mesh.
    pub mesh_roles: Vec<RosterEntry>,
    /// To be named by commands that change these.
    pub mesh_roster_version: u64,
    /// How long every proposal is open before it can take effect, in milliseconds.
    pub min_review_ms: u64,
    /// Keys that help a council which can no longer decide.
    pub recovery_keys: Vec<PublicKey>,
    /// How old the answer may be.
    pub freshness: Freshness,
}

/// What a key holds, and whether it may do something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WhoAmI {
    /// Council seat, root of a domain, role holder, node, …
    pub purposes: Vec<String>,
    /// Its roles.
    pub roles: Vec<DomainRole>,
    /// Set when an action was asked about.
    pub allowed: Option<bool>,
    /// Why.
    pub why: String,
}

/// A role in a domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DomainRole {
    /// In which domain; `None` for mesh-wide.
    pub domain: Option<DomainName>,
    /// Which.
    pub role: Role,
    /// The leaf that granted it.
    pub granted_index: LedgerIndex,
    /// The leaf that revoked it.
    pub revoked_index: Option<LedgerIndex>,
}

impl Client {
    /// Submits a signed root or council command and waits until it is sealed. Not repeated once it may have arrived.
    ///
    /// # Errors
    /// What the mesh refuses, with its code; [`mesh_model::Code::OutcomeUnknown`] when time ran out on the way. A refusal
    /// that the ledger recorded is an acknowledgement: see [`Acknowledgement::accepted`].
    pub async fn submit(&self, envelope: &Envelope) -> Result<Acknowledgement, MeshError> {
        self.submit_within(envelope, self.timeout()).await
    }

    /// The same with a time limit of its own.
    ///
    /// # Errors
    /// As [`Client::submit`].
    pub async fn submit_within(&self, envelope: &Envelope, limit: Duration) -> Result<Acknowledgement, MeshError> {
        let message = v1::SubmitRequest { envelope: envelope.bytes().to_vec() };
        let answer = self
            .call_within(limit, Repeat::OnlyIfNothingHappened, async |attempt| {
                let answer = attempt.governance().submit(attempt.request(message.clone())).await;
                answer.map_err(|status| Failed::of(status, &attempt.url))
            })
            .await?;
        Acknowledgement::of_optional(answer.into_inner().acknowledgement)
    }

    /// The council in force.
    ///
    /// # Errors
    /// The transport's.
    pub async fn council(&self) -> Result<CouncilView, MeshError> {
        let answer = self
            .call(Repeat::Read, async |attempt| {
                let answer = attempt.governance().get_council(attempt.request(v1::GetCouncilRequest {})).await;
                answer.map_err(|status| Failed::of(status, &attempt.url))
            })
            .await?
            .into_inner();
        let council = answer.council.ok_or_else(|| missing("council"))?;
        let seats = council.seats.into_iter().map(|seat| {
            let domain = optional("seats.domain", &seat.domain)?;
            Ok(Seat { key: key("seats.key", &seat.key)?, name: seat.name, domain })
        });
        Ok(CouncilView {
            council: Council { threshold: council.threshold, seats: seats.collect::<Result<_, MeshError>>()? },
            version: answer.version,
            mesh_roles: answer.mesh_roles.iter().map(roster_entry).collect::<Result<_, _>>()?,
            mesh_roster_version: answer.mesh_roster_version,
            min_review_ms: answer.min_review_ms,
            recovery_keys: answer
                .recovery_keys
                .iter()
                .map(|bytes| key("recovery_keys", bytes))
                .collect::<Result<_, _>>()?,
            freshness: Freshness::of(answer.freshness),
        })
    }

    /// One domain.
    ///
    /// # Errors
    /// [`mesh_model::Code::UnknownDomain`], or the transport's.
    pub async fn domain(
        &self,
        name: &DomainName,
        at_least_index: Option<LedgerIndex>,
    ) -> Result<DomainView, MeshError> {
        let message = v1::GetDomainRequest { name: name.to_string(), at_least_index };
        let answer = self
            .call(Repeat::Read, async |attempt| {
                let answer = attempt.governance().get_domain(attempt.request(message.clone())).await;
                answer.map_err(|status| Failed::of(status, &attempt.url))
            })
            .await?;
        domain_view(answer.into_inner().domain.ok_or_else(|| missing("domain"))?)
    }

    /// All domains, page after page.
    ///
    /// # Errors
    /// The transport's.
    pub async fn domains(&self) -> Result<Listing<DomainView>, MeshError> {
        let mut items = Vec::new();
        let mut page_token = String::new();
        loop {
            let message = v1::ListDomainsRequest { page_size: 1000, page_token };
            let answer = self
                .call(Repeat::Read, async |attempt| {
                    let answer = attempt.governance().list_domains(attempt.request(message.clone())).await;
                    answer.map_err(|status| Failed::of(status, &attempt.url))
                })
                .await?
                .into_inner();
            for domain in answer.domains {
                items.push(domain_view(domain)?);
            }
            if answer.next_page_token.is_empty() {
                return Ok(Listing { items, cut: false, freshness: Freshness::of(answer.freshness) });
            }
            page_token = answer.next_page_token;
        }
    }

    /// The nodes that the ledger knows.
    ///
    /// # Errors
    /// The transport's.
    pub async fn node_records(&self) -> Result<Listing<NodeRecord>, MeshError> {
        let Listing { items, cut, freshness } = self.known_nodes().await?;
        Ok(Listing { items: items.into_iter().map(|node| node.record).collect(), cut, freshness })
    }

    /// The same with where each of them stands.
    ///
    /// # Errors
    /// The transport's.
    pub async fn known_nodes(&self) -> Result<Listing<KnownNode>, MeshError> {
        let answer = self
            .call(Repeat::Read, async |attempt| {
                let answer = attempt.governance().list_nodes(attempt.request(v1::ListNodesRequest {})).await;
                answer.map_err(|status| Failed::of(status, &attempt.url))
            })
            .await?
            .into_inner();
        if answer.standings.len() != answer.nodes.len() {
            return Err(missing("standings"));
        }
        let items = (answer.nodes.into_iter().zip(answer.standings))
            .map(|(node, standing)| {
                let record = NodeRecord::from_message(node).map_err(|error| odd("nodes", error))?;
                let v1::NodeStanding { standing, admitted_index, revoked_index, revoked_reason } = standing;
                Ok(KnownNode { record, standing, admitted_index, revoked_index, revoked_reason })
            })
            .collect::<Result<_, MeshError>>()?;
        Ok(Listing { items, cut: false, freshness: Freshness::of(answer.freshness) })
    }

    /// What a key holds.
    ///
    /// # Errors
    /// The transport's.
    pub async fn who_is(&self, key: PublicKey) -> Result<WhoAmI, MeshError> {
        self.ask_about(key, String::new(), String::new()).await
    }

    /// Whether a key may do something to a domain or product.
    ///
    /// # Errors
    /// The transport's. "No" is an answer, not an error.
    pub async fn can(&self, key: PublicKey, action: Action, subject: &str) -> Result<WhoAmI, MeshError> {
        self.ask_about(key, action.to_string(), subject.to_owned()).await
    }

    async fn ask_about(&self, key: PublicKey, action: String, subject: String) -> Result<WhoAmI, MeshError> {
        let message = v1::WhoAmIRequest { key: key.0.to_vec(), action, subject };
        let answer = self
            .call(Repeat::Read, async |attempt| {
                let answer = attempt.governance().who_am_i(attempt.request(message.clone())).await;
                answer.map_err(|status| Failed::of(status, &attempt.url))
            })
            .await?
            .into_inner();
        let roles = answer.roles.into_iter().map(|entry| {
            Ok(DomainRole {
                domain: optional("roles.domain", &entry.domain)?,
                role: role("roles.role", entry.role)?,
                granted_index: entry.granted_index,
                revoked_index: entry.revoked_index,
            })
        });
        Ok(WhoAmI {
            purposes: answer.purposes,
            roles: roles.collect::<Result<_, MeshError>>()?,
            allowed: answer.allowed,
            why: answer.why,
        })
    }
}

fn roster_entry(m: &v1::RosterEntry) -> Result<RosterEntry, MeshError> {
    Ok(RosterEntry {
        key: key("roster.key", &m.key)?,
        role: role("roster.role", m.role)?,
        granted_index: m.granted_index,
        revoked_index: m.revoked_index,
    })
}

fn domain_view(m: v1::DomainView) -> Result<DomainView, MeshError> {
    let root_keys = m.root_keys.iter().map(|bytes| key("domain.root_keys", bytes)).collect::<Result<_, _>>()?;
    Ok(DomainView {
        name: parse("domain.name", &m.name)?,
        title: m.title,
        description: m.description,
        responsibilities: m.responsibilities,
        parent: optional("domain.parent", &m.parent)?,
        root_keys,
        root_threshold: m.root_threshold,
        roster_version: m.roster_version,
        status: m.status,
        home_node_id: (m.home_node_id != 0).then_some(m.home_node_id),
        epoch: m.epoch,
        admitted_index: m.admitted_index,
        roster: m.roster.iter().map(roster_entry).collect::<Result<_, _>>()?,
        sealed_commands: m.sealed_commands,
        feed_head: m.feed_head.map(|head| feed_head(&head)).transpose()?,
        fork: m.fork.as_ref().map(fork).transpose()?,
    })
}

fn feed_head(m: &v1::LedgerFeedHead) -> Result<LedgerFeedHead, MeshError> {
    let root = Digest::from_slice(&m.root).ok_or_else(|| odd("feed_head.root", "is not 32 bytes long"))?;
    Ok(LedgerFeedHead { events: m.events, root, ledger_index: m.ledger_index })
}

fn fork(m: &v1::FeedFork) -> Result<FeedFork, MeshError> {
    Ok(FeedFork {
        ledger_index: m.ledger_index,
        at_unix_ms: m.at_unix_ms,
        node_id: m.node_id,
        epoch: m.epoch,
        heads: m.heads.iter().map(feed_head).collect::<Result<_, _>>()?,
    })
}
