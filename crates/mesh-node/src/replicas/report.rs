//! Brings proofs of forks into the ledger: whoever finds one reports it. The ledger takes the first report of a feed; whoever comes later
//! sees that it is there and is quiet.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mesh_event::federation::ReportEquivocation;
use mesh_event::{Body, FeedForkProof};
use mesh_governance::read;
use mesh_model::{Code, Digest, DomainName};
use mesh_proto::status::MeshError;
use tracing::{debug, warn};

use super::forks::forked;
use crate::core::Core;
use crate::own_command;

/// A proof is often found by several nodes at once: each waits another part of this before its first attempt.
const SPREAD: Duration = Duration::from_millis(500);
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// When a domain's proof is offered again.
struct Next {
    epoch: u64,
    at: Instant,
    pause: Duration,
}

/// Runs until the node stops.
pub async fn run(core: Arc<Core>) {
    let mut planned: BTreeMap<DomainName, Next> = BTreeMap::new();
    loop {
        let proofs = core.replicas.forks().all();
        planned.retain(|domain, next| {
            proofs.iter().any(|proof| proof.feed.domain == *domain && proof.feed.epoch == next.epoch)
        });
        for proof in proofs {
            let epoch = proof.feed.epoch;
            let first = || Next { epoch, at: Instant::now() + own_part(&core), pause: FIRST_PAUSE };
            let next = planned.entry(proof.feed.domain.clone()).or_insert_with(first);
            if Instant::now() < next.at {
                continue;
            }
            let reported = tokio::select! {
                reported = report(&core, proof) => reported,
                () = core.stopping.cancelled() => return,
            };
            match reported {
                Ok(()) => next.pause = LONGEST_PAUSE,
                Err(error) => {
                    debug!(%error, "a feed's fork is not reported; trying again");
                    next.pause = (next.pause * 2).min(LONGEST_PAUSE);
                }
            }
            next.at = Instant::now() + next.pause;
        }
        let due = planned.values().map(|next| next.at).min();
        let due = due.unwrap_or_else(|| Instant::now() + LONGEST_PAUSE);
        tokio::select! {
            () = tokio::time::sleep_until(due.into()) => {}
            () = core.replicas.forks().found() => {}
            () = core.stopping.cancelled() => return,
        }
    }
}

/// This node's part of [`SPREAD`].
fn own_part(core: &Core) -> Duration {
    let drawn = Digest::of(&[&core.mesh_id.0[..], &core.node_id().to_be_bytes()].concat()).0;
    SPREAD.mul_f64(f64::from(drawn[0]) / f64::from(u8::MAX))
}

/// Reports one, unless the ledger has it or its epoch is over.
async fn report(core: &Core, proof: FeedForkProof) -> Result<(), MeshError> {
    let domain = proof.feed.domain.clone();
    let is_reported = || read::containment(&core.state, &domain).map_err(|e| core.state_error(&e));
    if forked(core, &domain)?.is_none() || is_reported()?.is_some() || !own_command::are_known(core)? {
        return Ok(());
    }
    let epoch = proof.feed.epoch;
    match own_command::submit(core, Body::ReportEquivocation(ReportEquivocation { proof })).await {
        Ok(index) => {
            warn!(%domain, epoch, index, "reported that a feed was signed in two histories");
            Ok(())
        }
        // Somebody was faster, or the domain moved on meanwhile.
        Err(error) if matches!(error.code, Code::AlreadySo | Code::OldEpoch) => Ok(()),
        Err(error) => Err(error),
    }
}
