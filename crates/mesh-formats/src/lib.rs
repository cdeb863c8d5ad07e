//! Product documents in and out: HCL, ODPS, ODCS, Open Data Registry.
//!
//! Row 1 of the workspace, and step 0 of the path of a publish: text in, descriptor or all errors out; descriptor in, text
//! out. Pure: the file's bytes, randomness for salts, the encoded size and sibling files are arguments ([`Context`]).
//!
//! ```text
//! bytes --parse--> Product { descriptor, attachments } --fit--> ready to sign
//! descriptor + attachments --restore--> whole descriptor --write--> text
//! ```
//!
//! | verb | does |
//! |---|---|
//! | [`parse`] | one file to its products: HCL by hcl-edit, YAML by saphyr's events; every value knows its line |
//! | [`fit()`] / [`restore`] | moves what is too large into attachments, and back |
//! | [`write()`] | a descriptor in HCL, ODPS or ODCS; HCL reads back as the same descriptor |
//! | [`parse_standard`] | a standard of the council, YAML, to the model's standard |
//! | [`compare_contracts`], [`schema`] | two versions of a contract or a schema: every difference, and whom it breaks |
//! | [`reference_markdown`] | `docs/product-file.md`, of the table that reading HCL uses |
//!
//! Invariants:
//! - Every product carries its file byte for byte, unless the file is an export that nobody edited.
//! - People's names and addresses are in private attachments only ([`People`] says what counts as one).
//! - A name that no format knows is kept in `extensions`, and a warning names it.
//! - Numbers are decimals of their own text, never floats.
//! - No input overflows the stack or takes time out of proportion to its size: size, depth and width are bounded first.

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
mod port_contracts;
mod problem;
mod quantity;
mod salts;
pub mod schema;
mod standard_file;
mod write;
mod yaml;
mod yaml_file;

pub use document::parse;
pub use fit::{LONG_TEXT_BYTES, fit};
pub use format::Format;
pub use hcl::reference_markdown;
pub use names::{NameMap, map_name, organisation_name};
pub use number::decimal;
pub use odcs::compare_contracts;
pub use open_data_registry::{RegistryRecord, read_record};
pub use overflow::{RestoreError, overflow_text, restore};
pub use parsed::{AttachmentBody, Context, Parsed, Product};
pub use people::{People, Person, original};
pub use port_contracts::{ChangedContract, changed_contracts};
pub use problem::{Problem, Problems, Severity, place};
pub use quantity::{default_comparison, parse_quantity, write_quantity};
pub use standard_file::{StandardFile, parse_standard};
pub use write::{WriteError, write};
