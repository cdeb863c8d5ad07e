//! Where the mesh is and how long to wait for it.

use std::time::Duration;

use mesh_event::Councils;
use mesh_model::MeshId;

/// How a [`crate::Client`] reaches its mesh.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// Nodes to talk to, `http://host:port`, `https://host:port` or `host:port`, in the order to try. At least one.
    pub nodes: Vec<String>,
    /// The mesh that the nodes have to belong to. Without it the first answer is believed and pinned.
    pub mesh_id: Option<MeshId>,
    /// Sent as `authorization: Bearer …`: nodes may ask for one before they let anybody read. Commands need none.
    pub token: Option<String>,
    /// Certificates, as PEM, one of which has to vouch for the nodes at `https://` addresses. Without it the system's are asked.
    pub ca: Option<Vec<u8>>,
    /// How long one call may take, tries and pauses included. Too low: a publish that waits for its seal is reported as
    /// unknown; too high: a dead node holds up a script.
    pub timeout: Duration,
    /// By whose word recovered voters are believed, for whoever knows from an audited export that the council was amended before. Without
    /// them the founding document's council has it.
    pub councils: Option<Councils>,
    /// What the nodes' traces call this program.
    pub user_agent: String,
}

impl ClientOptions {
    /// These nodes, no pin, 10 seconds.
    pub fn new<S: Into<String>>(nodes: impl IntoIterator<Item = S>) -> Self {
        Self {
            nodes: nodes.into_iter().map(Into::into).collect(),
            mesh_id: None,
            token: None,
            ca: None,
            timeout: Duration::from_secs(10),
            councils: None,
            user_agent: concat!("mesh-client/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }

    /// The same with a pinned mesh.
    #[must_use]
    pub fn pinned(mut self, mesh_id: MeshId) -> Self {
        self.mesh_id = Some(mesh_id);
        self
    }
}
