//! The one ledger that all nodes must have, and what may be in it by rules of the simulation's own.
//!
//! Nothing here calls the production rules: a defect in those must show here.

use std::collections::{BTreeMap, BTreeSet};

use mesh_event::{Body, Command, Envelope, EventKind, FeedEvent, LeafEntry, LedgerLeaf, ProposalBody};
use mesh_model::{Code, CommandId, DomainName, NodeId, PublicKey};
use mesh_tlog::{Frontier, Hash, leaf_hash};

use crate::network::Place;

/// A command's leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decided {
    /// Its number.
    pub index: u64,
    /// What was decided.
    pub code: Code,
}

impl Decided {
    /// Whether this leaf says what becomes of the command. Others say that it came too early, twice, or through a feed that was over: it
    /// comes again or came before.
    pub fn is_final(&self) -> bool {
        !matches!(
            self.code,
            Code::Duplicate | Code::Gap | Code::OldEpoch | Code::NotDelegated | Code::WrongLedgerSize | Code::BadAnchor
        )
    }
}

/// The ledger as far as any node applied it.
#[derive(Default)]
pub struct Ledger {
    hashes: Vec<Hash>,
    bytes: Vec<Vec<u8>>,
    tree: Frontier,
    /// The root at each size from 1 on.
    roots: Vec<Hash>,
    stamp: u64,
    commands: BTreeMap<CommandId, Vec<Decided>>,
    /// The epoch in force of each domain's feed.
    epochs: BTreeMap<DomainName, u64>,
    /// Who writes it.
    homes: BTreeMap<DomainName, NodeId>,
    /// Outbox numbers of accepted commands, by domain and epoch.
    outboxes: BTreeMap<(DomainName, u64), u64>,
    versions: BTreeMap<String, u64>,
    revoked: BTreeMap<(DomainName, PublicKey), u64>,
    council: BTreeSet<PublicKey>,
    threshold: usize,
    /// Which seats are for each proposal, and the standard that it is about.
    proposals: BTreeMap<u64, (BTreeSet<PublicKey>, Option<String>)>,
}

impl Ledger {
    /// Nothing yet, of a mesh with this council.
    pub fn new(council: BTreeSet<PublicKey>, threshold: usize) -> Self {
        Self { council, threshold, ..Self::default() }
    }

    /// How many leaves are known.
    pub fn size(&self) -> u64 {
        self.hashes.len() as u64
    }

    /// The exact leaves.
    pub fn leaves(&self) -> &[Vec<u8>] {
        &self.bytes
    }

    /// The root at a size.
    pub fn root_at(&self, size: u64) -> Option<Hash> {
        let at = usize::try_from(size.checked_sub(1)?).ok()?;
        self.roots.get(at).copied()
    }

    /// What the ledger says of a command, in order.
    pub fn of(&self, command: &CommandId) -> &[Decided] {
        self.commands.get(command).map_or(&[], Vec::as_slice)
    }

    /// The decision on a command, if there is one.
    pub fn decision(&self, command: &CommandId) -> Option<Decided> {
        self.of(command).iter().copied().find(Decided::is_final)
    }

    /// The epoch in force of a domain's feed.
    pub fn epoch(&self, domain: &DomainName) -> Option<u64> {
        self.epochs.get(domain).copied()
    }

    /// The node that writes a domain's feed.
    pub fn home(&self, domain: &DomainName) -> Option<NodeId> {
        self.homes.get(domain).copied()
    }

    /// How many versions are sealed.
    pub fn versions(&self) -> usize {
        self.versions.len()
    }

    /// Seats that are for some proposal of a version of this standard, at most in one.
    pub fn seats_for(&self, standard: &str) -> usize {
        let about = self.proposals.values().filter(|(_, id)| id.as_deref() == Some(standard));
        about.map(|(seats, _)| seats.len()).max().unwrap_or(0)
    }

    /// How many have to be.
    pub fn threshold(&self) -> usize {
        self.threshold
    }

    /// Takes a leaf as one node applied it.
    ///
    /// # Errors
    /// What is wrong with it: it is another one than some node's, or it must not be.
    pub fn take(&mut self, place: Place, index: u64, bytes: &[u8]) -> Result<(), String> {
        let hash = leaf_hash(bytes);
        let at = usize::try_from(index).map_err(|_| "an index beyond memory".to_owned())?;
        if let Some(known) = self.hashes.get(at) {
            if *known == hash {
                return Ok(());
            }
            let show = |bytes: &[u8]| match LedgerLeaf::decode(bytes) {
                Ok(leaf) => format!("{:?}", leaf.outcome),
                Err(error) => error.to_string(),
            };
            return Err(format!(
                "node {place} has another leaf {index} than the others: {} instead of {}",
                show(bytes),
                show(&self.bytes[at])
            ));
        }
        if index != self.size() {
            return Err(format!("node {place} shows leaf {index}, and nobody ever had leaf {}", self.size()));
        }
        self.hashes.push(hash);
        self.bytes.push(bytes.to_vec());
        self.tree.append(hash);
        self.roots.push(self.tree.root());
        let leaf = LedgerLeaf::decode(bytes).map_err(|error| format!("leaf {index} does not decode: {error}"))?;
        self.judge(index, &leaf).map_err(|what| format!("leaf {index}: {what}"))
    }

    fn judge(&mut self, index: u64, leaf: &LedgerLeaf) -> Result<(), String> {
        if leaf.index != index {
            return Err(format!("it says that it is leaf {}", leaf.index));
        }
        if leaf.stamp_unix_ms < self.stamp {
            return Err("its stamp goes back".to_owned());
        }
        self.stamp = leaf.stamp_unix_ms;
        let accepted = leaf.outcome.code == Code::Accepted;
        let (envelope, event) = match &leaf.entry {
            LeafEntry::Envelope(bytes) => (bytes.clone(), None),
            LeafEntry::FeedEvent(bytes) => {
                let Ok(event) = FeedEvent::decode_proposed(bytes) else { return refused(accepted, "no event") };
                let EventKind::Command { outbox, envelope } = event.kind else {
                    return refused(accepted, "an event without a command");
                };
                (envelope, Some((event.feed, event.ledger_size, outbox)))
            }
        };
        let Ok(envelope) = Envelope::parse(envelope) else { return refused(accepted, "no envelope") };
        let Ok(command) = Command::decode(envelope.payload()) else { return Ok(()) };
        let decided = Decided { index, code: leaf.outcome.code };
        let before = self.commands.entry(command.id).or_default();
        // A root or council command that was refused may be sent again, and be judged anew.
        let settled = |earlier: &Decided| earlier.is_final() && (event.is_some() || earlier.code == Code::Accepted);
        if decided.is_final() && before.iter().any(settled) {
            return Err(format!("command {} is decided a second time: {before:?}", command.id.short()));
        }
        before.push(decided);
        if !accepted {
            return Ok(());
        }
        let signers: BTreeSet<PublicKey> = envelope.claimed_keys().collect();
        if let Some((feed, ledger_size, outbox)) = event {
            self.own(&feed.domain, feed.epoch, outbox)?;
            if self.revoked.get(&(feed.domain.clone(), command.author)).is_some_and(|since| ledger_size > *since) {
                return Err(format!("its author was revoked before the event of {} was written", feed.domain));
            }
        }
        self.accept(index, command.body, &signers)
    }

    /// An accepted command of a feed: in the epoch in force, and behind all before it.
    fn own(&mut self, domain: &DomainName, epoch: u64, outbox: u64) -> Result<(), String> {
        let in_force = self.epoch(domain);
        if in_force != Some(epoch) {
            return Err(format!("a command of epoch {epoch} of {domain} is accepted; {in_force:?} is in force"));
        }
        let last = self.outboxes.entry((domain.clone(), epoch)).or_default();
        if outbox <= *last {
            return Err(format!("number {outbox} of {domain}'s outbox is accepted behind number {last}"));
        }
        *last = outbox;
        Ok(())
    }

    fn accept(&mut self, index: u64, body: Body, signers: &BTreeSet<PublicKey>) -> Result<(), String> {
        let seats: BTreeSet<PublicKey> = signers.intersection(&self.council).copied().collect();
        match body {
            Body::AdmitDomains(body) => {
                self.decided_by(&seats)?;
                for domain in body.domains {
                    if let Some(home) = domain.delegate {
                        self.epochs.insert(domain.name.clone(), 1);
                        self.homes.insert(domain.name, home);
                    }
                }
            }
            Body::DelegateNode(body) => {
                self.homes.insert(body.domain.clone(), body.node_id);
                let before = self.epochs.insert(body.domain.clone(), body.epoch);
                return match before {
                    Some(before) if before >= body.epoch => {
                        Err(format!("epoch {} of {} begins a second time", body.epoch, body.domain))
                    }
                    _ => Ok(()),
                };
            }
            Body::RevokeKey(body) => {
                if let Some(domain) = body.domain {
                    self.revoked.insert((domain, body.key), index);
                }
            }
            Body::PublishVersion(body) => {
                let version = body.descriptor.version_id().to_string();
                if let Some(first) = self.versions.insert(version.clone(), index) {
                    return Err(format!("{version} was sealed at {first}"));
                }
            }
            Body::Propose(body) => {
                let about = match &body.body {
                    ProposalBody::EnactStandard(body) => Some(body.standard.id.to_string()),
                    _ => None,
                };
                self.proposals.insert(index, (seats, about));
            }
            Body::Approve(body) => {
                self.proposals.entry(body.proposal).or_default().0.extend(seats);
            }
            _ => {}
        }
        Ok(())
    }

    fn decided_by(&self, seats: &BTreeSet<PublicKey>) -> Result<(), String> {
        if seats.len() < self.threshold {
            return Err(format!("{} seats decided; expected {}", seats.len(), self.threshold));
        }
        Ok(())
    }
}

fn refused(accepted: bool, what: &str) -> Result<(), String> {
    if accepted { Err(format!("{what} is accepted")) } else { Ok(()) }
}
