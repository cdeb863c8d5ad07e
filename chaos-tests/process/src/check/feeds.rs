//! The feeds in the stores of stopped nodes: whole, chained, numbered without gap, what the ledger says they are, and the same in every copy.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use chaos_process::testbed::{NodeNumber, Testbed};
use mesh_event::event::NO_LEAF;
use mesh_event::{Command, DomainRules, Envelope, EventKind, Fact, FeedEvent, FeedId, Payload as _};
use mesh_model::{Code, CommandId, DomainName};
use mesh_store::{MerkleLog, Store, StoreOptions};
use mesh_tlog::{Frontier, Hash, leaf_hash};

use super::Findings;
use super::copies::wanted;
use super::excuses::Excuses;
use super::ledger::Ledger;

const PAGE: usize = 512;

/// Opens every store and checks what is in it.
///
/// # Errors
/// When a store cannot be opened or read.
pub(crate) fn check(testbed: &Testbed, ledger: &Ledger, excuses: &Excuses, findings: &mut Findings) -> Result<()> {
    let mut feeds: BTreeMap<FeedId, Feed> = BTreeMap::new();
    let mut copies: BTreeMap<FeedId, Vec<Feed>> = BTreeMap::new();
    let mut events = 0;
    for node in testbed.nodes() {
        let store = Store::open(testbed.data_folder(node), StoreOptions::default())
            .with_context(|| format!("the store of node {node} does not open"))?;
        for damage in store.damage() {
            findings.violation(format!("the store of node {node} is damaged: {damage}"));
        }
        if let Some(why) = store.lost_authority()? {
            findings.violation(format!("node {node} lost its authority: {why}"));
        }
        for id in store.feeds()? {
            let domain = DomainName::parse(id.domain()).context("a feed's name")?;
            let id = FeedId { domain, epoch: id.epoch() };
            let stored = store.feed(mesh_store::FeedId::new(id.domain.as_str(), id.epoch)?);
            let feed = read(stored.log(), &id, node, findings)?;
            events += feed.events.len();
            if stored.is_copy()? {
                copies.entry(id).or_default().push(feed);
                continue;
            }
            if feeds.insert(id.clone(), feed).is_some() {
                findings.violation(format!("two nodes wrote the feed of {}/{}", id.domain, id.epoch));
            }
        }
    }
    findings.checked("feed events", events);
    findings.checked("copied feeds", copies.values().map(Vec::len).sum());
    for (id, feed) in &feeds {
        let writer = ledger.epochs.get(id).and_then(|epoch| testbed.node_of(epoch.node_id));
        findings.expect(writer == Some((feed.node, false)), || {
            let (domain, epoch) = (&id.domain, id.epoch);
            format!("node {} wrote the feed of {domain}/{epoch}, delegated to (node, disk gone) {writer:?}", feed.node)
        });
    }
    // What a disk took with it is what others have of it.
    for (id, copies) in &copies {
        let is_gone = ledger.epochs.get(id).is_some_and(|epoch| excuses.gone.contains(&epoch.node_id));
        if let (true, Some(longest)) = (is_gone, copies.iter().max_by_key(|copy| copy.events.len())) {
            feeds.entry(id.clone()).or_insert_with(|| longest.clone());
        }
    }
    for (id, copy) in copies.iter().flat_map(|(id, copies)| copies.iter().map(move |copy| (id, copy))) {
        findings.expect(feeds.get(id).is_some_and(|feed| feed.events.starts_with(&copy.events)), || {
            format!("node {}'s copy of the feed of {}/{} is not its beginning", copy.node, id.domain, id.epoch)
        });
    }
    enough(testbed, &feeds, &copies, ledger, findings);
    against_ledger(&feeds, ledger, excuses, findings);
    Ok(())
}

/// Every feed, as far as it counts, is on as many other disks as are to keep it.
fn enough(
    testbed: &Testbed,
    feeds: &BTreeMap<FeedId, Feed>,
    copies: &BTreeMap<FeedId, Vec<Feed>>,
    ledger: &Ledger,
    findings: &mut Findings,
) {
    for (id, feed) in feeds {
        let counts = ledger.ended_at(id).unwrap_or(feed.events.len() as u64);
        let home = testbed.domains().iter().find(|(domain, _)| *domain == id.domain).map(|(_, home)| *home);
        let holders = copies.get(id).into_iter().flatten().chain([feed]);
        let holders = holders.filter(|held| held.events.len() as u64 >= counts && Some(held.node) != home);
        let holders: BTreeSet<NodeNumber> = holders.map(|held| held.node).collect();
        findings.expect(counts == 0 || holders.len() >= wanted(testbed), || {
            format!("the {counts} events of {}/{} are, beside its home, on nodes {holders:?}", id.domain, id.epoch)
        });
    }
}

/// A feed as it is stored.
#[derive(Clone)]
struct Feed {
    node: NodeNumber,
    /// Leaf hashes in order.
    events: Vec<Hash>,
    /// Commands by outbox number, from 1.
    commands: Vec<CommandId>,
    /// Verdicts: the code by outbox number.
    verdicts: BTreeMap<u64, u32>,
}

fn read(log: &MerkleLog, id: &FeedId, node: NodeNumber, findings: &mut Findings) -> Result<Feed> {
    let name = format!("node {node}, feed {}/{}", id.domain, id.epoch);
    let (size, root) = (log.size()?, log.root()?);
    let mut frontier = Frontier::new();
    let mut feed = Feed { node, events: Vec::new(), commands: Vec::new(), verdicts: BTreeMap::new() };
    let mut previous = NO_LEAF;
    let mut rules = 0;
    while frontier.size() < size {
        let page = log.leaves(frontier.size()..size, PAGE)?;
        if page.is_empty() {
            findings.violation(format!("{name}: expected {size} events; event {} is missing", frontier.size()));
            break;
        }
        for (seq, bytes) in page {
            let hash = leaf_hash(&bytes);
            let event = FeedEvent::decode(&bytes).with_context(|| format!("{name}: event {seq} does not decode"))?;
            let expected = (frontier.size(), frontier.size(), id, previous);
            findings.expect((seq, event.seq, &event.feed, event.previous_leaf) == expected, || {
                format!("{name}: event {seq} does not follow on the one before: {:?}", (event.seq, event.previous_leaf))
            });
            match event.kind {
                EventKind::Command { outbox, envelope } => {
                    let envelope = Envelope::parse(envelope).with_context(|| format!("{name}: event {seq}"))?;
                    let command =
                        Command::decode(envelope.payload()).with_context(|| format!("{name}: event {seq}"))?;
                    feed.commands.push(command.id);
                    let expected = feed.commands.len() as u64;
                    findings.expect(outbox == expected, || {
                        format!("{name}: event {seq} has outbox number {outbox}; expected {expected}")
                    });
                }
                EventKind::Verdict { outbox, code, .. } => {
                    feed.verdicts.insert(outbox, code);
                }
                EventKind::Fact { envelope } => {
                    let fact = Envelope::parse(envelope).ok().and_then(|e| Fact::decode(e.payload()).ok());
                    findings.expect(fact.is_some_and(|fact| fact.domain == id.domain), || {
                        format!("{name}: event {seq} is no fact of the domain")
                    });
                }
                EventKind::Rules { envelope } => {
                    rules += 1;
                    let set = Envelope::parse(envelope).ok().and_then(|e| DomainRules::decode(e.payload()).ok());
                    findings.expect(set.is_some_and(|set| set.number == rules), || {
                        format!("{name}: event {seq} is no set {rules} of the domain's own rules")
                    });
                }
            }
            frontier.append(hash);
            feed.events.push(hash);
            previous = hash;
        }
    }
    findings.expect(frontier.root() == root, || format!("{name}: the root of its events is not the stored root"));
    Ok(feed)
}

/// Every leaf's event is the one in the feed; every command in a feed was decided, there or in a later epoch.
fn against_ledger(feeds: &BTreeMap<FeedId, Feed>, ledger: &Ledger, excuses: &Excuses, findings: &mut Findings) {
    let mut decided: BTreeMap<&FeedId, usize> = BTreeMap::new();
    let mut without_verdict = 0;
    for sealed in &ledger.commands {
        let Some(feed) = feeds.get(&sealed.feed) else {
            findings.violation(format!("leaf {} is of a feed that no node holds", sealed.index));
            continue;
        };
        let stored = usize::try_from(sealed.seq).ok().and_then(|seq| feed.events.get(seq));
        // An event that came too late and decided nothing may be gone with its disk.
        let is_gone = !sealed.decides() && excuses.is_lost(ledger, &sealed.feed, sealed.seq);
        findings.expect(stored == Some(&sealed.event) || stored.is_none() && is_gone, || {
            let (domain, epoch) = (&sealed.feed.domain, sealed.feed.epoch);
            format!("leaf {} is not event {} of the feed of {domain}/{epoch}", sealed.index, sealed.seq)
        });
        if sealed.decides() {
            *decided.entry(&sealed.feed).or_default() += 1;
            let rejected = !matches!(sealed.code, Code::Accepted | Code::AlreadySo);
            match feed.verdicts.get(&sealed.outbox) {
                Some(code) => findings.expect(rejected && *code == sealed.code.number(), || {
                    format!("leaf {} decides {}; the feed's verdict says {code}", sealed.index, sealed.code)
                }),
                None => without_verdict += usize::from(rejected),
            }
        }
    }
    let anywhere: BTreeSet<CommandId> =
        ledger.commands.iter().filter(|sealed| sealed.decides()).map(|sealed| sealed.command).collect();
    let mut later = 0;
    for (id, feed) in feeds {
        let name = format!("{}/{}", id.domain, id.epoch);
        let decided = decided.get(id).copied().unwrap_or(0);
        let is_in_force = ledger.ended_at(id).is_none();
        findings.expect(feed.commands.len() == decided || !is_in_force && feed.commands.len() > decided, || {
            format!("the feed of {name} has {} commands; the ledger decided on {decided}", feed.commands.len())
        });
        for (outbox, command) in (1_u64..).zip(&feed.commands).skip(decided) {
            later += 1;
            findings.expect(anywhere.contains(command) || excuses.is_refused(id, outbox), || {
                format!(
                    "command {outbox} of {name}, {command}, was never decided, and no node says that it was refused"
                )
            });
        }
    }
    findings.checked("commands of ended epochs, offered again", later);
    if without_verdict > 0 {
        findings.note(format!("{without_verdict} rejections are in the ledger but not as a verdict in the feed"));
    }
}
