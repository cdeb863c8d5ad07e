//! The descriptor: what one version of a data product says about itself, signed and never changed.
//!
//! Every part of the guide's product template has a field here. Its JSON form ([`serde`]) is what `mesh show -o json`
//! prints and what rules read: keys are stable, a list that is empty is `[]`, a thing that is absent is `null`.
//! Numbers are decimals, never floats.

mod check;
mod frequency;
mod parts;
mod ports;
mod quality;

pub use check::Flaw;
pub use parts::{
    Access, Attachment, AttachmentPurpose, AuditLogging, Compliance, Dataset, Documentation, Encryption, Field,
    JsonText, Link, Overflow, OverflowPart, Owner, ProductStatus, ProductType, RoleHolder, SourceFile, Storage,
    SupportChannel,
};
pub use ports::{ContractRef, InputPort, OutputPort, PortKind, Source, SourceError};
pub use quality::{Metric, QualityRule, Quantity, ServiceLevel, Severity};

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::name::{DomainName, Name, ProductId, VersionId};
use crate::version::Version;

/// One version of a data product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Descriptor {
    /// The owning domain.
    pub domain: DomainName,
    /// The product's name within the domain.
    pub name: Name,
    /// This version.
    pub version: Version,
    /// What people call it; empty when they call it by its name.
    pub title: String,
    /// What it is, in prose.
    pub description: String,
    /// Draft or active.
    pub status: ProductStatus,
    /// Where it stands between sources and consumers.
    #[serde(rename = "type")]
    pub product_type: Option<ProductType>,
    /// Free words to find it by.
    pub tags: Vec<String>,
    /// Who answers for it.
    pub owner: Owner,
    /// The licence its data is under, as its publisher writes it.
    pub license: Option<String>,
    /// The data in it.
    pub datasets: Vec<Dataset>,
    /// Where it comes from.
    pub inputs: Vec<InputPort>,
    /// How consumers reach it.
    pub outputs: Vec<OutputPort>,
    /// Checks on rows.
    pub quality_rules: Vec<QualityRule>,
    /// Figures with targets.
    pub quality: Vec<Metric>,
    /// What is promised.
    pub sla: Vec<ServiceLevel>,
    /// How it is stored.
    pub storage: Storage,
    /// How it may be reached, and what is recorded of it.
    pub access: Access,
    /// How long data is kept, such as `3 years` or `P3Y`.
    pub retention_period: Option<String>,
    /// What it complies with.
    pub compliance: Compliance,
    /// Where to read more.
    pub documentation: Documentation,
    /// Anything else, namespaced (`odps.customProperties`), as JSON, carried as given.
    pub extensions: BTreeMap<String, JsonText>,
    /// Files that belong to it, by digest.
    pub attachments: Vec<Attachment>,
    /// What did not fit and lies in attachments.
    pub overflow: Vec<Overflow>,
    /// The file it was made of.
    pub source: Option<SourceFile>,
}

impl Descriptor {
    /// An active first version with nothing said about it.
    pub fn new(domain: DomainName, name: Name) -> Self {
        Self {
            domain,
            name,
            version: Version::FIRST,
            title: String::new(),
            description: String::new(),
            status: ProductStatus::Active,
            product_type: None,
            tags: Vec::new(),
            owner: Owner::default(),
            license: None,
            datasets: Vec::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            quality_rules: Vec::new(),
            quality: Vec::new(),
            sla: Vec::new(),
            storage: Storage::default(),
            access: Access::default(),
            retention_period: None,
            compliance: Compliance::default(),
            documentation: Documentation::default(),
            extensions: BTreeMap::new(),
            attachments: Vec::new(),
            overflow: Vec::new(),
            source: None,
        }
    }

    /// `domain/name`.
    pub fn id(&self) -> ProductId {
        ProductId { domain: self.domain.clone(), name: self.name.clone() }
    }

    /// `domain/name@version`.
    pub fn version_id(&self) -> VersionId {
        VersionId { product: self.id(), version: self.version }
    }

    /// All fields of all datasets, with their dataset's name.
    pub fn fields(&self) -> impl Iterator<Item = (&Dataset, &Field)> {
        self.datasets.iter().flat_map(|dataset| dataset.fields.iter().map(move |field| (dataset, field)))
    }

    /// All breaches of the model's rules at once; an empty list means that the descriptor may be published.
    ///
    /// The encoded size is checked where the encoding is known (`mesh-event`).
    pub fn check(&self) -> Vec<Flaw> {
        check::check(self)
    }
}
