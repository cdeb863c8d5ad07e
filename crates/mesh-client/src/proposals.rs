//! Council matters: what is proposed, who is for it, what was said.

use mesh_event::command::CommandError;
use mesh_event::{Envelope, SignedCommand};
use mesh_model::{Digest, LedgerIndex, PublicKey, UnixMs};
use mesh_proto::status::MeshError;
use mesh_proto::v1;
use serde::Serialize;

use crate::acknowledgement::Freshness;
use crate::catalog::Listing;
use crate::client::Client;
use crate::convert::{digest, key, missing, odd};
use crate::retry::{Failed, Repeat};

/// A proposal as the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProposalView {
    /// The leaf that opened it: its name.
    pub index: LedgerIndex,
    /// What an approval names.
    pub digest: Digest,
    /// Such as `EnactStandard`.
    pub kind: String,
    /// Such as `pii-handling@1.0.0`.
    pub subject: String,
    /// What it means, in its author's words.
    pub summary: String,
    /// Who opened it.
    pub author: PublicKey,
    /// The council's version that decides.
    pub council_version: u64,
    /// When it was opened.
    pub opened_unix_ms: UnixMs,
    /// Before this it takes no effect.
    pub review_until_unix_ms: UnixMs,
    /// After this it takes no effect.
    pub closes_unix_ms: UnixMs,
    /// Who is for it.
    pub approvals: Vec<Vote>,
    /// Who is against it.
    pub rejections: Vec<Vote>,
    /// How many comments it has.
    pub comments: u32,
    /// `open`, `enacted`, `rejected`, `withdrawn` or `lapsed`.
    pub status: String,
    /// The same in words.
    pub status_text: String,
    /// What is still missing.
    pub missing: Vec<String>,
}

/// A key that was for or against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Vote {
    /// Whose.
    pub key: PublicKey,
    /// The leaf that said so.
    pub ledger_index: LedgerIndex,
}

/// Something that was said about a proposal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Remark {
    /// Whose.
    pub key: PublicKey,
    /// The leaf that carries it.
    pub ledger_index: LedgerIndex,
    /// When.
    pub at_unix_ms: UnixMs,
    /// What.
    pub text: String,
}

/// A proposal with what was said about it, and its exact signed bytes.
#[derive(Debug, Clone)]
pub struct ProposalPage {
    /// Where it stands.
    pub proposal: ProposalView,
    /// What was said.
    pub remarks: Vec<Remark>,
    /// The envelope that opened it.
    pub envelope: Envelope,
    /// How old the answer may be.
    pub freshness: Freshness,
}

impl ProposalPage {
    /// What is proposed, from the signed bytes and from nobody's words for them.
    ///
    /// # Errors
    /// When the signatures do not hold, or the bytes are not those of the proposal.
    pub fn command(&self, mesh: &mesh_model::MeshId) -> Result<SignedCommand, MeshError> {
        if Digest::of(self.envelope.payload()) != self.proposal.digest {
            return Err(odd("proposal.envelope", "its bytes have another digest"));
        }
        let wrong = |error: CommandError| MeshError::new(error.code(), error.to_string());
        SignedCommand::verify(self.envelope.clone(), mesh).map_err(wrong)
    }
}

impl Client {
    /// Proposals, the newest first: the open ones or all, or those that wait for a key's signature.
    ///
    /// # Errors
    /// The transport's.
    pub async fn proposals(
        &self,
        all: bool,
        waiting_for: Option<PublicKey>,
    ) -> Result<Listing<ProposalView>, MeshError> {
        let waiting_for = waiting_for.map_or_else(Vec::new, |key| key.0.to_vec());
        let message = v1::ListProposalsRequest { all, waiting_for };
        let answer = self
            .call(Repeat::Read, async |attempt| {
                let answer = attempt.governance().list_proposals(attempt.request(message.clone())).await;
                answer.map_err(|status| Failed::of(status, &attempt.url))
            })
            .await?
            .into_inner();
        let items = answer.proposals.into_iter().map(view).collect::<Result<_, _>>()?;
        Ok(Listing { items, cut: false, freshness: Freshness::of(answer.freshness) })
    }

    /// One proposal.
    ///
    /// # Errors
    /// [`mesh_model::Code::UnknownProposal`], or the transport's.
    pub async fn proposal(&self, index: LedgerIndex) -> Result<ProposalPage, MeshError> {
        let answer = self
            .call(Repeat::Read, async |attempt| {
                let message = v1::GetProposalRequest { index };
                let answer = attempt.governance().get_proposal(attempt.request(message)).await;
                answer.map_err(|status| Failed::of(status, &attempt.url))
            })
            .await?
            .into_inner();
        let remarks = answer.remarks.into_iter().map(|remark| {
            Ok(Remark {
                key: key("remarks.key", &remark.key)?,
                ledger_index: remark.ledger_index,
                at_unix_ms: remark.at_unix_ms,
                text: remark.text,
            })
        });
        Ok(ProposalPage {
            proposal: view(answer.proposal.ok_or_else(|| missing("proposal"))?)?,
            remarks: remarks.collect::<Result<_, MeshError>>()?,
            envelope: Envelope::parse(answer.envelope).map_err(|error| odd("envelope", error))?,
            freshness: Freshness::of(answer.freshness),
        })
    }
}

fn view(m: v1::ProposalView) -> Result<ProposalView, MeshError> {
    let votes = |votes: Vec<v1::ProposalVote>| {
        let vote = |vote: v1::ProposalVote| {
            Ok::<_, MeshError>(Vote { key: key("votes.key", &vote.key)?, ledger_index: vote.ledger_index })
        };
        votes.into_iter().map(vote).collect::<Result<Vec<_>, _>>()
    };
    Ok(ProposalView {
        index: m.index,
        digest: digest("proposal.digest", &m.digest)?,
        kind: m.kind,
        subject: m.subject,
        summary: m.summary,
        author: key("proposal.author", &m.author)?,
        council_version: m.council_version,
        opened_unix_ms: m.opened_unix_ms,
        review_until_unix_ms: m.review_until_unix_ms,
        closes_unix_ms: m.closes_unix_ms,
        approvals: votes(m.approvals)?,
        rejections: votes(m.rejections)?,
        comments: m.comments,
        status: m.status,
        status_text: m.status_text,
        missing: m.missing,
    })
}
