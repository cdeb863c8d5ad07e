//! Searching 100,000 synthetic products (or `MESH_BENCH_PRODUCTS`), in memory, alone and while publishing goes on.
//!
//! The products are the same in every run: names and texts come from a fixed generator over a few hundred words of
//! uneven frequency, so that some words are in a third of all products and some in a handful.
#![allow(clippy::unwrap_used, missing_docs)]

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use mesh_catalog::{Directory, Entry, IndexOptions, Lifecycle, Query, SearchIndex};
use mesh_model::{Dataset, Descriptor, DomainName, Field, Name, OutputPort, PortKind, QualityRule, Severity};
use tantivy::directory::RamDirectory;

const STEMS: [&str; 24] = [
    "customer",
    "order",
    "product",
    "invoice",
    "shipment",
    "payment",
    "account",
    "session",
    "device",
    "sensor",
    "weather",
    "claim",
    "policy",
    "patient",
    "vehicle",
    "driver",
    "contract",
    "supplier",
    "inventory",
    "campaign",
    "ticket",
    "employee",
    "route",
    "forecast",
];
const KINDS: [&str; 16] = [
    "profile", "history", "daily", "events", "summary", "snapshot", "scores", "metrics", "feed", "quality", "segments",
    "returns", "limits", "audit", "archive", "links",
];
const PLACES: [&str; 20] = [
    "berlin", "paris", "madrid", "rome", "vienna", "lisbon", "oslo", "dublin", "athens", "prague", "warsaw", "zagreb",
    "riga", "bern", "tallinn", "helsinki", "sofia", "malmo", "porto", "turin",
];

/// SplitMix64: small, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % sides as u64).unwrap()
    }

    /// The first ones often, the last ones rarely.
    fn skewed<'a>(&mut self, words: &[&'a str]) -> &'a str {
        let at = self.roll(words.len()).min(self.roll(words.len()));
        words[at]
    }
}

/// A word that can be spoken, another for each number.
fn pseudo_word(mut number: usize) -> String {
    let mut word = String::new();
    for _ in 0..4 {
        word.push(char::from(b"bdfgklmnprstvz"[number % 14]));
        number /= 14;
        word.push(char::from(b"aeiou"[number % 5]));
        number /= 5;
    }
    word
}

fn product(number: usize, version: u32) -> Descriptor {
    let mut dice = Dice(number as u64);
    let domain = DomainName::parse(&format!("{}_{}", STEMS[dice.roll(24)], PLACES[dice.roll(20)])).unwrap();
    let (stem, kind, place) = (dice.skewed(&STEMS), dice.skewed(&KINDS), dice.skewed(&PLACES));
    let mut d = Descriptor::new(domain, Name::parse(&format!("{stem}_{kind}_{place}_{number}")).unwrap());
    d.version.minor = version;
    d.title = format!("{stem} {kind} of {place}");
    d.owner.team = format!("team_{}", dice.roll(2000));
    d.tags = (0..3).map(|_| format!("{}-{}", dice.skewed(&STEMS), dice.skewed(&KINDS))).collect();
    let mut words = Vec::new();
    for _ in 0..40 {
        words.push(match dice.roll(30) {
            0 => dice.skewed(&STEMS).to_owned(),
            1 => dice.skewed(&KINDS).to_owned(),
            _ => pseudo_word(dice.roll(8000).min(dice.roll(8000)).min(dice.roll(8000))),
        });
    }
    d.description = words.join(" ");
    d.datasets = vec![Dataset {
        name: format!("{stem}_{kind}"),
        description: String::new(),
        fields: (0..12)
            .map(|at| Field {
                name: match at {
                    0 => format!("{stem}_id"),
                    1 => format!("{}_id", dice.skewed(&STEMS)),
                    2 => dice.skewed(&["created_at", "code", "amount", "email", "currency"]).to_owned(),
                    _ => format!("{}_{}", pseudo_word(dice.roll(300)), dice.skewed(&["code", "amount", "at", "name"])),
                },
                ..Field::default()
            })
            .collect(),
    }];
    d.quality_rules = vec![QualityRule {
        name: format!("{}_valid", dice.skewed(&["key", "amount", "date", "email"])),
        check: format!("length({}) > 3", pseudo_word(dice.roll(300))),
        severity: Severity::Error,
        dimension: None,
        description: String::new(),
    }];
    let mut port = OutputPort::new(Name::parse("batch").unwrap(), PortKind::Batch);
    port.format = Some("parquet".into());
    port.location = Some(format!("s3://{place}/{stem}/{kind}/"));
    d.outputs = vec![port];
    d.documentation.support_contact = Some(format!("{stem}-owners@{place}.example"));
    d
}

fn put(index: &SearchIndex, number: usize, version: u32) {
    let descriptor = product(number, version);
    let ledger_index = number as u64;
    let entry = Entry {
        descriptor: &descriptor,
        status: Lifecycle::Active,
        ledger_index,
        stamp_unix_ms: 0,
        overflow_text: &[],
    };
    index.put(&entry).unwrap();
}

fn queries(products: usize) -> Vec<(&'static str, Query)> {
    let domain = product(7, 0).domain;
    vec![
        ("exact name", Query::text(product(products / 2, 0).name.as_str())),
        ("two words", Query::text("customer email")),
        ("frequent word", Query::text("customer")),
        ("typing error", Query::text("shipmnt forcast")),
        ("rare prose", Query::text(pseudo_word(5500))),
        ("three words, partly", Query::text(format!("weather helsinki {}", pseudo_word(6000)))),
        ("phrase", Query::text("\"customer profile\"")),
        ("beginning", Query::text("inven")),
        ("explained", Query { explain: true, ..Query::text("customer email") }),
        ("word in a domain", Query { domains: vec![domain.clone()], ..Query::text("history") }),
        ("a domain", Query { domains: vec![domain], ..Query::text("") }),
        ("everything", Query::text("")),
        ("nothing", Query::text("xyzzy")),
    ]
}

fn searching(criterion: &mut Criterion) {
    let products = std::env::var("MESH_BENCH_PRODUCTS").map_or(100_000, |text| text.parse().unwrap());
    let directory: Box<dyn Directory> = Box::new(RamDirectory::create());
    let index = SearchIndex::open(directory, IndexOptions::default()).unwrap().index;
    let started = Instant::now();
    for number in 0..products {
        put(&index, number, 0);
        if number % 20_000 == 19_999 {
            index.commit(number as u64).unwrap();
        }
    }
    index.commit(products as u64).unwrap();
    eprintln!("{products} products indexed in {:.1?}", started.elapsed());

    // Merging goes on behind the last commit; a commit shows what it came to.
    std::thread::sleep(Duration::from_secs(5));
    index.commit(products as u64).unwrap();

    let mut group = criterion.benchmark_group("search");
    for (name, query) in queries(products) {
        let found = index.search(&query).unwrap();
        eprintln!("{name}: {} found", found.total);
        group.bench_function(name, |bencher| bencher.iter(|| index.search(black_box(&query)).unwrap()));
    }
    group.bench_function("suggest", |bencher| bencher.iter(|| index.suggest(black_box("customer_b"), 20)));
    group.finish();
    while_publishing(&index, products);
}

/// All queries in turn, while another thread publishes 500 versions a second and commits twice a second.
fn while_publishing(index: &SearchIndex, products: usize) {
    let stop = AtomicBool::new(false);
    let mut times: Vec<Duration> = Vec::new();
    let mut commits: Vec<Duration> = Vec::new();
    std::thread::scope(|scope| {
        let publisher = scope.spawn(|| {
            let (mut dice, mut commits) = (Dice(1), Vec::new());
            for round in 1.. {
                let started = Instant::now();
                for _ in 0..250 {
                    put(index, dice.roll(products), round);
                }
                let committing = Instant::now();
                index.commit(u64::from(round)).unwrap();
                commits.push(committing.elapsed());
                if stop.load(Ordering::Relaxed) {
                    return commits;
                }
                std::thread::sleep(Duration::from_millis(500).saturating_sub(started.elapsed()));
            }
            commits
        });
        let queries = queries(products);
        let until = Instant::now() + Duration::from_secs(10);
        while Instant::now() < until {
            for (_, query) in &queries {
                let started = Instant::now();
                black_box(index.search(query).unwrap());
                times.push(started.elapsed());
            }
            std::thread::sleep(Duration::from_millis(5)); // a client, not a load of 100 %
        }
        stop.store(true, Ordering::Relaxed);
        commits = publisher.join().unwrap();
    });
    let percentile = |times: &mut Vec<Duration>, of: usize| {
        times.sort_unstable();
        times[(times.len() - 1) * of / 100]
    };
    eprintln!(
        "while publishing 500/s: {} searches, p50 {:.2?}, p95 {:.2?}, p99 {:.2?}; commit p50 {:.0?}, p95 {:.0?}",
        times.len(),
        percentile(&mut times, 50),
        percentile(&mut times, 95),
        percentile(&mut times, 99),
        percentile(&mut commits, 50),
        percentile(&mut commits, 95),
    );
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(300));
    targets = searching
}
criterion_main!(benches);
