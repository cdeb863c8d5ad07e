//! The node's clock. Pure crates take time as an argument; this is where it comes from.

use std::time::{SystemTime, UNIX_EPOCH};

use mesh_model::UnixMs;

/// Milliseconds of a day.
pub(crate) const DAY_MS: u64 = 86_400_000;

/// Milliseconds since 1970 by this machine's clock; 0 for a clock before that.
#[expect(clippy::cast_possible_truncation, reason = "2^64 milliseconds are far away")]
pub fn now_unix_ms() -> UnixMs {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
