//! Claims of the store, on real files.

#![allow(clippy::unwrap_used)]

mod chunked;
mod committer;
mod copies;
mod crash;
mod disk;
mod keyspaces;
mod kill;
mod live_copy;
mod merkle_log;
mod sled_guards;
