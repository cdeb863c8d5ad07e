//! What reads ask of checkpoints, without waiting for anybody.

use std::time::{Duration, Instant};

/// The newest checkpoint in brief.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Brief {
    /// How many leaves the newest checkpoint covers.
    pub size: u64,
    /// When a majority had cosigned it, in seconds since 1970; `None` before the first.
    pub time_unix_s: Option<u64>,
    /// When one was the newest for certain that this one is, or follows: this node's own round for it began then, or whoever the ledger
    /// comes from was asked then and counted from one that did. `None` before the first in this process.
    pub heard: Option<Instant>,
    /// How many leaves the largest checkpoint covers that counts, by those who vote as far as the own ledger goes, and is beyond it; 0
    /// while there is none.
    pub ahead: u64,
    /// Whether a fork stands.
    pub is_forked: bool,
    /// Whether a majority signed what contradicts the own ledger: a fork that stands, or one whose proof waits for a checkpoint.
    pub is_contradicted: bool,
}

impl Brief {
    /// Takes in the newest checkpoint's size and time, whoever told of it: what told it may have been away for long.
    pub(super) fn newest(&mut self, newest: Option<(u64, u64)>) {
        self.size = newest.map_or(0, |(size, _)| size);
        self.time_unix_s = newest.map(|(_, time)| time);
        self.heard = self.heard.filter(|_| newest.is_some());
    }

    /// Takes in when the newest checkpoint was the newest for certain. A sign that is older than another says nothing.
    pub(super) fn heard(&mut self, at: Instant) {
        self.heard = self.heard.max(Some(at));
    }

    /// Takes in that a checkpoint of this size was the newest for certain at that moment. One that is not here yet says nothing about what is.
    pub(super) fn was_newest(&mut self, size: u64, at: Instant) {
        if (1..=self.size).contains(&size) {
            self.heard(at);
        }
    }

    /// How old what this node shows may be: its clock minus the time that a majority had reached when they cosigned the newest
    /// checkpoint, and never less than the time since one was certainly the newest: a slow clock must not make a node that is cut
    /// off look current. `None` before that was so in this process: for how long it was away only its clock could tell, and nothing has
    /// shown yet that the clock is right.
    pub fn age(&self, now_unix_ms: u64, now: Instant) -> Option<Duration> {
        let silence = now.saturating_duration_since(self.heard?);
        let cosigned = self.time_unix_s?.saturating_mul(1000);
        Some(Duration::from_millis(now_unix_ms.saturating_sub(cosigned)).max(silence))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: u64 = 3_600_000;
    const COSIGNED_S: u64 = 1_000_000;

    #[test]
    fn a_slow_clock_does_not_make_a_node_that_hears_nothing_look_current() {
        let begin = Instant::now();
        let mut brief = Brief::default();
        assert_eq!(brief.age(COSIGNED_S * 1000, begin), None);
        brief.newest(Some((5, COSIGNED_S)));
        brief.heard(begin);
        let later = begin + Duration::from_secs(70);
        assert_eq!(brief.age(COSIGNED_S * 1000 - HOUR_MS, later), Some(Duration::from_secs(70)));
        // One that follows it, of whose way nobody knows anything, is no older, and may be as old.
        brief.newest(Some((6, COSIGNED_S + 10)));
        assert_eq!(brief.age(COSIGNED_S * 1000 - HOUR_MS, later), Some(Duration::from_secs(70)));
        brief.heard(later);
        brief.heard(begin);
        assert_eq!(brief.age(COSIGNED_S * 1000 - HOUR_MS, later), Some(Duration::ZERO));
    }

    #[test]
    fn what_the_newest_covers_counts_for_a_node_that_has_as_much() {
        let begin = Instant::now();
        let mut brief = Brief::default();
        brief.was_newest(0, begin);
        brief.newest(Some((5, COSIGNED_S)));
        brief.was_newest(6, begin);
        assert_eq!(brief.age(COSIGNED_S * 1000, begin), None, "others have more");
        brief.was_newest(4, begin);
        brief.newest(Some((6, COSIGNED_S)));
        brief.was_newest(6, begin + Duration::from_secs(3));
        assert_eq!(brief.age(COSIGNED_S * 1000, begin + Duration::from_secs(5)), Some(Duration::from_secs(2)));
    }

    #[test]
    fn a_checkpoint_from_the_disk_or_from_who_was_away_has_no_age() {
        let begin = Instant::now();
        let mut brief = Brief::default();
        brief.newest(Some((5, COSIGNED_S)));
        assert_eq!((brief.size, brief.age(COSIGNED_S * 1000 + HOUR_MS, begin)), (5, None));
        brief.newest(Some((6, COSIGNED_S + 10)));
        assert_eq!(brief.age(COSIGNED_S * 1000 + HOUR_MS, begin), None);
        brief.heard(begin);
        assert_eq!(brief.age(COSIGNED_S * 1000, begin), Some(Duration::ZERO));
    }

    #[test]
    fn a_checkpoint_that_was_long_under_way_is_as_old_as_the_clock_says() {
        let begin = Instant::now();
        let mut brief = Brief::default();
        brief.newest(Some((5, COSIGNED_S)));
        brief.heard(begin);
        let age = brief.age(COSIGNED_S * 1000 + HOUR_MS, begin + Duration::from_secs(1));
        assert_eq!(age, Some(Duration::from_millis(HOUR_MS)));
    }
}
