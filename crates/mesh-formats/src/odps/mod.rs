//! Bitol Open Data Product Standard 1.0.0 and 1.1.0 (and 0.9.0, which 1.0.0's schema covers), in and out.
//!
//! | ODPS | descriptor |
//! |---|---|
//! | `name`, else `id` | name and title |
//! | `domain`, else `--domain` | domain |
//! | `version`, `status`, `tags`, `type` | the same |
//! | `description.purpose` | description |
//! | `inputPorts` | inputs; the contract's id is the source. A second port of the same name gets its version's |
//! | `outputPorts` | outputs; `contractId` and `version` are the contract |
//! | a contract `<contractId>.odcs.yaml` beside the file | attached; its schema, quality and servers fill the port |
//! | `support`, `team.name` | owner |
//! | `team.members` | the private people attachment |
//! | `authoritativeDefinitions` | documentation links |
//! | all else | extensions `odps.<field>` |
//!
//! Reading is lenient in one thing: a version such as `v1.0.0` or `1.1` is taken, with a warning.

mod contracts;
mod read;
mod shapes;
mod write;

pub(crate) use read::parse;
pub(crate) use write::write;
