//! All jobs of a run: begun at their times, sent again until they are settled, and what follows from them.

use std::collections::BTreeMap;
use std::time::Duration;

use mesh_model::Code;

use crate::draw::Draw;
use crate::job::{Call, Task};
use crate::ledger::Decided;
use crate::network::Place;
use crate::oracle::Said;
use crate::os;
use crate::world::{Violation, World};
use mesh_proto::v1::WaitLevel;

/// How often a command is built anew after what it named had changed meanwhile.
const ANEW: u32 = 20;

struct Job {
    task: Task,
    call: Option<Call>,
    /// When it is sent next; `None` while an answer is awaited, and when it is settled.
    next: Option<Duration>,
    anew: u32,
    settled: bool,
}

/// Everybody who wants something.
pub struct Clients {
    jobs: Vec<Job>,
    draw: Draw,
    /// How many calls of a hundred go to the domain's home at once; the others go through any node.
    pub home_percent: u64,
    /// Where each domain is at home now.
    pub homes: BTreeMap<Place, Place>,
}

impl Clients {
    /// Nobody wants anything yet.
    pub fn new(draw: Draw) -> Self {
        Self { jobs: Vec::new(), draw, home_percent: 70, homes: BTreeMap::new() }
    }

    /// Plans a job.
    pub fn plan(&mut self, at: Duration, task: Task) {
        self.jobs.push(Job { task, call: None, next: Some(at), anew: 0, settled: false });
    }

    /// Jobs that are not settled, of those that have to be.
    pub fn open(&self, world: &World) -> Vec<String> {
        let open = self.jobs.iter().filter(|job| !job.settled && !self.is_hopeless(world, &job.task));
        open.map(|job| job.task.name()).collect()
    }

    /// A domain whose home's disk lied takes nothing any more, until it moves.
    fn is_hopeless(&self, world: &World, task: &Task) -> bool {
        task.home().and_then(|domain| self.homes.get(&domain)).is_some_and(|home| world.betrayed.contains(home))
    }

    /// Hears answers, and sends what is due.
    ///
    /// # Errors
    /// A broken promise.
    pub fn go_on(&mut self, world: &mut World) -> Result<(), Violation> {
        for (at, said) in world.hear()? {
            self.heard(world, at, &said)?;
        }
        for at in 0..self.jobs.len() {
            if self.jobs[at].next.is_some_and(|next| next <= world.now) {
                self.send(world, at);
            }
        }
        Ok(())
    }

    fn send(&mut self, world: &mut World, at: usize) {
        let later = world.now + Duration::from_millis(self.draw.between(200, 1_200));
        self.jobs[at].next = Some(later);
        let serving = world.serving();
        if serving.is_empty() {
            return;
        }
        let task = self.jobs[at].task.clone();
        let home = task.home().and_then(|domain| self.homes.get(&domain)).copied();
        let at_home = serving.iter().find(|(place, _)| Some(*place) == home);
        let (place, running) = match at_home {
            Some(home) if self.draw.chance(self.home_percent) => home,
            _ => self.draw.one(&serving),
        };
        if self.jobs[at].call.is_none() {
            let mesh = world.founding.genesis.mesh_id;
            match Call::new(&task, mesh, os::unix_ms(), &running.core.state) {
                Ok(call) => {
                    world.oracle.sends(call.id, task.name());
                    self.jobs[at].call = Some(call);
                }
                // That node doesn't know enough yet.
                Err(_) => return,
            }
        }
        if let Some(call) = self.jobs[at].call.clone() {
            self.jobs[at].next = None;
            world.send(at, &call, *place, running);
        }
    }

    fn heard(&mut self, world: &mut World, at: usize, said: &Said) -> Result<(), Violation> {
        let again = world.now + Duration::from_millis(self.draw.between(200, 1_500));
        let job = &mut self.jobs[at];
        let first = job.call.as_ref().and_then(|call| world.ledger.decision(&call.id));
        let said = match (said, first) {
            // What it did the first time stands where the text says; the ledger knows.
            (Said::Refused { code: Code::Duplicate | Code::AlreadySo, .. }, Some(Decided { index, code })) => {
                &Said::Sealed { index, code }
            }
            (said, _) => said,
        };
        match said {
            Said::Sealed { index, code } if (Decided { index: *index, code: *code }).is_final() => {
                let may_repeat = matches!(code, Code::StaleRoster | Code::Expired);
                if may_repeat && job.anew < ANEW {
                    (job.call, job.next, job.anew) = (None, Some(again), job.anew + 1);
                    return Ok(());
                }
                job.settled = true;
                let (task, call) = (job.task.clone(), job.call.clone());
                self.settled(world, &task, call, *index, *code)?;
            }
            Said::Local if matches!(job.task, Task::Publish { wait: WaitLevel::Local, .. }) => job.settled = true,
            Said::Refused { code, why } => {
                // What a command named changed meanwhile, or the node that was asked is behind.
                let stale = matches!(
                    code,
                    Code::StaleRoster
                        | Code::UnknownDomain
                        | Code::UnknownNode
                        | Code::OldEpoch
                        | Code::BadBase
                        | Code::NotDelegated
                        | Code::FeedMissing
                        | Code::UnknownProposal
                        | Code::UnknownKey
                );
                if stale && job.anew < ANEW {
                    let rebuilt = !matches!(job.task, Task::Publish { .. });
                    (job.next, job.anew) = (Some(again), job.anew + 1);
                    if rebuilt {
                        job.call = None;
                    }
                    return Ok(());
                }
                job.settled = true;
                let task = job.task.clone();
                expected_refusal(&task, *code, why)?;
            }
            _ => job.next = Some(again),
        }
        Ok(())
    }

    fn at_home(&mut self, domain: Place, place: Place) {
        self.homes.insert(domain, place);
    }

    /// What follows from a decision.
    fn settled(
        &mut self,
        world: &mut World,
        task: &Task,
        call: Option<Call>,
        index: u64,
        code: Code,
    ) -> Result<(), Violation> {
        if code != Code::Accepted {
            return expected_refusal(task, code, "decided");
        }
        match task {
            Task::AdmitNode { place, .. } => {
                world.founding.records[usize::from(*place) - 1].node_id = index + 1_000;
            }
            Task::AdmitDomains { homes } => {
                for (place, _) in homes {
                    self.at_home(*place, *place);
                }
            }
            Task::Move { domain, to } => {
                if let Some(place) = world.founding.place(*to) {
                    self.at_home(*domain, place);
                }
            }
            Task::Propose { standard, then, .. } => {
                let digest = call.map(|call| call.payload_digest()).unwrap_or_default();
                for (n, seat) in (1_u32..).zip(then) {
                    let task = Task::Approve { standard: *standard, proposal: index, digest, seat: *seat };
                    self.plan(world.now + Duration::from_millis(300) * n, task);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// Whether a task may be refused so.
fn expected_refusal(task: &Task, code: Code, why: &str) -> Result<(), Violation> {
    let expected = match task {
        Task::Publish { by_leaver: true, .. } if matches!(code, Code::RevokedKey | Code::UnknownKey) => true,
        // Two clients published it; or a standard asks for more.
        Task::Publish { .. } => matches!(code, Code::VersionConflict | Code::StandardViolated | Code::StalePlan),
        Task::Approve { .. } => matches!(code, Code::AlreadySo | Code::ProposalClosed),
        Task::Revoke { .. } => matches!(code, Code::AlreadySo | Code::UnknownKey | Code::RevokedKey),
        Task::Move { .. } => matches!(code, Code::AlreadySo | Code::OldEpoch | Code::BadBase | Code::NodeRevoked),
        Task::Propose { .. } => matches!(code, Code::AlreadySo | Code::StaleStandard),
        Task::AdmitNode { .. } | Task::AdmitDomains { .. } => false,
    };
    if expected {
        return Ok(());
    }
    Err(Violation(format!("'{}' is refused with {code}: {why}", task.name())))
}
