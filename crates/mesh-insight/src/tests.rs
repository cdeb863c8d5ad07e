#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use mesh_model::ProductId;
use rust_decimal::Decimal;

use super::*;

fn id(text: &str) -> ProductId {
    text.parse().unwrap()
}

fn version(sealed: u64, ended: Option<u64>, inputs: &[&str]) -> VersionLife {
    VersionLife {
        sealed_unix_ms: sealed,
        ended_unix_ms: ended,
        inputs: inputs.iter().map(|input| id(input)).collect::<BTreeSet<_>>(),
    }
}

fn request(product: &str, consumer: &str, asked: u64, granted: Option<u64>, ended: Option<u64>) -> RequestLife {
    RequestLife {
        product: id(product),
        consumer: consumer.parse().unwrap(),
        asked_unix_ms: asked,
        granted_unix_ms: granted,
        ended_unix_ms: ended,
    }
}

/// Three domains: sales sells, finance asks and takes, crm has nothing before 60.
fn history() -> History {
    let domain = |name: &str, at| (name.parse().unwrap(), at);
    let product = |name: &str, versions| (id(name), ProductLife { versions });
    History {
        domains: [domain("sales", 1), domain("finance", 2), domain("crm", 3)].into(),
        products: [
            product("sales/orders", vec![version(10, None, &[]), version(20, None, &[])]),
            product("sales/returns", vec![version(12, Some(50), &[])]),
            product("finance/report", vec![version(40, None, &["sales/orders", "finance/ledger"])]),
            product("finance/ledger", vec![version(15, None, &[])]),
            product("crm/people", vec![version(60, None, &[])]),
        ]
        .into(),
        requests: vec![
            request("sales/orders", "finance", 21, Some(26), None),
            request("sales/returns", "crm", 30, Some(33), Some(45)),
            request("sales/orders", "crm", 34, None, None),
            request("sales/returns", "finance", 35, None, Some(39)),
        ],
        proposals: vec![
            ProposalLife { opened_unix_ms: 1, enacted_unix_ms: Some(5) },
            ProposalLife { opened_unix_ms: 20, enacted_unix_ms: Some(30) },
            ProposalLife { opened_unix_ms: 25, enacted_unix_ms: None },
        ],
        kept: [(id("sales/orders"), true), (id("finance/ledger"), false)].into(),
    }
}

fn at(moment: u64) -> Vec<(String, Option<Decimal>, u64)> {
    let insights = Insights::at(&history(), moment);
    insights.measures.into_iter().map(|measure| (measure.name, measure.value, measure.of)).collect()
}

fn expected(values: &[(&str, Option<&str>, u64); 8]) -> Vec<(String, Option<Decimal>, u64)> {
    values
        .iter()
        .map(|(name, value, of)| ((*name).to_owned(), value.map(|value| value.parse().unwrap()), *of))
        .collect()
}

#[test]
fn measures_are_what_their_formulas_say_at_any_moment() {
    // Nothing but domains.
    assert_eq!(
        at(5),
        expected(&[
            ("time_to_access", None, 0),
            ("time_to_first_consumer", None, 0),
            ("cross_domain_use", None, 0),
            ("quality_met", None, 0),
            ("quality_measured", None, 0),
            ("proposal_wait", Some("4"), 1),
            ("active_products", Some("0"), 0),
            ("adoption", Some("0"), 3),
        ])
    );
    // Orders and returns are used by others, by grants.
    assert_eq!(
        at(36),
        expected(&[
            // 5 and 3: the lower of the two in the middle.
            ("time_to_access", Some("3"), 2),
            // Orders 26 - 10, returns 33 - 12.
            ("time_to_first_consumer", Some("16"), 2),
            ("cross_domain_use", Some("66.7"), 3),
            ("quality_met", Some("50"), 2),
            ("quality_measured", Some("66.7"), 3),
            ("proposal_wait", Some("4"), 2),
            ("active_products", Some("3"), 3),
            ("adoption", Some("66.7"), 3),
        ])
    );
    // Returns are gone; orders are used by a grant and by an input, which is one use each of one domain.
    assert_eq!(
        at(70),
        expected(&[
            ("time_to_access", Some("3"), 2),
            ("time_to_first_consumer", Some("16"), 2),
            ("cross_domain_use", Some("25"), 4),
            ("quality_met", Some("50"), 2),
            ("quality_measured", Some("50"), 4),
            ("proposal_wait", Some("4"), 2),
            ("active_products", Some("4"), 4),
            ("adoption", Some("100"), 3),
        ])
    );
}

#[test]
fn each_domain_has_its_part() {
    let of = |moment: u64, name: &str| {
        let insights = Insights::at(&history(), moment);
        let d = insights.domains.into_iter().find(|domain| domain.domain.as_str() == name).unwrap();
        [d.active_products, d.used_by_others, d.uses_of_others, d.measured, d.kept, d.requests_waiting]
    };
    assert_eq!(of(36, "sales"), [2, 2, 0, 1, 1, 2]);
    assert_eq!(of(70, "sales"), [1, 1, 0, 1, 1, 1], "what was denied waits no more");
    assert_eq!(of(70, "finance"), [2, 0, 1, 1, 0, 0], "an input of its own domain is no use by another");
    assert_eq!(of(36, "crm"), [0, 0, 1, 0, 0, 0]);
}

#[test]
fn what_came_later_changes_nothing_before_it() {
    let all = history();
    for moment in 0..80 {
        let mut cut = all.clone();
        cut.domains.retain(|_, at| *at <= moment);
        for life in cut.products.values_mut() {
            life.versions.retain(|version| version.sealed_unix_ms <= moment);
            for version in &mut life.versions {
                version.ended_unix_ms = version.ended_unix_ms.filter(|ended| *ended <= moment);
            }
        }
        cut.requests.retain(|request| request.asked_unix_ms <= moment);
        for request in &mut cut.requests {
            request.granted_unix_ms = request.granted_unix_ms.filter(|at| *at <= moment);
            request.ended_unix_ms = request.ended_unix_ms.filter(|at| *at <= moment);
        }
        cut.proposals.retain(|proposal| proposal.opened_unix_ms <= moment);
        for proposal in &mut cut.proposals {
            proposal.enacted_unix_ms = proposal.enacted_unix_ms.filter(|at| *at <= moment);
        }
        assert_eq!(Insights::at(&cut, moment), Insights::at(&all, moment), "{moment}");
    }
}

#[test]
fn objectives_go_down_as_well_as_up() {
    let insights = Insights::at(&history(), 70);
    let progress = |measure: &str, baseline: i64, target: i64| {
        let objective = Objective {
            measure: measure.into(),
            baseline: Decimal::from(baseline),
            target: Decimal::from(target),
            by_unix_ms: 70,
        };
        objective.progress(&insights).map(|progress| (progress.progress_percent, progress.reached, progress.due))
    };
    assert_eq!(progress("time_to_access", 8, 4), Some((Some(125), true, true)));
    assert_eq!(progress("time_to_access", 5, 1), Some((Some(50), false, true)));
    assert_eq!(progress("cross_domain_use", 0, 75), Some((Some(33), false, true)));
    assert_eq!(progress("cross_domain_use", 50, 75), Some((Some(-100), false, true)));
    assert_eq!(progress("cross_domain_use", 25, 25), Some((None, true, true)), "there is no way to go");
    assert_eq!(progress("happiness", 0, 1), None);
}
