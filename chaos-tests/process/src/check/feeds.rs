//! The feeds in the stores of stopped nodes: whole, chained, numbered without gap, what the ledger says they are, and the same in every copy.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use chaos_process::testbed::{NodeNumber, Testbed};
use mesh_event::event::NO_LEAF;
use mesh_event::{DomainRules, Envelope, EventKind, FeedEvent, FeedId};
use mesh_model::{Code, DomainName};
use mesh_store::{MerkleLog, Store, StoreOptions};
use mesh_tlog::{Frontier, Hash, leaf_hash};

use super::Findings;
use super::ledger::Ledger;

const PAGE: usize = 512;

/// Opens every store and checks what is in it.
///
/// # Errors
/// When a store cannot be opened or read.
pub(crate) fn check(testbed: &Testbed, ledger: &Ledger, findings: &mut Findings) -> Result<()> {
    let mut feeds: BTreeMap<FeedId, Feed> = BTreeMap::new();
    let mut copies = Vec::new();
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
                copies.push((id, feed));
                continue;
            }
            if feeds.insert(id.clone(), feed).is_some() {
                findings.violation(format!("two nodes wrote the feed of {}/{}", id.domain, id.epoch));
            }
        }
    }
    findings.checked("feed events", events);
    findings.checked("copied feeds", copies.len());
    for (id, copy) in &copies {
        findings.expect(feeds.get(id).is_some_and(|feed| feed.events.starts_with(&copy.events)), || {
            format!("node {}'s copy of the feed of {}/{} is not its beginning", copy.node, id.domain, id.epoch)
        });
    }
    for (id, feed) in &feeds {
        let home = testbed.domains().iter().find(|(domain, _)| *domain == id.domain).map(|(_, home)| *home);
        findings.expect(home == Some(feed.node), || {
            format!("node {} wrote the feed of {}, at home on {home:?}", feed.node, id.domain)
        });
    }
    against_ledger(&feeds, ledger, findings);
    Ok(())
}

/// A feed as it is stored.
struct Feed {
    node: NodeNumber,
    /// Leaf hashes in order.
    events: Vec<Hash>,
    /// Commands in the outbox.
    commands: u64,
    /// Verdicts: the code by outbox number.
    verdicts: BTreeMap<u64, u32>,
}

fn read(log: &MerkleLog, id: &FeedId, node: NodeNumber, findings: &mut Findings) -> Result<Feed> {
    let name = format!("node {node}, feed {}/{}", id.domain, id.epoch);
    let (size, root) = (log.size()?, log.root()?);
    let mut frontier = Frontier::new();
    let mut feed = Feed { node, events: Vec::new(), commands: 0, verdicts: BTreeMap::new() };
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
                EventKind::Command { outbox, .. } => {
                    feed.commands += 1;
                    let expected = feed.commands;
                    findings.expect(outbox == expected, || {
                        format!("{name}: event {seq} has outbox number {outbox}; expected {expected}")
                    });
                }
                EventKind::Verdict { outbox, code, .. } => {
                    feed.verdicts.insert(outbox, code);
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

/// Every leaf's event is the one in the feed; every command in a feed was decided.
fn against_ledger(feeds: &BTreeMap<FeedId, Feed>, ledger: &Ledger, findings: &mut Findings) {
    let mut decided: BTreeMap<&FeedId, u64> = BTreeMap::new();
    let mut without_verdict = 0;
    for sealed in &ledger.commands {
        let Some(feed) = feeds.get(&sealed.feed) else {
            findings.violation(format!("leaf {} is of a feed that no node holds", sealed.index));
            continue;
        };
        let stored = usize::try_from(sealed.seq).ok().and_then(|seq| feed.events.get(seq));
        findings.expect(stored == Some(&sealed.event), || {
            format!("leaf {} is not event {} of the feed of {}", sealed.index, sealed.seq, sealed.feed.domain)
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
    for (id, feed) in feeds {
        let decided = decided.get(id).copied().unwrap_or(0);
        findings.expect(feed.commands == decided, || {
            format!("the feed of {} has {} commands; the ledger decided on {decided}", id.domain, feed.commands)
        });
    }
    if without_verdict > 0 {
        findings.note(format!("{without_verdict} rejections are in the ledger but not as a verdict in the feed"));
    }
}
