//! The founding document: mesh name, council, first voters. Its SHA-256 is the mesh id that everybody pins.

use std::collections::BTreeSet;

use mesh_model::{Digest, DomainName, MeshId, NodeId, PublicKey, UnixMs, limits};
use prost::Message as _;
use serde::{Deserialize, Serialize};

use crate::convert::{Malformed, key, length, text};
use crate::envelope::{self, Envelope};
use crate::proto;
use crate::signing::{self, Signer};

pub use crate::protocol::PROTOCOL_VERSION;

/// The members whose M-of-N signatures decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Council {
    /// How many distinct seats must sign.
    pub threshold: u32,
    /// The seats.
    pub seats: Vec<Seat>,
}

/// One member's seat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    /// What the seat is called; never a person's name.
    pub name: String,
    /// The key that votes for it.
    pub key: PublicKey,
    /// The domain that fills it.
    pub domain: Option<DomainName>,
}

impl Council {
    /// How many seats are among the signers.
    pub fn seats_signed(&self, signers: &BTreeSet<PublicKey>) -> usize {
        self.seats.iter().filter(|seat| signers.contains(&seat.key)).count()
    }
    /// Whether the signers decide.
    pub fn is_met(&self, signers: &BTreeSet<PublicKey>) -> bool {
        self.seats_signed(signers) >= self.threshold as usize
    }

    /// The wire form.
    pub(crate) fn to_message(&self) -> proto::Council {
        let seat = |seat: &Seat| proto::Seat {
            name: seat.name.clone(),
            key: seat.key.0.to_vec(),
            domain: seat.domain.as_ref().map_or_else(String::new, ToString::to_string),
        };
        proto::Council { threshold: self.threshold, seats: self.seats.iter().map(seat).collect() }
    }

    /// From the wire.
    pub(crate) fn from_message(m: proto::Council) -> Result<Self, Malformed> {
        let seats = (m.seats.into_iter())
            .map(|seat| {
                let domain =
                    if seat.domain.is_empty() { None } else { Some(text("council.seats.domain", &seat.domain)?) };
                Ok(Seat { key: key("council.seats.key", &seat.key)?, name: seat.name, domain })
            })
            .collect::<Result<_, Malformed>>()?;
        Ok(Self { threshold: m.threshold, seats })
    }
}

/// A node as the ledger knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRecord {
    /// Its number; 1 to 7 for the voters of genesis.
    pub node_id: NodeId,
    /// What people call it.
    pub name: String,
    /// Signs feeds.
    pub key: PublicKey,
    /// Signs checkpoints; voters have one.
    pub log_key: Option<PublicKey>,
    /// Cosigns checkpoints; voters have one.
    pub cosigner_key: Option<PublicKey>,
    /// Where clients reach it, `host:port`. A hint: identity is the key.
    pub api_address: String,
    /// Where peers reach it, `host:port`. A hint.
    pub peer_address: String,
    /// Signatures of its own keys over the rest of the record.
    pub possession: Vec<Vec<u8>>,
}

impl NodeRecord {
    /// Signs the record with its own keys: node, log, cosigner, in this order.
    ///
    /// # Panics
    /// When the signers are not the record's keys.
    pub fn prove_possession(&mut self, signers: &[&dyn Signer]) {
        let keys: Vec<PublicKey> = signers.iter().map(|signer| signer.public_key()).collect();
        assert_eq!(keys, self.keys(), "a record is signed by its own keys");
        let message = self.possession_message();
        self.possession = signers.iter().map(|signer| signer.sign(&message).to_vec()).collect();
    }

    /// Whether each of the record's keys signed it.
    pub fn is_possessed(&self) -> bool {
        let (keys, message) = (self.keys(), self.possession_message());
        keys.len() == self.possession.len()
            && keys.iter().zip(&self.possession).all(|(key, signature)| signing::verify(key, &message, signature))
    }

    /// Its keys: node, log, cosigner.
    pub fn keys(&self) -> Vec<PublicKey> {
        [Some(self.key), self.log_key, self.cosigner_key].into_iter().flatten().collect()
    }

    fn possession_message(&self) -> Vec<u8> {
        let mut message = b"datamesh node possession v1\n".to_vec();
        // Node ids and addresses are given to a node by others; possession is about its keys and its name.
        message.extend_from_slice(self.name.as_bytes());
        for key in self.keys() {
            message.extend_from_slice(&key.0);
        }
        message
    }

    /// The wire form.
    pub fn to_message(&self) -> proto::Node {
        let bytes = |key: Option<PublicKey>| key.map_or_else(Vec::new, |key| key.0.to_vec());
        proto::Node {
            node_id: self.node_id,
            name: self.name.clone(),
            key: self.key.0.to_vec(),
            log_key: bytes(self.log_key),
            cosigner_key: bytes(self.cosigner_key),
            api_address: self.api_address.clone(),
            peer_address: self.peer_address.clone(),
            possession: self.possession.clone(),
        }
    }

    /// From the wire.
    ///
    /// # Errors
    /// [`Malformed`] names the field.
    pub fn from_message(m: proto::Node) -> Result<Self, Malformed> {
        let optional =
            |field: &str, bytes: &[u8]| if bytes.is_empty() { Ok(None) } else { key(field, bytes).map(Some) };
        Ok(Self {
            node_id: m.node_id,
            key: key("key", &m.key)?,
            log_key: optional("log_key", &m.log_key)?,
            cosigner_key: optional("cosigner_key", &m.cosigner_key)?,
            name: m.name,
            api_address: m.api_address,
            peer_address: m.peer_address,
            possession: m.possession,
        })
    }
}

/// The document that founds a mesh.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GenesisDocument {
    /// What people call the mesh.
    pub mesh_name: String,
    /// Who decides.
    pub council: Council,
    /// Who orders: 1, 3, 5 or 7 nodes with ids from 1.
    pub voters: Vec<NodeRecord>,
    /// The rules that apply from the first entry on.
    pub protocol_version: u32,
    /// When it was drafted: informative.
    pub created_unix_ms: UnixMs,
    /// Makes two meshes of the same people two meshes.
    pub nonce: [u8; 16],
    /// Off-line keys that may restore a council below its threshold.
    pub recovery_keys: Vec<PublicKey>,
    /// How long every proposal is open before it can take effect, in milliseconds of ledger time; at most 30 days. 0 is not encoded:
    /// documents from before this was one of their fields have the bytes that they had.
    pub min_review_ms: u64,
}

impl GenesisDocument {
    /// The payload bytes. The mesh id is their digest, so they are made once, at the end of the ceremony.
    pub fn encode(&self) -> Vec<u8> {
        proto::GenesisDocument {
            mesh_name: self.mesh_name.clone(),
            council: Some(self.council.to_message()),
            voters: self.voters.iter().map(NodeRecord::to_message).collect(),
            protocol_version: self.protocol_version,
            created_unix_ms: self.created_unix_ms,
            nonce: self.nonce.to_vec(),
            recovery_keys: self.recovery_keys.iter().map(|key| key.0.to_vec()).collect(),
            min_review_ms: self.min_review_ms,
        }
        .encode_to_vec()
    }

    /// Decodes payload bytes.
    ///
    /// # Errors
    /// [`Malformed`] names the field.
    pub fn decode(payload: &[u8]) -> Result<Self, Malformed> {
        let m = proto::GenesisDocument::decode(payload).map_err(|error| Malformed::new("genesis", error))?;
        let council = m.council.ok_or_else(|| Malformed::missing("council"))?;
        Ok(Self {
            mesh_name: m.mesh_name,
            council: Council::from_message(council)?,
            voters: m.voters.into_iter().map(NodeRecord::from_message).collect::<Result<_, _>>()?,
            protocol_version: m.protocol_version,
            created_unix_ms: m.created_unix_ms,
            nonce: m.nonce.as_slice().try_into().map_err(|_| length("nonce", 16, m.nonce.len()))?,
            recovery_keys: m.recovery_keys.iter().map(|bytes| key("recovery_keys", bytes)).collect::<Result<_, _>>()?,
            min_review_ms: m.min_review_ms,
        })
    }

    /// Everything that is wrong with it, in the order of the document; empty when a mesh can be founded on it.
    pub fn check(&self) -> Vec<String> {
        let mut flaws = Vec::new();
        let mut all = BTreeSet::new();
        let seats = self.council.seats.len();
        if self.mesh_name.trim().is_empty() {
            flaws.push("the mesh has no name".to_owned());
        }
        if seats == 0 || self.council.threshold == 0 || self.council.threshold as usize > seats {
            flaws.push(format!("the council's threshold is {} of {seats} seats", self.council.threshold));
        }
        let nodes = self.voters.iter().flat_map(|v| v.keys().into_iter().map(|key| (key, v.name.clone())));
        let members = self.council.seats.iter().map(|seat| (seat.key, seat.name.clone()));
        let recovery = self.recovery_keys.iter().map(|key| (*key, "recovery".to_owned()));
        for (key, holder) in members.chain(nodes).chain(recovery) {
            if !signing::is_sound(&key) {
                flaws.push(format!("the key {} of {holder} is weak or no point of the curve", key.fingerprint()));
            }
            if !all.insert(key) {
                flaws.push(format!("the key {} of {holder} serves two purposes", key.fingerprint()));
            }
        }
        if ![1, 3, 5, 7].contains(&self.voters.len()) {
            flaws.push(format!("a mesh has 1, 3, 5 or 7 voters; found {}", self.voters.len()));
        }
        for (at, voter) in self.voters.iter().enumerate() {
            if voter.node_id != at as NodeId + 1 {
                flaws.push(format!("voter {} has node id {}; expected {}", voter.name, voter.node_id, at + 1));
            }
            if voter.log_key.is_none() || voter.cosigner_key.is_none() {
                flaws.push(format!("voter {} lacks a log or a cosigner key", voter.name));
            }
            if !voter.is_possessed() {
                flaws.push(format!("voter {} did not sign with each of its keys", voter.name));
            }
        }
        if self.min_review_ms > limits::REVIEW_MS {
            let (found, limit) = (self.min_review_ms, limits::REVIEW_MS);
            flaws.push(format!("the review time is {found} milliseconds; at most {limit} are taken"));
        }
        if self.protocol_version == 0 || self.protocol_version > PROTOCOL_VERSION {
            flaws.push(format!("protocol version {}; this build knows 1 to {PROTOCOL_VERSION}", self.protocol_version));
        }
        flaws
    }
}

/// A founding document that its own council signed to the threshold.
#[derive(Debug, Clone)]
pub struct SealedGenesis {
    /// The exact bytes.
    pub envelope: Envelope,
    /// What they say.
    pub document: GenesisDocument,
    /// SHA-256 of the payload.
    pub mesh_id: MeshId,
}

/// Why an envelope founds no mesh.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GenesisError {
    /// Not an envelope, or a bad signature.
    #[error(transparent)]
    Envelope(#[from] envelope::EnvelopeError),
    /// Not a founding document.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// A document that no mesh can be founded on.
    #[error("the founding document does not fit: {}", .0.join("; "))]
    Flawed(Vec<String>),
    /// Too few of its council signed.
    #[error("{signed} of the {threshold} seats that must sign did")]
    Threshold {
        /// How many seats signed.
        signed: usize,
        /// How many have to.
        threshold: u32,
    },
}

impl SealedGenesis {
    /// Verifies signatures, document and threshold.
    ///
    /// # Errors
    /// [`GenesisError`].
    pub fn parse(bytes: Vec<u8>) -> Result<Self, GenesisError> {
        let envelope = Envelope::parse(bytes)?;
        let signers = envelope.verify(envelope::GENESIS)?;
        let document = GenesisDocument::decode(envelope.payload())?;
        let flaws = document.check();
        if !flaws.is_empty() {
            return Err(GenesisError::Flawed(flaws));
        }
        if !document.council.is_met(&signers) {
            let signed = document.council.seats_signed(&signers);
            return Err(GenesisError::Threshold { signed, threshold: document.council.threshold });
        }
        let mesh_id = Digest::of(envelope.payload()).into();
        Ok(Self { envelope, document, mesh_id })
    }
}
