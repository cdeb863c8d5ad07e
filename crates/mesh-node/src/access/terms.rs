//! What a domain approves in advance, who issues its tokens, and which count no more.

use std::sync::Arc;

use mesh_access::{AccessRule, Book, Issuer, RevokedToken, Status, TOKEN_MEMORY_MS};
use mesh_event::{Keypair, Signer as _, access_issuer};
use mesh_governance::{grants_count, read};
use mesh_model::{DomainName, FactId, NodeId, PublicKey, UnixMs};
use mesh_proto::status::MeshError;
use mesh_proto::v1::GetAccessTermsResponse;

use super::desk::AccessDesk;
use crate::core::Core;
use crate::facts::{ASKING, AtHome, Reach, is_from_copy};
use crate::services::access as wire;

/// What is said of a domain's access at some moment.
#[derive(Debug, Clone)]
pub struct Terms {
    /// Approvals in advance that are in force.
    pub rules: Vec<AccessRule>,
    /// All keys that were ever named as issuers, and whether their tokens count now.
    pub issuers: Vec<(Issuer, bool)>,
    /// Tokens that were revoked, while their time may not be over.
    pub revoked_tokens: Vec<RevokedToken>,
    /// Requests whose grants count no more, while tokens for them may not be over.
    pub ended_requests: Vec<FactId>,
    /// The home's own issuer.
    pub home_issuer: Option<HomeIssuer>,
    /// Whether the owner's home did not answer.
    pub from_copy: bool,
}

/// The key that issues at a domain's home, whether or not it may.
#[derive(Debug, Clone, Copy)]
pub struct HomeIssuer {
    /// The key.
    pub key: PublicKey,
    /// The epoch for which it is the home's.
    pub epoch: u64,
    /// Its signature for the domain.
    pub possession: [u8; 64],
}

impl Terms {
    fn of(core: &Core, book: &Book, owner: &Owner, now: UnixMs) -> Result<Self, MeshError> {
        let since = now.saturating_sub(TOKEN_MEMORY_MS);
        let mut ended_requests: Vec<FactId> = book.ended_since(since).map(|record| record.request).collect();
        // What became of a domain or of a major ends no grant, and none counts.
        for ((product, major, consumer), grants) in book.granted() {
            let counts = grants_count(&core.state, product, *major, consumer).map_err(|e| core.state_error(&e))?;
            if counts.is_err() {
                let stands = |id: &&FactId| book.request(id).is_some_and(|grant| grant.status(now) == Status::Granted);
                ended_requests.extend(grants.iter().filter(stands));
            }
        }
        Ok(Self {
            rules: book.rules().cloned().collect(),
            issuers: book.issuers().map(|issuer| (issuer.clone(), owner.names(issuer))).collect(),
            revoked_tokens: book.revoked_since(since).cloned().collect(),
            ended_requests,
            home_issuer: None,
            from_copy: false,
        })
    }
}

/// Who speaks for a domain now, and since which epoch its home is where it is.
pub(super) struct Owner {
    root: Vec<PublicKey>,
    threshold: u32,
    epoch: u64,
}

impl Owner {
    pub(super) fn of(core: &Core, domain: &DomainName, now: UnixMs) -> Result<Self, MeshError> {
        let fail = |e| core.state_error(&e);
        let record = read::domain(&core.state, domain).map_err(fail)?;
        // Nobody speaks for a domain that is suspended or removed.
        let active = record.filter(|record| record.status == mesh_governance::DomainStatus::Active);
        let root = read::root_in_force(&core.state, domain, now).map_err(fail)?.filter(|_| active.is_some());
        let (root, threshold) = root.unwrap_or_default();
        let epoch = active.and_then(|record| record.delegation).map_or(0, |delegation| delegation.epoch);
        Ok(Self { root, threshold, epoch })
    }

    /// Whether it named an issuer, and nobody ended it since.
    pub(super) fn names(&self, issuer: &Issuer) -> bool {
        issuer.counts(&self.root, self.threshold, self.epoch)
    }

    /// The keys whose tokens count.
    pub(super) fn issuers(&self, book: &Book) -> Vec<PublicKey> {
        book.issuers().filter(|issuer| self.names(issuer)).map(|issuer| issuer.key).collect()
    }

    /// The key that this node issues with while it is the home.
    pub(super) fn home_issuer(&self, core: &Core, domain: &DomainName) -> Keypair {
        access_issuer::issuer_keypair(&core.keypair, &core.mesh_id, domain, self.epoch)
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
        let unreached = match self.facts.at_home(domain, asks).await? {
            AtHome::Says(answer) => return Ok(answer),
            AtHome::LookHere(unreached) => unreached,
        };
        let (here, of, now) = (Arc::clone(core), domain.clone(), self.facts.now());
        let (mut terms, owner, reach) = core
            .offload(move || {
                let owner = Owner::of(&here, &of, now)?;
                let (terms, reach) =
                    here.books.read(&here, &of, |book, reach| (Terms::of(&here, &book.access, &owner, now), reach))?;
                Ok((terms?, owner, reach))
            })
            .await?;
        terms.from_copy = is_from_copy(reach, domain, unreached)?;
        if reach == Reach::Home && owner.epoch != 0 {
            let issuer = owner.home_issuer(core, domain);
            let possession = access_issuer::prove(&issuer, &core.mesh_id, domain, Some(owner.epoch));
            terms.home_issuer = Some(HomeIssuer { key: issuer.public_key(), epoch: owner.epoch, possession });
        }
        Ok(wire::terms(core, domain, &terms))
    }
}
