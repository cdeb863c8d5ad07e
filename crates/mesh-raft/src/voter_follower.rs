//! Raft's membership follows the ledger's voters.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use mesh_governance::read;
use mesh_model::NodeId;
use openraft::async_runtime::WatchReceiver as _;
use openraft::errors::{ClientWriteError, RaftError};
use openraft::{BasicNode, ChangeMembers, ServerState};
use tokio::sync::watch;

use crate::applied::LedgerEnd;
use crate::store_state::{StateError, StoreState};
use crate::tokio_config::{Config, Raft};

/// Between two looks while something is to be done. Many leaves cost one look.
const LOOK: Duration = Duration::from_millis(50);
/// Pause after a change that Raft refused, as when the one before is not final yet.
const AGAIN: Duration = Duration::from_millis(200);
/// How long a newcomer may be missing before it is said so, and said again.
const PATIENCE: Duration = Duration::from_secs(10);

/// The task that brings Raft's membership to the voters that the applied ledger names, wherever this node leads.
///
/// The ledger decides who votes, Raft follows: first newcomers receive the log as learners, then, once they have caught up, the votes move
/// in one joint change, and those that are set out stay learners. Each look starts from what is applied and from the membership in
/// effect, so it doesn't matter what a leader before left: a leaf that nobody followed yet, or a joint membership. openraft allows
/// no change before the last is final, and lets a leader that is set out hand over; where that came to nothing, it is tried
/// again.
pub(crate) struct VoterFollower {
    pub(crate) raft: Raft,
    pub(crate) state: StoreState,
    pub(crate) ledger: watch::Receiver<LedgerEnd>,
    /// A newcomer has caught up when it takes in all that the log held at some moment within this time: then it is
    /// not slower than what comes in. (Raft's thesis, section 4.2.1.)
    pub(crate) round: Duration,
    /// Leaves beyond which the ledger says who votes: on a store that was refounded, the council's word is still to come before that.
    pub(crate) since: u64,
}

/// What the ledger says.
#[derive(Debug, Clone, Default)]
struct Wanted {
    /// Who votes.
    voters: BTreeSet<NodeId>,
    /// Where those are.
    addresses: BTreeMap<NodeId, String>,
    /// Of the nodes in the membership, those that the council took out.
    revoked: BTreeSet<NodeId>,
}

/// The membership in effect.
#[derive(Debug, Clone, Default)]
struct Present {
    /// The sets of voters, one, or two while the votes move.
    configs: Vec<BTreeSet<NodeId>>,
    /// Everybody who receives the log.
    nodes: BTreeSet<NodeId>,
    /// Who leads: this node.
    leader: NodeId,
}

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// All is as the ledger says.
    Nothing,
    /// Let a node receive the log.
    Learn(NodeId, String),
    /// Give these the votes, once the newcomers among them have caught up.
    Vote { voters: BTreeSet<NodeId>, newcomers: BTreeSet<NodeId> },
    /// Send them nothing any more.
    Forget(BTreeSet<NodeId>),
    /// Lead no longer: this node has no vote, and what openraft tried once came to nothing.
    HandOver(BTreeSet<NodeId>),
}

impl Step {
    fn next(present: &Present, wanted: &Wanted) -> Self {
        let Some(target) = present.configs.last() else { return Self::Nothing };
        if present.configs.len() > 1 {
            // Begun is finished first, whatever was decided since.
            return Self::Vote { voters: target.clone(), newcomers: BTreeSet::new() };
        }
        if *target == wanted.voters || wanted.voters.is_empty() {
            let gone: BTreeSet<NodeId> = wanted.revoked.intersection(&present.nodes).copied().collect();
            let gone = &gone - target;
            return match gone.is_empty() {
                true if target.contains(&present.leader) => Self::Nothing,
                true => Self::HandOver(target.clone()),
                false => Self::Forget(gone),
            };
        }
        let unknown = wanted.voters.difference(&present.nodes).next();
        if let Some(id) = unknown {
            return match wanted.addresses.get(id) {
                Some(address) => Self::Learn(*id, address.clone()),
                // The ledger makes no voter of a node that it does not know.
                None => Self::Nothing,
            };
        }
        Self::Vote { voters: wanted.voters.clone(), newcomers: &wanted.voters - target }
    }
}

/// One attempt of newcomers to take in what the log held when it began.
struct Round {
    newcomers: BTreeSet<NodeId>,
    goal: u64,
    begun: Instant,
    /// When the first round began, or when it was last said that somebody is missing.
    waiting_since: Instant,
}

impl VoterFollower {
    /// Runs until Raft stops.
    pub(crate) async fn run(mut self) {
        let mut servers = self.raft.server_metrics();
        let mut round = None;
        loop {
            if self.stopped() {
                return;
            }
            match self.look() {
                Some(Ok(Step::Nothing)) => {
                    round = None;
                    let news = async {
                        tokio::select! {
                            changed = servers.changed() => changed.is_ok(),
                            changed = self.ledger.changed() => changed.is_ok(),
                        }
                    };
                    if !news.await {
                        return;
                    }
                    tokio::time::sleep(LOOK).await;
                }
                Some(Ok(step)) => {
                    if !self.caught_up(&step, &mut round) {
                        tokio::time::sleep(LOOK).await;
                        continue;
                    }
                    round = None;
                    if let Err(error) = self.take(&step).await {
                        tracing::debug!(%error, ?step, "the voters did not change yet");
                        tokio::time::sleep(AGAIN).await;
                    }
                }
                Some(Err(error)) => {
                    tracing::error!(%error, "the ledger's voters can't be read");
                    tokio::time::sleep(AGAIN).await;
                }
                // Another leads; or this node does, and has not applied yet all that was there before it led.
                None => {
                    round = None;
                    drop(tokio::time::timeout(AGAIN, servers.changed()).await);
                }
            }
        }
    }

    fn stopped(&self) -> bool {
        self.raft.metrics().borrow_watched().running_state.is_err()
    }

    /// What is to be done; `None` while that is not for this node to say.
    fn look(&self) -> Option<Result<Step, StateError>> {
        let present = {
            let metrics = self.raft.metrics();
            let metrics = metrics.borrow_watched();
            // What the leaders before decided has to be applied before this one acts on it.
            let applied = metrics.last_applied.is_some_and(|id| id.committed_leader_id().term == metrics.current_term);
            let says = self.since == 0 || self.ledger.borrow().size > self.since;
            if metrics.state != ServerState::Leader || !applied || !says {
                return None;
            }
            let membership = metrics.membership_config.membership();
            Present {
                configs: membership.get_joint_config().clone(),
                nodes: membership.nodes().map(|(id, _)| *id).collect(),
                leader: metrics.id,
            }
        };
        Some(self.wanted(&present).map(|wanted| Step::next(&present, &wanted)))
    }

    fn wanted(&self, present: &Present) -> Result<Wanted, StateError> {
        let mut wanted = Wanted::default();
        if let Some(mesh) = read::mesh(&self.state)? {
            wanted.voters.extend(mesh.voters);
        }
        for id in wanted.voters.difference(&present.nodes) {
            if let Some(node) = read::node(&self.state, *id)? {
                wanted.addresses.insert(*id, node.record.peer_address);
            }
        }
        for id in &present.nodes {
            if read::node_revocation(&self.state, *id)?.is_some() {
                wanted.revoked.insert(*id);
            }
        }
        Ok(wanted)
    }

    /// Whether a step's newcomers are up to date: within one round they took in all that the log held at its beginning.
    fn caught_up(&self, step: &Step, round: &mut Option<Round>) -> bool {
        let Step::Vote { newcomers, .. } = step else { return true };
        if newcomers.is_empty() {
            return true;
        }
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow_watched();
        let last = metrics.last_log_index.unwrap_or(0);
        let now = Instant::now();
        let begin = |since| Round { newcomers: newcomers.clone(), goal: last, begun: now, waiting_since: since };
        let Some(present) = round.as_mut().filter(|round| round.newcomers == *newcomers) else {
            *round = Some(begin(now));
            return false;
        };
        let replication = metrics.replication.as_ref();
        let matched = |id: &NodeId| replication.and_then(|all| all.get(id)).copied().flatten().map(|id| id.index);
        let missing: Vec<NodeId> =
            newcomers.iter().filter(|id| matched(id).is_none_or(|at| at < present.goal)).copied().collect();
        let in_time = now.duration_since(present.begun) <= self.round;
        if missing.is_empty() && in_time {
            return true;
        }
        if !missing.is_empty() && now.duration_since(present.waiting_since) > PATIENCE {
            tracing::warn!(?missing, "the ledger's new voters have not caught up; the votes stay until they have");
            present.waiting_since = now;
        }
        if !in_time {
            let since = present.waiting_since;
            *round = Some(begin(since));
        }
        false
    }

    async fn take(&self, step: &Step) -> Result<(), RaftError<Config, ClientWriteError<Config>>> {
        match step {
            Step::Nothing => {}
            Step::Learn(id, address) => {
                tracing::info!(node = id, address, "a new voter begins to receive the log");
                self.raft.add_learner(*id, BasicNode::new(address.clone()), false).await?;
            }
            Step::Vote { voters, .. } => {
                tracing::info!(?voters, "the votes move, as the ledger says");
                self.raft.change_membership(voters.clone(), true).await?;
            }
            Step::HandOver(voters) => {
                // Whoever has the most of the log takes over soonest.
                let heir = {
                    let metrics = self.raft.metrics();
                    let replication = metrics.borrow_watched().replication.clone().unwrap_or_default();
                    voters.iter().copied().max_by_key(|id| replication.get(id).copied().flatten())
                };
                if let Some(heir) = heir {
                    tracing::info!(heir, "this node leads without a vote and hands over");
                    self.raft.trigger().transfer_leader(heir).await.map_err(RaftError::Fatal)?;
                }
                tokio::time::sleep(AGAIN).await;
            }
            Step::Forget(nodes) => {
                tracing::info!(?nodes, "revoked nodes receive the log no longer");
                self.raft.change_membership(ChangeMembers::RemoveNodes(nodes.clone()), true).await?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set<const N: usize>(ids: [NodeId; N]) -> BTreeSet<NodeId> {
        ids.into_iter().collect()
    }

    fn next(configs: &[&[NodeId]], learners: &[NodeId], voters: &[NodeId], revoked: &[NodeId]) -> Step {
        let configs: Vec<BTreeSet<NodeId>> = configs.iter().map(|ids| ids.iter().copied().collect()).collect();
        let nodes = configs.iter().flatten().chain(learners).copied().collect();
        let leader = *configs[0].first().expect("somebody votes");
        let addresses = voters.iter().map(|id| (*id, format!("n{id}:1"))).collect();
        let wanted =
            Wanted { voters: voters.iter().copied().collect(), addresses, revoked: revoked.iter().copied().collect() };
        Step::next(&Present { configs, nodes, leader }, &wanted)
    }

    #[test]
    fn newcomers_learn_one_after_the_other_before_the_votes_move() {
        assert_eq!(next(&[&[1, 2, 3]], &[], &[1, 2, 3], &[]), Step::Nothing);
        assert_eq!(next(&[&[1]], &[], &[1, 4, 5], &[]), Step::Learn(4, "n4:1".into()));
        assert_eq!(next(&[&[1]], &[4], &[1, 4, 5], &[]), Step::Learn(5, "n5:1".into()));
        let vote = Step::Vote { voters: set([1, 4, 5]), newcomers: set([4, 5]) };
        assert_eq!(next(&[&[1]], &[4, 5], &[1, 4, 5], &[]), vote);
        assert_eq!(next(&[&[1, 2, 3]], &[], &[2], &[]), Step::Vote { voters: set([2]), newcomers: set([]) });
    }

    #[test]
    fn a_joint_membership_that_somebody_left_is_finished_before_anything_else() {
        let finish = Step::Vote { voters: set([1]), newcomers: set([]) };
        assert_eq!(next(&[&[1, 2, 3], &[1]], &[], &[1], &[]), finish);
        assert_eq!(next(&[&[1, 2, 3], &[1]], &[], &[1, 2, 4], &[2]), finish);
    }

    #[test]
    fn a_leader_without_a_vote_hands_over_once_all_else_is_done() {
        let present = |leader| Present { configs: vec![set([4, 5, 6])], nodes: set([1, 4, 5, 6]), leader };
        let wanted = |revoked| Wanted { voters: set([4, 5, 6]), addresses: BTreeMap::new(), revoked };
        assert_eq!(Step::next(&present(4), &wanted(set([]))), Step::Nothing);
        assert_eq!(Step::next(&present(1), &wanted(set([]))), Step::HandOver(set([4, 5, 6])));
        assert_eq!(Step::next(&present(1), &wanted(set([1]))), Step::Forget(set([1])));
    }

    #[test]
    fn revoked_nodes_are_forgotten_and_nobody_who_votes() {
        assert_eq!(next(&[&[1]], &[2, 3], &[1], &[3, 9]), Step::Forget(set([3])));
        assert_eq!(next(&[&[1, 2, 3]], &[], &[1, 2, 3], &[3]), Step::Nothing);
        // Before Genesis the ledger says nothing.
        assert_eq!(next(&[&[1, 2, 3]], &[], &[], &[]), Step::Nothing);
    }
}
