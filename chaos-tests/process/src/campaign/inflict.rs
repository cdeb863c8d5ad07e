//! Does to a mesh what the plan says, undoes it, and looks whether it took effect.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use chaos_process::lab::network::{HARNESS, PEER_PORT, address};
use chaos_process::lab::proxy::Delay;
use chaos_process::lab::{DelayProxy, Lab, Lost, Rule};
use chaos_process::testbed::{NodeNumber, Testbed};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::moves::{self, How, Moved};
use super::operator::Operator;
use super::plan::Fault;
use super::recovery::{self, Recovering};
use crate::check::members;
use crate::load::Publisher;
use crate::oracle::Oracle;

/// How long a fault may take to show.
const PATIENCE: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_millis(5);
/// Longest an ordered stop may take.
const STOP: Duration = Duration::from_secs(20);
/// How long a node must be well to have gone on.
const WELL: Duration = Duration::from_secs(2);
/// Clients' numbers from here on are of those that know one home only.
const FIRST_AT_HOME: usize = 1_000;
/// Room on a nearly full disk: less than the reserve of the configuration.
const NEARLY_FULL_BYTES: u64 = 5 << 20;

/// What is going on.
pub(crate) enum Under {
    /// Nothing more to be looked at than that it was done.
    Way,
    /// Rules of the packet filter, and proxies.
    Network(Vec<Rule>, Vec<DelayProxy>),
    /// A count before it began.
    Counting(u64),
    /// Where the data is meanwhile.
    Aside(PathBuf),
    /// A domain has another home, and these rules keep its former one away.
    Moved(Moved, Vec<Rule>),
    /// A node is on its way back.
    Recovering(Recovering),
}

/// Does faults to a mesh in a laboratory.
pub(crate) struct Inflictor {
    pub(crate) lab: Arc<Lab>,
    /// Of the schedule.
    pub(crate) seed: u64,
    /// What clients were told.
    pub(crate) oracle: Arc<Oracle>,
    /// The `mesh` command.
    pub(crate) mesh: PathBuf,
    /// Faults that took effect, by kind.
    pub(crate) done: BTreeMap<&'static str, usize>,
    /// What power cuts took.
    pub(crate) lost: Lost,
    /// Acknowledged commands that waited on nodes that were cut off while their domains moved on.
    pub(crate) orphans: u64,
    /// Deaths, each counted for each node that showed it.
    pub(crate) deaths_seen: usize,
}

impl Inflictor {
    /// Begins a fault.
    ///
    /// # Errors
    /// When it cannot be done, or a node had ended by itself.
    pub(crate) async fn begin(&mut self, testbed: &mut Testbed, fault: &Fault) -> Result<Under> {
        match fault {
            Fault::Kill { nodes } => {
                for node in nodes {
                    testbed.node_mut(*node).kill()?;
                }
            }
            Fault::Pause { node } => testbed.node_mut(*node).pause()?,
            Fault::PowerCut { nodes, keep } => self.cut_power(testbed, nodes, *keep).await?,
            Fault::Partition { .. } | Fault::OneWay { .. } | Fault::Loss { .. } => {
                let rules = rules(fault, &testbed.nodes());
                self.lab.network().apply(&rules)?;
                return Ok(Under::Network(rules, Vec::new()));
            }
            Fault::Delay { node, least_ms, most_ms } => {
                let (rules, proxies) = self.delay(testbed, *node, *least_ms, *most_ms).await?;
                return Ok(Under::Network(rules, proxies));
            }
            Fault::NearlyFull { node } => testbed.machine(*node).fill(NEARLY_FULL_BYTES)?,
            Fault::Full { node } => {
                let refused = testbed.machine(*node).counts()?.refused;
                testbed.machine(*node).fill(0)?;
                return Ok(Under::Counting(refused));
            }
            Fault::Skew { node, seconds } => {
                let before = testbed.machine(*node).counts()?.skewed_reads;
                testbed.machine(*node).skew_seconds(*seconds)?;
                return Ok(Under::Counting(before));
            }
            Fault::RollingRestart => {
                for node in testbed.nodes() {
                    testbed.node_mut(node).terminate(STOP).await?;
                    start(testbed, node)?;
                    testbed.wait_ready([node]).await?;
                }
            }
            Fault::SetVoters { voters } => self.set_voters(testbed, voters).await?,
            Fault::Move { domain, to } => {
                let moved = moves::begin(testbed, &self.mesh, *domain, *to, How::Planned).await?;
                return Ok(Under::Moved(moved, Vec::new()));
            }
            Fault::TakeOver { domain, to, is_cut } => {
                let (moved, rules) = self.take_over(testbed, *domain, *to, *is_cut).await?;
                return Ok(Under::Moved(moved, rules));
            }
            Fault::Recover { node } => {
                return recovery::begin(testbed, &self.mesh, *node).await.map(Under::Recovering);
            }
            Fault::Wipe { node } => return wipe(testbed, *node).await.map(Under::Aside),
        }
        Ok(Under::Way)
    }

    /// Ends it. All nodes run again afterwards, as far as this fault is concerned.
    ///
    /// # Errors
    /// When it did not take effect, or cannot be undone.
    pub(crate) async fn end(&mut self, testbed: &mut Testbed, fault: &Fault, under: Under) -> Result<()> {
        match (fault, under) {
            (Fault::Kill { nodes } | Fault::PowerCut { nodes, .. }, _) => {
                let others: Vec<NodeNumber> =
                    testbed.nodes().into_iter().filter(|node| !nodes.contains(node)).collect();
                members::seen_dead(testbed, nodes, &others).await?;
                self.deaths_seen += nodes.len() * others.len();
                for node in nodes {
                    start(testbed, *node)?;
                }
            }
            (Fault::Pause { node }, _) => {
                let is_paused = testbed.node(*node).is_paused();
                testbed.node_mut(*node).resume()?;
                ensure!(is_paused, "node {node} was not paused");
            }
            (_, Under::Network(rules, proxies)) => {
                let shown = self.wait_for_packets(&rules, &proxies).await;
                drop(proxies);
                self.lab.network().clear()?;
                shown?;
            }
            (Fault::NearlyFull { node }, _) => {
                let shown = wait_for_alarm(testbed, *node).await;
                testbed.machine(*node).empty()?;
                shown?;
            }
            (Fault::Full { node }, Under::Counting(before)) => {
                let shown = wait_for_refusal(testbed, *node, before).await;
                testbed.machine(*node).empty()?;
                // A disk that refused a write is no longer known: such a node stops itself, and says why.
                give_time_to_stop(testbed, *node, before).await?;
                shown?;
            }
            (Fault::Skew { node, .. }, Under::Counting(before)) => {
                let after = testbed.machine(*node).counts()?.skewed_reads;
                testbed.machine(*node).skew_seconds(0)?;
                ensure!(after > before, "node {node} never read its wrong clock");
            }
            (Fault::SetVoters { .. }, _) => self.set_voters(testbed, &testbed.voters()).await?,
            (_, Under::Moved(moved, rules)) => {
                if !rules.is_empty() {
                    let hits: u64 = self.lab.network().hits(&rules)?.iter().sum();
                    self.lab.network().clear()?;
                    ensure!(hits > 0, "no packet met the rules {rules:?}");
                } else if matches!(fault, Fault::TakeOver { .. }) {
                    start(testbed, moved.from)?;
                }
                moves::end(testbed, &moved).await?;
                self.oracle.doubt(&moved.domain, false);
                self.orphans += moved.orphans;
            }
            (_, Under::Recovering(recovering)) => {
                recovery::end(testbed, &recovering).await?;
                *self.done.entry("node key revoked").or_default() += 1;
            }
            (Fault::Wipe { node }, Under::Aside(aside)) => {
                let data = testbed.data_folder(*node);
                drop(fs::remove_dir_all(&data));
                fs::rename(&aside, &data).context("cannot put the data back")?;
                start(testbed, *node)?;
            }
            _ => {}
        }
        *self.done.entry(fault.kind()).or_default() += 1;
        Ok(())
    }

    async fn set_voters(&self, testbed: &Testbed, voters: &[NodeNumber]) -> Result<()> {
        let ids: Vec<u64> = voters.iter().map(|voter| testbed.node_id(*voter)).collect();
        Operator::without(testbed, &self.mesh, None).set_voters(&ids).await
    }

    /// The home of a domain is killed, or alone with its clients; the domain's root lets another node write.
    async fn take_over(
        &self,
        testbed: &mut Testbed,
        domain: usize,
        to: NodeNumber,
        is_cut: bool,
    ) -> Result<(Moved, Vec<Rule>)> {
        let (name, home) = testbed.domains()[domain].clone();
        self.oracle.doubt(&name, true);
        if !is_cut {
            testbed.node_mut(home).kill()?;
            let moved = moves::begin(testbed, &self.mesh, domain, to, How::Unplanned).await?;
            return Ok((moved, Vec::new()));
        }
        let alone = Fault::Partition { nodes: vec![home] };
        let rules = self::rules(&alone, &testbed.nodes());
        self.lab.network().apply(&rules)?;
        // Somebody of the domain who knows its home only.
        let (stop, number) = (CancellationToken::new(), FIRST_AT_HOME + domain);
        let insider = Publisher::at(testbed, &self.oracle, (self.seed, number), home, &name)?;
        let insider = tokio::spawn(insider.run(stop.clone()));
        let stop = stop.drop_guard();
        moves::wait_for_orphans(testbed, &name, home).await?;
        let mut moved = moves::begin(testbed, &self.mesh, domain, to, How::Unplanned).await?;
        moved.orphans = moves::waiting(testbed, &name, home).await?;
        drop(stop);
        insider.await.context("a client panicked")??;
        Ok((moved, rules))
    }

    /// Waits for a moment in which something is not synced: otherwise it would be a kill -9 and no more.
    async fn cut_power(&mut self, testbed: &mut Testbed, nodes: &[NodeNumber], keep: Option<u64>) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            for node in nodes {
                testbed.node_mut(*node).pause()?;
            }
            let mut pending = 0;
            for node in nodes {
                pending += testbed.machine(*node).counts()?.pending;
            }
            if pending > 0 {
                break;
            }
            for node in nodes {
                testbed.node_mut(*node).resume()?;
            }
            ensure!(Instant::now() < deadline, "nodes {nodes:?} had everything synced all the time");
            tokio::time::sleep(POLL).await;
        }
        for node in nodes {
            testbed.node_mut(*node).kill()?;
        }
        for node in nodes {
            let machine = testbed.machine(*node);
            let lost = machine.lose_unsynced(keep.map(|seed| seed ^ node))?;
            self.lost.writes += lost.writes;
            self.lost.names += lost.names;
            self.lost.kept += lost.kept;
        }
        Ok(())
    }

    async fn delay(
        &self,
        testbed: &Testbed,
        node: NodeNumber,
        least_ms: u64,
        most_ms: u64,
    ) -> Result<(Vec<Rule>, Vec<DelayProxy>)> {
        let (mut rules, mut proxies) = (Vec::new(), Vec::new());
        let (least, most) = (Duration::from_millis(least_ms), Duration::from_millis(most_ms));
        for other in testbed.nodes().into_iter().filter(|other| *other != node) {
            for (from, to) in [(node, other), (other, node)] {
                let target = SocketAddr::from((address(to), PEER_PORT));
                let delay = Delay { least, most, seed: from << 8 | to };
                let proxy = DelayProxy::start(SocketAddr::from((HARNESS, 0)), target, delay).await?;
                rules.push(Rule::Through { from, to, port: proxy.port() });
                proxies.push(proxy);
            }
        }
        self.lab.network().apply(&rules)?;
        Ok((rules, proxies))
    }

    async fn wait_for_packets(&self, rules: &[Rule], proxies: &[DelayProxy]) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let hits: u64 = self.lab.network().hits(rules)?.iter().sum();
            let late: u64 = proxies.iter().map(DelayProxy::bytes).sum();
            if hits > 0 && (proxies.is_empty() || late > 0) {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "no packet met the rules {rules:?}");
            tokio::time::sleep(POLL).await;
        }
    }
}

/// The packet filter's rules of a fault.
fn rules(fault: &Fault, nodes: &[NodeNumber]) -> Vec<Rule> {
    let pairs = nodes.iter().flat_map(|from| nodes.iter().map(move |to| (*from, *to))).filter(|(from, to)| from != to);
    pairs
        .filter_map(|(from, to)| match fault {
            Fault::Partition { nodes } if nodes.contains(&from) != nodes.contains(&to) => Some(Rule::Cut { from, to }),
            Fault::OneWay { node, is_deaf } if *node == if *is_deaf { to } else { from } => {
                Some(Rule::Cut { from, to })
            }
            Fault::Loss { node, percent } if node.is_none_or(|node| node == from || node == to) => {
                Some(Rule::Loss { from, to, percent: *percent })
            }
            _ => None,
        })
        .collect()
}

/// Starts a node that was killed or ended.
pub(crate) fn start(testbed: &mut Testbed, node: NodeNumber) -> Result<()> {
    testbed.machine(node).tidy()?;
    testbed.node_mut(node).start()
}

async fn wait_for_alarm(testbed: &mut Testbed, node: NodeNumber) -> Result<()> {
    let client = testbed.client(&[node], Duration::from_secs(2))?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let said = client.status().await;
        if said.as_ref().is_ok_and(|status| status.alarms.iter().any(|alarm| alarm.contains("reserve"))) {
            return Ok(());
        }
        if testbed.node_mut(node).ended().is_some() {
            bail!("node {node} ended on a nearly full disk:\n{}", testbed.node(node).last_words());
        }
        ensure!(Instant::now() < deadline, "node {node} did not notice that its disk is nearly full: {said:?}");
        tokio::time::sleep(10 * POLL).await;
    }
}

async fn wait_for_refusal(testbed: &Testbed, node: NodeNumber, before: u64) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while testbed.machine(node).counts()?.refused <= before {
        ensure!(Instant::now() < deadline, "the full disk of node {node} refused nothing");
        tokio::time::sleep(POLL).await;
    }
    Ok(())
}

/// After room was made: a refused write of the store makes the node stop itself, one of the search index or of a checkpoint may be
/// tried again. It is started again if it stops; it has gone on if it shows no alarm for some time.
async fn give_time_to_stop(testbed: &mut Testbed, node: NodeNumber, before: u64) -> Result<()> {
    if testbed.machine(node).counts()?.refused <= before {
        return Ok(());
    }
    let deadline = Instant::now() + STOP;
    let client = testbed.client(&[node], Duration::from_secs(1))?;
    let mut well_since = None;
    loop {
        if testbed.node_mut(node).reap().is_some() {
            return start(testbed, node);
        }
        let is_well = client.status().await.is_ok_and(|status| status.alarms.is_empty());
        well_since = if is_well { well_since.or(Some(Instant::now())) } else { None };
        if well_since.is_some_and(|since| since.elapsed() > WELL) {
            return Ok(());
        }
        if Instant::now() >= deadline {
            let words = testbed.node(node).last_words();
            bail!(
                "a full disk refused writes of node {node}; it has room again, and the node neither stopped nor went on:\n{words}"
            );
        }
        tokio::time::sleep(20 * POLL).await;
    }
}

/// Moves the data aside and starts the node on nothing: it has to refuse, for it forgot its votes.
async fn wipe(testbed: &mut Testbed, node: NodeNumber) -> Result<PathBuf> {
    testbed.node_mut(node).kill()?;
    let data = testbed.data_folder(node);
    let aside = data.with_file_name("aside");
    fs::rename(&data, &aside).context("cannot move the data aside")?;
    start(testbed, node)?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = testbed.node_mut(node).reap() {
            let words = testbed.node(node).last_words();
            let said = !status.success() && words.contains("lost its data");
            ensure!(said, "node {node} on an empty disk ended ({status}) and said:\n{words}");
            return Ok(aside);
        }
        ensure!(Instant::now() < deadline, "node {node} runs on an empty disk under its old number");
        tokio::time::sleep(POLL).await;
    }
}
