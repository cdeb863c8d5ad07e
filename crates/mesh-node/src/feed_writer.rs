//! The one writer of one feed.
//!
//! A feed has one writer: the node that the ledger names for the domain's epoch in force. It numbers events, chains them, hands them
//! to the group commit and remembers which commands still wait for the ledger. Taking them there is the outbox's work.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mesh_event::{Envelope, EventKind, FeedEvent, FeedHead, FeedId, LedgerLeaf, SignedFact, SignedRules, Signer};
use mesh_governance::OwnRules;
use mesh_model::{Code, CommandId, LedgerIndex, MeshId, ProductId, UnixMs, limits};
use mesh_proto::status::MeshError;
use mesh_store::{Batch, Feed, Store};
use tokio::sync::{Notify, oneshot, watch};

use crate::clock::now_unix_ms;
use crate::day_use;
use crate::feed_rules::{FeedRules, RULES};
use crate::feed_tail::{DAY, NAMED, OUTBOX, Tail, Waiting, named_value, outbox_value};
use crate::feeds::{COMMANDS, encode_position};
use crate::limits::{DayQuota, DayUse};
use crate::publish::Admitted;
use crate::verdict::{Before, verdict};

/// How long commands wait for a fact before them to be copied.
const COPYING: Duration = Duration::from_secs(2);

/// What the ledger said about a command; everybody who waits for it sees the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// Where in the ledger.
    pub ledger_index: LedgerIndex,
    /// The outcome.
    pub code: Code,
    /// What it is about.
    pub detail: String,
}

/// Whether a feed has a verdict on a command that was decided so.
pub fn is_refusal(code: Code) -> bool {
    !matches!(code, Code::Accepted | Code::AlreadySo)
}

/// How a wait for the ledger ended: decided, or refused without a leaf.
pub type Resolution = Result<Decided, MeshError>;

/// Where a command lies in its feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The feed.
    pub feed: FeedId,
    /// The event's number.
    pub seq: u64,
    /// The command's number in the epoch's outbox.
    pub outbox: u64,
}

/// A run of waiting commands that is ready to be proposed.
#[derive(Debug)]
pub struct Ready {
    /// The signed head that covers them.
    pub head: FeedHead,
    /// The exact events.
    pub events: Vec<Vec<u8>>,
    /// The first one's outbox number.
    pub first_outbox: u64,
}

/// The one writer of one feed.
pub struct FeedWriter {
    id: FeedId,
    mesh: MeshId,
    store: Arc<Store>,
    feed: Feed,
    limit: usize,
    quota: DayQuota,
    tail: Mutex<Tail>,
    /// Outbox numbers that the ledger decided and whose verdicts a crash may have kept out of the feed.
    unsettled: std::ops::RangeInclusive<u64>,
    /// Events below this number are durable.
    durable: Arc<watch::Sender<u64>>,
    wake: Arc<Notify>,
    /// The newest head that was signed for other nodes.
    signed: Mutex<Option<(FeedHead, Vec<u8>)>>,
}

/// The wait for an event to be durable.
#[derive(Debug)]
pub enum Durable {
    /// The first attempt waits for its own commit.
    Commit(oneshot::Receiver<Result<(), MeshError>>),
    /// A retry waits until the feed is durable beyond the event.
    Beyond(watch::Receiver<u64>, u64),
}

impl Durable {
    /// Waits.
    ///
    /// # Errors
    /// [`Code::StorageFailed`] when the disk refused: the command is not acknowledged.
    pub async fn wait(self) -> Result<(), MeshError> {
        let gone = || MeshError::new(Code::StorageFailed, "the store closed before the event was durable");
        match self {
            Self::Commit(told) => told.await.map_err(|_| gone())?,
            Self::Beyond(mut size, seq) => size.wait_for(|size| *size > seq).await.map(|_| ()).map_err(|_| gone()),
        }
    }
}

/// What an append gives: where, when it is durable, and what the ledger will say.
#[derive(Debug)]
pub struct Receipt {
    /// Where it lies.
    pub position: Position,
    /// When the event is durable here.
    pub durable: Durable,
    /// Resolves when the ledger decided.
    pub resolution: watch::Receiver<Option<Resolution>>,
}

/// What setting a domain's own rules gives.
#[derive(Debug)]
pub struct RulesReceipt {
    /// The rules in force from here on.
    pub rules: Arc<FeedRules>,
    /// When their event is durable here.
    pub durable: Durable,
}

/// What stating a fact gives.
#[derive(Debug)]
pub struct FactReceipt {
    /// The event's number in the feed.
    pub seq: u64,
    /// When it is durable here.
    pub durable: Durable,
}

fn storage(error: &mesh_store::StoreError) -> MeshError {
    MeshError::new(Code::StorageFailed, error.to_string())
}

impl FeedWriter {
    /// Opens the feed for writing: finds its end and every command that the ledger has not decided yet.
    ///
    /// `limit` commands may wait, and `quota` be taken in a day. `sealed_outbox` and `sealed_seq` are the ledger's cursor for this epoch.
    ///
    /// # Errors
    /// [`Code::Damaged`] or [`Code::StorageFailed`] when the feed's end cannot be read.
    pub fn open(
        id: FeedId,
        mesh: MeshId,
        store: Arc<Store>,
        (limit, quota): (usize, DayQuota),
        sealed_outbox: u64,
        sealed_seq: Option<u64>,
    ) -> Result<Arc<Self>, MeshError> {
        let store_id = mesh_store::FeedId::new(id.domain.as_str(), id.epoch).map_err(|e| storage(&e))?;
        let feed = store.feed(store_id);
        let damaged = |error: &mesh_store::StoreError| MeshError::new(Code::Damaged, error.to_string());
        let appender = feed.log().appender().map_err(|e| damaged(&e))?;
        let size = appender.size();
        if let Some(sealed) = sealed_seq.filter(|sealed| *sealed >= size) {
            let (domain, epoch) = (&id.domain, id.epoch);
            let text = format!(
                "the ledger knows event {sealed} of the feed {domain}/{epoch} and this node's copy has {size} events; \
                 a node that lost its feed never writes it again: nothing happened"
            );
            return Err(MeshError::new(Code::ReadOnly, text));
        }
        let last_leaf = match size.checked_sub(1) {
            None => None,
            Some(last) => Some(feed.log().leaf(last).map_err(|e| damaged(&e))?.unwrap_or_default()),
        };
        let (given_out, settled) = outbox_value(&feed).map_err(|e| damaged(&e))?;
        let mut tail = Tail::new(appender, last_leaf.as_deref(), given_out.max(sealed_outbox));
        tail.last_ledger_size = named_value(&feed).map_err(|e| damaged(&e))?;
        if let Some(bytes) = &last_leaf {
            let last = FeedEvent::decode(bytes).map_err(|error| MeshError::new(Code::Damaged, error.to_string()))?;
            tail.last_ledger_size = tail.last_ledger_size.max(last.ledger_size);
        }
        // Rules that cannot be read keep the feed from being written: nothing would hold in it.
        let used = feed.value(DAY).map_err(|e| damaged(&e))?;
        tail.used = match used.and_then(|bytes| DayUse::from_bytes(&bytes)) {
            Some(used) => used,
            None => day_use::of_earlier_epochs(&store, &id)?,
        };
        tail.rules = FeedRules::stored(&feed, &mesh)?.map(Arc::new);
        let mut from = sealed_seq.map_or(0, |seq| seq + 1);
        while from < size {
            let page = feed.log().leaves(from..size, 512).map_err(|e| damaged(&e))?;
            let Some((last, _)) = page.last() else { break };
            from = last + 1;
            for (seq, bytes) in page {
                tail.take_up(&feed, seq, bytes, sealed_outbox)?;
            }
        }
        Ok(Arc::new(Self {
            id,
            mesh,
            store,
            feed,
            limit,
            quota,
            durable: Arc::new(watch::Sender::new(tail.appender.size())),
            tail: Mutex::new(tail),
            unsettled: settled + 1..=sealed_outbox,
            wake: Arc::new(Notify::new()),
            signed: Mutex::default(),
        }))
    }

    /// The feed.
    pub fn id(&self) -> &FeedId {
        &self.id
    }

    fn tail(&self) -> MutexGuard<'_, Tail> {
        self.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The commands about this product that wait for the ledger, in their order.
    pub fn waiting_for(&self, product: &ProductId) -> Vec<Envelope> {
        let tail = self.tail();
        if !tail.products.contains_key(product) {
            return Vec::new();
        }
        (tail.waiting.iter())
            .filter(|waiting| waiting.product.as_ref() == Some(product))
            .filter_map(|waiting| match FeedEvent::decode(&waiting.bytes).ok()?.kind {
                EventKind::Command { envelope, .. } => Envelope::parse(envelope).ok(),
                EventKind::Verdict { .. } | EventKind::Rules { .. } | EventKind::Fact { .. } => None,
            })
            .collect()
    }

    /// The receipt of a command that waits for the ledger.
    pub fn receipt_of(&self, command: &CommandId) -> Option<Receipt> {
        let tail = self.tail();
        let outbox = tail.commands.get(command).copied()?;
        Some(tail.receipt_again(&self.id, outbox, self.durable.subscribe()))
    }

    /// How many commands wait, and for how long the oldest does.
    pub fn backlog(&self) -> (usize, Option<Duration>) {
        let tail = self.tail();
        (tail.waiting.len(), tail.waiting.front().map(|first| first.since.elapsed()))
    }

    /// How many events the feed has.
    pub fn size(&self) -> u64 {
        self.tail().appender.size()
    }

    /// Appends nothing new for so long, for the domain is about to move.
    pub fn hold(&self, long: Duration) {
        self.tail().held_until = Some(Instant::now() + long);
    }

    /// How many events are durable.
    pub fn durable_size(&self) -> u64 {
        *self.durable.borrow()
    }

    /// Stops it for good: its epoch ended, or this node must not write it. What waits is no longer proposed from here.
    pub fn close(&self) {
        self.tail().closed = true;
        self.wake.notify_one();
    }

    /// Whether it was stopped.
    pub fn is_closed(&self) -> bool {
        self.tail().closed
    }

    /// From here on every event names at least this ledger size, also after a restart. Returns how many events there were: those may name
    /// less. For a thread that may block.
    ///
    /// # Errors
    /// [`Code::StorageFailed`].
    pub fn name_at_least(&self, ledger_size: u64) -> Result<u64, MeshError> {
        let (size, named) = {
            let mut tail = self.tail();
            tail.last_ledger_size = tail.last_ledger_size.max(ledger_size);
            (tail.appender.size(), tail.last_ledger_size)
        };
        let mut batch = Batch::new();
        self.feed.put_value(&mut batch, NAMED, &named.to_be_bytes()).map_err(|e| storage(&e))?;
        self.store.committer().commit_blocking(batch).map_err(|e| storage(&e))?;
        Ok(size)
    }

    /// The head of what is durable, signed; `None` for an empty feed. Signed once for each size: other nodes ask often.
    ///
    /// # Errors
    /// [`Code::Damaged`] when the feed cannot be read.
    pub fn signed_head(&self, node: &dyn Signer) -> Result<Option<(FeedHead, Vec<u8>)>, MeshError> {
        let size = *self.durable.borrow();
        let mut signed = self.signed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((head, note)) = signed.as_ref().filter(|(head, _)| head.size == size) {
            return Ok(Some((head.clone(), note.clone())));
        }
        let damaged = |error: &mesh_store::StoreError| MeshError::new(Code::Damaged, error.to_string());
        let Some(last) = size.checked_sub(1) else { return Ok(None) };
        let root = self.feed.log().root_at(size).map_err(|e| damaged(&e))?;
        let leaf = self.feed.log().leaf(last).map_err(|e| damaged(&e))?.unwrap_or_default();
        let head = FeedHead { feed: self.id.clone(), size, root, last_leaf: mesh_tlog::leaf_hash(&leaf) };
        let note = head.sign(&self.mesh, node).expect("a mesh id and a domain name always make an origin");
        *signed = Some((head.clone(), note.clone()));
        Ok(Some((head, note)))
    }

    /// Appends an admitted command. The event is numbered here and now, so concurrent callers are ordered; it is durable when
    /// [`Receipt::durable`] says so. A command id that waits already gives the first attempt's receipt.
    ///
    /// # Errors
    /// [`Code::OutboxFull`] when too much waits for the ledger, [`Code::QuotaUsedUp`] for today, [`Code::Unavailable`] when the domain's own rules changed since the
    /// command was admitted: nothing happened.
    pub fn append(&self, admitted: &Admitted, ledger_size: u64) -> Result<Receipt, MeshError> {
        self.append_below(self.limit, &self.quota, admitted, ledger_size)
    }

    /// [`FeedWriter::append`] of a command that waited in another epoch's feed already: there is room for it, for it was acknowledged.
    ///
    /// # Errors
    /// As there, without [`Code::OutboxFull`] and [`Code::QuotaUsedUp`].
    pub(crate) fn append_carried(&self, admitted: &Admitted, ledger_size: u64) -> Result<Receipt, MeshError> {
        self.append_below(usize::MAX, &DayQuota::NONE, admitted, ledger_size)
    }

    fn append_below(
        &self,
        limit: usize,
        quota: &DayQuota,
        admitted: &Admitted,
        ledger_size: u64,
    ) -> Result<Receipt, MeshError> {
        let command = admitted.signed.command();
        let mut tail = self.tail();
        if let Some(outbox) = tail.commands.get(&command.id).copied() {
            return Ok(tail.receipt_again(&self.id, outbox, self.durable.subscribe()));
        }
        self.check_open(&tail)?;
        if tail.waiting.len() >= limit {
            let domain = &self.id.domain;
            let text = format!("{limit} commands of {domain} wait for the ledger already; nothing happened");
            return Err(MeshError::new(Code::OutboxFull, text));
        }
        // So that no version comes after rules in its feed that it was not judged by.
        if let Some(judged_by) = admitted.judged_by.filter(|number| *number != tail.rules_number()) {
            let (domain, now) = (&self.id.domain, tail.rules_number());
            let text = format!(
                "set {now} of {domain}'s own rules came after set {judged_by} had let it pass; nothing happened"
            );
            return Err(MeshError::new(Code::Unavailable, text));
        }
        let outbox = tail.last_outbox + 1;
        let kind = EventKind::Command { outbox, envelope: admitted.signed.envelope().bytes().to_vec() };
        let event = self.next_event(&mut tail, ledger_size, kind);
        let (seq, bytes) = (event.seq, event.encode());
        let used = tail.used.with(bytes.len() as u64, event.at_unix_ms, quota, &self.id.domain)?;
        let position = Position { feed: self.id.clone(), seq, outbox };
        let mut batch = Batch::new();
        self.feed.put_value(&mut batch, DAY, &used.to_bytes()).map_err(|e| storage(&e))?;
        tail.used = used;
        tail.write(&mut batch, &bytes);
        self.put_outbox(&mut batch, outbox, tail.settled())?;
        let key = encode_position(&position);
        self.store.index(COMMANDS).put(&mut batch, &command.id.0, &key);
        let durable = self.commit(batch, seq);

        tail.last_outbox = outbox;
        let (sender, resolution) = watch::channel(None);
        let waiting = Waiting {
            outbox,
            seq,
            leaf: tail.last_leaf,
            root: tail.appender.root(),
            bytes,
            command: command.id,
            product: admitted.product.clone(),
            since: Instant::now(),
            resolution: sender,
        };
        tail.wait(waiting);
        Ok(Receipt { position, durable: Durable::Commit(durable), resolution })
    }

    /// Appends what the ledger said about a rejected command: the feed's history says why.
    ///
    /// # Errors
    /// [`Code::StorageFailed`].
    pub fn append_verdict(&self, outbox: u64, leaf: &LedgerLeaf) -> Result<(), MeshError> {
        let mut tail = self.tail();
        if tail.closed {
            // The ledger has it, and nobody continues this feed.
            return Ok(());
        }
        let (seq, previous_leaf, ledger_size) = (tail.appender.size(), tail.last_leaf, tail.last_ledger_size);
        let event = verdict(self.mesh, &self.id, &Before { seq, previous_leaf, ledger_size }, outbox, leaf);
        tail.last_ledger_size = event.ledger_size;
        let (seq, bytes) = (event.seq, event.encode());
        let mut batch = Batch::new();
        tail.write(&mut batch, &bytes);
        // Verdicts are appended in the order of their commands: all before this one are settled.
        self.put_outbox(&mut batch, tail.last_outbox, outbox)?;
        drop(self.commit(batch, seq));
        Ok(())
    }

    fn check_open(&self, tail: &Tail) -> Result<(), MeshError> {
        if !tail.closed {
            if tail.held_until.is_none_or(|until| Instant::now() >= until) {
                return Ok(());
            }
            let text = format!("{} is about to move to another node; nothing happened", self.id.domain);
            return Err(MeshError::new(Code::Unavailable, text));
        }
        let (domain, epoch) = (&self.id.domain, self.id.epoch);
        let text =
            format!("epoch {epoch} of the feed of {domain} ended, and another one is written now; nothing happened");
        Err(MeshError::new(Code::OldEpoch, text))
    }

    /// The event that comes next, by a writer that has applied so much of the ledger.
    fn next_event(&self, tail: &mut Tail, ledger_size: u64, kind: EventKind) -> FeedEvent {
        tail.last_ledger_size = tail.last_ledger_size.max(ledger_size);
        FeedEvent {
            mesh_id: self.mesh,
            feed: self.id.clone(),
            seq: tail.appender.size(),
            previous_leaf: tail.last_leaf,
            ledger_size: tail.last_ledger_size,
            at_unix_ms: now_unix_ms(),
            kind,
        }
    }

    /// Appends the domain's own rules, which were admitted. They are in force for every command that is appended after them. What
    /// is in force already, by its signed bytes, gives the first append's receipt.
    ///
    /// # Errors
    /// [`Code::StaleRules`] when they take the place of other rules than those in force, [`Code::TooLarge`] for an event over
    /// [`limits::EVENT_BYTES`]: nothing happened.
    pub fn append_rules(
        &self,
        signed: &SignedRules,
        ledger_size: u64,
        stamp_of: impl FnOnce(u64) -> Result<UnixMs, MeshError>,
    ) -> Result<RulesReceipt, MeshError> {
        let mut tail = self.tail();
        if let Some(rules) = tail.rules.as_ref().filter(|rules| rules.signed.digest() == signed.digest()) {
            let (rules, seq) = (Arc::clone(rules), rules.event.seq);
            return Ok(RulesReceipt { rules, durable: self.durable_beyond(seq) });
        }
        self.check_open(&tail)?;
        let (number, in_force) = (signed.rules().number, tail.rules_number());
        if number.checked_sub(1) != Some(in_force) {
            let domain = &self.id.domain;
            let expected = in_force + 1;
            let text =
                format!("these are set {number} of {domain}'s own rules; expected set {expected}: nothing happened");
            return Err(MeshError::new(Code::StaleRules, text));
        }
        let kind = EventKind::Rules { envelope: signed.envelope().bytes().to_vec() };
        let event = self.next_event(&mut tail, ledger_size, kind);
        let bytes = event.encode();
        if bytes.len() > limits::EVENT_BYTES {
            let (found, most) = (bytes.len(), limits::EVENT_BYTES);
            let text =
                format!("these rules make an event of {found} bytes; at most {most} are taken: nothing happened");
            return Err(MeshError::new(Code::TooLarge, text));
        }
        // A ledger without traffic has an old last stamp, which must not eat the grace of what was there.
        let now = stamp_of(event.ledger_size)?.max(event.at_unix_ms);
        let since = OwnRules::since_when(signed, tail.rules.as_ref().map(|rules| &rules.own), now);
        let rules = Arc::new(FeedRules::read(bytes, &self.mesh, &since)?);
        let seq = rules.event.seq;
        let mut batch = Batch::new();
        tail.write(&mut batch, &rules.bytes);
        self.feed.put_value(&mut batch, RULES, &rules.place()).map_err(|e| storage(&e))?;
        let durable = self.commit(batch, seq);
        tail.rules = Some(Arc::clone(&rules));
        Ok(RulesReceipt { rules, durable: Durable::Commit(durable) })
    }

    /// Appends a fact about one of the domain's products, which was admitted and judged by this time.
    ///
    /// # Errors
    /// [`Code::TooLarge`] for an event over [`limits::EVENT_BYTES`], [`Code::OldEpoch`] and [`Code::Unavailable`] around a move: nothing
    /// happened.
    pub fn append_fact(&self, signed: &SignedFact, ledger_size: u64, at: UnixMs) -> Result<FactReceipt, MeshError> {
        let mut tail = self.tail();
        self.check_open(&tail)?;
        // Its author's rights were judged at that size, and the event is judged by what it names.
        if tail.last_ledger_size > ledger_size {
            let text = format!("the ledger grew while a fact of {} was judged; nothing happened", self.id.domain);
            return Err(MeshError::new(Code::Unavailable, text));
        }
        let kind = EventKind::Fact { envelope: signed.envelope().bytes().to_vec() };
        let event = FeedEvent { at_unix_ms: at, ..self.next_event(&mut tail, ledger_size, kind) };
        let (seq, bytes) = (event.seq, event.encode());
        if bytes.len() > limits::EVENT_BYTES {
            let (found, most) = (bytes.len(), limits::EVENT_BYTES);
            let text = format!("this fact makes an event of {found} bytes; at most {most} are taken: nothing happened");
            return Err(MeshError::new(Code::TooLarge, text));
        }
        let mut batch = Batch::new();
        tail.write(&mut batch, &bytes);
        tail.facts.retain(|(_, since)| since.elapsed() < COPYING);
        tail.facts.push_back((seq, Instant::now()));
        Ok(FactReceipt { seq, durable: Durable::Commit(self.commit(batch, seq)) })
    }

    /// Whether a fact below `size` came in a moment ago that nobody else has: `copied` events are elsewhere, as far as is known. A command behind
    /// it that is sealed before that is fetched would have to be continued without the event before it, should this disk be lost: nobody
    /// could.
    pub fn awaits_a_copy(&self, size: u64, copied: u64) -> bool {
        let mut tail = self.tail();
        tail.facts.retain(|(seq, since)| *seq >= copied && since.elapsed() < COPYING);
        tail.facts.front().is_some_and(|(seq, _)| *seq < size)
    }

    /// The domain's own rules in force; `None` when none were set in this epoch.
    pub fn rules(&self) -> Option<Arc<FeedRules>> {
        self.tail().rules.clone()
    }

    /// Outbox numbers that the ledger decided before this writer was opened and whose verdicts may be missing in the feed. After a
    /// crash these are the commands that were under way; never more than may wait at once.
    pub fn unsettled(&self) -> std::ops::RangeInclusive<u64> {
        self.unsettled.clone()
    }

    fn put_outbox(&self, batch: &mut Batch, given_out: u64, settled: u64) -> Result<(), MeshError> {
        let value = [given_out.to_be_bytes(), settled.to_be_bytes()].concat();
        self.feed.put_value(batch, OUTBOX, &value).map_err(|e| storage(&e))
    }

    /// Hands the batch to the group commit. Called with the tail locked, so batches are queued in the order of their
    /// events; the callback must therefore not take that lock.
    fn commit(&self, batch: Batch, seq: u64) -> oneshot::Receiver<Result<(), MeshError>> {
        let (tell, told) = oneshot::channel();
        let (durable, wake) = (Arc::clone(&self.durable), Arc::clone(&self.wake));
        self.store.committer().commit(
            batch,
            Box::new(move |result| {
                if result.is_ok() {
                    durable.send_modify(|size| *size = seq + 1);
                    wake.notify_one();
                }
                // Nobody may be waiting any more: the client went away.
                drop(tell.send(result.map_err(|error| storage(&error))));
            }),
        );
        told
    }

    /// Resolves when something became durable since the last call, or at once if that was missed.
    pub async fn changed(&self) {
        self.wake.notified().await;
    }

    /// The longest run of durable commands from the front whose events are consecutive, within the limits of one batch.
    pub fn ready(&self, node: &dyn Signer) -> Option<(Ready, Vec<u8>)> {
        let (head, events, first_outbox) = {
            let tail = self.tail();
            let durable = *self.durable.borrow();
            let mut bytes = 0;
            let mut run: Vec<&Waiting> = Vec::new();
            for waiting in &tail.waiting {
                bytes += waiting.bytes.len();
                let follows = run.last().is_none_or(|last| last.seq + 1 == waiting.seq);
                let fits = run.is_empty() || (run.len() < limits::FEED_BATCH && bytes <= limits::FEED_BATCH_BYTES);
                if waiting.seq >= durable || !follows || !fits {
                    break;
                }
                run.push(waiting);
            }
            let (first, last) = (run.first()?, run.last()?);
            let head = FeedHead { feed: self.id.clone(), size: last.seq + 1, root: last.root, last_leaf: last.leaf };
            (head, run.iter().map(|waiting| waiting.bytes.clone()).collect(), first.outbox)
        };
        let note = head.sign(&self.mesh, node).expect("a mesh id and a domain name always make an origin");
        Some((Ready { head, events, first_outbox }, note))
    }

    /// Tells everybody who waits for this command, and forgets it.
    pub fn resolve(&self, outbox: u64, resolution: Resolution) {
        let Some(waiting) = self.tail().remove(outbox) else { return };
        waiting.resolution.send_replace(Some(resolution));
    }

    /// What the ledger will say about a waiting command; `None` when it does not wait.
    pub fn resolution(&self, outbox: u64) -> Option<watch::Receiver<Option<Resolution>>> {
        self.tail()
            .waiting
            .iter()
            .find(|waiting| waiting.outbox == outbox)
            .map(|waiting| waiting.resolution.subscribe())
    }

    /// The wait for an event of this feed to be durable.
    pub fn durable_beyond(&self, seq: u64) -> Durable {
        Durable::Beyond(self.durable.subscribe(), seq)
    }

    /// Outbox numbers that wait, up to and including this one: after a retry, what the ledger may know already.
    pub fn waiting_up_to(&self, outbox: u64) -> Vec<u64> {
        self.tail().waiting.iter().map(|waiting| waiting.outbox).take_while(|number| *number <= outbox).collect()
    }

    /// The first command that waits: its outbox number, its id and the author's exact envelope.
    pub fn first_waiting(&self) -> Option<(u64, mesh_model::CommandId, Vec<u8>)> {
        let tail = self.tail();
        let first = tail.waiting.front()?;
        match FeedEvent::decode(&first.bytes).ok()?.kind {
            EventKind::Command { envelope, .. } => Some((first.outbox, first.command, envelope)),
            EventKind::Verdict { .. } | EventKind::Rules { .. } | EventKind::Fact { .. } => None,
        }
    }

    /// How many events are durable, whenever that changes.
    pub fn follow_durable(&self) -> watch::Receiver<u64> {
        self.durable.subscribe()
    }

    /// The head over the first `size` events, which are durable and at least one.
    ///
    /// # Errors
    /// [`Code::StorageFailed`] or [`Code::Damaged`] when they cannot be read.
    pub fn head_at(&self, size: u64) -> Result<FeedHead, MeshError> {
        let root = self.feed.log().root_at(size).map_err(|e| storage(&e))?;
        let last = size.checked_sub(1).map(|last| self.feed.log().leaf(last)).transpose().map_err(|e| storage(&e))?;
        let Some(last) = last.flatten() else {
            return Err(MeshError::new(Code::Damaged, format!("event {size} of the feed is not there")));
        };
        Ok(FeedHead { feed: self.id.clone(), size, root, last_leaf: mesh_tlog::leaf_hash(&last) })
    }

    /// All outbox numbers that wait.
    pub fn waiting(&self) -> Vec<u64> {
        self.tail().waiting.iter().map(|waiting| waiting.outbox).collect()
    }
}

#[cfg(test)]
#[path = "feed_writer_tests.rs"]
mod tests;
