//! openraft's own suite for log and state machine, over both kinds of store.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mesh_governance::{NoPolicy, Strict};
use mesh_raft::{LogStore, StateMachine, TypeConfig};
use mesh_store::{MemDisk, MemoryLoop, Store, StoreOptions};
use openraft::testing::log::{StoreBuilder, Suite};
use openraft::type_config::TypeConfigExt as _;
use openraft_rt_tokio::TokioRuntime;
use tempfile::TempDir;

type Config = TypeConfig<TokioRuntime>;
type StorageError = openraft::StorageError<Config>;

fn open(store: Store) -> (LogStore<TokioRuntime>, StateMachine<TokioRuntime>) {
    let store = Arc::new(store);
    let log = LogStore::open(&store).unwrap();
    let state_machine = StateMachine::open(store, Arc::new(Strict), Arc::new(NoPolicy)).unwrap();
    (log, state_machine)
}

struct InMemory(MemoryLoop);

impl StoreBuilder<Config, LogStore<TokioRuntime>, StateMachine<TokioRuntime>, ()> for InMemory {
    async fn build(&self) -> Result<((), LogStore<TokioRuntime>, StateMachine<TokioRuntime>), StorageError> {
        let (log, state_machine) = open(Store::open_memory(&MemDisk::new(1), self.0, StoreOptions::default()).unwrap());
        Ok(((), log, state_machine))
    }
}

struct OnDisk;

impl StoreBuilder<Config, LogStore<TokioRuntime>, StateMachine<TokioRuntime>, TempDir> for OnDisk {
    async fn build(&self) -> Result<(TempDir, LogStore<TokioRuntime>, StateMachine<TokioRuntime>), StorageError> {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), StoreOptions::default()).unwrap();
        let (log, state_machine) = open(store);
        Ok((folder, log, state_machine))
    }
}

#[test]
fn the_suite_passes_in_memory() {
    Config::run(async { Suite::test_all(InMemory(MemoryLoop::Inline)).await.unwrap() });
}

#[test]
fn the_suite_passes_in_memory_with_a_commit_thread() {
    Config::run(async { Suite::test_all(InMemory(MemoryLoop::Thread)).await.unwrap() });
}

#[test]
fn the_suite_passes_on_disk() {
    Config::run(async { Suite::test_all(OnDisk).await.unwrap() });
}
