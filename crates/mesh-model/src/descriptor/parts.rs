//! Owner, datasets, compliance, documentation, attachments.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::digest::Digest;
use crate::role::Role;

/// What a file says about its product; deprecated and retired are ledger state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProductStatus {
    /// Stays on its own node.
    Draft,
    /// May be sealed.
    Active,
}

/// Where a product stands between sources and consumers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProductType {
    /// Facts of an operational system, as they happen.
    SourceAligned,
    /// Joined from several products.
    Aggregate,
    /// Shaped for one use.
    ConsumerAligned,
}

/// Who answers for a product. Names and addresses of people lie in the private attachment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The team.
    pub team: String,
    /// Roles that the product names, with what the role's holder is called where that is no person.
    pub role_holders: Vec<RoleHolder>,
    /// Where to ask, in the order to try.
    pub support: Vec<SupportChannel>,
    /// The private attachment with people's names and addresses.
    pub people: Option<Digest>,
}

/// A role that the product's file names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleHolder {
    /// Which role.
    pub role: Role,
    /// A team or function; people are in the private attachment.
    pub holder: String,
}

/// A place to ask.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupportChannel {
    /// What it is: `email`, `chat`, `ticket`, `url`, …
    pub channel: String,
    /// Its address, such as a team's mailbox or a URL.
    pub address: String,
    /// What it is for.
    pub description: String,
    /// How soon an answer comes, such as `same business day`.
    pub response_time: Option<String>,
}

/// A table, a collection, a topic's payload.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dataset {
    /// Its name as the source has it.
    pub name: String,
    /// What is in it.
    pub description: String,
    /// Its columns, in order. Empty when none are declared.
    pub fields: Vec<Field>,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Its name as the source has it; nested ones are dotted.
    pub name: String,
    /// The logical type, such as `string`, `date`, `decimal(10,2)`; empty when unknown.
    #[serde(rename = "type")]
    pub logical_type: String,
    /// Whether it may be absent.
    pub nullable: bool,
    /// Whether no two rows share it.
    pub unique: bool,
    /// How confidential it is, in the company's words.
    pub classification: Option<String>,
    /// Whether it identifies a person.
    pub pii: bool,
    /// Free words.
    pub tags: Vec<String>,
    /// The glossary term it stands for.
    pub term: Option<String>,
    /// What it means.
    pub description: String,
}

impl Default for Field {
    fn default() -> Self {
        Self {
            name: String::new(),
            logical_type: String::new(),
            nullable: true,
            unique: false,
            classification: None,
            pii: false,
            tags: Vec::new(),
            term: None,
            description: String::new(),
        }
    }
}

impl Field {
    /// Whether rules must see it: such a field never overflows into an attachment.
    pub fn is_marked(&self) -> bool {
        self.pii || self.classification.is_some() || !self.tags.is_empty()
    }
}

/// How a product is stored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Storage {
    /// Encryption at rest; `null` when nothing is said.
    pub encryption: Option<Encryption>,
    /// Where the bytes lie, such as `eu-central-1` or `EU`.
    pub residency: Vec<String>,
}

/// Encryption at rest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Encryption {
    /// Whether it is on.
    pub enabled: bool,
    /// How, such as `AES-256`.
    pub method: Option<String>,
}

/// How a product may be reached.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// How access is controlled, such as `iam`, `open`, `request`.
    pub mode: Option<String>,
    /// What is recorded of access; `null` when nothing is said.
    pub audit_logging: Option<AuditLogging>,
}

/// The record of who read what.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditLogging {
    /// Whether access is recorded.
    pub enabled: bool,
    /// What exactly is recorded, in prose.
    pub description: Option<String>,
}

/// What a product complies with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compliance {
    /// Laws and norms, such as `GDPR`.
    pub regulations: Vec<String>,
    /// How the product meets them, one statement each.
    pub statements: Vec<String>,
}

/// Where to read more.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Documentation {
    /// What the fields mean.
    pub fields_url: Option<String>,
    /// Worked examples.
    pub examples_url: Option<String>,
    /// Whom to write to.
    pub support_contact: Option<String>,
    /// Everything else.
    pub links: Vec<Link>,
}

/// A link with what it leads to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// What is there.
    pub title: String,
    /// Where.
    pub url: String,
}

/// The file that a descriptor was made of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFile {
    /// Its format and version, such as `hcl`, `odps/1.0.0`, `odcs/3.1.0`, `open-data-registry`.
    pub format: String,
    /// The id that the source gives it, when that differs from the name here.
    pub id: Option<String>,
}

/// Why an attachment is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttachmentPurpose {
    /// The file as its author wrote it, byte for byte.
    Original,
    /// A part of the descriptor that did not fit.
    Overflow,
    /// The contract of an output port.
    Contract,
    /// People's names and addresses.
    People,
}

/// A file that belongs to a version, kept outside ledger and feeds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// SHA-256 of its bytes; of salt and bytes when private.
    pub digest: Digest,
    /// Its file name.
    pub name: String,
    /// Its media type.
    pub media_type: String,
    /// Its length in bytes, salt excluded.
    pub size: u64,
    /// Why it is there.
    pub purpose: AttachmentPurpose,
    /// Whether only named readers may see it.
    pub private: bool,
}

/// Which part of a descriptor lies in an attachment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OverflowPart {
    /// The descriptions, of the product or below.
    Texts,
    /// Fields that carry no mark.
    Fields,
    /// Ports.
    Ports,
}

/// A part that did not fit: the attachment holds it whole, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overflow {
    /// Which part.
    pub part: OverflowPart,
    /// The attachment.
    pub digest: Digest,
    /// How many texts, fields or ports it holds.
    pub count: u64,
}

/// JSON text that is carried as given: compact, keys in their order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct JsonText(String);

impl JsonText {
    /// Takes any JSON value.
    pub fn new(value: &serde_json::Value) -> Self {
        Self(value.to_string())
    }
    /// Parses JSON text.
    ///
    /// # Errors
    /// What `serde_json` says when it is none.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str::<serde_json::Value>(text).map(|value| Self::new(&value))
    }
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// The value.
    pub fn value(&self) -> serde_json::Value {
        serde_json::from_str(&self.0).expect("constructed from a value")
    }
}

impl fmt::Display for JsonText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl Serialize for JsonText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value().serialize(serializer)
    }
}
impl<'de> Deserialize<'de> for JsonText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde_json::Value::deserialize(deserializer).map(|value| Self::new(&value))
    }
}
