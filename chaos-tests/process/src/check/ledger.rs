//! The ledger as each node streams it: dense, the same everywhere, and with the root that the node claims.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result};
use chaos_process::testbed::{NodeNumber, Testbed};
use futures::StreamExt as _;
use mesh_client::LedgerHead;
use mesh_event::{Body, Command, Envelope, EventKind, FeedEvent, FeedId, LeafEntry, LedgerLeaf, descriptor_digest};
use mesh_model::{Code, CommandId, Digest, NodeId};
use mesh_tlog::{Frontier, Hash, leaf_hash};

use super::Findings;

const CALL: Duration = Duration::from_secs(20);

/// A domain command as a leaf keeps it.
#[derive(Debug, Clone)]
pub(crate) struct Sealed {
    /// The leaf.
    pub(crate) index: u64,
    /// What was decided.
    pub(crate) code: Code,
    /// Whose feed.
    pub(crate) feed: FeedId,
    /// The event's number in it.
    pub(crate) seq: u64,
    /// The command's number in the outbox.
    pub(crate) outbox: u64,
    /// Leaf hash of the exact event.
    pub(crate) event: Hash,
    /// Of the exact envelope.
    pub(crate) envelope: Digest,
    /// The command.
    pub(crate) command: CommandId,
    /// `domain/name@version` and digest of the descriptor, of a publish.
    pub(crate) version: Option<(String, Digest)>,
}

impl Sealed {
    /// Whether the leaf decides on its command. The others say that it was decided before, or that it came too early, or in an epoch
    /// that had ended, and will come again.
    pub(crate) fn decides(&self) -> bool {
        !matches!(self.code, Code::Duplicate | Code::Gap | Code::OldEpoch | Code::FeedContained)
    }
}

/// The ledger, if all nodes have the same.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Domain commands in ledger order.
    pub(crate) commands: Vec<Sealed>,
    /// Every epoch that a feed ever had.
    pub(crate) epochs: BTreeMap<FeedId, Epoch>,
}

/// An epoch of a feed, as the ledger has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Epoch {
    /// Who was delegated to write it.
    pub(crate) node_id: NodeId,
    /// How many events of the epoch before it goes on with.
    pub(crate) base: u64,
}

impl Ledger {
    /// The leaves about each command, in order.
    pub(crate) fn by_command(&self) -> BTreeMap<CommandId, Vec<&Sealed>> {
        let mut by_command: BTreeMap<CommandId, Vec<&Sealed>> = BTreeMap::new();
        for sealed in &self.commands {
            by_command.entry(sealed.command).or_default().push(sealed);
        }
        by_command
    }

    /// How far an epoch that ended counts; `None` while it is in force.
    pub(crate) fn ended_at(&self, feed: &FeedId) -> Option<u64> {
        let next = FeedId { domain: feed.domain.clone(), epoch: feed.epoch + 1 };
        self.epochs.get(&next).map(|epoch| epoch.base)
    }

    /// Takes in a leaf that is no domain command: who writes which feed.
    fn delegate(&mut self, leaf: &LedgerLeaf) {
        let LeafEntry::Envelope(bytes) = &leaf.entry else { return };
        if leaf.outcome.code != Code::Accepted {
            return;
        }
        let command = Envelope::parse(bytes.clone()).ok().and_then(|e| Command::decode(e.payload()).ok());
        match command.map(|command| command.body) {
            Some(Body::AdmitDomains(body)) => {
                for domain in body.domains {
                    if let Some(node_id) = domain.delegate {
                        self.epochs.insert(FeedId { domain: domain.name, epoch: 1 }, Epoch { node_id, base: 0 });
                    }
                }
            }
            Some(Body::DelegateNode(body)) => {
                let epoch = Epoch { node_id: body.node_id, base: body.base_size };
                self.epochs.insert(FeedId { domain: body.domain, epoch: body.epoch }, epoch);
            }
            _ => {}
        }
    }
}

struct Copy {
    node: NodeNumber,
    hashes: Vec<Hash>,
    head: LedgerHead,
}

/// Reads and compares the ledger of all nodes; gives that of the first.
///
/// # Errors
/// When a node cannot be read.
pub(crate) async fn check(testbed: &Testbed, findings: &mut Findings) -> Result<Ledger> {
    let mut ledger = Ledger::default();
    let mut copies: Vec<Copy> = Vec::new();
    for node in testbed.nodes() {
        let keep = copies.is_empty().then_some(&mut ledger);
        copies.push(read(testbed, node, keep, findings).await?);
    }
    findings.checked("ledger leaves, the same on each node", copies[0].hashes.len());
    for pair in copies.windows(2) {
        let [a, b] = pair else { continue };
        if a.hashes != b.hashes {
            let at = a.hashes.iter().zip(&b.hashes).take_while(|(a, b)| a == b).count();
            findings.violation(format!(
                "nodes {} and {} have different ledgers: {} and {} leaves, the first difference at index {at}",
                a.node,
                b.node,
                a.hashes.len(),
                b.hashes.len()
            ));
        }
        let head = |copy: &Copy| (copy.head.size, copy.head.root, copy.head.state_digest);
        findings.expect(head(a) == head(b), || {
            format!("nodes {} and {} show different heads: {:?} and {:?}", a.node, b.node, head(a), head(b))
        });
    }
    check_versions(&ledger, findings);
    Ok(ledger)
}

async fn read(
    testbed: &Testbed,
    node: NodeNumber,
    mut keep: Option<&mut Ledger>,
    findings: &mut Findings,
) -> Result<Copy> {
    let client = testbed.client(&[node], CALL)?;
    let head = client.ledger_head(None).await.with_context(|| format!("the ledger's head on node {node}"))?;
    let mut hashes = Vec::new();
    let mut frontier = Frontier::new();
    let mut last_digest = None;
    let mut entries = Box::pin(client.ledger_entries(0, Some(head.size), false));
    while let Some(entry) = entries.next().await {
        let (index, bytes) = entry.with_context(|| format!("the ledger's entries on node {node}"))?;
        let expected = hashes.len() as u64;
        hashes.push(leaf_hash(&bytes));
        frontier.append(leaf_hash(&bytes));
        match LedgerLeaf::decode(&bytes) {
            Ok(leaf) => {
                findings.expect(leaf.index == expected && index == expected, || {
                    format!("node {node}: expected leaf {expected}; found {} sent as {index}", leaf.index)
                });
                last_digest = Some(leaf.outcome.state_digest);
                if let Some(ledger) = keep.as_deref_mut() {
                    ledger.commands.extend(domain_command(&leaf));
                    ledger.delegate(&leaf);
                }
            }
            Err(error) => findings.violation(format!("node {node}: leaf {expected} does not decode: {error}")),
        }
    }
    findings.expect(hashes.len() as u64 == head.size, || {
        format!("node {node} claims {} leaves and streamed {}", head.size, hashes.len())
    });
    findings.expect(*frontier.root().as_bytes() == head.root.0, || {
        format!("node {node}: the root of the streamed leaves is not the root {} that it claims", head.root)
    });
    findings.expect(last_digest == Some(head.state_digest), || {
        format!("node {node}: the last leaf's state digest is not the digest {} that it claims", head.state_digest)
    });
    Ok(Copy { node, hashes, head })
}

/// What a leaf says about a domain command; `None` for the others.
fn domain_command(leaf: &LedgerLeaf) -> Option<Sealed> {
    let LeafEntry::FeedEvent(bytes) = &leaf.entry else { return None };
    let event = FeedEvent::decode_proposed(bytes).ok()?;
    let EventKind::Command { outbox, envelope } = event.kind else { return None };
    let envelope = Envelope::parse(envelope).ok()?;
    let command = Command::decode(envelope.payload()).ok()?;
    let version = match &command.body {
        Body::PublishVersion(body) => {
            Some((body.descriptor.version_id().to_string(), descriptor_digest(&body.descriptor)))
        }
        _ => None,
    };
    Some(Sealed {
        index: leaf.index,
        code: leaf.outcome.code,
        feed: event.feed,
        seq: event.seq,
        outbox,
        event: leaf_hash(bytes),
        envelope: envelope.digest(),
        command: command.id,
        version,
    })
}

/// No version is sealed twice, and each outbox number is used once.
fn check_versions(ledger: &Ledger, findings: &mut Findings) {
    let mut versions: BTreeMap<&str, u64> = BTreeMap::new();
    let mut next: BTreeMap<&FeedId, u64> = BTreeMap::new();
    for sealed in ledger.commands.iter().filter(|sealed| sealed.decides()) {
        let expected = next.entry(&sealed.feed).or_insert(1);
        findings.expect(sealed.outbox == *expected, || {
            format!(
                "leaf {} decides on number {} of the outbox of {}/{}; expected {expected}",
                sealed.index, sealed.outbox, sealed.feed.domain, sealed.feed.epoch
            )
        });
        *expected = sealed.outbox + 1;
        if let (Code::Accepted, Some((version, _))) = (sealed.code, &sealed.version)
            && let Some(first) = versions.insert(version, sealed.index)
        {
            findings.violation(format!("{version} is sealed twice: at {first} and at {}", sealed.index));
        }
    }
    findings.checked("sealed versions", versions.len());
    findings.checked("epochs of feeds", ledger.epochs.len());
    for (code, what) in [
        (Code::Duplicate, "was decided before"),
        (Code::Gap, "came too early"),
        (Code::OldEpoch, "came in an epoch that had ended"),
    ] {
        let count = ledger.commands.iter().filter(|sealed| sealed.code == code).count();
        if count > 0 {
            findings.note(format!("{count} leaves say only that their command {what}"));
        }
    }
}
