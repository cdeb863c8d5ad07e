//! For how long the newest checkpoint has certainly been the newest: asked of whoever the ledger comes from.
//!
//! A note says which leaves it covers, and not how long it was under way: it may have waited for a connection, or in a process that stood
//! still. So what shows it says nothing of its age. That is asked for, and counted from before the question: the way of the answer can only
//! make it look older.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mesh_proto::status::MeshError;
use tracing::debug;

use super::peers::Callee;
use crate::core::Core;

/// How much older than the newest checkpoint's coming a sign may be that it was the newest.
const SLACK: Duration = Duration::from_millis(500);
/// Pause after a question, doubled up to the longest while the same checkpoint is the newest and has no such sign.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(4);

/// Runs until the node stops. Asks once for each newer checkpoint, or for a few that follow one another at once; again while the other node
/// does not know either.
pub async fn run(core: Arc<Core>) {
    let mut brief = core.checkpoints.follow();
    let (mut newest, mut came, mut pause) = (None, Instant::now(), PAUSE_MIN);
    loop {
        let seen = *brief.borrow_and_update();
        if newest != Some((seen.size, seen.time_unix_s)) {
            (newest, came, pause) = (Some((seen.size, seen.time_unix_s)), Instant::now(), PAUSE_MIN);
        }
        let is_known = || {
            let seen = core.checkpoints.brief();
            seen.size == 0 || seen.heard.is_some_and(|heard| heard + SLACK >= came)
        };
        if !is_known()
            && let Some(source) = core.source()
            && let Some(Err(error)) = core.stopping.run_until_cancelled(ask(&core, &source)).await
        {
            debug!(%source, %error, "the age of the newest checkpoint was not told");
        }
        let again = async {
            tokio::time::sleep(pause).await;
            if is_known() {
                // Nothing to ask until there is another one.
                std::future::pending::<()>().await;
            }
        };
        let changed = async {
            // Not at once: a busy mesh has many a second.
            tokio::time::sleep(PAUSE_MIN).await;
            brief.changed().await
        };
        tokio::select! {
            changed = changed => if changed.is_err() { return },
            () = again => pause = (pause * 2).min(PAUSE_MAX),
            () = core.stopping.cancelled() => return,
        }
    }
}

async fn ask(core: &Core, source: &Callee) -> Result<(), MeshError> {
    let asked = Instant::now();
    let (size, age) = core.asking(source).age(source).await?;
    if let Some(at) = age.and_then(|age| asked.checked_sub(age)) {
        core.checkpoints.hear_newest(size, at);
    }
    Ok(())
}
