//! Files that belong to versions: taken with a publish, served by digest, fetched from their home when they are not here.
//!
//! A private attachment is kept as salt and body in one file, so its digest is the file's; on the wire it is a
//! `PrivateAttachment`. Only the domain's own readers get it, against a signed request.

use std::sync::Arc;

use mesh_event::attachment::PrivateAttachment;
use mesh_event::envelope::READ;
use mesh_event::{Body, Command, Envelope, proto};
use mesh_governance::read;
use mesh_model::{Action, Attachment, Code, Descriptor, Digest, DomainName, NodeId, PublicKey, limits};
use mesh_proto::status::MeshError;
use mesh_proto::v1::AttachmentBody;
use prost::Message as _;

use crate::clock::now_unix_ms;
use crate::core::Core;
use crate::erasure;
use crate::facts::texts;

/// Where in the store's index space attachments are found: digest -> the domain whose version first named it. The first stays: who
/// names another domain's private attachment later does not get to read it, nor to erase it.
pub const OWNERS: u8 = 2;
/// How old a read request may be, and how far ahead of this node's clock, in milliseconds.
pub const READ_WINDOW_MS: u64 = 300_000;

fn storage(error: &mesh_store::StoreError) -> MeshError {
    MeshError::new(Code::StorageFailed, error.to_string())
}

/// Takes every attachment that the descriptor names: from the request, or because it is here already. On the disk when this
/// returns, before the event that names them.
///
/// # Errors
/// [`Code::NotPublishedHere`] names one that is missing, [`Code::Erased`], [`Code::TooLarge`], [`Code::Malformed`] one that does not match its digest.
pub async fn take(core: &Core, descriptor: &Descriptor, bodies: Vec<AttachmentBody>) -> Result<(), MeshError> {
    let total: usize = bodies.iter().map(|body| body.body.len()).sum();
    let limit = core.config.limits.publish_mib << 20;
    if total > limit {
        let text = format!("the attachments have {total} bytes; at most {limit} go with one publish");
        return Err(MeshError::new(Code::TooLarge, text));
    }
    let mut sent = std::collections::BTreeMap::new();
    for body in bodies {
        let digest = Digest::from_slice(&body.digest)
            .ok_or_else(|| MeshError::new(Code::Malformed, "an attachment's digest is not 32 bytes long"))?;
        sent.insert(digest, body);
    }
    for attachment in &descriptor.attachments {
        let name = &attachment.name;
        erasure::refuse(core, &descriptor.domain, &attachment.digest)?;
        if let Some(body) = sent.remove(&attachment.digest) {
            keep(core, attachment, body).await?;
        } else if !holds(core, attachment)? {
            let text = format!("the attachment {name} ({}) was not sent with the publish", attachment.digest.short());
            return Err(MeshError::new(Code::NotPublishedHere, text));
        }
    }
    Ok(())
}

fn holds(core: &Core, attachment: &Attachment) -> Result<bool, MeshError> {
    if attachment.private {
        // The text of a fact is no version's.
        let file = core.store.private_attachments().get(&attachment.digest.0).map_err(|e| storage(&e))?;
        return Ok(file.is_some_and(|file| texts::of_file(&file).is_none()));
    }
    core.store.attachments().contains(&attachment.digest.0).map_err(|e| storage(&e))
}

async fn keep(core: &Core, attachment: &Attachment, sent: AttachmentBody) -> Result<(), MeshError> {
    let (name, size) = (&attachment.name, attachment.size);
    let (file, length) = if attachment.private {
        let private = PrivateAttachment::parse(&sent.body)
            .map_err(|error| MeshError::new(Code::Malformed, format!("the attachment {name}: {error}")))?;
        (file_of(&private), private.body.len())
    } else {
        let length = sent.body.len();
        (sent.body, length)
    };
    if length as u64 != size || length > limits::ATTACHMENT_BYTES {
        let text = format!("the attachment {name} has {length} bytes; the descriptor says {size}");
        return Err(MeshError::new(Code::Malformed, text));
    }
    if Digest::of(&file) != attachment.digest {
        let text = format!("the attachment {name} does not match its digest {}", attachment.digest.short());
        return Err(MeshError::new(Code::Malformed, text));
    }
    write(core, file, attachment.private).await
}

/// Writes on a thread that may block: every file is synced.
async fn write(core: &Core, file: Vec<u8>, private: bool) -> Result<(), MeshError> {
    let store = std::sync::Arc::clone(&core.store);
    let written = move || {
        let files = if private { store.private_attachments() } else { store.attachments() };
        files.put(&file).map(|_| ()).map_err(|e| storage(&e))
    };
    core.offload(written).await
}

/// Salt and body in one file: its SHA-256 is the salted digest.
fn file_of(private: &PrivateAttachment) -> Vec<u8> {
    [private.salt.as_slice(), &private.body].concat()
}

/// A public attachment of this node, or fetched from its home and kept.
///
/// # Errors
/// [`Code::AttachmentMissing`], or why the home node did not answer.
pub async fn public(core: &Core, digest: Digest) -> Result<Vec<u8>, MeshError> {
    erasure::refuse_known(core, &digest)?;
    if let Some(body) = core.store.attachments().get(&digest.0).map_err(|e| storage(&e))? {
        return Ok(body);
    }
    let home = home_of(core, digest).await?;
    let fetched = core.forward.attachment(home, digest, Vec::new(), None).await?;
    if Digest::of(&fetched.body) != digest {
        let text = format!("the home node sent other bytes for the attachment {}", digest.short());
        return Err(MeshError::new(Code::Damaged, text));
    }
    write(core, fetched.body.clone(), false).await?;
    // It may have been erased while it was on its way: the leaf was folded before the file was there.
    if let Err(erased) = erasure::refuse_known(core, &digest) {
        core.store.attachments().delete(&digest.0).map_err(|e| storage(&e))?;
        return Err(erased);
    }
    Ok(fetched.body)
}

/// An attachment for a client: public ones freely, private ones against a signed request.
///
/// # Errors
/// [`Code::ReadDenied`], [`Code::AttachmentMissing`], [`Code::Erased`].
pub async fn serve(core: &Core, digest: Digest, read_request: Vec<u8>) -> Result<AttachmentBody, MeshError> {
    if read_request.is_empty() {
        let body = public(core, digest).await?;
        return Ok(AttachmentBody { digest: digest.0.to_vec(), body, private: false });
    }
    if let Some(body) = private_here(core, digest, &read_request).await? {
        return Ok(body);
    }
    let home = home_of(core, digest).await?;
    core.forward.attachment(home, digest, read_request, None).await
}

/// The file of an attachment for another node: public ones freely, private ones for the nodes that keep the feed of the domain whose
/// version names it, against a request that the node's own key signed.
///
/// # Errors
/// [`Code::ReadDenied`], [`Code::AttachmentMissing`], [`Code::Erased`].
pub async fn for_keeper(
    core: &Core,
    node: NodeId,
    domain: &DomainName,
    digest: Digest,
    read_request: &[u8],
) -> Result<Vec<u8>, MeshError> {
    erasure::refuse(core, domain, &digest)?;
    if read_request.is_empty() {
        erasure::refuse_known(core, &digest)?;
        return core.store.attachments().get(&digest.0).map_err(|e| storage(&e))?.ok_or_else(|| missing(digest));
    }
    let file =
        core.store.private_attachments().get(&digest.0).map_err(|e| storage(&e))?.ok_or_else(|| missing(digest))?;
    let owner = if let Some(text) = texts::of_file(&file) {
        text.domain
    } else {
        erasure::refuse_known(core, &digest)?;
        owner(core, digest).await?
    };
    if owner != *domain {
        return Err(MeshError::new(Code::ReadDenied, format!("no version or fact of {domain} names this attachment")));
    }
    let author = check_request(core, read_request, digest)?;
    let fail = |e| core.state_error(&e);
    let known = read::node(&core.state, node).map_err(fail)?;
    let record = read::domain(&core.state, domain).map_err(fail)?;
    let is_home = record.and_then(|record| record.delegation).is_some_and(|delegation| delegation.node_id == node);
    let keeps = is_home || core.replicas.duties().keepers_of(core, domain)?.contains(&node);
    if !keeps || known.is_none_or(|known| known.record.key != author) {
        let text = format!("node {node} keeps no private attachments of {domain}, or did not sign the request");
        return Err(MeshError::new(Code::ReadDenied, text));
    }
    Ok(file)
}

/// The attachments that a command names, as far as they are here: to publish it again elsewhere.
///
/// # Errors
/// [`Code::StorageFailed`].
pub fn of_command(core: &Core, envelope: &Envelope) -> Result<Vec<AttachmentBody>, MeshError> {
    let Ok(Command { body: Body::PublishVersion(body), .. }) = Command::decode(envelope.payload()) else {
        return Ok(Vec::new());
    };
    let mut bodies = Vec::new();
    for attachment in &body.descriptor.attachments {
        let (digest, private) = (attachment.digest, attachment.private);
        let files = if private { core.store.private_attachments() } else { core.store.attachments() };
        let Some(file) = files.get(&digest.0).map_err(|e| storage(&e))? else { continue };
        if private && texts::of_file(&file).is_some() {
            continue;
        }
        let body = if private { wire_of(&file).ok_or_else(|| missing(digest))? } else { file };
        bodies.push(AttachmentBody { digest: digest.0.to_vec(), body, private });
    }
    Ok(bodies)
}

/// A private attachment's file as it travels.
fn wire_of(file: &[u8]) -> Option<Vec<u8>> {
    let (salt, body) = file.split_first_chunk()?;
    Some(PrivateAttachment { salt: *salt, body: body.to_vec() }.to_bytes())
}

/// The text of a fact in a domain's feed, for a client of either domain.
///
/// # Errors
/// [`Code::ReadDenied`], [`Code::AttachmentMissing`], [`Code::Erased`], or why the domain's home did not answer.
pub async fn serve_text(
    core: &Arc<Core>,
    domain: &DomainName,
    digest: Digest,
    read_request: Vec<u8>,
    passes_on: bool,
) -> Result<AttachmentBody, MeshError> {
    let reader = check_request(core, &read_request, digest)?;
    let (here, of) = (Arc::clone(core), domain.clone());
    if let Some(body) = core.offload(move || texts::read_here(&here, &of, &digest, &reader)).await? {
        return Ok(body);
    }
    let record = read::domain(&core.state, domain).map_err(|e| core.state_error(&e))?;
    let home = record.and_then(|record| record.delegation).map(|delegation| delegation.node_id);
    let home = home.filter(|home| passes_on && *home != core.node_id()).ok_or_else(|| missing(digest))?;
    core.forward.attachment(home, digest, read_request, Some(domain)).await
}

/// An attachment for another node, whose client asked it: what lies here, on the same conditions.
///
/// # Errors
/// [`Code::ReadDenied`], [`Code::AttachmentMissing`], [`Code::Erased`].
pub async fn serve_here(core: &Core, digest: Digest, read_request: Vec<u8>) -> Result<AttachmentBody, MeshError> {
    if !read_request.is_empty() {
        return private_here(core, digest, &read_request).await?.ok_or_else(|| missing(digest));
    }
    erasure::refuse_known(core, &digest)?;
    let body = core.store.attachments().get(&digest.0).map_err(|e| storage(&e))?.ok_or_else(|| missing(digest))?;
    Ok(AttachmentBody { digest: digest.0.to_vec(), body, private: false })
}

/// A private attachment, if it lies here, for whom the request names and only then.
async fn private_here(core: &Core, digest: Digest, read_request: &[u8]) -> Result<Option<AttachmentBody>, MeshError> {
    let domain = owner(core, digest).await?;
    erasure::refuse(core, &domain, &digest)?;
    let file = core.store.private_attachments().get(&digest.0).map_err(|e| storage(&e))?;
    // The text of a fact is read by its own way, whoever names its digest.
    let Some(file) = file.filter(|file| texts::of_file(file).is_none()) else { return Ok(None) };
    check_reader(core, read_request, digest, &domain)?;
    let body = wire_of(&file).ok_or_else(|| missing(digest))?;
    Ok(Some(AttachmentBody { digest: digest.0.to_vec(), body, private: true }))
}

fn missing(digest: Digest) -> MeshError {
    MeshError::new(Code::AttachmentMissing, format!("this node does not have the attachment {}", digest.short()))
}

async fn owner(core: &Core, digest: Digest) -> Result<DomainName, MeshError> {
    let mut known = erasure::owner(core, &digest)?;
    if known.is_none() {
        core.catch_up().await;
        known = erasure::owner(core, &digest)?;
    }
    known.ok_or_else(|| missing(digest))
}

async fn home_of(core: &Core, digest: Digest) -> Result<u64, MeshError> {
    let domain = owner(core, digest).await?;
    let record = read::domain(&core.state, &domain).map_err(|e| core.state_error(&e))?;
    let home = record.and_then(|record| record.delegation).map(|delegation| delegation.node_id);
    home.filter(|home| *home != core.node_id()).ok_or_else(|| missing(digest))
}

/// Who may read a domain's private bytes: the keys whose roles allow it, for five minutes after they signed.
fn check_reader(core: &Core, request: &[u8], digest: Digest, domain: &DomainName) -> Result<(), MeshError> {
    let author = check_request(core, request, digest)?;
    let may = read::may(&core.state, &author, Action::ReadPrivate, domain, core.ledger_size());
    if may.map_err(|e| core.state_error(&e))? {
        return Ok(());
    }
    let text = format!("the key {} may not read private attachments of {domain}", author.fingerprint());
    Err(MeshError::new(Code::ReadDenied, text))
}

/// Whose request it is: signed by its author, for this attachment and this mesh, within five minutes.
fn check_request(core: &Core, request: &[u8], digest: Digest) -> Result<PublicKey, MeshError> {
    let denied = |text: String| MeshError::new(Code::ReadDenied, text);
    let envelope =
        Envelope::parse(request.to_vec()).map_err(|error| MeshError::new(error.code(), error.to_string()))?;
    let signers = envelope.verify(READ).map_err(|error| MeshError::new(error.code(), error.to_string()))?;
    let read_request = proto::ReadRequest::decode(envelope.payload())
        .map_err(|error| MeshError::new(Code::Malformed, format!("not a read request: {error}")))?;
    let author = PublicKey::from_slice(&read_request.author).filter(|author| signers.contains(author));
    let author = author.ok_or_else(|| denied("the request's author did not sign it".into()))?;
    if read_request.mesh_id != core.mesh_id.0 {
        return Err(MeshError::new(Code::WrongMesh, "the request was signed for another mesh"));
    }
    if read_request.digest != digest.0 {
        return Err(denied("the request was signed for another attachment".into()));
    }
    if now_unix_ms().abs_diff(read_request.at_unix_ms) > READ_WINDOW_MS {
        return Err(denied("the request was signed more than five minutes away from this node's clock".into()));
    }
    Ok(author)
}
