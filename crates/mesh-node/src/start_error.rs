//! Why a node does not start.

use std::net::SocketAddr;

use mesh_event::ProtocolRange;
use mesh_model::Code;
use mesh_store::StoreError;

use crate::api_port::ApiTlsError;
use crate::config::ConfigError;
use crate::keys::KeyFileError;

/// Why a node does not start. Nothing was changed, except where the text says so.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Its keys.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// The genesis file.
    #[error("{path}: {message}")]
    Genesis {
        /// Which file.
        path: String,
        /// Why.
        message: String,
    },
    /// The store.
    #[error("the store in {folder}: {source}")]
    Store {
        /// Where.
        folder: String,
        /// Why.
        source: StoreError,
    },
    /// The certificate of the API port.
    #[error(transparent)]
    ApiTls(#[from] ApiTlsError),
    /// The folder belongs to another mesh or node.
    #[error("{0}")]
    WrongStore(String),
    /// A port.
    #[error("{what} cannot listen on {address}: {source}")]
    Listen {
        /// `api` or `peer`.
        what: &'static str,
        /// Where.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The rules in force are newer than those that it may apply.
    #[error("protocol {version} is in force; this node knows {known}{}", held_back(*known))]
    NeedsProtocol {
        /// The version in force.
        version: u32,
        /// What the node knows.
        known: ProtocolRange,
    },
    /// Raft.
    #[error("raft: {0}")]
    Raft(String),
    /// Anything else at start.
    #[error("{0}")]
    Other(String),
}

/// Who keeps the node from knowing more: its operator, or its program.
fn held_back(known: ProtocolRange) -> &'static str {
    if known == ProtocolRange::BUILD { "" } else { ", held back by node.protocol_max" }
}

impl StartError {
    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Key(_) => Code::KeyFile,
            Self::Store { source: StoreError::InUse { .. }, .. } => Code::StoreInUse,
            Self::Store { source: StoreError::NewerFormat { .. }, .. } => Code::StoreTooNew,
            Self::Store { .. } => Code::StorageFailed,
            Self::Listen { source, .. } if source.kind() == std::io::ErrorKind::AddrInUse => Code::AddressInUse,
            Self::Config(_) | Self::ApiTls(_) | Self::Genesis { .. } | Self::WrongStore(_) | Self::Listen { .. } => {
                Code::Config
            }
            Self::NeedsProtocol { .. } => Code::ProtocolTooNew,
            Self::Raft(_) | Self::Other(_) => Code::Internal,
        }
    }
}
