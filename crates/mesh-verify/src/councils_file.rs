//! What an audit found out about the councils of a mesh, in a small file of JSON, for whoever then follows voters by checkpoints and receipts.
//!
//! Nothing in it is signed: it is as good as the audit that wrote it, and belongs where a pinned mesh id belongs.

use std::collections::BTreeMap;

use mesh_event::{Council, Councils};
use mesh_model::{LedgerIndex, MeshId};
use mesh_tlog::Hash;
use serde::{Deserialize, Serialize};

use crate::check::Verified;
use crate::fault::Fault;
use crate::lines_file::MAX_FILE_BYTES;

/// What `format` says.
const FORMAT: &str = "datamesh-councils 1";

/// The file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CouncilsFile {
    /// What it says.
    pub councils: Councils,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    format: String,
    mesh_id: MeshId,
    founding: Council,
    /// How many leaves a checkpoint covered.
    audited: u64,
    newest: Council,
    recoveries: Vec<RecoveryForm>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecoveryForm {
    leaf: LedgerIndex,
    hash: String,
}

impl CouncilsFile {
    /// Of an export that holds; `None` where no checkpoint covers any of it, so that nobody vouches for its councils.
    pub fn of(verified: &Verified) -> Option<Self> {
        let councils = verified.councils.clone();
        (councils.audit().0 > 0).then_some(Self { councils })
    }

    /// The file.
    ///
    /// # Panics
    /// Never: all of it is JSON.
    pub fn to_text(&self) -> String {
        let (audited, newest, recoveries) = self.councils.audit();
        let form = Form {
            format: FORMAT.to_owned(),
            mesh_id: *self.councils.mesh(),
            founding: self.councils.founding().clone(),
            audited,
            newest: newest.clone(),
            recoveries: recoveries
                .iter()
                .map(|(leaf, hash)| RecoveryForm { leaf: *leaf, hash: hash.to_base64() })
                .collect(),
        };
        serde_json::to_string_pretty(&form).expect("councils are JSON") + "\n"
    }

    /// Reads one. Where `pinned` names a mesh, it has to be of that.
    ///
    /// # Errors
    /// [`Fault`] names the line.
    pub fn parse(bytes: &[u8], pinned: Option<&MeshId>) -> Result<Self, Fault> {
        if bytes.len() > MAX_FILE_BYTES {
            return Err(Fault::line(1, format!("expected at most {MAX_FILE_BYTES} bytes; found {}", bytes.len())));
        }
        let form: Form = serde_json::from_slice(bytes)
            .map_err(|error| Fault::line(error.line() as u64, format!("expected the councils of a mesh: {error}")))?;
        if form.format != FORMAT {
            let found = form.format.escape_debug();
            return Err(Fault::line(1, format!("expected the format '{FORMAT}'; found '{found}'")));
        }
        if let Some(pinned) = pinned.filter(|pinned| **pinned != form.mesh_id) {
            return Err(Fault::line(1, format!("the councils are of mesh {}; expected {pinned}", form.mesh_id)));
        }
        let mut recoveries = BTreeMap::new();
        for one in form.recoveries {
            let hash = Hash::from_base64(&one.hash)
                .map_err(|error| Fault::line(1, format!("the recovery at leaf {}: {error}", one.leaf)))?;
            recoveries.insert(one.leaf, hash);
        }
        let councils = Councils::new(form.mesh_id, form.founding).audited(form.audited, form.newest, recoveries);
        Ok(Self { councils })
    }
}
