//! A stream that is taken until its ledger shows something.

use std::time::{Duration, Instant};

use mesh_model::Code;
use mesh_proto::status::MeshError;
use mesh_proto::v1::TailItem;
use mesh_raft::{LedgerTail, offload};
use tonic::Streaming;
use tracing::info;

use super::session::{SessionError, Step, TailSession};

/// How often the way ahead is told.
const TELL: Duration = Duration::from_secs(2);

/// Takes items into `tail` until `shows` gives something: it is asked with the size of the ledger, whenever that is as large as was
/// announced. A stream that says nothing for longer than `patience` is given up; a peer that is waited for may say nothing for long.
///
/// # Errors
/// [`SessionError`]: the peer is to be left. What was applied before stays: it was proved.
pub(crate) async fn until<T>(
    mut items: Streaming<TailItem>,
    mut session: TailSession,
    tail: &LedgerTail,
    patience: Duration,
    mut shows: impl FnMut(u64) -> Result<Option<T>, MeshError>,
) -> Result<T, SessionError> {
    let (mut goal, mut told) = (0, Instant::now());
    loop {
        let silent =
            |_| MeshError::new(Code::Unavailable, format!("the peer says nothing for {} s", patience.as_secs()));
        let item = tokio::time::timeout(patience, items.message()).await.map_err(silent)?;
        let item = item.map_err(MeshError::from)?;
        let item = item.ok_or_else(|| MeshError::new(Code::Unavailable, "the peer ended the stream"))?;
        let (back, step) = offload(move || {
            let step = session.take(item);
            (session, step)
        })
        .await
        .map_err(|error| MeshError::new(Code::Internal, error.to_string()))?;
        session = back;
        if let Step::Announced(size) = step? {
            goal = size;
        }
        let size = tail.next_index();
        if told.elapsed() > TELL {
            told = Instant::now();
            info!("{size} of {goal} leaves are here and checked");
        }
        if size >= goal
            && let Some(shown) = shows(size)?
        {
            return Ok(shown);
        }
    }
}
