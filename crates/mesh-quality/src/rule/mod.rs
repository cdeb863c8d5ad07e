//! Rules: from the text of a check to a syntax tree that may be run.
//!
//! ```text
//! text -> placeholders filled (placeholder) -> parsed, refused when it is more than a condition or a SELECT (parse, refuse)
//!      -> conditions made strict (boolean) -> names made those of the data (names), numbers in text compared as numbers (numbers)
//!      -> put into a query (splice)
//! ```
//!
//! A check is never put together as text: the tree that was looked at is the one that is planned.

mod boolean;
mod names;
mod numbers;
mod parse;
mod placeholder;
mod refuse;
mod splice;

pub(crate) use names::{Known, Resolved, for_data, for_row};
pub(crate) use parse::{Check, DataRule, RowRule, parse, value};
pub(crate) use placeholder::{About, fill};
pub(crate) use splice::{query, slot};
