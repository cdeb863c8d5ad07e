//! A simulated mesh of 1,000 nodes with real packets and real signatures: how fast a new head is known, what idling costs, and how
//! pulls do with half of all packets lost. Prints the table of `docs/performance.md`.
//!
//!     cargo run --release -p mesh-gossip --example thousand -- [nodes] [seeds]

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::cast_precision_loss)]

#[path = "../tests/gossip/support/mod.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod support;

use std::time::{Duration, Instant};

use support::{FINE, Weather, World, head, seconds};

fn main() {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<u64>().expect("expected a number"));
    let nodes = arguments.next().unwrap_or(1_000);
    let seeds = arguments.next().unwrap_or(3);
    let began = Instant::now();
    println!("{nodes} nodes, virtual time, real packets and signatures; delay 1 to 10 ms");
    println!(
        "| seed | all see each other | head known by 99.99 % | by all | idle bytes/s per node | 50 % loss: by all | pull rounds |"
    );
    println!("|---|---|---|---|---|---|---|");
    for seed in 1..=seeds {
        row(seed, nodes);
    }
    println!("took {:.0} s", began.elapsed().as_secs_f64());
}

fn row(seed: u64, nodes: u64) {
    // Each node knows the addresses of seven, as in a founding document.
    let mut world = World::mesh(seed, FINE, nodes, 7);
    let together = world.await_that(seconds(300), World::all_see_each_other).expect("the mesh never came together");
    world.run(seconds(10));

    let all = usize::try_from(nodes).unwrap();
    let most = (all * 9_999).div_ceil(10_000);
    world.with(0, |gossip, now| gossip.announce_head(now, &head(1, 1, 0)));
    let known = world.await_that(seconds(60), |world| world.knowing(1, 1) >= most).expect("rumour and pulls failed");
    let rest = world.await_that(seconds(60), |world| world.knowing(1, 1) >= all).expect("pulls failed");

    world.run(seconds(10));
    let bytes = |world: &World| world.processes.iter().map(|process| process.sent_bytes).sum::<u64>();
    let before = bytes(&world);
    world.run(seconds(10));
    let idle = (bytes(&world) - before) as f64 / nodes as f64 / 10.0;

    world.weather = Weather { lost: 500, ..FINE };
    world.with(1, |gossip, now| gossip.announce_head(now, &head(2, 1, 0)));
    let lossy = world.await_that(seconds(120), |world| world.knowing(2, 1) >= all).expect("pulls failed");
    let rounds = lossy.as_secs_f64() / world.config.pull_period.as_secs_f64();
    println!(
        "| {seed} | {} | {} | {} | {idle:.0} | {} | {rounds:.1} |",
        text(together),
        text(known),
        text(known + rest),
        text(lossy)
    );
}

fn text(length: Duration) -> String {
    format!("{:.2} s", length.as_secs_f64())
}
