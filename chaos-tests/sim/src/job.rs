//! What clients and the council do: one command each, sent again until somebody says what became of it.

use std::time::Duration;

use anyhow::Result;
use mesh_client::CommandBuilder;
use mesh_event::command::{AdmitDomains, DelegateNode, DomainAdmission, PublishVersion, RevokeKey, RoleGrant};
use mesh_event::proposal::{Approve, EnactStandard, ProposalBody, Propose};
use mesh_event::{Body, Command, Envelope, Keypair, NodeRecord, Signer};
use mesh_governance::read;
use mesh_model::{
    CommandId, Descriptor, Digest, DomainName, Enforcement, MeshId, Name, NodeId, OutputPort, PortKind, Role, Rule,
    RuleSeverity, Standard, StandardKind, Version,
};
use mesh_proto::v1;
use mesh_proto::v1::governance_service_client::GovernanceServiceClient;
use mesh_proto::v1::publish_service_client::PublishServiceClient;
use mesh_raft::StoreState;
use tonic::service::Routes;

use crate::founding::{domain, key};
use crate::network::Place;
use crate::oracle::Said;

/// How long a client waits for an answer.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// What a command is to do.
#[derive(Debug, Clone)]
pub enum Task {
    /// Let a node in that the founding document doesn't name.
    AdmitNode {
        /// Where it is.
        place: Place,
        /// What it says of itself.
        record: Box<NodeRecord>,
    },
    /// Let domains in, each at home on one of these nodes.
    AdmitDomains {
        /// Place and number.
        homes: Vec<(Place, NodeId)>,
    },
    /// Publish a first version.
    Publish {
        /// Whose.
        domain: Place,
        /// The product's number. Two clients may have the same one, and then only one of them can succeed.
        product: u64,
        /// Which of the clients that publish it.
        client: u8,
        /// By the key that is revoked sooner or later.
        by_leaver: bool,
        /// How far to wait.
        wait: v1::WaitLevel,
        /// With a license, which a standard may ask for.
        licensed: bool,
    },
    /// Open the matter of a standard.
    Propose {
        /// Its number.
        standard: u64,
        /// Who signs at once.
        seats: Vec<u8>,
        /// Who signs afterwards, one by one. May name somebody who signed.
        then: Vec<u8>,
    },
    /// Be for it.
    Approve {
        /// Which standard.
        standard: u64,
        /// The leaf that opened it.
        proposal: u64,
        /// Of the proposal's payload.
        digest: Digest,
        /// Who.
        seat: u8,
    },
    /// Take the leaver's rights.
    Revoke {
        /// In which domain.
        domain: Place,
    },
    /// Give a domain another home, without the present one's help.
    Move {
        /// Which.
        domain: Place,
        /// Where to.
        to: NodeId,
    },
}

impl Task {
    /// In a few words.
    pub fn name(&self) -> String {
        match self {
            Self::AdmitNode { place, .. } => format!("admit the node at {place}"),
            Self::AdmitDomains { homes } => format!("admit {} domains", homes.len()),
            Self::Publish { domain, product, client, by_leaver, .. } => {
                format!("domain_{domain}/p{product} by client {client}{}", if *by_leaver { " (leaver)" } else { "" })
            }
            Self::Propose { standard, seats, then } => format!("propose s{standard} by {seats:?}, then {then:?}"),
            Self::Approve { standard, seat, .. } => format!("seat {seat} for s{standard}"),
            Self::Revoke { domain } => format!("revoke the leaver of domain_{domain}"),
            Self::Move { domain, to } => format!("domain_{domain} moves to node {to}"),
        }
    }

    /// The domain whose home has to take it; council and root commands need none.
    pub fn home(&self) -> Option<Place> {
        match self {
            Self::Publish { domain, .. } => Some(*domain),
            _ => None,
        }
    }
}

/// A command on its way.
#[derive(Debug, Clone)]
pub struct Call {
    /// The command's id.
    pub id: CommandId,
    envelope: Envelope,
    wait: Option<v1::WaitLevel>,
}

/// The id of a standard.
pub fn standard_id(number: u64) -> String {
    format!("s{number}")
}

impl Call {
    /// Builds and signs a task's command by what a node knows now.
    ///
    /// # Errors
    /// When that node doesn't know enough yet, or something can't be signed.
    pub fn new(task: &Task, mesh: MeshId, now_unix_ms: u64, state: &StoreState) -> Result<Self> {
        let council_version = || -> Result<u64> {
            Ok(read::mesh(state)?.ok_or_else(|| anyhow::anyhow!("no genesis yet"))?.council_version)
        };
        let closes_unix_ms = now_unix_ms + 30 * 24 * 3_600_000;
        let (body, names): (Body, Vec<String>) = match task {
            Task::AdmitNode { record, .. } => {
                let body = ProposalBody::AdmitNode((**record).clone());
                let council_version = council_version()?;
                let body = Propose { body, closes_unix_ms, summary: String::new(), council_version };
                (Body::Propose(body), vec!["seat-1".into(), "seat-2".into()])
            }
            Task::AdmitDomains { homes } => {
                let domains = homes.iter().map(|(place, node)| admission(*place, *node)).collect();
                let roots = homes.iter().map(|(place, _)| format!("root-{place}"));
                let holders =
                    homes.iter().flat_map(|(place, _)| [format!("engineer-{place}"), format!("leaver-{place}")]);
                let seats = ["seat-1".to_owned(), "seat-2".to_owned()];
                let council_version = council_version()?;
                let body = AdmitDomains { domains, council_version };
                (Body::AdmitDomains(body), seats.into_iter().chain(roots).chain(holders).collect())
            }
            Task::Publish { domain, product, client, by_leaver, licensed, .. } => {
                let descriptor = descriptor(*domain, *product, *client, *licensed);
                let body = PublishVersion { descriptor, planned_against: None, overflow_breaks: Vec::new() };
                let who = if *by_leaver { "leaver" } else { "engineer" };
                (Body::PublishVersion(body), vec![format!("{who}-{domain}")])
            }
            Task::Propose { standard, seats, .. } => {
                let body = EnactStandard { standard: self::standard(*standard), supersedes: None };
                let council_version = council_version()?;
                let body = ProposalBody::EnactStandard(body);
                let body = Propose { body, closes_unix_ms, summary: "simulated".into(), council_version };
                (Body::Propose(body), seats.iter().map(|seat| format!("seat-{seat}")).collect())
            }
            Task::Approve { proposal, digest, seat, .. } => {
                let body = Approve { proposal: *proposal, digest: *digest, council_version: council_version()? };
                (Body::Approve(body), vec![format!("seat-{seat}")])
            }
            Task::Revoke { domain: place } => {
                let known = known_domain(state, *place)?;
                let body = RevokeKey {
                    domain: Some(domain(*place)),
                    key: key(&format!("leaver-{place}")).public_key(),
                    reason: "left".into(),
                    roster_version: known.roster_version,
                };
                (Body::RevokeKey(body), vec![format!("root-{place}")])
            }
            Task::Move { domain: place, to } => {
                let known = known_domain(state, *place)?;
                let before = known.delegation.ok_or_else(|| anyhow::anyhow!("no home yet"))?;
                let head = read::ledger_head(state, &domain(*place), before.epoch)?;
                let body = DelegateNode {
                    domain: domain(*place),
                    node_id: *to,
                    epoch: before.epoch + 1,
                    base_size: head.as_ref().map_or(0, |head| head.size),
                    base_root: head.map(|head| head.root),
                };
                (Body::DelegateNode(body), vec![format!("root-{place}")])
            }
        };
        let keys: Vec<Keypair> = names.iter().map(|name| key(name)).collect();
        let signers: Vec<&dyn Signer> = keys.iter().map(|key| key as &dyn Signer).collect();
        let envelope = CommandBuilder::new(mesh).sign(body, &signers)?;
        let id = Command::decode(envelope.payload())?.id;
        let wait = match task {
            Task::Publish { wait, .. } => Some(*wait),
            _ => None,
        };
        Ok(Self { id, envelope, wait })
    }

    /// What signatures of others are over.
    pub fn payload_digest(&self) -> Digest {
        self.envelope.payload_digest()
    }

    /// Sends it through a node and waits.
    pub async fn send(self, api: Routes) -> Said {
        let bytes = self.envelope.into_bytes();
        let answer = async {
            if let Some(wait) = self.wait {
                let message = v1::PublishRequest { envelope: bytes, wait: wait as i32, attachments: Vec::new() };
                let mut request = tonic::Request::new(message);
                request.set_timeout(PATIENCE);
                let answer = PublishServiceClient::new(api).publish(request).await;
                answer.map(|answer| answer.into_inner().acknowledgement)
            } else {
                let mut request = tonic::Request::new(v1::SubmitRequest { envelope: bytes });
                request.set_timeout(PATIENCE);
                let answer = GovernanceServiceClient::new(api).submit(request).await;
                answer.map(|answer| answer.into_inner().acknowledgement)
            }
        };
        match tokio::time::timeout(PATIENCE + Duration::from_secs(1), answer).await {
            Ok(answer) => Said::of(answer),
            Err(_) => Said::Unknown,
        }
    }
}

fn known_domain(state: &StoreState, place: Place) -> Result<mesh_governance::records::Domain> {
    read::domain(state, &domain(place))?.ok_or_else(|| anyhow::anyhow!("the domain is not there yet"))
}

fn admission(place: Place, node: NodeId) -> DomainAdmission {
    let holder =
        |kind: &str| RoleGrant { key: key(&format!("{kind}-{place}")).public_key(), role: Role::DomainDataEngineer };
    DomainAdmission {
        name: domain(place),
        title: format!("Domain {place}"),
        description: String::new(),
        responsibilities: vec!["its own data".into()],
        parent: None,
        root_keys: vec![key(&format!("root-{place}")).public_key()],
        root_threshold: 1,
        roles: vec![holder("engineer"), holder("leaver")],
        delegate: Some(node),
    }
}

fn name(text: &str) -> Name {
    Name::parse(text).expect("a name")
}

fn descriptor(place: Place, product: u64, client: u8, licensed: bool) -> Descriptor {
    let domain: DomainName = domain(place);
    let mut descriptor = Descriptor::new(domain, name(&format!("p{product}")));
    descriptor.version = Version::new(1, 0, 0);
    descriptor.description = format!("product {product} of client {client}");
    descriptor.owner.team = "team".into();
    descriptor.license = licensed.then(|| "Apache-2.0".to_owned());
    descriptor.outputs = vec![OutputPort::new(name("api"), PortKind::Api)];
    descriptor
}

/// Standard 0 blocks what has no license; the others only say something.
fn standard(number: u64) -> Standard {
    let blocks = number == 0;
    let rule = Rule {
        id: name("licensed"),
        expression: "license != null".into(),
        severity: RuleSeverity::High,
        message: "a license is missing".into(),
        remediation: "name one".into(),
    };
    Standard {
        id: name(&standard_id(number)),
        version: Version::new(1, 0, 0),
        title: format!("standard {number}"),
        kind: StandardKind::Policy,
        text: "What is published has a license.".into(),
        selector: String::new(),
        rules: vec![rule],
        enforcement: if blocks { Enforcement::Block } else { Enforcement::Advise },
        effective_from: String::new(),
        grace_days: 0,
        tests: Vec::new(),
        detail: None,
    }
}
