//! How often one key may command.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use mesh_model::{Code, PublicKey};
use mesh_proto::status::MeshError;

use super::RateTable;

/// Keys whose rate is remembered.
const REMEMBERED: usize = 10_000;

/// How often each key may command. Asked after its signature was checked: nobody uses up what is another's.
pub struct CommandRate {
    table: Mutex<RateTable<PublicKey>>,
    per_second: u32,
}

impl CommandRate {
    /// So many each second, and a second's worth at once.
    pub fn new(per_second: u32) -> Self {
        Self { table: Mutex::new(RateTable::new(per_second, per_second, REMEMBERED)), per_second }
    }

    /// Counts a command of this key.
    ///
    /// # Errors
    /// [`Code::Throttled`] says how long to wait: nothing happened.
    pub fn count(&self, key: &PublicKey, now: Instant) -> Result<(), MeshError> {
        let taken = self.table.lock().unwrap_or_else(PoisonError::into_inner).take(*key, now);
        taken.map_err(|wait| {
            let (key, limit, wait) = (key.fingerprint(), self.per_second, wait.as_millis().max(1));
            let text = format!(
                "the key {key} sent more than {limit} commands in a second; there is room again in {wait} ms; nothing happened"
            );
            MeshError::new(Code::Throttled, text)
        })
    }
}
