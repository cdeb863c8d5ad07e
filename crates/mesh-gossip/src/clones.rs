//! Notices two processes that sign with one key.

use core::time::Duration;
use std::collections::BTreeMap;

use mesh_model::NodeId;

/// How long one clone is not told of again, and how often a packet that may give one away is checked.
const PAUSE: Duration = Duration::from_secs(10);
/// How long after a restart packets of the earlier start may still be on their way.
const SETTLED: Duration = Duration::from_secs(5);

/// What is remembered of a sender's restarts.
#[derive(Debug, Clone, Copy, Default)]
struct Trail {
    /// The start before the newest, and when the newest was first heard of.
    before: Option<((u64, u32), Duration)>,
    looked: Option<Duration>,
}

/// The restarts of all senders. As many as there are admitted nodes that were started again.
#[derive(Debug, Default)]
pub(crate) struct Clones {
    trails: BTreeMap<NodeId, Trail>,
}

impl Clones {
    /// A sender's newer start was heard of. Returns whether that alone shows a second process: two starts with one generation, which
    /// a node counts up on disk before it uses it.
    pub(crate) fn restarted(&mut self, now: Duration, node: NodeId, before: (u64, u32), newest: (u64, u32)) -> bool {
        let trail = self.trails.entry(node).or_default();
        trail.before = Some((before, now));
        before.0 == newest.0 && trail.may_look(now)
    }

    /// Whether a packet of an earlier start is worth checking: signed now, it shows a second process. The packets of the start before
    /// may be late or sent again by somebody, so only one with the newest generation counts, or one from long after the restart whose
    /// sender still sends.
    pub(crate) fn is_worth_a_look(
        &mut self,
        now: Duration,
        node: NodeId,
        start: (u64, u32),
        newest: (u64, u32),
        is_fresh: bool,
    ) -> bool {
        let trail = self.trails.entry(node).or_default();
        let is_twin = start.0 == newest.0 && start.1 != newest.1;
        let lives_on = trail.before.is_some_and(|(before, at)| start == before && now.saturating_sub(at) > SETTLED);
        (is_twin || (lives_on && is_fresh)) && trail.may_look(now)
    }

    /// The own key was used by somebody else.
    pub(crate) fn own(&mut self, now: Duration, node: NodeId) -> bool {
        self.trails.entry(node).or_default().may_look(now)
    }
}

impl Trail {
    fn may_look(&mut self, now: Duration) -> bool {
        let may = self.looked.is_none_or(|looked| now.saturating_sub(looked) >= PAUSE);
        if may {
            self.looked = Some(now);
        }
        may
    }
}
