//! The way into the ledger, from any node.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mesh_event::ledger::EntryBody;
use mesh_model::limits;
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::propose_error::ProposeError;
use crate::sealed::SealedLeaf;
use crate::ticket::Ticket;
use crate::waiting::{Answer, Waiting};

/// Largest entry, in bytes: a full feed batch with its head and framing.
pub const ENTRY_BYTES: usize = limits::FEED_BATCH_BYTES + limits::ENVELOPE_BYTES + 64 * 1024;
/// Bytes that may be on their way, in units of 1 KiB.
const ROOM_KIB: usize = 64 * 1024;

/// Proposes entries. Clones share one bounded queue; the task behind it batches what waits, and either hands it to Raft or passes it to
/// the leader.
#[derive(Clone)]
pub struct Proposer {
    queue: mpsc::UnboundedSender<Waiting>,
    places: Arc<Semaphore>,
    room: Arc<Semaphore>,
}

impl Proposer {
    /// A proposer and the end of its queue. `places`: entries that may wait or be unanswered.
    pub(crate) fn new(places: usize) -> (Self, mpsc::UnboundedReceiver<Waiting>) {
        // Unbounded as a channel: the permits bound it.
        let (queue, waiting) = mpsc::unbounded_channel();
        let places = Arc::new(Semaphore::new(places));
        (Self { queue, places, room: Arc::new(Semaphore::new(ROOM_KIB)) }, waiting)
    }

    /// For putting things back; doesn't keep the queue open.
    pub(crate) fn downgrade(&self) -> mpsc::WeakUnboundedSender<Waiting> {
        self.queue.downgrade()
    }

    /// Proposes an entry and returns its leaves, one for each command in it, once they are applied here (on the leader) or there (from
    /// another node). While there is no leader or no quorum it waits, at most `within`.
    ///
    /// # Errors
    /// [`ProposeError`]: all but [`ProposeError::OutcomeUnknown`] mean that nothing happened. Dropping the future gives the proposal
    /// up if it was not handed on yet.
    pub async fn propose(&self, body: EntryBody, within: Duration) -> Result<Vec<SealedLeaf>, ProposeError> {
        self.enqueue(body, within, false)?.answer().await
    }

    /// Takes a place in the queue.
    pub(crate) fn enqueue(&self, body: EntryBody, within: Duration, forwarded: bool) -> Result<Pending, ProposeError> {
        let bytes = size(&body);
        if bytes > ENTRY_BYTES {
            return Err(ProposeError::TooLarge { max: ENTRY_BYTES, found: bytes });
        }
        let full = |_| ProposeError::QueueFull;
        let kib = u32::try_from(bytes.div_ceil(1024)).expect("checked against the limit");
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(full)?;
        let room = Arc::clone(&self.room).try_acquire_many_owned(kib).map_err(full)?;
        let ticket = Arc::new(Ticket::default());
        let deadline = Instant::now() + within;
        let (answer, answered) = oneshot::channel();
        let waiting =
            Waiting { body, bytes, deadline, ticket: Arc::clone(&ticket), forwarded, answer, _place: (place, room) };
        self.queue.send(waiting).map_err(|_| ProposeError::unavailable("the node is stopping"))?;
        Ok(Pending { ticket, deadline, answered })
    }
}

/// A proposal in the queue. Dropped, it is given up if it was not handed on yet.
pub(crate) struct Pending {
    ticket: Arc<Ticket>,
    deadline: Instant,
    answered: oneshot::Receiver<Answer>,
}

impl Pending {
    pub(crate) async fn answer(mut self) -> Answer {
        let answer = tokio::time::timeout_at(self.deadline.into(), &mut self.answered).await;
        match answer {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) if self.ticket.abandon() => Err(ProposeError::unavailable("the node is stopping")),
            Ok(Err(_)) => Err(ProposeError::unknown("the node stopped")),
            Err(_) if self.ticket.abandon() => Err(ProposeError::unavailable("there was no leader in time")),
            // The answer may have come in this moment.
            Err(_) => {
                self.answered.try_recv().unwrap_or_else(|_| Err(ProposeError::unknown("no quorum answered in time")))
            }
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.ticket.abandon();
    }
}

/// About the encoded size.
fn size(body: &EntryBody) -> usize {
    const FRAMING: usize = 8;
    match body {
        EntryBody::Envelope(bytes) => bytes.len() + FRAMING,
        EntryBody::Feed(batch) => batch.head_note.len() + batch.events.iter().map(|e| e.len() + FRAMING).sum::<usize>(),
    }
}
