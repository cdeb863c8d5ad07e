//! PLAN files: what `mesh plan --out` decided, for `mesh apply --plan` to carry out, exactly that or nothing.
//!
//! A plan file holds the descriptors as they will be signed and the attachments, private ones included: mode 0600.

use std::path::Path;

use mesh_client::{Attached, Plan, PlanAction};
use mesh_event::attachment::PrivateAttachment;
use mesh_formats::AttachmentBody;
use mesh_model::{Code, Descriptor, Digest, MeshId, Version};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::preparing::Prepared;
use crate::text_bytes::TextBytes;

const FORMAT: &str = "datamesh-plan-v1";

/// A plan file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlanFile {
    format: String,
    /// The mesh that it was planned for.
    pub(crate) mesh_id: MeshId,
    /// What is to be published, in order.
    pub(crate) products: Vec<Planned>,
}

/// A product version that is ready to be signed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Planned {
    /// The file it comes from.
    pub(crate) file: String,
    /// Whether it is a first version.
    pub(crate) creates: bool,
    /// The descriptor's encoding, its version set.
    descriptor: TextBytes,
    /// The version that it was planned against, which the publish names.
    pub(crate) against: Option<Digest>,
    /// Breaks among overflowed fields.
    pub(crate) overflow_breaks: Vec<String>,
    attachments: Vec<Body>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    body: TextBytes,
    /// Of a private one.
    salt: Option<TextBytes>,
}

impl Planned {
    /// What a plan proposes, or `None` when there is nothing to publish.
    pub(crate) fn of(prepared: Prepared, plan: &Plan) -> Option<Self> {
        let version: Version = match plan.action {
            PlanAction::Create | PlanAction::Update => plan.version?,
            PlanAction::Unchanged | PlanAction::Refused => return None,
        };
        let mut descriptor = prepared.product.descriptor;
        descriptor.version = version;
        let attachments = prepared.product.attachments.into_iter().map(|AttachmentBody { body, salt, .. }| Body {
            body: TextBytes(body),
            salt: salt.map(|salt| TextBytes(salt.to_vec())),
        });
        Some(Self {
            file: prepared.file,
            creates: plan.action == PlanAction::Create,
            descriptor: TextBytes(mesh_event::encode_descriptor(&descriptor)),
            against: plan.planned_against,
            overflow_breaks: prepared.overflow_breaks,
            attachments: attachments.collect(),
        })
    }

    /// What is to be signed.
    ///
    /// # Errors
    /// [`Code::InvalidFile`] when a plan file was altered.
    pub(crate) fn descriptor(&self) -> Result<Descriptor, Failure> {
        mesh_event::decode_descriptor(&self.descriptor.0).map_err(|error| altered(&error))
    }

    /// What travels with it.
    ///
    /// # Errors
    /// [`Code::InvalidFile`] when a plan file was altered.
    pub(crate) fn attachments(&self) -> Result<Vec<Attached>, Failure> {
        let attached = |body: &Body| match &body.salt {
            None => Ok(Attached::public(body.body.0.clone())),
            Some(salt) => {
                let salt = salt.0.as_slice().try_into().map_err(|_| altered(&"a salt is not 16 bytes long"))?;
                Ok(Attached::private(&PrivateAttachment { salt, body: body.body.0.clone() }))
            }
        };
        self.attachments.iter().map(attached).collect()
    }
}

fn altered(why: &dyn std::fmt::Display) -> Failure {
    Failure::new(Code::InvalidFile, format!("the plan file does not fit: {why}"))
        .hint("plan again: `mesh plan FILE --out PLAN`")
}

impl PlanFile {
    /// A plan for one mesh.
    pub(crate) fn new(mesh_id: MeshId, products: Vec<Planned>) -> Self {
        Self { format: FORMAT.to_owned(), mesh_id, products }
    }

    /// Writes it, for its owner's eyes only; in place of an older one.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Failure> {
        use std::io::Write as _;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let text = serde_json::to_vec_pretty(self).map_err(|error| Failure::internal(error.to_string()))?;
        let write = || -> std::io::Result<()> {
            // Mode 0600 from the start.
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(&text)?;
            file.as_file().sync_all()?;
            file.persist(path)?;
            Ok(())
        };
        write().map_err(|error| Failure::io("write", path, &error))
    }

    /// Reads it.
    ///
    /// # Errors
    /// [`Code::InvalidFile`] when it is no plan.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read(path).map_err(|error| Failure::io("read", path, &error))?;
        let plan: Self = serde_json::from_slice(&text).map_err(|error| altered(&error))?;
        if plan.format != FORMAT {
            return Err(altered(&format!("expected the format {FORMAT}, found {}", plan.format)));
        }
        Ok(plan)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn is_for_its_owner_only_and_other_files_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("plan.json");
        PlanFile::new(MeshId([3; 32]), Vec::new()).write(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(PlanFile::read(&path).unwrap().mesh_id, MeshId([3; 32]));
        std::fs::write(&path, "{}").unwrap();
        assert_eq!(PlanFile::read(&path).unwrap_err().code, Some(Code::InvalidFile));
    }
}
