//! People's names and addresses: what counts as one, and where it goes.
//!
//! Descriptors are for ever and everybody's, so people never enter one. The rule:
//!
//! - **A person is what stands in a person's position of the format**: HCL `owner_person { … }` and
//!   `people { person { … } }`; members of an ODPS or ODCS `team`. Nothing is guessed from the look of a text.
//! - **A place to ask is not a person**: HCL `documentation.support_contact` and `support { … }`, ODPS and ODCS `support`
//!   are declared as the product's contact, by a team that chose to publish them, and stay public even where they are
//!   an e-mail address.
//! - People go to one private attachment (purpose `people`, JSON) that `owner.people` names by salted digest.
//! - A file that names people is itself a private attachment; one that names none is a public one.

use mesh_model::AttachmentPurpose;
use serde::{Deserialize, Serialize};

use crate::parsed::{AttachmentBody, Context, Product};

/// Somebody whom a file names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Their name, or the account that the file calls them by; empty when it gives none.
    pub name: String,
    /// Their address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// What they are to the product, in the file's words: `owner`, `data steward`, ….
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Anything else that the file says of them, as it says it.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub details: serde_json::Map<String, serde_json::Value>,
}

/// The body of a people attachment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct People {
    /// In the file's order.
    pub people: Vec<Person>,
}

impl People {
    /// Reads a people attachment.
    ///
    /// # Errors
    /// What `serde_json` says when the body is none.
    pub fn parse(body: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(body)
    }
}

impl Product {
    /// Puts people into a private attachment and names it in `owner.people`. Does nothing when there are none.
    pub fn attach_people(&mut self, people: Vec<Person>, ctx: &mut Context<'_>) {
        if people.is_empty() {
            return;
        }
        let body = serde_json::to_vec(&People { people }).expect("people are plain data");
        let purpose = AttachmentPurpose::People;
        let body = AttachmentBody::private("people.json", "application/json", purpose, body, (ctx.salt)());
        self.descriptor.owner.people = Some(self.attach(body));
    }
}

/// The file itself as an attachment: private when it names people.
pub fn original(bytes: &[u8], media_type: &str, names_people: bool, ctx: &mut Context<'_>) -> AttachmentBody {
    let purpose = AttachmentPurpose::Original;
    if names_people {
        AttachmentBody::private(ctx.file_name, media_type, purpose, bytes.to_vec(), (ctx.salt)())
    } else {
        AttachmentBody::public(ctx.file_name, media_type, purpose, bytes.to_vec())
    }
}
