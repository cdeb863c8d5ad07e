//! A home's token issuer: derived from the node's own seed for one epoch of one domain, and named by the domain's root.
//!
//! Tokens are signed by a key of their own (`trust.md`: one key, one purpose). Derived, as the TLS key is, there is nothing to keep or lose
//! beside the node key. Bound to an epoch of the domain's feed, it ends when the domain moves: a home that was left issues nothing for it,
//! whoever has its disk. It counts once the domain's root says so in a fact; with it goes the key's own signature, so that nobody names
//! a key that is somebody else's. A key of the domain's own, such as a gateway's, is bound to no epoch.

use mesh_model::{DomainName, MeshId, PublicKey};

use crate::signing::{self, Keypair, Signer};

/// The salt of the derivation: its type string. Another one makes other keys.
const DERIVATION: &[u8] = b"datamesh access issuer v1";
/// The type string of what the key signs to show that somebody has it.
const POSSESSION: &[u8] = b"datamesh access issuer possession v1\n";

/// The token issuer of a node for an epoch of a domain's feed. The same every time.
pub fn issuer_keypair(node: &Keypair, mesh: &MeshId, domain: &DomainName, epoch: u64) -> Keypair {
    node.derive(DERIVATION, &subject(mesh, domain, Some(epoch)))
}

/// The issuer's own signature, for a domain's root.
pub fn prove(issuer: &dyn Signer, mesh: &MeshId, domain: &DomainName, epoch: Option<u64>) -> [u8; 64] {
    issuer.sign(&message(mesh, domain, epoch))
}

/// Whether somebody who has the key wants to issue tokens for this domain.
pub fn is_proven(key: &PublicKey, mesh: &MeshId, domain: &DomainName, epoch: Option<u64>, possession: &[u8]) -> bool {
    signing::verify(key, &message(mesh, domain, epoch), possession)
}

fn message(mesh: &MeshId, domain: &DomainName, epoch: Option<u64>) -> Vec<u8> {
    [POSSESSION, &subject(mesh, domain, epoch)].concat()
}

/// 32 bytes, one byte that says whether there is an epoch, 8 bytes big-endian, the name.
fn subject(mesh: &MeshId, domain: &DomainName, epoch: Option<u64>) -> Vec<u8> {
    let bound = [u8::from(epoch.is_some())];
    [mesh.0.as_slice(), &bound, &epoch.unwrap_or(0).to_be_bytes(), domain.as_str().as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use zeroize::Zeroizing;

    #[test]
    fn an_issuer_is_its_nodes_for_one_epoch_of_one_domain_and_proven_for_that() {
        let node = Keypair::from_seed(&Zeroizing::new([7; 32]));
        let (one, two) = (MeshId([1; 32]), MeshId([2; 32]));
        let (sales, finance) = ("sales".parse().unwrap(), "finance".parse().unwrap());
        let issuer = issuer_keypair(&node, &one, &sales, 3);
        let key = issuer.public_key();
        assert_eq!(key, issuer_keypair(&node, &one, &sales, 3).public_key());
        for other in [
            node.public_key(),
            crate::tls_keypair(&node, &one).public_key(),
            issuer_keypair(&node, &two, &sales, 3).public_key(),
            issuer_keypair(&node, &one, &finance, 3).public_key(),
            issuer_keypair(&node, &one, &sales, 4).public_key(),
        ] {
            assert_ne!(key, other);
        }
        let proof = prove(&issuer, &one, &sales, Some(3));
        assert!(is_proven(&key, &one, &sales, Some(3), &proof));
        assert!(!is_proven(&key, &two, &sales, Some(3), &proof) && !is_proven(&key, &one, &finance, Some(3), &proof));
        let zero = prove(&issuer, &one, &sales, Some(0));
        assert!(!is_proven(&key, &one, &sales, None, &zero), "an epoch that there is not is no way around them");
        assert!(!is_proven(&key, &one, &sales, None, &proof) && !is_proven(&key, &one, &sales, Some(4), &proof));
        assert!(!is_proven(&node.public_key(), &one, &sales, Some(3), &proof));
    }

    /// A home has the same key after every start and with every build. The value was computed with Python's hmac and OpenSSL.
    #[test]
    fn the_derivation_never_changes() {
        let node = Keypair::from_seed(&Zeroizing::new([7; 32]));
        let key = issuer_keypair(&node, &MeshId([1; 32]), &"sales".parse().unwrap(), 3).public_key();
        let expected = "2d11f210d3a8cf81f94dc87addaea3007961beba8007133d86848e9fc05cf099";
        assert_eq!(mesh_model::Digest(key.0).to_string(), expected);
    }
}
