//! What a report says of one leaf.

use mesh_event::{Body, Command, Envelope, EventKind, FeedEvent, LeafEntry, envelope};
use mesh_governance::{Applied, Damage, MemState, read};
use mesh_model::{LedgerIndex, PublicKey, VersionId};
use serde::Serialize;

use super::time;

/// One leaf.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Its index.
    pub index: LedgerIndex,
    /// When, by the ledger: RFC 3339 in UTC.
    pub when: String,
    /// The command's author, as a fingerprint; empty where the bytes are no command. Where the outcome is a bad signature, only who is
    /// said to be.
    pub author: String,
    /// What the author was right before: a seat, a root, roles.
    pub role: String,
    /// The keys of all signatures, as fingerprints, in their order.
    pub signers: Vec<String>,
    /// The command's name.
    pub command: String,
    /// What it is about.
    pub subject: String,
    /// `feed DOMAIN/EPOCH event N`, or `direct`.
    pub way: String,
    /// The version of the council right before; 0 before Genesis.
    pub council_version: u64,
    /// The standards in force right before, as `id@version`.
    pub standards: Vec<String>,
    /// The outcome's stable code.
    pub code: String,
    /// The code's name.
    pub outcome: String,
    /// What the code is about.
    pub detail: String,
    /// The digest of what standards said; empty when none was asked.
    pub verdict: String,
}

impl Row {
    pub(super) fn of(before: &MemState, applied: &Applied) -> Result<Self, Damage> {
        let (leaf, outcome) = (&applied.leaf, &applied.leaf.outcome);
        let (bytes, way) = match &leaf.entry {
            LeafEntry::Envelope(bytes) => (bytes.clone(), "direct".to_owned()),
            LeafEntry::FeedEvent(bytes) => match FeedEvent::decode_proposed(bytes) {
                Ok(FeedEvent { feed, seq, kind: EventKind::Command { envelope, .. }, .. }) => {
                    (envelope, format!("feed {}/{} event {seq}", feed.domain, feed.epoch))
                }
                _ => (Vec::new(), "feed".to_owned()),
            },
        };
        let envelope = Envelope::parse(bytes).ok();
        let command = envelope.as_ref().and_then(|envelope| Command::decode(envelope.payload()).ok());
        let is_genesis = envelope.as_ref().is_some_and(|envelope| envelope.payload_type() == envelope::GENESIS);
        let author = match &command {
            Some(command) => Some(command.author),
            None if is_genesis => envelope.as_ref().and_then(|envelope| envelope.claimed_keys().next()),
            None => None,
        };
        let (name, subject) = match &command {
            Some(command) => (command.body.kind().to_owned(), subject(&command.body)),
            None if is_genesis => ("Genesis".to_owned(), "the mesh".to_owned()),
            None => (String::new(), String::new()),
        };
        let standards = read::standards_in_force(before)?;
        Ok(Self {
            index: leaf.index,
            when: time(leaf.stamp_unix_ms),
            author: author.map_or_else(String::new, |key| key.fingerprint()),
            role: author.map_or_else(|| Ok(String::new()), |key| role(before, &key))?,
            signers: envelope.iter().flat_map(Envelope::claimed_keys).map(|key| key.fingerprint()).collect(),
            command: name,
            subject,
            way,
            council_version: read::mesh(before)?.map_or(0, |mesh| mesh.council_version),
            standards: standards.iter().map(|standard| format!("{}@{}", standard.id, standard.version)).collect(),
            code: outcome.code.to_string(),
            outcome: outcome.code.slug().to_owned(),
            detail: outcome.detail.clone(),
            verdict: outcome.verdict_digest.map_or_else(String::new, |digest| digest.to_string()),
        })
    }
}

/// What a key was in this state.
fn role(state: &MemState, key: &PublicKey) -> Result<String, Damage> {
    let mesh = read::mesh(state)?;
    let seat = mesh.iter().flat_map(|mesh| &mesh.council.seats).find(|seat| seat.key == *key);
    let mut parts: Vec<String> = seat.iter().map(|seat| format!("seat {}", seat.name)).collect();
    for entry in read::grants_of(state, key)? {
        let place = entry.domain.map_or_else(|| "the mesh".to_owned(), |domain| domain.to_string());
        let held = entry.grants.iter().filter(|grant| grant.is_held());
        parts.extend(held.map(|grant| format!("{} in {place}", grant.role)));
    }
    if parts.is_empty() {
        parts.extend(read::key_purpose(state, key)?.map(|purpose| purpose.to_string()));
    }
    Ok(parts.join("; "))
}

/// What a command is about: an id, a domain, a proposal.
fn subject(body: &Body) -> String {
    let version = |product: &mesh_model::ProductId, version: &Option<mesh_model::Version>| match version {
        Some(version) => VersionId { product: product.clone(), version: *version }.to_string(),
        None => product.to_string(),
    };
    let place = |domain: &Option<mesh_model::DomainName>| {
        domain.as_ref().map_or_else(|| "the mesh".to_owned(), ToString::to_string)
    };
    match body {
        Body::PublishVersion(body) => body.descriptor.version_id().to_string(),
        Body::DeprecateVersion(body) => version(&body.product, &body.version),
        Body::RetireProduct(body) => version(&body.product, &body.version),
        Body::AdmitDomains(body) => body.domains.iter().map(|d| d.name.as_str()).collect::<Vec<_>>().join(", "),
        Body::GrantRole(body) => {
            format!("{} in {} to {}", body.grant.role, place(&body.domain), body.grant.key.fingerprint())
        }
        Body::RevokeKey(body) => format!("{} in {}", body.key.fingerprint(), place(&body.domain)),
        Body::DelegateNode(body) => format!("{} to node {}", body.domain, body.node_id),
        Body::RotateDomainKeys(body) => body.domain.to_string(),
        Body::VetoRootReplacement(body) => body.domain.to_string(),
        Body::OffboardMember(body) => format!("{} in {}", body.key.fingerprint(), place(&body.domain)),
        Body::Propose(body) => format!("{} {}", body.body.kind(), body.body.subject()),
        Body::Approve(body) => format!("proposal {}", body.proposal),
        Body::Reject(body) => format!("proposal {}", body.proposal),
        Body::Withdraw(body) => format!("proposal {}", body.proposal),
        Body::Comment(body) => format!("proposal {}", body.proposal),
        Body::AdmitVouchedNode(body) => format!("{} by {}", body.node.name, body.domain),
        Body::RecoverVoters(body) => {
            let names: Vec<&str> = body.voters.iter().map(|voter| voter.name.as_str()).collect();
            format!("{} from {} leaves on", names.join(", "), body.size)
        }
        Body::FeedAnchor(body) => format!("{}/{}", body.domain, body.epoch),
        Body::ReportEquivocation(body) => format!("{}/{}", body.proof.feed.domain, body.proof.feed.epoch),
        Body::ResolveEquivocation(body) => format!("{} as reported at {}", body.domain, body.report),
        Body::Erase(body) => format!("{} of {}", body.digest.short(), body.domain),
    }
}
