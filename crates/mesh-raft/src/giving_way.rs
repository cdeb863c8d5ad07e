//! A leader whose clock is ahead gives way.
//!
//! Voters refuse entries whose stamp is far ahead of their clocks, before Raft sees them. The leader lives for them all the same: its
//! heartbeats arrive. Left alone, it would hold an entry that nobody takes, and the mesh would stand still for as long as its clock
//! is wrong. So when as many voters refuse that no quorum is left, it falls silent and stays away from the next election. The
//! others elect one whose stamps they take; the entry, which no quorum ever had, goes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use mesh_model::NodeId;
use openraft::ServerState;
use openraft::async_runtime::WatchReceiver as _;
use tokio::sync::watch;

use crate::tokio_config::Raft;

/// How long a refusal counts: openraft tries again at least once a second.
const DOUBT: Duration = Duration::from_secs(3);
/// Longest election times that it stays silent when nobody else takes over: those who could may be away.
const SILENT: u32 = 4;

/// Which voters refused this node's stamps, and when. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Doubts(watch::Sender<BTreeMap<NodeId, Instant>>);

impl Doubts {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(BTreeMap::new()))
    }

    /// A voter refused a stamp.
    pub(crate) fn hear(&self, from: NodeId) {
        self.0.send_modify(|heard| {
            heard.insert(from, Instant::now());
        });
    }

    fn forget(&self) {
        self.0.send_if_modified(|heard| {
            heard.clear();
            false
        });
    }

    fn recent(&self, now: Instant) -> BTreeSet<NodeId> {
        let heard = self.0.borrow();
        let is_recent = |at: &Instant| now.saturating_duration_since(*at) <= DOUBT;
        heard.iter().filter(|(_, at)| is_recent(at)).map(|(id, _)| *id).collect()
    }
}

/// Whether those who refuse leave no quorum in some of the sets of voters: one set, or two while the votes move.
fn is_blocked(sets: &[BTreeSet<NodeId>], refusing: &BTreeSet<NodeId>) -> bool {
    sets.iter().any(|voters| voters.difference(refusing).count() <= voters.len() / 2)
}

/// The task that watches the refusals.
pub(crate) struct GivingWay {
    pub(crate) raft: Raft,
    pub(crate) doubts: Doubts,
    /// The longest election time.
    pub(crate) election_max: Duration,
}

impl GivingWay {
    /// Runs until it is dropped.
    pub(crate) async fn run(self) {
        let mut heard = self.doubts.0.subscribe();
        while heard.changed().await.is_ok() {
            if !self.raft.is_leader() {
                self.doubts.forget();
                continue;
            }
            let refusing = self.doubts.recent(Instant::now());
            let sets = self.raft.metrics().borrow_watched().membership_config.membership().get_joint_config().clone();
            if is_blocked(&sets, &refusing) {
                tracing::error!(
                    ?refusing,
                    "this node's clock is ahead: too few voters take its stamps; it gives up leading"
                );
                self.give_way().await;
                self.doubts.forget();
            }
        }
    }

    async fn give_way(&self) {
        let settings = self.raft.runtime_config();
        settings.elect(false);
        settings.heartbeat(false);
        let mut metrics = self.raft.metrics();
        let replaced =
            async { while metrics.borrow_watched().state == ServerState::Leader && metrics.changed().await.is_ok() {} };
        let replaced = tokio::time::timeout(self.election_max * SILENT, replaced).await;
        settings.heartbeat(true);
        if replaced.is_err() {
            tracing::warn!("no other voter took over");
        }
        // Not at once: those whose clocks are right go first.
        tokio::time::sleep(self.election_max).await;
        settings.elect(true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_so_many_refusals_that_no_quorum_is_left_in_some_set() {
        let set = |ids: &[NodeId]| ids.iter().copied().collect::<BTreeSet<_>>();
        let three = [set(&[1, 2, 3])];
        assert!(!is_blocked(&three, &set(&[])));
        assert!(!is_blocked(&three, &set(&[2])));
        assert!(is_blocked(&three, &set(&[2, 3])));
        assert!(!is_blocked(&[set(&[1, 2, 3, 4, 5])], &set(&[2, 3])));
        assert!(is_blocked(&[set(&[1, 2, 3, 4, 5])], &set(&[2, 3, 4])));
        // A learner's refusal counts for nothing; one of two sets is enough.
        assert!(!is_blocked(&three, &set(&[2, 9])));
        assert!(is_blocked(&[set(&[1, 2, 3]), set(&[1])], &set(&[2, 3])));
        assert!(!is_blocked(&[set(&[1])], &set(&[2, 3])));
    }
}
