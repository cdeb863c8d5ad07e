//! The types of a node: everything on tokio.

use openraft_rt_tokio::TokioRuntime;

use crate::state_machine::StateMachine;
use crate::type_config::TypeConfig;

/// The runtime of a node.
pub(crate) type Runtime = TokioRuntime;
/// openraft's types in a node.
pub(crate) type Config = TypeConfig<Runtime>;
/// openraft's handle in a node.
pub(crate) type Raft = openraft::Raft<Config, StateMachine<Runtime>>;
