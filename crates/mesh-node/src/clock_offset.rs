//! This node's clock beside the voters', from the times in their cosignatures.
//!
//! A voter writes its time, in seconds, under each checkpoint. Read here a moment later, that time minus this node's is the difference of the
//! clocks minus what the note took: so the largest difference within a minute is the closest to the truth, and a slow way never looks like a
//! clock that is ahead. Only new checkpoints are looked at: an old one that a peer still shows says nothing.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use mesh_model::{NodeId, UnixMs, limits};
use tracing::debug;

use crate::clock::now_unix_ms;
use crate::core::Core;

/// How long a reading counts: several refreshes of an unchanged head.
const WINDOW: Duration = Duration::from_mins(1);
/// Readings of one voter that are kept: one a second.
const READINGS: usize = 64;
/// Least time between two that are kept.
const GAP: Duration = Duration::from_secs(1);
/// Half of the unit in which voters write their time.
const HALF_MS: i64 = 500;

/// A difference that keeps the node from ordering, or from believing who orders, and is an alarm.
pub const ALARM_MS: i64 = limits::STAMP_AHEAD_MS.cast_signed();

/// What was read lately, by voter.
#[derive(Debug, Default)]
pub struct ClockOffsets {
    readings: Mutex<BTreeMap<NodeId, VecDeque<(Instant, i64)>>>,
}

impl ClockOffsets {
    /// Takes the times under a checkpoint that just came.
    pub fn read(&self, at: Instant, now_unix_ms: UnixMs, cosigned: &BTreeMap<NodeId, u64>) {
        let mut readings = self.readings.lock().unwrap_or_else(PoisonError::into_inner);
        readings.retain(|id, _| cosigned.contains_key(id));
        for (id, seconds) in cosigned {
            let theirs = i64::try_from(seconds.saturating_mul(1000)).unwrap_or(i64::MAX).saturating_add(HALF_MS);
            let ahead = theirs.saturating_sub(i64::try_from(now_unix_ms).unwrap_or(i64::MAX));
            let kept = readings.entry(*id).or_default();
            match kept.back_mut() {
                Some((last, best)) if at.saturating_duration_since(*last) < GAP => *best = (*best).max(ahead),
                _ => kept.push_back((at, ahead)),
            }
            if kept.len() > READINGS {
                kept.pop_front();
            }
        }
    }

    /// By how many milliseconds each voter's clock is ahead of this node's, as read within the last minute. Whole seconds, about.
    pub fn voters(&self, at: Instant) -> BTreeMap<NodeId, i64> {
        let readings = self.readings.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = |kept: &VecDeque<(Instant, i64)>| {
            let fresh = kept.iter().filter(|(read, _)| at.saturating_duration_since(*read) < WINDOW);
            fresh.map(|(_, ahead)| *ahead).max()
        };
        readings.iter().filter_map(|(id, kept)| Some((*id, fresh(kept)?))).collect()
    }

    /// By how many milliseconds this node's clock is ahead of the median of the other voters'; negative when behind, `None` when none was
    /// read lately.
    pub fn own(&self, me: NodeId, at: Instant) -> Option<i64> {
        let mut others: Vec<i64> = self.voters(at).into_iter().filter(|(id, _)| *id != me).map(|(_, ms)| -ms).collect();
        others.sort_unstable();
        others.get(others.len() / 2).copied()
    }

    /// What an operator is to know.
    pub fn alarm(&self, me: NodeId, at: Instant) -> Option<String> {
        let own = self.own(me, at).filter(|own| own.saturating_abs() > ALARM_MS)?;
        let (seconds, way) = (own.unsigned_abs() / 1000, if own > 0 { "ahead of" } else { "behind" });
        Some(format!("this node's clock is {seconds} s {way} the other voters': set it, or entries are refused"))
    }
}

/// Reads every new checkpoint until the node stops.
pub async fn run(core: Arc<Core>) {
    let mut brief = core.checkpoints.follow();
    loop {
        tokio::select! {
            changed = brief.changed() => if changed.is_err() { return },
            () = core.stopping.cancelled() => return,
        }
        let seen = *brief.borrow_and_update();
        let (at, now) = (Instant::now(), now_unix_ms());
        let Some((note, _)) = core.checkpoints.last().filter(|(note, _)| note.size() == seen.size) else { continue };
        let vouchers = core
            .checkpoints
            .voters_at(note.size())
            .map_err(|error| error.to_string())
            .and_then(|(_, voters)| note.vouchers(&core.mesh_id, &voters).map_err(|error| error.to_string()));
        match vouchers {
            Ok(vouchers) => core.clocks.read(at, now, &vouchers.cosigned),
            Err(error) => debug!(%error, "the times under a checkpoint were not read"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cosigned(times: &[(NodeId, u64)]) -> BTreeMap<NodeId, u64> {
        times.iter().copied().collect()
    }

    #[test]
    fn the_quickest_note_of_a_minute_tells_the_difference() {
        let (clocks, start) = (ClockOffsets::default(), Instant::now());
        // Voters 2 and 3 are an hour behind; the notes take 20 s, 1 s and 8 s.
        for (second, late) in [(0_u64, 20_u64), (10, 1), (20, 8)] {
            let now = 10_000_000 + second;
            let theirs = now - 3600 - late;
            let at = start + Duration::from_secs(second);
            clocks.read(at, now * 1000, &cosigned(&[(1, now - late), (2, theirs), (3, theirs)]));
        }
        let at = start + Duration::from_secs(20);
        assert_eq!(clocks.own(1, at), Some(3_600_500));
        assert!(clocks.alarm(1, at).is_some_and(|text| text.contains("3600 s ahead")));
        // For one of the two the others are one that is right and one like it: the median speaks.
        assert_eq!(clocks.voters(at)[&1], -500);
        // After a minute without news nothing is known.
        assert_eq!(clocks.own(1, at + WINDOW), None);
    }

    #[test]
    fn a_small_difference_is_no_alarm_and_a_voter_that_left_is_forgotten() {
        let (clocks, at) = (ClockOffsets::default(), Instant::now());
        clocks.read(at, 1_000_000, &cosigned(&[(1, 1000), (2, 1029)]));
        assert_eq!((clocks.own(1, at), clocks.alarm(1, at)), (Some(-29_500), None));
        clocks.read(at, 1_000_000, &cosigned(&[(1, 1000), (3, 940)]));
        assert_eq!(clocks.voters(at).keys().copied().collect::<Vec<_>>(), [1, 3]);
        assert!(clocks.alarm(1, at).is_some_and(|text| text.contains("59 s ahead")));
    }
}
