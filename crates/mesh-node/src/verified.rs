//! Each signature checked once per process: a bounded set of digests of envelopes and heads that verified.
//!
//! Remembering never changes a result: the set holds digests of exact bytes (for a head, with the key it was checked
//! with), and only of those that verified.

use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use lru::LruCache;
use mesh_event::command::CommandError;
use mesh_event::{Envelope, FeedHead, FeedId, HeadError, SignedCommand};
use mesh_governance::{Strict, Verify};
use mesh_model::{Digest, MeshId, PublicKey};

/// How many digests are remembered: more than a node has under way between admission and apply.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(65_536).expect("not zero");

/// What this process verified, most recent last.
pub struct Verified {
    digests: Mutex<LruCache<Digest, ()>>,
    newest_protocol: u32,
}

impl Verified {
    /// For a node that applies no newer protocol than this one.
    pub fn up_to(newest_protocol: u32) -> Self {
        Self { digests: Mutex::new(LruCache::new(REMEMBERED)), newest_protocol }
    }

    fn knows(&self, digest: &Digest) -> bool {
        self.digests.lock().unwrap_or_else(PoisonError::into_inner).get(digest).is_some()
    }
    fn remember(&self, digest: Digest) {
        self.digests.lock().unwrap_or_else(PoisonError::into_inner).put(digest, ());
    }
}

impl Verify for Verified {
    fn command_under(&self, protocol: u32, envelope: Envelope, mesh: &MeshId) -> Result<SignedCommand, CommandError> {
        let digest = envelope.digest();
        if self.knows(&digest) {
            return SignedCommand::verified_before_under(protocol, envelope, mesh);
        }
        let signed = Strict.command_under(protocol, envelope, mesh)?;
        self.remember(digest);
        Ok(signed)
    }

    fn head(&self, note: &[u8], mesh: &MeshId, feed: &FeedId, node: &PublicKey) -> Result<FeedHead, HeadError> {
        // A head is signed and checked once on each node: there is nothing to save by remembering it.
        Strict.head(note, mesh, feed, node)
    }
    fn newest_protocol(&self) -> u32 {
        self.newest_protocol
    }
}
