//! The proof that the writer of a feed signed two histories of it.
//!
//! ```text
//! datamesh feed fork 1
//! mesh <mesh id>
//! feed <domain> <epoch>
//! key <the writer's public key, base64>
//! smaller <a signed head, base64>
//! larger <another, base64>
//! [bridge <root that the larger one has at the smaller one's size> [<hash>...]]
//! ```
//!
//! Two heads of one size need no bridge; for different sizes it shows that the larger tree begins otherwise (RFC 6962, 2.1.2). Whoever
//! knows from the ledger whose key may sign the feed can check the file without this node.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mesh_event::{FeedHead, FeedId, HeadError};
use mesh_model::{Digest, DomainName, MeshId, PublicKey};
use mesh_tlog::{Hash, check_consistency};

const FIRST_LINE: &str = "datamesh feed fork 1";
/// Largest proof that is read, in bytes: two notes and 64 hashes.
pub const PROOF_BYTES: usize = 16 << 10;

/// Two heads of one feed that cannot both be of one history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedFork {
    /// The feed.
    pub feed: FeedId,
    /// Whose signature both have.
    pub key: PublicKey,
    /// The head of the smaller size.
    pub smaller: Vec<u8>,
    /// The other head.
    pub larger: Vec<u8>,
    /// For different sizes: the root that the larger one has at the smaller one's size, and the proof that it has.
    pub bridge: Option<(Hash, Vec<Hash>)>,
}

/// Why a text is no proof of a fork.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ForkError {
    /// Not the text of one.
    #[error("not a proof of a feed's fork: {0}")]
    Form(String),
    /// One of the heads is not signed.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// Both can be true.
    #[error("the two heads do not contradict each other: {0}")]
    NoFork(String),
}

impl FeedFork {
    /// Checks both signatures, and that no one history has both heads.
    ///
    /// # Errors
    /// [`ForkError`].
    pub fn verify(&self, mesh: &MeshId) -> Result<(), ForkError> {
        let smaller = FeedHead::verify(&self.smaller, mesh, &self.feed, &self.key)?;
        let larger = FeedHead::verify(&self.larger, mesh, &self.feed, &self.key)?;
        let none = |text: &str| Err(ForkError::NoFork(text.to_owned()));
        match &self.bridge {
            None if smaller.size != larger.size => none("they have different sizes and nothing that joins them"),
            None if smaller.root == larger.root => none("they are the same"),
            None => Ok(()),
            Some((root, _)) if *root == smaller.root => none("the larger one begins with the smaller one"),
            Some((root, proof)) => check_consistency(proof, smaller.size, *root, larger.size, larger.root)
                .map_err(|error| ForkError::NoFork(error.to_string())),
        }
    }

    /// The text, as drawn at the module.
    pub fn to_text(&self, mesh: &MeshId) -> String {
        let FeedFork { feed, key, smaller, larger, bridge } = self;
        let [key, smaller, larger] = [&key.0[..], smaller, larger].map(|bytes| STANDARD.encode(bytes));
        let mut text = format!(
            "{FIRST_LINE}\nmesh {mesh}\nfeed {} {}\nkey {key}\nsmaller {smaller}\nlarger {larger}\n",
            feed.domain, feed.epoch
        );
        if let Some((root, proof)) = bridge {
            let hashes: Vec<String> = std::iter::once(root).chain(proof).map(|hash| hash.to_base64()).collect();
            text = format!("{text}bridge {}\n", hashes.join(" "));
        }
        text
    }

    /// Reads what [`FeedFork::to_text`] writes, and nothing else. Nothing is verified yet.
    ///
    /// # Errors
    /// [`ForkError::Form`].
    pub fn parse(text: &str, mesh: &MeshId) -> Result<Self, ForkError> {
        let form = |what: &str| ForkError::Form(what.to_owned());
        if text.len() > PROOF_BYTES {
            return Err(form("it is too long"));
        }
        let mut lines = text.lines();
        if lines.next() != Some(FIRST_LINE) {
            return Err(form("the first line is another"));
        }
        let mut line = |name: &str| {
            let line = lines.next().and_then(|line| line.strip_prefix(name)).and_then(|line| line.strip_prefix(' '));
            line.ok_or_else(|| ForkError::Form(format!("expected a line {name}")))
        };
        if line("mesh")? != mesh.to_string() {
            return Err(form("it is of another mesh"));
        }
        let (domain, epoch) = line("feed")?.split_once(' ').ok_or_else(|| form("expected domain and epoch"))?;
        let domain = DomainName::parse(domain).map_err(|error| ForkError::Form(error.to_string()))?;
        let epoch = epoch.parse().map_err(|_| form("expected an epoch"))?;
        let bytes = |text: &str| STANDARD.decode(text).map_err(|error| ForkError::Form(error.to_string()));
        let key = PublicKey::from_slice(&bytes(line("key")?)?).ok_or_else(|| form("expected a public key"))?;
        let (smaller, larger) = (bytes(line("smaller")?)?, bytes(line("larger")?)?);
        let bridge = match line("bridge") {
            Ok(hashes) => {
                let parse = |text: &str| Hash::from_base64(text).map_err(|error| ForkError::Form(error.to_string()));
                let mut hashes = hashes.split(' ').map(parse).collect::<Result<Vec<_>, _>>()?;
                let root = hashes.remove(0);
                Some((root, hashes))
            }
            Err(_) => None,
        };
        let fork = Self { feed: FeedId { domain, epoch }, key, smaller, larger, bridge };
        if fork.to_text(mesh) != text {
            return Err(form("it is written otherwise than it should be"));
        }
        Ok(fork)
    }

    /// What names the proof.
    pub fn digest(&self, mesh: &MeshId) -> Digest {
        Digest::of(self.to_text(mesh).as_bytes())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use mesh_event::{Keypair, Signer as _};
    use mesh_tlog::{Frontier, leaf_hash, prove_consistency};
    use std::collections::BTreeMap;
    use zeroize::Zeroizing;

    const MESH: MeshId = MeshId([7; 32]);

    type Hashes = BTreeMap<(u8, u64), Hash>;

    fn head(leaves: &[&str], writer: &Keypair) -> (Vec<u8>, Hash, Hashes) {
        let (mut frontier, mut hashes) = (Frontier::new(), BTreeMap::new());
        for leaf in leaves {
            for (level, index, hash) in frontier.append(leaf_hash(leaf.as_bytes())) {
                hashes.insert((level, index), hash);
            }
        }
        let feed = FeedId { domain: DomainName::parse("orders").unwrap(), epoch: 1 };
        let last_leaf = leaf_hash(leaves.last().unwrap().as_bytes());
        let head = FeedHead { feed, size: frontier.size(), root: frontier.root(), last_leaf };
        (head.sign(&MESH, writer).unwrap(), frontier.root(), hashes)
    }

    fn fork(smaller: Vec<u8>, larger: Vec<u8>, bridge: Option<(Hash, Vec<Hash>)>, key: PublicKey) -> FeedFork {
        let feed = FeedId { domain: DomainName::parse("orders").unwrap(), epoch: 1 };
        FeedFork { feed, key, smaller, larger, bridge }
    }

    #[test]
    fn proves_two_histories_and_nothing_less() {
        let writer = Keypair::from_seed(&Zeroizing::new([1; 32]));
        let key = writer.public_key();
        let (two, _, _) = head(&["a", "b"], &writer);
        let (other_two, other_root, _) = head(&["a", "x"], &writer);
        let (other_four, _, hashes) = head(&["a", "x", "c", "d"], &writer);
        let (four, root_four, honest) = head(&["a", "b", "c", "d"], &writer);
        let proof = prove_consistency(&hashes, 2, 4).unwrap();

        let same_size = fork(two.clone(), other_two.clone(), None, key);
        let bridged = fork(two.clone(), other_four.clone(), Some((other_root, proof.clone())), key);
        for proof in [&same_size, &bridged] {
            proof.verify(&MESH).unwrap();
            let text = proof.to_text(&MESH);
            assert_eq!(FeedFork::parse(&text, &MESH).unwrap(), *proof);
            assert!(FeedFork::parse(&text, &MeshId([8; 32])).is_err());
            assert!(FeedFork::parse(&format!("{text}\n"), &MESH).is_err());
        }
        let no_fork = |proof: FeedFork| assert!(proof.verify(&MESH).is_err());
        no_fork(fork(two.clone(), two.clone(), None, key));
        no_fork(fork(two.clone(), other_four.clone(), None, key));
        let honest_proof = prove_consistency(&honest, 2, 4).unwrap();
        let (_, root_two, _) = head(&["a", "b"], &writer);
        no_fork(fork(two.clone(), four.clone(), Some((root_two, honest_proof.clone())), key));
        no_fork(fork(two.clone(), four.clone(), Some((other_root, honest_proof)), key));
        no_fork(fork(two.clone(), four, Some((root_four, proof)), key));
        let stranger = Keypair::from_seed(&Zeroizing::new([2; 32]));
        no_fork(fork(two, head(&["a", "x"], &stranger).0, None, key));
    }
}
