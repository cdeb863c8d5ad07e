//! Work that waits for the disk or takes a processor for a while.

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::{JoinError, spawn_blocking};

/// Runs `work` where it keeps no other task waiting: on a thread that may block. On a runtime with a single thread it runs in place. That
/// is the simulation's, in which nothing may depend on how the system schedules threads.
///
/// # Errors
/// When the work panicked, or the runtime ended before it began.
pub async fn offload<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, JoinError> {
    match Handle::current().runtime_flavor() {
        RuntimeFlavor::CurrentThread => Ok(work()),
        _ => spawn_blocking(work).await,
    }
}
