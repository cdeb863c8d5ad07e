//! The ledger's head as one node applied it. Its entries: [`Client::ledger_entries`].

use mesh_model::{Digest, LedgerIndex};
use mesh_proto::status::MeshError;
use mesh_proto::v1;
use serde::Serialize;

use crate::acknowledgement::Freshness;
use crate::client::Client;
use crate::convert::digest;
use crate::retry::{Failed, Repeat};

/// Size, root and state digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LedgerHead {
    /// How many leaves.
    pub size: u64,
    /// Root of the Merkle tree over them (RFC 6962).
    pub root: Digest,
    /// The chained digest of the state after the last leaf.
    pub state_digest: Digest,
    /// How old the answer may be.
    pub freshness: Freshness,
}

impl Client {
    /// The head, or the head at an earlier size.
    ///
    /// # Errors
    /// [`mesh_model::Code::NotCaughtUp`] for a size that the node has not reached, or the transport's.
    pub async fn ledger_head(&self, at_size: Option<LedgerIndex>) -> Result<LedgerHead, MeshError> {
        let answer = self
            .call(Repeat::Read, async |attempt| {
                let answer = attempt.ledger().get_head(attempt.request(v1::GetHeadRequest { at_size })).await;
                answer.map_err(|status| Failed::of(status, &attempt.url))
            })
            .await?
            .into_inner();
        Ok(LedgerHead {
            size: answer.size,
            root: digest("root", &answer.root)?,
            state_digest: digest("state_digest", &answer.state_digest)?,
            freshness: Freshness::of(answer.freshness),
        })
    }
}
