//! Input and output ports.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::digest::Digest;
use crate::name::{Name, ProductId, excerpt, text_form};

/// Where a product's data comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputPort {
    /// The port's name; importers make one of the source.
    pub name: Name,
    /// The source.
    pub source: Source,
    /// How often, such as `streaming` or `daily`.
    pub frequency: Option<String>,
    /// Whether the product cannot be made without it: a new one of these breaks consumers' expectations of supply.
    pub required: bool,
    /// What is taken and why.
    pub description: String,
}

/// Why a text is no source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{found}' is no source: {why}; expected domain/product@^1 for a product of this mesh, or a system outside")]
pub struct SourceError {
    found: String,
    why: String,
}

/// A product and version range of this mesh, or a system outside.
#[derive(Clone, PartialEq, Eq)]
pub enum Source {
    /// `domain/product@^1`, `domain/product`.
    Product {
        /// Which product.
        product: ProductId,
        /// Which versions; all when absent.
        versions: Option<semver::VersionReq>,
    },
    /// Anything else, such as `postgres.customers.profiles`.
    External(String),
}

impl Source {
    /// Parses either form. A text with one slash between two names is a product; a text with `://` never is.
    ///
    /// # Errors
    /// [`SourceError`] when it is empty, or a product whose version range does not parse.
    pub fn parse(text: &str) -> Result<Self, SourceError> {
        let error = |why: String| SourceError { found: excerpt(text), why };
        if text.trim().is_empty() {
            return Err(error("it is empty".into()));
        }
        let (id, range) = match text.split_once('@') {
            Some((id, range)) => (id, Some(range)),
            None => (text, None),
        };
        let Ok(product) = ProductId::parse(id) else { return Ok(Self::External(text.to_owned())) };
        let versions = match range {
            None => None,
            Some(range) => {
                Some(semver::VersionReq::parse(range).map_err(|e| error(format!("its version range: {e}")))?)
            }
        };
        Ok(Self::Product { product, versions })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Product { product, versions: None } => write!(f, "{product}"),
            Self::Product { product, versions: Some(range) } => write!(f, "{product}@{range}"),
            Self::External(text) => f.write_str(text),
        }
    }
}
text_form!(Source, SourceError);

/// What kind of door an output port is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PortKind {
    /// Request and response.
    Api,
    /// Files at intervals.
    Batch,
    /// Messages as they happen.
    Stream,
    /// Tables to query.
    Sql,
    /// One file or a folder of them.
    File,
}

impl PortKind {
    /// All kinds.
    pub const ALL: [Self; 5] = [Self::Api, Self::Batch, Self::Stream, Self::Sql, Self::File];
    /// The word that files use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Batch => "batch",
            Self::Stream => "stream",
            Self::Sql => "sql",
            Self::File => "file",
        }
    }
}

/// A door through which consumers reach the data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputPort {
    /// The port's name.
    pub name: Name,
    /// What kind of door.
    pub kind: PortKind,
    /// Whether it is open; a closed one is announced, not served.
    pub enabled: bool,
    /// What consumers find there.
    pub description: String,
    /// `parquet`, `csv`, `json`, …
    pub format: Option<String>,
    /// A URL, a path, a database name.
    pub location: Option<String>,
    /// `https`, `s3`, `kafka`, `postgres`, …
    pub protocol: Option<String>,
    /// Columns by which files are split.
    pub partition_by: Vec<String>,
    /// Requests that are allowed, per second unless the description says otherwise.
    pub rate_limit: Option<Decimal>,
    /// The topic of a stream.
    pub topic: Option<String>,
    /// Whether a stream's schemas are registered.
    pub schema_registry: Option<bool>,
    /// How often it changes, such as `daily`.
    pub frequency: Option<String>,
    /// The contract that it keeps.
    pub contract: Option<ContractRef>,
    /// How confidential it is.
    pub classification: Option<String>,
    /// Names of the datasets that it serves; all when empty.
    pub datasets: Vec<String>,
}

impl OutputPort {
    /// An open port of which nothing else is said.
    pub fn new(name: Name, kind: PortKind) -> Self {
        Self {
            name,
            kind,
            enabled: true,
            description: String::new(),
            format: None,
            location: None,
            protocol: None,
            partition_by: Vec::new(),
            rate_limit: None,
            topic: None,
            schema_registry: None,
            frequency: None,
            contract: None,
            classification: None,
            datasets: Vec::new(),
        }
    }
}

/// The ODCS contract of a port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContractRef {
    /// The contract's own id.
    pub id: String,
    /// The contract's own version, as it writes it.
    pub version: String,
    /// SHA-256 of the contract's file, when it is attached.
    pub digest: Option<Digest>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn tells_products_from_systems_outside() {
        assert!(matches!(Source::parse("sales/orders@^1.2").unwrap(), Source::Product { versions: Some(_), .. }));
        assert!(matches!(Source::parse("sales/orders").unwrap(), Source::Product { versions: None, .. }));
        for outside in ["postgres.customers.profiles", "s3://bucket/key", "https://a/b@c", "A/b"] {
            assert_eq!(Source::parse(outside).unwrap(), Source::External(outside.into()));
        }
        assert!(Source::parse("sales/orders@soon").is_err());
        assert!(Source::parse(" ").is_err());
    }
}
