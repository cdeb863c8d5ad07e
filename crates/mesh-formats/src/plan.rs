//! Which version a file becomes: the planner of `mesh plan` and `mesh publish`, over what is sealed already.

use mesh_model::change::required_bump;
use mesh_model::{Bump, Change, Descriptor, Digest, Version, compare};

use crate::parsed::{Product, digest_of};

/// What publishing the file would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// The product has no sealed version yet.
    First {
        /// What the file becomes.
        version: Version,
    },
    /// The version that has this content is sealed.
    Unchanged {
        /// That version.
        version: Version,
    },
    /// A further version.
    Next {
        /// What the file becomes.
        version: Version,
        /// What it was compared with: the highest sealed version below it in its major, else below overall.
        against: Version,
        /// What differs.
        changes: Vec<Change>,
    },
}

impl Plan {
    /// The version that the file becomes, or is.
    pub fn version(&self) -> Version {
        match self {
            Self::First { version } | Self::Unchanged { version } | Self::Next { version, .. } => *version,
        }
    }
}

/// Why the file cannot become a version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The file's version is sealed with other content.
    #[error("expected the content of version {version}, which is sealed, found {} differences", changes.len())]
    Conflict {
        /// The version that the file names.
        version: Version,
        /// What differs.
        changes: Vec<Change>,
    },
    /// Consumers would break, and the step does not say so.
    #[error("expected version {needed} or higher, since consumers of {against} may break or have something new")]
    TooSmall {
        /// The least version that the changes allow; without a version in the file it is reached with `--major`.
        needed: Version,
        /// What it was compared with.
        against: Version,
        /// What differs.
        changes: Vec<Change>,
    },
    /// All numbers of the version are used up.
    #[error("expected a version after {0}, found none left")]
    Exhausted(Version),
}

/// Plans the version of a product, given all its sealed descriptors in any order. `major` allows a step that breaks
/// consumers where the file names no version; a file that names one says so itself.
///
/// # Errors
/// [`PlanError`] when the named version is sealed otherwise, or the step is smaller than the changes need.
pub fn plan(product: &Product, sealed: &[Descriptor], major: bool) -> Result<Plan, PlanError> {
    let descriptor = &product.descriptor;
    let named = product.version_given.then_some(descriptor.version);
    if let Some(same) = named.and_then(|version| sealed.iter().find(|d| d.version == version)) {
        let (version, changes) = (same.version, compare(same, descriptor));
        return if changes.is_empty() {
            Ok(Plan::Unchanged { version })
        } else {
            Err(PlanError::Conflict { version, changes })
        };
    }
    let Some(previous) = previous(sealed, named) else {
        return Ok(Plan::First { version: named.unwrap_or(Version::FIRST) });
    };
    let against = previous.version;
    let changes = compare(previous, descriptor);
    if named.is_none() && changes.is_empty() {
        return Ok(Plan::Unchanged { version: against });
    }
    let bump = required_bump(&changes);
    let needed = against.bump(bump).ok_or(PlanError::Exhausted(against))?;
    let version = match named {
        // A new patch with nothing in it is its author's choice.
        Some(version) if changes.is_empty() || version >= needed => version,
        None if bump != Bump::Major || major => needed,
        _ => {
            return Err(PlanError::TooSmall { needed, against, changes });
        }
    };
    Ok(Plan::Next { version, against, changes })
}

/// The version to compare with: the highest sealed one below the given one in its major, else below overall; without a
/// given one the highest of all.
pub fn previous(sealed: &[Descriptor], version: Option<Version>) -> Option<&Descriptor> {
    let below = || sealed.iter().filter(|d| version.is_none_or(|version| d.version < version));
    let same_major = below().filter(|d| version.is_some_and(|version| d.version.major == version.major));
    same_major.max_by_key(|d| d.version).or_else(|| below().max_by_key(|d| d.version))
}

impl Product {
    /// Gives private attachments the salts that the same bodies had in an earlier version, so that a file whose people
    /// are the same is the same: fresh salts would make another digest each time it is read.
    pub fn keep_salts(&mut self, known: &[(Digest, [u8; 16])]) {
        let mut renamed: Vec<(Digest, Digest)> = Vec::new();
        for body in self.attachments.iter_mut().filter(|body| body.salt.is_some()) {
            let same = known.iter().find(|(digest, salt)| digest_of(Some(salt), &body.body) == *digest);
            if let Some((digest, salt)) = same {
                renamed.push((body.attachment.digest, *digest));
                body.attachment.digest = *digest;
                body.salt = Some(*salt);
            }
        }
        let rename = |digest: &mut Digest| {
            if let Some((_, new)) = renamed.iter().find(|(old, _)| old == digest) {
                *digest = *new;
            }
        };
        let descriptor = &mut self.descriptor;
        descriptor.attachments.iter_mut().for_each(|attachment| rename(&mut attachment.digest));
        descriptor.owner.people.iter_mut().for_each(rename);
        let contracts = descriptor.outputs.iter_mut().filter_map(|port| port.contract.as_mut());
        contracts.filter_map(|contract| contract.digest.as_mut()).for_each(rename);
    }
}
