//! From text to a compiled expression.
//!
//! | module | holds |
//! |---|---|
//! | [`token`] | words, and the bounds on them |
//! | [`forms`] | the guide's `all(x in xs where c: p)` as CEL |
//! | [`syntax`] | the parse, by the crate `cel` |
//! | [`lower`] | names resolved, patterns compiled |
//! | [`node`] | what comes out |

mod error;
mod forms;
mod lower;
pub(crate) mod node;
pub(crate) mod pattern;
mod syntax;
mod token;

pub use error::RuleError;
#[cfg(test)]
pub(crate) use lower::LEVELS;
pub(crate) use lower::compile;
pub(crate) use node::Node;
pub use token::{DEPTH, EXPRESSION_BYTES, TOKENS};
