//! The contracts of a product's output ports, from one version to the next.

use std::collections::BTreeSet;

use mesh_model::{Bump, Change, ChangeKind, Descriptor, Digest, OutputPort};

use crate::odcs::compare_contracts;
use crate::problem::Problems;

/// A port whose contract is another than before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedContract {
    /// The port.
    pub port: String,
    /// The attachment that held it.
    pub before: Digest,
    /// The attachment that holds it; `None` where the port has no contract any more.
    pub after: Option<Digest>,
}

/// The ports of both versions whose contract changed. A contract that several ports share is named with the first of them.
pub fn changed_contracts(before: &Descriptor, after: &Descriptor) -> Vec<ChangedContract> {
    let digest = |port: &OutputPort| port.contract.as_ref().and_then(|contract| contract.digest);
    let (mut seen, mut changed) = (BTreeSet::new(), Vec::new());
    for old in &before.outputs {
        let Some(new) = after.outputs.iter().find(|new| new.name == old.name) else { continue };
        let (Some(was), is) = (digest(old), digest(new)) else { continue };
        if Some(was) != is && seen.insert((was, is)) {
            changed.push(ChangedContract { port: old.name.to_string(), before: was, after: is });
        }
    }
    changed
}

impl ChangedContract {
    /// What differs, each path below `contracts.<port>`.
    ///
    /// # Errors
    /// The problems of a text that is no contract.
    pub fn changes(&self, before: &str, after: Option<&str>) -> Result<Vec<Change>, Problems> {
        let prefix = format!("contracts.{}", self.port);
        let Some(after) = after else {
            return Ok(vec![Change {
                path: prefix,
                kind: ChangeKind::Removed,
                before: self.before.to_string().into(),
                after: serde_json::Value::Null,
                bump: Bump::Major,
                breaks: Some("the contract that consumers rely on is gone".to_owned()),
            }]);
        };
        let mut changes = compare_contracts(before, after)?;
        for change in &mut changes {
            change.path = format!("{prefix}.{}", change.path);
        }
        Ok(changes)
    }
}
