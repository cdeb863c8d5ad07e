//! A witness: what the accepted leaves of a history say, kept without the state, to hold the state machine to its
//! invariants.

use std::collections::BTreeMap;

use mesh_event::{Body, Command, EventKind, FeedEvent, LeafEntry, Signer as _, descriptor_digest, envelope};
use mesh_model::{Action, Code, Digest, DomainName, PublicKey, Role, VersionId};

use super::council_witness::CouncilWitness;
use crate::testing::keypair;
use crate::{Applied, read};

/// A role, the leaf that granted it, and the one that revoked it.
type Held = (Role, u64, Option<u64>);

/// Roles and versions so far.
#[derive(Default)]
pub(super) struct Witness {
    roles: BTreeMap<(PublicKey, DomainName), Vec<Held>>,
    pub(super) sealed: BTreeMap<VersionId, Digest>,
    seen: BTreeMap<DomainName, u64>,
    pub(super) council: CouncilWitness,
}

impl Witness {
    /// Checks the next leaf against what was seen before, and keeps what it says.
    pub(super) fn see(&mut self, applied: &Applied) {
        let (index, accepted) = (applied.leaf.index, applied.outcome().code == Code::Accepted);
        if !accepted {
            return;
        }
        let signed = read::envelope_of(&applied.leaf).unwrap();
        if signed.payload_type() == envelope::GENESIS {
            return;
        }
        let command = Command::decode(signed.payload()).unwrap();
        let signers = signed.verify(envelope::COMMAND).unwrap();
        if let LeafEntry::FeedEvent(bytes) = &applied.leaf.entry {
            let event = FeedEvent::decode_proposed(bytes).unwrap();
            assert!(matches!(event.kind, EventKind::Command { .. }));
            self.acts(&command, &event, index);
        }
        match command.body {
            Body::AdmitDomains(body) => {
                assert!(self.council.decides(&signers), "invariant 3");
                for domain in body.domains {
                    for grant in domain.roles {
                        self.roles.entry((grant.key, domain.name.clone())).or_default().push((grant.role, index, None));
                    }
                }
            }
            Body::GrantRole(body) => {
                let domain = body.domain.unwrap();
                assert!(signers.contains(&keypair(&format!("{domain}/root")).public_key()));
                self.roles.entry((body.grant.key, domain)).or_default().push((body.grant.role, index, None));
            }
            Body::RevokeKey(body) => {
                let domain = body.domain.unwrap();
                assert!(signers.contains(&keypair(&format!("{domain}/root")).public_key()));
                for role in self.roles.get_mut(&(body.key, domain)).unwrap() {
                    role.2 = role.2.or(Some(index));
                }
            }
            Body::PublishVersion(body) => {
                let id = body.descriptor.version_id();
                let before = self.sealed.insert(id, descriptor_digest(&body.descriptor));
                assert_eq!(before, None, "invariant 5");
            }
            Body::DelegateNode(body) => {
                assert!(signers.contains(&keypair(&format!("{}/root", body.domain)).public_key()));
            }
            Body::DeprecateVersion(_) | Body::RetireProduct(_) => {}
            body => self.council.see(applied, body, &signed, &signers),
        }
    }

    /// Invariant 4: the author held a role that allows it, in this domain, when the home node took the command; and no home
    /// node goes back in time.
    fn acts(&mut self, command: &Command, event: &FeedEvent, index: u64) {
        let action = match command.body {
            Body::RetireProduct(_) => Action::RetireProduct,
            Body::DeprecateVersion(_) => Action::DeprecateVersion,
            _ => Action::PublishVersion,
        };
        let size = event.ledger_size;
        let domain = command.body.feed_domain().unwrap().clone();
        let seen = self.seen.insert(domain.clone(), size).unwrap_or(0);
        assert!(seen <= size && size <= index);
        let held = &self.roles[&(command.author, domain)];
        let allows =
            |(role, from, until): &Held| role.allows(action) && *from < size && until.is_none_or(|until| until >= size);
        assert!(held.iter().any(allows), "invariant 4");
    }
}
