//! YAML in and out, with places: the ground on which the three YAML formats stand.
//!
//! | module | holds |
//! |---|---|
//! | [`node`] | a document as a tree in which every value knows its line and column |
//! | [`loader`] | text to tree, within bounds of depth, count and size |
//! | [`indent`] | quoted texts that stand too far left, as people write them |
//! | [`scalar`] | what a plain scalar means: the core schema of YAML 1.2, so `no` is the word and not false |
//! | [`shape`] | what a format's document looks like, as tables, and the check of a tree against them |
//! | [`emit`] | JSON to YAML text |
//!
//! Invariants: no recursion deeper than [`mesh_model::limits::NESTING`], whatever the input; a number is kept as the
//! text that stands in the file; a key stands once in its mapping.

mod emit;
mod indent;
mod loader;
mod node;
mod scalar;
mod shape;

pub(crate) use emit::to_yaml;
pub(crate) use loader::load;
pub(crate) use node::{Entry, Node, Value, path_of};
pub(crate) use shape::{Check, FieldRule, Object, Shape, optional, required, since};
