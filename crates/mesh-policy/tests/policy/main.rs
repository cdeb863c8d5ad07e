//! Claims of standards: their language, their verdicts, their order.

#![allow(clippy::unwrap_used)]

mod binding;
mod common;
mod document;
mod flaws;
mod guide;
mod nothing_hides;
mod order;
mod schema;
mod worked_standards;
