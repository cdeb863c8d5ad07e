//! How long something took, many times.

use std::fmt;
use std::time::Duration;

/// Durations, shortest first.
pub(super) struct Spread(Vec<Duration>);

impl Spread {
    /// Of these.
    pub(super) fn of(durations: impl IntoIterator<Item = Duration>) -> Self {
        let mut durations: Vec<Duration> = durations.into_iter().collect();
        durations.sort_unstable();
        Self(durations)
    }

    /// What so many of a hundred did not exceed; zero where there is nothing.
    pub(super) fn at(&self, percent: usize) -> Duration {
        let place = (self.0.len() * percent / 100).min(self.0.len().saturating_sub(1));
        self.0.get(place).copied().unwrap_or_default()
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |percent| self.at(percent).as_secs_f64() * 1e3;
        write!(f, "{:.0} ms (p50), {:.0} ms (p99), {:.0} ms (most)", ms(50), ms(99), ms(100))
    }
}
