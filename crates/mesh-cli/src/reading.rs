//! What reading commands share: whole descriptors, people, freshness.

use std::collections::BTreeMap;

use mesh_client::{Client, Freshness, MeshError, ProductView};
use mesh_event::Keypair;
use mesh_formats::{People, Person};
use mesh_model::{Code, Descriptor};

use crate::app::App;
use crate::failure::Failure;
use crate::time::{age, show};

/// Older than this, no answer is called current (`trust.md`).
const CURRENT_MS: u64 = 60_000;

/// The descriptor with every part that overflowed put back.
///
/// # Errors
/// When an attachment cannot be fetched or is no such part. Parts that were erased stay out, with all others: they are shown as what
/// was signed.
pub(crate) async fn whole(client: &Client, descriptor: &Descriptor) -> Result<Descriptor, Failure> {
    if descriptor.overflow.is_empty() {
        return Ok(descriptor.clone());
    }
    let mut bodies = BTreeMap::new();
    for overflow in &descriptor.overflow {
        match client.attachment(overflow.digest).await {
            Ok(body) => bodies.insert(overflow.digest, body),
            Err(error) if error.code == Code::Erased => return Ok(descriptor.clone()),
            Err(error) => return Err(error.into()),
        };
    }
    mesh_formats::restore(descriptor, &bodies).map_err(|error| Failure::new(Code::Damaged, error.to_string()))
}

/// What can be seen of the people that a product names.
#[derive(Debug)]
pub(crate) enum Named {
    /// They.
    People(Vec<Person>),
    /// There are none, or the key at hand may not read them.
    Hidden,
    /// Their names were erased.
    Erased,
}

/// The people that a product names.
///
/// # Errors
/// The transport's.
pub(crate) async fn people(client: &Client, view: &ProductView, signer: Option<&Keypair>) -> Result<Named, Failure> {
    let (Some(digest), Some(signer)) = (view.descriptor.owner.people, signer) else { return Ok(Named::Hidden) };
    match client.private_attachment(digest, signer).await {
        Ok(attachment) => {
            let people = People::parse(&attachment.body)
                .map_err(|error| Failure::new(Code::Damaged, format!("the people attachment does not fit: {error}")))?;
            Ok(Named::People(people.people))
        }
        Err(error) if error.code == Code::Erased => Ok(Named::Erased),
        Err(error) if hidden(&error) => Ok(Named::Hidden),
        Err(error) => Err(error.into()),
    }
}

/// Whether a private attachment just cannot be seen from here.
pub(crate) fn hidden(error: &MeshError) -> bool {
    matches!(
        error.code,
        Code::ReadDenied
            | Code::AttachmentMissing
            | Code::Erased
            | Code::UnknownKey
            | Code::RevokedKey
            | Code::WrongDomain
            | Code::WrongRole
    )
}

/// Says when an answer may be old.
pub(crate) fn note_age(app: &App, freshness: &Freshness) {
    let node = freshness.node_id;
    let message = match freshness.age_ms {
        _ if freshness.is_current => return,
        Some(ms) if ms <= CURRENT_MS => {
            format!("voters signed two histories, says node {node}; this is the last good one")
        }
        Some(ms) => {
            format!("a majority of voters last cosigned what node {node} shows {} ago; this may be old", age(ms))
        }
        None => match freshness.cosigned_unix_s {
            Some(at) => format!(
                "a majority of voters last cosigned what node {node} shows at {}; it has heard nothing since it started, and this may be old",
                show(at.saturating_mul(1000))
            ),
            None => format!("no majority of voters has cosigned what node {node} shows yet; this may be old"),
        },
    };
    app.warn(message);
}
