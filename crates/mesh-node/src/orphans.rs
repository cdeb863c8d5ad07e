//! What a feed still holds when its epoch ended: commands that the ledger did not take in time and that its next writer may not have, and
//! facts behind what the next epoch continues. They are offered to the domain's home with the same ids, in their order, until each has
//! an answer. So nothing that was acknowledged is lost, and what the home refuses is told.

use std::sync::Arc;
use std::time::Duration;

use mesh_event::{Envelope, FactBody, FeedId, SignedFact};
use mesh_model::{Class, Code};
use mesh_proto::status::MeshError;
use mesh_proto::v1::{StateFactRequest, WaitLevel};
use mesh_store::{Batch, KeyRange, Page};
use tracing::{debug, info, warn};

use crate::attachments;
use crate::carry::unsealed;
use crate::core::{Core, storage_error};
use crate::facts::{FactDesk, fact_of, texts};
use crate::feed_writer::{Decided, FeedWriter, Position};
use crate::limits::DayQuota;
use crate::publish::Publisher;
use crate::replicas::copy::{is_damaged, store_id};
use crate::replicas::writers;

/// Where in the store's index space orphans lie that the domain's home refused: `domain \0 epoch outbox` -> the code's number,
/// big-endian, and the text.
pub const ORPHANS: u8 = 7;
/// The feed's named value that says that all of it is settled.
const SETTLED: &str = "settled";
/// How long the home may take for one command before it is offered again.
const OFFER: Duration = Duration::from_secs(10);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Refused orphans that are shown.
const SHOWN: usize = 100;
/// In the place of an outbox number: what follows is a fact's number in the feed.
const FACT: u64 = 1 << 63;
/// Facts that are offered before the next ones are read.
const FACTS: usize = 32;
/// Events that are read at once.
const PAGE: u64 = 256;

fn key(feed: &FeedId, outbox: u64) -> Vec<u8> {
    let numbers = [feed.epoch.to_be_bytes(), outbox.to_be_bytes()].concat();
    [feed.domain.as_str().as_bytes(), &[0], &numbers].concat()
}

/// Opens a feed of an epoch that ended for what it still holds; `None` when that is nothing.
///
/// # Errors
/// When the feed cannot be read.
pub(crate) fn reopen(core: &Arc<Core>, feed: &FeedId) -> Result<Option<Arc<FeedWriter>>, MeshError> {
    let stored = core.store.feed(store_id(feed)?);
    let is_settled = stored.value(SETTLED).map_err(|e| storage_error(&e))?.is_some();
    if is_settled
        || is_damaged(&core.store, stored.id())
        || core.store.lost_authority().map_err(|e| storage_error(&e))?.is_some()
    {
        return Ok(None);
    }
    let size = stored.log().size().map_err(|e| storage_error(&e))?;
    let (commands, last) = unsealed(core, feed, size)?;
    let has_facts = match ended_at(core, feed)? {
        Some(base) => facts(core, feed, base, 1)?.1.is_some(),
        // Not known yet; it is asked for again.
        None => true,
    };
    if commands.is_empty() && !has_facts {
        settled(core, feed);
        return Ok(None);
    }
    info!(domain = %feed.domain, epoch = feed.epoch, count = commands.len(), "commands of an epoch that ended are offered to the domain's home");
    let (outbox, seq) = last.map_or((0, None), |last| (last.outbox, Some(last.seq)));
    let writer = FeedWriter::open(
        feed.clone(),
        core.mesh_id,
        Arc::clone(&core.store),
        (usize::MAX, DayQuota::NONE),
        outbox,
        seq,
    )?;
    writer.close();
    Ok(Some(writer))
}

/// Offers what waits in a feed whose epoch ended, until nothing does.
pub(crate) async fn offer(core: &Arc<Core>, writer: &FeedWriter) {
    let mut pause = FIRST_PAUSE;
    while let Some((outbox, _, envelope)) = writer.first_waiting() {
        let position = Position { feed: writer.id().clone(), seq: 0, outbox };
        // The ledger may have taken it in the old epoch's last moments, or the home have refused it before.
        let known = match core.decided(&position) {
            Ok(Some(resolution)) => Some(resolution),
            Ok(None) => refused_before(core, &position).map(Err),
            Err(error) => {
                warn!(%error, "what became of a command cannot be read");
                tokio::time::sleep(LONGEST_PAUSE).await;
                continue;
            }
        };
        if let Some(resolution) = known {
            writer.resolve(outbox, resolution);
            continue;
        }
        match offer_one(core, envelope).await {
            Ok(Some(decided)) => {
                writer.resolve(outbox, Ok(decided));
                pause = FIRST_PAUSE;
                continue;
            }
            Ok(None) => debug!(outbox, "the home has the command and waits for the ledger"),
            Err(error) if is_final(error.code) => {
                let feed = writer.id();
                warn!(domain = %feed.domain, epoch = feed.epoch, outbox, %error, "an acknowledged command of an epoch that ended was refused");
                refuse(core, &position, &error);
                writer.resolve(outbox, Err(error));
                continue;
            }
            Err(error) => {
                debug!(outbox, %error, "the home did not take a command of an epoch that ended; trying again");
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    // What was appended in the last moments can be read once it is durable.
    if let Some(last) = writer.size().checked_sub(1)
        && let Err(error) = writer.durable_beyond(last).wait().await
    {
        return debug!(%error, "an ended feed is looked through again after the next start");
    }
    offer_facts(core, writer.id()).await;
    settled(core, writer.id());
}

/// How much of a feed the next epoch continues; `None` while that is not known here.
fn ended_at(core: &Core, feed: &FeedId) -> Result<Option<u64>, MeshError> {
    Ok(writers::of(core, feed)?.and_then(|delegated| delegated.ended_at).map(|base| base.size))
}

/// At most `limit` facts from an event on, with their numbers; and the event to go on with, if there may be more.
type Facts = (Vec<(u64, SignedFact)>, Option<u64>);

fn facts(core: &Core, feed: &FeedId, from: u64, limit: usize) -> Result<Facts, MeshError> {
    let log = core.store.feed(store_id(feed)?).log().clone();
    let size = log.size().map_err(|e| storage_error(&e))?;
    let (mut found, mut next) = (Vec::new(), from);
    while next < size {
        let page = log.leaves(next..size, usize::try_from(PAGE).expect("small")).map_err(|e| storage_error(&e))?;
        let Some((last, _)) = page.last() else { break };
        let behind = last + 1;
        for (seq, bytes) in page {
            if let Some((_, signed)) = fact_of(&bytes) {
                found.push((seq, signed));
                if found.len() == limit {
                    return Ok((found, Some(seq + 1)));
                }
            }
        }
        next = behind;
    }
    Ok((found, None))
}

/// Offers the facts behind what the next epoch continues.
async fn offer_facts(core: &Arc<Core>, feed: &FeedId) {
    let (mut next, mut pause) = (None, FIRST_PAUSE);
    loop {
        let reading = Arc::clone(core);
        let (id, from) = (feed.clone(), next);
        let page = core.offload(move || {
            let Some(from) = from.map_or_else(|| ended_at(&reading, &id), |from| Ok(Some(from)))? else {
                return Ok(None);
            };
            facts(&reading, &id, from, FACTS).map(Some)
        });
        match page.await {
            Ok(Some((found, behind))) => {
                for (seq, signed) in found {
                    // What was named for the epoch that ended is worth nothing in the next one.
                    if matches!(&signed.fact().body, FactBody::GrantIssuer(body) if body.epoch.is_some()) {
                        continue;
                    }
                    offer_fact(core, feed, seq, &signed).await;
                }
                let Some(behind) = behind else { return };
                (next, pause) = (Some(behind), FIRST_PAUSE);
                continue;
            }
            Ok(None) => debug!(domain = %feed.domain, "how much of an ended feed goes on is not known yet"),
            Err(error) => warn!(%error, "the facts of an epoch that ended cannot be read"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// One fact, until the home took it or never will.
async fn offer_fact(core: &Arc<Core>, feed: &FeedId, seq: u64, signed: &SignedFact) {
    let position = Position { feed: feed.clone(), seq, outbox: FACT | seq };
    if refused_before(core, &position).is_some() {
        return;
    }
    let mut pause = FIRST_PAUSE;
    loop {
        let offered = match texts::of_fact(core, signed) {
            Ok(attachments) => {
                let envelope = signed.envelope().bytes().to_vec();
                let request = StateFactRequest { envelope, attachments, carried: true };
                FactDesk::new(Arc::clone(core)).state(request, OFFER).await
            }
            Err(error) => Err(error),
        };
        match offered {
            Ok(_) => return,
            Err(error) if is_final(error.code) => {
                warn!(domain = %feed.domain, epoch = feed.epoch, seq, %error, "an acknowledged fact of an epoch that ended was refused");
                return refuse(core, &position, &error);
            }
            Err(error) => debug!(seq, %error, "the home did not take a fact of an epoch that ended; trying again"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Whether asking again would give the same answer.
fn is_final(code: Code) -> bool {
    !matches!(code.class(), Class::Unavailable | Class::Pending | Class::Internal)
        && !matches!(
            code,
            Code::NotDelegated | Code::OldEpoch | Code::UnknownDomain | Code::FeedForked | Code::FeedContained
        )
}

/// One command, with its attachments; `None` while the home has it and the ledger has not.
async fn offer_one(core: &Arc<Core>, envelope: Vec<u8>) -> Result<Option<Decided>, MeshError> {
    let parsed = Envelope::parse(envelope.clone()).map_err(|error| MeshError::new(error.code(), error.to_string()))?;
    let bodies = attachments::of_command(core, &parsed)?;
    let acknowledgement = Publisher::new(Arc::clone(core)).publish(envelope, bodies, WaitLevel::Sealed, OFFER).await?;
    let Some(ledger_index) = acknowledgement.ledger_index else { return Ok(None) };
    let code = acknowledgement.code.and_then(Code::from_number).unwrap_or(Code::Accepted);
    Ok(Some(Decided { ledger_index, code, detail: acknowledgement.detail }))
}

fn settled(core: &Core, feed: &FeedId) {
    let mut batch = Batch::new();
    let put = store_id(feed)
        .and_then(|id| core.store.feed(id).put_value(&mut batch, SETTLED, &[]).map_err(|e| storage_error(&e)));
    if let Err(error) = put.and_then(|()| core.store.committer().apply_relaxed(batch).map_err(|e| storage_error(&e))) {
        debug!(%error, "an ended feed is looked through again after the next start");
    }
}

fn refuse(core: &Core, position: &Position, error: &MeshError) {
    let value = [&error.code.number().to_be_bytes(), error.message.as_bytes()].concat();
    let mut batch = Batch::new();
    core.store.index(ORPHANS).put(&mut batch, &key(&position.feed, position.outbox), &value);
    if let Err(error) = core.store.committer().apply_relaxed(batch) {
        warn!(%error, "a refused command is offered again after the next start");
    }
}

fn read_refusal(value: &[u8]) -> Option<MeshError> {
    let (number, text) = value.split_first_chunk()?;
    let code = Code::from_number(u32::from_be_bytes(*number))?;
    Some(MeshError::new(code, String::from_utf8_lossy(text).into_owned()))
}

fn refused_before(core: &Core, position: &Position) -> Option<MeshError> {
    let value = core.store.index(ORPHANS).get(&key(&position.feed, position.outbox)).ok()??;
    read_refusal(&value)
}

/// Acknowledged commands that the domains' new homes refused, for people.
pub fn alarms(core: &Core) -> Vec<String> {
    let refused = core.store.index(ORPHANS).range(&KeyRange::all(), Page::first(SHOWN)).unwrap_or_default();
    let line = |(key, value): (Vec<u8>, Vec<u8>)| {
        let (rest, outbox) = key.split_last_chunk::<8>()?;
        let (rest, epoch) = rest.split_last_chunk::<8>()?;
        let domain = String::from_utf8_lossy(rest.strip_suffix(&[0])?).into_owned();
        let (epoch, outbox) = (u64::from_be_bytes(*epoch), u64::from_be_bytes(*outbox));
        let error = read_refusal(&value)?;
        let what = match outbox & FACT {
            0 => format!("command {outbox}"),
            _ => format!("the fact in event {}", outbox ^ FACT),
        };
        Some(format!(
            "{what} of {domain}/{epoch} was acknowledged here and refused later: {} ({})",
            error.message, error.code
        ))
    };
    refused.into_iter().filter_map(line).collect()
}
