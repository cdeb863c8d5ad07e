//! A node's TLS key: derived from the node's own seed, and certified by the node key.
//!
//! One key, one purpose: the node key signs feed heads and packets, so it doesn't sign TLS handshakes, whose messages another protocol
//! chooses. Derived, there is nothing to keep, lose or rotate beside the node key; certified, whoever knows the node key knows the TLS
//! key. Both name the mesh: what is signed for one doesn't hold in another.

use mesh_model::{MeshId, PublicKey};

use crate::signing::{self, Keypair, Signer};

/// The salt of the derivation: its type string. Another one makes other keys.
const DERIVATION: &[u8] = b"datamesh tls key v1";
/// The type string of what the node key signs.
const CERTIFICATION: &[u8] = b"datamesh tls key certification v1\n";

/// The TLS key of a node in a mesh. The same every time.
pub fn tls_keypair(node: &Keypair, mesh: &MeshId) -> Keypair {
    node.derive(DERIVATION, &mesh.0)
}

/// The node key's signature over its TLS key.
pub fn certify_tls_key(node: &dyn Signer, mesh: &MeshId, tls_key: &PublicKey) -> [u8; 64] {
    node.sign(&message(mesh, tls_key))
}

/// Whether the node key certified this TLS key for this mesh.
pub fn is_tls_key_of(node_key: &PublicKey, mesh: &MeshId, tls_key: &PublicKey, certification: &[u8]) -> bool {
    signing::verify(node_key, &message(mesh, tls_key), certification)
}

fn message(mesh: &MeshId, tls_key: &PublicKey) -> Vec<u8> {
    [CERTIFICATION, &mesh.0, &tls_key.0].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use zeroize::Zeroizing;

    fn node(n: u8) -> Keypair {
        Keypair::from_seed(&Zeroizing::new([n; 32]))
    }

    #[test]
    fn a_tls_key_is_its_nodes_and_its_meshs_alone() {
        let (one, two) = (MeshId([1; 32]), MeshId([2; 32]));
        let key = tls_keypair(&node(7), &one).public_key();
        assert_eq!(key, tls_keypair(&node(7), &one).public_key());
        for other in
            [node(7).public_key(), tls_keypair(&node(7), &two).public_key(), tls_keypair(&node(8), &one).public_key()]
        {
            assert_ne!(key, other);
        }
        let certification = certify_tls_key(&node(7), &one, &key);
        assert!(is_tls_key_of(&node(7).public_key(), &one, &key, &certification));
        assert!(!is_tls_key_of(&node(7).public_key(), &two, &key, &certification));
        assert!(!is_tls_key_of(&node(8).public_key(), &one, &key, &certification));
        assert!(!is_tls_key_of(&node(7).public_key(), &one, &node(7).public_key(), &certification));
        assert!(!is_tls_key_of(&node(7).public_key(), &one, &key, &[]));
    }

    /// Nodes of different builds must agree on it. The value was computed with Python's hmac and OpenSSL.
    #[test]
    fn the_derivation_never_changes() {
        let key = tls_keypair(&node(7), &MeshId([1; 32])).public_key();
        assert_eq!(
            mesh_model::Digest(key.0).to_string(),
            "4d050d315c877d8781027d847bcc18f2988951e242a5e5afc1c59e22a7a23627"
        );
    }
}
