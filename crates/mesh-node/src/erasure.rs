//! Erased attachments: their bodies leave this node's disk with the leaf that says so, and never come back.
//!
//! The ledger keeps erasures by domain and digest, and cannot know whose an attachment is. A node does: by the first version that
//! named it ([`OWNERS`]). So it deletes what the domain that was named owns, and nobody erases for another.
//!
//! Three moments: the projector folds the leaf ([`erase`]); at its start a node looks for what it should not have, as after a restored
//! backup or a crash in between ([`sweep`]); and whatever brings or serves a body asks first ([`refuse`]).

use mesh_governance::{Erasure, read};
use mesh_model::{Code, Digest, DomainName};
use mesh_proto::status::MeshError;
use mesh_store::Batch;
use tracing::{info, warn};

use crate::attachments::OWNERS;
use crate::core::{Core, storage_error};
use crate::facts::texts;
use crate::projector::WANTED;
use crate::replicas::files::unwant;

/// How many erasures are looked at together.
const PAGE: usize = 256;

/// What is said of an attachment that was erased.
fn told(erasure: &Erasure) -> MeshError {
    let Erasure { domain, digest, index, .. } = erasure;
    let text = format!("the attachment {} of domain {domain} was erased at index {index}", digest.short());
    MeshError::new(Code::Erased, text)
}

/// Whether a domain's attachment was erased: then its body is neither taken, fetched nor served.
///
/// # Errors
/// [`Code::Erased`].
pub fn refuse(core: &Core, domain: &DomainName, digest: &Digest) -> Result<(), MeshError> {
    match read::erasure(&core.state, domain, digest).map_err(|e| core.state_error(&e))? {
        Some(erasure) => Err(told(&erasure)),
        None => Ok(()),
    }
}

/// The domain whose version first named an attachment, as far as this node has folded the ledger.
///
/// # Errors
/// [`Code::StorageFailed`].
pub fn owner(core: &Core, digest: &Digest) -> Result<Option<DomainName>, MeshError> {
    let stored = core.store.index(OWNERS).get(&digest.0).map_err(|e| storage_error(&e))?;
    Ok(stored.and_then(|bytes| String::from_utf8(bytes).ok()).and_then(|text| DomainName::parse(&text).ok()))
}

/// [`refuse`] for whoever knows the digest only. An attachment that no folded version names is nobody's yet.
///
/// # Errors
/// [`Code::Erased`], [`Code::StorageFailed`].
pub fn refuse_known(core: &Core, digest: &Digest) -> Result<(), MeshError> {
    match owner(core, digest)? {
        Some(domain) => refuse(core, &domain, digest),
        None => Ok(()),
    }
}

/// Deletes the body of a domain's attachment, durably, and forgets that it was to be fetched. What another domain owns stays. That it
/// was erased is for the caller to know, and that the owners of earlier leaves are written. What nobody owns yet goes too: it waits
/// for a version that will be refused, and its digest is known to nobody else.
///
/// # Errors
/// [`Code::StorageFailed`]: the caller tries again.
pub fn erase(core: &Core, domain: &DomainName, digest: &Digest) -> Result<(), MeshError> {
    let private = core.store.private_attachments().get(&digest.0).map_err(|e| storage_error(&e))?;
    // Whose the text of a fact is, it says itself; which versions name it, too, does not matter.
    let owner = match private.as_deref().and_then(texts::of_file) {
        Some(text) => Some(text.domain),
        None => owner(core, digest)?,
    };
    if owner.is_some_and(|owner| owner != *domain) {
        warn!(%domain, digest = %digest.short(), "an attachment of another domain is not erased");
        return Ok(());
    }
    let mut found = false;
    for files in [core.store.private_attachments(), core.store.attachments()] {
        found |= files.delete(&digest.0).map_err(|e| storage_error(&e))?;
    }
    let mut batch = Batch::new();
    core.store.index(WANTED).delete(&mut batch, &digest.0);
    unwant(&core.store, &mut batch, domain, digest);
    core.store.committer().apply_relaxed(batch).map_err(|e| storage_error(&e))?;
    if found {
        info!(%domain, digest = %digest.short(), "erased an attachment");
    }
    Ok(())
}

/// Deletes whatever the ledger says is erased and lies here all the same.
///
/// # Errors
/// [`Code::StorageFailed`], or when the state cannot be read.
pub fn sweep(core: &Core) -> Result<(), MeshError> {
    let mut last: Option<Erasure> = None;
    loop {
        let after = last.as_ref().map(|erasure| (&erasure.domain, &erasure.digest));
        let page = read::erasures(&core.state, None, after, PAGE).map_err(|e| core.state_error(&e))?;
        for Erasure { domain, digest, .. } in &page {
            erase(core, domain, digest)?;
        }
        if page.len() < PAGE {
            return Ok(());
        }
        last = page.into_iter().next_back();
    }
}
