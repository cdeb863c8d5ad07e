//! How often each of many may do something: a token bucket per key, in a table of bounded size.

use std::hash::Hash;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use lru::LruCache;

/// Token buckets by key (GCRA: one instant per key says it all). Time is handed in. The key that was seen longest ago is forgotten
/// for the next one, which is why this is not `governor`: its tables only grow.
pub struct RateTable<K: Hash + Eq> {
    /// What one costs.
    interval: Duration,
    /// How far ahead of time a burst may run.
    ahead: Duration,
    /// When the bucket of a key is full again.
    full_at: LruCache<K, Instant>,
}

impl<K: Hash + Eq> RateTable<K> {
    /// Each key may do `per_second` in the long run, and `burst` at once after a rest; `remembered` keys are told apart.
    pub fn new(per_second: u32, burst: u32, remembered: usize) -> Self {
        let interval = Duration::from_secs(1) / per_second.max(1);
        let remembered = NonZeroUsize::new(remembered).unwrap_or(NonZeroUsize::MIN);
        Self { interval, ahead: interval * burst.max(1), full_at: LruCache::new(remembered) }
    }

    /// Takes one.
    ///
    /// # Errors
    /// How long to wait until there is one again; nothing was taken.
    pub fn take(&mut self, key: K, now: Instant) -> Result<(), Duration> {
        let full_at = self.full_at.get(&key).copied().unwrap_or(now).max(now) + self.interval;
        let over = full_at.duration_since(now).saturating_sub(self.ahead);
        if over > Duration::ZERO {
            return Err(over);
        }
        self.full_at.put(key, full_at);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_the_rate() {
        let mut table = RateTable::new(10, 3, 2);
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        assert_eq!([(); 3].map(|()| table.take("a", at(0))), [Ok(()); 3]);
        assert_eq!(table.take("a", at(0)), Err(Duration::from_millis(100)));
        assert_eq!(table.take("b", at(0)), Ok(()));
        assert_eq!(table.take("a", at(99)), Err(Duration::from_millis(1)));
        assert_eq!(table.take("a", at(100)), Ok(()));
        assert!(table.take("a", at(100)).is_err());
        // After a rest the burst is there again, and no more than that.
        assert_eq!([(); 3].map(|()| table.take("a", at(10_000))), [Ok(()); 3]);
        assert!(table.take("a", at(10_000)).is_err());
    }

    #[test]
    fn remembers_no_more_than_it_may() {
        let mut table = RateTable::new(1, 1, 2);
        let now = Instant::now();
        for key in 0..100 {
            assert_eq!(table.take(key, now), Ok(()));
        }
        assert!(table.take(99, now).is_err() && table.full_at.len() == 2);
    }
}
