//! What an export says it is.

use mesh_model::{Digest, MeshId};
use mesh_tlog::Hash;

use super::{FORMAT, base64, unbase64};
use crate::fault::{Fault, excerpt};

/// The first six lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Which mesh.
    pub mesh_id: MeshId,
    /// How many leaves; at least 1.
    pub size: u64,
    /// The root of their tree.
    pub root: Hash,
    /// The state digest of the last one.
    pub state_digest: Digest,
    /// The exact genesis envelope; leaf 0 holds it too.
    pub genesis: Vec<u8>,
}

/// How many lines a header has.
pub(super) const LINES: usize = 6;

impl Header {
    /// Its lines, without their newlines.
    pub(super) fn lines(&self) -> [String; LINES] {
        [
            FORMAT.to_owned(),
            format!("mesh {}", self.mesh_id),
            format!("size {}", self.size),
            format!("root {}", self.root),
            format!("state {}", self.state_digest),
            format!("genesis {}", base64(&self.genesis)),
        ]
    }

    /// Reads what [`Header::lines`] writes.
    pub(super) fn parse(lines: &[String; LINES]) -> Result<Self, Fault> {
        if lines[0] != FORMAT {
            return Err(Fault::line(1, format!("expected '{FORMAT}'; found '{}'", excerpt(&lines[0]))));
        }
        let field = |at: usize, word: &str, what: &str| {
            let text = lines[at].strip_prefix(word).and_then(|rest| rest.strip_prefix(' '));
            let found = || format!("expected '{word}' and {what}; found '{}'", excerpt(&lines[at]));
            (text.unwrap_or_default().to_owned(), Fault::line(at as u64 + 1, found()))
        };
        let (mesh, fault) = field(1, "mesh", "the mesh id");
        let mesh_id = MeshId::parse(&mesh).map_err(|_| fault)?;
        let (size, fault) = field(2, "size", "a number of leaves from 1 to 2^63 - 1");
        let size = size.parse().ok().filter(|size| (1..=mesh_tlog::MAX_SIZE).contains(size)).ok_or(fault)?;
        let (root, fault) = field(3, "root", "the root of the tree");
        let root = root.parse().map_err(|_| fault)?;
        let (state, fault) = field(4, "state", "the state digest");
        let state_digest = Digest::parse(&state).map_err(|_| fault)?;
        let (genesis, fault) = field(5, "genesis", "an envelope in canonical base64");
        let genesis = unbase64(&genesis).ok_or(fault)?;
        let header = Self { mesh_id, size, root, state_digest, genesis };
        // Whatever was parsed loosely (a plus sign, a leading zero) is found here.
        let wrong = header.lines().iter().zip(lines).position(|(expected, found)| expected != found);
        match wrong {
            Some(at) => Err(Fault::line(at as u64 + 1, format!("'{}' is not the canonical form", excerpt(&lines[at])))),
            None => Ok(header),
        }
    }
}
