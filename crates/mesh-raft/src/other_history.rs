//! A recovery of voters names the root of all leaves before it. `apply` has no tree, so whoever keeps one compares.

use mesh_governance::{Applied, Effect};
use mesh_model::Digest;
use mesh_tlog::{Frontier, leaf_hash};

/// The ledger here is of another history than the one that the council refounded: its next leaf must not be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the council went on from another history: {size} leaves have the root {own} here; it named {named}")]
pub struct OtherHistory {
    /// How many leaves both have.
    pub size: u64,
    /// The root that it named.
    pub named: Digest,
    /// The root here.
    pub own: Digest,
}

/// Whether a decision goes on from these leaves: those of the tree, and `waiting` behind them.
///
/// # Errors
/// [`OtherHistory`]: the node stops, and says so.
pub(crate) fn check_history(applied: &Applied, tree: &Frontier, waiting: &[Vec<u8>]) -> Result<(), OtherHistory> {
    for effect in &applied.effects {
        let Effect::VotersRecovered { size, root: named } = effect else { continue };
        let mut tree = tree.clone();
        for leaf in waiting {
            tree.append(leaf_hash(leaf));
        }
        let own = Digest(*tree.root().as_bytes());
        if (tree.size(), own) != (*size, *named) {
            return Err(OtherHistory { size: *size, named: *named, own });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use mesh_event::ledger::{LeafEntry, LedgerLeaf, Outcome};
    use mesh_model::Code;

    use super::*;

    fn recovered(size: u64, root: Digest) -> Applied {
        let outcome = Outcome {
            code: Code::Accepted,
            detail: String::new(),
            verdict_digest: None,
            state_digest: Digest([0; 32]),
        };
        let entry = LeafEntry::Envelope(Vec::new());
        let leaf = LedgerLeaf { index: size, stamp_unix_ms: 0, entry, head_note: None, outcome };
        let effects = vec![Effect::VotersRecovered { size, root }];
        Applied { leaf_bytes: leaf.encode(), leaf, changes: Vec::new(), effects }
    }

    #[test]
    fn takes_a_recovery_of_its_own_history_only() {
        let leaves: Vec<Vec<u8>> = (0..5_u8).map(|n| vec![n]).collect();
        let mut tree = Frontier::new();
        for leaf in &leaves[..3] {
            tree.append(leaf_hash(leaf));
        }
        let mut all = tree.clone();
        for leaf in &leaves[3..] {
            all.append(leaf_hash(leaf));
        }
        let root = |tree: &Frontier| Digest(*tree.root().as_bytes());
        assert_eq!(check_history(&recovered(5, root(&all)), &tree, &leaves[3..]), Ok(()));
        assert!(check_history(&recovered(5, root(&tree)), &tree, &leaves[3..]).is_err());
        assert!(check_history(&recovered(3, root(&tree)), &tree, &leaves[3..]).is_err());
        let error = check_history(&recovered(5, Digest([9; 32])), &all, &[]).unwrap_err();
        assert!(error.to_string().contains("another history"), "{error}");
    }
}
