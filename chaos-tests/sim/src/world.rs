//! All machines, the network between them, and what holds at every step.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use mesh_event::Signer as _;
use mesh_model::{Digest, DomainName, NodeId};
use mesh_node::checkpoints::Brief;
use mesh_node::clock::now_unix_ms;
use mesh_raft::RaftRole;
use mesh_store::Crash;

use crate::draw::Draw;
use crate::founding::{Founding, SEATS, key};
use crate::job::Call;
use crate::ledger::Ledger;
use crate::machine::{Machine, Running};
use crate::network::{Net, Place};
use crate::oracle::{Oracle, Said};
use crate::os;

/// How far the machines are let go on at a time; a message takes at least this long.
pub const STEP: Duration = Duration::from_millis(5);
/// How often what costs more is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// What a node may not have and still call itself so old: what is on its way.
const SLACK: Duration = Duration::from_secs(5);
/// Leaves that are read at a time.
const PAGE: usize = 256;

/// A broken claim; the run is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation(pub String);

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Violation {}

type Attempt = u64;

/// A call whose answer is still to come.
struct UnderWay {
    job: usize,
    call: Call,
    place: Place,
    until: Duration,
}

/// What came back.
type Answers = Arc<Mutex<Vec<(Attempt, Said)>>>;

/// A world of machines.
pub struct World {
    /// Its time.
    pub now: Duration,
    /// What is between the machines.
    pub net: Net,
    /// Those at the places from 1 on.
    pub machines: Vec<Machine>,
    /// Keys and configurations.
    pub founding: Founding,
    /// What was said to clients.
    pub oracle: Oracle,
    /// The ledger that all have to have.
    pub ledger: Ledger,
    /// Machines whose disks lied.
    pub betrayed: BTreeSet<Place>,
    /// Of these, those whose node won't start again.
    pub gone: BTreeSet<Place>,
    /// Machines whose sync may fail.
    pub failing: BTreeSet<Place>,
    /// How many leaves of each life of each machine were looked at.
    seen: BTreeMap<Place, u64>,
    looked: Duration,
    /// How many leaves the largest checkpoint covers that ever counted on any node.
    counted: u64,
    under_way: BTreeMap<Attempt, UnderWay>,
    answers: Answers,
    next: Attempt,
    trace: Digest,
    /// Whether every line of the trace is printed.
    pub prints: bool,
}

impl World {
    /// A mesh that is founded and not started.
    ///
    /// # Errors
    /// When the folder can't be written.
    pub fn new(seed: u64, folder: &Path, voters: u8, observers: u8) -> Result<Self> {
        let founding = Founding::new(folder, voters, observers)?;
        let machines =
            (1..=voters + observers).map(|place| Machine::new(place, founding.config(place), seed)).collect();
        let council = (1..=SEATS).map(|seat| key(&format!("seat-{seat}")).public_key()).collect();
        Ok(Self {
            now: Duration::ZERO,
            net: Net::new(Draw::new(seed, "network")),
            machines,
            founding,
            oracle: Oracle::default(),
            ledger: Ledger::new(council, 2),
            betrayed: BTreeSet::new(),
            gone: BTreeSet::new(),
            failing: BTreeSet::new(),
            seen: BTreeMap::new(),
            looked: Duration::ZERO,
            counted: 0,
            under_way: BTreeMap::new(),
            answers: Answers::default(),
            next: 0,
            trace: Digest::of(&seed.to_be_bytes()),
            prints: false,
        })
    }

    /// A machine.
    pub fn machine(&mut self, place: Place) -> &mut Machine {
        &mut self.machines[usize::from(place) - 1]
    }

    /// Starts a machine's node, unless it runs.
    pub fn start(&mut self, place: Place) {
        if self.machine(place).is_on() || self.gone.contains(&place) {
            return;
        }
        self.note(&format!("start {place}"));
        let (net, now) = (self.net.clone(), self.now);
        self.machine(place).start(&net, now);
        self.seen.insert(place, 0);
    }

    /// Cuts a machine's node off.
    pub fn kill(&mut self, place: Place, crash: Crash) {
        if !self.machine(place).is_on() {
            return;
        }
        self.note(&format!("kill {place} {crash:?}"));
        let net = self.net.clone();
        self.machine(place).kill(&net, crash);
    }

    /// A line of the run's trace: the same seed gives the same lines.
    pub fn note(&mut self, line: &str) {
        let line = format!("{:>10.3} {line}", self.now.as_secs_f64());
        if self.prints {
            println!("{line}");
        }
        self.trace = Digest::of(&[self.trace.0.as_slice(), line.as_bytes()].concat());
    }

    /// The digest of all lines so far.
    pub fn trace(&self) -> Digest {
        self.trace
    }

    /// Nodes that serve, and stand not still.
    pub fn serving(&self) -> Vec<(Place, Running)> {
        let awake = self.machines.iter().filter(|machine| machine.paused_until.is_none());
        awake.filter_map(|machine| Some((machine.place, machine.running()?))).collect()
    }

    /// What clients were told and is not so, once all is healed and quiet. Nobody decides on commands of domains whose home is gone.
    pub fn broken_promises(&self) -> Vec<String> {
        let waits = |what: &str| {
            let domain = what.split_once('/').and_then(|(domain, _)| DomainName::parse(domain).ok());
            domain.and_then(|domain| self.ledger.home(&domain)).is_some_and(|home| self.is_gone(home))
        };
        self.oracle.broken_promises(&self.ledger, &crate::orphans::refused(self), waits)
    }

    fn is_gone(&self, node: NodeId) -> bool {
        let place = self.founding.records.iter().position(|record| record.node_id == node);
        place.and_then(|at| Place::try_from(at + 1).ok()).is_some_and(|place| self.gone.contains(&place))
    }

    /// Sends a call through a node.
    pub fn send(&mut self, job: usize, call: &Call, place: Place, running: &Running) {
        self.next += 1;
        let attempt = self.next;
        let until = self.now + crate::job::PATIENCE + Duration::from_secs(3);
        self.under_way.insert(attempt, UnderWay { job, call: call.clone(), place, until });
        let (call, api, answers) = (call.clone(), running.api.clone(), Arc::clone(&self.answers));
        self.machine(place).spawn(async move {
            let said = call.send(api).await;
            answers.lock().unwrap_or_else(PoisonError::into_inner).push((attempt, said));
        });
    }

    /// What was said since the last time, by job.
    ///
    /// # Errors
    /// A broken promise.
    pub fn hear(&mut self) -> Result<Vec<(usize, Said)>, Violation> {
        let mut heard = Vec::new();
        let answers = std::mem::take(&mut *self.answers.lock().unwrap_or_else(PoisonError::into_inner));
        let late = self.under_way.iter().filter(|(_, call)| call.until <= self.now).map(|(id, _)| (*id, Said::Unknown));
        let late: Vec<_> = late.collect();
        for (attempt, said) in answers.into_iter().chain(late) {
            let Some(UnderWay { job, call, place, .. }) = self.under_way.remove(&attempt) else { continue };
            self.note(&format!("job {job} through {place}: {said:?}"));
            self.oracle.heard(&call.id, place, said.clone(), self.now, &self.ledger).map_err(Violation)?;
            heard.push((job, said));
        }
        Ok(heard)
    }

    /// Lets everything go on for one step, and looks.
    ///
    /// # Errors
    /// What no longer holds.
    pub fn step(&mut self) -> Result<(), Violation> {
        self.go_on(STEP, false)
    }

    /// All machines are asleep for a while, and wake together.
    ///
    /// # Errors
    /// What no longer holds.
    pub fn sleep(&mut self, long: Duration) -> Result<(), Violation> {
        self.go_on(long, true)
    }

    fn go_on(&mut self, long: Duration, jump: bool) -> Result<(), Violation> {
        self.net.deliver(self.now);
        let until = self.now + long;
        for machine in &mut self.machines {
            let woken = machine.paused_until.is_some_and(|paused| paused <= self.now);
            if machine.paused_until.is_none() || woken {
                machine.paused_until = None;
                machine.turn(until, jump || woken);
            }
        }
        self.now = until;
        os::set_now(until);
        self.check()
    }

    fn check(&mut self) -> Result<(), Violation> {
        if let Some(panic) = crate::panics::first() {
            return Err(Violation(format!("a panic: {panic}")));
        }
        let serving = self.serving();
        let counted = serving.iter().map(|(_, running)| running.core.checkpoints.brief().size).max();
        self.counted = self.counted.max(counted.unwrap_or(0));
        for (place, running) in serving {
            self.check_leaves(place, &running)?;
            let brief = running.core.checkpoints.brief();
            let violated = |what: &str| Err(Violation(format!("node {place} {what}")));
            if brief.is_forked || brief.is_contradicted {
                return violated("says that the ledger is forked");
            }
            let role = running.core.raft.status().role;
            if role == RaftRole::Observer && running.core.ledger_size() > self.counted {
                return violated("is an observer and applied what no checkpoint that counts covers");
            }
            if self.betrayed.contains(&place) && role != RaftRole::Reader {
                return violated(&format!("lost what it had promised and is {role:?}"));
            }
        }
        // Only now: what it applied and told in its last moments counts, too.
        self.check_ended()?;
        if self.now >= self.looked + LOOK {
            self.looked = self.now;
            for (place, running) in self.serving() {
                self.look(place, &running)?;
            }
        }
        Ok(())
    }

    /// Nodes that ended by themselves: only a disk may make them.
    fn check_ended(&mut self) -> Result<(), Violation> {
        for at in 0..self.machines.len() {
            let Some(why) = self.machines[at].ended() else { continue };
            let place = self.machines[at].place;
            if self.betrayed.contains(&place) {
                self.gone.insert(place);
            } else if !self.failing.remove(&place) {
                return Err(Violation(format!("node {place} ended by itself: {why}")));
            }
            self.note(&format!("node {place} ends: {why}"));
            self.kill(place, Crash::LoseUnsynced);
        }
        Ok(())
    }

    fn check_leaves(&mut self, place: Place, running: &Running) -> Result<(), Violation> {
        let size = running.core.ledger_size();
        let seen = self.seen.get(&place).copied().unwrap_or(0);
        if size == seen {
            return Ok(());
        }
        if size < seen {
            return Err(Violation(format!("node {place} had {seen} leaves and has {size}")));
        }
        let mut next = seen;
        while next < size {
            // A node that follows the ledger has it all; a snapshot leaves nothing out.
            let page = running.core.store.ledger().leaves(next..size, PAGE);
            let page = page.map_err(|error| Violation(format!("node {place}'s ledger can't be read: {error}")))?;
            if page.is_empty() {
                return Err(Violation(format!("node {place} has {size} leaves, and leaf {next} is not there")));
            }
            for (index, bytes) in page {
                self.ledger.take(place, index, &bytes).map_err(Violation)?;
                next = index + 1;
            }
        }
        self.seen.insert(place, next);
        let role = running.core.raft.status();
        self.note(&format!("node {place} has {size} leaves; {:?} in term {}", role.role, role.term));
        Ok(())
    }

    /// What costs more: checkpoints, standards, forks of feeds, and whether a read says truly how old it is.
    fn look(&mut self, place: Place, running: &Running) -> Result<(), Violation> {
        let core = &running.core;
        let violated = |what: String| Err(Violation(format!("node {place} {what}")));
        if let Some((checkpoint, _)) = core.checkpoints.last()
            && let Some(root) = self.ledger.root_at(checkpoint.size())
            && root != checkpoint.root()
        {
            return violated(format!("counts a checkpoint of {} leaves with another root", checkpoint.size()));
        }
        if !core.replicas.forks().all().is_empty() {
            return violated("keeps the proof of a fork, and every writer is honest".to_owned());
        }
        match mesh_governance::read::standards_in_force(&core.state) {
            Ok(standards) => {
                for standard in standards {
                    let seats = self.ledger.seats_for(standard.id.as_str());
                    if seats < self.ledger.threshold() {
                        return violated(format!("enforces {}, which {seats} seats are for", standard.id));
                    }
                }
            }
            Err(error) => return violated(format!("can't read its standards: {error}")),
        }
        let machine = &self.machines[usize::from(place) - 1];
        let age = machine.look(|| Brief::age(&core.checkpoints.brief(), now_unix_ms(), Instant::now())).flatten();
        let Some(then) = age.and_then(|age| self.now.checked_sub(age + SLACK)) else { return Ok(()) };
        if let Some(known) = self.oracle.known_at(then)
            && core.ledger_size() <= known
        {
            let size = core.ledger_size();
            return violated(format!(
                "says that it shows the ledger of {age:?} ago and has {size} leaves; somebody had been told of leaf {known}"
            ));
        }
        Ok(())
    }
}
