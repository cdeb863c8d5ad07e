//! The draft file: its form, and what each step of the ceremony adds.

use mesh_event::genesis::{Council, GenesisDocument, NodeRecord, PROTOCOL_VERSION, Seat};
use mesh_event::signing;
use mesh_event::{Keypair, Signer};
use mesh_model::{CommandId, Digest, DomainName, Name, NodeId, PublicKey, UnixMs};
use serde::{Deserialize, Serialize};

use super::check::Flaw;
use crate::text_bytes::TextBytes;

/// What the first line of a draft says.
pub(super) const FORMAT: &str = "datamesh-genesis-draft-v1";

/// A founding document in the making. Parts are sorted by name, so that drafts with the same parts are the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Draft {
    pub(super) format: String,
    pub(crate) mesh_name: String,
    pub(crate) threshold: u32,
    pub(crate) protocol_version: u32,
    pub(crate) created_unix_ms: UnixMs,
    /// 128 random bits; written as hexadecimal digits like every id of that length.
    pub(crate) nonce: CommandId,
    pub(crate) recovery_keys: Vec<PublicKey>,
    /// How long every proposal is open before it can take effect, in milliseconds.
    #[serde(default, skip_serializing_if = "is_none")]
    pub(crate) min_review_ms: u64,
    pub(crate) seats: Vec<SeatPart>,
    pub(crate) voters: Vec<VoterPart>,
    /// There from the first signature on; nobody joins after that.
    pub(crate) document: Option<FrozenDocument>,
    pub(crate) signatures: Vec<SignaturePart>,
}

/// Drafts without a review time are written as they were before there was one.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_none(min_review_ms: &u64) -> bool {
    *min_review_ms == 0
}

/// A member's seat, with the proof that the member holds the key and agreed to the draft's head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SeatPart {
    pub(crate) name: Name,
    pub(crate) domain: Option<DomainName>,
    pub(crate) key: PublicKey,
    pub(super) proof: TextBytes,
}

/// A first voter, with its keys' proofs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct VoterPart {
    pub(crate) name: Name,
    pub(crate) api_address: String,
    pub(crate) peer_address: String,
    pub(crate) key: PublicKey,
    pub(crate) log_key: PublicKey,
    pub(crate) cosigner_key: PublicKey,
    /// By each of the three keys, over the record's name and keys.
    pub(super) possession: Vec<TextBytes>,
    /// By the node key, over the whole part within this draft.
    pub(super) proof: TextBytes,
}

/// The document that is signed: exact bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FrozenDocument {
    pub(crate) mesh_id: Digest,
    pub(super) bytes: TextBytes,
}

/// A member's signature over the document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignaturePart {
    pub(crate) key: PublicKey,
    pub(super) signature: TextBytes,
}

/// The three keys of a voter.
#[derive(Debug)]
pub(crate) struct VoterKeys {
    pub(crate) node: Keypair,
    pub(crate) log: Keypair,
    pub(crate) cosigner: Keypair,
}

/// Why a step of the ceremony was refused; the draft is as it was before.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DraftError {
    #[error("the file is no genesis draft: {0}")]
    Form(String),
    #[error("{what} is {found:?}; expected {expected}")]
    Text { what: &'static str, found: String, expected: &'static str },
    #[error("the document is frozen since its first signature; nobody joins after that")]
    Frozen,
    #[error("{0} is in the draft already, with other content")]
    Taken(String),
    #[error("the key {key} serves {holder} already; one key has one purpose")]
    KeyTaken { key: String, holder: String },
    #[error("the key {0} is weak or no point of the curve")]
    WeakKey(String),
    #[error("the key {0} holds no seat of this council")]
    NotASeat(String),
    #[error("these are drafts of different meshes: {0} differs")]
    OtherDraft(&'static str),
    #[error("one draft is frozen without {0}; it can't be added any more")]
    FrozenWithout(String),
    #[error("the draft can't be trusted as it is: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Flawed(Vec<Flaw>),
    #[error("no mesh can be founded on the draft yet: {}", .0.join("; "))]
    Incomplete(Vec<String>),
    #[error(transparent)]
    Genesis(#[from] mesh_event::genesis::GenesisError),
    #[error(transparent)]
    Envelope(#[from] mesh_event::EnvelopeError),
}

/// Text that goes into a signed message: not empty, at most 255 bytes, no control character.
pub(super) fn check_text(what: &'static str, text: &str) -> Result<(), DraftError> {
    if text.trim().is_empty() || text.len() > 255 || text.chars().any(char::is_control) {
        let found = text.chars().take(80).collect();
        return Err(DraftError::Text { what, found, expected: "1 to 255 bytes without control characters" });
    }
    Ok(())
}

/// `host:port`.
pub(crate) fn check_address(what: &'static str, text: &str) -> Result<(), DraftError> {
    check_text(what, text)?;
    let fits = text.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty() && !host.contains(char::is_whitespace) && port.parse::<u16>().is_ok_and(|port| port != 0)
    });
    if fits { Ok(()) } else { Err(DraftError::Text { what, found: text.to_owned(), expected: "host:port" }) }
}

impl Draft {
    /// Starts a draft. Clock and random bits are the caller's.
    pub(crate) fn new(
        mesh_name: &str,
        threshold: u32,
        mut recovery_keys: Vec<PublicKey>,
        created_unix_ms: UnixMs,
        nonce: [u8; 16],
    ) -> Result<Self, DraftError> {
        check_text("the mesh's name", mesh_name)?;
        if threshold == 0 {
            return Err(DraftError::Text { what: "the threshold", found: "0".into(), expected: "at least 1" });
        }
        recovery_keys.sort_unstable();
        recovery_keys.dedup();
        Ok(Self {
            format: FORMAT.to_owned(),
            mesh_name: mesh_name.to_owned(),
            threshold,
            protocol_version: PROTOCOL_VERSION,
            created_unix_ms,
            nonce: CommandId(nonce),
            recovery_keys,
            min_review_ms: 0,
            seats: Vec::new(),
            voters: Vec::new(),
            document: None,
            signatures: Vec::new(),
        })
    }

    /// The same with a review time for every proposal, before anybody joins.
    pub(crate) fn reviewed_for(self, min_review_ms: u64) -> Self {
        Self { min_review_ms, ..self }
    }

    /// Reads a draft file. That it has the right form says nothing about its truth: see [`Draft::flaws`].
    pub(crate) fn parse(text: &str) -> Result<Self, DraftError> {
        let draft: Self = serde_json::from_str(text).map_err(|error| DraftError::Form(error.to_string()))?;
        if draft.format != FORMAT {
            return Err(DraftError::Form(format!("its format is {:?}; expected {FORMAT:?}", draft.format)));
        }
        Ok(draft)
    }

    /// The file's text: the same parts make the same bytes.
    pub(crate) fn to_text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a draft is plain data");
        text.push('\n');
        text
    }

    /// Adds a member's seat.
    pub(crate) fn join_seat(
        &mut self,
        name: Name,
        domain: Option<DomainName>,
        signer: &dyn Signer,
    ) -> Result<(), DraftError> {
        let mut seat = SeatPart { name, domain, key: signer.public_key(), proof: TextBytes(Vec::new()) };
        seat.proof = TextBytes(signer.sign(&self.seat_message(&seat)).to_vec());
        if self.seats.contains(&seat) {
            return Ok(());
        }
        self.check_open()?;
        if self.seats.iter().any(|other| other.name == seat.name) {
            return Err(DraftError::Taken(format!("the seat {}", seat.name)));
        }
        self.check_new_keys(&[seat.key])?;
        self.seats.push(seat);
        self.sort();
        Ok(())
    }

    /// Adds a voter.
    pub(crate) fn join_voter(&mut self, name: Name, api: &str, peer: &str, keys: &VoterKeys) -> Result<(), DraftError> {
        check_address("the API address", api)?;
        check_address("the peer address", peer)?;
        let mut voter = VoterPart {
            name,
            api_address: api.to_owned(),
            peer_address: peer.to_owned(),
            key: keys.node.public_key(),
            log_key: keys.log.public_key(),
            cosigner_key: keys.cosigner.public_key(),
            possession: Vec::new(),
            proof: TextBytes(Vec::new()),
        };
        let mut record = voter.record(0);
        record.prove_possession(&[&keys.node, &keys.log, &keys.cosigner]);
        voter.possession = record.possession.into_iter().map(TextBytes).collect();
        voter.proof = TextBytes(keys.node.sign(&self.voter_message(&voter)).to_vec());
        if self.voters.contains(&voter) {
            return Ok(());
        }
        self.check_open()?;
        if self.voters.iter().any(|other| other.name == voter.name) {
            return Err(DraftError::Taken(format!("the voter {}", voter.name)));
        }
        self.check_new_keys(&[voter.key, voter.log_key, voter.cosigner_key])?;
        self.voters.push(voter);
        self.sort();
        Ok(())
    }

    /// Takes over what another copy of the same draft has and this one lacks.
    pub(crate) fn merge(mut self, other: Self) -> Result<Self, DraftError> {
        let heads = [
            ("the mesh's name", self.mesh_name == other.mesh_name),
            ("the threshold", self.threshold == other.threshold),
            ("the protocol version", self.protocol_version == other.protocol_version),
            ("the creation time", self.created_unix_ms == other.created_unix_ms),
            ("the nonce", self.nonce == other.nonce),
            ("the list of recovery keys", self.recovery_keys == other.recovery_keys),
            ("the review time", self.min_review_ms == other.min_review_ms),
        ];
        if let Some((what, _)) = heads.iter().find(|(_, same)| !same) {
            return Err(DraftError::OtherDraft(what));
        }
        let frozen = [&self, &other].into_iter().find(|draft| draft.document.is_some()).cloned();
        for seat in other.seats {
            match self.seats.iter().find(|mine| mine.name == seat.name) {
                None => self.seats.push(seat),
                Some(mine) if *mine == seat => {}
                Some(_) => return Err(DraftError::Taken(format!("the seat {}", seat.name))),
            }
        }
        for voter in other.voters {
            match self.voters.iter().find(|mine| mine.name == voter.name) {
                None => self.voters.push(voter),
                Some(mine) if *mine == voter => {}
                Some(_) => return Err(DraftError::Taken(format!("the voter {}", voter.name))),
            }
        }
        if let Some(frozen) = frozen {
            if let Some(seat) = self.seats.iter().find(|seat| !frozen.seats.contains(seat)) {
                return Err(DraftError::FrozenWithout(format!("the seat {}", seat.name)));
            }
            if let Some(voter) = self.voters.iter().find(|voter| !frozen.voters.contains(voter)) {
                return Err(DraftError::FrozenWithout(format!("the voter {}", voter.name)));
            }
            if [&self.document, &other.document]
                .into_iter()
                .flatten()
                .any(|document| Some(document) != frozen.document.as_ref())
            {
                return Err(DraftError::OtherDraft("the frozen document"));
            }
            self.document = frozen.document;
        }
        for signature in other.signatures {
            if !self.signatures.contains(&signature) {
                self.signatures.push(signature);
            }
        }
        self.sort();
        Ok(self)
    }

    /// The document of the parts that are in the draft now. Voters get their numbers in the order of their names.
    pub(crate) fn document_of_parts(&self) -> GenesisDocument {
        let seat = |seat: &SeatPart| Seat { name: seat.name.to_string(), key: seat.key, domain: seat.domain.clone() };
        GenesisDocument {
            mesh_name: self.mesh_name.clone(),
            council: Council { threshold: self.threshold, seats: self.seats.iter().map(seat).collect() },
            voters: (1..).zip(&self.voters).map(|(node_id, voter)| voter.record(node_id)).collect(),
            protocol_version: self.protocol_version,
            created_unix_ms: self.created_unix_ms,
            nonce: self.nonce.0,
            recovery_keys: self.recovery_keys.clone(),
            min_review_ms: self.min_review_ms,
        }
    }

    pub(super) fn sort(&mut self) {
        self.seats.sort_by(|a, b| a.name.cmp(&b.name));
        self.voters.sort_by(|a, b| a.name.cmp(&b.name));
        self.signatures.sort_by_key(|signature| signature.key);
    }

    fn check_open(&self) -> Result<(), DraftError> {
        if self.document.is_some() { Err(DraftError::Frozen) } else { Ok(()) }
    }

    fn check_new_keys(&self, keys: &[PublicKey]) -> Result<(), DraftError> {
        for (at, key) in keys.iter().enumerate() {
            if !signing::is_sound(key) {
                return Err(DraftError::WeakKey(key.fingerprint()));
            }
            let holder = self.holders().into_iter().find(|(held, _)| held == key).map(|(_, holder)| holder);
            let twice = keys[..at].contains(key).then(|| "another purpose of the same node".to_owned());
            if let Some(holder) = holder.or(twice) {
                return Err(DraftError::KeyTaken { key: key.fingerprint(), holder });
            }
        }
        Ok(())
    }

    /// Every key in the draft, with whom it belongs to.
    pub(super) fn holders(&self) -> Vec<(PublicKey, String)> {
        let seats = self.seats.iter().map(|seat| (seat.key, format!("the seat {}", seat.name)));
        let voters = self.voters.iter().flat_map(|voter| {
            [voter.key, voter.log_key, voter.cosigner_key].map(|key| (key, format!("the voter {}", voter.name)))
        });
        let recovery = self.recovery_keys.iter().map(|key| (*key, "recovery".to_owned()));
        seats.chain(voters).chain(recovery).collect()
    }
}

impl VoterPart {
    /// The record that the document holds.
    pub(super) fn record(&self, node_id: NodeId) -> NodeRecord {
        NodeRecord {
            node_id,
            name: self.name.to_string(),
            key: self.key,
            log_key: Some(self.log_key),
            cosigner_key: Some(self.cosigner_key),
            api_address: self.api_address.clone(),
            peer_address: self.peer_address.clone(),
            possession: self.possession.iter().map(|proof| proof.0.clone()).collect(),
        }
    }
}
