//! What changed in the contracts of a product's ports.

use mesh_client::Client;
use mesh_formats::{AttachmentBody, changed_contracts};
use mesh_model::{Change, Code, Descriptor, Digest};

use crate::failure::Failure;

/// The differences between the contracts of two versions; `bodies` are attachments that nobody has yet. What was erased or can't be had
/// is left out: the node that takes the version compares, too.
///
/// # Errors
/// [`Code::InvalidFile`] for a contract that can't be read; the transport's.
pub(crate) async fn changes(
    client: &Client,
    before: &Descriptor,
    after: &Descriptor,
    bodies: &[AttachmentBody],
) -> Result<Vec<Change>, Failure> {
    let mut all = Vec::new();
    for changed in changed_contracts(before, after) {
        let Some(old) = text(client, changed.before, bodies).await? else { continue };
        let new = match changed.after {
            None => None,
            Some(digest) => match text(client, digest, bodies).await? {
                None => continue,
                text => text,
            },
        };
        let found = changed.changes(&old, new.as_deref());
        all.extend(found.map_err(|problems| {
            let message = format!("the contract of port {} can't be compared", changed.port);
            Failure::new(Code::InvalidFile, message).problems(problems.0.iter().map(ToString::to_string).collect())
        })?);
    }
    Ok(all)
}

async fn text(client: &Client, digest: Digest, bodies: &[AttachmentBody]) -> Result<Option<String>, Failure> {
    if let Some(body) = bodies.iter().find(|body| body.attachment.digest == digest) {
        return Ok(String::from_utf8(body.body.clone()).ok());
    }
    match client.attachment(digest).await {
        Ok(body) => Ok(String::from_utf8(body).ok()),
        Err(error)
            if matches!(
                error.code,
                Code::Erased | Code::AttachmentMissing | Code::ReadDenied | Code::HomeUnreachable
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}
