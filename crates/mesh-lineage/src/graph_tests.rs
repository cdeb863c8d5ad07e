#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::walk::{Bounds, Direction, Walk};

const ALL: Bounds = Bounds { hops: 100, steps: 10_000 };

fn major(product: &str, major: u32) -> Major {
    Major { product: product.parse().unwrap(), major }
}

/// A product with one version of each of these majors, all made of the same.
fn put(graph: &mut Graph, product: &str, versions: &[&str], inputs: &[&str]) {
    let taken = |(at, source): (usize, &&str)| Taken {
        port: format!("in_{at}").parse().unwrap(),
        source: Source::parse(source.trim_end_matches('?')).unwrap(),
        required: !source.ends_with('?'),
    };
    let inputs: Vec<Taken> = inputs.iter().enumerate().map(taken).collect();
    let mut majors: BTreeMap<u32, Made> = BTreeMap::new();
    for version in versions {
        let version: Version = version.parse().unwrap();
        let owner = format!("{product}'s team");
        let new = || Made { versions: Vec::new(), deprecated: false, owner, inputs: inputs.clone() };
        majors.entry(version.major).or_insert_with(new).versions.push(version);
    }
    graph.put(&product.parse().unwrap(), majors);
}

/// Three domains in a row, and a system outside.
fn chain() -> Graph {
    let mut graph = Graph::default();
    put(&mut graph, "sales/orders", &["1.0.0", "1.4.0", "2.0.0"], &["postgres.shop.orders"]);
    put(&mut graph, "finance/revenue", &["1.0.0"], &["sales/orders@^1", "finance/rates?"]);
    put(&mut graph, "finance/rates", &["1.0.0"], &["https://bank.example/rates"]);
    put(&mut graph, "board/figures", &["3.1.0"], &["finance/revenue"]);
    put(&mut graph, "marketing/funnel", &["1.0.0"], &["sales/orders@^2", "sales/gone", "sales/orders@^9"]);
    graph
}

fn names(walk: &Walk) -> Vec<String> {
    walk.reached.iter().map(|reached| format!("{} {}", reached.hops, reached.major)).collect()
}

#[test]
fn who_breaks_is_found_across_domains_by_the_major_that_is_taken() {
    let graph = chain();
    let down = graph.walk(&major("sales/orders", 1), Direction::Down, ALL);
    assert_eq!(names(&down), ["1 finance/revenue (major 1)", "2 board/figures (major 3)"]);
    assert_eq!(down.reached[1].owner, "board/figures's team");
    assert!(down.reached.iter().all(|reached| reached.required) && !down.cut && down.cycles.is_empty());
    assert_eq!(names(&graph.walk(&major("sales/orders", 2), Direction::Down, ALL)), ["1 marketing/funnel (major 1)"]);
    let rates = graph.walk(&major("finance/rates", 1), Direction::Down, ALL);
    assert_eq!(names(&rates), ["1 finance/revenue (major 1)", "2 board/figures (major 3)"]);
    assert!(rates.reached.iter().all(|reached| !reached.required), "it can be made without");
    let shop = graph.walk_from_outside("postgres.shop.orders", ALL);
    assert_eq!(shop.reached.len(), 5, "both majors of orders, and who takes them: {:?}", names(&shop));
    assert_eq!(graph.walk_from_outside("nowhere", ALL), Walk::default());
}

#[test]
fn what_a_product_is_made_of_ends_outside_or_is_missing() {
    let graph = chain();
    let up = graph.walk(&major("board/figures", 3), Direction::Up, ALL);
    assert_eq!(names(&up), ["1 finance/revenue (major 1)", "2 finance/rates (major 1)", "2 sales/orders (major 1)"]);
    let outside = up.steps.iter().filter(|step| matches!(step.from, Supplier::Outside(_)));
    assert_eq!(
        outside.map(|step| step.from.to_string()).collect::<Vec<_>>(),
        ["postgres.shop.orders", "https://bank.example/rates"]
    );
    let funnel = graph.walk(&major("marketing/funnel", 1), Direction::Up, ALL);
    let missing: Vec<String> =
        funnel.steps.iter().map(|step| step.from.to_string()).filter(|text| text.contains("missing")).collect();
    assert_eq!(
        missing,
        [
            "sales/gone: missing, there is no such product",
            "sales/orders@^9: missing, none of its versions is in this range"
        ]
    );
}

#[test]
fn what_changes_is_put_in_the_place_of_what_was() {
    let mut graph = chain();
    put(&mut graph, "finance/revenue", &["1.1.0"], &["sales/orders@^2"]);
    assert_eq!(names(&graph.walk(&major("sales/orders", 1), Direction::Down, ALL)), Vec::<String>::new());
    assert_eq!(graph.walk(&major("sales/orders", 2), Direction::Down, ALL).reached.len(), 3);
    graph.put(&"sales/orders".parse().unwrap(), BTreeMap::new());
    let up = graph.walk(&major("finance/revenue", 1), Direction::Up, ALL);
    assert_eq!(up.steps[0].from.to_string(), "sales/orders@^2: missing, it is retired");
    assert_eq!(graph.newest(&"sales/orders".parse().unwrap()), None);
    // Without a range, the newest is meant.
    put(&mut graph, "sales/orders", &["1.0.0", "2.0.0"], &[]);
    assert_eq!(graph.suppliers(&Source::parse("sales/orders").unwrap()), [Supplier::Product(major("sales/orders", 2))]);
    assert_eq!(graph.suppliers(&Source::parse("sales/orders@>=1").unwrap()).len(), 2);
}

/// The short way can be done without, a longer one cannot: it breaks, and so does all that lies behind it.
#[test]
fn what_breaks_by_any_way_breaks() {
    let mut graph = Graph::default();
    put(&mut graph, "a/root", &["1.0.0"], &[]);
    put(&mut graph, "b/x", &["1.0.0"], &["a/root?", "c/y"]);
    put(&mut graph, "c/y", &["1.0.0"], &["a/root"]);
    put(&mut graph, "d/z", &["1.0.0"], &["b/x"]);
    put(&mut graph, "e/apart", &["1.0.0"], &["d/z?"]);
    let needs = |walk: &Walk| walk.reached.iter().map(|one| (one.major.to_string(), one.required)).collect::<Vec<_>>();
    let named = |names: &[(&str, bool)]| -> Vec<(String, bool)> {
        names.iter().map(|(name, required)| (format!("{name} (major 1)"), *required)).collect()
    };
    let down = graph.walk(&major("a/root", 1), Direction::Down, ALL);
    assert_eq!(needs(&down), named(&[("b/x", true), ("c/y", true), ("d/z", true), ("e/apart", false)]));
    let up = graph.walk(&major("e/apart", 1), Direction::Up, ALL);
    assert!(up.reached.iter().all(|one| !one.required), "{up:?}");
    assert!(graph.walk(&major("d/z", 1), Direction::Up, ALL).reached.iter().all(|one| one.required));
}

#[test]
fn cycles_end_a_walk_nowhere_and_are_told() {
    let mut graph = Graph::default();
    put(&mut graph, "a/one", &["1.0.0"], &["b/two"]);
    put(&mut graph, "b/two", &["1.0.0"], &["c/three"]);
    put(&mut graph, "c/three", &["1.0.0"], &["a/one", "c/three@^1", "d/four"]);
    put(&mut graph, "d/four", &["1.0.0"], &[]);
    let ring = vec![major("a/one", 1), major("b/two", 1), major("c/three", 1)];
    for (direction, reached) in [(Direction::Up, 3), (Direction::Down, 2)] {
        let walk = graph.walk(&major("a/one", 1), direction, ALL);
        assert_eq!((walk.reached.len(), &walk.cycles), (reached, &vec![ring.clone()]), "{direction:?}");
    }
    let mut own = Graph::default();
    put(&mut own, "a/one", &["1.0.0"], &["a/one"]);
    assert_eq!(own.walk(&major("a/one", 1), Direction::Down, ALL).cycles, [[major("a/one", 1)]]);
}

#[test]
fn a_walk_stops_where_it_is_told_and_says_so() {
    let graph = chain();
    let near = graph.walk(&major("sales/orders", 1), Direction::Down, Bounds { hops: 1, ..ALL });
    assert_eq!((names(&near), near.cut), (vec!["1 finance/revenue (major 1)".to_owned()], true));
    let whole = graph.walk(&major("sales/orders", 1), Direction::Down, Bounds { hops: 2, ..ALL });
    assert!(!whole.cut, "there is no more");
    let few = graph.walk(&major("sales/orders", 1), Direction::Down, Bounds { steps: 1, ..ALL });
    assert_eq!((few.steps.len(), few.cut), (1, true));
}

proptest! {
    /// Up is the other way of down, whatever was put in and in whatever order.
    #[test]
    fn one_is_made_of_another_exactly_when_that_one_supplies_it(
        puts in proptest::collection::vec((0..6_usize, proptest::collection::vec((0..6_usize, 0..3_u32), 0..4)), 0..16),
    ) {
        let name = |n: usize| format!("d/p{n}");
        let mut graph = Graph::default();
        for (product, inputs) in &puts {
            let sources: Vec<String> = inputs.iter().map(|(from, range)| match range {
                0 => name(*from),
                range => format!("{}@^{range}", name(*from)),
            }).collect();
            let sources: Vec<&str> = sources.iter().map(String::as_str).collect();
            put(&mut graph, &name(*product), &["1.0.0", "2.0.0"], &sources);
        }
        let all: Vec<Major> = (0..6).flat_map(|n| [major(&name(n), 1), major(&name(n), 2)]).collect();
        for from in &all {
            let down = graph.walk(from, Direction::Down, ALL);
            for to in &all {
                if from == to {
                    continue;
                }
                let up = graph.walk(to, Direction::Up, ALL);
                let is_in = |walk: &Walk, one: &Major| walk.reached.iter().any(|reached| reached.major == *one);
                prop_assert_eq!(is_in(&down, to), is_in(&up, from), "{} {}", from, to);
            }
        }
    }
}
