//! Purposes, notes, and what quality runs saw: private attachments that say which fact they belong to.
//!
//! Their digests are in feeds, so anybody can name them in a fact or a version of their own. It gets nobody anything: a text is read and erased
//! by the domains of the fact that its own bytes name, and only where a fact of that domain's feed names it, too.

use std::sync::Arc;

use mesh_event::attachment::PrivateAttachment;
use mesh_event::fact::{FactText, PrivateText};
use mesh_event::{Fact, SignedFact};
use mesh_governance::read;
use mesh_model::{Action, Code, Digest, DomainName, PublicKey};
use mesh_proto::status::MeshError;
use mesh_proto::v1::AttachmentBody;

use super::books::Reach;
use crate::core::{Core, storage_error};
use crate::erasure;

/// Longest private text of a fact, in bytes.
const TEXT_BYTES: u64 = 16 * 1024;
/// The salt in front of a private attachment's bytes.
const SALT_BYTES: usize = 16;

/// Whose a private attachment's file is, where it is the text of a fact.
pub fn of_file(file: &[u8]) -> Option<FactText> {
    FactText::parse(file.get(SALT_BYTES..)?)
}

/// Takes the text that a fact names. On the disk when this returns, before the event that names it; returns whether it was written now.
///
/// # Errors
/// [`Code::NotPublishedHere`] when it was not sent, [`Code::Malformed`] when it is none of this fact, [`Code::TooLarge`], [`Code::Erased`].
pub async fn take(core: &Arc<Core>, fact: &Fact, bodies: Vec<AttachmentBody>) -> Result<bool, MeshError> {
    let Some(text) = fact.body.private_text().copied() else { return Ok(false) };
    erasure::refuse(core, &fact.domain, &text.digest)?;
    let Some(sent) = bodies.into_iter().find(|body| body.digest == text.digest.0) else {
        let text = format!("the text {} was not sent with the fact that names it", text.digest.short());
        return Err(MeshError::new(Code::NotPublishedHere, text));
    };
    let file = checked(fact, &text, &sent)?;
    let here = Arc::clone(core);
    core.offload(move || {
        let files = here.store.private_attachments();
        let is_new = !files.contains(&text.digest.0).map_err(|e| storage_error(&e))?;
        files.put(&file).map_err(|e| storage_error(&e))?;
        Ok(is_new)
    })
    .await
}

/// The file of a text that fits its fact.
fn checked(fact: &Fact, text: &PrivateText, sent: &AttachmentBody) -> Result<Vec<u8>, MeshError> {
    let malformed = |why: &str| MeshError::new(Code::Malformed, format!("the text {}: {why}", text.digest.short()));
    let private = PrivateAttachment::parse(&sent.body).map_err(|error| malformed(&error.to_string()))?;
    let length = private.body.len() as u64;
    if length > TEXT_BYTES {
        let text = format!("a text of {length} bytes; at most {TEXT_BYTES} are taken");
        return Err(MeshError::new(Code::TooLarge, text));
    }
    if length != text.size || private.digest() != text.digest {
        return Err(malformed("it is not the one that the fact names"));
    }
    let said = FactText::parse(&private.body).ok_or_else(|| malformed("it does not say which fact it belongs to"))?;
    if (&said.domain, said.fact) != (&fact.domain, fact.id) {
        return Err(malformed("it says that it belongs to another fact"));
    }
    Ok([private.salt.as_slice(), &private.body].concat())
}

/// Takes a text back that came with a fact that was not taken.
pub fn drop_again(core: &Core, fact: &Fact) {
    if let Some(text) = fact.body.private_text() {
        drop(core.store.private_attachments().delete(&text.digest.0));
    }
}

/// The text of a fact that is on this node's disk: to state it again elsewhere.
///
/// # Errors
/// [`Code::StorageFailed`].
pub fn of_fact(core: &Core, signed: &SignedFact) -> Result<Vec<AttachmentBody>, MeshError> {
    let Some(text) = signed.fact().body.private_text() else { return Ok(Vec::new()) };
    let file = core.store.private_attachments().get(&text.digest.0).map_err(|e| storage_error(&e))?;
    let is_its = |file: &Vec<u8>| {
        let fact = signed.fact();
        of_file(file).is_some_and(|text| text.domain == fact.domain && text.fact == fact.id)
    };
    Ok(file.filter(is_its).and_then(|file| on_the_wire(&text.digest, &file)).into_iter().collect())
}

fn on_the_wire(digest: &Digest, file: &[u8]) -> Option<AttachmentBody> {
    let (salt, body) = file.split_first_chunk()?;
    let body = PrivateAttachment { salt: *salt, body: body.to_vec() }.to_bytes();
    Some(AttachmentBody { digest: digest.0.to_vec(), body, private: true })
}

/// A text for a reader of one of its domains; `None` where this node does not have it, or not the fact. `reader`: whose signed request it is.
///
/// # Errors
/// [`Code::ReadDenied`], [`Code::Erased`], [`Code::StorageFailed`]. For a thread that may block.
pub fn read_here(
    core: &Arc<Core>,
    domain: &DomainName,
    digest: &Digest,
    reader: &PublicKey,
) -> Result<Option<AttachmentBody>, MeshError> {
    erasure::refuse(core, domain, digest)?;
    let file = core.store.private_attachments().get(&digest.0).map_err(|e| storage_error(&e))?;
    let Some(file) = file else { return Ok(None) };
    let Some(text) = of_file(&file).filter(|text| text.domain == *domain) else { return Ok(None) };
    let others = core
        .books
        .read(core, domain, |book, reach| book.readers_of(digest, &text.fact).filter(|_| reach != Reach::Part))?;
    let Some(others) = others else { return Ok(None) };
    for may_read in [domain].into_iter().chain(&others) {
        let may = read::may(&core.state, reader, Action::ReadPrivate, may_read, core.ledger_size());
        if may.map_err(|e| core.state_error(&e))? {
            return Ok(on_the_wire(digest, &file));
        }
    }
    let names: Vec<String> = [domain].into_iter().chain(&others).map(ToString::to_string).collect();
    let text = format!("the key {} may not read private texts of {}", reader.fingerprint(), names.join(" or "));
    Err(MeshError::new(Code::ReadDenied, text))
}
