//! What clients were told, against the ledger.

use std::collections::{BTreeMap, BTreeSet};

use mesh_model::{Code, CommandId};

use super::Findings;
use super::ledger::{Ledger, Sealed};
use crate::oracle::{Record, Said};

/// Checks every command that was ever sent.
pub(crate) fn check(records: &BTreeMap<CommandId, Record>, ledger: &Ledger, findings: &mut Findings) {
    let by_command = ledger.by_command();
    let mut acknowledged = 0;
    for (id, record) in records {
        let leaves = by_command.get(id).map_or(&[][..], Vec::as_slice);
        let deciding: Vec<&Sealed> = leaves.iter().copied().filter(|leaf| leaf.decides()).collect();
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
            check_said(&name, record, said, decision, findings);
        }
        check_nothing(&name, record, leaves, findings);
    }
    for id in by_command.keys().filter(|id| !records.contains_key(id)) {
        findings.violation(format!("the ledger holds command {id}, which nobody sent"));
    }
    findings.checked("acknowledgements", acknowledged);
    let accepted: BTreeSet<&CommandId> =
        ledger.commands.iter().filter(|sealed| sealed.code == Code::Accepted).map(|sealed| &sealed.command).collect();
    let unknown: Vec<&CommandId> =
        records.iter().filter(|(_, record)| record.outcome() == "unknown").map(|(id, _)| id).collect();
    if !unknown.is_empty() {
        let took_effect = unknown.iter().filter(|id| accepted.contains(*id)).count();
        findings.note(format!("{took_effect} of {} publishes whose outcome stayed unknown took effect", unknown.len()));
    }
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
            let accepted = decision.filter(|leaf| leaf.code == Code::Accepted);
            findings.expect(accepted.is_none(), || {
                let index = accepted.map(|leaf| leaf.index);
                format!("{name} was refused ({code}: {why}); the ledger accepted it at {index:?}")
            });
            let in_order = record.contested && matches!(code, Code::VersionConflict | Code::StalePlan);
            findings.expect(in_order, || format!("{name} was refused for no reason: {code}: {why}"));
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
        let mut findings = Findings::default();
        check(&record(said), &Ledger { commands }, &mut findings);
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
    fn a_refusal_without_a_rival_is_a_violation() {
        let refused = Said::Refused { code: Code::StalePlan, why: String::new() };
        assert_eq!(violations(vec![refused.clone()], vec![]), 1);
        assert_eq!(violations(vec![refused], vec![leaf(5, Code::Accepted)]), 2);
    }
}
