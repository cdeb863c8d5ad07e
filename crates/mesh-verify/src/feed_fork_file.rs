//! Proofs that a node signed two histories of one feed, in a file of their own.
//!
//! ```text
//! datamesh-feed-fork-proof 1
//! mesh <mesh id>
//! feed <domain>/<epoch>
//! node <the key that signed both heads>
//! head <exact bytes of the smaller one>
//! head <exact bytes of the larger one>
//! root <hash>            for two sizes: the root that the larger one's tree has at the smaller size
//! proof <hash>           and the consistency proof from that root to the larger one's
//! end
//! ```
//!
//! The file shows what a key signed. That it is the key of the node which the domain had delegated says the ledger.

use mesh_event::{CheckedFeedFork, FeedBridge, FeedForkProof, FeedId};
use mesh_model::{Digest, DomainName, MeshId, PublicKey};

use crate::export::base64;
use crate::fault::Fault;
use crate::lines_file::{Lines, push};

/// The first line.
pub const FEED_FORK_FORMAT: &str = "datamesh-feed-fork-proof 1";

/// A proof with the mesh that it is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedForkFile {
    /// Which mesh.
    pub mesh_id: MeshId,
    /// The proof; nothing of it is verified.
    pub proof: FeedForkProof,
}

impl FeedForkFile {
    /// The file.
    pub fn to_text(&self) -> String {
        let FeedForkProof { feed, node_key, heads, bridge } = &self.proof;
        let mut text = format!("{FEED_FORK_FORMAT}\n");
        push(&mut text, "mesh", &self.mesh_id.to_string());
        push(&mut text, "feed", &format!("{}/{}", feed.domain, feed.epoch));
        push(&mut text, "node", &node_key.to_string());
        for note in heads {
            push(&mut text, "head", &base64(note));
        }
        if let Some(bridge) = bridge {
            push(&mut text, "root", &bridge.root.to_base64());
            for hash in &bridge.proof {
                push(&mut text, "proof", &hash.to_base64());
            }
        }
        text.push_str("end\n");
        text
    }

    /// What names it: SHA-256 of the file.
    pub fn digest(&self) -> Digest {
        Digest::of(self.to_text().as_bytes())
    }

    /// Reads what [`FeedForkFile::to_text`] writes, and nothing else.
    ///
    /// # Errors
    /// [`Fault`] names the line.
    pub fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        let mut lines = Lines::of(bytes, FEED_FORK_FORMAT)?;
        let text = lines.field("mesh")?;
        let mesh_id = MeshId::parse(text).map_err(|error| lines.wrong(error.to_string()))?;
        let text = lines.field("feed")?;
        let feed = feed(text).ok_or_else(|| lines.wrong("expected 'feed' and <domain>/<epoch>"))?;
        let text = lines.field("node")?;
        let node_key = (text.parse::<PublicKey>().ok().filter(|key| key.to_string() == text))
            .ok_or_else(|| lines.wrong("expected 'node' and a public key, ed25519:<base64>"))?;
        let heads = [lines.bytes("head")?, lines.bytes("head")?];
        let roots = lines.hashes("root")?;
        let proof = lines.hashes("proof")?;
        let bridge = match roots.as_slice() {
            [] if proof.is_empty() => None,
            [root] => Some(FeedBridge { root: *root, proof }),
            _ => return Err(lines.wrong("expected one root before the proof")),
        };
        lines.end()?;
        Ok(Self { mesh_id, proof: FeedForkProof { feed, node_key, heads, bridge } })
    }

    /// Verifies that the key signed both heads and that they contradict each other.
    ///
    /// # Errors
    /// [`Fault`] names the line that does not hold.
    pub fn verify(&self, pinned: Option<&MeshId>) -> Result<CheckedFeedFork, Fault> {
        if let Some(pinned) = pinned.filter(|pinned| **pinned != self.mesh_id) {
            return Err(Fault::line(2, format!("it is of mesh {}; expected {pinned}", self.mesh_id)));
        }
        self.proof.verify(&self.mesh_id).map_err(|error| Fault::line(5, error.to_string()))
    }
}

fn feed(text: &str) -> Option<FeedId> {
    let (domain, number) = text.split_once('/')?;
    let epoch: u64 = number.parse().ok()?;
    // One spelling: no sign, no leading zero.
    (epoch.to_string() == number).then_some(FeedId { domain: DomainName::parse(domain).ok()?, epoch })
}
