//! When a node that was declared down comes back: at once the first time, later and later when it happens again and again, as it does
//! to two processes with one key.

use core::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);
/// How long a life has to last for the next return to be at once again.
const SETTLED: Duration = Duration::from_mins(1);

/// Whether this node is part of the mesh by its own account.
#[derive(Debug, Default)]
pub(crate) struct Rejoin {
    is_down: bool,
    has_left: bool,
    returned: Option<Duration>,
    pause: Duration,
}

impl Rejoin {
    /// Declared down, or gone for good: it sends nothing of its own.
    pub(crate) fn is_away(&self) -> bool {
        self.is_down || self.has_left
    }

    /// The others have declared this node down; returns when it comes back.
    pub(crate) fn declared_down(&mut self, now: Duration) -> Option<Duration> {
        if self.is_away() {
            return None;
        }
        self.is_down = true;
        let is_settled = self.returned.is_none_or(|returned| now.saturating_sub(returned) >= SETTLED);
        let pause = if is_settled { Duration::ZERO } else { self.pause };
        self.pause = (pause * 2).clamp(FIRST, LONGEST);
        Some(now + pause)
    }

    /// It comes back now; returns whether it may.
    pub(crate) fn comes_back(&mut self, now: Duration) -> bool {
        if !self.is_down || self.has_left {
            return false;
        }
        self.is_down = false;
        self.returned = Some(now);
        true
    }

    pub(crate) fn leave(&mut self) {
        self.has_left = true;
    }
}
