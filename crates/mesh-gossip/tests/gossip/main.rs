//! Claims of gossip, on simulated networks.

#![allow(clippy::unwrap_used)]

mod heads;
mod membership;
mod packets;
mod support;
