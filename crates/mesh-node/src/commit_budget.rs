//! When the search index may be committed: its share of the machine, which may be saved up.
//!
//! A commit costs files and merges, however little is in it. So indexing gets a share of the time, and lags under load instead of
//! competing with the ledger for more. What it did not use is saved, up to a bound: one slow commit after a rest keeps nobody waiting.

use std::time::{Duration, Instant};

/// A commit costs this many times its own length.
const COST: u32 = 10;
/// Rest that is saved up at most.
const SAVED: Duration = Duration::from_secs(20);
/// Longest rest after a commit: what is published shall be found within two seconds, whatever one commit took.
const LONGEST_REST: Duration = Duration::from_millis(800);

/// Decides when the next commit is due.
#[derive(Debug)]
pub(crate) struct CommitBudget {
    /// Least time from one commit's end to the next one's begin.
    least: Duration,
    /// When the last one ended.
    ended: Instant,
    /// The time that is paid for: while it lies behind, there is something saved.
    paid_until: Instant,
}

impl CommitBudget {
    /// Nothing spent yet.
    pub(crate) fn new(least: Duration, now: Instant) -> Self {
        Self { least, ended: now, paid_until: now.checked_sub(SAVED).unwrap_or(now) }
    }

    /// From when on the next commit may begin.
    pub(crate) fn due(&self) -> Instant {
        self.paid_until.max(self.ended + self.least)
    }

    /// A commit that began then ended now.
    pub(crate) fn spend(&mut self, began: Instant, now: Instant) {
        let saved_since = now.checked_sub(SAVED).unwrap_or(self.paid_until);
        let cost = now.saturating_duration_since(began).saturating_mul(COST);
        self.paid_until = (self.paid_until.max(saved_since) + cost).min(now + LONGEST_REST);
        self.ended = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: Duration = Duration::from_millis(100);

    fn ms(length: u64) -> Duration {
        Duration::from_millis(length)
    }

    /// An instant that has enough before it.
    fn begin() -> Instant {
        Instant::now() + Duration::from_hours(1)
    }

    #[test]
    fn a_slow_commit_after_a_rest_keeps_nobody_waiting() {
        let begin = begin();
        let mut budget = CommitBudget::new(LEAST, begin);
        let end = begin + ms(700);
        budget.spend(begin, end);
        assert_eq!(budget.due(), end + LEAST);
    }

    #[test]
    fn under_load_commits_take_their_share_and_no_more() {
        let begin = begin();
        let mut budget = CommitBudget::new(LEAST, begin);
        let (mut now, mut spent) = (begin, Duration::ZERO);
        while now < begin + Duration::from_mins(10) {
            now = now.max(budget.due());
            budget.spend(now, now + ms(40));
            (now, spent) = (now + ms(40), spent + ms(40));
        }
        assert!(spent <= (Duration::from_mins(10) + SAVED) / COST + ms(40), "{spent:?}");
        assert!(spent + ms(40) >= Duration::from_mins(10) / COST, "{spent:?}");
    }

    #[test]
    fn no_rest_is_longer_than_the_longest() {
        let begin = begin();
        let mut budget = CommitBudget::new(LEAST, begin);
        let mut now = begin;
        for _ in 0..20 {
            budget.spend(now, now + Duration::from_secs(3));
            now += Duration::from_secs(3);
            assert!(budget.due() <= now + LONGEST_REST);
            now = budget.due();
        }
        assert_eq!(budget.due(), now);
    }

    #[test]
    fn what_is_saved_has_a_bound() {
        let begin = begin();
        let mut budget = CommitBudget::new(LEAST, begin);
        let later = begin + Duration::from_hours(1);
        let cost = SAVED / COST;
        budget.spend(later, later + cost);
        assert_eq!(budget.due(), later + cost + LEAST);
        let next = budget.due();
        budget.spend(next, next + ms(100));
        assert!(budget.due() > next + ms(100) + LEAST);
    }
}
