//! A domain's own rules as they are signed: all of them at once, and what they take the place of.
//!
//! They are local governance: an event of the domain's feed that its home node enforces, and never a leaf of the ledger. So
//! they have a payload type of their own, and nothing that reads commands takes them for one.

use mesh_model::{DomainName, MeshId, PublicKey, Standard};
use prost::Message as _;

use crate::convert::{Malformed, digest, key, text};
use crate::envelope::{self, Envelope, EnvelopeError};
use crate::signed::{Payload, Signed};
use crate::signing::Signer;
use crate::{proto, standard};

/// All rules that a domain sets for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainRules {
    /// The mesh.
    pub mesh_id: MeshId,
    /// Whose products they are about.
    pub domain: DomainName,
    /// The epoch of the domain's feed that they are for.
    pub epoch: u64,
    /// From 1 in each epoch: one more than that of the set they take the place of.
    pub number: u64,
    /// Their first signer.
    pub author: PublicKey,
    /// The rules; empty for none.
    pub rules: Vec<Standard>,
    /// Why. Never a person's name.
    pub reason: String,
}

impl DomainRules {
    /// The payload bytes to sign.
    pub fn encode(&self) -> Vec<u8> {
        proto::DomainRules {
            mesh_id: self.mesh_id.0.to_vec(),
            domain: self.domain.to_string(),
            epoch: self.epoch,
            number: self.number,
            author: self.author.0.to_vec(),
            rules: self.rules.iter().map(standard::to_message).collect(),
            reason: self.reason.clone(),
        }
        .encode_to_vec()
    }

    /// Signs the rules; their author has to be the first signer.
    ///
    /// # Errors
    /// [`EnvelopeError::TooLarge`].
    ///
    /// # Panics
    /// When the first signer is not the author.
    pub fn sign(&self, signers: &[&dyn Signer]) -> Result<Envelope, EnvelopeError> {
        assert_eq!(signers.first().map(|s| s.public_key()), Some(self.author), "the author signs first");
        Envelope::sign(envelope::RULES, self.encode(), signers)
    }
}

impl Payload for DomainRules {
    const TYPE: &'static str = envelope::RULES;

    fn decode(payload: &[u8]) -> Result<Self, Malformed> {
        let m = proto::DomainRules::decode(payload).map_err(|error| Malformed::new("rules", error))?;
        let one = |(at, rule): (usize, proto::Standard)| {
            standard::from_message(rule).map_err(|error| error.within(format!("rules[{at}]")))
        };
        Ok(Self {
            mesh_id: digest("mesh_id", &m.mesh_id)?.into(),
            domain: text("domain", &m.domain)?,
            epoch: m.epoch,
            number: m.number,
            author: key("author", &m.author)?,
            rules: m.rules.into_iter().enumerate().map(one).collect::<Result<_, _>>()?,
            reason: m.reason,
        })
    }
    fn mesh_id(&self) -> &MeshId {
        &self.mesh_id
    }
    fn author(&self) -> &PublicKey {
        &self.author
    }
}

/// Rules whose signatures were checked over their exact bytes.
pub type SignedRules = Signed<DomainRules>;

impl SignedRules {
    /// What they say.
    pub fn rules(&self) -> &DomainRules {
        &self.payload
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::event::{EventKind, FeedEvent, FeedId, NO_LEAF};
    use crate::signing::Keypair;
    use mesh_model::{Code, Enforcement, Rule, RuleSeverity, StandardKind, limits};
    use zeroize::Zeroizing;

    const MESH: MeshId = MeshId([7; 32]);

    fn keypair(n: u8) -> Keypair {
        Keypair::from_seed(&Zeroizing::new([n; 32]))
    }

    fn rules() -> DomainRules {
        let rule = Rule {
            id: "declared".parse().unwrap(),
            expression: "update_frequency != null".into(),
            severity: RuleSeverity::High,
            message: "nothing is said".into(),
            remediation: "say it".into(),
        };
        let standard = Standard {
            id: "freshness".parse().unwrap(),
            version: "1.0.0".parse().unwrap(),
            title: "Said how fresh".into(),
            kind: StandardKind::Policy,
            text: "Say it.".into(),
            selector: String::new(),
            rules: vec![rule],
            enforcement: Enforcement::Block,
            effective_from: String::new(),
            grace_days: 0,
            tests: Vec::new(),
            detail: None,
        };
        DomainRules {
            mesh_id: MESH,
            domain: "orders".parse().unwrap(),
            epoch: 2,
            number: 3,
            author: keypair(1).public_key(),
            rules: vec![standard],
            reason: "agreed in the team".into(),
        }
    }

    #[test]
    fn what_was_signed_is_what_is_read() {
        let signed = SignedRules::verify(rules().sign(&[&keypair(1), &keypair(2)]).unwrap(), &MESH).unwrap();
        assert_eq!(*signed.rules(), rules());
        assert_eq!(signed.signers().len(), 2);
    }

    #[test]
    fn rules_of_another_mesh_of_another_author_or_signed_as_something_else_are_refused() {
        let code = |envelope: Envelope| SignedRules::verify(envelope, &MESH).unwrap_err().code();
        assert_eq!(
            code(DomainRules { mesh_id: MeshId([8; 32]), ..rules() }.sign(&[&keypair(1)]).unwrap()),
            Code::WrongMesh
        );
        let foreign = Envelope::sign(envelope::RULES, rules().encode(), &[&keypair(2)]).unwrap();
        assert_eq!(code(foreign), Code::BadSignature);
        let command = Envelope::sign(envelope::COMMAND, rules().encode(), &[&keypair(1)]).unwrap();
        assert_eq!(code(command), Code::Malformed);
        let garbage = Envelope::sign(envelope::RULES, vec![0xff; 40], &[&keypair(1)]).unwrap();
        assert_eq!(code(garbage), Code::Malformed);
    }

    #[test]
    fn their_event_stays_in_the_feed_and_within_its_limit() {
        let event = |envelope: Vec<u8>| FeedEvent {
            mesh_id: MESH,
            feed: FeedId { domain: "orders".parse().unwrap(), epoch: 2 },
            seq: 0,
            previous_leaf: NO_LEAF,
            ledger_size: 4,
            at_unix_ms: 1,
            kind: EventKind::Rules { envelope },
        };
        let small = event(rules().sign(&[&keypair(1)]).unwrap().into_bytes());
        assert_eq!(FeedEvent::decode(&small.encode()).unwrap(), small);
        assert_eq!(FeedEvent::decode_proposed(&small.encode()).unwrap_err().field, "kind");
        let large = event(vec![0; limits::EVENT_BYTES]).encode();
        assert_eq!(FeedEvent::decode(&large).unwrap_err().field, "event");
        assert_eq!(FeedEvent::decode_proposed(&large).unwrap_err().field, "kind");
    }

    #[test]
    fn the_ledger_reads_an_event_as_a_build_that_does_not_know_rules() {
        let event = FeedEvent {
            mesh_id: MESH,
            feed: FeedId { domain: "orders".parse().unwrap(), epoch: 2 },
            seq: 0,
            previous_leaf: NO_LEAF,
            ledger_size: 4,
            at_unix_ms: 1,
            kind: EventKind::Command { outbox: 1, envelope: vec![7; 9] },
        };
        // Rules behind the command, sound or not, and even as a number: a field that is skipped.
        let rules = [&[0x62, 2, 0x0a, 0][..], &[0x62, 1, 0xff], &[0x60, 1]];
        for more in rules {
            let bytes = [event.encode(), more.to_vec()].concat();
            assert_eq!(FeedEvent::decode_proposed(&bytes).unwrap(), event, "{more:?}");
            assert_ne!(FeedEvent::decode(&bytes).ok(), Some(event.clone()), "{more:?}");
        }
    }
}
