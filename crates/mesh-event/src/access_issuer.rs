//! A node's token issuer: derived from the node's own seed, named by the root of each domain that it issues for.
//!
//! Tokens are signed by a key of their own (`trust.md`: one key, one purpose). Derived, as the TLS key is, there is nothing to keep, lose or
//! rotate beside the node key. It counts for a domain once the domain's root says so in a fact; with it goes the key's own
//! signature for this domain and mesh, so that nobody names a key that is somebody else's.

use mesh_model::{DomainName, MeshId, PublicKey};

use crate::signing::{self, Keypair, Signer};

/// The salt of the derivation: its type string. Another one makes other keys.
const DERIVATION: &[u8] = b"datamesh access issuer v1";
/// The type string of what the key signs to show that somebody has it.
const POSSESSION: &[u8] = b"datamesh access issuer possession v1\n";

/// The token issuer of a node in a mesh. The same every time.
pub fn issuer_keypair(node: &Keypair, mesh: &MeshId) -> Keypair {
    node.derive(DERIVATION, &mesh.0)
}

/// The issuer's own signature, for a domain's root.
pub fn prove(issuer: &dyn Signer, mesh: &MeshId, domain: &DomainName) -> [u8; 64] {
    issuer.sign(&message(mesh, domain))
}

/// Whether somebody who has the key wants to issue tokens for this domain.
pub fn is_proven(key: &PublicKey, mesh: &MeshId, domain: &DomainName, possession: &[u8]) -> bool {
    signing::verify(key, &message(mesh, domain), possession)
}

fn message(mesh: &MeshId, domain: &DomainName) -> Vec<u8> {
    [POSSESSION, &mesh.0, domain.as_str().as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use zeroize::Zeroizing;

    #[test]
    fn an_issuer_is_its_nodes_and_its_meshs_and_proven_for_one_domain() {
        let node = Keypair::from_seed(&Zeroizing::new([7; 32]));
        let (one, two) = (MeshId([1; 32]), MeshId([2; 32]));
        let (sales, finance) = ("sales".parse().unwrap(), "finance".parse().unwrap());
        let issuer = issuer_keypair(&node, &one);
        let key = issuer.public_key();
        assert_eq!(key, issuer_keypair(&node, &one).public_key());
        for other in
            [node.public_key(), crate::tls_keypair(&node, &one).public_key(), issuer_keypair(&node, &two).public_key()]
        {
            assert_ne!(key, other);
        }
        let proof = prove(&issuer, &one, &sales);
        assert!(is_proven(&key, &one, &sales, &proof));
        assert!(!is_proven(&key, &two, &sales, &proof) && !is_proven(&key, &one, &finance, &proof));
        assert!(!is_proven(&node.public_key(), &one, &sales, &proof) && !is_proven(&key, &one, &sales, &[]));
    }

    /// Nodes of different builds must agree on it. The value was computed with Python's hmac and OpenSSL.
    #[test]
    fn the_derivation_never_changes() {
        let node = Keypair::from_seed(&Zeroizing::new([7; 32]));
        let key = issuer_keypair(&node, &MeshId([1; 32])).public_key();
        assert_eq!(
            mesh_model::Digest(key.0).to_string(),
            "6e5a7708268916dfcc7d2dfc8a5d843859203eba88f9fd68b4ddb98203b18afa"
        );
    }
}
