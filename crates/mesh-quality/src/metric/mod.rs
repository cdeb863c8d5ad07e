//! Metrics: what is measured, over what, against which target.
//!
//! | name | what is measured | unit |
//! |---|---|---|
//! | completeness | values that are there, among the fields in scope: those that may not be null; if all may, all of them | % |
//! | uniqueness | values that stand in one row only, among those that are there, of the fields in scope, else of those declared unique | % |
//! | accuracy | rows that pass all row rules of severity error | % |
//! | timeliness, freshness | the age of the newest value: of the fields in scope, else of those tagged `event-time`, else of files | a time |
//! | rowCount | rows | rows |
//! | nullValues | values that are null, of the fields in scope | rows, % |
//! | missingValues | values that are null or an empty text | rows, % |
//! | duplicateValues | values that stand in more than one row, each time they do; for a table, whole rows | rows, % |
//!
//! Names are the same in upper and lower case, with and without `_`, `-` and spaces. A target without a sign is a lower bound for what is good
//! and an upper one for what is bad or late. Of several tables, the age is that of the stalest. A value that does not read as its declared type
//! is null here.

mod measure;
mod plan;
mod scope;
mod target;

pub(crate) use measure::Accuracy;
pub(crate) use plan::Plan;
