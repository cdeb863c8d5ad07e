//! Claims about what all runs together told.
#![allow(clippy::unwrap_used)]

use super::*;

fn port(text: &str) -> PortAt {
    let (product, port) = text.split_once('#').unwrap();
    PortAt { product: product.parse().unwrap(), major: 1, port: port.parse().unwrap() }
}

fn major(product: &str) -> Major {
    Major { product: product.parse().unwrap(), major: 1 }
}

fn supply(from: &str, to: &str, columns: &[(&str, &str)]) -> Supply {
    let from = if from.contains('#') { Origin::Port(port(from)) } else { Origin::Outside(from.to_owned()) };
    let column = |(to, from): &(&str, &str)| Column {
        to: Some((*to).to_owned()).filter(|to| to != "*"),
        from: (*from).to_owned(),
    };
    Supply { from, to: port(to), columns: columns.iter().map(column).collect() }
}

fn observed(supplies: &[Supply]) -> Observed {
    let mut observed = Observed::default();
    for supply in supplies {
        assert!(observed.add(supply, 1_000, true));
    }
    observed
}

const BOUNDS: Bounds = Bounds { hops: 10, steps: 100 };

fn made_of(observed: &Observed, at: &str, column: &str, bounds: Bounds) -> (Vec<String>, bool) {
    let (steps, cut) = observed.made_of(&port(at), column, bounds);
    let text = |step: &ColumnStep| {
        let to = step.to_column.as_deref().unwrap_or("*");
        format!("{} {}.{} -> {}.{to}", step.hops, step.from.product, step.from_column, step.to.product)
    };
    (steps.iter().map(text).collect(), cut)
}

#[test]
fn runs_add_up_and_count_once_each() {
    let mut observed = Observed::default();
    assert!(observed.add(&supply("a/a#p", "b/b#p", &[("x", "y")]), 5_000, true));
    assert!(observed.add(&supply("a/a#p", "b/b#p", &[("x", "z")]), 9_000, true));
    assert!(observed.add(&supply("a/a#p", "b/b#p", &[("x", "z")]), 7_000, false));
    let seen = observed.seen(&Origin::Port(port("a/a#p")), &port("b/b#p")).unwrap();
    assert_eq!((seen.runs, seen.first, seen.last, seen.columns.len()), (2, 5_000, 9_000, 2));
}

#[test]
fn a_major_knows_what_came_in_and_where_it_went() {
    let observed = observed(&[
        supply("a/a#p", "b/b#p", &[]),
        supply("s3://x/y", "b/b#q", &[]),
        supply("b/b#p", "c/c#p", &[]),
        supply("b/bb#p", "d/d#p", &[]),
    ]);
    let b = major("b/b");
    let from = |direction| {
        observed.rows(&b, direction).iter().map(|row| (row.from.clone(), row.to.clone())).collect::<Vec<_>>()
    };
    assert_eq!(from(Direction::Down), [(Origin::Port(port("b/b#p")), port("c/c#p"))]);
    let up = [(Origin::Port(port("a/a#p")), port("b/b#p")), (Origin::Outside("s3://x/y".into()), port("b/b#q"))];
    assert_eq!(from(Direction::Up), up);
}

#[test]
fn a_column_is_followed_to_all_that_is_made_of_it() {
    let observed = observed(&[
        supply("a/a#p", "b/b#p", &[("total", "amount"), ("day", "time")]),
        supply("b/b#p", "c/c#p", &[("sum", "total"), ("when", "day")]),
        supply("b/b#p", "d/d#p", &[("*", "total"), ("other", "day")]),
        supply("d/d#p", "e/e#p", &[("z", "other")]),
        // Made of each other.
        supply("c/c#p", "b/b#p", &[("total", "sum")]),
    ]);
    let (steps, cut) = made_of(&observed, "a/a#p", "amount", BOUNDS);
    let all = [
        "1 a/a.amount -> b/b.total",
        "2 b/b.total -> c/c.sum",
        "2 b/b.total -> d/d.*",
        "3 c/c.sum -> b/b.total",
        "3 d/d.other -> e/e.z",
    ];
    assert_eq!((steps.iter().map(String::as_str).collect::<Vec<_>>(), cut), (all.to_vec(), false));
    assert_eq!(made_of(&observed, "a/a#p", "nothing", BOUNDS), (vec![], false));
    assert!(made_of(&observed, "a/a#p", "amount", Bounds { hops: 1, steps: 100 }).1);
    assert_eq!(made_of(&observed, "a/a#p", "amount", Bounds { hops: 10, steps: 2 }).0.len(), 2);
}

#[test]
fn what_nobody_tells_any_more_is_forgotten() {
    let mut observed = observed(&[supply("a/a#p", "b/b#p", &[("x", "y")])]);
    assert!(observed.add(&supply("b/b#p", "c/c#p", &[("z", "x")]), 2_000, true));
    assert_eq!(observed.forget_before(1_000), []);
    assert_eq!(observed.forget_before(1_500), [(Origin::Port(port("a/a#p")), port("b/b#p"))]);
    assert_eq!(made_of(&observed, "a/a#p", "y", BOUNDS), (vec![], false));
    assert_eq!(observed.rows(&major("b/b"), Direction::Down).len(), 1);
}

#[test]
fn a_port_has_so_many_supplies() {
    let mut observed = Observed::default();
    for n in 0..limits::SUPPLIES / 2 {
        assert!(!observed.is_cut(&major("b/b")));
        assert!(observed.add(&supply(&format!("s3://x/{n}"), "b/b#p", &[]), 1, true));
    }
    assert!(
        !observed.refused() && !observed.add(&supply("s3://one/more", "b/b#p", &[]), 1, true) && observed.refused()
    );
    assert!(observed.add(&supply("s3://x/0", "b/b#p", &[]), 2, true));
    assert!(observed.is_cut(&major("b/b")));
    // What is a port's has room yet.
    assert!(observed.add(&supply("a/a#p", "b/b#p", &[]), 2, true));
    // And all of it, once the rest is forgotten.
    assert_eq!(observed.forget_before(2).len(), limits::SUPPLIES / 2 - 1);
    assert!(observed.add(&supply("s3://one/more", "b/b#p", &[]), 3, true));
}

#[test]
fn columns_stop_where_all_of_them_together_are_too_large() {
    let mut observed = Observed::default();
    let long = "x".repeat(250);
    let columns: Vec<String> = (0..limits::COLUMNS).map(|n| format!("{n}{long}")).collect();
    let columns: Vec<(&str, &str)> = columns.iter().map(|column| (column.as_str(), column.as_str())).collect();
    let mut told = 0;
    while !observed.refused() && told < 100 {
        observed.add(&supply(&format!("s3://x/{told}"), "b/b#p", &columns), 1, true);
        told += 1;
    }
    // 6 MB each.
    assert!((15..30).contains(&told), "{told}");
    assert_eq!(observed.forget_before(2).len(), told - 1);
    assert_eq!((observed.bytes, observed.count), (0, 0));
}
