//! Who breaks, at 10,000 products in three layers of domains: the worst case, in which all of them do.

use std::collections::BTreeMap;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use mesh_lineage::{Bounds, Direction, Graph, Made, Major, Taken};
use mesh_model::Version;
use mesh_model::descriptor::Source;

const PRODUCTS: u32 = 10_000;

/// The first product supplies a hundred, and each of these a hundred more.
fn layers() -> Graph {
    let mut graph = Graph::default();
    for n in 0..PRODUCTS {
        let (domain, from) = match n {
            0 => ("first", None),
            1..=100 => ("second", Some("first/p0".to_owned())),
            _ => ("third", Some(format!("second/p{}", n % 100 + 1))),
        };
        let source = from.map(|from| Source::parse(&format!("{from}@^1")).expect("a source"));
        let input = |source| Taken { port: "all".parse().expect("a name"), source, required: true };
        let made = Made {
            versions: vec![Version::new(1, 0, 0)],
            deprecated: false,
            owner: "a team".into(),
            inputs: source.map(input).into_iter().collect(),
        };
        graph.put(&format!("{domain}/p{n}").parse().expect("an id"), BTreeMap::from([(1, made)]));
    }
    graph
}

fn impact(criterion: &mut Criterion) {
    let graph = layers();
    let bounds = Bounds { hops: 100, steps: 100_000 };
    let of = |product: &str| Major { product: product.parse().expect("an id"), major: 1 };
    criterion.bench_function("impact on all of 10,000 products", |bencher| {
        let from = of("first/p0");
        bencher.iter(|| black_box(graph.walk(&from, Direction::Down, bounds)).reached.len());
    });
    criterion.bench_function("impact on a hundred of 10,000 products", |bencher| {
        let from = of("second/p7");
        bencher.iter(|| black_box(graph.walk(&from, Direction::Down, bounds)).reached.len());
    });
}

criterion_group!(benches, impact);
criterion_main!(benches);
