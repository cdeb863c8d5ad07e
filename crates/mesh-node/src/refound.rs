//! `mesh node refound`: a stopped node prepares to vote again after a lost quorum, by the council's word.
//!
//! `docs/adr/0010-voters-after-a-lost-quorum.md` has the reasons. On each node that the council named and the ledger knows:
//!
//! | step | what | refused |
//! |---|---|---|
//! | 1 | the store is opened: nobody else has it | while meshd runs |
//! | 2 | the command verifies, and the council of the own state signed it | otherwise |
//! | 3 | the checkpoint that it names counts, and is the largest that does here | the larger one is named: the council has to sign again |
//! | 4 | ledger, and what this voter cosigned, end there | more leaves, or a promise about more: the node comes back as a new one |
//! | 5 | the ledger would take the command as its next leaf | it names what the ledger does not know, or has expired: the council has to sign again |
//! | 6 | raft log and vote are given up in one batch, the command is kept for leaf n | - |
//!
//! Nothing of the ledger is ever taken away. A crash before step 6 is durable changed nothing that matters; behind it, the same call
//! finds it done.

use std::sync::Arc;

use mesh_event::genesis::SealedGenesis;
use mesh_event::ledger::EntryBody;
use mesh_event::{Body, LedgerEntry, SignedCommand, Signer as _};
use mesh_governance::{KeyPurpose, Strict, admit_entry, read};
use mesh_model::{Code, NodeId};
use mesh_proto::status::MeshError;
use mesh_raft::{RefoundError, Refounding, StoreState};
use mesh_store::Store;
use tokio::sync::watch;

use crate::checkpoints::{Cosigner, Keeper};
use crate::clock::now_unix_ms;
use crate::config::Config;
use crate::core::storage_error;
use crate::data_folder::{adopt, open_store};
use crate::keys::OwnKeys;
use crate::node::read_genesis;

/// What a node was prepared for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refounded {
    /// This node.
    pub node_id: NodeId,
    /// Leaves from which the ledger goes on.
    pub size: u64,
    /// The voters that were named and are known, ascending.
    pub voters: Vec<NodeId>,
}

fn refused(code: Code, text: impl Into<String>) -> MeshError {
    MeshError::new(code, text.into())
}

/// Prepares the stopped node of this configuration. `command` is the council's signed word, `checkpoint` the note that it names.
///
/// # Errors
/// [`Code::StoreInUse`] while meshd runs, [`Code::ThresholdNotMet`], [`Code::BadRecovery`], [`Code::TooFewCosigned`], [`Code::Forked`],
/// [`Code::NotCaughtUp`], [`Code::OtherVoters`], [`Code::ReadOnly`] with the reason: nothing was changed.
pub fn refound(config: &Config, command: &SignedCommand, checkpoint: &[u8]) -> Result<Refounded, MeshError> {
    let start = |error: crate::StartError| refused(error.code(), error.to_string());
    let genesis = read_genesis(config).map_err(start)?;
    let keys = OwnKeys::read(&config.node.keys_dir).map_err(|error| start(error.into()))?;
    let (fatal, _) = watch::channel(None);
    let store = open_store(config, fatal).map_err(start)?;
    adopt(config, &genesis, &store).map_err(start)?;
    let done = on_store(&store, &genesis, &keys, command, checkpoint, config);
    store.close().map_err(|error| storage_error(&error))?;
    done
}

fn on_store(
    store: &Arc<Store>,
    genesis: &SealedGenesis,
    keys: &OwnKeys,
    command: &SignedCommand,
    checkpoint: &[u8],
    config: &Config,
) -> Result<Refounded, MeshError> {
    let unreadable = |error: mesh_raft::StateError| refused(Code::Damaged, error.to_string());
    let state = StoreState::open(store).map_err(|error| storage_error(&error))?;
    let mesh = read::mesh(&state).map_err(unreadable)?;
    let mesh = mesh.ok_or_else(|| refused(Code::NotCaughtUp, "this node has no leaf of the ledger yet"))?;
    let purpose = read::key_purpose(&state, &keys.keypair.public_key()).map_err(unreadable)?;
    let Some(KeyPurpose::Node(me)) = purpose else {
        return Err(refused(Code::UnknownNode, "the ledger here does not know this node's key"));
    };
    let refounding = Refounding::of(command).map_err(|error| failed(&error))?;
    let Body::RecoverVoters(body) = &command.command().body else { unreachable!("it was checked above") };
    if Refounding::load(store).map_err(|error| storage_error(&error))?.as_ref() == Some(&refounding) {
        return Ok(refounded(me, &refounding, body));
    }
    if command.command().mesh_id != genesis.mesh_id {
        return Err(refused(Code::WrongMesh, "the recovery was signed for another mesh"));
    }
    if !body.voters.iter().any(|voter| voter.node_id == me) {
        return Err(failed(&RefoundError::NotNamed(me)));
    }
    if !mesh.council.is_met(command.signers()) {
        let (signed, threshold) = (mesh.council.seats_signed(command.signers()), mesh.council.threshold);
        return Err(refused(
            Code::ThresholdNotMet,
            format!("{signed} of {threshold} council seats signed the recovery"),
        ));
    }
    let keeper = Keeper::open(genesis, Arc::clone(store), state, config.node.data_dir.clone())?;
    let base = keeper.keep_base(checkpoint)?;
    if (base.size(), base.root()) != (body.size, body.root) {
        let text = format!("the recovery goes on from another checkpoint than this one of {} leaves", base.size());
        return Err(refused(Code::BadRecovery, text));
    }
    let found = store.ledger().size().map_err(|error| storage_error(&error))?;
    let promised = Cosigner::promised(store)?.unwrap_or(0);
    let most = found.max(promised);
    if most > body.size {
        let text = format!(
            "the recovery goes on from {} leaves, and this node has {found} and has vouched for {promised}: it cannot vote again under its number; without it in the recovery, it comes back as a new node: meshd --recover",
            body.size
        );
        return Err(refused(Code::OtherVoters, text));
    }
    // What the ledger would refuse must not cost log and vote: nothing else could be ordered behind that.
    let entry = EntryBody::Envelope(command.envelope().bytes().to_vec());
    let entry = LedgerEntry { stamp_unix_ms: now_unix_ms(), body: entry };
    let state = StoreState::open(store).map_err(|error| storage_error(&error))?;
    if let Err(rejection) = admit_entry(&state, &entry, &Strict).map_err(unreadable)? {
        return Err(refused(rejection.code, rejection.detail));
    }
    refounding.begin(store, me).map_err(|error| failed(&error))?;
    Ok(refounded(me, &refounding, body))
}

fn refounded(node_id: NodeId, refounding: &Refounding, body: &mesh_event::federation::RecoverVoters) -> Refounded {
    let mut voters: Vec<NodeId> = body.voters.iter().map(|voter| voter.node_id).filter(|id| *id != 0).collect();
    voters.sort_unstable();
    Refounded { node_id, size: refounding.size(), voters }
}

fn failed(error: &RefoundError) -> MeshError {
    let code = match error {
        RefoundError::Command(_) => Code::Malformed,
        RefoundError::Nobody => Code::BadVoters,
        RefoundError::NotNamed(_) => Code::OtherVoters,
        RefoundError::Size { .. } => Code::NotCaughtUp,
        RefoundError::LostAuthority(_) => Code::ReadOnly,
        RefoundError::Store(error) => return storage_error(error),
    };
    refused(code, error.to_string())
}
