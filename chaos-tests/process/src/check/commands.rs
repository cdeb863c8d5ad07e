//! What clients were told, against the ledger.

use std::collections::{BTreeMap, BTreeSet};

use mesh_model::{Code, CommandId};

use super::excuses::Excuses;
use super::ledger::{Ledger, Sealed};
use super::{Findings, excuses};
use crate::oracle::{Record, Said};

/// How a node's refusal begins that rests on what is not sealed yet.
const BEHIND: &str = "once what waits here for the ledger is sealed";
const FIRST_EPOCH: u64 = 1;

/// Checks every command that was ever sent.
pub(crate) fn check(
    records: &BTreeMap<CommandId, Record>,
    ledger: &Ledger,
    excuses: &Excuses,
    findings: &mut Findings,
) {
    let by_command = ledger.by_command();
    let (mut acknowledged, mut excused, mut again) = (0, BTreeMap::<&str, usize>::new(), 0);
    for (id, record) in records {
        let leaves = by_command.get(id).map_or(&[][..], Vec::as_slice);
        let mut deciding: Vec<&Sealed> = leaves.iter().copied().filter(|leaf| leaf.decides()).collect();
        // What two epochs offered, each in its own feed: the second time it is so already, and nothing happens.
        if deciding.first().is_some_and(|first| first.code == Code::Accepted) {
            let first = deciding.len();
            deciding.retain(|leaf| leaf.code != Code::AlreadySo);
            again += first - deciding.len();
        }
        let name = format!("command {} ({})", id.short(), record.version_id);
        findings.expect(deciding.len() <= 1, || {
            let indexes: Vec<u64> = deciding.iter().map(|leaf| leaf.index).collect();
            format!("{name} is decided {} times, at {indexes:?}", deciding.len())
        });
        let decision = deciding.first().copied();
        for leaf in leaves {
            findings.expect(leaf.envelope == record.envelope, || {
                format!("{name}: leaf {} has other bytes than were signed", leaf.index)
            });
            let content = leaf.version.as_ref().map(|(version, content)| (version.as_str(), *content));
            findings.expect(content == Some((record.version_id.as_str(), record.content)), || {
                format!("{name}: leaf {} holds other content: {content:?}", leaf.index)
            });
        }
        for said in &record.said {
            acknowledged += usize::from(matches!(said, Said::Sealed { .. } | Said::Local { .. }));
            if let Some(excuse) = excuse(record, said, decision, ledger, excuses) {
                *excused.entry(excuse).or_default() += 1;
                continue;
            }
            let repeats = leaves.iter().any(|leaf| said.is_sealed_at(leaf.index, leaf.code))
                && decision.is_some_and(|leaf| leaf.code == Code::Accepted)
                && matches!(said, Said::Sealed { code: Code::AlreadySo, .. });
            if !repeats {
                check_said(&name, record, said, decision, findings);
            }
        }
        check_nothing(&name, record, leaves, findings);
    }
    for id in by_command.keys().filter(|id| !records.contains_key(id)) {
        findings.violation(format!("the ledger holds command {id}, which nobody sent"));
    }
    findings.checked("acknowledgements", acknowledged);
    for (excuse, count) in excused {
        findings.note(format!("{count} acknowledgements as local: {excuse}"));
    }
    if again > 0 {
        findings.note(format!("{again} commands were offered again by another epoch, and were so already"));
    }
    let accepted: BTreeSet<&CommandId> =
        ledger.commands.iter().filter(|sealed| sealed.code == Code::Accepted).map(|sealed| &sealed.command).collect();
    let unknown: Vec<&CommandId> =
        records.iter().filter(|(_, record)| record.outcome() == "unknown").map(|(id, _)| id).collect();
    if !unknown.is_empty() {
        let took_effect = unknown.iter().filter(|id| accepted.contains(*id)).count();
        findings.note(format!("{took_effect} of {} publishes whose outcome stayed unknown took effect", unknown.len()));
    }
}

/// Why an acknowledgement as durable on one node alone may come to nothing.
fn excuse(
    record: &Record,
    said: &Said,
    decision: Option<&Sealed>,
    ledger: &Ledger,
    excuses: &Excuses,
) -> Option<&'static str> {
    let Said::Local { feed: Some(feed) } = said else { return None };
    if decision.is_some() {
        return None;
    }
    let id = mesh_event::FeedId { domain: feed.domain.clone(), epoch: feed.epoch };
    if record.contested && excuses.is_refused(&id, feed.outbox) {
        return Some(excuses::REFUSED);
    }
    excuses.is_lost(ledger, &id, feed.seq).then_some(excuses::LOST)
}

/// One thing that was said, against the leaf that decides.
fn check_said(name: &str, record: &Record, said: &Said, decision: Option<&Sealed>, findings: &mut Findings) {
    match said {
        Said::Sealed { index, code, feed } => {
            let at = decision.map(|leaf| (leaf.index, leaf.code));
            findings.expect(at == Some((*index, *code)), || {
                format!("{name} was acknowledged as sealed at {index} ({code}); the ledger has {at:?}")
            });
            check_position(name, feed.as_ref(), decision, findings);
        }
        Said::Local { feed } => {
            findings.expect(decision.is_some(), || {
                format!("{name} was acknowledged as durable at {feed:?}; the ledger never decided on it")
            });
            findings.expect(feed.is_some(), || format!("{name} was acknowledged as durable without a place in a feed"));
            check_position(name, feed.as_ref(), decision, findings);
        }
        Said::Refused { code, why } => {
            // What a home cut off had waiting refused it there, and came to nothing when the domain moved: then another home may have sealed it.
            let was_cut_off = why.starts_with(BEHIND) && record.contested;
            let accepted =
                decision.filter(|leaf| leaf.code == Code::Accepted && !(was_cut_off && leaf.feed.epoch > FIRST_EPOCH));
            findings.expect(accepted.is_none(), || {
                let index = accepted.map(|leaf| leaf.index);
                format!("{name} was refused ({code}: {why}); the ledger accepted it at {index:?}")
            });
            let in_order = record.contested && matches!(code, Code::VersionConflict | Code::StalePlan);
            findings.expect(in_order, || format!("{name} was refused for no reason: {code}: {why}"));
        }
        Said::AlreadySo => {
            let code = decision.map(|leaf| leaf.code);
            findings.expect(code == Some(Code::Accepted), || {
                format!("of {name} it was said that it is so already; the ledger has decided {code:?}")
            });
        }
        Said::NothingHappened { .. } | Said::Unknown => {}
    }
}

fn check_position(
    name: &str,
    feed: Option<&mesh_client::FeedPosition>,
    decision: Option<&Sealed>,
    findings: &mut Findings,
) {
    if let (Some(feed), Some(leaf)) = (feed, decision) {
        // Its epoch ended before the ledger had it: then it lies in a later one too.
        if feed.domain == leaf.feed.domain && feed.epoch < leaf.feed.epoch {
            return;
        }
        let told = (&feed.domain, feed.epoch, feed.seq, feed.outbox);
        let found = (&leaf.feed.domain, leaf.feed.epoch, leaf.seq, leaf.outbox);
        findings
            .expect(told == found, || format!("{name} was acknowledged at {told:?} of its feed; it lies at {found:?}"));
    }
}

/// "Nothing happened" is a promise too, when nothing else was said.
fn check_nothing(name: &str, record: &Record, leaves: &[&Sealed], findings: &mut Findings) {
    let only = !record.said.is_empty() && record.said.iter().all(|said| matches!(said, Said::NothingHappened { .. }));
    findings.expect(!only || leaves.is_empty(), || {
        let indexes: Vec<u64> = leaves.iter().map(|leaf| leaf.index).collect();
        format!("of {name} it was said that nothing happened ({:?}); the ledger has it at {indexes:?}", record.said)
    });
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::check::ledger::Epoch;
    use mesh_client::FeedPosition;
    use mesh_event::FeedId;
    use mesh_model::{Digest, DomainName};
    use mesh_tlog::leaf_hash;

    const ID: CommandId = CommandId([1; 16]);

    fn record(said: Vec<Said>) -> BTreeMap<CommandId, Record> {
        let (envelope, content) = (Digest([2; 32]), Digest([3; 32]));
        BTreeMap::from([(ID, Record { version_id: "d/p@1.0.0".into(), envelope, content, contested: false, said })])
    }

    fn leaf(index: u64, code: Code) -> Sealed {
        Sealed {
            index,
            code,
            feed: FeedId { domain: DomainName::parse("d").unwrap(), epoch: 1 },
            seq: 0,
            outbox: 1,
            event: leaf_hash(b""),
            envelope: Digest([2; 32]),
            command: ID,
            version: Some(("d/p@1.0.0".into(), Digest([3; 32]))),
        }
    }

    fn violations(said: Vec<Said>, commands: Vec<Sealed>) -> usize {
        violations_of(&record(said), commands)
    }

    fn violations_of(records: &BTreeMap<CommandId, Record>, commands: Vec<Sealed>) -> usize {
        let mut findings = Findings::default();
        let ledger = Ledger { commands, ..Ledger::default() };
        check(records, &ledger, &Excuses::default(), &mut findings);
        findings.violations().len()
    }

    fn sealed(index: u64) -> Said {
        Said::Sealed { index, code: Code::Accepted, feed: None }
    }

    #[test]
    fn an_acknowledged_publish_is_missed_when_it_is_gone_moved_or_altered() {
        assert_eq!(violations(vec![sealed(5)], vec![leaf(5, Code::Accepted)]), 0);
        assert_eq!(violations(vec![sealed(5)], vec![]), 1);
        assert_eq!(violations(vec![sealed(5)], vec![leaf(6, Code::Accepted)]), 1);
        let altered = Sealed { envelope: Digest([9; 32]), ..leaf(5, Code::Accepted) };
        assert_eq!(violations(vec![sealed(5)], vec![altered]), 1);
    }

    #[test]
    fn a_command_is_decided_once_however_often_it_was_proposed() {
        assert_eq!(violations(vec![sealed(5)], vec![leaf(5, Code::Accepted), leaf(7, Code::Duplicate)]), 0);
        assert_eq!(violations(vec![sealed(5)], vec![leaf(5, Code::Accepted), leaf(7, Code::Accepted)]), 1);
    }

    #[test]
    fn unknown_promises_nothing_and_nothing_happened_does() {
        let nothing = Said::NothingHappened { code: Code::Unreachable };
        assert_eq!(violations(vec![Said::Unknown], vec![leaf(5, Code::Accepted)]), 0);
        assert_eq!(violations(vec![nothing.clone()], vec![leaf(5, Code::Accepted)]), 1);
        assert_eq!(violations(vec![Said::Unknown, nothing], vec![leaf(5, Code::Accepted)]), 0);
    }

    #[test]
    fn a_local_publish_may_be_gone_with_its_disk_and_only_what_no_epoch_went_on_with() {
        let feed = |seq| FeedPosition { domain: DomainName::parse("d").unwrap(), epoch: 1, seq, outbox: seq + 1 };
        let next = FeedId { domain: DomainName::parse("d").unwrap(), epoch: 2 };
        let first = FeedId { epoch: 1, ..next.clone() };
        let epochs = BTreeMap::from([(first, Epoch { node_id: 7, base: 0 }), (next, Epoch { node_id: 9, base: 5 })]);
        let found = |seq, gone: &[u64]| {
            let mut findings = Findings::default();
            let excuses = Excuses { gone: gone.iter().copied().collect(), ..Excuses::default() };
            let ledger = Ledger { epochs: epochs.clone(), ..Ledger::default() };
            check(&record(vec![Said::Local { feed: Some(feed(seq)) }]), &ledger, &excuses, &mut findings);
            findings.violations().len()
        };
        assert_eq!((found(4, &[]), found(5, &[])), (1, 1));
        assert_eq!((found(4, &[7]), found(5, &[7]), found(5, &[9])), (1, 0, 1));
    }

    #[test]
    fn what_an_ended_epoch_acknowledged_may_be_decided_in_a_later_one_and_once() {
        let later = |index, code| {
            let feed = FeedId { domain: DomainName::parse("d").unwrap(), epoch: 2 };
            Sealed { feed, ..leaf(index, code) }
        };
        let local = Said::Local {
            feed: Some(FeedPosition { domain: DomainName::parse("d").unwrap(), epoch: 1, seq: 0, outbox: 1 }),
        };
        assert_eq!(violations(vec![local.clone()], vec![later(7, Code::Accepted)]), 0);
        let twice = vec![leaf(5, Code::Accepted), later(7, Code::Accepted)];
        assert_eq!(violations(vec![local.clone()], twice), 1);
        let again = vec![leaf(5, Code::Accepted), later(7, Code::AlreadySo)];
        assert_eq!(violations(vec![local, Said::AlreadySo], again), 0);
    }

    #[test]
    fn what_waited_at_a_home_that_was_left_refuses_nothing_for_good() {
        let contested = |why: &str, epoch| {
            let feed = FeedId { domain: DomainName::parse("d").unwrap(), epoch };
            let mut records = record(vec![Said::Refused { code: Code::VersionConflict, why: why.into() }]);
            for record in records.values_mut() {
                record.contested = true;
            }
            violations_of(&records, vec![Sealed { feed, ..leaf(7, Code::Accepted) }])
        };
        let waits = format!("{BEHIND}, it would be refused: d/p@1.0.0 was sealed with other content");
        assert_eq!((contested(&waits, 2), contested(&waits, 1)), (0, 1));
        assert_eq!(contested("d/p@1.0.0 was sealed with other content at index 5", 2), 1);
    }

    #[test]
    fn a_refusal_without_a_rival_is_a_violation() {
        let refused = Said::Refused { code: Code::StalePlan, why: String::new() };
        assert_eq!(violations(vec![refused.clone()], vec![]), 1);
        assert_eq!(violations(vec![refused], vec![leaf(5, Code::Accepted)]), 2);
    }
}
