//! The newest signed head of every feed, as far as this node has heard: what rumours carry and pulls compare.

use core::time::Duration;
use std::collections::BTreeMap;

use mesh_event::{FeedHead, FeedId};
use mesh_model::{Digest, DomainName, MeshId, NodeId};
use mesh_tlog::Hash;

use crate::directory::Directory;

/// Longest note of a head, in bytes: with the longest domain name it stays below.
pub const HEAD_BYTES: usize = 768;
/// Into how many parts the heads are divided for comparison.
pub const BUCKETS: usize = 64;

/// A head as it travels: what it claims to be, and the signed note that proves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedHead {
    /// Of which feed.
    pub feed: FeedId,
    /// Of how many events.
    pub size: u64,
    /// The node's signed note, exact bytes.
    pub note: Vec<u8>,
}

/// A head whose signature held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeardHead {
    /// What it says.
    pub head: FeedHead,
    /// The exact signed bytes.
    pub note: Vec<u8>,
    /// Who told of it, and so has heard of the feed that far; `None` for a feed that is written here.
    pub from: Option<NodeId>,
    /// When, on the machine's clock.
    pub at: Duration,
}

/// What came of a head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// It is the newest now.
    Newer,
    /// It, or a newer one, was known.
    Known,
    /// Another one of the same size was known, and both signatures hold: the writer signed two histories. This is the note known
    /// before.
    Conflict(Vec<u8>),
    /// Nobody writes that feed in that epoch, as far as the own ledger knows. Perhaps later.
    NotYet,
    /// Too long, not signed by the feed's writer, or another head than it claims to be.
    Refused,
}

/// The newest head of each domain. As many as the ledger has domains.
#[derive(Debug)]
pub struct Heads {
    mesh: MeshId,
    by_domain: BTreeMap<DomainName, HeardHead>,
    buckets: [u64; BUCKETS],
}

/// Which part a domain is in.
fn bucket_of(domain: &DomainName) -> usize {
    usize::from(Digest::of(domain.as_str().as_bytes()).0[0]) % BUCKETS
}

/// What a head adds to the sum of its part.
fn mark(feed: &FeedId, size: u64, root: &Hash) -> u64 {
    let mut bytes = feed.domain.as_str().as_bytes().to_vec();
    bytes.push(0);
    bytes.extend_from_slice(&feed.epoch.to_be_bytes());
    bytes.extend_from_slice(&size.to_be_bytes());
    bytes.extend_from_slice(root.as_bytes());
    let digest = Digest::of(&bytes).0;
    u64::from_be_bytes(*digest.first_chunk().expect("a digest has 32 bytes"))
}

impl Heads {
    /// Knows nothing yet.
    pub fn new(mesh: MeshId) -> Self {
        Self { mesh, by_domain: BTreeMap::new(), buckets: [0; BUCKETS] }
    }

    /// Takes a head if it is newer than what is known and its signature holds. What is older by its own claim costs no check.
    pub fn take(
        &mut self,
        directory: &dyn Directory,
        found: &SignedHead,
        from: Option<NodeId>,
        now: Duration,
    ) -> Taken {
        let SignedHead { feed, size, note } = found;
        if note.len() > HEAD_BYTES {
            return Taken::Refused;
        }
        let known = self.by_domain.get(&feed.domain);
        let is_older = known.is_some_and(|known| (known.head.feed.epoch, known.head.size) > (feed.epoch, *size));
        if is_older || known.is_some_and(|known| known.note == *note) {
            return Taken::Known;
        }
        let Some(writer) = directory.writer(&feed.domain).filter(|writer| writer.epoch == feed.epoch) else {
            return Taken::NotYet;
        };
        let Ok(head) = FeedHead::verify(note, &self.mesh, feed, &writer.key) else { return Taken::Refused };
        if head.size != *size {
            return Taken::Refused;
        }
        let same = known.filter(|known| (known.head.feed.epoch, known.head.size) == (feed.epoch, *size));
        if let Some(known) = same {
            let is_conflict = known.head.root != head.root;
            return if is_conflict { Taken::Conflict(known.note.clone()) } else { Taken::Known };
        }
        let bucket = &mut self.buckets[bucket_of(&feed.domain)];
        *bucket ^= mark(&head.feed, head.size, &head.root);
        let heard = HeardHead { head, note: note.clone(), from, at: now };
        if let Some(before) = self.by_domain.insert(feed.domain.clone(), heard) {
            *bucket ^= mark(&before.head.feed, before.head.size, &before.head.root);
        }
        Taken::Newer
    }

    /// The newest head of a domain's feed.
    pub fn get(&self, domain: &DomainName) -> Option<&HeardHead> {
        self.by_domain.get(domain)
    }

    /// All heads, by domain.
    pub fn iter(&self) -> impl Iterator<Item = &HeardHead> {
        self.by_domain.values()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_domain.len()
    }

    /// Whether none was heard of.
    pub fn is_empty(&self) -> bool {
        self.by_domain.is_empty()
    }

    /// A sum over each part: two nodes with the same sums know the same heads.
    pub fn sums(&self) -> &[u64; BUCKETS] {
        &self.buckets
    }

    /// Heads in these parts (bit `n`: part `n`), behind a domain, up to a limit; whether there are more.
    pub(crate) fn page(&self, parts: u64, after: Option<&DomainName>, limit: usize) -> (Vec<SignedHead>, bool) {
        use core::ops::Bound;
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let wanted = |domain: &DomainName| parts >> bucket_of(domain) & 1 == 1;
        let mut heads = (self.by_domain.range::<DomainName, _>((from, Bound::Unbounded)))
            .filter(|(domain, _)| wanted(domain))
            .map(|(_, heard)| SignedHead {
                feed: heard.head.feed.clone(),
                size: heard.head.size,
                note: heard.note.clone(),
            });
        let page: Vec<SignedHead> = heads.by_ref().take(limit).collect();
        let more = heads.next().is_some();
        (page, more)
    }
}
