//! What a council matter takes the place of, and what differs: for those who sign.
//!
//! The matter before is told in the form of the matter itself: the enactment, amendment or replacement that would bring back what is
//! in force. So both are told by the same words, and the difference is one of lines.

use std::fmt::Write as _;

use mesh_client::{Client, DomainView};
use mesh_event::proposal::{AmendCouncil, EnactStandard, ProposalBody, ReplaceDomainRoot};
use mesh_model::{Digest, UnixMs};
use similar::TextDiff;

use crate::command_text::{describe_standard, describe_terms, named};
use crate::failure::Failure;

/// Lines around a change that are shown with it.
const CONTEXT: usize = 3;

/// What is in force in the place of which a matter would come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Replaced(ProposalBody);

impl Replaced {
    /// Takes a matter of the kind that replaces something: a standard, the council or a domain's root.
    pub(crate) fn of(body: ProposalBody) -> Option<Self> {
        told(&body).is_some().then_some(Self(body))
    }

    /// What the mesh has in force in the place of which this would come; `None` where there is nothing, or it is over.
    ///
    /// # Errors
    /// The client's.
    pub(crate) async fn in_force(
        client: &Client,
        body: &ProposalBody,
        council_version: u64,
    ) -> Result<Option<Self>, Failure> {
        Ok(match body {
            ProposalBody::EnactStandard(EnactStandard { standard, supersedes: Some(version) }) => {
                let known = client.standards(true, Some(&standard.id)).await?.items;
                let before = known.into_iter().find(|view| view.standard.version == *version);
                before
                    .map(|view| EnactStandard { standard: view.standard, supersedes: None })
                    .map(|before| Self(ProposalBody::EnactStandard(before)))
            }
            ProposalBody::AmendCouncil(_) => {
                let view = client.council().await?;
                let before = AmendCouncil {
                    council: view.council,
                    min_review_ms: view.min_review_ms,
                    recovery_keys: view.recovery_keys,
                };
                (view.version == council_version).then_some(Self(ProposalBody::AmendCouncil(before)))
            }
            ProposalBody::ReplaceDomainRoot(body) => Some(Self::root(&client.domain(&body.domain, None).await?)),
            _ => None,
        })
    }

    /// A domain's root as it is.
    pub(crate) fn root(domain: &DomainView) -> Self {
        Self(ProposalBody::ReplaceDomainRoot(ReplaceDomainRoot {
            domain: domain.name.clone(),
            root_keys: domain.root_keys.clone(),
            root_threshold: domain.root_threshold,
            reason: String::new(),
        }))
    }

    /// The bytes that travel.
    pub(crate) fn encode(&self) -> Vec<u8> {
        self.0.encode()
    }

    /// Whether a matter would come in its place.
    pub(crate) fn is_before(&self, body: &ProposalBody) -> bool {
        match (&self.0, body) {
            (ProposalBody::EnactStandard(before), ProposalBody::EnactStandard(after)) => {
                before.standard.id == after.standard.id && Some(before.standard.version) == after.supersedes
            }
            (ProposalBody::AmendCouncil(_), ProposalBody::AmendCouncil(_)) => true,
            (ProposalBody::ReplaceDomainRoot(before), ProposalBody::ReplaceDomainRoot(after)) => {
                before.domain == after.domain
            }
            _ => false,
        }
    }

    /// What it is called, where its digest can be looked up, and that digest.
    pub(crate) fn source(&self) -> (String, String, Digest) {
        match &self.0 {
            ProposalBody::EnactStandard(EnactStandard { standard, .. }) => {
                let id = format!("{}@{}", standard.id, standard.version);
                let place = format!("mesh standard show {id}");
                (id, place, mesh_event::standard_digest(standard))
            }
            ProposalBody::ReplaceDomainRoot(body) => {
                let name = format!("the root of {}", body.domain);
                (name, format!("mesh domain show {}", body.domain), Digest::of(&self.encode()))
            }
            _ => ("the council".to_owned(), "mesh council show".to_owned(), Digest::of(&self.encode())),
        }
    }

    /// What differs, as unified lines; empty when nothing that is shown does.
    pub(crate) fn changes(&self, body: &ProposalBody) -> String {
        let (before, after) = (told(&self.0).unwrap_or_default(), told(body).unwrap_or_default());
        let diff = TextDiff::from_lines(&before, &after);
        diff.unified_diff().context_radius(CONTEXT).header("in force", "proposed").to_string()
    }
}

/// The parts of a matter that can differ from what it replaces, a line each; `None` for matters that replace nothing.
fn told(body: &ProposalBody) -> Option<String> {
    let mut text = String::new();
    let mut line = |label: &str, value: &str| {
        writeln!(text, "{label:<16}{value}").expect("writing to a string");
    };
    match body {
        ProposalBody::EnactStandard(body) => describe_standard(&body.standard, &mut line),
        ProposalBody::AmendCouncil(body) => describe_terms(body, &mut line),
        ProposalBody::ReplaceDomainRoot(body) => {
            line("must sign", &body.root_threshold.to_string());
            for key in &body.root_keys {
                line("root key", &named(key));
            }
        }
        _ => return None,
    }
    Some(text)
}

/// The digest by which people compare the council in force with the one that a file says is.
pub(crate) fn council_digest(
    council: &mesh_event::Council,
    min_review_ms: UnixMs,
    recovery_keys: &[mesh_model::PublicKey],
) -> Digest {
    let recovery_keys = recovery_keys.to_vec();
    Digest::of(
        &ProposalBody::AmendCouncil(AmendCouncil { council: council.clone(), min_review_ms, recovery_keys }).encode(),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use mesh_event::{Council, Keypair, Seat, Signer as _};
    use zeroize::Zeroizing;

    fn amendment(threshold: u32, seats: &[(&str, u8)]) -> ProposalBody {
        let key = |n| Keypair::from_seed(&Zeroizing::new([n; 32])).public_key();
        let seat = |(name, n): &(&str, u8)| Seat { name: (*name).to_owned(), key: key(*n), domain: None };
        let council = Council { threshold, seats: seats.iter().map(seat).collect() };
        ProposalBody::AmendCouncil(AmendCouncil { council, min_review_ms: 0, recovery_keys: Vec::new() })
    }

    #[test]
    fn changes_name_what_goes_and_what_comes_and_nothing_else() {
        let before = Replaced::of(amendment(2, &[("a", 1), ("b", 2), ("c", 3)])).unwrap();
        let after = amendment(2, &[("a", 1), ("d", 4), ("c", 3)]);
        assert!(before.is_before(&after));
        let changes = before.changes(&after);
        let of = |sign| changes.lines().skip(2).filter(|line| line.starts_with(sign)).collect::<Vec<_>>();
        let (gone, come) = (of('-'), of('+'));
        assert!(matches!(gone.as_slice(), [line] if line.contains("b: ")), "{changes}");
        assert!(matches!(come.as_slice(), [line] if line.contains("d: ")), "{changes}");
        assert_eq!(before.changes(&amendment(2, &[("a", 1), ("b", 2), ("c", 3)])), "");
    }

    #[test]
    fn the_digest_is_the_one_that_is_shown_of_the_council_in_force() {
        let ProposalBody::AmendCouncil(body) = amendment(1, &[("a", 1)]) else { unreachable!() };
        let digest = council_digest(&body.council, body.min_review_ms, &body.recovery_keys);
        assert_eq!(Replaced::of(ProposalBody::AmendCouncil(body)).unwrap().source().2, digest);
        assert_ne!(Replaced::of(amendment(1, &[("a", 2)])).unwrap().source().2, digest);
    }

    #[test]
    fn what_replaces_nothing_has_nothing_before_it() {
        let body = ProposalBody::SetProtocol(mesh_event::proposal::SetProtocol { protocol_version: 2 });
        assert_eq!(Replaced::of(body.clone()), None);
        assert!(!Replaced::of(amendment(1, &[("a", 1)])).unwrap().is_before(&body));
    }
}
