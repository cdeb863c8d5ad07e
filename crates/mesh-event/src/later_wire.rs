//! The message form of what exists from protocol 2 on, and back.

use mesh_tlog::Hash;
use prost::Message as _;

use crate::command::{Body, Command};
use crate::convert::{Malformed, digest, key, text};
use crate::event::FeedId;
use crate::federation::{
    AdmissionRule, AdmitVouchedNode, Erase, FeedAnchor, RecoverVoters, ReportEquivocation, ResolveEquivocation,
};
use crate::feed_fork::{FeedBridge, FeedForkProof};
use crate::genesis::NodeRecord;
use crate::proposal::{ProposalBody, Propose};
use crate::proto;
use crate::proto::later_command::Body as M;

/// The payload of a command of a later kind; `None` for one of protocol 1.
pub(crate) fn encode(command: &Command) -> Option<Vec<u8>> {
    let message = proto::LaterCommand {
        mesh_id: command.mesh_id.0.to_vec(),
        command_id: command.id.0.to_vec(),
        author: command.author.0.to_vec(),
        expires_unix_ms: command.expires_unix_ms,
        body: Some(message(&command.body)?),
    };
    Some(message.encode_to_vec())
}

/// The body of a payload in which `Command` finds none.
pub(crate) fn decode(payload: &[u8]) -> Result<Body, Malformed> {
    let unknown = || Malformed::new("body", "is missing or of a kind that this build does not know");
    let m = proto::LaterCommand::decode(payload).map_err(|error| Malformed::new("body", error))?;
    match m.body.ok_or_else(unknown)? {
        M::Propose(proposal) if proposal.body.is_none() => Err(unknown()),
        found => body(found).map_err(|error| error.within("body")),
    }
}

fn message(body: &Body) -> Option<M> {
    Some(match body {
        Body::Propose(propose) => M::Propose(propose_message(propose)?),
        Body::AdmitVouchedNode(b) => M::AdmitVouchedNode(proto::AdmitVouchedNode {
            domain: b.domain.to_string(),
            node: Some(b.node.to_message()),
        }),
        Body::RecoverVoters(b) => M::RecoverVoters(proto::RecoverVoters {
            voters: b.voters.iter().map(NodeRecord::to_message).collect(),
            size: b.size,
            root: b.root.as_bytes().to_vec(),
            reason: b.reason.clone(),
        }),
        Body::FeedAnchor(b) => M::FeedAnchor(proto::FeedAnchor {
            domain: b.domain.to_string(),
            epoch: b.epoch,
            ledger_size: b.ledger_size,
            head_note: b.head_note.clone(),
        }),
        Body::ReportEquivocation(b) => M::ReportEquivocation(fork_message(&b.proof)),
        Body::ResolveEquivocation(b) => M::ResolveEquivocation(proto::ResolveEquivocation {
            domain: b.domain.to_string(),
            report: b.report,
            head_size: b.head_size,
            head_root: b.head_root.0.to_vec(),
            node_id: b.node_id,
            epoch: b.epoch,
            reason: b.reason.clone(),
        }),
        Body::Erase(b) => M::Erase(proto::Erase {
            domain: b.domain.to_string(),
            digest: b.digest.0.to_vec(),
            reason: b.reason.clone(),
        }),
        _ => return None,
    })
}

fn body(m: M) -> Result<Body, Malformed> {
    Ok(match m {
        M::Propose(b) => Body::Propose(Propose {
            body: matter(b.body.ok_or_else(|| Malformed::missing("body"))?),
            closes_unix_ms: b.closes_unix_ms,
            summary: b.summary,
            council_version: b.council_version,
        }),
        M::AdmitVouchedNode(b) => Body::AdmitVouchedNode(AdmitVouchedNode {
            domain: text("domain", &b.domain)?,
            node: record(b.node.ok_or_else(|| Malformed::missing("node"))?, "node")?,
        }),
        M::RecoverVoters(b) => Body::RecoverVoters(RecoverVoters {
            voters: b.voters.into_iter().map(|node| record(node, "voters")).collect::<Result<_, _>>()?,
            size: b.size,
            root: hash("root", &b.root)?,
            reason: b.reason,
        }),
        M::FeedAnchor(b) => Body::FeedAnchor(FeedAnchor {
            domain: text("domain", &b.domain)?,
            epoch: b.epoch,
            ledger_size: b.ledger_size,
            head_note: b.head_note,
        }),
        M::ReportEquivocation(b) => Body::ReportEquivocation(ReportEquivocation { proof: fork(b)? }),
        M::ResolveEquivocation(b) => Body::ResolveEquivocation(ResolveEquivocation {
            domain: text("domain", &b.domain)?,
            report: b.report,
            head_size: b.head_size,
            head_root: digest("head_root", &b.head_root)?,
            node_id: b.node_id,
            epoch: b.epoch,
            reason: b.reason,
        }),
        M::Erase(b) => Body::Erase(Erase {
            domain: text("domain", &b.domain)?,
            digest: digest("digest", &b.digest)?,
            reason: b.reason,
        }),
    })
}

fn record(m: proto::Node, field: &str) -> Result<NodeRecord, Malformed> {
    NodeRecord::from_message(m).map_err(|error| error.within(field))
}

fn hash(field: &str, bytes: &[u8]) -> Result<Hash, Malformed> {
    Ok(Hash::new(digest(field, bytes)?.0))
}

fn fork_message(proof: &FeedForkProof) -> proto::ReportEquivocation {
    let bytes = |hash: &Hash| hash.as_bytes().to_vec();
    let bridge = proof.bridge.as_ref();
    proto::ReportEquivocation {
        domain: proof.feed.domain.to_string(),
        epoch: proof.feed.epoch,
        node_key: proof.node_key.0.to_vec(),
        first_head: proof.heads[0].clone(),
        second_head: proof.heads[1].clone(),
        root_at_smaller: bridge.map_or_else(Vec::new, |bridge| bytes(&bridge.root)),
        proof: bridge.map_or_else(Vec::new, |bridge| bridge.proof.iter().map(bytes).collect()),
    }
}

fn fork(m: proto::ReportEquivocation) -> Result<FeedForkProof, Malformed> {
    let proof: Vec<Hash> = m.proof.iter().map(|bytes| hash("proof", bytes)).collect::<Result<_, _>>()?;
    let bridge = if m.root_at_smaller.is_empty() && proof.is_empty() {
        None
    } else {
        Some(FeedBridge { root: hash("root_at_smaller", &m.root_at_smaller)?, proof })
    };
    Ok(FeedForkProof {
        feed: FeedId { domain: text("domain", &m.domain)?, epoch: m.epoch },
        node_key: key("node_key", &m.node_key)?,
        heads: [m.first_head, m.second_head],
        bridge,
    })
}

fn propose_message(propose: &Propose) -> Option<proto::LaterPropose> {
    Some(proto::LaterPropose {
        closes_unix_ms: propose.closes_unix_ms,
        summary: propose.summary.clone(),
        council_version: propose.council_version,
        body: Some(matter_message(&propose.body)?),
    })
}

fn matter_message(body: &ProposalBody) -> Option<proto::later_propose::Body> {
    let ProposalBody::SetAdmissionRule(rule) = body else { return None };
    let nodes_per_domain = match rule {
        AdmissionRule::Off => 0,
        AdmissionRule::DomainRoot { nodes_per_domain } => *nodes_per_domain,
    };
    Some(proto::later_propose::Body::SetAdmissionRule(proto::SetAdmissionRule { nodes_per_domain }))
}

fn matter(m: proto::later_propose::Body) -> ProposalBody {
    let proto::later_propose::Body::SetAdmissionRule(proto::SetAdmissionRule { nodes_per_domain }) = m;
    ProposalBody::SetAdmissionRule(match nodes_per_domain {
        0 => AdmissionRule::Off,
        nodes_per_domain => AdmissionRule::DomainRoot { nodes_per_domain },
    })
}

/// The bytes of a matter of a later kind, as the state keeps them; `None` for one of protocol 1.
pub(crate) fn encode_matter(body: &ProposalBody) -> Option<Vec<u8>> {
    let message = proto::LaterPropose { body: Some(matter_message(body)?), ..proto::LaterPropose::default() };
    Some(message.encode_to_vec())
}

/// The matter of bytes in which `Propose` finds none.
pub(crate) fn decode_matter(bytes: &[u8]) -> Result<ProposalBody, Malformed> {
    let m = proto::LaterPropose::decode(bytes).map_err(|error| Malformed::new("body", error))?;
    Ok(matter(m.body.ok_or_else(|| Malformed::missing("body"))?))
}
