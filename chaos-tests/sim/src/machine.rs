//! One machine: a clock, a disk, a place in the network, and the node that runs on it.
//!
//! The node is put together as in `meshd`, on a runtime of its own that stands still between the machine's turns. To kill it is to drop
//! that runtime: every task ends where it is.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mesh_node::assemble::{Parts, assemble};
use mesh_node::config::Config;
use mesh_node::core::Core;
use mesh_node::network::Network as _;
use mesh_store::{Committer, Crash, MemDisk, MemSnapshot, MemoryLoop, Store, StoreOptions};
use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use tonic::service::Routes;

use crate::draw::Draw;
use crate::network::{MachineNetwork, Net, Place};
use crate::os;

/// What a running node shows.
#[derive(Clone)]
pub struct Running {
    /// Its parts.
    pub core: Arc<Core>,
    /// The services of its API port.
    pub api: Routes,
}

#[derive(Default)]
struct Shared {
    running: Option<Running>,
    /// Why the node ended by itself.
    ended: Option<String>,
}

struct Life {
    runtime: Runtime,
    /// The runtime's clock when the world's was `since`.
    began: Instant,
    since: Duration,
    shared: Arc<Mutex<Shared>>,
}

/// How fast a disk makes things durable: between these, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct DiskPace {
    /// At least.
    pub least_ms: u64,
    /// Less than this.
    pub most_ms: u64,
}

impl Default for DiskPace {
    fn default() -> Self {
        Self { least_ms: 0, most_ms: 4 }
    }
}

/// One machine, running or not.
pub struct Machine {
    /// Where it is.
    pub place: Place,
    /// How wrong its wall clock is, in milliseconds.
    pub skew_ms: i64,
    /// Until when it is stopped, without being down.
    pub paused_until: Option<Duration>,
    config: Config,
    disk: MemDisk,
    pace: Arc<Mutex<DiskPace>>,
    life: Option<Life>,
    lives: u64,
    seed: u64,
}

impl Machine {
    /// One with an empty disk, that is off.
    pub fn new(place: Place, config: Config, seed: u64) -> Self {
        let disk = MemDisk::new(seed ^ u64::from(place));
        Self { place, skew_ms: 0, paused_until: None, config, disk, pace: Arc::default(), life: None, lives: 0, seed }
    }

    /// Starts the node.
    ///
    /// # Panics
    /// When the system has no memory for a runtime.
    pub fn start(&mut self, net: &Net, now: Duration) {
        self.lives += 1;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime = runtime.expect("a runtime of one thread needs memory only");
        let began = {
            let _inside = runtime.enter();
            Instant::now()
        };
        let shared = Arc::new(Mutex::new(Shared::default()));
        let draw = Draw::new(self.seed, &format!("disk {} {}", self.place, self.lives));
        let (config, disk, pace) = (self.config.clone(), self.disk.clone(), Arc::clone(&self.pace));
        let (network, told) = (net.of(self.place), Arc::clone(&shared));
        os::on_machine(self.skew_ms, || {
            runtime.spawn(async move {
                let ended = match live(config, disk, network, pace, draw, Arc::clone(&told)).await {
                    Ok(why) | Err(why) => why,
                };
                lock(&told).ended = Some(ended);
            });
        });
        self.life = Some(Life { runtime, began, since: now, shared });
    }

    /// Cuts the node off in the middle of whatever it does; the disk loses what `crash` says.
    pub fn kill(&mut self, net: &Net, crash: Crash) {
        self.paused_until = None;
        let Some(life) = self.life.take() else { return };
        lock(&life.shared).running = None;
        net.down(self.place);
        self.disk.crash(crash);
        drop(life);
    }

    /// Whether a node is there, even if it stands still.
    pub fn is_on(&self) -> bool {
        self.life.is_some()
    }

    /// Why the node ended by itself, if it did.
    pub fn ended(&self) -> Option<String> {
        self.life.as_ref().and_then(|life| lock(&life.shared).ended.clone())
    }

    /// The node, once it serves.
    pub fn running(&self) -> Option<Running> {
        self.life.as_ref().and_then(|life| lock(&life.shared).running.clone())
    }

    /// Lets the node go on until the world's time is `until`. `jump` sets its clock there first, as after a machine was asleep.
    pub fn turn(&mut self, until: Duration, jump: bool) {
        let Some(life) = &self.life else { return };
        let goal = life.began + until.saturating_sub(life.since);
        os::on_machine(self.skew_ms, || {
            life.runtime.block_on(async {
                if jump {
                    tokio::time::advance(goal.saturating_duration_since(Instant::now())).await;
                }
                tokio::time::sleep_until(goal).await;
            });
        });
    }

    /// Has the node do something beside its own work.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        if let Some(life) = &self.life {
            os::on_machine(self.skew_ms, || drop(life.runtime.spawn(work)));
        }
    }

    /// Looks at something with the machine's clock.
    pub fn look<T>(&self, look: impl FnOnce() -> T) -> Option<T> {
        let life = self.life.as_ref()?;
        let _inside = life.runtime.enter();
        Some(os::on_machine(self.skew_ms, look))
    }

    /// How many batches a crash could take away now.
    pub fn unsynced(&self) -> usize {
        self.running().map_or(0, |running| running.core.store.committer().waiting()) + self.disk.unsynced_batches()
    }

    /// Changes how fast the disk is.
    pub fn set_pace(&self, pace: DiskPace) {
        *lock(&self.pace) = pace;
    }

    /// The next sync fails.
    pub fn fail_sync(&self) {
        self.disk.fail_syncs(1);
    }

    /// What would survive a power cut now.
    pub fn snapshot(&self) -> MemSnapshot {
        self.disk.snapshot()
    }

    /// How many leaves of the ledger a snapshot holds.
    pub fn leaves_in(snapshot: &MemSnapshot) -> u64 {
        let disk = MemDisk::new(0);
        disk.restore_database(snapshot);
        let store = Store::open_memory(&disk, MemoryLoop::Inline, StoreOptions::default());
        store.and_then(|store| store.ledger().size()).unwrap_or(0)
    }

    /// How many leaves the file knows of that remembers what was acknowledged.
    pub fn leaves_remembered(&self) -> u64 {
        self.disk.head_ledger_size().unwrap_or(0)
    }

    /// Puts older data back, as a disk does that lied. The node has to be off.
    pub fn set_back(&self, snapshot: &MemSnapshot) {
        self.disk.restore_database(snapshot);
    }

    /// Opens what is on the disk. The node has to be off.
    ///
    /// # Errors
    /// When the store doesn't open.
    pub fn open_disk(&self) -> Result<Store, mesh_store::StoreError> {
        Store::open_memory(&self.disk, MemoryLoop::Inline, StoreOptions::default())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A node's life; returns or fails with why it ended by itself.
async fn live(
    config: Config,
    disk: MemDisk,
    network: MachineNetwork,
    pace: Arc<Mutex<DiskPace>>,
    draw: Draw,
    shared: Arc<Mutex<Shared>>,
) -> Result<String, String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let (bell, failed) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (ringing, failing) = (Arc::clone(&bell), Arc::clone(&failed));
    let options = StoreOptions {
        bell: Arc::new(move || ringing.notify_one()),
        fatal: Arc::new(move |_| failing.notify_one()),
        ..StoreOptions::default()
    };
    let store = Store::open_memory(&disk, MemoryLoop::Manual, options).map_err(|error| text(&error))?;
    tokio::spawn(turn_disk(bell, store.committer().clone(), pace, draw));
    let (genesis, keys) = mesh_node::node::check(&config).map_err(|error| text(&error))?;
    let peer = network.listen(config.peer.listen).await.map_err(|error| text(&error))?;
    let serving = TaskTracker::new();
    let parts = Parts { config, genesis, keys, store: Arc::new(store), network: Arc::new(network), peer };
    let core = assemble(parts, &serving).await.map_err(|error| text(&error))?;
    let api = mesh_node::services::routes(&core);
    lock(&shared).running = Some(Running { core, api });
    failed.notified().await;
    Ok("the disk failed".to_owned())
}

/// The commit loop's thread of a real node.
async fn turn_disk(bell: Arc<Notify>, committer: Committer, pace: Arc<Mutex<DiskPace>>, mut draw: Draw) {
    loop {
        bell.notified().await;
        let DiskPace { least_ms, most_ms } = *lock(&pace);
        tokio::time::sleep(Duration::from_millis(draw.between(least_ms, most_ms))).await;
        committer.step();
    }
}
