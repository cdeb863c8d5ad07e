#![allow(clippy::unwrap_used)]

use mesh_event::fact::{CheckKind, CheckVerdict, Fact, FactBody, Known, QualityCheck, QualityRun};
use mesh_model::{Digest, FactId, MeshId, PublicKey, Severity};
use proptest::prelude::*;

use super::*;

const START: u64 = 1_000 * DAY_MS;

fn check(name: &str, verdict: CheckVerdict) -> QualityCheck {
    QualityCheck {
        name: name.into(),
        kind: CheckKind::Rule,
        severity: Severity::Error,
        verdict,
        rows: 10,
        failed: u64::from(verdict == CheckVerdict::Failed),
        value: None,
    }
}

fn run(ended: u64, checks: Vec<QualityCheck>) -> QualityRun {
    QualityRun {
        version: "crm/customers@1.2.0".parse().unwrap(),
        descriptor: Digest([1; 32]),
        port: "batch".parse().unwrap(),
        contract: None,
        tool: "mesh-quality".into(),
        tool_version: "0.1.0".into(),
        began_unix_ms: ended,
        ended_unix_ms: ended,
        rows: 10,
        newest_unix_ms: None,
        checks,
        details: None,
    }
}

fn fact(id: u64, run: QualityRun) -> Fact {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&id.to_be_bytes());
    Fact {
        mesh_id: MeshId([0; 32]),
        domain: "crm".parse().unwrap(),
        id: FactId(bytes),
        author: PublicKey([2; 32]),
        body: FactBody::ReportQuality(Box::new(run)),
    }
}

fn known() -> Known {
    Known { payload: Digest([3; 32]), epoch: 1, seq: 0 }
}

/// What a list of looks comes to: hours since the start, and the checks.
fn measures(looks: &[(u64, Vec<QualityCheck>)]) -> Measures {
    let mut measures = Measures::default();
    for (number, (hours, checks)) in looks.iter().enumerate() {
        let at = START + hours * HOUR_MS;
        measures.take(&fact(number as u64, run(at, checks.clone())), known(), at).unwrap();
    }
    measures
}

fn product(measures: &Measures) -> &ProductMeasures {
    measures.product(&"crm/customers".parse().unwrap()).unwrap()
}

fn promise<'a>(measures: &'a Measures, name: &str) -> &'a Timeline {
    &product(measures).places().values().next().unwrap().promises()[name]
}

#[test]
fn a_row_that_breaks_a_rule_burns_the_budget_and_opens_an_incident_which_the_fix_closes() {
    use CheckVerdict::{Failed, Passed};
    let of = |verdict| vec![check("email_valid", verdict)];
    let measures = measures(&[(0, of(Passed)), (10, of(Failed)), (11, of(Failed)), (12, of(Passed))]);
    let rule = promise(&measures, "email_valid");
    let level = |hours: u64| Level::of(rule, PROMISED_PPM, START + hours * HOUR_MS);
    assert_eq!(level(9).standing, Standing::Healthy);
    // Two of seven hours and twelve minutes.
    let after = level(12);
    assert_eq!((after.broken_ms, after.budget_ms), (2 * HOUR_MS, 7 * HOUR_MS + 12 * 60_000));
    assert_eq!((after.standing, after.spent_percent), (Standing::Healthy, 27));
    // While it is broken, a hundred times as fast as the budget is for.
    assert_eq!(level(11).standing, Standing::AtRisk);
    assert_eq!(level(11).burns.map(|burn| burn.rate_percent), [10_000, 416]);
    // A month later nothing of it is left.
    assert_eq!(level(12 + 31 * 24).spent_percent, 0);

    let incidents = |hours: u64| product(&measures).incidents(START + hours * HOUR_MS);
    assert_eq!(incidents(9), []);
    let [open] = incidents(11).try_into().unwrap();
    assert_eq!((open.since_unix_ms, open.end), (START + 10 * HOUR_MS, None));
    let [closed] = incidents(12).try_into().unwrap();
    let (at, _, how) = closed.end.unwrap();
    assert_eq!((at, how), (START + 12 * HOUR_MS, Closed::Fixed));
    assert_eq!(incidents(11), vec![open], "what was known then does not change");
    let kept = |hours: i64| product(&measures).kept_at(START.saturating_add_signed(hours * 3_600_000));
    assert_eq!([-1, 9, 10, 12].map(kept), [None, Some(true), Some(false), Some(true)]);
}

#[test]
fn standings_follow_the_budget() {
    use CheckVerdict::{Error, Failed, NotRun, Passed};
    let of = |verdict| vec![check("r", verdict)];
    for (looks, now, expected) in [
        (vec![(0, of(Passed))], 1, Standing::Healthy),
        (vec![(0, of(Failed))], 0, Standing::AtRisk),
        (vec![(0, of(Failed))], 7, Standing::AtRisk),
        (vec![(0, of(Failed))], 8, Standing::Broken),
        (vec![(0, of(Failed)), (4, of(Passed))], 5, Standing::AtRisk),
        (vec![(0, of(Failed)), (3, of(Passed))], 5, Standing::Healthy),
        (vec![(0, of(Failed)), (8, of(Passed))], 9, Standing::Broken),
        (vec![(0, of(Error))], 1, Standing::Unknown),
        (vec![(0, of(NotRun))], 1, Standing::Unknown),
        // What cannot be run says nothing: the last word stands.
        (vec![(0, of(Passed)), (1, of(Error))], 24, Standing::Healthy),
        (vec![(0, of(Failed)), (1, of(NotRun))], 24, Standing::Broken),
        // A later run does not make the promise any more.
        (vec![(0, of(Failed)), (1, vec![check("other", Passed)])], 2, Standing::Unknown),
    ] {
        let measures = measures(&looks);
        let level = Level::of(promise(&measures, "r"), PROMISED_PPM, START + now * HOUR_MS);
        assert_eq!(level.standing, expected, "{looks:?} {now}");
    }
}

#[test]
fn a_promise_that_is_dropped_closes_its_incident_and_a_warning_opens_none() {
    use CheckVerdict::{Failed, Passed};
    let warning = QualityCheck { severity: Severity::Warning, ..check("name_present", Failed) };
    let measures = measures(&[(0, vec![check("a", Failed), warning]), (1, vec![check("b", Passed)])]);
    let incidents = product(&measures).incidents(u64::MAX);
    let [incident] = incidents.try_into().unwrap();
    assert_eq!((incident.check.as_str(), incident.end.unwrap().2), ("a", Closed::Dropped));
}

#[test]
fn tools_do_not_end_each_others_checks() {
    let mut measures = measures(&[(0, vec![check("a", CheckVerdict::Failed)])]);
    let other = QualityRun { tool: "soda".into(), ..run(START, vec![check("b", CheckVerdict::Passed)]) };
    measures.take(&fact(9, other), known(), START + HOUR_MS).unwrap();
    assert_eq!(product(&measures).incidents(u64::MAX)[0].end, None);
    assert_eq!(product(&measures).places().len(), 2);
}

#[test]
fn runs_of_a_port_go_forward_and_are_of_about_now() {
    let mut measures = measures(&[(10, vec![check("a", CheckVerdict::Passed)])]);
    let checks = || vec![check("a", CheckVerdict::Failed)];
    let at = START + 10 * HOUR_MS;
    let older = fact(7, run(at, checks()));
    assert!(matches!(measures.judge(&older, at), Err(Refused::Older { .. })), "also of the same moment");
    let ahead = fact(7, run(at + 11 * 60_000, checks()));
    assert!(matches!(measures.judge(&ahead, at), Err(Refused::Ahead { .. })));
    assert!(matches!(measures.take(&older, known(), at), Err(Refused::Older { .. })));
    assert_eq!(
        measures.take(&fact(0, run(at, checks())), known(), at),
        Err(Refused::Taken(fact(0, run(0, checks())).id))
    );
    assert_eq!(product(&measures).runs().count(), 1, "nothing was taken");

    let room = |ended, now| measures.check_room(&fact(7, run(ended, checks())), now).map_err(|refused| refused.code());
    assert_eq!(room(at, at), Ok(()));
    assert_eq!(room(at, at + LATE_MS + 1), Err(mesh_model::Code::BadRun));
    for number in 0..MOST_RUNS_IN_A_DAY {
        let number = u64::from(number);
        measures.take(&fact(100 + number, run(at + 1 + number, checks())), known(), at + 1 + number).unwrap();
    }
    let refused = measures.check_room(&fact(7, run(at, checks())), at).unwrap_err();
    assert_eq!(refused.code(), mesh_model::Code::QuotaUsedUp);
    assert_eq!(product(&measures).runs().count(), MOST_RUNS);
    assert_eq!(measures.fact(&fact(100, run(at, checks())).id), None, "it is shown no more");
    assert!(measures.fact(&product(&measures).runs().next().unwrap().id).is_some());
}

#[test]
fn names_that_change_with_every_run_do_not_fill_the_memory() {
    let looks: Vec<_> = (0..3_000).map(|n| (n, vec![check(&format!("c{n}"), CheckVerdict::Passed)])).collect();
    let measures = measures(&looks);
    let place = product(&measures).places().values().next().unwrap();
    assert_eq!(place.promises().len(), MOST_PROMISES);
    assert!(place.promises().contains_key("c2999"));
}

proptest! {
    /// Broken time by the turns is broken time counted hour by hour, in any window.
    #[test]
    fn broken_time_is_what_an_hourly_count_says(
        looks in proptest::collection::vec(0_u8..4, 1..60), from in 0_u64..60, length in 0_u64..60,
    ) {
        let verdicts = [CheckVerdict::Passed, CheckVerdict::Failed, CheckVerdict::Error];
        let checks = |n: u8| match verdicts.get(usize::from(n)) {
            Some(verdict) => vec![check("r", *verdict), check("other", CheckVerdict::Passed)],
            None => vec![check("other", CheckVerdict::Passed)],
        };
        let looks: Vec<_> = (0..).zip(&looks).map(|(hour, n)| (hour, checks(*n))).collect();
        let measures = measures(&looks);
        let to = from + length;
        let mut held = Held::Gone;
        let mut broken = 0;
        for hour in 0..to {
            if let Some((_, checks)) = looks.get(usize::try_from(hour).unwrap()) {
                held = match checks.iter().find(|check| check.name == "r").map(|check| check.verdict) {
                    Some(CheckVerdict::Passed) => Held::Kept,
                    Some(CheckVerdict::Failed) => Held::Broken,
                    Some(_) => held,
                    None => Held::Gone,
                };
            }
            broken += u64::from(hour >= from && held == Held::Broken);
        }
        let at = |hour: u64| START + hour * HOUR_MS;
        let promises = product(&measures).places().values().next().unwrap().promises();
        let counted = promises.get("r").map_or(0, |timeline| timeline.broken_ms(at(from), at(to)));
        prop_assert_eq!(counted, broken * HOUR_MS);
    }
}

/// A later word about what a promise means changes nothing of what was.
#[test]
fn a_broken_promise_stays_what_it_was_when_it_was_broken() {
    use CheckVerdict::{Error, Failed};
    let warning = || QualityCheck { severity: Severity::Warning, ..check("a", Failed) };
    let unsaid = || QualityCheck { severity: Severity::Warning, ..check("a", Error) };
    let measures = measures(&[(0, vec![check("a", Failed)]), (1, vec![unsaid()]), (2, vec![warning()])]);
    let [incident] = product(&measures).incidents(START + HOUR_MS).try_into().unwrap();
    assert_eq!(incident.end, None);
    let [incident] = product(&measures).incidents(u64::MAX).try_into().unwrap();
    assert_eq!(incident.end.unwrap().0, START + 2 * HOUR_MS, "from then on it is a warning");
    assert_eq!([0, 2].map(|hour| product(&measures).kept_at(START + hour * HOUR_MS)), [Some(false), None]);
}

#[test]
fn a_run_that_could_look_at_nothing_ends_no_promise_and_is_no_look() {
    use CheckVerdict::{Error, Failed};
    let measures = measures(&[(0, vec![check("conforms", Failed)]), (50, vec![check("other", Error)])]);
    let place = product(&measures).places().values().next().unwrap();
    assert_eq!(product(&measures).incidents(u64::MAX)[0].end, None);
    let every = std::time::Duration::from_hours(24);
    assert_eq!(place.overdue_ms(every, START + 50 * HOUR_MS), Some(2 * HOUR_MS));
}

#[test]
fn what_is_retired_promises_nothing_any_more() {
    let measures = measures(&[(0, vec![check("a", CheckVerdict::Failed)])]);
    let ended = product(&measures).with_ends(&[(1, START + 2 * HOUR_MS)].into());
    let (at, _, how) = ended.incidents(u64::MAX)[0].end.unwrap();
    assert_eq!((at, how), (START + 2 * HOUR_MS, Closed::Dropped));
    assert_eq!([1, 3].map(|hour| ended.kept_at(START + hour * HOUR_MS)), [Some(false), None]);
    assert_eq!(product(&measures).with_ends(&[(2, START)].into()).incidents(u64::MAX)[0].end, None);
}

#[test]
fn tools_whose_names_change_do_not_shut_others_out() {
    let mut measures = Measures::default();
    for number in 0..=MOST_PLACES as u64 {
        let look = run(START + number, vec![check("a", CheckVerdict::Passed)]);
        let look = QualityRun { tool: format!("dbt-{number}"), ..look };
        measures.take(&fact(number, look), known(), START + number).unwrap();
    }
    let tools: Vec<&str> = product(&measures).places().keys().map(|place| place.tool.as_str()).collect();
    assert!(tools.len() == MOST_PLACES && !tools.contains(&"dbt-0"));
}
