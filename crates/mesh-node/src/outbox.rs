//! Step 4 of a publish: takes a feed's durable commands to the ledger, in order, each once in effect.
//!
//! One run of [`Outbox::run`] per feed, as long as something waits. At most one batch of a feed is under way: while it is
//! ordered the next one fills up, so load makes batches, not queues. When the answer does not come, the ledger's own cursor says
//! what it knows; the rest is proposed again under the same numbers, and the fence in `apply` makes that safe.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mesh_event::ledger::EntryBody;
use mesh_event::{FeedBatch, LedgerLeaf};
use mesh_governance::read;
use mesh_model::Code;
use mesh_raft::ProposeError;
use tracing::{debug, warn};

use crate::core::Core;
use crate::feed_writer::{Decided, FeedWriter, Position};
use crate::orphans;
use crate::replicas::forks::forked;

/// How long one proposal may take before the ledger's cursor is asked instead.
const PROPOSAL: Duration = Duration::from_secs(10);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The way of one feed's commands to the ledger.
pub struct Outbox {
    core: Arc<Core>,
    writer: Arc<FeedWriter>,
}

impl Outbox {
    /// For one feed.
    pub fn new(core: Arc<Core>, writer: Arc<FeedWriter>) -> Self {
        Self { core, writer }
    }

    /// Proposes what waits until the node stops. To stop in the middle of a proposal is safe: after the restart the same
    /// numbers are proposed again.
    pub async fn run(self) {
        tokio::select! {
            () = self.propose() => {}
            () = self.core.stopping.cancelled() => {}
        }
    }

    /// Whether a fact in front of what waits is on no other node yet. Nobody waits long for it: others may be away.
    fn awaits_a_copy(&self, size: u64) -> bool {
        let holders = self.core.replicas.copies().of(self.writer.id(), Instant::now());
        let copied = holders.iter().map(|holder| holder.size).max().unwrap_or(0);
        self.core.config.feeds.copies > 0 && self.writer.awaits_a_copy(size, copied)
    }

    async fn propose(&self) {
        let mut pause = FIRST_PAUSE;
        loop {
            if self.writer.is_closed() {
                return orphans::offer(&self.core, &self.writer).await;
            }
            let Some((ready, head_note)) = self.writer.ready(&*self.core.keypair) else {
                self.writer.changed().await;
                continue;
            };
            // While two histories stand against each other, nothing goes into either; it waits like behind a lost quorum.
            if self.core.checkpoints.check_no_fork().is_err() {
                tokio::time::sleep(LONGEST_PAUSE).await;
                continue;
            }
            // The ledger takes nothing of a feed that was signed in two histories. What waits is offered again in the next epoch.
            if forked(&self.core, &self.writer.id().domain).is_ok_and(|epoch| epoch.is_some()) {
                tokio::select! {
                    () = tokio::time::sleep(LONGEST_PAUSE) => {}
                    () = self.writer.changed() => {}
                }
                continue;
            }
            if self.awaits_a_copy(ready.head.size) {
                tokio::time::sleep(FIRST_PAUSE).await;
                continue;
            }
            let (first, count) = (ready.first_outbox, ready.events.len());
            let batch = FeedBatch { head_note, events: ready.events };
            let proposed = self.core.raft.proposer().propose(EntryBody::Feed(batch), PROPOSAL).await;
            match proposed {
                Ok(leaves) if leaves.len() == count => {
                    let last = leaves.last().map_or(0, |leaf| leaf.index);
                    // Not before this node has applied them itself: what no longer waits is not supposed on top of the state, and whoever
                    // was told that a version is sealed publishes the next one here. They are proposed again, and the ledger says that it
                    // has them.
                    if !self.core.wait_applied(last, PROPOSAL).await {
                        debug!(feed = ?self.writer.id(), last, "the ledger took a batch that this node has not received");
                        continue;
                    }
                    let mut gap = false;
                    for (outbox, leaf) in (first..).zip(leaves) {
                        gap |= self.settle(
                            outbox,
                            Decided { ledger_index: leaf.index, code: leaf.code(), detail: leaf.detail },
                        );
                    }
                    // The ledger expects an earlier number than the batch began with: its cursor moved on elsewhere.
                    if gap {
                        self.resync();
                    }
                    pause = FIRST_PAUSE;
                    continue;
                }
                Ok(leaves) => {
                    warn!(feed = ?self.writer.id(), expected = count, found = leaves.len(), "a batch made another number of leaves");
                }
                Err(error @ ProposeError::Refused { .. }) => {
                    warn!(feed = ?self.writer.id(), %error, "a batch was refused; trying again");
                }
                Err(error) => debug!(feed = ?self.writer.id(), %error, "a batch was not ordered; trying again"),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            self.resync();
        }
    }

    /// Takes what one leaf says; returns whether the outbox and the ledger disagree on where to go on.
    fn settle(&self, outbox: u64, decided: Decided) -> bool {
        match decided.code {
            // An old epoch's command is not decided: its home offers it again. So it does with one of a feed that is contained.
            Code::Gap | Code::OldEpoch | Code::FeedContained => return true,
            // Proposed before under the same number: the first outcome stands, and the ledger has it.
            Code::Duplicate => {
                let position = Position { feed: self.writer.id().clone(), seq: 0, outbox };
                match self.core.decided(&position) {
                    // A refusal has its verdict in the feed, however late this node learns of it.
                    Ok(Some(Ok(decided))) => return self.settle(outbox, decided),
                    Ok(Some(refused)) => self.writer.resolve(outbox, refused),
                    Ok(None) => return true,
                    // It is decided, and this node can't say how: nobody is told anything.
                    Err(error) => {
                        warn!(%error, "the outcome of a sealed command cannot be read");
                        return true;
                    }
                }
            }
            Code::Accepted | Code::AlreadySo => self.writer.resolve(outbox, Ok(decided)),
            _ => {
                let leaf = self.core.leaf(decided.ledger_index);
                if let Err(error) = leaf.and_then(|leaf| self.writer.append_verdict(outbox, &leaf)) {
                    warn!(%error, "a verdict was not appended");
                }
                self.writer.resolve(outbox, Ok(decided));
            }
        }
        false
    }

    /// Asks the applied ledger what it knows of what waits here.
    fn resync(&self) {
        let feed = self.writer.id();
        let Ok(Some(cursor)) = read::feed_cursor(&self.core.state, &feed.domain) else { return };
        if cursor.epoch != feed.epoch {
            // What waits is offered to the domain's home; nobody who waits for it is told anything before that.
            self.writer.close();
            return;
        }
        for outbox in self.writer.waiting_up_to(cursor.last_outbox) {
            let position = Position { feed: feed.clone(), seq: 0, outbox };
            match self.core.decided(&position) {
                Ok(Some(Ok(decided))) => {
                    self.settle(outbox, decided);
                }
                Ok(Some(refused)) => self.writer.resolve(outbox, refused),
                Ok(None) => {}
                Err(error) => warn!(%error, "the outcome of a sealed command cannot be read"),
            }
        }
    }
}

/// What a leaf says.
pub fn decided_by(leaf: LedgerLeaf) -> Decided {
    Decided { ledger_index: leaf.index, code: leaf.outcome.code, detail: leaf.outcome.detail }
}
