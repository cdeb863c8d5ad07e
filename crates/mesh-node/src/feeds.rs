//! The feeds that this node was delegated: one writer and one outbox each, opened when first needed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use mesh_event::{
    Body, Command, Envelope, EventKind, FeedEvent, FeedId, LeafEntry, SignedCommand, Signer as _, access_issuer,
};
use mesh_governance::{
    Overlay, OwnViolation, Rejection, admit_domain_command_with, own_violations, read, suppose_domain_command_with,
};
use mesh_model::{Code, CommandId, DomainName, ProductId};
use mesh_proto::status::MeshError;
use mesh_store::Store;
use tokio::sync::watch;
use tracing::{info, warn};

use crate::carry;
use crate::clock::now_unix_ms;
use crate::core::Core;
use crate::feed_tail::outbox_value;
use crate::feed_writer::{Durable, FeedWriter, Position, Resolution, is_refusal};
use crate::gossip::announcer::announce;
use crate::orphans;
use crate::outbox::{Outbox, decided_by};
use crate::replicas::copy::store_id;
use crate::replicas::intake::Goal;
use crate::replicas::writers::continued;

/// Where in `mesh_store`'s index space command ids lie, of feeds that are written here and of copies: id -> (epoch, seq, outbox, domain).
pub const COMMANDS: u8 = 1;

/// The feed's named value with the reason why this node never writes it again.
const FENCED: &str = "fenced";

/// Why this node must not write the feed, if so.
fn fenced(core: &Core, feed: &FeedId) -> Result<Option<String>, MeshError> {
    let why = core.store.feed(store_id(feed)?).value(FENCED).map_err(|e| crate::core::storage_error(&e))?;
    Ok(why.map(|why| String::from_utf8_lossy(&why).into_owned()))
}

/// Whether the feed that an epoch goes on with is here, as far as it counts.
fn check_base(core: &Core, feed: &FeedId, end: Goal) -> Result<(), MeshError> {
    let log = core.store.feed(store_id(feed)?);
    let (domain, epoch, size) = (&feed.domain, feed.epoch, end.size);
    let here = log.log().size().map_err(|e| crate::core::storage_error(&e))?;
    if here < size {
        core.replicas.poke(domain.clone());
        let text = format!(
            "of the {size} events of {domain}/{epoch} with which its feed goes on, this node has {here} yet; nothing happened"
        );
        return Err(MeshError::new(Code::FeedMissing, text));
    }
    if log.log().root_at(size).map_err(|e| crate::core::storage_error(&e))? == end.root {
        return Ok(());
    }
    core.replicas.poke(domain.clone());
    let text =
        format!("this node's copy of {domain}/{epoch} is not the one with which the feed goes on; nothing happened");
    Err(MeshError::new(Code::FeedMissing, text))
}

/// The feed with which the epoch in force of a domain goes on, if it is this node's to write, and where that feed ends.
///
/// # Errors
/// When the state cannot be read, or this node does not know the epochs before yet.
pub(crate) fn continues(core: &Core, domain: &DomainName) -> Result<Option<(FeedId, Goal)>, MeshError> {
    let record = read::domain(&core.state, domain).map_err(|e| core.state_error(&e))?;
    let delegation = record.and_then(|record| record.delegation);
    match delegation.filter(|delegation| delegation.node_id == core.node_id()) {
        Some(delegation) => continued(core, domain, &delegation),
        None => Ok(None),
    }
}

/// The writers, by domain.
#[derive(Default)]
pub struct Feeds {
    open: Mutex<BTreeMap<DomainName, Arc<FeedWriter>>>,
    /// Writers whose epoch ended and whose commands are not all settled, and those that were told to stop.
    ended: Mutex<BTreeMap<FeedId, Arc<FeedWriter>>>,
    /// Feeds that this node was delegated and must not write, with the reason.
    refused: Mutex<BTreeMap<DomainName, String>>,
}

impl Feeds {
    /// The writer of a domain's feed in the epoch in force; opened, and its outbox started, when first needed.
    ///
    /// # Errors
    /// [`Code::NotDelegated`] when the ledger names another node by now, [`Code::Damaged`].
    pub fn writer(&self, core: &Arc<Core>, domain: &DomainName) -> Result<Arc<FeedWriter>, MeshError> {
        let record = read::domain(&core.state, domain).map_err(|e| core.state_error(&e))?;
        let delegation = record.and_then(|record| record.delegation);
        let Some(delegation) = delegation.filter(|delegation| delegation.node_id == core.node_id()) else {
            return Err(MeshError::new(Code::NotDelegated, format!("this node does not write the feed of {domain}")));
        };
        if let Some(why) = core.store.lost_authority().map_err(|e| crate::core::storage_error(&e))? {
            let text = format!("this node only reads and writes no feed under its number: {why}; nothing happened");
            return Err(MeshError::new(Code::ReadOnly, text));
        }
        let id = FeedId { domain: domain.clone(), epoch: delegation.epoch };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(writer) = open.get(domain).filter(|writer| *writer.id() == id) {
            return Ok(Arc::clone(writer));
        }
        if let Some(why) = fenced(core, &id)? {
            return Err(MeshError::new(Code::ReadOnly, why));
        }
        let before = continued(core, domain, &delegation)?;
        let before = before.map(|(feed, end)| check_base(core, &feed, end).map(|()| (feed, end))).transpose()?;
        let cursor = read::feed_cursor(&core.state, domain).map_err(|e| core.state_error(&e))?;
        let cursor = cursor.filter(|cursor| cursor.epoch == id.epoch);
        let (outbox, seq) = cursor.map_or((0, None), |cursor| (cursor.last_outbox, cursor.last_seq));
        let limit = core.config.limits.outbox_commands;
        let bounds = (limit, core.config.limits.day_quota());
        let writer = FeedWriter::open(id, core.mesh_id, Arc::clone(&core.store), bounds, outbox, seq);
        let writer = writer.inspect_err(|error| {
            let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
            refused.insert(domain.clone(), error.message.clone());
        })?;
        settle(core, &writer)?;
        if let Some((feed, end)) = before {
            carry::carry_over(core, &writer, &feed, end.size)?;
        }
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).remove(domain);
        // What the domain's root compares before it names the key.
        let (epoch, mesh) = (writer.id().epoch, &core.mesh_id);
        let issuer = access_issuer::issuer_keypair(&core.keypair, mesh, domain, epoch).public_key();
        info!(%domain, epoch, token_issuer = %issuer, "this node is the domain's home");
        if let Some(earlier) = open.insert(domain.clone(), Arc::clone(&writer)) {
            self.end(&earlier);
        }
        core.tasks.spawn(Outbox::new(Arc::clone(core), Arc::clone(&writer)).run());
        core.tasks.spawn(announce(Arc::clone(core), Arc::clone(&writer)));
        Ok(writer)
    }

    /// The writer of a feed, of an epoch that ended too, if it is open.
    pub fn known(&self, feed: &FeedId) -> Option<Arc<FeedWriter>> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let here = open.get(&feed.domain).filter(|writer| writer.id() == feed).cloned();
        drop(open);
        here.or_else(|| self.ended.lock().unwrap_or_else(PoisonError::into_inner).get(feed).cloned())
    }

    /// Whether the domain's feed is being written here.
    pub fn is_open(&self, domain: &DomainName) -> bool {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).contains_key(domain)
    }

    fn end(&self, writer: &Arc<FeedWriter>) {
        writer.close();
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.insert(writer.id().clone(), Arc::clone(writer));
    }

    /// Stops the writers of feeds that another node writes now, or this one in another epoch: what they appended and the ledger does not
    /// have is offered to the domain's home.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn close_ended(&self, core: &Core) -> Result<(), MeshError> {
        for writer in self.all() {
            let id = writer.id();
            let record = read::domain(&core.state, &id.domain).map_err(|e| core.state_error(&e))?;
            let in_force = record.and_then(|record| record.delegation);
            if in_force.is_some_and(|one| one.node_id == core.node_id() && one.epoch == id.epoch) {
                continue;
            }
            info!(domain = %id.domain, epoch = id.epoch, "the feed's epoch ended; nothing more is appended to it");
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            if open.get(&id.domain).is_some_and(|one| Arc::ptr_eq(one, &writer)) {
                open.remove(&id.domain);
            }
            drop(open);
            self.end(&writer);
        }
        Ok(())
    }

    /// This node never writes the feed again, also after a restart: somebody holds what it forgot, or its key is used elsewhere.
    ///
    /// # Errors
    /// [`Code::StorageFailed`]; it does not write it until the restart all the same.
    pub fn fence(&self, core: &Core, feed: &FeedId, why: &str) -> Result<(), MeshError> {
        let writer = self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&feed.domain);
        if let Some(writer) = writer {
            self.end(&writer);
        }
        let known =
            self.refused.lock().unwrap_or_else(PoisonError::into_inner).insert(feed.domain.clone(), why.to_owned());
        if known.as_deref() == Some(why) {
            return Ok(());
        }
        warn!(domain = %feed.domain, epoch = feed.epoch, %why, "the feed is not written here any more");
        let stored = core.store.feed(store_id(feed)?);
        let mut batch = mesh_store::Batch::new();
        stored.put_value(&mut batch, FENCED, why.as_bytes()).map_err(|e| crate::core::storage_error(&e))?;
        core.store.committer().apply_relaxed(batch).map_err(|e| crate::core::storage_error(&e))
    }

    /// Opens every feed of this node that a crash may have left unfinished: with commands that the ledger does not know, or
    /// without the verdict on one that it refused.
    ///
    /// # Errors
    /// [`Code::Damaged`] when a feed's end cannot be read.
    pub fn resume(&self, core: &Arc<Core>) -> Result<(), MeshError> {
        for feed in core.store.feeds().map_err(|e| crate::core::storage_error(&e))? {
            let Ok(domain) = DomainName::parse(feed.domain()) else { continue };
            if core.store.feed(feed.clone()).is_copy().map_err(|e| crate::core::storage_error(&e))? {
                continue;
            }
            let record = read::domain(&core.state, &domain).map_err(|e| core.state_error(&e))?;
            let in_force = record.and_then(|record| record.delegation);
            if in_force.is_none_or(|one| one.node_id != core.node_id() || one.epoch != feed.epoch()) {
                let id = FeedId { domain, epoch: feed.epoch() };
                if let Some(writer) = orphans::reopen(core, &id)? {
                    self.end(&writer);
                    core.tasks.spawn(Outbox::new(Arc::clone(core), writer).run());
                }
                continue;
            }
            let cursor = read::feed_cursor(&core.state, &domain).map_err(|e| core.state_error(&e))?;
            let cursor = cursor.filter(|cursor| cursor.epoch == feed.epoch());
            let sealed = cursor.and_then(|cursor| cursor.last_seq).map_or(0, |seq| seq + 1);
            let stored = core.store.feed(feed.clone());
            let size = stored.log().size().map_err(|e| crate::core::storage_error(&e))?;
            let (_, settled) = outbox_value(&stored).map_err(|e| crate::core::storage_error(&e))?;
            if size == sealed && cursor.is_none_or(|cursor| settled >= cursor.last_outbox) {
                continue;
            }
            match self.writer(core, &domain) {
                Ok(writer) => {
                    let (waiting, _) = writer.backlog();
                    if waiting > 0 {
                        info!(%domain, waiting, "going on with commands that wait for the ledger");
                    }
                }
                Err(error) if error.code == Code::NotDelegated => {}
                Err(error)
                    if matches!(error.code, Code::ReadOnly | Code::Damaged | Code::FeedMissing | Code::NotCaughtUp) =>
                {
                    warn!(%domain, %error, "the feed is not written");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The dry run of step 2, on the applied state with what waits here for the same product supposed on top: so a domain that
    /// is cut off is still told at once what the ledger would say later. Then the domain's own rules; what they and the standards
    /// refuse is told at once. Returns the number of the rules that it was judged by, where they are asked at all.
    ///
    /// # Errors
    /// The code that the ledger would give, or [`Code::OwnRuleViolated`].
    pub fn admit(
        &self,
        core: &Arc<Core>,
        signed: &SignedCommand,
        domain: &DomainName,
        product: Option<&ProductId>,
    ) -> Result<Option<u64>, MeshError> {
        let size = core.ledger_size();
        let fail = |e| core.state_error(&e);
        let mut supposed = Overlay::new(&core.state);
        let mut waits = false;
        if let Some(product) = product {
            for envelope in self.writer(core, domain)?.waiting_for(product) {
                let Ok(earlier) = SignedCommand::verified_before(envelope, &core.mesh_id) else { continue };
                // One that the ledger will reject changes nothing for those after it.
                if let Ok(applied) =
                    suppose_domain_command_with(&supposed, &earlier, size, &*core.judge).map_err(fail)?
                {
                    supposed.push(&applied);
                    waits = true;
                }
            }
        }
        let mut verdict = admit_domain_command_with(&supposed, signed, size, &*core.judge).map_err(fail)?;
        if let Err(rejection) = &mut verdict
            && waits
            && rejection.code != Code::StandardViolated
        {
            // What waits may come to nothing, in an epoch that ended, and has no place in the ledger yet.
            match admit_domain_command_with(&core.state, signed, size, &*core.judge).map_err(fail)? {
                Err(sealed) if sealed.code == rejection.code => *rejection = sealed,
                _ => rejection.detail = format!("{BEHIND}: {}", without_places(&rejection.detail, size)),
            }
        }
        let Body::PublishVersion(body) = &signed.command().body else {
            return verdict.map(|()| None).map_err(|rejection| refusal(rejection.code, rejection.detail, ""));
        };
        match verdict {
            Err(rejection) if rejection.code != Code::StandardViolated => {
                return Err(refusal(rejection.code, rejection.detail, ""));
            }
            _ => {}
        }
        let Some(rules) = self.writer(core, domain)?.rules() else {
            return verdict.map(|()| Some(0)).map_err(|rejection| refusal(rejection.code, rejection.detail, ""));
        };
        let now = now_unix_ms().max(core.ledger_end().last_stamp);
        let found = own_violations(&supposed, &core.judge, &rules.own, &body.descriptor, now).map_err(fail)?;
        refuse_own(domain, verdict, &found)?;
        Ok(Some(rules.number()))
    }

    /// What the ledger will say about a command that waits here.
    pub fn waiting(&self, position: &Position) -> Option<watch::Receiver<Option<Resolution>>> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let writer = open.get(&position.feed.domain).filter(|writer| *writer.id() == position.feed)?;
        writer.resolution(position.outbox)
    }

    /// The wait for an event to be durable; `None` when its feed is not open here, so that it was read from the disk.
    pub fn durable(&self, position: &Position) -> Option<Durable> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let writer = open.get(&position.feed.domain).filter(|writer| *writer.id() == position.feed)?;
        Some(writer.durable_beyond(position.seq))
    }

    /// Why feeds of this node are not written.
    pub fn alarms(&self) -> Vec<String> {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.iter().map(|(domain, why)| format!("the feed of {domain} is not written here: {why}")).collect()
    }

    /// Writers of epochs that ended whose commands are not all settled: they are offered to the domains' homes.
    pub fn unsettled(&self) -> Vec<Arc<FeedWriter>> {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.values().filter(|writer| writer.backlog().0 > 0).cloned().collect()
    }

    /// All writers that are open.
    pub fn all(&self) -> Vec<Arc<FeedWriter>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}

/// How a refusal begins that rests on what is not sealed yet.
const BEHIND: &str = "once what waits here for the ledger is sealed, it would be refused";

/// A detail without the places that the ledger has not got: each leaf that waits is supposed to get one.
fn without_places(detail: &str, size: u64) -> String {
    const AT: &str = " at index ";
    let mut parts = detail.split(AT);
    let mut told = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.len() - part.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let is_there = part[..digits].parse().is_ok_and(|index: u64| index < size);
        if is_there {
            told.push_str(AT);
            told.push_str(part);
        } else {
            told.push_str(&part[digits..]);
        }
    }
    told
}

/// A refusal as an error: violated rules and flaws one by one, everything else in a sentence.
pub(crate) fn refusal(code: Code, detail: String, place: &str) -> MeshError {
    let what = match code {
        Code::StandardViolated => "of the standards in force",
        Code::OwnRuleViolated => "of its domain",
        Code::BadRules => "",
        _ => return MeshError::new(code, detail + place),
    };
    let fields: Vec<_> = (detail.lines())
        .map(|line| {
            let (rule, text) = line.split_once(": ").unwrap_or(("", line));
            (rule.to_owned(), text.to_owned())
        })
        .collect();
    let message = match (code, fields.len()) {
        (Code::BadRules, 1) => "the rules have a flaw; nothing happened".to_owned(),
        (Code::BadRules, more) => format!("the rules have {more} flaws; nothing happened"),
        (_, 1) => format!("it violates a rule {what}{place}"),
        (_, _) => format!("it violates rules {what}{place}"),
    };
    MeshError { code, message, fields }
}

/// What the standards in force and the domain's own rules refuse, all of it at once.
fn refuse_own(domain: &DomainName, verdict: Result<(), Rejection>, found: &[OwnViolation]) -> Result<(), MeshError> {
    let blocking: Vec<String> = found.iter().filter(|one| one.blocks()).map(ToString::to_string).collect();
    if blocking.is_empty() {
        return verdict.map_err(|rejection| refusal(rejection.code, rejection.detail, ""));
    }
    // Cut as a detail of the ledger is: an answer has to fit a header.
    let own = refusal(Code::OwnRuleViolated, Rejection::new(Code::OwnRuleViolated, blocking.join("\n")).detail, "");
    let Err(rejection) = verdict else { return Err(own) };
    let mut both = refusal(rejection.code, rejection.detail, "");
    both.message = format!("{}, and of {domain}'s own", both.message);
    both.fields.extend(own.fields);
    Err(both)
}

/// Appends the verdicts that a crash kept out of a feed.
fn settle(core: &Core, writer: &FeedWriter) -> Result<(), MeshError> {
    for outbox in writer.unsettled() {
        let Some(leaf) = core.outcome(writer.id(), outbox)? else { continue };
        if is_refusal(leaf.outcome.code) {
            writer.append_verdict(outbox, &leaf)?;
        }
    }
    Ok(())
}

/// The product that a domain command is about.
pub fn product_of(body: &mesh_event::Body) -> Option<ProductId> {
    match body {
        mesh_event::Body::PublishVersion(body) => Some(body.descriptor.id()),
        mesh_event::Body::DeprecateVersion(body) => Some(body.product.clone()),
        mesh_event::Body::RetireProduct(body) => Some(body.product.clone()),
        _ => None,
    }
}

/// `epoch seq outbox domain`, numbers big-endian.
pub(crate) fn encode_position(position: &Position) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(24 + 63);
    for number in [position.feed.epoch, position.seq, position.outbox] {
        bytes.extend_from_slice(&number.to_be_bytes());
    }
    bytes.extend_from_slice(position.feed.domain.as_str().as_bytes());
    bytes
}

/// What the ledger said about a command that lies there. Of a copy that was thrown away the index may know what the feed never had: so the
/// leaf has to hold this very command.
///
/// # Errors
/// When the ledger can't be read.
pub(crate) fn decided(core: &Core, id: &CommandId, position: &Position) -> Result<Option<Resolution>, MeshError> {
    let Some(leaf) = core.outcome(&position.feed, position.outbox)? else { return Ok(None) };
    let LeafEntry::FeedEvent(event) = &leaf.entry else { return Ok(None) };
    let EventKind::Command { envelope, .. } =
        FeedEvent::decode_proposed(event).map_err(|error| MeshError::new(Code::Damaged, error.to_string()))?.kind
    else {
        return Ok(None);
    };
    let command = Envelope::parse(envelope).ok().and_then(|parsed| Command::decode(parsed.payload()).ok());
    Ok(command.filter(|command| command.id == *id).map(|_| Ok(decided_by(leaf))))
}

/// Where a command lies that this node took before, or has in a copy; `None` when it knows of none.
///
/// # Errors
/// [`Code::StorageFailed`] or [`Code::Damaged`].
pub fn find_command(store: &Store, id: &CommandId) -> Result<Option<Position>, MeshError> {
    let Some(bytes) = store.index(COMMANDS).get(&id.0).map_err(|e| crate::core::storage_error(&e))? else {
        return Ok(None);
    };
    let damaged = || MeshError::new(Code::Damaged, "the index of command ids is damaged");
    let number = |at: usize| bytes.get(at..at + 8).and_then(|b| b.try_into().ok()).map(u64::from_be_bytes);
    let domain =
        bytes.get(24..).and_then(|b| std::str::from_utf8(b).ok()).and_then(|text| DomainName::parse(text).ok());
    let (Some(epoch), Some(seq), Some(outbox), Some(domain)) = (number(0), number(8), number(16), domain) else {
        return Err(damaged());
    };
    Ok(Some(Position { feed: FeedId { domain, epoch }, seq, outbox }))
}
