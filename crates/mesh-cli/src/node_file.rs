//! Files of a node's signed record: how a node that is to be admitted is told of.
//!
//! Its keys signed the record, which proves that somebody holds them. The addresses are not signed: they are hints that whoever signs
//! the proposal reads.

use mesh_event::NodeRecord;
use mesh_model::{Code, Name, PublicKey};
use serde::{Deserialize, Serialize};

use crate::ceremony::{VoterKeys, check_address};
use crate::failure::Failure;
use crate::text_bytes::TextBytes;

const FORMAT: &str = "datamesh-node-v1";

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
    possession: Vec<TextBytes>,
}

/// The record of a node with these keys. Its number is the ledger's to give.
///
/// # Errors
/// An address that is no `host:port`.
pub(crate) fn record(name: &Name, api: &str, peer: &str, keys: &VoterKeys) -> Result<NodeRecord, Failure> {
    use mesh_event::Signer as _;
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
    record.prove_possession(&[&keys.node, &keys.log, &keys.cosigner]);
    Ok(record)
}

/// The file's text.
pub(crate) fn to_text(record: &NodeRecord) -> Result<String, Failure> {
    let form = Form {
        format: FORMAT.to_owned(),
        name: Name::parse(&record.name).map_err(|error| Failure::usage(error.to_string()))?,
        api_address: record.api_address.clone(),
        peer_address: record.peer_address.clone(),
        key: record.key,
        log_key: record.log_key,
        cosigner_key: record.cosigner_key,
        possession: record.possession.iter().cloned().map(TextBytes).collect(),
    };
    let mut text = serde_json::to_string_pretty(&form).map_err(|error| Failure::internal(error.to_string()))?;
    text.push('\n');
    Ok(text)
}

/// Reads a file; each of the record's keys signed it.
///
/// # Errors
/// [`Code::InvalidFile`] for another form, [`Code::NoPossession`] when a signature is missing or wrong.
pub(crate) fn parse(text: &str) -> Result<NodeRecord, Failure> {
    let invalid = |why: String| {
        Failure::new(Code::InvalidFile, format!("not a node's record: {why}"))
            .hint("`mesh node record` writes one on the node's machine")
    };
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
    if record.is_possessed() {
        return Ok(record);
    }
    let message = format!("the record of node {} is not signed by each of its keys", record.name);
    Err(Failure::new(Code::NoPossession, message).hint("get the file again from the node's machine"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use mesh_event::{Keypair, Signer as _};
    use zeroize::Zeroizing;

    fn keys() -> VoterKeys {
        let key = |n| Keypair::from_seed(&Zeroizing::new([n; 32]));
        VoterKeys { node: key(1), log: key(2), cosigner: key(3) }
    }

    fn text() -> String {
        let record = record(&"node-4".parse().unwrap(), "n4.acme:7080", "n4.acme:7946", &keys()).unwrap();
        to_text(&record).unwrap()
    }

    #[test]
    fn a_record_comes_back_as_it_was_written() {
        let record = parse(&text()).unwrap();
        assert_eq!((record.node_id, record.name.as_str(), record.key), (0, "node-4", keys().node.public_key()));
        assert_eq!(to_text(&record).unwrap(), text());
    }

    #[test]
    fn what_is_no_record_is_refused() {
        let other = keys().log.public_key().to_string();
        for (from, to, code) in [
            ("datamesh-node-v1", "datamesh-node-v2", Code::InvalidFile),
            ("\"name\": \"node-4\"", "\"name\": \"node-5\"", Code::NoPossession),
            ("\"name\": \"node-4\"", "\"name\": \"node-4\", \"more\": 1", Code::InvalidFile),
            ("n4.acme:7946", "n4.acme", Code::InvalidFile),
            (keys().cosigner.public_key().to_string().as_str(), other.as_str(), Code::NoPossession),
        ] {
            let forged = text().replace(from, to);
            assert_ne!(forged, text());
            assert_eq!(parse(&forged).unwrap_err().code, Some(code), "{to}");
        }
        assert_eq!(parse("{").unwrap_err().code, Some(Code::InvalidFile));
    }
}
