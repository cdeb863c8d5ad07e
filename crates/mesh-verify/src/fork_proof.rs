//! Fork proofs: two checkpoints that count and can't both be true. Whoever holds one needs nobody's word for it.
//!
//! ```text
//! datamesh-fork-proof 1
//! mesh <mesh id>
//! genesis <exact bytes of the genesis envelope>
//! voters <exact bytes of a checkpoint that names other voters>      once per change of voters, ascending
//! checkpoint <exact bytes of the smaller one>
//! checkpoint <exact bytes of the larger one>
//! root <hash>            for two sizes: the root that the larger one's tree has at the smaller size
//! proof <hash>           and the consistency proof from that root to the larger one's
//! end
//! ```
//!
//! Of one size, two roots are enough. Of two sizes, a consistency proof shows which root the larger tree has at the smaller size,
//! and that is not the one that the smaller checkpoint has: a hash function without collisions allows only one.

use mesh_event::checkpoint::Counted;
use mesh_model::{Digest, MeshId};
use mesh_tlog::{Hash, check_consistency};

use crate::export::base64;
use crate::fault::Fault;
use crate::lines_file::{Lines, Origin, counted, push};

/// The first line.
pub const FORK_FORMAT: &str = "datamesh-fork-proof 1";

/// The part of a fork proof between two sizes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bridge {
    /// The root that the larger one's tree has at the smaller size.
    pub root: Hash,
    /// The consistency proof from there.
    pub proof: Vec<Hash>,
}

/// A fork proof, as whoever makes one has its parts. Nothing of it is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForkProof {
    origin: Origin,
    /// By size.
    checkpoints: [Vec<u8>; 2],
    bridge: Option<Bridge>,
}

/// A fork proof that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedFork {
    /// Which mesh.
    pub mesh_id: MeshId,
    /// The two checkpoints, by size.
    pub checkpoints: [Counted; 2],
    /// What the larger one's tree has at the smaller size; the larger one's own root where the sizes are the same.
    pub root_at_smaller: Hash,
}

impl ForkProof {
    /// Puts a proof together from two notes, the smaller first, and what lies between them where their sizes differ.
    pub fn new(
        mesh_id: MeshId,
        genesis: Vec<u8>,
        handovers: Vec<Vec<u8>>,
        checkpoints: [Vec<u8>; 2],
        bridge: Option<Bridge>,
    ) -> Self {
        Self { origin: Origin { mesh_id, genesis, handovers }, checkpoints, bridge }
    }

    /// The file.
    pub fn to_text(&self) -> String {
        let mut text = format!("{FORK_FORMAT}\n");
        self.origin.write(&mut text);
        for note in &self.checkpoints {
            push(&mut text, "checkpoint", &base64(note));
        }
        if let Some(bridge) = &self.bridge {
            push(&mut text, "root", &bridge.root.to_base64());
            for hash in &bridge.proof {
                push(&mut text, "proof", &hash.to_base64());
            }
        }
        text.push_str("end\n");
        text
    }

    /// The exact notes of both, the smaller first.
    pub fn notes(&self) -> &[Vec<u8>; 2] {
        &self.checkpoints
    }

    /// What names it: SHA-256 of the file.
    pub fn digest(&self) -> Digest {
        Digest::of(self.to_text().as_bytes())
    }

    /// Reads what [`ForkProof::to_text`] writes, and nothing else.
    ///
    /// # Errors
    /// [`Fault`] names the line.
    pub fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        let mut lines = Lines::of(bytes, FORK_FORMAT)?;
        let origin = Origin::read(&mut lines)?;
        let checkpoints = [lines.bytes("checkpoint")?, lines.bytes("checkpoint")?];
        let roots = lines.hashes("root")?;
        let proof = lines.hashes("proof")?;
        let bridge = match roots.as_slice() {
            [] if proof.is_empty() => None,
            [root] => Some(Bridge { root: *root, proof }),
            _ => return Err(lines.wrong("expected one root before the proof")),
        };
        lines.end()?;
        Ok(Self { origin, checkpoints, bridge })
    }

    /// Verifies that both checkpoints count and contradict each other.
    ///
    /// # Errors
    /// [`Fault`] names the line that does not hold.
    pub fn verify(&self, pinned: Option<&MeshId>) -> Result<CheckedFork, Fault> {
        let trust = self.origin.trust(pinned, None)?;
        let first = self.origin.lines() + 1;
        let smaller = counted(&trust, &self.checkpoints[0], first)?;
        let larger = counted(&trust, &self.checkpoints[1], first + 1)?;
        let wrong = |why: String| Fault::line(first + 2, why);
        let root_at_smaller = match &self.bridge {
            None if smaller.size == larger.size => larger.root,
            Some(bridge) if smaller.size < larger.size => {
                check_consistency(&bridge.proof, smaller.size, bridge.root, larger.size, larger.root)
                    .map_err(|error| wrong(error.to_string()))?;
                bridge.root
            }
            _ => {
                let (smaller, larger) = (smaller.size, larger.size);
                let why = format!(
                    "the checkpoints have {smaller} and {larger} leaves, in this order; a root and proof stand between two sizes only"
                );
                return Err(wrong(why));
            }
        };
        if root_at_smaller == smaller.root {
            return Err(wrong("the checkpoints do not contradict each other".to_owned()));
        }
        Ok(CheckedFork { mesh_id: self.origin.mesh_id, checkpoints: [smaller, larger], root_at_smaller })
    }
}
