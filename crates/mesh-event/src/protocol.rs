//! Protocol versions: which rules hold in a ledger, and which of them a build knows.

use std::fmt;
use std::ops::RangeInclusive;

/// The newest protocol version that this build knows; it founds meshes with it.
///
/// 1: the first mesh and its governance. 2: feeds are anchored, forks of feeds contained, epochs continue what was sealed,
/// attachments are erased, domains vouch for nodes, voters recover ([`crate::federation`]).
pub const PROTOCOL_VERSION: u32 = 2;

/// The protocol versions that a node applies, and says so to its peers: both ends are in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProtocolRange {
    /// The oldest.
    pub min: u32,
    /// The newest.
    pub max: u32,
}

impl ProtocolRange {
    /// All that this build knows.
    pub const BUILD: Self = Self { min: 1, max: PROTOCOL_VERSION };

    /// What is left of it for a node that is held back at a version.
    #[must_use]
    pub fn held_at(self, newest: u32) -> Self {
        Self { max: self.max.min(newest), ..self }
    }

    /// Whether a version is in it.
    pub fn contains(self, version: u32) -> bool {
        (self.min..=self.max).contains(&version)
    }

    /// Whether there is a version in both.
    pub fn meets(self, other: Self) -> bool {
        self.min.max(other.min) <= self.max.min(other.max)
    }
}

impl From<RangeInclusive<u32>> for ProtocolRange {
    fn from(range: RangeInclusive<u32>) -> Self {
        Self { min: *range.start(), max: *range.end() }
    }
}

impl fmt::Display for ProtocolRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.min, self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_meet_in_a_common_version_only() {
        let range = ProtocolRange::from;
        assert!(range(1..=2).meets(range(2..=3)) && range(2..=3).meets(range(1..=2)));
        assert!(!range(1..=1).meets(range(2..=3)) && !range(2..=3).meets(range(1..=1)));
        assert_eq!(range(1..=3).held_at(1), range(1..=1));
        assert_eq!(range(1..=2).held_at(9), range(1..=2));
        assert!(range(1..=2).contains(2) && !range(1..=2).contains(3));
    }
}
