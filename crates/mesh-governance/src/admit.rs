//! Dry runs: the same functions as [`apply`](fn@crate::apply), before anything is appended or proposed.

use mesh_event::ledger::EntryBody;
use mesh_event::proposal::SetProtocol;
use mesh_event::protocol::PROTOCOL_VERSION;
use mesh_event::{EventKind, FeedBatch, LeafEntry, LedgerEntry, ProtocolRange, SignedCommand};
use mesh_model::{Code, NodeId};

use crate::applied::{Applied, Effect};
use crate::apply::{self, Decided, Moment, known_mesh, moment, seal};
use crate::commands;
use crate::decision::{Decision, Rejection, Stop, reject, split};
use crate::judge::{Bench, Judge, NoPolicy};
use crate::overlay::Overlay;
use crate::state::StateRead;
use crate::verify::Verify;
use crate::{feed, read};

/// What a home node refuses before it appends a domain command to the feed: all that [`apply`](fn@crate::apply) would, but
/// for the fence, which only exists once the command has an outbox number.
///
/// `at_ledger_size` is the ledger size that the event will name.
///
/// # Errors
/// When the state cannot be read or is damaged.
pub fn admit_domain_command<S: StateRead>(
    state: &S,
    command: &SignedCommand,
    at_ledger_size: u64,
) -> Result<Result<(), Rejection>, S::Error> {
    admit_domain_command_with(state, command, at_ledger_size, &NoPolicy)
}

/// [`admit_domain_command`], with this evaluator of standards.
///
/// # Errors
/// When the state cannot be read or is damaged.
pub fn admit_domain_command_with<S: StateRead>(
    state: &S,
    command: &SignedCommand,
    at_ledger_size: u64,
    judge: &dyn Judge,
) -> Result<Result<(), Rejection>, S::Error> {
    Ok(suppose_domain_command_with(state, command, at_ledger_size, judge)?.map(|_| ()))
}

/// What the state would be once the command has taken effect. A home node that is cut off pushes this on an [`Overlay`], so
/// that what waits in its outbox counts when the next command is admitted. The leaf is a supposition and is never kept.
///
/// # Errors
/// When the state cannot be read or is damaged.
pub fn suppose_domain_command<S: StateRead>(
    state: &S,
    command: &SignedCommand,
    at_ledger_size: u64,
) -> Result<Result<Applied, Rejection>, S::Error> {
    suppose_domain_command_with(state, command, at_ledger_size, &NoPolicy)
}

/// [`suppose_domain_command`], with this evaluator of standards.
///
/// # Errors
/// When the state cannot be read or is damaged.
pub fn suppose_domain_command_with<S: StateRead>(
    state: &S,
    command: &SignedCommand,
    at_ledger_size: u64,
    judge: &dyn Judge,
) -> Result<Result<Applied, Rejection>, S::Error> {
    let bench = Bench::new(judge);
    let head = read::head(state)?;
    let at = moment(&head, 0);
    let mut draft = Overlay::new(state);
    Ok(split(supposed(&mut draft, command, at_ledger_size, at, &bench))?.map(|effects| {
        let decided = Decided { result: Ok(effects), changes: draft.into_changes(), verdict: bench.verdict() };
        seal(&head, at, LeafEntry::Envelope(command.envelope().bytes().to_vec()), None, decided)
    }))
}

fn supposed<S: StateRead>(
    draft: &mut Overlay<'_, S>,
    command: &SignedCommand,
    at_ledger_size: u64,
    at: Moment,
    bench: &Bench<'_>,
) -> Decision<Vec<Effect>, S> {
    let Some(mesh) = known_mesh(draft, PROTOCOL_VERSION)? else {
        return reject(Code::GenesisFirst, "the ledger has no genesis yet");
    };
    if command.command().mesh_id != mesh.mesh_id {
        let (found, this) = (command.command().mesh_id.short(), mesh.mesh_id.short());
        return reject(Code::WrongMesh, format!("signed for mesh {found}; this is mesh {this}"));
    }
    if command.command().body.feed_domain().is_none() {
        let kind = command.command().body.kind();
        return reject(Code::Malformed, format!("{kind} goes straight to the ledger, not through a feed"));
    }
    commands::domain_command(draft, command, at_ledger_size, at, bench)
}

/// What a leader refuses before it proposes an entry.
///
/// Genesis, root and council commands: whatever would not be accepted now. A feed's batch: only what no entry in flight
/// can set right (limits, bytes, an old epoch, the head's signature, numbers that were decided); its commands are decided in the
/// ledger, rejected ones included, because their feed keeps them.
///
/// # Errors
/// When the state cannot be read or is damaged.
pub fn admit_entry<S: StateRead, V: Verify>(
    state: &S,
    entry: &LedgerEntry,
    verify: &V,
) -> Result<Result<(), Rejection>, S::Error> {
    admit_entry_with(state, entry, verify, &NoPolicy)
}

/// [`admit_entry`], with this evaluator of standards.
///
/// # Errors
/// When the state cannot be read or is damaged.
pub fn admit_entry_with<S: StateRead, V: Verify>(
    state: &S,
    entry: &LedgerEntry,
    verify: &V,
    judge: &dyn Judge,
) -> Result<Result<(), Rejection>, S::Error> {
    let everything = ProtocolRange { min: 1, max: u32::MAX };
    Ok(admit_entry_among(state, entry, verify, judge, &|_| Some(everything))?.map(|_| ()))
}

/// What a leader has to know of an entry that it may propose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Admission {
    /// It adds a seat's word to a SetProtocol. Whether that completes the threshold was judged on the applied state: two of them at once
    /// may complete it although neither does alone, so one is proposed after the other was applied.
    pub is_protocol_vote: bool,
}

/// [`admit_entry_with`], by a leader that has heard from the voters which protocol versions their builds know: it does not propose a
/// switch that would stop one of them. `heard` gives what a voter advertises; `None` for one that is not heard.
///
/// # Errors
/// When the state cannot be read or is damaged.
pub fn admit_entry_among<S: StateRead, V: Verify>(
    state: &S,
    entry: &LedgerEntry,
    verify: &V,
    judge: &dyn Judge,
    heard: &dyn Fn(NodeId) -> Option<ProtocolRange>,
) -> Result<Result<Admission, Rejection>, S::Error> {
    let EntryBody::Feed(batch) = &entry.body else {
        let mut admission = Admission::default();
        for applied in apply::apply_with(state, entry, verify, judge)? {
            if let Some(version) = sets_protocol(&applied)
                && let Some(detail) = held_back(state, version, heard)?
            {
                return Ok(Err(Rejection::new(Code::VotersHoldBack, detail)));
            }
            admission.is_protocol_vote |= votes_on_protocol(state, &applied)?;
            let outcome = applied.leaf.outcome;
            if outcome.code != Code::Accepted {
                return Ok(Err(Rejection { code: outcome.code, detail: outcome.detail }));
            }
        }
        return Ok(Ok(admission));
    };
    Ok(split(admit_batch(state, batch, verify))?.map(|()| Admission::default()))
}

fn sets_protocol(applied: &Applied) -> Option<u32> {
    applied.effects.iter().find_map(|effect| match effect {
        Effect::ProtocolSet { version } => Some(*version),
        _ => None,
    })
}

fn votes_on_protocol<S: StateRead>(state: &S, applied: &Applied) -> Result<bool, S::Error> {
    for effect in &applied.effects {
        let is_one = match effect {
            Effect::ProposalOpened { kind, .. } => *kind == SetProtocol::KIND,
            Effect::Voted { proposal, .. } => {
                read::proposal(state, *proposal)?.is_some_and(|proposal| proposal.kind == SetProtocol::KIND)
            }
            _ => false,
        };
        if is_one {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Who could not go on with a protocol version, all of them. `apply` must not judge by that, but a leader does not propose what would
/// stop itself or another voter.
fn held_back<S: StateRead>(
    state: &S,
    version: u32,
    heard: &dyn Fn(NodeId) -> Option<ProtocolRange>,
) -> Result<Option<String>, S::Error> {
    let mut who = Vec::new();
    for voter in read::mesh(state)?.into_iter().flat_map(|mesh| mesh.voters) {
        match heard(voter) {
            Some(range) if range.contains(version) => {}
            Some(range) => who.push(format!("voter {voter} knows {range}")),
            None => who.push(format!("voter {voter} is not heard")),
        }
    }
    let detail = || format!("not all voters know protocol version {version}: {}; nothing happened", who.join(", "));
    Ok((!who.is_empty()).then(detail))
}

fn admit_batch<S: StateRead, V: Verify>(state: &S, batch: &FeedBatch, verify: &V) -> Decision<(), S> {
    let opened = feed::open(state, batch, verify)?;
    for event in &opened.events {
        if !matches!(event.kind, EventKind::Command { .. }) {
            let (domain, epoch) = (&event.feed.domain, event.feed.epoch);
            return reject(Code::Malformed, format!("event {} of feed {domain}/{epoch} is no command", event.seq));
        }
    }
    let Some(last) = opened.events.last() else {
        return reject(Code::Malformed, "a batch has no event");
    };
    match feed::in_vain(state, last)? {
        Some(rejection) => Err(Stop::Rejected(rejection)),
        None => Ok(()),
    }
}
