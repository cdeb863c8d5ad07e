//! What a domain approves in advance, who issues its tokens, and which count no more.

use std::sync::Arc;

use mesh_access::{AccessRule, Book, Issuer};
use mesh_event::{Signer as _, access_issuer};
use mesh_governance::read;
use mesh_model::{DomainName, FactId, NodeId, PublicKey, TokenId, UnixMs};
use mesh_proto::status::MeshError;
use mesh_proto::v1::GetAccessTermsResponse;

use super::books::Reach;
use super::desk::{ASKING, AccessDesk, AtHome, is_from_copy};
use crate::core::Core;
use crate::services::access as wire;

/// How long what ended is listed: the longest time of a token, and an hour for clocks that differ.
#[expect(clippy::cast_possible_truncation, reason = "a day in milliseconds")]
const LISTED_MS: u64 = mesh_token::LONGEST.as_millis() as u64 + 60 * 60 * 1_000;

/// What is said of a domain's access at some moment.
#[derive(Debug, Clone)]
pub struct Terms {
    /// Approvals in advance that are in force.
    pub rules: Vec<AccessRule>,
    /// All keys that were ever named as issuers, and whether their tokens count now.
    pub issuers: Vec<(Issuer, bool)>,
    /// Revocation ids of tokens that were revoked, while their time may not be over.
    pub revoked_tokens: Vec<TokenId>,
    /// Requests whose grants somebody ended, while tokens for them may not be over.
    pub ended_requests: Vec<FactId>,
    /// The home's own issuer, and its signature for the domain.
    pub home_issuer: Option<(PublicKey, [u8; 64])>,
    /// Whether the owner's home did not answer.
    pub from_copy: bool,
}

impl Terms {
    fn of(book: &Book, root: &Root, now: UnixMs) -> Self {
        let since = now.saturating_sub(LISTED_MS);
        Self {
            rules: book.rules().cloned().collect(),
            issuers: book.issuers().map(|issuer| (issuer.clone(), root.names(issuer))).collect(),
            revoked_tokens: book.revoked_since(since).map(|token| token.token.clone()).collect(),
            ended_requests: book.ended_since(since).map(|record| record.request).collect(),
            home_issuer: None,
            from_copy: false,
        }
    }
}

/// The root keys of a domain that are in force.
pub(super) struct Root {
    keys: Vec<PublicKey>,
    threshold: u32,
}

impl Root {
    pub(super) fn of(core: &Core, domain: &DomainName, now: UnixMs) -> Result<Self, MeshError> {
        let root = read::root_in_force(&core.state, domain, now).map_err(|e| core.state_error(&e))?;
        let (keys, threshold) = root.unwrap_or_default();
        Ok(Self { keys, threshold })
    }

    /// Whether it named an issuer, and nobody ended it since.
    pub(super) fn names(&self, issuer: &Issuer) -> bool {
        issuer.counts(&self.keys, self.threshold)
    }

    /// The keys whose tokens count.
    pub(super) fn issuers(&self, book: &Book) -> Vec<PublicKey> {
        book.issuers().filter(|issuer| self.names(issuer)).map(|issuer| issuer.key).collect()
    }
}

impl AccessDesk {
    /// What is said of a domain's access, by its home or, while that is away, by a copy of its feed.
    ///
    /// # Errors
    /// [`mesh_model::Code::UnknownDomain`]; [`mesh_model::Code::HomeUnreachable`] where too little is known here, too.
    pub async fn terms(&self, domain: &DomainName) -> Result<GetAccessTermsResponse, MeshError> {
        let core = &self.core;
        let asks = async |home: NodeId| core.forward.access_terms(home, domain, ASKING).await;
        let unreached = match self.at_home(domain, asks).await? {
            AtHome::Says(answer) => return Ok(answer),
            AtHome::LookHere(unreached) => unreached,
        };
        let (here, of, now) = (Arc::clone(core), domain.clone(), self.now());
        let (mut terms, reach) = core
            .offload(move || {
                let root = Root::of(&here, &of, now)?;
                here.books.read(&here, &of, |book, reach| (Terms::of(book, &root, now), reach))
            })
            .await?;
        terms.from_copy = is_from_copy(reach, domain, unreached)?;
        if reach == Reach::Home {
            let issuer = access_issuer::issuer_keypair(&core.keypair, &core.mesh_id);
            let possession = access_issuer::prove(&issuer, &core.mesh_id, domain);
            terms.home_issuer = Some((issuer.public_key(), possession));
        }
        Ok(wire::terms(core, domain, terms))
    }
}
