//! Tokens for granted access: who issues them, drawing one, asking whether one counts.

use mesh_access::{AccessRule, Issuer, RevokedToken, Scope};
use mesh_event::{Signer, TokenRequest};
use mesh_model::{DomainName, FactId, MeshId, Name, ProductId, PublicKey, TokenId, UnixMs};
use mesh_proto::status::MeshError;
use mesh_proto::v1;
use serde::{Deserialize, Serialize};

use crate::access::{fact_id, scope};
use crate::acknowledgement::Freshness;
use crate::client::Client;
use crate::command::now_unix_ms;
use crate::convert::{key, odd, parse};
use crate::retry::{Failed, Repeat};

/// A key that issues tokens for a domain, or did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenIssuer {
    /// Whether its tokens count: nobody ended it, and the root in force named it.
    pub counts: bool,
    /// What the feed says of it.
    #[serde(flatten)]
    pub issuer: Issuer,
}

/// What a domain approves in advance, who issues its tokens, and which count no more. A gateway that checks tokens without a connection keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessTerms {
    /// In which mesh.
    pub mesh_id: MeshId,
    /// Whose.
    pub domain: DomainName,
    /// Approvals in advance that are in force.
    pub rules: Vec<AccessRule>,
    /// Keys that were ever named.
    pub issuers: Vec<TokenIssuer>,
    /// Tokens that were revoked, while their time may not be over.
    pub revoked_tokens: Vec<RevokedToken>,
    /// Requests whose grants count no more, while the time of tokens for them may not be over.
    pub ended_requests: Vec<FactId>,
    /// Whether the owner's home did not answer: then there may be more.
    pub from_copy: bool,
    /// How old it may be.
    pub freshness: Freshness,
    /// The key that would issue tokens at the domain's home, whether or not it may. From a copy nobody knows it.
    pub home_issuer: Option<PublicKey>,
    /// The epoch for which it is the home's.
    pub home_epoch: u64,
    /// Its signature for the domain.
    #[serde(skip)]
    pub home_possession: Option<[u8; 64]>,
    /// When they were fetched, by the clock of whoever did.
    pub fetched_unix_ms: UnixMs,
}

impl AccessTerms {
    /// The keys whose tokens count.
    pub fn counting(&self) -> impl Iterator<Item = &PublicKey> {
        self.issuers.iter().filter(|issuer| issuer.counts).map(|issuer| &issuer.issuer.key)
    }
}

/// What a token is drawn for.
#[derive(Debug, Clone)]
pub struct TokenWanted {
    /// The product.
    pub product: ProductId,
    /// Which major.
    pub major: u32,
    /// The domain that reads: the signer's.
    pub consumer: DomainName,
    /// A part of what was granted; all of it when empty.
    pub scope: Scope,
    /// For how long.
    pub seconds: u32,
}

/// A token, and what it is good for.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct TokenDrawn {
    /// What a gateway is shown. Whoever has it can read.
    pub token: String,
    /// The request that was granted.
    pub request: FactId,
    /// The first moment at which it does not count any more.
    pub until_unix_ms: UnixMs,
    /// What it covers.
    pub scope: Scope,
}

impl std::fmt::Debug for TokenDrawn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { request, until_unix_ms, scope, .. } = self;
        write!(f, "TokenDrawn({request}, {scope}, until {until_unix_ms})")
    }
}

/// What a token is shown for.
#[derive(Debug, Clone)]
pub struct TokenTarget {
    /// The product.
    pub product: ProductId,
    /// Which major.
    pub major: u32,
    /// The port.
    pub port: Name,
    /// One of its fields; the whole port without.
    pub field: Option<String>,
}

/// Whether a token counts for something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TokenCheck {
    /// It does.
    pub allowed: bool,
    /// One sentence.
    pub why: String,
    /// Who was granted it.
    pub consumer: DomainName,
    /// The request that was granted.
    pub request: FactId,
    /// Whether the owner's home did not answer: then it may have been revoked since.
    pub from_copy: bool,
    /// How old the answer may be.
    pub freshness: Freshness,
}

impl Client {
    /// What a domain approves in advance, who issues its tokens, and which count no more.
    ///
    /// # Errors
    /// [`mesh_model::Code::UnknownDomain`], [`mesh_model::Code::HomeUnreachable`], or the transport's.
    pub async fn access_terms(&self, domain: &DomainName) -> Result<AccessTerms, MeshError> {
        let message = v1::GetAccessTermsRequest { domain: domain.to_string() };
        let answer = self
            .call(Repeat::Read, async |attempt| {
                let answer = attempt.access().get_access_terms(attempt.request(message.clone())).await;
                answer.map_err(|status| Failed::of(status, &attempt.url))
            })
            .await?
            .into_inner();
        let home_issuer = match answer.home_issuer.as_slice() {
            [] => None,
            issuer => Some(key("home_issuer", issuer)?),
        };
        Ok(AccessTerms {
            mesh_id: self.mesh().await?.id,
            domain: parse("domain", &answer.domain)?,
            rules: answer.rules.into_iter().map(rule).collect::<Result<_, _>>()?,
            issuers: answer.issuers.iter().map(issuer).collect::<Result<_, _>>()?,
            revoked_tokens: answer.revoked_tokens.into_iter().map(revoked).collect::<Result<_, _>>()?,
            ended_requests: (answer.ended_requests.iter())
                .map(|id| fact_id("ended_requests", id))
                .collect::<Result<_, _>>()?,
            from_copy: answer.from_copy,
            freshness: Freshness::of(answer.freshness),
            home_issuer,
            home_epoch: answer.home_epoch,
            home_possession: answer.home_possession.try_into().ok(),
            fetched_unix_ms: now_unix_ms(),
        })
    }

    /// Draws a token for what was granted, from the owner's home. Every call is another token.
    ///
    /// # Errors
    /// [`mesh_model::Code::NotGranted`], [`mesh_model::Code::NoIssuer`], [`mesh_model::Code::ReadDenied`],
    /// [`mesh_model::Code::HomeUnreachable`], or the transport's.
    pub async fn draw_token(&self, wanted: &TokenWanted, signer: &dyn Signer) -> Result<TokenDrawn, MeshError> {
        let TokenWanted { product, major, consumer, scope: wanted, seconds } = wanted.clone();
        let request = TokenRequest {
            mesh_id: self.mesh().await?.id,
            product,
            major,
            consumer,
            scope: wanted.0,
            seconds,
            author: signer.public_key(),
            at_unix_ms: now_unix_ms(),
        };
        let envelope = request.sign(signer).map_err(|error| MeshError::new(error.code(), error.to_string()))?;
        let message = v1::IssueTokenRequest { envelope: envelope.into_bytes() };
        let answer = self
            .call(Repeat::Read, async |attempt| {
                let answer = attempt.access().issue_token(attempt.request(message.clone())).await;
                answer.map_err(|status| Failed::of(status, &attempt.url))
            })
            .await?
            .into_inner();
        Ok(TokenDrawn {
            token: answer.token,
            request: fact_id("request_id", &answer.request_id)?,
            until_unix_ms: answer.until_unix_ms,
            scope: scope("ports", answer.ports)?,
        })
    }

    /// Whether a token lets its holder read something now, by the owner's home.
    ///
    /// # Errors
    /// [`mesh_model::Code::TokenInvalid`], [`mesh_model::Code::HomeUnreachable`], or the transport's.
    pub async fn authorize_token(&self, token: &str, target: &TokenTarget) -> Result<TokenCheck, MeshError> {
        let message = v1::AuthorizeTokenRequest {
            token: token.to_owned(),
            product: target.product.to_string(),
            major: target.major,
            port: target.port.to_string(),
            field: target.field.clone().unwrap_or_default(),
        };
        let answer = self
            .call(Repeat::Read, async |attempt| {
                let answer = attempt.access().authorize_token(attempt.request(message.clone())).await;
                answer.map_err(|status| Failed::of(status, &attempt.url))
            })
            .await?
            .into_inner();
        Ok(TokenCheck {
            allowed: answer.allowed,
            why: answer.why,
            consumer: parse("consumer", &answer.consumer)?,
            request: fact_id("request_id", &answer.request_id)?,
            from_copy: answer.from_copy,
            freshness: Freshness::of(answer.freshness),
        })
    }
}

fn rule(m: v1::AccessRuleItem) -> Result<AccessRule, MeshError> {
    Ok(AccessRule {
        id: fact_id("rules.rule_id", &m.rule_id)?,
        product: parse("rules.product", &m.product)?,
        major: m.major,
        consumers: m.consumers.iter().map(|name| parse("rules.consumers", name)).collect::<Result<_, _>>()?,
        scope: scope("rules.ports", m.ports)?,
        days: m.days,
        by: key("rules.stated_by", &m.stated_by)?,
        at_unix_ms: m.stated_unix_ms,
    })
}

fn revoked(m: v1::RevokedTokenItem) -> Result<RevokedToken, MeshError> {
    Ok(RevokedToken {
        token: TokenId::new(m.token).ok_or_else(|| odd("revoked_tokens.token", "no token id"))?,
        request: fact_id("revoked_tokens.request_id", &m.request_id)?,
        by: key("revoked_tokens.revoked_by", &m.revoked_by)?,
        at_unix_ms: m.revoked_unix_ms,
    })
}

fn issuer(m: &v1::AccessIssuerItem) -> Result<TokenIssuer, MeshError> {
    let ended = match m.ended_unix_ms {
        Some(at) => Some((key("issuers.ended_by", &m.ended_by)?, at)),
        None => None,
    };
    let signers = m.granted_by.iter().map(|by| key("issuers.granted_by", by)).collect::<Result<_, _>>()?;
    let epoch = Some(m.epoch).filter(|epoch| *epoch != 0);
    let issuer = Issuer { key: key("issuers.key", &m.key)?, epoch, signers, at_unix_ms: m.granted_unix_ms, ended };
    Ok(TokenIssuer { counts: m.counts, issuer })
}
