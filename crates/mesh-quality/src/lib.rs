//! Quality that is run, not only declared: the rules and metrics of a data product, executed over the files of its output ports.
//!
//! Row 3 of the workspace: it reads files and S3, and knows nothing of nodes. Above the descriptors of `mesh-model`; below the program of the
//! same name, which takes a descriptor from the registry, calls [`run`], and signs what comes of it.
//!
//! ```text
//!  descriptor           here                                                             program
//!  ----------           ----                                                             -------
//!  datasets, ports  ->  Table: fields, DataSource   \
//!  quality_rules    ->  rules                        >  Input -> run -> Outcome   ->     sign, attach, show
//!  quality          ->  metrics                     /                    tables, checks, samples
//! ```
//!
//! | step of [`run`] | where |
//! |---|---|
//! | find the files, look at their columns, make them known to the engine | `data`, `tables` |
//! | count what metrics need and what does not read as its type: one pass over a table | `facts`, `conforms` |
//! | read the rules; bring them together with tables | `rule`, `prepare` |
//! | count rows that fail: all rules of a table in one pass, each alone where that fails | `rows` |
//! | ask conditions on the whole data | `whole` |
//! | compare metrics with their targets | `metric` |
//! | take a few rows that fail, masked | `samples` |
//!
//! A row passes a rule only when the rule is true of it: false and unknown fail. `regexp_match(…)` as a condition is true where there is a match.
//!
//! **Invariants.** Only expressions and SELECT are run, and they read the tables of the input and nothing else: a check is parsed, looked at and
//! planned as one tree, never as text twice. What is wrong with one table, rule or metric is its verdict and stops no other. No value of a column
//! that is personal, classified (as anything but `public`) or undeclared is in an outcome, also not within an error. No float is in it. Memory is
//! bounded by [`Limits`], and every query by a time. No two checks of an outcome have the same name.

mod column;
mod conforms;
mod data;
mod engine;
mod error;
mod facts;
mod format;
mod input;
mod location;
mod metric;
mod names;
mod outcome;
mod prepare;
mod rows;
mod rule;
mod run;
mod samples;
mod tables;
mod types;
mod whole;
mod words;

pub use error::QualityError;
pub use format::Format;
pub use input::{DataSource, Input, Limits, Table};
pub use location::Location;
pub use outcome::{CheckKind, CheckOutcome, Outcome, Progress, Sample, TableOutcome, Verdict};
pub use run::run;

/// Most rows that an outcome shows.
pub const SAMPLES: usize = 10;
/// Most columns of a row that is shown: the first ones of the table.
pub const SAMPLE_COLUMNS: usize = 100;
/// What is shown in place of a value that must not be seen.
pub const MASK: &str = "***";
