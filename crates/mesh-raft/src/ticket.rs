//! Whether a proposal may have happened.

use std::sync::atomic::{AtomicU8, Ordering};

const WAITING: u8 = 0;
const HANDED: u8 = 1;
const ABANDONED: u8 = 2;

/// Shared by the caller, who may give up at any moment, and by the task that hands proposals on. Exactly one of them wins: what was
/// given up before it was handed on never happens, and everything else may.
#[derive(Debug, Default)]
pub(crate) struct Ticket(AtomicU8);

impl Ticket {
    /// Right before the proposal is handed to Raft or to the leader. False: its caller has given up, drop it.
    pub(crate) fn hand_over(&self) -> bool {
        self.change(WAITING, HANDED)
    }

    /// It certainly didn't happen: it may be handed over again.
    pub(crate) fn give_back(&self) {
        self.change(HANDED, WAITING);
    }

    /// The caller gives up. True: nothing happened.
    pub(crate) fn abandon(&self) -> bool {
        self.change(WAITING, ABANDONED) || self.is_abandoned()
    }

    pub(crate) fn is_abandoned(&self) -> bool {
        self.0.load(Ordering::SeqCst) == ABANDONED
    }

    fn change(&self, from: u8, to: u8) -> bool {
        self.0.compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_up_is_never_handed_over_and_what_was_handed_over_may_have_happened() {
        let ticket = Ticket::default();
        assert!(ticket.hand_over());
        assert!(!ticket.abandon(), "it may have happened");
        ticket.give_back();
        assert!(ticket.abandon(), "it certainly did not");
        assert!(!ticket.hand_over());
    }
}
