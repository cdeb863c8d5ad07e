//! Files of a node's signed record, as the command line speaks of them. The form is [`mesh_client::node_record`]'s.

use mesh_client::node_record::{self, NodeKeys, NodeRecordError};
use mesh_event::NodeRecord;
use mesh_model::{Code, Name};

use crate::ceremony::VoterKeys;
use crate::failure::Failure;

fn failure(error: &NodeRecordError) -> Failure {
    let text = error.to_string();
    match error {
        NodeRecordError::Address { .. } => Failure::usage(text),
        NodeRecordError::Form(_) => {
            Failure::new(Code::InvalidFile, text).hint("`mesh node record` writes one on the node's machine")
        }
        NodeRecordError::NoPossession { .. } => {
            Failure::new(Code::NoPossession, text).hint("get the file again from the node's machine")
        }
    }
}

/// The record of a node with these keys. Its number is the ledger's to give.
///
/// # Errors
/// An address that is no `host:port`.
pub(crate) fn record(name: &Name, api: &str, peer: &str, keys: &VoterKeys) -> Result<NodeRecord, Failure> {
    let keys = NodeKeys { node: &keys.node, log: &keys.log, cosigner: &keys.cosigner };
    node_record::sign(name, api, peer, &keys).map_err(|error| failure(&error))
}

/// The file's text.
///
/// # Errors
/// Where the record's name is none.
pub(crate) fn to_text(record: &NodeRecord) -> Result<String, Failure> {
    node_record::to_text(record).map_err(|error| failure(&error))
}

/// Reads a file; each of the record's keys signed it.
///
/// # Errors
/// [`Code::InvalidFile`] for another form, [`Code::NoPossession`] when a signature is missing or wrong.
pub(crate) fn parse(text: &str) -> Result<NodeRecord, Failure> {
    node_record::parse(text).map_err(|error| failure(&error))
}
