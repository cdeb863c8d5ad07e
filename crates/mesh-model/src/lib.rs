//! The vocabulary of the mesh: what a name, a version, a key, a product *is*.
//!
//! Row 0 of the workspace: everything else speaks in these types and this crate speaks of nothing else. It has no
//! input or output, no clock and no randomness.
//!
//! A value of one of these types is valid: constructors parse ([`Name::parse`], [`Version::parse`],
//! [`Descriptor::check`]), nothing is repaired later. Types that people see implement `Display` in the one form that
//! `FromStr` takes back, and serialise as that string.
//!
//! | module | holds |
//! |---|---|
//! | [`name`] | names, domains, product, version and port ids |
//! | [`version`] | product versions and how a change moves them |
//! | [`digest`] | SHA-256 digests, the mesh id, command ids |
//! | [`key`] | public keys, as text and as fingerprint |
//! | [`role`] | the guide's five roles and the one table of what each may do |
//! | [`descriptor`] | the signed, immutable description of one product version, and its parts |
//! | [`change`] | what differs between two descriptors, and which differences break consumers |
//! | [`standard`] | what the council enacts: text, rules, test cases |
//! | [`code`] | every stable outcome and error code, with its exit code and what to do next |
//! | [`limits`] | sizes and counts that both sides of the wire agree on |

pub mod change;
pub mod code;
pub mod descriptor;
pub mod digest;
pub mod key;
pub mod limits;
pub mod name;
pub mod role;
pub mod standard;
pub mod version;

pub use change::{Bump, Change, ChangeKind, compare};
pub use code::{Class, Code};
pub use descriptor::{
    Access, Attachment, AttachmentPurpose, AuditLogging, Compliance, ContractRef, Dataset, Descriptor, Documentation,
    Encryption, Field, InputPort, JsonText, Link, Metric, OutputPort, Overflow, OverflowPart, Owner, PortKind,
    ProductStatus, ProductType, QualityRule, Quantity, RoleHolder, ServiceLevel, Severity, Source, SourceFile, Storage,
    SupportChannel,
};
pub use digest::{CommandId, Digest, FactId, MeshId, TokenId};
pub use key::PublicKey;
pub use name::{DomainName, Name, NameError, PortId, ProductId, VersionId};
pub use role::{Action, Role};
pub use standard::{Enforcement, Expectation, Rule, RuleSeverity, Standard, StandardDetail, StandardKind, TestCase};
pub use version::{Version, VersionError};

/// A node's number: 1 to 7 for genesis voters, later ones the ledger index of their admission + 1,000; never reused.
pub type NodeId = u64;
/// A leaf number of the ledger; Genesis is 0.
pub type LedgerIndex = u64;
/// Milliseconds since 1970-01-01T00:00Z, as the leader stamped them.
pub type UnixMs = u64;
