//! How nodes reach each other, and know with whom they speak.
//!
//! TLS 1.3 both ways. A node's certificate is self-signed by a key that is derived from its node key and certified by it; what counts
//! is the node key, and whether the ledger admitted it and has not revoked it. x509's dates, names and issuers mean nothing here.
//! `docs/adr/0011-peer-tls.md` has the reasons.
//!
//! ```text
//! caller                                     called
//! TCP  ------------------------------------> per address: rate, connections that are being made; a bound for all
//! TLS 1.3, its certificate  <------------->  its certificate; each checks the other's against the ledger
//! HelloRequest (mesh, node, protocols) --->  Greeting: welcome, or why not
//! HTTP/2  <------------------------------->  services; each request carries PeerIdentity
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `certificate` | a node's certificate: made, and read |
//! | `admitted` | whose key counts: the ledger, or the founding document while there is none |
//! | `verifier` | rustls' questions about the other's certificate, and both configurations |
//! | `greeting` | mesh, protocol versions and build, before anything else |
//! | `connections` | all connections that live, by node key; ends those of a revoked one |
//! | `peer_stream` | one connection |
//! | `door` | the accepting side's bounds: rate and number per address, time |
//! | `reception` | the peer port |
//! | `dialer`, `channels` | the calling side |
//! | `whereabouts` | where a node is called: asked anew for each connection |
//! | `revocations` | follows the ledger and closes what it revoked |
//!
//! Invariants: no service sees a byte of a connection whose key the ledger doesn't admit; no connection outlives its key; a session is
//! never resumed, for that would skip the check.

mod admitted;
mod certificate;
mod channels;
mod connections;
mod dialer;
mod door;
mod greeting;
mod peer_stream;
mod reception;
mod revocations;
mod verifier;
mod whereabouts;

use std::sync::Arc;

use mesh_event::genesis::SealedGenesis;
use mesh_event::{Keypair, ProtocolRange};
use mesh_model::NodeId;
use mesh_raft::Identity;

pub use admitted::{Admitted, Anybody, LedgerAdmitted, Standing};
pub use certificate::{CertificateError, OwnCertificate};
pub use channels::PeerChannels;
pub use connections::{ConnectionLimits, Connections};
pub use dialer::Dialer;
pub(crate) use door::one_address;
pub use door::{Door, DoorLimits};
pub use greeting::GreetingError;
pub use peer_stream::PeerStream;
pub use reception::receive;
pub use revocations::follow as follow_revocations;
pub use verifier::{PeerTls, TlsError};
pub use whereabouts::{Nowhere, Whereabouts};

use crate::config::PeerSection;
use crate::network::{Network, SystemNetwork};

/// Stands for the number of a node that doesn't know its own yet, and of whoever it calls, which it doesn't know either. No node has it.
pub const NO_NUMBER: NodeId = 0;

/// What both sides of a connection between nodes need; one per node.
pub struct Transport {
    /// What this node says of itself.
    pub(crate) me: Identity,
    /// Whose keys count.
    pub(crate) admitted: Arc<dyn Admitted>,
    /// Its certificate, and how others' are checked.
    pub(crate) tls: PeerTls,
    /// What lives.
    pub(crate) connections: Arc<Connections>,
    /// What carries it.
    pub(crate) network: Arc<dyn Network>,
}

impl Transport {
    /// For this node of this mesh, over the system's network.
    ///
    /// # Errors
    /// [`TlsError`], when no certificate can be made.
    pub fn new(
        node_id: NodeId,
        genesis: &SealedGenesis,
        node_key: &Keypair,
        admitted: Arc<dyn Admitted>,
        limits: &PeerSection,
    ) -> Result<Self, TlsError> {
        let mesh = genesis.mesh_id;
        let build = crate::BUILD.to_owned();
        let own = OwnCertificate::new(node_key, &mesh)?;
        let tls = PeerTls::new(mesh, own, Arc::clone(&admitted))?;
        let connections = Arc::new(Connections::new(limits.connection_limits()));
        Ok(Self {
            me: Identity::new(node_id, mesh, build),
            admitted,
            tls,
            connections,
            network: Arc::new(SystemNetwork),
        })
    }

    /// The same over another network.
    #[must_use]
    pub fn over(self, network: Arc<dyn Network>) -> Self {
        Self { network, ..self }
    }

    /// The same for a node that advertises these protocol versions.
    #[must_use]
    pub fn speaking(self, protocols: ProtocolRange) -> Self {
        Self { me: self.me.speaking(protocols), ..self }
    }

    /// All connections that live.
    pub fn connections(&self) -> &Arc<Connections> {
        &self.connections
    }
}
