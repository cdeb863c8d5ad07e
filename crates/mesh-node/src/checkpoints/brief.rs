//! What reads ask of checkpoints, without waiting for anybody.

use std::time::{Duration, Instant};

/// The newest checkpoint in brief.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Brief {
    /// How many leaves the newest checkpoint covers.
    pub size: u64,
    /// When a majority had cosigned it, in seconds since 1970; `None` before the first.
    pub time_unix_s: Option<u64>,
    /// When this process heard of it; `None` before the first, and for one that it had kept on disk.
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
    /// Takes in the newest checkpoint's size and time that were kept on disk: nobody knows for how long the process was away.
    pub(super) fn kept(&mut self, newest: Option<(u64, u64)>) {
        self.size = newest.map_or(0, |(size, _)| size);
        self.time_unix_s = newest.map(|(_, time)| time);
    }

    /// Takes in the newest checkpoint's size and time; one that is known stays as old as it is.
    pub(super) fn heard(&mut self, newest: Option<(u64, u64)>, now: Instant) {
        let (size, time_unix_s) = newest.map_or((0, None), |(size, time)| (size, Some(time)));
        if (size, time_unix_s) > (self.size, self.time_unix_s) {
            self.heard = Some(now);
        }
        (self.size, self.time_unix_s) = (size, time_unix_s);
    }

    /// How old what this node shows may be: its clock minus the time that a majority had reached when they cosigned the newest
    /// checkpoint, and never less than the time for which it heard of no other: a slow clock must not make a node that is cut
    /// off look current. `None` before this process heard of one: for how long it was away only its clock could tell, and nothing
    /// has shown yet that the clock is right. A peer that was away as well may still show it an old one as news; the next one puts that right.
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
        brief.heard(Some((5, COSIGNED_S)), begin);
        let later = begin + Duration::from_secs(70);
        assert_eq!(brief.age(COSIGNED_S * 1000 - HOUR_MS, later), Some(Duration::from_secs(70)));
        // Told again, it is no younger.
        brief.heard(Some((5, COSIGNED_S)), later);
        assert_eq!(brief.age(COSIGNED_S * 1000 - HOUR_MS, later), Some(Duration::from_secs(70)));
        brief.heard(Some((5, COSIGNED_S + 70)), later);
        assert_eq!(brief.age(COSIGNED_S * 1000 - HOUR_MS, later), Some(Duration::ZERO));
    }

    #[test]
    fn a_checkpoint_from_the_disk_has_no_age_until_a_newer_one_is_heard() {
        let begin = Instant::now();
        let mut brief = Brief::default();
        brief.kept(Some((5, COSIGNED_S)));
        assert_eq!((brief.size, brief.age(COSIGNED_S * 1000 + HOUR_MS, begin)), (5, None));
        // Whoever repeats it may have been away, too.
        brief.heard(Some((5, COSIGNED_S)), begin);
        assert_eq!(brief.age(COSIGNED_S * 1000 + HOUR_MS, begin), None);
        brief.heard(Some((5, COSIGNED_S + 10)), begin);
        assert_eq!(brief.age(COSIGNED_S * 1000, begin), Some(Duration::ZERO));
    }

    #[test]
    fn a_checkpoint_that_was_long_under_way_is_as_old_as_the_clock_says() {
        let begin = Instant::now();
        let mut brief = Brief::default();
        brief.heard(Some((5, COSIGNED_S)), begin);
        let age = brief.age(COSIGNED_S * 1000 + HOUR_MS, begin + Duration::from_secs(1));
        assert_eq!(age, Some(Duration::from_millis(HOUR_MS)));
    }
}
