//! Which nodes and writers lied, kept over restarts: whoever is started again is not taken in again by the same ones.

use std::collections::BTreeMap;

use mesh_event::{FeedId, codec};
use mesh_model::{DomainName, NodeId};
use mesh_store::{Batch, Store};
use tracing::warn;

use super::manners::Manners;

/// Name of the stored value, in `mesh_event::codec` form. What a crash loses is found out again.
const VALUE: &str = "replicas.liars";
const FORMAT: u8 = 1;
/// Longest account of a lie that is kept, in characters.
const LONGEST: usize = 500;

/// Nodes with their lies and the last one; feeds by domain and epoch with what is wrong with them.
type Record = (Vec<(NodeId, u32, String)>, Vec<(String, u64, String)>);

fn cut(what: &str) -> String {
    what.chars().take(LONGEST).collect()
}

/// What was kept; nothing where that cannot be read.
pub(super) fn load(store: &Store) -> (BTreeMap<NodeId, Manners>, BTreeMap<FeedId, String>) {
    let stored = store.meta().value(VALUE).unwrap_or_else(|error| {
        warn!(%error, "who lied before is not known");
        None
    });
    let decoded = stored.and_then(|bytes| {
        let decoded = codec::decode::<Record>(FORMAT, &bytes);
        decoded.inspect_err(|error| warn!(%error, "who lied before is not known")).ok()
    });
    let (nodes, feeds) = decoded.unwrap_or_default();
    let nodes = nodes.into_iter().map(|(node, lies, last)| (node, Manners::of_liar(lies, last))).collect();
    let feed = |(domain, epoch, what): (String, u64, String)| {
        Some((FeedId { domain: DomainName::parse(&domain).ok()?, epoch }, what))
    };
    (nodes, feeds.into_iter().filter_map(feed).collect())
}

/// Keeps it. Nobody waits.
pub(super) fn save(store: &Store, nodes: &BTreeMap<NodeId, Manners>, feeds: &BTreeMap<FeedId, String>) {
    let liar = |(node, manners): (&NodeId, &Manners)| Some((*node, manners.lies(), cut(manners.last_lie()?)));
    let flawed = |(feed, what): (&FeedId, &String)| (feed.domain.to_string(), feed.epoch, cut(what));
    let record: Record = (nodes.iter().filter_map(liar).collect(), feeds.iter().map(flawed).collect());
    let mut batch = Batch::new();
    let kept = store.meta().put_value(&mut batch, VALUE, &codec::encode(FORMAT, &record));
    if let Err(error) = kept.and_then(|()| store.committer().apply_relaxed(batch)) {
        warn!(%error, "who lied is not kept");
    }
}
