//! A copy of another node's feed on this node's disk.

use mesh_event::event::NO_LEAF;
use mesh_event::{Command, Envelope, EventKind, FeedEvent, FeedId};
use mesh_model::Code;
use mesh_proto::status::MeshError;
use mesh_store::{Appender, Batch, Feed, LogName, Store, StoreError};
use mesh_tlog::{Hash, leaf_hash};

use super::files;
use super::intake::{CopyEnd, Goal};
use crate::core::storage_error;
use crate::feed_writer::Position;
use crate::feeds::{COMMANDS, encode_position, find_command};

/// The copy's named value with the newest head that it has whole: size, root, and the signed note (empty where the domain's root
/// vouches for it).
const HEAD: &str = "head";
/// The copy's named value with what the next event has to follow: size, last leaf, ledger size, outbox number.
const END: &str = "end";
const END_BYTES: usize = 8 + 32 + 8 + 8;
/// Events that are read at once while an end is looked for.
const PAGE: u64 = 256;

/// The feed's name in the store.
///
/// # Errors
/// Never for a domain's name.
pub(crate) fn store_id(feed: &FeedId) -> Result<mesh_store::FeedId, MeshError> {
    mesh_store::FeedId::new(feed.domain.as_str(), feed.epoch).map_err(|e| storage_error(&e))
}

/// A head that a copy has whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptHead {
    /// Size and root.
    pub goal: Goal,
    /// The signed note; empty where the domain's root vouches for it.
    pub note: Vec<u8>,
}

/// A copy that is being filled. One at a time for each feed.
pub struct Copy {
    feed: Feed,
    appender: Appender,
    end: CopyEnd,
}

fn damaged(error: &StoreError) -> MeshError {
    MeshError::new(Code::Damaged, error.to_string())
}

impl Copy {
    /// Opens the copy where it ends.
    ///
    /// # Errors
    /// [`Code::ReadOnly`] for a feed that is written here, [`Code::Damaged`].
    pub fn open(store: &Store, id: &FeedId) -> Result<Self, MeshError> {
        let feed = store.feed(store_id(id)?);
        let appender = feed.log().repairer().map_err(|error| match error {
            StoreError::Written { .. } => MeshError::new(Code::ReadOnly, error.to_string()),
            error => damaged(&error),
        })?;
        let end = end_of(&feed, &appender)?;
        Ok(Self { feed, appender, end })
    }

    /// What the next event has to follow.
    pub fn end(&self) -> &CopyEnd {
        &self.end
    }

    /// The last command on which the copy has a verdict, by its outbox number; 0 for none. Looks through the copy from its end.
    ///
    /// # Errors
    /// [`Code::Damaged`].
    pub fn last_verdict(&self) -> Result<u64, MeshError> {
        let mut to = self.end.size();
        while to > 0 {
            let from = to.saturating_sub(PAGE);
            let page = self.feed.log().leaves(from..to, usize::try_from(PAGE).expect("small"));
            for (_, bytes) in page.map_err(|e| damaged(&e))?.into_iter().rev() {
                let event = FeedEvent::decode(&bytes)
                    .map_err(|error| MeshError::new(Code::Damaged, format!("an event of a copy: {error}")))?;
                if let EventKind::Verdict { outbox, .. } = event.kind {
                    return Ok(outbox);
                }
            }
            to = from;
        }
        Ok(0)
    }

    /// Keeps events that [`super::intake::check`] let pass, and the head once they reach it. Durable when this returns: for a thread that
    /// may block.
    ///
    /// # Errors
    /// [`Code::StorageFailed`]; then the copy has to be opened anew.
    pub fn keep(&mut self, store: &Store, events: &[Vec<u8>], next: CopyEnd, head: &KeptHead) -> Result<(), MeshError> {
        let mut batch = Batch::new();
        self.appender.append_all(&mut batch, events);
        assert_eq!(self.appender.root(), next.frontier.root(), "what was checked is what is kept");
        files::want(store, &mut batch, events);
        note_commands(store, &mut batch, events)?;
        self.put_end(&mut batch, &next)?;
        if next.size() == head.goal.size {
            put_head(&self.feed, &mut batch, head)?;
        }
        store.committer().commit_blocking(batch).map_err(|e| storage_error(&e))?;
        self.end = next;
        Ok(())
    }

    fn put_end(&self, batch: &mut Batch, end: &CopyEnd) -> Result<(), MeshError> {
        let mut value = end.size().to_be_bytes().to_vec();
        value.extend_from_slice(end.last_leaf.as_bytes());
        value.extend_from_slice(&end.ledger_size.to_be_bytes());
        value.extend_from_slice(&end.outbox.to_be_bytes());
        self.feed.put_value(batch, END, &value).map_err(|e| storage_error(&e))
    }

    /// Throws the copy away: it is of a history that does not count, or too damaged to go on from. For a thread that may block.
    ///
    /// # Errors
    /// [`Code::StorageFailed`].
    pub fn clear(self, store: &Store) -> Result<(), MeshError> {
        let fail = |e: StoreError| storage_error(&e);
        let mut batch = Batch::new();
        self.feed.delete_value(&mut batch, HEAD);
        self.feed.delete_value(&mut batch, END);
        store.committer().commit_blocking(batch).map_err(fail)?;
        while let Some(batch) = self.feed.log().clear(1_024).map_err(fail)? {
            store.committer().commit_blocking(batch).map_err(fail)?;
        }
        Ok(())
    }
}

/// Lets a node that becomes the domain's home answer commands that the homes before it took with their first results.
fn note_commands(store: &Store, batch: &mut Batch, events: &[Vec<u8>]) -> Result<(), MeshError> {
    let index = store.index(COMMANDS);
    for bytes in events {
        let Ok(FeedEvent { feed, seq, kind: EventKind::Command { outbox, envelope }, .. }) = FeedEvent::decode(bytes)
        else {
            continue;
        };
        let command = Envelope::parse(envelope).ok().and_then(|parsed| Command::decode(parsed.payload()).ok());
        let Some(Command { id, .. }) = command else { continue };
        // One that was offered again in a later epoch counts there.
        let is_later = find_command(store, &id)?.is_some_and(|known| known.feed.epoch > feed.epoch);
        if !is_later {
            index.put(batch, &id.0, &encode_position(&Position { feed, seq, outbox }));
        }
    }
    Ok(())
}

/// Notes a head that the copy has whole.
fn put_head(feed: &Feed, batch: &mut Batch, head: &KeptHead) -> Result<(), MeshError> {
    let mut value = head.goal.size.to_be_bytes().to_vec();
    value.extend_from_slice(head.goal.root.as_bytes());
    value.extend_from_slice(&head.note);
    feed.put_value(batch, HEAD, &value).map_err(|e| storage_error(&e))
}

/// Notes a head that the copy had whole before its note came. For a thread that may block.
///
/// # Errors
/// [`Code::StorageFailed`].
pub fn note_head(store: &Store, id: &FeedId, head: &KeptHead) -> Result<(), MeshError> {
    let mut batch = Batch::new();
    put_head(&store.feed(store_id(id)?), &mut batch, head)?;
    store.committer().commit_blocking(batch).map_err(|e| storage_error(&e))
}

/// The newest head that a copy has whole and can be read.
///
/// # Errors
/// [`Code::Damaged`].
pub fn kept_head(store: &Store, id: &FeedId) -> Result<Option<KeptHead>, MeshError> {
    let feed = store.feed(store_id(id)?);
    let Some(value) = feed.value(HEAD).map_err(|e| damaged(&e))? else { return Ok(None) };
    let wrong = || MeshError::new(Code::Damaged, "the head of a copy is damaged");
    let (size, rest) = value.split_first_chunk().ok_or_else(wrong)?;
    let (root, note) = rest.split_first_chunk().ok_or_else(wrong)?;
    let goal = Goal { size: u64::from_be_bytes(*size), root: Hash::new(*root) };
    let is_whole = feed.log().size().is_ok_and(|size| size >= goal.size)
        && (goal.size == 0 || feed.log().root_at(goal.size).is_ok_and(|root| root == goal.root));
    Ok(is_whole.then(|| KeptHead { goal, note: note.to_vec() }))
}

/// Whether a start found the feed damaged and nobody repaired it since.
pub fn is_damaged(store: &Store, id: &mesh_store::FeedId) -> bool {
    let name = LogName::Feed(id.clone());
    store.damage().iter().any(|damage| matches!(damage, mesh_store::Damage::Log { log, .. } if *log == name))
}

/// The end of what is there: noted with the last batch, or read from the last events of a feed that was written here.
fn end_of(feed: &Feed, appender: &Appender) -> Result<CopyEnd, MeshError> {
    let size = appender.size();
    let frontier = appender.frontier().clone();
    if size == 0 {
        return Ok(CopyEnd::empty());
    }
    let stored = feed.value(END).map_err(|e| damaged(&e))?.filter(|value| value.len() == END_BYTES);
    if let Some(value) = stored {
        let number = |at: usize| value[at..at + 8].try_into().map_or(0, u64::from_be_bytes);
        if number(0) == size {
            let last_leaf = Hash::try_from(&value[8..40]).unwrap_or(NO_LEAF);
            return Ok(CopyEnd { frontier, last_leaf, ledger_size: number(40), outbox: number(48) });
        }
    }
    let mut end = CopyEnd { frontier, last_leaf: NO_LEAF, ledger_size: 0, outbox: 0 };
    let mut to = size;
    while to > 0 {
        let from = to.saturating_sub(PAGE);
        let page = feed.log().leaves(from..to, usize::try_from(PAGE).expect("small")).map_err(|e| damaged(&e))?;
        for (seq, bytes) in page.iter().rev() {
            let event = FeedEvent::decode(bytes).map_err(|error| {
                MeshError::new(Code::Damaged, format!("event {seq} of a copy does not decode: {error}"))
            })?;
            if seq + 1 == size {
                end.last_leaf = leaf_hash(bytes);
                end.ledger_size = event.ledger_size;
            }
            if let EventKind::Command { outbox, .. } = event.kind {
                end.outbox = outbox;
                return Ok(end);
            }
        }
        to = from;
    }
    Ok(end)
}
