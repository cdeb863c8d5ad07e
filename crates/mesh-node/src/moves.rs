//! Moving a domain: its home stops appending and says where the feed ends, so that the next epoch goes on from there. Nothing is lost
//! when the move does not happen, or happens without the home: what lies beyond the base is offered again.

use std::sync::Arc;
use std::time::Duration;

use mesh_event::{Envelope, FeedId, SealRequest};
use mesh_governance::read;
use mesh_model::{Code, DomainName};
use mesh_proto::status::MeshError;
use mesh_proto::v1::FeedHeadResponse;

use crate::clock::now_unix_ms;
use crate::core::Core;
use crate::publish::{Publisher, Route};
use crate::replicas::copy::KeptHead;
use crate::replicas::heads;

/// How old a request may be, and how far ahead of this node's clock, in milliseconds.
const WINDOW_MS: u64 = 300_000;
/// For how long nothing is appended after a request; when the domain did not move until then, its home goes on.
const HELD: Duration = Duration::from_secs(30);
/// How long commands that wait may take to reach the ledger before the rest is left for the next home to take over.
const DRAIN: Duration = Duration::from_secs(10);

/// Takes requests to stop for a move, and shows where feeds end.
#[derive(Clone)]
pub struct MoveDesk {
    core: Arc<Core>,
    publisher: Publisher,
}

impl MoveDesk {
    /// For clients, over the node's parts.
    pub fn new(core: Arc<Core>) -> Self {
        let publisher = Publisher::new(Arc::clone(&core));
        Self { core, publisher }
    }

    /// For other nodes: nothing is passed on.
    pub fn of_home(core: Arc<Core>) -> Self {
        let publisher = Publisher::of_home(Arc::clone(&core));
        Self { core, publisher }
    }

    /// Stops appending to a domain's feed for a while, lets what waits reach the ledger, and says where the feed ends.
    ///
    /// # Errors
    /// What is wrong with the bytes or their signers; [`Code::OldEpoch`] when another epoch is in force, [`Code::HomeUnreachable`]: nothing
    /// happened.
    pub async fn seal(&self, envelope: Vec<u8>, within: Duration) -> Result<FeedHeadResponse, MeshError> {
        let envelope = Envelope::parse(envelope).map_err(|error| MeshError::new(error.code(), error.to_string()))?;
        let (request, signers) = SealRequest::verify(&envelope, &self.core.mesh_id)
            .map_err(|error| MeshError::new(error.code(), error.to_string()))?;
        let domain = &request.domain;
        if let Route::Home(home) = self.publisher.route(domain)? {
            self.publisher.check_passes_on(home, domain)?;
            return self.core.forward.seal_feed(home, envelope.bytes().to_vec(), within).await;
        }
        if now_unix_ms().abs_diff(request.at_unix_ms) > WINDOW_MS {
            let text = "the request was signed more than five minutes away from this node's clock; nothing happened";
            return Err(MeshError::new(Code::Expired, text));
        }
        let now = now_unix_ms().max(self.core.ledger_end().last_stamp);
        let root = read::root_in_force(&self.core.state, domain, now).map_err(|e| self.core.state_error(&e))?;
        let (keys, threshold) =
            root.ok_or_else(|| MeshError::new(Code::UnknownDomain, format!("no domain is called {domain}")))?;
        let signed = keys.iter().filter(|key| signers.contains(key)).count();
        if signed < threshold as usize {
            let text = format!("{signed} of {threshold} root keys of domain {domain} signed; nothing happened");
            return Err(MeshError::new(Code::ThresholdNotMet, text));
        }
        let writer = self.core.feeds.writer(&self.core, domain)?;
        if writer.id().epoch != request.epoch {
            let (found, asked) = (writer.id().epoch, request.epoch);
            let text = format!("epoch {found} of {domain} is in force; epoch {asked} was to end: nothing happened");
            return Err(MeshError::new(Code::OldEpoch, text));
        }
        writer.hold(HELD);
        let drained = async {
            while writer.backlog().0 > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        // Whatever is left lies in the feed below its end: the next home takes it over.
        drop(tokio::time::timeout(within.min(DRAIN), drained).await);
        if let Some(last) = writer.size().checked_sub(1) {
            writer.durable_beyond(last).wait().await?;
        }
        self.head(domain).await
    }

    /// Where the domain's feed of the epoch in force ends, as far as this node holds it, with its writer's signature.
    ///
    /// # Errors
    /// [`Code::UnknownDomain`], [`Code::NotDelegated`], or what keeps it from being read.
    pub async fn head(&self, domain: &DomainName) -> Result<FeedHeadResponse, MeshError> {
        let record = read::domain(&self.core.state, domain).map_err(|e| self.core.state_error(&e))?;
        let record =
            record.ok_or_else(|| MeshError::new(Code::UnknownDomain, format!("no domain is called {domain}")))?;
        let delegation = record
            .delegation
            .ok_or_else(|| MeshError::new(Code::NotDelegated, format!("no node writes the feed of {domain} yet")))?;
        let feed = FeedId { domain: domain.clone(), epoch: delegation.epoch };
        let (core, id) = (Arc::clone(&self.core), feed.clone());
        let head = self.core.offload(move || heads::of_feed(&core, &id)).await?;
        let waiting = self.core.feeds.known(&feed).map_or(0, |writer| writer.backlog().0 as u64);
        let (size, note) = head.map_or((0, Vec::new()), |KeptHead { goal, note }| (goal.size, note));
        Ok(FeedHeadResponse {
            domain: domain.to_string(),
            epoch: delegation.epoch,
            home_node_id: delegation.node_id,
            size,
            note,
            waiting,
            from_node_id: self.core.node_id(),
        })
    }
}
