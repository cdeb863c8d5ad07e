//! Several voters in one process, over real connections.
#![allow(clippy::unwrap_used)]

mod damage;
mod harness;
mod membership;
mod ordering;
mod outages;
mod snapshots;
mod tail;
