//! How another node behaves, and for how long it is left alone.

use std::time::{Duration, Instant};

/// The first pause after a lie; each further one doubles it.
const LIE: Duration = Duration::from_secs(5);
/// The longest.
const LONGEST_LIE: Duration = Duration::from_mins(10);

/// One other node, as this one met it. Silence is no lie: a node that does not answer is asked again within two rounds, so that what was
/// cut off is found again at once; one that sent what it could not prove is left alone for longer each time.
#[derive(Debug, Default)]
pub struct Manners {
    lies: u32,
    silences: u32,
    until: Option<Instant>,
    last_lie: Option<String>,
}

impl Manners {
    /// Of a node that lied so often in an earlier run, and what it lied about last. It may be asked: it may have been mended.
    pub fn of_liar(lies: u32, last: String) -> Self {
        Self { lies, last_lie: Some(last), ..Self::default() }
    }

    /// How many lies count.
    pub fn lies(&self) -> u32 {
        self.lies
    }

    /// Whether it may be asked now.
    pub fn may_ask(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| now >= until)
    }

    /// It did not answer, or too slowly. `round` is the time between two rounds.
    pub fn was_silent(&mut self, now: Instant, round: Duration) {
        self.silences = self.silences.saturating_add(1);
        // Half a round less: the second round after this one asks again.
        self.until = Some(now + round.mul_f32(if self.silences > 1 { 1.5 } else { 0.5 }));
    }

    /// It sent what it could not prove, or more than it may.
    pub fn lied(&mut self, now: Instant, what: String) {
        self.until = Some(now + LIE.saturating_mul(1 << self.lies.min(16)).min(LONGEST_LIE));
        self.lies = self.lies.saturating_add(1);
        self.last_lie = Some(what);
    }

    /// It answered as it should. What it lied about before stays remembered; one lie less counts.
    pub fn answered(&mut self) {
        self.silences = 0;
        self.until = None;
        self.lies = self.lies.saturating_sub(1);
        if self.lies == 0 {
            self.last_lie = None;
        }
    }

    /// What it lied about last, while that still counts.
    pub fn last_lie(&self) -> Option<&str> {
        self.last_lie.as_deref()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_liar_is_left_alone_longer_each_time_and_silence_for_two_rounds_at_most() {
        let (start, round) = (Instant::now(), Duration::from_secs(1));
        let mut manners = Manners::default();
        manners.lied(start, "a".into());
        assert!(!manners.may_ask(start + Duration::from_secs(4)) && manners.may_ask(start + Duration::from_secs(5)));
        manners.lied(start, "b".into());
        assert!(!manners.may_ask(start + Duration::from_secs(9)));
        for _ in 0..100 {
            manners.lied(start, "c".into());
        }
        assert!(manners.may_ask(start + LONGEST_LIE) && !manners.may_ask(start + LONGEST_LIE / 2));
        assert_eq!(manners.last_lie(), Some("c"));
        let mut silent = Manners::default();
        for _ in 0..100 {
            silent.was_silent(start, round);
        }
        assert!(silent.may_ask(start + 2 * round));
        silent.answered();
        assert!(silent.may_ask(start));
    }
}
