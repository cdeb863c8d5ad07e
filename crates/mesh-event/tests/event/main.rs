//! Claims of what is signed: bytes that no later build may read or write in another way.

#![allow(clippy::unwrap_used)]

mod checkpoints;
mod command_bytes;
mod council_bytes;
mod later_bytes;
mod recovery;
