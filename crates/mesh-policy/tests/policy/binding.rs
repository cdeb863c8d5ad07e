//! From when on a standard binds, and what a violation then does.

use mesh_model::{Enforcement, Name, Standard, StandardKind, Version};
use mesh_policy::{Binding, Effect, Waiver};

const DAY: u64 = 24 * 60 * 60 * 1000;

fn standard(effective_from: &str, grace_days: u16) -> Standard {
    Standard {
        id: Name::parse("example").unwrap(),
        version: Version::FIRST,
        title: "Example".into(),
        kind: StandardKind::Policy,
        text: "Why.".into(),
        selector: String::new(),
        rules: Vec::new(),
        enforcement: Enforcement::Block,
        effective_from: effective_from.into(),
        grace_days,
        tests: Vec::new(),
        detail: None,
    }
}

#[test]
fn new_products_are_bound_from_the_effective_date_and_older_ones_after_their_grace() {
    // Enacted on day 10, effective on day 20, ten days of grace.
    let of = standard("1970-01-21", 10);
    let at = |now, sealed| Binding::at(now, &of, 10 * DAY, sealed, None);
    for (now, sealed, expected) in [
        (15 * DAY, None, Binding::NotYet { from: 20 * DAY }),
        (20 * DAY - 1, Some(5 * DAY), Binding::NotYet { from: 20 * DAY }),
        (20 * DAY, None, Binding::Binds),
        (20 * DAY, Some(15 * DAY), Binding::Binds),
        (20 * DAY, Some(10 * DAY), Binding::InGrace { until: 30 * DAY }),
        (30 * DAY - 1, Some(5 * DAY), Binding::InGrace { until: 30 * DAY }),
        (30 * DAY, Some(5 * DAY), Binding::Binds),
    ] {
        assert_eq!(at(now, sealed), expected, "{now} {sealed:?}");
    }
}

#[test]
fn a_date_before_enactment_and_none_mean_enactment() {
    for date in ["", "1970-01-02"] {
        let at = |now, sealed| Binding::at(now, &standard(date, 1), 10 * DAY, sealed, None);
        assert_eq!(at(9 * DAY, None), Binding::NotYet { from: 10 * DAY });
        assert_eq!(at(10 * DAY, None), Binding::Binds);
        assert_eq!(at(10 * DAY, Some(DAY)), Binding::InGrace { until: 11 * DAY });
    }
}

#[test]
fn a_waiver_holds_until_it_expires() {
    let waiver = Waiver { until: 30 * DAY, why: "migration".into() };
    let at = |now| Binding::at(now, &standard("", 0), 0, Some(DAY), Some(&waiver));
    assert_eq!(at(30 * DAY - 1), Binding::Waived { until: 30 * DAY, why: "migration".into() });
    assert_eq!(at(30 * DAY), Binding::Binds);
}

#[test]
fn effects_are_as_strong_as_the_binding() {
    let waived = Binding::Waived { until: 1, why: String::new() };
    let [not_yet, grace] = [Binding::NotYet { from: 1 }, Binding::InGrace { until: 1 }];
    let effects = |binding: &Binding| {
        [Enforcement::Advise, Enforcement::Warn, Enforcement::Block].map(|enforcement| binding.effect(enforcement))
    };
    assert_eq!(effects(&Binding::Binds), [Effect::Advise, Effect::Warn, Effect::Block]);
    assert_eq!(effects(&grace), [Effect::Advise, Effect::Warn, Effect::Warn]);
    assert_eq!(effects(&waived), [Effect::Advise; 3]);
    assert_eq!(effects(&not_yet), [Effect::Advise; 3]);
}
