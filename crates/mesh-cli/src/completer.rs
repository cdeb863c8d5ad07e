//! Completion by the shell: commands and flags from the command tree, ids and domains from the node.
//!
//! A node that does not answer within [`LIMIT`] completes nothing: the prompt must not hang.

use std::ffi::OsStr;
use std::time::Duration;

use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use mesh_client::{Client, ClientOptions};

use crate::context::Places;

/// How long the shell waits at most.
const LIMIT: Duration = Duration::from_millis(300);
/// How many candidates are shown.
const MOST: u32 = 100;

/// Completes product ids.
pub(crate) fn ids() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        let prefix = current.to_str().unwrap_or_default().to_owned();
        ask(async move |client| client.complete(&prefix, MOST).await.unwrap_or_default())
    })
}

/// Completes domain names.
pub(crate) fn domains() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        let prefix = current.to_str().unwrap_or_default().to_owned();
        ask(async move |client| {
            let domains = client.domains().await.map_or_else(|_| Vec::new(), |listing| listing.items);
            let names = domains.into_iter().map(|domain| domain.name.to_string());
            names.filter(|name| name.starts_with(&prefix)).collect()
        })
    })
}

/// Asks the context's node, if it has one; no error ever reaches the shell.
fn ask(question: impl AsyncFnOnce(Client) -> Vec<String>) -> Vec<CompletionCandidate> {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return Vec::new() };
    let found = runtime.block_on(async {
        let context = Places::of_process().resolve().ok()?;
        let options = ClientOptions { timeout: LIMIT, ..context.options().ok()? };
        let client = Client::connect(options).ok()?;
        tokio::time::timeout(LIMIT, question(client)).await.ok()
    });
    runtime.shutdown_background();
    found.unwrap_or_default().into_iter().map(CompletionCandidate::new).collect()
}
