//! The other voters' clocks, as far as a leader has to know them: how late a stamp may be that a quorum takes.
//!
//! An entry that too few take is worse than a wrong stamp: it stays at the end of the leader's log, the others can't get past it, and where
//! those who could be elected instead lack committed entries, the mesh stands still until their clocks have caught up. So a leader asks
//! the voters for their time before its first stamp in a term, and whenever its clock jumped since; from then on it counts with its
//! monotonic clock. While its clock is ahead of a quorum's, it stamps with theirs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use mesh_model::{NodeId, UnixMs, limits};

/// How far beyond another voter's clock a stamp goes at most: what the way and a drift take is left of [`limits::STAMP_AHEAD_MS`].
const AHEAD_MS: u64 = limits::STAMP_AHEAD_MS / 2;
/// How far clock and monotonic clock may come apart before the voters are asked again, in milliseconds.
const DRIFT_MS: u64 = 1_000;
/// How long a check counts while this node's clock is ahead: either may be set at any time.
const AGAIN: Duration = Duration::from_secs(5);

/// How late a stamp may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Latest {
    /// Nobody else has to take it.
    Any,
    /// This late.
    At(UnixMs),
    /// Too few voters said their time.
    Unknown,
}

/// The latest stamp that a quorum of each set of voters takes for certain, of which `me` is one that takes all of its own. `shown`: what the
/// others' clocks show now.
pub(crate) fn latest_taken(sets: &[BTreeSet<NodeId>], me: NodeId, shown: &BTreeMap<NodeId, UnixMs>) -> Latest {
    let mut latest = Latest::Any;
    for voters in sets {
        let needed = voters.len() / 2 + usize::from(!voters.contains(&me));
        let Some(last) = needed.checked_sub(1) else { continue };
        let others = voters.iter().filter(|id| **id != me);
        let mut shown: Vec<UnixMs> = others.filter_map(|id| shown.get(id).copied()).collect();
        shown.sort_unstable_by(|a, b| b.cmp(a));
        let Some(shown) = shown.get(last) else { return Latest::Unknown };
        let of_set = shown.saturating_add(AHEAD_MS);
        latest = match latest {
            Latest::At(before) if before <= of_set => latest,
            _ => Latest::At(of_set),
        };
    }
    latest
}

/// Whether so many others take what this voter's clock shows that they are a quorum with it.
pub(crate) fn is_taken(sets: &[BTreeSet<NodeId>], of: NodeId, shown: &BTreeMap<NodeId, UnixMs>) -> bool {
    let Some(own) = shown.get(&of) else { return false };
    let takes =
        |id: &&NodeId| shown.get(id).is_some_and(|theirs| theirs.saturating_add(limits::STAMP_AHEAD_MS) >= *own);
    sets.iter().all(|voters| {
        let needed = voters.len() / 2 + usize::from(!voters.contains(&of));
        voters.iter().filter(|id| **id != of).filter(takes).count() >= needed
    })
}

/// What a leader found when it compared its clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Check {
    /// The term in which it did.
    pub(crate) term: u64,
    /// When.
    pub(crate) at: Instant,
    /// What its clock showed.
    pub(crate) own: UnixMs,
    /// The latest stamp that a quorum took then; `None` where nobody else has to.
    pub(crate) latest: Option<UnixMs>,
}

impl Check {
    fn later(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.at).as_millis()).unwrap_or(u64::MAX)
    }

    /// The time to stamp with, where the clock now shows `own`; `None` when the voters have to be asked again.
    pub(crate) fn stamp(&self, term: u64, own: UnixMs, now: Instant) -> Option<UnixMs> {
        let later = self.later(now);
        if term != self.term || own.abs_diff(self.own.saturating_add(later)) > DRIFT_MS {
            return None;
        }
        let latest = self.latest.map(|latest| latest.saturating_add(later)).filter(|latest| *latest < own);
        match latest {
            None => Some(own),
            Some(latest) => (now.saturating_duration_since(self.at) < AGAIN).then_some(latest),
        }
    }

    /// By how much the clock was ahead of what a quorum takes.
    pub(crate) fn ahead_ms(&self) -> Option<u64> {
        self.latest.and_then(|latest| self.own.checked_sub(latest)).filter(|ahead| *ahead > 0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn latest(sets: &[&[NodeId]], shown: &[(NodeId, UnixMs)]) -> Latest {
        let sets: Vec<BTreeSet<NodeId>> = sets.iter().map(|set| set.iter().copied().collect()).collect();
        latest_taken(&sets, 1, &shown.iter().copied().collect())
    }

    #[test]
    fn so_many_others_take_it_that_they_are_a_quorum_with_the_leader() {
        // One of two others is enough: the later clock counts.
        assert_eq!(latest(&[&[1, 2, 3]], &[(2, 1_000), (3, 5_000)]), Latest::At(5_000 + AHEAD_MS));
        assert_eq!(latest(&[&[1, 2, 3]], &[(2, 1_000)]), Latest::At(1_000 + AHEAD_MS));
        // Two of four.
        assert_eq!(latest(&[&[1, 2, 3, 4, 5]], &[(2, 1_000), (3, 9_000), (4, 5_000)]), Latest::At(5_000 + AHEAD_MS));
        assert_eq!(latest(&[&[1, 2, 3, 4, 5]], &[(2, 1_000)]), Latest::Unknown);
        assert_eq!(latest(&[&[1]], &[(2, 1_000)]), Latest::Any);
        // A leader that is on its way out needs a whole majority of the others.
        assert_eq!(latest(&[&[2, 3, 4]], &[(2, 1_000), (3, 5_000), (4, 3_000)]), Latest::At(3_000 + AHEAD_MS));
        // While the votes move, both sets have to take it.
        assert_eq!(latest(&[&[1, 2], &[1, 2, 3]], &[(2, 1_000), (3, 5_000)]), Latest::At(1_000 + AHEAD_MS));
    }

    #[test]
    fn a_clock_that_is_ahead_alone_is_taken_by_nobody() {
        let sets = [BTreeSet::from([1, 2, 3])];
        let shown = |hours: [u64; 3]| {
            BTreeMap::from([1, 2, 3].map(|id| (id, hours[usize::try_from(id).unwrap() - 1] * 3_600_000)))
        };
        assert!(is_taken(&sets, 1, &shown([5, 5, 4])));
        assert!(!is_taken(&sets, 1, &shown([5, 4, 4])));
        assert!(is_taken(&sets, 2, &shown([5, 4, 4])), "one that is behind is");
        assert!(!is_taken(&sets, 1, &BTreeMap::from([(2, 0), (3, 0)])));
    }

    #[test]
    fn a_check_holds_while_the_term_and_a_steady_clock_last() {
        let at = Instant::now();
        let (right, later) = (Check { term: 3, at, own: 50_000, latest: Some(60_000) }, at + Duration::from_hours(1));
        assert_eq!(right.stamp(3, 3_650_300, later), Some(3_650_300));
        assert_eq!(right.stamp(4, 3_650_300, later), None, "another term");
        assert_eq!(right.stamp(3, 3_652_000, later), None, "a jump");
        assert_eq!(right.ahead_ms(), None);
        let ahead = Check { term: 3, at, own: 90_000, latest: Some(60_000) };
        assert_eq!(ahead.ahead_ms(), Some(30_000));
        assert_eq!(ahead.stamp(3, 91_000, at + Duration::from_secs(1)), Some(61_000));
        assert_eq!(ahead.stamp(3, 96_000, at + Duration::from_secs(6)), None, "the others are asked again");
        let alone = Check { term: 3, at, own: 90_000, latest: None };
        assert_eq!(alone.stamp(3, 90_000, at), Some(90_000));
    }
}
