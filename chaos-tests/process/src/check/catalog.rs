//! What readers are shown: every sealed version, on every node, as it was sealed.

use std::time::Duration;

use anyhow::Result;
use chaos_process::testbed::Testbed;
use futures::StreamExt as _;
use mesh_client::Read;
use mesh_model::Code;

use super::Findings;
use super::ledger::Ledger;

const CALL: Duration = Duration::from_secs(10);
const AT_ONCE: usize = 16;
/// Most versions that are read on each node; more take too long.
const MOST: usize = 600;

/// Reads sealed versions, spread over the whole ledger, on each node.
///
/// # Errors
/// When no client can be made.
pub(crate) async fn check(testbed: &Testbed, ledger: &Ledger, findings: &mut Findings) -> Result<()> {
    let sealed = ledger.commands.iter().filter(|sealed| sealed.code == Code::Accepted);
    let sealed: Vec<_> = sealed.filter_map(|sealed| Some((sealed.index, sealed.version.as_ref()?))).collect();
    let step = sealed.len().div_ceil(MOST).max(1);
    let mut read = 0;
    for node in testbed.nodes() {
        let client = testbed.client(&[node], CALL)?;
        let reads = sealed.iter().step_by(step).map(|(index, (version, content))| {
            let client = client.clone();
            async move {
                match client.product(version, Read::default()).await {
                    Ok(view) if view.ledger_index == *index && view.descriptor_digest == *content => None,
                    Ok(view) => Some(format!(
                        "node {node} shows {version} as sealed at {} with digest {}; expected {index} and {content}",
                        view.ledger_index, view.descriptor_digest
                    )),
                    Err(error) => Some(format!("node {node} does not show {version}, sealed at {index}: {error}")),
                }
            }
        });
        let wrong: Vec<Option<String>> = futures::stream::iter(reads).buffer_unordered(AT_ONCE).collect().await;
        read += wrong.len();
        wrong.into_iter().flatten().for_each(|what| findings.violation(what));
    }
    findings.checked("versions read from catalogs", read);
    Ok(())
}
