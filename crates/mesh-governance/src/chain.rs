//! The chained digest of the state.

use mesh_model::Digest;
use sha2::{Digest as _, Sha256};

use crate::applied::StateChange;
use crate::keys;

/// `d_i = SHA-256(d_(i-1) || for each change: len key, key, 0 | 1, len value, value)`, changes sorted by key, lengths as
/// big-endian `u32`, 0 and an empty value for a removal; `d_(-1)` is 32 zero bytes.
///
/// The head is left out: it holds the digest itself. So equal digests mean that two nodes made equal changes, leaf by
/// leaf, and nobody ever hashes a whole state.
pub fn next_state_digest(previous: &Digest, changes: &[StateChange]) -> Digest {
    let mut hash = Sha256::new_with_prefix(previous.0);
    let head = keys::head();
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).expect("records are within 64 MiB").to_be_bytes();
    for change in changes.iter().filter(|change| change.key != head) {
        let value = change.value.as_deref().unwrap_or_default();
        hash.update(length(&change.key));
        hash.update(&change.key);
        hash.update([u8::from(change.value.is_some())]);
        hash.update(length(value));
        hash.update(value);
    }
    Digest(hash.finalize().into())
}
