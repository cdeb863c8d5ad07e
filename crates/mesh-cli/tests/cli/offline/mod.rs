//! The built `mesh` without any node: keys, the founding ceremony, command files, scaffolds, explanations.

mod ceremony;
mod commands;
mod keys;
mod signing;
