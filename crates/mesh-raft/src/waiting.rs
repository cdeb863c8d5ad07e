//! A proposal on its way.

use std::sync::Arc;
use std::time::Instant;

use mesh_event::ledger::EntryBody;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::propose_error::ProposeError;
use crate::sealed::SealedLeaf;
use crate::ticket::Ticket;

/// What a caller gets.
pub(crate) type Answer = Result<Vec<SealedLeaf>, ProposeError>;

/// A proposal, its caller, and its place in the bounded queue, which it holds until it is answered.
pub(crate) struct Waiting {
    pub(crate) body: EntryBody,
    pub(crate) bytes: usize,
    pub(crate) deadline: Instant,
    pub(crate) ticket: Arc<Ticket>,
    /// Came from another node, which took this one for the leader: don't pass it on again.
    pub(crate) forwarded: bool,
    pub(crate) answer: oneshot::Sender<Answer>,
    pub(crate) _place: (OwnedSemaphorePermit, OwnedSemaphorePermit),
}

impl Waiting {
    /// Answers. A caller who is gone doesn't mind.
    pub(crate) fn answer(self, answer: Answer) {
        drop(self.answer.send(answer));
    }

    /// Whether somebody still waits.
    pub(crate) fn is_wanted(&self) -> bool {
        !self.ticket.is_abandoned() && !self.answer.is_closed()
    }
}
