//! How well this node itself is: one that gets no processor time must not accuse others of being slow (Lifeguard's local health).

use core::time::Duration;

/// A score of this node's own slowness. Everything that may accuse others waits (1 + score) times as long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Health {
    score: u32,
    worst: u32,
    /// How late a timer may be on a healthy node.
    tolerance: Duration,
    punctual: u32,
    worsened: Option<Duration>,
}

/// Timers that have to be punctual, in a row, for the score to fall by one.
const RECOVERY: u32 = 5;

impl Health {
    pub(crate) fn new(worst: u32, tolerance: Duration) -> Self {
        Self { score: 0, worst, tolerance, punctual: 0, worsened: None }
    }

    /// 0 for a healthy node.
    pub(crate) fn score(&self) -> u32 {
        self.score
    }

    /// Takes how late a timer ran; returns whether that is too late to judge others by: answers may lie unread.
    pub(crate) fn timer_ran(&mut self, now: Duration, late: Duration) -> bool {
        // The slower it is known to be, the less a late timer says: else a node that is always slow would never judge.
        let is_late = late > self.stretch(self.tolerance);
        if late > self.tolerance {
            self.worsen(now);
        } else {
            self.punctual += 1;
            if self.punctual >= RECOVERY {
                self.punctual = 0;
                self.score = self.score.saturating_sub(1);
            }
        }
        is_late
    }

    /// Something says that this node is slow: a late timer, or others suspect it. One pause makes many timers late and counts once.
    pub(crate) fn worsen(&mut self, now: Duration) {
        self.punctual = 0;
        if self.worsened.is_some_and(|at| now.saturating_sub(at) < self.tolerance) {
            return;
        }
        self.worsened = Some(now);
        self.score = (self.score + 1).min(self.worst);
    }

    /// A wait that may end in an accusation.
    pub(crate) fn stretch(&self, wait: Duration) -> Duration {
        wait * (1 + self.score)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLERANCE: Duration = Duration::from_millis(100);

    fn at(second: u64) -> Duration {
        Duration::from_secs(second)
    }

    #[test]
    fn late_timers_stretch_waits_and_punctual_ones_bring_them_back() {
        let mut health = Health::new(3, TOLERANCE);
        assert!(health.timer_ran(at(1), Duration::from_secs(1)));
        assert_eq!(health.stretch(Duration::from_secs(1)), Duration::from_secs(2));
        // The other timers of the same pause.
        health.timer_ran(at(1), Duration::from_secs(1));
        assert_eq!(health.score(), 1);
        for second in 2..8 {
            health.timer_ran(at(second), Duration::from_secs(9));
        }
        assert_eq!(health.score(), 3);
        for second in 10..25 {
            assert!(!health.timer_ran(at(second), Duration::ZERO));
        }
        assert_eq!(health.score(), 0);
    }

    #[test]
    fn a_node_that_is_always_slow_judges_in_the_end() {
        let mut health = Health::new(8, TOLERANCE);
        let late: Vec<bool> = (0..6).map(|n| health.timer_ran(at(n), Duration::from_millis(350))).collect();
        assert_eq!(late, [true, true, true, false, false, false]);
    }
}
