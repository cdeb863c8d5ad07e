//! Product versions: `MAJOR.MINOR.PATCH` of Semantic Versioning 2.0.0, without pre-release and build tags.
//!
//! A pre-release is a draft here, and drafts stay on their own node; so versions in the ledger are totally ordered by
//! three numbers, and [`Version::sort_key`] orders as they do.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::name::{excerpt, text_form};

/// Why a text is no version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VersionError {
    /// Not three numbers.
    #[error("'{0}' is no version; expected MAJOR.MINOR.PATCH, such as 1.4.0")]
    Shape(String),
    /// `1.0.0-rc.1` or `1.0.0+build`.
    #[error(
        "'{0}' has a pre-release or build tag; products have plain versions such as 1.4.0, and drafts for the rest"
    )]
    Tagged(String),
}

/// A product's version.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// Raised when consumers may break.
    pub major: u32,
    /// Raised when something was added.
    pub minor: u32,
    /// Raised for anything else.
    pub patch: u32,
}

impl Version {
    /// What a product's first seal gets when its file names no version.
    pub const FIRST: Self = Self::new(1, 0, 0);

    /// A version of three numbers.
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { major, minor, patch }
    }

    /// Parses `1.4.0`.
    ///
    /// # Errors
    /// [`VersionError`] for anything but three plain numbers below 2^32.
    pub fn parse(text: &str) -> Result<Self, VersionError> {
        let shape = || VersionError::Shape(excerpt(text));
        let parsed = semver::Version::parse(text).map_err(|_| shape())?;
        if !parsed.pre.is_empty() || !parsed.build.is_empty() {
            return Err(VersionError::Tagged(excerpt(text)));
        }
        let part = |n: u64| u32::try_from(n).map_err(|_| shape());
        Ok(Self::new(part(parsed.major)?, part(parsed.minor)?, part(parsed.patch)?))
    }

    /// Twelve bytes that sort as versions do.
    pub fn sort_key(self) -> [u8; 12] {
        let mut key = [0; 12];
        key[..4].copy_from_slice(&self.major.to_be_bytes());
        key[4..8].copy_from_slice(&self.minor.to_be_bytes());
        key[8..].copy_from_slice(&self.patch.to_be_bytes());
        key
    }

    /// The version that [`Version::sort_key`] made these bytes of.
    pub fn from_sort_key(key: [u8; 12]) -> Self {
        let part = |at: usize| u32::from_be_bytes([key[at], key[at + 1], key[at + 2], key[at + 3]]);
        Self::new(part(0), part(4), part(8))
    }

    /// The next version after a change of the given weight; `None` once a number is used up.
    pub fn bump(self, bump: crate::change::Bump) -> Option<Self> {
        use crate::change::Bump;
        Some(match bump {
            Bump::Major => Self::new(self.major.checked_add(1)?, 0, 0),
            Bump::Minor => Self::new(self.major, self.minor.checked_add(1)?, 0),
            Bump::Patch => Self::new(self.major, self.minor, self.patch.checked_add(1)?),
        })
    }

    /// Whether a requirement such as `^1.2` takes this version.
    pub fn matches(self, requirement: &semver::VersionReq) -> bool {
        requirement.matches(&semver::Version::new(self.major.into(), self.minor.into(), self.patch.into()))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}.{}.{}", self.major, self.minor, self.patch))
    }
}
text_form!(Version, VersionError);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn refuses_tags_and_short_forms() {
        assert!(matches!(Version::parse("1.0.0-rc.1"), Err(VersionError::Tagged(_))));
        for bad in ["1", "1.0", "v1.0.0", "1.0.0.0", "01.0.0", "1.0.4294967296", ""] {
            assert!(matches!(Version::parse(bad), Err(VersionError::Shape(_))), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn sort_keys_order_as_versions_do(a: (u32, u32, u32), b: (u32, u32, u32)) {
            let (a, b) = (Version::new(a.0, a.1, a.2), Version::new(b.0, b.1, b.2));
            prop_assert_eq!(a.cmp(&b), a.sort_key().cmp(&b.sort_key()));
            prop_assert_eq!(Version::from_sort_key(a.sort_key()), a);
            prop_assert_eq!(Version::parse(&a.to_string()).unwrap(), a);
        }
    }
}
