//! A node as it answered.

use std::time::{Duration, Instant};

use mesh_client::{Client, ClientOptions, MeshError, NodeStatus};

use crate::failure::Failure;

/// How long a node may take to answer one question.
const ANSWER: Duration = Duration::from_secs(3);

/// A node as it answered, or why it did not.
pub(crate) struct Seen {
    pub(crate) url: String,
    pub(crate) client: Client,
    pub(crate) status: Result<NodeStatus, MeshError>,
    /// How long the answer took.
    pub(crate) took: Duration,
}

impl Seen {
    /// Asks the node at this address, with the context's mesh, token and certificates.
    ///
    /// # Errors
    /// Where that is no address.
    pub(crate) async fn ask(url: &str, options: &ClientOptions) -> Result<Self, Failure> {
        let options = ClientOptions { nodes: vec![url.to_owned()], timeout: ANSWER, ..options.clone() };
        let client = Client::connect(options)?;
        let begun = Instant::now();
        let status = client.status().await;
        Ok(Self { url: url.to_owned(), client, status, took: begun.elapsed() })
    }

    /// Its number and name, or its address.
    pub(crate) fn name(&self) -> String {
        match &self.status {
            Ok(status) => format!("node {} ({})", status.node_id, status.name),
            Err(_) => self.url.clone(),
        }
    }
}
