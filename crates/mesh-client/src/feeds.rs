//! Where domains' feeds end, and asking a home to stop for a move.

use mesh_event::{Envelope, FeedHead, FeedId, SealRequest, Signer};
use mesh_model::{Code, Digest, DomainName, NodeId};
use mesh_proto::status::MeshError;
use mesh_proto::v1;
use serde::Serialize;

use crate::client::Client;
use crate::command::now_unix_ms;
use crate::convert::parse;
use crate::retry::{Failed, Repeat};

/// Where a domain's feed ends, by the signature of the node that writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FeedEnd {
    /// Whose.
    pub domain: DomainName,
    /// The epoch in force.
    pub epoch: u64,
    /// Who writes it.
    pub home_node_id: NodeId,
    /// How many events; 0 for none.
    pub size: u64,
    /// The root over them; `None` for none.
    pub root: Option<Digest>,
    /// Commands among them that the ledger has not, where the home answered.
    pub waiting: u64,
    /// Who answered.
    pub from_node_id: NodeId,
}

impl Client {
    /// Where a domain's feed of the epoch in force ends, as far as the node that answers holds it.
    ///
    /// # Errors
    /// [`Code::UnknownDomain`], [`Code::NotDelegated`], [`Code::BadSignature`] for a head that its home did not sign, or the transport's.
    pub async fn feed_end(&self, domain: &DomainName) -> Result<FeedEnd, MeshError> {
        let message = v1::GetFeedHeadRequest { domain: domain.to_string() };
        let answer = self
            .call(Repeat::Read, async |attempt| {
                let answer = attempt.governance().get_feed_head(attempt.request(message.clone())).await;
                answer.map_err(|status| Failed::of(status, &attempt.url))
            })
            .await?;
        self.checked_end(answer.into_inner()).await
    }

    /// Asks a domain's home to append nothing for half a minute, so that the domain can move; says where its feed ends. Signed by the
    /// domain's root.
    ///
    /// # Errors
    /// [`Code::ThresholdNotMet`], [`Code::OldEpoch`], [`Code::HomeUnreachable`]: nothing happened; or the transport's.
    pub async fn seal_feed(&self, domain: &DomainName, epoch: u64, root: &[&dyn Signer]) -> Result<FeedEnd, MeshError> {
        let mesh_id = self.mesh().await?.id;
        let request = SealRequest { mesh_id, domain: domain.clone(), epoch, at_unix_ms: now_unix_ms() };
        let envelope: Envelope =
            request.sign(root).map_err(|error| MeshError::new(Code::Internal, error.to_string()))?;
        let message = v1::SealFeedRequest { envelope: envelope.into_bytes() };
        let answer = self
            .call(Repeat::Publish, async |attempt| {
                let answer = attempt.governance().seal_feed(attempt.request(message.clone())).await;
                answer.map_err(|status| Failed::of(status, &attempt.url))
            })
            .await?;
        self.checked_end(answer.into_inner()).await
    }

    async fn checked_end(&self, answer: v1::FeedHeadResponse) -> Result<FeedEnd, MeshError> {
        let domain: DomainName = parse("domain", &answer.domain)?;
        let mut end = FeedEnd {
            domain: domain.clone(),
            epoch: answer.epoch,
            home_node_id: answer.home_node_id,
            size: 0,
            root: None,
            waiting: answer.waiting,
            from_node_id: answer.from_node_id,
        };
        if answer.note.is_empty() {
            return Ok(end);
        }
        let mesh = self.mesh().await?.id;
        let nodes = self.node_records().await?.items;
        let home = nodes.iter().find(|node| node.node_id == answer.home_node_id);
        let home = home.ok_or_else(|| {
            MeshError::new(
                Code::UnknownNode,
                format!("node {}, which writes {domain}, is not known", answer.home_node_id),
            )
        })?;
        let feed = FeedId { domain, epoch: answer.epoch };
        let head = FeedHead::verify(&answer.note, &mesh, &feed, &home.key)
            .map_err(|error| MeshError::new(error.code(), error.to_string()))?;
        end.size = head.size;
        end.root = Some(Digest(*head.root.as_bytes()));
        Ok(end)
    }
}
