//! The same people under the same digest: salts are kept from version to version.

use mesh_model::Digest;

use crate::parsed::{Product, digest_of};

impl Product {
    /// Gives private attachments the salts that the same bodies had in an earlier version, so that a file whose people
    /// are the same is the same: fresh salts would make another digest each time it is read.
    pub fn keep_salts(&mut self, known: &[(Digest, [u8; 16])]) {
        let mut renamed: Vec<(Digest, Digest)> = Vec::new();
        for body in self.attachments.iter_mut().filter(|body| body.salt.is_some()) {
            let same = known.iter().find(|(digest, salt)| digest_of(Some(salt), &body.body) == *digest);
            if let Some((digest, salt)) = same {
                renamed.push((body.attachment.digest, *digest));
                body.attachment.digest = *digest;
                body.salt = Some(*salt);
            }
        }
        let rename = |digest: &mut Digest| {
            if let Some((_, new)) = renamed.iter().find(|(old, _)| old == digest) {
                *digest = *new;
            }
        };
        let descriptor = &mut self.descriptor;
        descriptor.attachments.iter_mut().for_each(|attachment| rename(&mut attachment.digest));
        descriptor.owner.people.iter_mut().for_each(rename);
        let contracts = descriptor.outputs.iter_mut().filter_map(|port| port.contract.as_mut());
        contracts.filter_map(|contract| contract.digest.as_mut()).for_each(rename);
    }
}
