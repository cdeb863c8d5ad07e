//! Which voter an observer passes its entries to.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mesh_model::NodeId;

/// What an observer, whom no leader greets, thinks of who leads: what the last voter said that it asked, or the next one to ask.
#[derive(Debug, Clone, Default)]
pub(crate) struct Guess(Arc<Mutex<Guessed>>);

#[derive(Debug, Default)]
struct Guessed {
    /// Who took entries last, or was named by a voter.
    leader: Option<NodeId>,
    /// How many voters were asked in vain since.
    asked: usize,
}

impl Guess {
    fn guessed(&self) -> MutexGuard<'_, Guessed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who leads, if somebody said so.
    pub(crate) fn leader(&self) -> Option<NodeId> {
        self.guessed().leader
    }

    /// Whom of these voters to ask.
    pub(crate) fn whom(&self, voters: &[NodeId]) -> Option<NodeId> {
        let guessed = self.guessed();
        let named = guessed.leader.filter(|leader| voters.contains(leader));
        named.or_else(|| voters.get(guessed.asked.checked_rem(voters.len())?).copied())
    }

    /// This one took entries.
    pub(crate) fn took(&self, leader: NodeId) {
        *self.guessed() = Guessed { leader: Some(leader), asked: 0 };
    }

    /// This one did not; it may know who would.
    pub(crate) fn refused(&self, by: NodeId, hint: Option<NodeId>) {
        let mut guessed = self.guessed();
        let hint = hint.filter(|hint| *hint != by);
        guessed.leader = hint;
        if hint.is_none() {
            guessed.asked += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn voters_are_asked_in_turn_until_one_takes_or_names_the_leader() {
        let (guess, voters) = (Guess::default(), [1, 2, 3]);
        assert_eq!(guess.whom(&[]), None);
        assert_eq!(guess.whom(&voters), Some(1));
        guess.refused(1, None);
        assert_eq!(guess.whom(&voters), Some(2));
        guess.refused(2, Some(3));
        assert_eq!((guess.whom(&voters), guess.leader()), (Some(3), Some(3)));
        guess.took(3);
        // A hint of somebody who votes no longer is none, and nobody is their own hint.
        assert_eq!(guess.whom(&[1, 2]), Some(1));
        guess.refused(3, Some(3));
        assert_eq!(guess.whom(&voters), Some(2));
    }
}
