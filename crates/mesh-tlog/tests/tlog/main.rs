//! The claims of this crate, at its public boundary.
#![allow(clippy::unwrap_used)]

mod checkpoints;
mod consistency;
mod frontiers;
mod hashes;
mod inclusion;
mod large_trees;
mod notes;
mod rfc6962_vectors;
mod tiles;
mod tree;

use proptest::test_runner::{Config, RngSeed};

/// Property tests see the same cases on every run; `PROPTEST_CASES` still says how many.
fn cases() -> Config {
    Config { rng_seed: RngSeed::Fixed(6962), failure_persistence: None, ..Config::default() }
}
