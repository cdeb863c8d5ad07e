//! Heads and checkpoints: told as rumours, compared with one other node at a time, taken when their signatures hold.

use core::time::Duration;

use mesh_model::NodeId;
use mesh_tlog::Hash;

use super::Gossip;
use crate::heads::{SignedHead, Taken};
use crate::output::Output;
use crate::pull::{self, Next, PAGE_HEADS, PullAnswer, PullRequest, Push, Round};
use crate::rumour::{CHECKPOINT_BYTES, Rumour, lock};

/// Newer heads of one pull that are passed on as rumours too: a healed partition hears fast, a newcomer that fetches everything
/// bothers nobody.
const RELAYED: usize = 16;
impl Gossip {
    /// Tells of the newest head of a feed that is written here: durable, and signed by this node.
    ///
    /// Returns what came of it; anything but [`Taken::Newer`] is not told of.
    pub fn announce_head(&mut self, now: Duration, head: &SignedHead) -> Taken {
        let taken = {
            let mut news = lock(&self.news);
            news.now = now;
            news.take_head(&*self.directory, head, None)
        };
        if taken == Taken::Newer {
            self.pass_on(&Rumour::Head(head.clone()));
        }
        self.settle(now);
        taken
    }

    /// Tells that this node has judged a checkpoint good and keeps it; a note that is too long is left for the others to fetch.
    pub fn announce_checkpoint(&mut self, now: Duration, size: u64, root: Hash, note: &[u8]) {
        let note = if note.len() <= CHECKPOINT_BYTES { note.to_vec() } else { Vec::new() };
        self.pass_on(&Rumour::Checkpoint { size, root, note });
        self.settle(now);
    }

    fn pass_on(&mut self, rumour: &Rumour) {
        // It is refused for being empty or over a packet, and it is neither.
        drop(self.foca.add_broadcast(&rumour.encode()));
    }

    pub(super) fn begin_pull(&mut self, now: Duration) {
        if self.round.as_ref().is_some_and(|round| now.saturating_sub(round.began) < self.config.pull_timeout) {
            return;
        }
        self.round = None;
        let up = self.peers.up();
        if up.is_empty() {
            return;
        }
        let peer = up[self.random.below(up.len())].node_id;
        let (round, request) = Round::begin(peer, now, &lock(&self.news).heads);
        self.round = Some(round);
        self.outputs.push_back(Output::Pull { peer, request });
    }

    /// Answers another node's comparison; `None` for a question that is none.
    pub fn answer_pull(&self, request: &PullRequest) -> Option<PullAnswer> {
        pull::answer(&lock(&self.news).heads, request)
    }

    /// Takes the answer to the comparison that is under way. Every head in it is checked like a rumour.
    pub fn handle_pull_answer(&mut self, now: Duration, peer: NodeId, answer: &PullAnswer) {
        let Some(mut round) = self.round.take_if(|round| round.peer == peer) else { return };
        if answer.heads.len() > PAGE_HEADS {
            return;
        }
        self.take_heads(now, peer, &answer.heads);
        let next = round.next(answer, &lock(&self.news).heads);
        match next {
            Next::Ask(request) => {
                self.round = Some(round);
                self.outputs.push_back(Output::Pull { peer, request });
            }
            Next::Done { pushes } => {
                self.outputs.extend(pushes.into_iter().map(|push| Output::Push { peer, push }));
            }
        }
        self.settle(now);
    }

    /// The node did not answer: the next round asks another.
    pub fn handle_pull_failed(&mut self, peer: NodeId) {
        self.round.take_if(|round| round.peer == peer);
    }

    /// Takes heads that another node shows over the peer channel.
    pub fn handle_push(&mut self, now: Duration, peer: NodeId, push: &Push) {
        if push.heads.len() <= PAGE_HEADS {
            self.take_heads(now, peer, &push.heads);
        }
        self.settle(now);
    }

    fn take_heads(&mut self, now: Duration, peer: NodeId, heads: &[SignedHead]) {
        let mut newer = Vec::new();
        {
            let mut news = lock(&self.news);
            news.now = now;
            for head in heads {
                if news.take_head(&*self.directory, head, Some(peer)) == Taken::Newer {
                    newer.push(head.clone());
                }
            }
        }
        if newer.len() <= RELAYED {
            for head in newer {
                self.pass_on(&Rumour::Head(head));
            }
        }
    }
}
