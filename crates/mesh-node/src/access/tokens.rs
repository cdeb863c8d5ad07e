//! Tokens for what was granted: issued by the owner's home, and checked on-line.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mesh_access::{AccessRecord, Book, Scope, Status};
use mesh_event::{Envelope, SignedTokenRequest, Signer as _, TokenRequest};
use mesh_governance::{grants_count, read};
use mesh_model::{Action, Code, DomainName, FactId, MeshId, Name, NodeId, ProductId, UnixMs};
use mesh_proto::status::MeshError;
use mesh_proto::v1::{AuthorizeTokenRequest, AuthorizeTokenResponse, IssueTokenRequest, IssueTokenResponse};
use mesh_token::{Ask, Claims, LONGEST, Token, TokenError, VerifiedToken};
use zeroize::Zeroizing;

use super::desk::AccessDesk;
use super::terms::Owner;
use crate::attachments::READ_WINDOW_MS;
use crate::clock::now_unix_ms;
use crate::facts::{ASKING, AtHome, Reach, from_command, is_from_copy};
use crate::services::access as wire;

/// A token, and what it is good for.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The token.
    pub token: Token,
    /// What its issuer said in it.
    pub claims: Claims,
}

/// Whether a token lets its holder read something.
#[derive(Debug, Clone)]
pub struct Authorized {
    /// It does.
    pub allowed: bool,
    /// One sentence.
    pub why: String,
    /// Who was granted it.
    pub consumer: DomainName,
    /// The request that was granted.
    pub request: FactId,
    /// Whether the owner's home did not answer.
    pub from_copy: bool,
}

/// What a token is to be good for.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The product.
    pub product: ProductId,
    /// Which major.
    pub major: u32,
    /// The port.
    pub port: Name,
    /// One field of it; the whole port without.
    pub field: Option<String>,
}

fn of_token(error: &TokenError) -> MeshError {
    MeshError::new(error.code(), error.to_string())
}

impl AccessDesk {
    /// Issues a token for a grant, here or at the owner's home.
    ///
    /// # Errors
    /// [`Code::ReadDenied`] when the signer has no role at the consumer or signed too long ago; [`Code::NotGranted`], [`Code::NoIssuer`],
    /// [`Code::BadRequest`]; [`Code::HomeUnreachable`]: a copy issues nothing.
    pub async fn issue_token(&self, envelope: Vec<u8>, within: Duration) -> Result<IssueTokenResponse, MeshError> {
        let parsed = Envelope::parse(envelope.clone());
        let parsed = parsed.map_err(|error| MeshError::new(error.code(), error.to_string()))?;
        let signed = SignedTokenRequest::verify(parsed, &self.core.mesh_id).map_err(|e| from_command(&e))?;
        let request = signed.request().clone();
        let core = &self.core;
        let domain = request.product.domain.clone();
        let asks = async |home: NodeId| {
            core.forward.issue_token(home, IssueTokenRequest { envelope: envelope.clone() }, within).await
        };
        match self.facts.at_home(&domain, asks).await? {
            AtHome::Says(answer) => return Ok(answer),
            AtHome::LookHere(Some(unreached)) => return Err(unreached),
            AtHome::LookHere(None) => {}
        }
        self.check_request(&request)?;
        core.command_rate.count(&request.author, Instant::now())?;
        let counts = grants_count(&core.state, &request.product, request.major, &request.consumer);
        let counts = counts.map_err(|e| core.state_error(&e))?;
        counts.map_err(|rejection| MeshError::new(rejection.code, rejection.detail))?;
        let (here, now) = (Arc::clone(core), self.facts.now());
        let issued = core
            .offload(move || {
                let owner = Owner::of(&here, &domain, now)?;
                let issuer = owner.home_issuer(&here, &domain);
                let claims = here.books.read(&here, &domain, |book, reach| {
                    if reach != Reach::Home {
                        let text = format!("this node has not all of the feed of {domain} yet");
                        return Err(MeshError::new(Code::FeedMissing, text));
                    }
                    if !owner.issuers(&book.access).contains(&issuer.public_key()) {
                        let (key, node) = (issuer.public_key().fingerprint(), here.node_id());
                        let text = format!("the root of {domain} did not name {key}, the token issuer of node {node}");
                        return Err(MeshError::new(Code::NoIssuer, text));
                    }
                    claims(&book.access, here.mesh_id, &request, now)
                })??;
                let token = Token::issue(&claims, now, &issuer, &Zeroizing::new(rand::random()));
                let token = token.map_err(|e| of_token(&e))?;
                Ok(Issued { token, claims })
            })
            .await?;
        Ok(wire::issued(&issued))
    }

    /// Whether a request for a token is its author's to make, now.
    fn check_request(&self, request: &TokenRequest) -> Result<(), MeshError> {
        let core = &self.core;
        if now_unix_ms().abs_diff(request.at_unix_ms) > READ_WINDOW_MS {
            let text = "the request was signed more than five minutes away from this node's clock";
            return Err(MeshError::new(Code::ReadDenied, text));
        }
        if !(1..=LONGEST.as_secs()).contains(&request.seconds.into()) {
            let text = format!("a token is good for 1 to {} seconds; found {}", LONGEST.as_secs(), request.seconds);
            return Err(MeshError::new(Code::BadRequest, text));
        }
        let (author, consumer) = (&request.author, &request.consumer);
        let may = read::may(&core.state, author, Action::RequestAccess, consumer, core.ledger_size());
        if may.map_err(|e| core.state_error(&e))? {
            return Ok(());
        }
        let text = format!("the key {} may not ask in the name of {consumer}", author.fingerprint());
        Err(MeshError::new(Code::ReadDenied, text))
    }

    /// Whether a token lets its holder read something now: issued by a key that the owner's root named, for a grant that holds, and
    /// neither revoked nor narrowed away.
    ///
    /// # Errors
    /// [`Code::TokenInvalid`], [`Code::TooLarge`]; [`Code::HomeUnreachable`] where too little is known here, too.
    pub async fn authorize_token(&self, token: &str, wanted: Wanted) -> Result<AuthorizeTokenResponse, MeshError> {
        let core = &self.core;
        // What is no token at all costs its sender's node, and no other.
        let parsed: Token = token.parse().map_err(|e| of_token(&e))?;
        let domain = wanted.product.domain.clone();
        let asks = async |home: NodeId| {
            let request =
                AuthorizeTokenRequest { token: parsed.as_str().to_owned(), ..wire::authorize_request(&wanted) };
            core.forward.authorize_token(home, request, ASKING).await
        };
        let unreached = match self.facts.at_home(&domain, asks).await? {
            AtHome::Says(answer) => return Ok(answer),
            AtHome::LookHere(unreached) => unreached,
        };
        let (here, of, now) = (Arc::clone(core), domain.clone(), self.facts.now());
        let authorized = core
            .offload(move || {
                let owner = Owner::of(&here, &of, now)?;
                let (issuers, reach) =
                    here.books.read(&here, &of, |book, reach| (owner.issuers(&book.access), reach))?;
                // Where too little is known, nobody knows the issuers either: the token may be a good one.
                let from_copy = is_from_copy(reach, &of, unreached)?;
                let verified = parsed.verify(&issuers).map_err(|e| of_token(&e))?;
                let claims = verified.claims();
                let counts = grants_count(&here.state, &wanted.product, wanted.major, &claims.consumer);
                let counts = counts.map_err(|e| here.state_error(&e))?;
                let refused = match counts {
                    Err(rejection) => Some(rejection.detail),
                    Ok(()) => here
                        .books
                        .read(&here, &of, |book, _| refused(&book.access, &verified, &wanted, now))?
                        .or_else(|| narrowed(&verified, &here.mesh_id, &wanted, now)),
                };
                let (consumer, request) = (claims.consumer.clone(), claims.request);
                let allowed = refused.is_none();
                let why = refused.unwrap_or_else(|| format!("the grant {request} covers it"));
                Ok(Authorized { allowed, why, consumer, request, from_copy })
            })
            .await?;
        Ok(wire::authorized(core, &authorized))
    }
}

/// What a token may say: of the latest grant that has what is asked for.
fn claims(book: &Book, mesh_id: MeshId, request: &TokenRequest, now: UnixMs) -> Result<Claims, MeshError> {
    let (product, consumer) = (&request.product, &request.consumer);
    if *consumer == product.domain {
        let text = format!("{consumer} owns {product}: it needs no token of its own");
        return Err(MeshError::new(Code::BadRequest, text));
    }
    let asked = Scope(request.scope.clone());
    let granted = |record: &&AccessRecord| record.major == request.major && record.status(now) == Status::Granted;
    let mut grants =
        book.of(consumer, product).filter(granted).filter_map(|record| Some((record, record.grant.as_ref()?)));
    let covering = grants.find(|(_, grant)| asked.0.is_empty() || grant.scope.contains(&asked));
    let Some((record, grant)) = covering else {
        let what = if asked.0.is_empty() { String::new() } else { format!(" {asked} of") };
        let text = format!("{consumer} was not granted{what} major {} of {product}", request.major);
        return Err(MeshError::new(Code::NotGranted, text));
    };
    Ok(Claims {
        mesh_id,
        product: product.clone(),
        major: request.major,
        consumer: consumer.clone(),
        request: record.request,
        scope: if asked.0.is_empty() { grant.scope.clone() } else { asked },
        until_unix_ms: grant.until_unix_ms.min(now.saturating_add(u64::from(request.seconds) * 1_000)),
    })
}

/// Why what a token rests on does not count any more.
fn refused(book: &Book, token: &VerifiedToken, wanted: &Wanted, now: UnixMs) -> Option<String> {
    if token.ids().iter().any(|id| book.is_revoked(&token.claims().request, id)) {
        return Some("the token was revoked".to_owned());
    }
    let claims = token.claims();
    // An issuer is trusted to sign for grants that there are, and for no others.
    let record = book.request(&claims.request).filter(|record| {
        record.consumer == claims.consumer && record.product == claims.product && record.major == claims.major
    });
    let Some(record) = record else { return Some("nobody granted what the token says".to_owned()) };
    if record.status(now) != Status::Granted {
        return Some(format!("the grant {} is {}", claims.request, record.status(now)));
    }
    let covers = record.allows(claims.major, &wanted.port, wanted.field.as_deref(), now);
    (!covers).then(|| format!("what {} was granted does not cover it", claims.consumer))
}

/// Why the token itself does not let its holder read.
fn narrowed(token: &VerifiedToken, mesh_id: &MeshId, wanted: &Wanted, now: UnixMs) -> Option<String> {
    let Wanted { product, major, port, field } = wanted;
    let ask = Ask { mesh_id, product, major: *major, port, field: field.as_deref() };
    token.check(&ask, now).err().map(|denied| denied.to_string())
}
