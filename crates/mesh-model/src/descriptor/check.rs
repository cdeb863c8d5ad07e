//! The model's own rules: what a descriptor must say to be one, whatever file it came from.

use std::collections::BTreeSet;
use std::fmt;

use super::{AttachmentPurpose, Descriptor, ProductStatus};
use crate::limits;

/// One breach of the model's rules: where, and what was expected and found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Flaw {
    /// The path within the descriptor, such as `outputs[2].name`.
    pub path: String,
    /// What was expected and what was found, one clause.
    pub message: String,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

pub(super) fn check(descriptor: &Descriptor) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    let mut flaw = |path: String, message: String| flaws.push(Flaw { path, message });

    if descriptor.status == ProductStatus::Draft {
        flaw("status".into(), "expected active; a draft stays on its own node and is not sealed".into());
    }
    if descriptor.owner.team.trim().is_empty() {
        flaw("owner.team".into(), "expected the owning team; found nothing".into());
    }
    unique(&mut flaw, "datasets", "name", descriptor.datasets.iter().map(|d| d.name.as_str()));
    for (at, dataset) in descriptor.datasets.iter().enumerate() {
        unique(&mut flaw, &format!("datasets[{at}].fields"), "name", dataset.fields.iter().map(|f| f.name.as_str()));
    }
    unique(&mut flaw, "inputs", "name", descriptor.inputs.iter().map(|p| p.name.as_str()));
    unique(&mut flaw, "outputs", "name", descriptor.outputs.iter().map(|p| p.name.as_str()));
    unique(&mut flaw, "quality_rules", "name", descriptor.quality_rules.iter().map(|r| r.name.as_str()));
    for (at, rule) in descriptor.quality_rules.iter().enumerate() {
        if rule.check.trim().is_empty() {
            flaw(format!("quality_rules[{at}].check"), "expected a SQL expression; found nothing".into());
        }
    }
    for (at, port) in descriptor.outputs.iter().enumerate() {
        for dataset in &port.datasets {
            let known = descriptor.datasets.iter().any(|d| d.name == *dataset);
            if !known && !descriptor.datasets.is_empty() {
                flaw(format!("outputs[{at}].datasets"), format!("'{dataset}' is no dataset of this product"));
            }
        }
    }

    if descriptor.attachments.len() > limits::ATTACHMENTS {
        let found = descriptor.attachments.len();
        flaw("attachments".into(), format!("expected at most {}; found {found}", limits::ATTACHMENTS));
    }
    let digests: BTreeSet<_> = descriptor.attachments.iter().map(|a| a.digest).collect();
    if digests.len() != descriptor.attachments.len() {
        flaw("attachments".into(), "the same digest stands there twice".into());
    }
    for (at, attachment) in descriptor.attachments.iter().enumerate() {
        if attachment.size > limits::ATTACHMENT_BYTES as u64 {
            let (limit, found) = (limits::ATTACHMENT_BYTES, attachment.size);
            flaw(format!("attachments[{at}].size"), format!("expected at most {limit} bytes; found {found}"));
        }
    }
    let overflow_fields = descriptor.overflow.iter().any(|o| !digests.contains(&o.digest));
    if overflow_fields {
        flaw("overflow".into(), "names a digest that is no attachment of this version".into());
    }
    if let Some(people) = descriptor.owner.people {
        let named = descriptor
            .attachments
            .iter()
            .any(|a| a.digest == people && a.private && a.purpose == AttachmentPurpose::People);
        if !named {
            flaw("owner.people".into(), "expected a private attachment of this version".into());
        }
    }
    flaws
}

fn unique<'a>(flaw: &mut impl FnMut(String, String), list: &str, key: &str, names: impl Iterator<Item = &'a str>) {
    let mut seen = BTreeSet::new();
    for (at, name) in names.enumerate() {
        if name.trim().is_empty() {
            flaw(format!("{list}[{at}].{key}"), "expected a name; found nothing".into());
        } else if !seen.insert(name) {
            flaw(format!("{list}[{at}].{key}"), format!("'{name}' stands there twice"));
        }
    }
}
