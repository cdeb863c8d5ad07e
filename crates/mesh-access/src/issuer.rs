//! Who issues tokens for what a domain granted, and which tokens count no more.

use std::collections::BTreeSet;

use mesh_event::fact::{GrantIssuer, RevokeToken};
use mesh_event::{Fact, access_issuer};
use mesh_model::{FactId, PublicKey, TokenId, UnixMs};
use serde::{Deserialize, Serialize};

use crate::record::Refused;

/// A key that a domain's root named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issuer {
    /// The key.
    pub key: PublicKey,
    /// The epoch of the domain's feed for which it is one; a key of the domain's own is bound to none.
    pub epoch: Option<u64>,
    /// Who signed that it is one.
    pub signers: BTreeSet<PublicKey>,
    /// When, by the home's clock.
    pub at_unix_ms: UnixMs,
    /// Since when it is one no more, and by whom. That never changes again.
    pub ended: Option<(PublicKey, UnixMs)>,
}

impl Issuer {
    pub(crate) fn begin(
        fact: &Fact,
        body: &GrantIssuer,
        signers: &BTreeSet<PublicKey>,
        at: UnixMs,
    ) -> Result<Self, Refused> {
        if !access_issuer::is_proven(&body.key, &fact.mesh_id, &fact.domain, body.epoch, &body.possession) {
            return Err(Refused::NotProven(body.key.fingerprint()));
        }
        Ok(Self { key: body.key, epoch: body.epoch, signers: signers.clone(), at_unix_ms: at, ended: None })
    }

    /// A key that nobody named.
    pub(crate) fn unnamed(key: PublicKey, at: UnixMs) -> Self {
        Self { key, epoch: None, signers: BTreeSet::new(), at_unix_ms: at, ended: None }
    }

    /// Whether its tokens count while these are the domain's root keys, of which so many have to sign, and this is the epoch of its feed. Who a
    /// former root named, the next one has to name again: a root may have been replaced because it was stolen.
    pub fn counts(&self, root: &[PublicKey], threshold: u32, epoch: u64) -> bool {
        if self.epoch.is_some_and(|bound| bound != epoch) {
            return false;
        }
        let signed = root.iter().collect::<BTreeSet<_>>().into_iter().filter(|key| self.signers.contains(*key)).count();
        self.ended.is_none() && threshold > 0 && signed >= threshold as usize
    }
}

/// A token that counts no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokedToken {
    /// Its revocation id.
    pub token: TokenId,
    /// The request whose grant it was issued for.
    pub request: FactId,
    /// Who stated it.
    pub by: PublicKey,
    /// When, by the home's clock.
    pub at_unix_ms: UnixMs,
}

impl RevokedToken {
    pub(crate) fn begin(fact: &Fact, body: &RevokeToken, at: UnixMs) -> Self {
        Self { token: body.token.clone(), request: body.request, by: fact.author, at_unix_ms: at }
    }
}
