//! The attachments of the feeds that are copied here: noted with the events that name them, fetched from whoever has them.

use std::sync::Arc;

use mesh_event::envelope::READ;
use mesh_event::{Body, Command, Envelope, EventKind, FeedEvent, Signer as _, proto};
use mesh_model::{Code, Digest, DomainName, NodeId, limits};
use mesh_proto::status::MeshError;
use mesh_store::{Batch, KeyRange, Page, Store};
use prost::Message as _;
use tracing::debug;

use super::peers::{Fault, next};
use crate::clock::now_unix_ms;
use crate::core::{Core, storage_error};
use crate::erasure;
use crate::facts::fact_of;

/// Where in the store's index space attachments are noted that a copied feed names and that are not here yet:
/// `domain \0 digest` -> 1 for a private one, 2 for the private text of a fact, else 0.
pub const WANTED_FILES: u8 = 6;
/// A private attachment, and the private text of a fact.
const PRIVATE: u8 = 1;
const TEXT: u8 = 2;
/// The salt in front of a private attachment's body.
const SALT_BYTES: usize = 16;
/// Files that one turn fetches of one domain.
const IN_ONE_TURN: usize = 32;

fn key(domain: &DomainName, digest: &Digest) -> Vec<u8> {
    [domain.as_str().as_bytes(), &[0], &digest.0].concat()
}

/// Notes, in the batch that keeps the events, which attachments they name.
pub(super) fn want(store: &Store, batch: &mut Batch, events: &[Vec<u8>]) {
    let index = store.index(WANTED_FILES);
    for bytes in events {
        if let Some((event, signed)) = fact_of(bytes) {
            if let Some(text) = signed.fact().body.private_text() {
                index.put(batch, &key(&event.feed.domain, &text.digest), &[TEXT]);
            }
            continue;
        }
        let Ok(FeedEvent { feed, kind: EventKind::Command { envelope, .. }, .. }) = FeedEvent::decode(bytes) else {
            continue;
        };
        let command = Envelope::parse(envelope).ok().and_then(|envelope| Command::decode(envelope.payload()).ok());
        let Some(Command { body: Body::PublishVersion(body), .. }) = command else { continue };
        for attachment in &body.descriptor.attachments {
            index.put(batch, &key(&feed.domain, &attachment.digest), &[u8::from(attachment.private)]);
        }
    }
}

/// Fetches some of what is still missing of a domain. What the node does not have, another one may.
///
/// # Errors
/// [`Fault::Silent`] and [`Fault::Lie`]; the rest stays noted.
pub(super) async fn fetch(core: &Arc<Core>, peer: NodeId, domain: &DomainName) -> Result<(), Fault> {
    let prefix = [domain.as_str().as_bytes(), &[0]].concat();
    let wanted = core.store.index(WANTED_FILES).range(&KeyRange::prefix(prefix.clone()), Page::first(IN_ONE_TURN));
    for (stored, private) in wanted.map_err(|e| storage_error(&e))? {
        let Some(digest) = stored.strip_prefix(prefix.as_slice()).and_then(Digest::from_slice) else { continue };
        let is_text = private.first() == Some(&TEXT);
        let is_private = is_text || private.first() == Some(&PRIVATE);
        if is_erased(core, domain, &digest, is_text)? {
            forget(core, &stored)?;
            continue;
        }
        let files = if is_private { core.store.private_attachments() } else { core.store.attachments() };
        if !files.contains(&digest.0).map_err(|e| storage_error(&e))? {
            match one(core, peer, domain, digest, is_private).await {
                Ok(file) => keep(core, domain, file, is_private, is_text).await?,
                Err(Fault::Refused(error)) => {
                    debug!(%domain, digest = %digest.short(), %error, "an attachment is not to be had there");
                    continue;
                }
                Err(fault) => return Err(fault),
            }
        }
        forget(core, &stored)?;
    }
    Ok(())
}

fn forget(core: &Core, stored: &[u8]) -> Result<(), MeshError> {
    let mut batch = Batch::new();
    core.store.index(WANTED_FILES).delete(&mut batch, stored);
    core.store.committer().apply_relaxed(batch).map_err(|e| storage_error(&e))
}

/// Whether an attachment was erased by the domain whose feed names it, or by the one that owns it. The text of a fact is that of the domain
/// whose feed has the fact, whoever names it, too.
fn is_erased(core: &Core, domain: &DomainName, digest: &Digest, is_text: bool) -> Result<bool, MeshError> {
    let known = || if is_text { Ok(()) } else { erasure::refuse_known(core, digest) };
    match erasure::refuse(core, domain, digest).and_then(|()| known()) {
        Ok(()) => Ok(false),
        Err(error) if error.code == Code::Erased => Ok(true),
        Err(error) => Err(error),
    }
}

/// Forgets, in a batch, that a domain's attachment was to be fetched.
pub(crate) fn unwant(store: &Store, batch: &mut Batch, domain: &DomainName, digest: &Digest) {
    store.index(WANTED_FILES).delete(batch, &key(domain, digest));
}

/// One file, whole and with the digest that it should have.
async fn one(
    core: &Core,
    peer: NodeId,
    domain: &DomainName,
    digest: Digest,
    is_private: bool,
) -> Result<Vec<u8>, Fault> {
    let read_request = if is_private { sign_request(core, digest) } else { Vec::new() };
    let mut stream = core.replicas.peers().attachment(peer, domain, digest.0.to_vec(), read_request).await?;
    let mut file = Vec::new();
    let mut length = None;
    while let Some(piece) = next(&mut stream).await? {
        let most = usize::try_from(*length.get_or_insert(piece.length)).unwrap_or(usize::MAX);
        let limit = limits::ATTACHMENT_BYTES + SALT_BYTES;
        if most > limit || piece.bytes.is_empty() || file.len() + piece.bytes.len() > most {
            return Err(Fault::Lie(format!("other pieces of an attachment than its {most} bytes have")));
        }
        file.extend_from_slice(&piece.bytes);
        if file.len() == most {
            break;
        }
    }
    if Digest::of(&file) != digest {
        return Err(Fault::Lie(format!("other bytes for the attachment {}", digest.short())));
    }
    Ok(file)
}

async fn keep(
    core: &Arc<Core>,
    domain: &DomainName,
    file: Vec<u8>,
    is_private: bool,
    is_text: bool,
) -> Result<(), MeshError> {
    let (keeping, domain) = (Arc::clone(core), domain.clone());
    core.offload(move || {
        let store = &keeping.store;
        let files = if is_private { store.private_attachments() } else { store.attachments() };
        files.put(&file).map_err(|e| storage_error(&e))?;
        // It may have been erased while it was on its way: the leaf was folded before the file was there.
        let digest = Digest::of(&file);
        if is_erased(&keeping, &domain, &digest, is_text)? {
            files.delete(&digest.0).map_err(|e| storage_error(&e))?;
        }
        Ok(())
    })
    .await
}

/// This node asks in its own name, as a reader does.
fn sign_request(core: &Core, digest: Digest) -> Vec<u8> {
    let request = proto::ReadRequest {
        mesh_id: core.mesh_id.0.to_vec(),
        author: core.keypair.public_key().0.to_vec(),
        at_unix_ms: now_unix_ms(),
        digest: digest.0.to_vec(),
    };
    let envelope = Envelope::sign(READ, request.encode_to_vec(), &[&*core.keypair]);
    envelope.expect("a request of a few bytes fits an envelope").into_bytes()
}

/// How many files of copied feeds are missing; at most `limit` are counted.
pub fn missing(core: &Core, limit: usize) -> usize {
    core.store.index(WANTED_FILES).range(&KeyRange::all(), Page::first(limit)).map_or(0, |found| found.len())
}
