//! Passing proposals to the leader.

use std::error::Error as _;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use mesh_event::LedgerEntry;
use mesh_model::{Code, MeshId};
use mesh_proto::status::MeshError;
use mesh_proto::v1::{ProposeRequest, ProposeResult};
use tonic::{Request, Status};

use crate::guess::Guess;
use crate::peer::Peer;
use crate::propose_error::ProposeError;
use crate::sealed::SealedLeaf;
use crate::sequencer::{Back, patience};
use crate::waiting::{Answer, Waiting};

/// How long to wait for a connection to the leader before looking again who leads.
const CONNECT: Duration = Duration::from_secs(1);

/// Passes a batch on and answers its callers, or puts back what certainly did not happen.
pub(crate) async fn to_leader(peer: &Arc<Peer>, mesh_id: MeshId, batch: Vec<Waiting>, back: &Back, guess: &Guess) {
    let patience = patience(&batch);
    let connected = match peer.connected(patience.min(CONNECT)).await {
        Ok(connected) => connected,
        Err(error) => {
            guess.refused(peer.id(), None);
            return back.put(batch, &error.to_string());
        }
    };
    let number = connected.number();
    let mut client = connected.client;
    let mut handed = Vec::with_capacity(batch.len());
    let mut entries = Vec::with_capacity(batch.len());
    for mut waiting in batch {
        if waiting.ticket.hand_over() {
            let body = std::mem::replace(&mut waiting.body, mesh_event::ledger::EntryBody::Envelope(Vec::new()));
            let entry = LedgerEntry { stamp_unix_ms: 0, body };
            entries.push(entry.encode());
            waiting.body = entry.body;
            handed.push(waiting);
        }
    }
    if handed.is_empty() {
        return;
    }
    let mut request = Request::new(ProposeRequest { mesh_id: mesh_id.0.to_vec(), entries });
    request.set_timeout(patience);
    let answered = tokio::time::timeout(patience, client.propose(request)).await;
    let (results, leader) = match answered {
        Ok(Ok(response)) => {
            let response = response.into_inner();
            (response.results, response.leader_node_id)
        }
        Ok(Err(status)) => {
            guess.refused(peer.id(), None);
            let untouched = never_sent(&status);
            let error = MeshError::from(status);
            if untouched || matches!(error.code, Code::Unavailable | Code::QueueFull) {
                if untouched {
                    peer.broke(number);
                }
                return back.put(handed, &error.message);
            }
            peer.broke(number);
            return unknown(handed, &error.message);
        }
        Err(_) => {
            guess.refused(peer.id(), None);
            return unknown(handed, "the leader did not answer in time");
        }
    };
    if results.len() != handed.len() {
        return unknown(handed, "the leader answered for another number of entries");
    }
    let mut again = Vec::new();
    for (waiting, result) in handed.into_iter().zip(results) {
        match read(result) {
            Err(ProposeError::Unavailable { .. } | ProposeError::QueueFull) => again.push(waiting),
            answer => waiting.answer(answer),
        }
    }
    if again.is_empty() {
        guess.took(peer.id());
    } else {
        guess.refused(peer.id(), leader);
    }
    back.put(again, "the leader did not take it");
}

fn unknown(handed: Vec<Waiting>, why: &str) {
    for waiting in handed {
        waiting.answer(Err(ProposeError::unknown(why)));
    }
}

/// What the leader says about one entry.
fn read(result: ProposeResult) -> Answer {
    let code = |number| Code::from_number(number).unwrap_or(Code::UnsupportedCommand);
    match result.code.map(code) {
        None if result.leaves.is_empty() => Err(ProposeError::unknown("the leader says nothing about the entry")),
        None => Ok(result
            .leaves
            .into_iter()
            .map(|leaf| SealedLeaf::new(leaf.ledger_index, code(leaf.code), leaf.detail))
            .collect()),
        Some(Code::Unavailable) => Err(ProposeError::unavailable(result.detail)),
        Some(Code::QueueFull) => Err(ProposeError::QueueFull),
        Some(Code::OutcomeUnknown) => Err(ProposeError::unknown(result.detail)),
        Some(code) => Err(ProposeError::Refused { code, detail: result.detail }),
    }
}

/// Whether the request can't have left: no connection came about.
fn never_sent(status: &Status) -> bool {
    let mut cause = status.source();
    while let Some(error) = cause {
        let refused = |error: &io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
        if error.is::<tonic::ConnectError>() || error.downcast_ref().is_some_and(refused) {
            return true;
        }
        cause = error.source();
    }
    false
}
