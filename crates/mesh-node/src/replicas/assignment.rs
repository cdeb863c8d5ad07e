//! Which nodes keep a domain's feed, beside its home: rendezvous hashing, the same on every node that knows the same nodes.

use mesh_model::{Digest, DomainName, MeshId, NodeId};

/// What is hashed starts with this, so that no other use of SHA-256 gives the same order.
const PURPOSE: &[u8] = b"datamesh keeper of a feed, version 1\0";

/// The `copies` nodes that keep the domain's feed, first choice first; fewer where the mesh has fewer. `nodes` are those that are
/// admitted and not revoked; the home keeps its own feed anyway. A node that joins or leaves changes the keepers of those domains
/// only that it is, or was, a keeper of.
pub fn keepers(
    mesh: &MeshId,
    domain: &DomainName,
    home: Option<NodeId>,
    nodes: impl IntoIterator<Item = NodeId>,
    copies: usize,
) -> Vec<NodeId> {
    let weight = |node: NodeId| {
        let bytes = [PURPOSE, &mesh.0, domain.as_str().as_bytes(), &[0], &node.to_be_bytes()].concat();
        Digest::of(&bytes).0
    };
    let others = nodes.into_iter().filter(|node| Some(*node) != home);
    let mut weighed: Vec<([u8; 32], NodeId)> = others.map(|node| (weight(node), node)).collect();
    weighed.sort_unstable_by(|a, b| b.cmp(a));
    weighed.dedup();
    weighed.truncate(copies);
    weighed.into_iter().map(|(_, node)| node).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const MESH: MeshId = MeshId([7; 32]);

    fn domain(n: u32) -> DomainName {
        DomainName::parse(&format!("domain_{n}")).unwrap()
    }

    #[test]
    fn keepers_are_distinct_never_the_home_and_the_same_in_any_order() {
        for n in 0..200 {
            let home = u64::from(n % 9) + 1;
            let found = keepers(&MESH, &domain(n), Some(home), 1..=9, 2);
            let reversed = keepers(&MESH, &domain(n), Some(home), (1..=9).rev(), 2);
            assert_eq!(found, reversed);
            assert_eq!(found.len(), 2);
            assert!(found[0] != found[1] && !found.contains(&home));
        }
        assert_eq!(keepers(&MESH, &domain(1), Some(1), [1], 2), Vec::<NodeId>::new());
        assert_eq!(keepers(&MESH, &domain(1), Some(1), [1, 2], 2), [2]);
    }

    #[test]
    fn a_node_that_leaves_changes_only_its_own_domains() {
        let mut kept = [0_u32; 10];
        for n in 0..1_000 {
            let before = keepers(&MESH, &domain(n), Some(1), 1..=9, 2);
            let after = keepers(&MESH, &domain(n), Some(1), (1..=9).filter(|node| *node != 5), 2);
            if before.contains(&5) {
                assert!(after.contains(before.iter().find(|node| **node != 5).unwrap()));
            } else {
                assert_eq!(before, after);
            }
            for node in before {
                kept[usize::try_from(node).unwrap()] += 1;
            }
        }
        // 2,000 copies on eight nodes: about 250 each.
        assert!(kept[2..].iter().all(|count| (150..350).contains(count)), "{kept:?}");
    }
}
