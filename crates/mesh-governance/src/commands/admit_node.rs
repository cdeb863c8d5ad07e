//! AdmitNode: the council lets a node in, as an observer. Its id is the leaf's index + 1,000: never that of another.

use std::collections::BTreeSet;

use mesh_event::NodeRecord;
use mesh_model::{Code, limits};

use crate::applied::Effect;
use crate::apply::Moment;
use crate::authority::bind_key;
use crate::decision::{Decision, reject};
use crate::keys;
use crate::overlay::Overlay;
use crate::records::{KeyPurpose, KnownNode, Record as _};
use crate::state::StateRead;

/// What is added to the index of the leaf that admits a node: lower ids are those of the voters of genesis.
const FIRST_ID: u64 = 1000;
/// Longest address of a node, in bytes: a host name of 253 and a port.
const ADDRESS_BYTES: usize = 259;

pub(crate) fn apply<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    record: &NodeRecord,
    at: Moment,
) -> Decision<Vec<Effect>, S> {
    if record.node_id != 0 {
        return reject(Code::Malformed, format!("node_id is {}; the ledger gives it", record.node_id));
    }
    let name = record.name.trim();
    if name.is_empty() || record.name.len() > limits::NAME_BYTES {
        let detail = format!("a node's name has {} bytes; expected 1 to {}", record.name.len(), limits::NAME_BYTES);
        return reject(Code::Malformed, detail);
    }
    if record.api_address.len().max(record.peer_address.len()) > ADDRESS_BYTES {
        return reject(Code::TooLarge, format!("an address of node {name} has more than {ADDRESS_BYTES} bytes"));
    }
    if record.log_key.is_some() != record.cosigner_key.is_some() {
        return reject(Code::Malformed, format!("node {name} has one of log and cosigner key; expected both or none"));
    }
    if !record.is_possessed() {
        return reject(Code::NoPossession, format!("node {name} did not sign with each of its keys"));
    }
    let Some(node_id) = at.index.checked_add(FIRST_ID) else {
        return reject(Code::TooLarge, "there are no more node ids");
    };
    // Its keys signed the record, not the proposal: a node's key signs no commands.
    let signed: BTreeSet<_> = record.keys().into_iter().collect();
    bind_key(draft, &record.key, &KeyPurpose::Node(node_id), &signed)?;
    for (key, purpose) in [(record.log_key, KeyPurpose::Log), (record.cosigner_key, KeyPurpose::Cosigner)] {
        if let Some(key) = key {
            bind_key(draft, &key, &purpose, &signed)?;
        }
    }
    let record = NodeRecord { node_id, ..record.clone() };
    draft.put(keys::node(node_id), KnownNode { record, voter: false, admitted_at: at.index }.encode());
    Ok(vec![Effect::NodeAdmitted { node_id }])
}
