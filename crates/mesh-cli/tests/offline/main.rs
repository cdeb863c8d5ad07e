//! The built `mesh` without any node: keys, the founding ceremony, command files, scaffolds, explanations.
#![allow(clippy::unwrap_used)]

mod ceremony;
mod commands;
mod keys;
mod machine;
mod signing;
