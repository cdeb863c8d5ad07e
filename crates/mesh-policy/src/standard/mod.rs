//! Standards: checked, compiled, asked.

mod check;
mod checksum;
mod compiled;
mod detail;
mod evaluation;
mod flaw;
mod granularity;
mod references;
mod schema;

pub use check::{GRACE_DAYS, RULES, TESTS};
pub use checksum::Checksum;
pub use compiled::{CompiledStandard, Conflict, TestFailure, check_rules, plain_rules};
pub use detail::check_identifier;
pub use evaluation::{EVALUATOR_VERSION, Evaluation, Violation};
pub use flaw::StandardFlaw;
pub use references::check_references;
