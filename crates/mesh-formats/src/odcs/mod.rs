//! Bitol Open Data Contract Standard 3.0.x, 3.1.0 and 3.2.0, in and out.
//!
//! A contract is that of a product's output port (see [`crate::odps`]); one that stands alone becomes a product whose
//! ports keep it.
//!
//! | ODCS | descriptor |
//! |---|---|
//! | `dataProduct`, else `name`, else `id` | name and title |
//! | `domain`, else `--domain` | domain |
//! | `version`, `status`, `tags` | the same |
//! | `description.purpose` | description |
//! | `servers` | output ports: one each, or one named as the contract when there are none |
//! | `schema` | datasets and fields; nested columns are dotted |
//! | `quality` of type `sql` | quality rules: the query and what its result must be |
//! | `quality` of other types | quality metrics |
//! | `slaProperties` | service levels; `retention` also the retention period |
//! | `support`, `team.name` | owner |
//! | `team.members`, approvers of `roles` | the private people attachment |
//! | `authoritativeDefinitions` | documentation links; a column's business definition is its term |
//! | all else | extensions `odcs.<field>` |

mod bounds;
mod columns;
mod compare;
mod quality;
mod read;
mod schema;
mod servers;
mod shapes;
mod write;

pub use compare::compare_contracts;
pub(crate) use read::{Contract, parse, read_contract};
pub(crate) use write::write;
