//! Product documents in and out: HCL, ODPS, ODCS, Open Data Registry.

mod bitol;
mod document;
mod fit;
mod format;
mod hcl;
mod names;
mod number;
mod odcs;
mod odps;
mod open_data_registry;
mod overflow;
mod parsed;
mod people;
mod plan;
mod problem;
mod quantity;
mod write;
mod yaml;
mod yaml_file;

pub use document::parse;
pub use fit::{LONG_TEXT_BYTES, fit};
pub use format::Format;
pub use hcl::reference_markdown;
pub use names::{NameMap, map_name, organisation_name};
pub use number::decimal;
pub use open_data_registry::{RegistryRecord, read_record};
pub use overflow::{RestoreError, overflow_text, restore};
pub use parsed::{AttachmentBody, Context, Parsed, Product};
pub use people::{People, Person, original};
pub use plan::{Plan, PlanError, plan, previous};
pub use problem::{Problem, Problems, Severity, place};
pub use quantity::{default_comparison, parse_quantity, write_quantity};
pub use write::{WriteError, write};
