//! News that travels with the packets of failure detection: heads of feeds, and that somebody has a newer checkpoint.
//!
//! ```text
//! head:       1: u8 | epoch u64 | size u64 | domain length u8 | domain | signed note
//! checkpoint: 2: u8 | size u64 | root: 32 | signed note, or nothing where it is too long
//! ```
//!
//! A head is passed on by whoever found its signature good. A checkpoint is judged by the ledger, which is not here: it is never
//! passed on as heard, but told anew by each node that has fetched and judged it. So nobody can send a mesh after a checkpoint that
//! does not exist, beyond those it talks to itself.

use core::time::Duration;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Buf as _, BufMut as _};
use mesh_event::FeedId;
use mesh_model::{DomainName, NodeId};
use mesh_tlog::Hash;

use crate::directory::Directory;
use crate::heads::{HEAD_BYTES, Heads, SignedHead, Taken};
use crate::identity::Identity;
use crate::output::Event;

/// Longest checkpoint note that travels in a rumour, in bytes; a longer one is fetched.
pub const CHECKPOINT_BYTES: usize = 700;
/// How long a checkpoint of some size is not told of again.
const HINT_PAUSE: Duration = Duration::from_secs(1);

/// A piece of news.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rumour {
    Head(SignedHead),
    Checkpoint { size: u64, root: Hash, note: Vec<u8> },
}

impl Rumour {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        match self {
            Self::Head(SignedHead { feed, size, note }) => {
                let domain = feed.domain.as_str().as_bytes();
                bytes.put_u8(1);
                bytes.put_u64(feed.epoch);
                bytes.put_u64(*size);
                bytes.put_u8(u8::try_from(domain.len()).expect("names are short"));
                bytes.put_slice(domain);
                bytes.put_slice(note);
            }
            Self::Checkpoint { size, root, note } => {
                bytes.put_u8(2);
                bytes.put_u64(*size);
                bytes.put_slice(root.as_bytes());
                bytes.put_slice(note);
            }
        }
        bytes
    }

    pub(crate) fn decode(mut bytes: &[u8]) -> Option<Self> {
        let tag = bytes.try_get_u8().ok()?;
        match tag {
            1 => {
                let (epoch, size) = (bytes.try_get_u64().ok()?, bytes.try_get_u64().ok()?);
                let length = usize::from(bytes.try_get_u8().ok()?);
                let (domain, note) = bytes.split_at_checked(length)?;
                let domain = DomainName::parse(core::str::from_utf8(domain).ok()?).ok()?;
                let is_fit = note.len() <= HEAD_BYTES;
                is_fit.then(|| Self::Head(SignedHead { feed: FeedId { domain, epoch }, size, note: note.to_vec() }))
            }
            2 => {
                let size = bytes.try_get_u64().ok()?;
                let (root, note) = bytes.split_first_chunk::<32>()?;
                let is_fit = note.len() <= CHECKPOINT_BYTES;
                is_fit.then(|| Self::Checkpoint { size, root: Hash::new(*root), note: note.to_vec() })
            }
            _ => None,
        }
    }
}

/// What a piece of news is about: foca keeps the newest of each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum About {
    Head { domain: DomainName, epoch: u64, size: u64 },
    Checkpoint { size: u64 },
}

impl foca::Invalidates for About {
    fn invalidates(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Head { domain, epoch, size }, Self::Head { domain: of, epoch: in_epoch, size: at }) => {
                domain == of && (epoch, size) >= (in_epoch, at)
            }
            (Self::Checkpoint { size }, Self::Checkpoint { size: other }) => size >= other,
            _ => false,
        }
    }
}

/// What the machine and foca's broadcasts share; foca owns its handler, so they meet behind a lock that nobody else takes for long.
pub(crate) struct News {
    pub(crate) now: Duration,
    pub(crate) heads: Heads,
    pub(crate) events: Vec<Event>,
    /// The newest checkpoint that this node has judged good.
    pub(crate) checkpoint: u64,
    /// The newest that it was told of, and when.
    hinted: (u64, Duration),
    pub(crate) refused: u64,
}

impl News {
    pub(crate) fn new(heads: Heads) -> Self {
        Self { now: Duration::ZERO, heads, events: Vec::new(), checkpoint: 0, hinted: (0, Duration::ZERO), refused: 0 }
    }

    /// Takes a head from a rumour or a pull, and tells of what came of it.
    pub(crate) fn take_head(&mut self, directory: &dyn Directory, found: &SignedHead, from: Option<NodeId>) -> Taken {
        let taken = self.heads.take(directory, found, from, self.now);
        match (&taken, from) {
            (Taken::Newer, Some(from)) => {
                let head = self.heads.get(&found.feed.domain).map(|heard| heard.head.clone());
                let head = head.expect("it was taken a moment ago");
                self.events.push(Event::HeadHeard { head, note: found.note.clone(), from });
            }
            (Taken::Conflict(kept), _) => {
                let (feed, size) = (found.feed.clone(), found.size);
                let notes = Box::new([kept.clone(), found.note.clone()]);
                self.events.push(Event::HeadConflict { feed, size, notes, from });
            }
            (Taken::Refused, _) => self.refused += 1,
            (Taken::Newer | Taken::Known | Taken::NotYet, _) => {}
        }
        taken
    }

    fn hear_checkpoint(&mut self, size: u64, root: Hash, note: Vec<u8>, from: NodeId) {
        let (hinted, at) = self.hinted;
        // Somebody who tells of one that does not exist keeps others back for a moment, not for ever.
        let is_news = size > hinted || self.now.saturating_sub(at) >= HINT_PAUSE;
        if size > self.checkpoint && is_news {
            self.hinted = (size, self.now);
            self.events.push(Event::CheckpointHint { size, root, from, note });
        }
    }
}

pub(crate) type SharedNews = Arc<Mutex<News>>;

pub(crate) fn lock(news: &SharedNews) -> MutexGuard<'_, News> {
    news.lock().unwrap_or_else(PoisonError::into_inner)
}

/// foca's end of it.
pub(crate) struct Rumours {
    pub(crate) news: SharedNews,
    pub(crate) directory: Arc<dyn Directory>,
}

impl foca::BroadcastHandler<Identity> for Rumours {
    type Key = About;
    type Error = core::convert::Infallible;

    /// What is no news, or not good, is not passed on. It is no error: the rest of the packet may be good.
    fn receive_item(&mut self, data: &[u8], sender: Option<&Identity>) -> Result<Option<About>, Self::Error> {
        let mut news = lock(&self.news);
        let Some(rumour) = Rumour::decode(data) else {
            news.refused += 1;
            return Ok(None);
        };
        let from = sender.map(|sender| sender.node_id);
        Ok(match rumour {
            Rumour::Head(head) => {
                let is_news = match from {
                    Some(_) => news.take_head(&*self.directory, &head, from) == Taken::Newer,
                    // From this node itself, which took it already: announced, or pulled.
                    None => news.heads.get(&head.feed.domain).is_some_and(|heard| heard.note == head.note),
                };
                let SignedHead { feed: FeedId { domain, epoch }, size, .. } = head;
                is_news.then_some(About::Head { domain, epoch, size })
            }
            Rumour::Checkpoint { size, root, note } => match from {
                Some(from) => {
                    news.hear_checkpoint(size, root, note, from);
                    None
                }
                None if size > news.checkpoint => {
                    news.checkpoint = size;
                    Some(About::Checkpoint { size })
                }
                None => None,
            },
        })
    }
}
