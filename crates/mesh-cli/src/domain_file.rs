//! `domains.toml`: a list of domains to admit.
//!
//! ```toml
//! [[domain]]
//! name = "orders"
//! title = "Orders"
//! description = "What customers order"
//! responsibilities = ["order book", "returns"]
//! parent = "sales"                                  # optional
//! root_keys = ["keys/orders-root.pem"]              # key files, or ed25519:… public keys
//! root_threshold = 1                                # optional
//! roles = ["keys/ada.pem=data-product-owner"]       # optional
//! delegate = 2                                      # optional: the node that writes the domain's feed
//! ```

use mesh_model::{DomainName, NodeId};
use serde::Deserialize;

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DomainFile {
    /// Its domains, at least one.
    pub(crate) domain: Vec<DomainEntry>,
}

/// One domain. Keys are texts as the command line takes them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DomainEntry {
    pub(crate) name: DomainName,
    #[serde(default)]
    pub(crate) title: String,
    #[serde(default)]
    pub(crate) description: String,
    #[serde(default)]
    pub(crate) responsibilities: Vec<String>,
    pub(crate) parent: Option<DomainName>,
    #[serde(default)]
    pub(crate) root_keys: Vec<String>,
    pub(crate) root_threshold: Option<u32>,
    #[serde(default)]
    pub(crate) roles: Vec<String>,
    pub(crate) delegate: Option<NodeId>,
}

impl DomainFile {
    /// Reads the file's text.
    ///
    /// # Errors
    /// A sentence with line and key.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let file: Self = toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
        if file.domain.is_empty() { Err("the file lists no domain".to_owned()) } else { Ok(file) }
    }
}
