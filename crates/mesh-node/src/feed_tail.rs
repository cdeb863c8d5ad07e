//! The end of a feed that is being written: what was appended last, and which commands wait for the ledger.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use mesh_event::event::NO_LEAF;
use mesh_event::{EventKind, FeedEvent, FeedId};
use mesh_model::{Code, CommandId, ProductId};
use mesh_proto::status::MeshError;
use mesh_store::{Appender, Batch, Feed, StoreError};
use mesh_tlog::{Hash, leaf_hash};
use tokio::sync::watch;

use crate::feed_rules::FeedRules;
use crate::feed_writer::{Durable, Position, Receipt, Resolution};
use crate::feeds::product_of;
use crate::limits::DayUse;

/// The feed's named value with the last outbox number that was given out, and the last one up to which the feed has every verdict.
pub(crate) const OUTBOX: &str = "outbox";

/// The feed's named value with what its domain used up of a day.
pub(crate) const DAY: &str = "day";

/// The feed's named value with the least ledger size that its next events may name, big-endian; absent for 0.
pub(crate) const NAMED: &str = "named";

/// A command that is durable here and waits for the ledger.
pub(crate) struct Waiting {
    pub(crate) outbox: u64,
    pub(crate) seq: u64,
    pub(crate) bytes: Vec<u8>,
    pub(crate) leaf: Hash,
    pub(crate) root: Hash,
    pub(crate) command: CommandId,
    pub(crate) product: Option<ProductId>,
    pub(crate) since: Instant,
    pub(crate) resolution: watch::Sender<Option<Resolution>>,
}

/// The end of a feed, as its one writer knows it.
pub(crate) struct Tail {
    pub(crate) appender: Appender,
    pub(crate) last_leaf: Hash,
    pub(crate) last_outbox: u64,
    pub(crate) last_ledger_size: u64,
    pub(crate) waiting: VecDeque<Waiting>,
    /// Commands among `waiting`, so that a retry finds its first attempt.
    pub(crate) commands: HashMap<CommandId, u64>,
    /// Products among `waiting`, with how often: what the ledger will say about the next command depends on these.
    pub(crate) products: BTreeMap<ProductId, usize>,
    /// Nothing new is appended until then.
    pub(crate) held_until: Option<Instant>,
    /// Nothing is appended any more.
    pub(crate) closed: bool,
    /// What the domain used up of its day.
    pub(crate) used: DayUse,
    /// The domain's own rules in force.
    pub(crate) rules: Option<Arc<FeedRules>>,
    /// Numbers of facts that were appended a moment ago, and when; those that were copied since are left out.
    pub(crate) facts: VecDeque<(u64, Instant)>,
}

/// The last outbox number that was given out, and the last one up to which the feed has every verdict; 0 for none.
///
/// # Errors
/// When it can't be read.
pub fn outbox_value(feed: &Feed) -> Result<(u64, u64), StoreError> {
    let stored = feed.value(OUTBOX)?.unwrap_or_default();
    let number = |at: usize| stored.get(at..at + 8).and_then(|b| b.try_into().ok()).map_or(0, u64::from_be_bytes);
    Ok((number(0), number(8)))
}

/// The named value [`NAMED`].
///
/// # Errors
/// When it can't be read.
pub(crate) fn named_value(feed: &Feed) -> Result<u64, StoreError> {
    Ok(feed.value(NAMED)?.and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_be_bytes))
}

impl Tail {
    /// The end of a feed with nothing waiting yet.
    pub(crate) fn new(appender: Appender, last_leaf: Option<&[u8]>, last_outbox: u64) -> Self {
        Self {
            appender,
            last_leaf: last_leaf.map_or(NO_LEAF, leaf_hash),
            last_outbox,
            last_ledger_size: 0,
            waiting: VecDeque::new(),
            commands: HashMap::new(),
            products: BTreeMap::new(),
            held_until: None,
            closed: false,
            used: DayUse::default(),
            rules: None,
            facts: VecDeque::new(),
        }
    }

    /// The number of the domain's own rules in force; 0 for none.
    pub(crate) fn rules_number(&self) -> u64 {
        self.rules.as_ref().map_or(0, |rules| rules.number())
    }

    /// The last outbox number up to which everything is resolved: verdicts are appended before that.
    pub(crate) fn settled(&self) -> u64 {
        self.waiting.front().map_or(self.last_outbox, |first| first.outbox - 1)
    }

    pub(crate) fn write(&mut self, batch: &mut Batch, bytes: &[u8]) {
        self.appender.append(batch, bytes);
        self.last_leaf = leaf_hash(bytes);
    }

    pub(crate) fn wait(&mut self, waiting: Waiting) {
        self.commands.insert(waiting.command, waiting.outbox);
        if let Some(product) = &waiting.product {
            *self.products.entry(product.clone()).or_default() += 1;
        }
        self.waiting.push_back(waiting);
    }

    /// Takes a command out that waits no longer.
    pub(crate) fn remove(&mut self, outbox: u64) -> Option<Waiting> {
        let at = self.waiting.iter().position(|waiting| waiting.outbox == outbox)?;
        let waiting = self.waiting.remove(at)?;
        self.commands.remove(&waiting.command);
        if let Some(product) = &waiting.product
            && let Some(count) = self.products.get_mut(product)
        {
            *count -= 1;
            if *count == 0 {
                self.products.remove(product);
            }
        }
        Some(waiting)
    }

    pub(crate) fn receipt_again(&self, feed: &FeedId, outbox: u64, durable: watch::Receiver<u64>) -> Receipt {
        let waiting = self.waiting.iter().find(|w| w.outbox == outbox).expect("commands and waiting agree");
        let position = Position { feed: feed.clone(), seq: waiting.seq, outbox };
        let durable = Durable::Beyond(durable, waiting.seq);
        Receipt { position, durable, resolution: waiting.resolution.subscribe() }
    }

    /// Takes an event that was found at start into the waiting commands.
    pub(crate) fn take_up(&mut self, feed: &Feed, seq: u64, bytes: Vec<u8>, sealed: u64) -> Result<(), MeshError> {
        let damaged = |text: String| MeshError::new(Code::Damaged, text);
        let event = FeedEvent::decode(&bytes).map_err(|error| damaged(error.to_string()))?;
        self.last_ledger_size = self.last_ledger_size.max(event.ledger_size);
        let EventKind::Command { outbox, envelope } = event.kind else { return Ok(()) };
        if outbox <= sealed {
            return Ok(());
        }
        let command = mesh_event::Envelope::parse(envelope)
            .ok()
            .and_then(|envelope| mesh_event::Command::decode(envelope.payload()).ok())
            .ok_or_else(|| damaged(format!("event {seq} of the feed holds no command")))?;
        let root = feed.log().root_at(seq + 1).map_err(|error| damaged(error.to_string()))?;
        let (resolution, _) = watch::channel(None);
        self.wait(Waiting {
            outbox,
            seq,
            leaf: leaf_hash(&bytes),
            root,
            bytes,
            command: command.id,
            product: product_of(&command.body),
            since: Instant::now(),
            resolution,
        });
        Ok(())
    }
}
