//! Feed events and the signed heads of feeds.
//!
//! A feed is the log of one domain in one epoch, written by the node that the domain delegated. Its leaves are exact
//! event bytes; its head is a C2SP checkpoint, origin `<mesh id>/feed/<domain>/<epoch>`, signed by the node. The head's one
//! extension line names the last event's leaf hash, and each event names the one before it: so one signature covers a
//! whole batch of events, also for somebody who does not hold the feed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mesh_model::{Code, Digest, DomainName, LedgerIndex, MeshId, PublicKey, UnixMs, limits};
use mesh_tlog::{Checkpoint, Hash, Note, NoteSigner, NoteVerifier, SignatureType, leaf_hash};
use prost::Message as _;

use crate::convert::{Malformed, digest, text};
use crate::proto;
use crate::signing::{self, Signer};

/// One feed: a domain's log in one epoch.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeedId {
    /// Whose.
    pub domain: DomainName,
    /// Which delegation, from 1.
    pub epoch: u64,
}

impl FeedId {
    /// The origin line of the feed's checkpoints.
    pub fn origin(&self, mesh: &MeshId) -> String {
        format!("{mesh}/feed/{}/{}", self.domain, self.epoch)
    }
}

/// A fact in a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedEvent {
    /// The mesh.
    pub mesh_id: MeshId,
    /// The feed.
    pub feed: FeedId,
    /// Its number in the feed, from 0.
    pub seq: u64,
    /// The leaf hash of the event before; zeros for the first.
    pub previous_leaf: Hash,
    /// How many ledger leaves its writer had applied.
    pub ledger_size: u64,
    /// The writer's clock, or the ledger's time for a verdict; informative: nothing in the ledger is decided by it.
    pub at_unix_ms: UnixMs,
    /// What happened.
    pub kind: EventKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventKind {
    /// A domain command on its way to the ledger.
    Command {
        /// Its place in the outbox, from 1.
        outbox: u64,
        /// The author's exact envelope.
        envelope: Vec<u8>,
    },
    /// The ledger rejected an earlier command of this feed.
    Verdict {
        /// The command's place in the outbox.
        outbox: u64,
        /// Where the ledger says so.
        ledger_index: LedgerIndex,
        /// [`Code`]'s number.
        code: u32,
        /// What the code is about.
        detail: String,
    },
    /// The domain's own rules from here on. It stays in the feed.
    Rules {
        /// The author's exact envelope.
        envelope: Vec<u8>,
    },
    /// A fact about one of the domain's products. It stays in the feed.
    Fact {
        /// The author's exact envelope.
        envelope: Vec<u8>,
    },
}

/// A hash in front of the first event.
pub const NO_LEAF: Hash = Hash::new([0; 32]);

impl FeedEvent {
    /// The event's bytes: made once by the writer, exact from then on.
    pub fn encode(&self) -> Vec<u8> {
        use proto::feed_event::Kind as M;
        let kind = match &self.kind {
            EventKind::Command { outbox, envelope } => {
                M::Command(proto::DomainCommand { outbox: *outbox, envelope: envelope.clone() })
            }
            EventKind::Verdict { outbox, ledger_index, code, detail } => M::Verdict(proto::Verdict {
                outbox: *outbox,
                ledger_index: *ledger_index,
                code: *code,
                detail: detail.clone(),
            }),
            EventKind::Rules { envelope } => M::Rules(proto::RulesSet { envelope: envelope.clone() }),
            EventKind::Fact { envelope } => M::Fact(proto::FactStated { envelope: envelope.clone() }),
        };
        proto::FeedEvent {
            mesh_id: self.mesh_id.0.to_vec(),
            domain: self.feed.domain.to_string(),
            epoch: self.feed.epoch,
            seq: self.seq,
            previous_leaf: self.previous_leaf.as_bytes().to_vec(),
            ledger_size: self.ledger_size,
            at_unix_ms: self.at_unix_ms,
            kind: Some(kind),
        }
        .encode_to_vec()
    }

    /// Decodes the bytes of an event of a feed, limits first.
    ///
    /// # Errors
    /// [`Malformed`] names the field.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        use proto::feed_event::Kind as M;
        within(bytes, limits::ENVELOPE_BYTES + 512)?;
        let m = proto::FeedEvent::decode(bytes).map_err(|error| Malformed::new("event", error))?;
        let kind = match m.kind.ok_or_else(no_kind)? {
            M::Command(command) => command_kind(command),
            M::Verdict(verdict) => verdict_kind(verdict),
            M::Rules(rules) => {
                within(bytes, limits::EVENT_BYTES)?;
                EventKind::Rules { envelope: rules.envelope }
            }
            M::Fact(fact) => {
                within(bytes, limits::EVENT_BYTES)?;
                EventKind::Fact { envelope: fact.envelope }
            }
        };
        let feed = (m.domain.as_str(), m.epoch);
        Self::of_parts(&m.mesh_id, feed, m.seq, &m.previous_leaf, (m.ledger_size, m.at_unix_ms), kind)
    }

    /// Decodes the bytes of an event that was proposed to the ledger, limits first. Kinds that stay in feeds are unknown fields
    /// there, for ever: every build decides the same on the same bytes, whatever it knows of feeds. Whatever reads a leaf reads it
    /// so.
    ///
    /// # Errors
    /// [`Malformed`] names the field.
    pub fn decode_proposed(bytes: &[u8]) -> Result<Self, Malformed> {
        use proto::proposed_event::Kind as M;
        within(bytes, limits::ENVELOPE_BYTES + 512)?;
        let m = proto::ProposedEvent::decode(bytes).map_err(|error| Malformed::new("event", error))?;
        let kind = match m.kind.ok_or_else(no_kind)? {
            M::Command(command) => command_kind(command),
            M::Verdict(verdict) => verdict_kind(verdict),
        };
        let feed = (m.domain.as_str(), m.epoch);
        Self::of_parts(&m.mesh_id, feed, m.seq, &m.previous_leaf, (m.ledger_size, m.at_unix_ms), kind)
    }

    fn of_parts(
        mesh_id: &[u8],
        (domain, epoch): (&str, u64),
        seq: u64,
        previous_leaf: &[u8],
        (ledger_size, at_unix_ms): (u64, UnixMs),
        kind: EventKind,
    ) -> Result<Self, Malformed> {
        Ok(Self {
            mesh_id: digest("mesh_id", mesh_id)?.into(),
            feed: FeedId { domain: text("domain", domain)?, epoch },
            seq,
            previous_leaf: Hash::new(digest("previous_leaf", previous_leaf)?.0),
            ledger_size,
            at_unix_ms,
            kind,
        })
    }
}

fn within(bytes: &[u8], limit: usize) -> Result<(), Malformed> {
    if bytes.len() <= limit {
        return Ok(());
    }
    Err(Malformed::new("event", format!("expected at most {limit} bytes; found {}", bytes.len())))
}

fn no_kind() -> Malformed {
    Malformed::new("kind", "is missing or unknown to this build")
}

fn command_kind(c: proto::DomainCommand) -> EventKind {
    EventKind::Command { outbox: c.outbox, envelope: c.envelope }
}

fn verdict_kind(v: proto::Verdict) -> EventKind {
    EventKind::Verdict { outbox: v.outbox, ledger_index: v.ledger_index, code: v.code, detail: v.detail }
}

/// The signed head of a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedHead {
    /// The feed.
    pub feed: FeedId,
    /// How many events it has.
    pub size: u64,
    /// Its root.
    pub root: Hash,
    /// The leaf hash of its last event.
    pub last_leaf: Hash,
}

/// Why a note is no head of a feed, or does not cover a batch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// Not a signed note with a checkpoint.
    #[error("not a signed feed head: {0}")]
    Malformed(String),
    /// The origin is another feed's.
    #[error("the head is of {found}; expected {expected}")]
    Origin {
        /// What it should be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// The node's signature does not verify.
    #[error("the head is not signed by node key {0}")]
    Signature(String),
    /// The events do not chain up to the head.
    #[error("event {0} of the batch does not chain up to the signed head")]
    Chain(usize),
}

impl HeadError {
    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Malformed(_) => Code::Malformed,
            Self::Origin { .. } | Self::Chain(_) => Code::BadSignature,
            Self::Signature(_) => Code::NotDelegated,
        }
    }
}

struct HeadSigner<'a> {
    name: &'a str,
    signer: &'a dyn Signer,
}

impl NoteSigner for HeadSigner<'_> {
    fn name(&self) -> &str {
        self.name
    }
    fn key_hash(&self) -> u32 {
        mesh_tlog::key_hash(self.name, SignatureType::Ed25519, &self.signer.public_key().0)
    }
    fn sign(&self, message: &str) -> Vec<u8> {
        self.signer.sign(message.as_bytes()).to_vec()
    }
}

struct HeadVerifier<'a> {
    name: &'a str,
    key: &'a PublicKey,
}

impl NoteVerifier for HeadVerifier<'_> {
    fn name(&self) -> &str {
        self.name
    }
    fn key_hash(&self) -> u32 {
        mesh_tlog::key_hash(self.name, SignatureType::Ed25519, &self.key.0)
    }
    fn verify(&self, message: &str, signature: &[u8]) -> bool {
        signing::verify(self.key, message.as_bytes(), signature)
    }
}

impl FeedHead {
    /// The signed note.
    ///
    /// # Errors
    /// [`HeadError::Malformed`] when the checkpoint cannot be written; a mesh id and a domain name always can.
    pub fn sign(&self, mesh: &MeshId, node: &dyn Signer) -> Result<Vec<u8>, HeadError> {
        let malformed = |error: &dyn std::fmt::Display| HeadError::Malformed(error.to_string());
        let origin = self.feed.origin(mesh);
        let extension = format!("last {}", STANDARD.encode(self.last_leaf.as_bytes()));
        let checkpoint = Checkpoint::with_extensions(origin.as_str(), self.size, self.root, vec![extension])
            .map_err(|error| malformed(&error))?;
        let signer = HeadSigner { name: &origin, signer: node };
        let note = Note::sign(checkpoint.to_string(), &[&signer]).map_err(|error| malformed(&error))?;
        Ok(note.to_string().into_bytes())
    }

    /// Reads a note of this feed and checks the node's signature.
    ///
    /// # Errors
    /// [`HeadError`].
    pub fn verify(note: &[u8], mesh: &MeshId, feed: &FeedId, node: &PublicKey) -> Result<Self, HeadError> {
        let malformed = |error: &dyn std::fmt::Display| HeadError::Malformed(error.to_string());
        let origin = feed.origin(mesh);
        let note = Note::parse(note).map_err(|error| malformed(&error))?;
        let verifier = HeadVerifier { name: &origin, key: node };
        note.verify(&[&verifier]).map_err(|_| HeadError::Signature(node.fingerprint()))?;
        Self::read(note.text(), &origin, feed)
    }

    fn read(text: &str, origin: &str, feed: &FeedId) -> Result<Self, HeadError> {
        let malformed = |error: &dyn std::fmt::Display| HeadError::Malformed(error.to_string());
        let checkpoint: Checkpoint = text.parse().map_err(|error| malformed(&error))?;
        if checkpoint.origin() != origin {
            return Err(HeadError::Origin { expected: origin.to_owned(), found: checkpoint.origin().to_owned() });
        }
        let [extension] = checkpoint.extensions() else {
            return Err(malformed(&"expected one extension line with the last leaf"));
        };
        let last = extension.strip_prefix("last ").and_then(|line| STANDARD.decode(line).ok());
        let last =
            last.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok()).ok_or_else(|| malformed(&"bad last leaf"))?;
        Ok(Self { feed: feed.clone(), size: checkpoint.size(), root: checkpoint.root(), last_leaf: Hash::new(last) })
    }

    /// Decodes the batch's events and checks that they chain, without a gap, up to this head.
    ///
    /// # Errors
    /// [`HeadError::Chain`] names the event.
    pub fn check_chain(&self, mesh: &MeshId, events: &[Vec<u8>]) -> Result<Vec<FeedEvent>, HeadError> {
        let mut expected = self.last_leaf;
        let mut seq = self.size;
        let mut decoded = Vec::with_capacity(events.len());
        for (at, bytes) in events.iter().enumerate().rev() {
            let event = FeedEvent::decode_proposed(bytes).map_err(|error| HeadError::Malformed(error.to_string()))?;
            seq = seq.checked_sub(1).ok_or(HeadError::Chain(at))?;
            if leaf_hash(bytes) != expected || event.seq != seq || event.feed != self.feed || event.mesh_id != *mesh {
                return Err(HeadError::Chain(at));
            }
            expected = event.previous_leaf;
            decoded.push(event);
        }
        decoded.reverse();
        Ok(decoded)
    }

    /// The head's digest: what a node remembers of heads that it verified.
    pub fn note_digest(note: &[u8]) -> Digest {
        Digest::of(note)
    }
}
