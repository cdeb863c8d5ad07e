//! The other voters' clocks, as far as a leader has to know them: how late a stamp may be that a quorum takes.
//!
//! A voter says its time whenever it is greeted; from then on the leader counts with its own monotonic clock. An entry that too few take is
//! worse than a wrong stamp: it stays at the end of the leader's log, the others can't get past it, and where those who could be elected
//! instead lack committed entries, the mesh stands still until their clocks have caught up. So a leader whose clock is ahead asks the
//! others, and stamps with their time.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use mesh_model::{NodeId, UnixMs, limits};

/// How far beyond another voter's clock a stamp goes at most: what the way and a drift take is left of [`limits::STAMP_AHEAD_MS`].
const AHEAD_MS: u64 = limits::STAMP_AHEAD_MS / 2;

/// What a voter's clock showed, and when that was heard here. It was a little earlier there: the estimate is never ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) shown: UnixMs,
    pub(crate) heard: Instant,
}

impl Reading {
    /// What it shows now.
    fn at(self, now: Instant) -> UnixMs {
        let since: Duration = now.saturating_duration_since(self.heard);
        self.shown.saturating_add(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

/// The latest stamp that a quorum of each set of voters takes for certain, of which `me` is one that takes all of its own. `None` where
/// nobody else is needed, or too few were ever heard.
pub(crate) fn latest_taken(
    sets: &[BTreeSet<NodeId>],
    me: NodeId,
    reading: impl Fn(NodeId) -> Option<Reading>,
    now: Instant,
) -> Option<UnixMs> {
    let of_set = |voters: &BTreeSet<NodeId>| {
        let needed = voters.len() / 2 + usize::from(!voters.contains(&me));
        let others = voters.iter().filter(|id| **id != me);
        let mut shown: Vec<UnixMs> = others.filter_map(|id| Some(reading(*id)?.at(now))).collect();
        shown.sort_unstable_by(|a, b| b.cmp(a));
        needed.checked_sub(1).and_then(|last| shown.get(last).copied())
    };
    sets.iter().filter_map(of_set).min().map(|shown| shown.saturating_add(AHEAD_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latest(sets: &[&[NodeId]], shown: &[(NodeId, UnixMs)], later: Duration) -> Option<UnixMs> {
        let heard = Instant::now();
        let sets: Vec<BTreeSet<NodeId>> = sets.iter().map(|set| set.iter().copied().collect()).collect();
        let reading = |id| shown.iter().find(|(of, _)| *of == id).map(|(_, shown)| Reading { shown: *shown, heard });
        latest_taken(&sets, 1, reading, heard + later)
    }

    #[test]
    fn so_many_others_take_it_that_they_are_a_quorum_with_the_leader() {
        let taken = |set: &[NodeId], shown: &[(NodeId, UnixMs)]| latest(&[set], shown, Duration::ZERO);
        // One of two others is enough: the later clock counts.
        assert_eq!(taken(&[1, 2, 3], &[(2, 1_000), (3, 5_000)]), Some(5_000 + AHEAD_MS));
        assert_eq!(taken(&[1, 2, 3], &[(2, 1_000)]), Some(1_000 + AHEAD_MS));
        // Two of four.
        assert_eq!(taken(&[1, 2, 3, 4, 5], &[(2, 1_000), (3, 9_000), (4, 5_000)]), Some(5_000 + AHEAD_MS));
        // Too few were heard, or nobody is needed.
        assert_eq!(taken(&[1, 2, 3, 4, 5], &[(2, 1_000)]), None);
        assert_eq!(taken(&[1], &[(2, 1_000)]), None);
        // A leader that is on its way out needs a whole majority of the others.
        assert_eq!(taken(&[2, 3, 4], &[(2, 1_000), (3, 5_000), (4, 3_000)]), Some(3_000 + AHEAD_MS));
    }

    #[test]
    fn while_the_votes_move_both_sets_have_to_take_it_and_time_goes_on() {
        let shown = [(2, 1_000), (3, 5_000)];
        assert_eq!(latest(&[&[1, 2], &[1, 2, 3]], &shown, Duration::from_millis(7)), Some(1_007 + AHEAD_MS));
    }
}
