//! Anchors: the heads of the feeds that are written here go into the ledger, also where no command carries them. What lies below an
//! anchor was there when the ledger took it, and nothing behind it names a smaller ledger size: nothing is dated back behind a revocation.

use std::sync::Arc;
use std::time::Duration;

use mesh_event::Body;
use mesh_event::federation::FeedAnchor;
use mesh_governance::read;
use mesh_model::{Class, Code, Digest, DomainName};
use mesh_proto::status::MeshError;
use tracing::{debug, warn};

use crate::core::Core;
use crate::own_command;
use crate::replicas::forks;

const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Looks through the feeds of this node every `feeds.anchor_s` seconds, until the node stops. One anchor is under way at a time. When the
/// ledger cannot be had, the rest of a round is tried again, later each time, at the latest with the next round.
pub async fn run(core: Arc<Core>) {
    let every = Duration::from_secs(core.config.feeds.anchor_s);
    let (mut number, mut pause) = (0, FIRST_PAUSE);
    let mut rest = every.mul_f64(spread(&core, number));
    loop {
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            () = core.stopping.cancelled() => return,
        }
        let done = tokio::select! {
            done = round(&core) => done,
            () = core.stopping.cancelled() => return,
        };
        if let Err(error) = done {
            debug!(%error, "heads of feeds are not anchored; trying again");
            rest = pause.min(every);
            pause = (pause * 2).min(every);
        } else {
            number += 1;
            pause = FIRST_PAUSE;
            rest = every.mul_f64(spread(&core, number));
        }
    }
}

/// From 0.75 to 1.25, another for each node and round: nodes that were started together don't write all at once.
fn spread(core: &Core, number: u64) -> f64 {
    let drawn = Digest::of(&[core.node_id().to_be_bytes(), number.to_be_bytes()].concat()).0;
    0.75 + f64::from(u16::from_be_bytes([drawn[0], drawn[1]])) / f64::from(u16::MAX) / 2.0
}

/// Anchors what is to be anchored. A feed that the ledger refuses is passed over; it is asked for again with the next round.
///
/// # Errors
/// What concerns all feeds: the ledger cannot be had.
async fn round(core: &Arc<Core>) -> Result<(), MeshError> {
    if !own_command::are_known(core)? {
        return Ok(());
    }
    for duty in core.replicas.duties().all(core)? {
        if duty.home != Some(core.node_id()) {
            continue;
        }
        match anchor(core, &duty.domain).await {
            Ok(()) => {}
            Err(error) if matches!(error.code.class(), Class::Unavailable | Class::Pending) => return Err(error),
            Err(error) => warn!(domain = %duty.domain, %error, "the head of a feed is not anchored"),
        }
    }
    Ok(())
}

/// Anchors one feed, if the ledger has not got its head. While commands wait, they bring it along.
async fn anchor(core: &Arc<Core>, domain: &DomainName) -> Result<(), MeshError> {
    if forks::forked(core, domain)?.is_some() {
        return Ok(());
    }
    let (opening, name) = (Arc::clone(core), domain.clone());
    let writer = core.offload(move || opening.feeds.writer(&opening, &name)).await?;
    let epoch = writer.id().epoch;
    let known = read::ledger_head(&core.state, domain, epoch).map_err(|e| core.state_error(&e))?;
    if writer.backlog().0 > 0 || writer.durable_size() <= known.map_or(0, |head| head.size) {
        return Ok(());
    }
    let (naming, ledger_size) = (Arc::clone(&writer), core.ledger_size());
    let size = core.offload(move || naming.name_at_least(ledger_size)).await?;
    // The head covers all events that may name less.
    if let Some(last) = size.checked_sub(1) {
        writer.durable_beyond(last).wait().await?;
    }
    let signing = Arc::clone(core);
    let Some((head, head_note)) = core.offload(move || writer.signed_head(&*signing.keypair)).await? else {
        return Ok(());
    };
    let body = Body::FeedAnchor(FeedAnchor { domain: domain.clone(), epoch, ledger_size, head_note });
    match own_command::submit(core, body).await {
        Ok(index) => debug!(%domain, epoch, events = head.size, index, "anchored the head of a feed"),
        // A command brought a head along meanwhile, or the epoch ended.
        Err(error) if matches!(error.code, Code::AlreadySo | Code::OldEpoch) => {}
        Err(error) => return Err(error),
    }
    Ok(())
}
