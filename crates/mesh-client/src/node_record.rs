//! Files of a node's signed record: how a node that is to be admitted is told of.
//!
//! Its keys signed the record, which proves that somebody holds them. The addresses are not signed: they are hints that whoever signs
//! the proposal reads.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mesh_event::{Keypair, NodeRecord, Signer as _};
use mesh_model::{Name, PublicKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const FORMAT: &str = "datamesh-node-v1";
/// Longest address, in bytes.
const ADDRESS_BYTES: usize = 255;

/// Why a record, or a file of one, was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NodeRecordError {
    /// An address of another form.
    #[error("{what} is {found:?}; expected host:port")]
    Address {
        /// Which one.
        what: &'static str,
        /// What it is.
        found: String,
    },
    /// A file of another form.
    #[error("not a node's record: {0}")]
    Form(String),
    /// A signature is missing or wrong.
    #[error("the record of node {name} is not signed by each of its keys")]
    NoPossession {
        /// What the file calls the node.
        name: String,
    },
}

/// The private keys of a node that may vote.
#[derive(Debug)]
pub struct NodeKeys<'a> {
    /// Signs feed heads and whatever else it says.
    pub node: &'a Keypair,
    /// Signs checkpoints.
    pub log: &'a Keypair,
    /// Cosigns them.
    pub cosigner: &'a Keypair,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    format: String,
    name: Name,
    api_address: String,
    peer_address: String,
    key: PublicKey,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    log_key: Option<PublicKey>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cosigner_key: Option<PublicKey>,
    /// Signatures of the keys above, in their order.
    possession: Vec<Base64>,
}

/// Bytes as base64, in its one canonical spelling.
#[derive(Debug)]
struct Base64(Vec<u8>);

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(&text).map(Self).map_err(serde::de::Error::custom)
    }
}

fn check_address(what: &'static str, text: &str) -> Result<(), NodeRecordError> {
    let fits = text.len() <= ADDRESS_BYTES
        && !text.chars().any(|c| c.is_control() || c.is_whitespace())
        && text
            .rsplit_once(':')
            .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port != 0));
    if fits { Ok(()) } else { Err(NodeRecordError::Address { what, found: text.to_owned() }) }
}

/// The record of a node with these keys. Its number is the ledger's to give.
///
/// # Errors
/// [`NodeRecordError::Address`].
pub fn sign(name: &Name, api: &str, peer: &str, keys: &NodeKeys<'_>) -> Result<NodeRecord, NodeRecordError> {
    check_address("the API address", api)?;
    check_address("the peer address", peer)?;
    let mut record = NodeRecord {
        node_id: 0,
        name: name.to_string(),
        key: keys.node.public_key(),
        log_key: Some(keys.log.public_key()),
        cosigner_key: Some(keys.cosigner.public_key()),
        api_address: api.to_owned(),
        peer_address: peer.to_owned(),
        possession: Vec::new(),
    };
    record.prove_possession(&[keys.node, keys.log, keys.cosigner]);
    Ok(record)
}

/// The file's text.
///
/// # Errors
/// [`NodeRecordError::Form`] where the record's name is none.
pub fn to_text(record: &NodeRecord) -> Result<String, NodeRecordError> {
    let form = Form {
        format: FORMAT.to_owned(),
        name: Name::parse(&record.name).map_err(|error| NodeRecordError::Form(error.to_string()))?,
        api_address: record.api_address.clone(),
        peer_address: record.peer_address.clone(),
        key: record.key,
        log_key: record.log_key,
        cosigner_key: record.cosigner_key,
        possession: record.possession.iter().cloned().map(Base64).collect(),
    };
    let text = serde_json::to_string_pretty(&form).map_err(|error| NodeRecordError::Form(error.to_string()))?;
    Ok(text + "\n")
}

/// Reads a file; each of the record's keys signed it.
///
/// # Errors
/// [`NodeRecordError::Form`], [`NodeRecordError::NoPossession`].
pub fn parse(text: &str) -> Result<NodeRecord, NodeRecordError> {
    let invalid = |why: String| NodeRecordError::Form(why);
    let form: Form = serde_json::from_str(text).map_err(|error| invalid(error.to_string()))?;
    if form.format != FORMAT {
        return Err(invalid(format!("its format is {:?}; expected {FORMAT:?}", form.format)));
    }
    check_address("the API address", &form.api_address).map_err(|error| invalid(error.to_string()))?;
    check_address("the peer address", &form.peer_address).map_err(|error| invalid(error.to_string()))?;
    let record = NodeRecord {
        node_id: 0,
        name: form.name.to_string(),
        key: form.key,
        log_key: form.log_key,
        cosigner_key: form.cosigner_key,
        api_address: form.api_address,
        peer_address: form.peer_address,
        possession: form.possession.into_iter().map(|proof| proof.0).collect(),
    };
    if record.is_possessed() { Ok(record) } else { Err(NodeRecordError::NoPossession { name: record.name }) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use zeroize::Zeroizing;

    fn keys() -> [Keypair; 3] {
        [1, 2, 3].map(|n| Keypair::from_seed(&Zeroizing::new([n; 32])))
    }

    fn text() -> String {
        let [node, log, cosigner] = &keys();
        let keys = NodeKeys { node, log, cosigner };
        let record = sign(&"node-4".parse().unwrap(), "n4.acme:7080", "n4.acme:7946", &keys).unwrap();
        to_text(&record).unwrap()
    }

    #[test]
    fn a_record_comes_back_as_it_was_written() {
        let record = parse(&text()).unwrap();
        assert_eq!((record.node_id, record.name.as_str(), record.key), (0, "node-4", keys()[0].public_key()));
        assert_eq!(to_text(&record).unwrap(), text());
    }

    #[test]
    fn what_is_no_record_is_refused() {
        let other = keys()[1].public_key().to_string();
        for (from, to, is_form) in [
            ("datamesh-node-v1", "datamesh-node-v2", true),
            ("\"name\": \"node-4\"", "\"name\": \"node-5\"", false),
            ("\"name\": \"node-4\"", "\"name\": \"node-4\", \"more\": 1", true),
            ("n4.acme:7946", "n4.acme", true),
            (keys()[2].public_key().to_string().as_str(), other.as_str(), false),
        ] {
            let forged = text().replace(from, to);
            assert_ne!(forged, text());
            let refused = parse(&forged).unwrap_err();
            assert_eq!(matches!(refused, NodeRecordError::Form(_)), is_form, "{to}: {refused}");
        }
        assert!(matches!(parse("{").unwrap_err(), NodeRecordError::Form(_)));
    }
}
