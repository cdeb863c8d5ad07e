//! A domain's own rules: local governance, kept in the domain's feed.

use mesh_event::{Envelope, EventKind, FeedEvent, SignedRules};
use mesh_model::{Code, Digest, DomainName, LedgerIndex, NodeId, PublicKey, Standard, UnixMs};
use mesh_proto::status::MeshError;
use mesh_proto::v1;
use serde::Serialize;

use crate::acknowledgement::Freshness;
use crate::client::Client;
use crate::convert::{odd, parse};
use crate::retry::{Failed, Repeat};

/// A domain's own rules in force, with the signatures on them checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DomainRulesView {
    /// Whose.
    pub domain: DomainName,
    /// The epoch of its feed.
    pub epoch: u64,
    /// The set's number in this epoch; 0 when none was ever set in it. The next one is one more.
    pub number: u64,
    /// All of them; empty for none.
    pub rules: Vec<Standard>,
    /// For each of them since when it holds; from then on run the days of grace of products from before.
    pub since_unix_ms: Vec<UnixMs>,
    /// The event that set them; `None` when none did.
    pub set: Option<RulesEvent>,
    /// The domain's home, which was asked.
    pub home_node_id: NodeId,
    /// How old the answer may be.
    pub freshness: Freshness,
}

/// The event that set a domain's own rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RulesEvent {
    /// Its number in the feed, from 0.
    pub seq: u64,
    /// How many leaves of the ledger the home had applied: its signers' rights are those of then.
    pub ledger_size: LedgerIndex,
    /// When, by the home's clock.
    pub at_unix_ms: UnixMs,
    /// The first signer.
    pub author: PublicKey,
    /// All signers.
    pub signers: Vec<PublicKey>,
    /// SHA-256 of the signed bytes.
    pub digest: Digest,
    /// Why; empty when nothing was said.
    pub reason: String,
}

/// What setting rules answers: they are durable in the feed and in force from there on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RulesSet {
    /// Whose.
    pub domain: DomainName,
    /// The epoch of its feed.
    pub epoch: u64,
    /// The event's number in the feed, from 0.
    pub seq: u64,
    /// The set's number in this epoch.
    pub number: u64,
}

impl Client {
    /// Sets a domain's own rules, all of them at once: signed [`mesh_event::DomainRules`] with the epoch of [`Client::domain`] and one
    /// more than the number of [`Client::domain_rules`]. Sent again when the connection breaks: the home knows the bytes.
    ///
    /// # Errors
    /// [`Code::BadRules`] with every flaw, [`Code::StaleRules`] when others came in between, what keeps the signers from it, the
    /// transport's; [`Code::OutcomeUnknown`] when time ran out on the way.
    pub async fn set_domain_rules(&self, envelope: &Envelope) -> Result<RulesSet, MeshError> {
        let message = v1::SetDomainRulesRequest { envelope: envelope.bytes().to_vec() };
        let answer = self
            .call(Repeat::Publish, async |attempt| {
                let answer = attempt.governance().set_domain_rules(attempt.request(message.clone())).await;
                answer.map_err(|status| Failed::of(status, &attempt.url))
            })
            .await?
            .into_inner();
        let domain = parse("domain", &answer.domain)?;
        Ok(RulesSet { domain, epoch: answer.epoch, seq: answer.seq, number: answer.number })
    }

    /// A domain's own rules in force, from its home; believed only with the signatures that they claim. Whether the signers may set
    /// them was the home's to decide.
    ///
    /// # Errors
    /// [`Code::UnknownDomain`], [`Code::NotDelegated`], [`Code::HomeUnreachable`], [`Code::BadSignature`], or the transport's.
    pub async fn domain_rules(&self, domain: &DomainName) -> Result<DomainRulesView, MeshError> {
        let mesh = self.mesh().await?.id;
        let message = v1::GetDomainRulesRequest { domain: domain.to_string() };
        let answer = self
            .call(Repeat::Read, async |attempt| {
                let answer = attempt.governance().get_domain_rules(attempt.request(message.clone())).await;
                answer.map_err(|status| Failed::of(status, &attempt.url))
            })
            .await?
            .into_inner();
        let mut view = DomainRulesView {
            domain: domain.clone(),
            epoch: answer.epoch,
            number: 0,
            rules: Vec::new(),
            since_unix_ms: answer.since_unix_ms,
            set: None,
            home_node_id: answer.home_node_id,
            freshness: Freshness::of(answer.freshness),
        };
        if answer.event.is_empty() {
            return Ok(view);
        }
        let event = FeedEvent::decode(&answer.event).map_err(|error| odd("event", error))?;
        let EventKind::Rules { envelope } = event.kind else { return Err(odd("event", "it sets no rules")) };
        let refused = |code: Code, error: String| MeshError::new(code, format!("event: {error}"));
        let envelope = Envelope::parse(envelope).map_err(|error| refused(error.code(), error.to_string()))?;
        let signed = SignedRules::verify(envelope, &mesh).map_err(|error| refused(error.code(), error.to_string()))?;
        let rules = signed.rules();
        if rules.domain != *domain || event.feed.domain != *domain {
            return Err(odd("event", format!("it sets the rules of {}; expected those of {domain}", rules.domain)));
        }
        if view.since_unix_ms.len() != rules.rules.len() {
            let (times, rules) = (view.since_unix_ms.len(), rules.rules.len());
            return Err(odd("since_unix_ms", format!("{times} times for {rules} rules")));
        }
        view.number = rules.number;
        view.rules.clone_from(&rules.rules);
        view.set = Some(RulesEvent {
            seq: event.seq,
            ledger_size: event.ledger_size,
            at_unix_ms: event.at_unix_ms,
            author: rules.author,
            signers: signed.signers().iter().copied().collect(),
            digest: signed.digest(),
            reason: rules.reason.clone(),
        });
        Ok(view)
    }
}
