//! `mesh access token|narrow|verify|revoke-token`: tokens for what was granted.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use mesh_access::Scope;
use mesh_client::tokens::{AccessTerms, TokenWanted};
use mesh_event::fact::{FactBody, RevokeToken};
use mesh_model::{Code, DomainName, FactId, Name, ProductId, PublicKey, TokenId, UnixMs};
use mesh_token::{Ask, Token, TokenError, VerifiedToken};
use serde::Serialize;
use zeroize::Zeroizing;

use super::access::{PortArg, major_of, scope, scope_text};
use crate::app::App;
use crate::failure::Failure;
use crate::output::printable;
use crate::{files, time};

/// Draws a token from the home of the domain that owns the product. It goes to stdout: keep it as a password.
#[derive(Debug, Args)]
pub(crate) struct DrawArgs {
    /// The product
    #[arg(value_name = "DOMAIN/NAME", add = crate::completer::ids())]
    product: ProductId,
    /// The domain that reads: yours
    #[arg(long = "as", value_name = "DOMAIN", add = crate::completer::domains())]
    consumer: DomainName,
    /// Only this port, or some of its fields: PORT or PORT:FIELD,FIELD. Repeatable; all of the latest grant without one
    #[arg(long = "port", value_name = "PORT[:FIELDS]")]
    ports: Vec<PortArg>,
    /// For how long, such as 10m or 8h; a day at most, and never longer than the grant
    #[arg(long = "for", value_name = "TIME", default_value = "1h", value_parser = time::parse_duration)]
    time: Duration,
    /// Which major version; that of the product's newest active version without it
    #[arg(long)]
    major: Option<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct NarrowArgs {
    /// The file with the token; stdin without it
    #[arg(value_name = "FILE", default_value = "-")]
    token: PathBuf,
    /// Only this port, or some of its fields: PORT or PORT:FIELD,FIELD. Repeatable
    #[arg(long = "port", value_name = "PORT[:FIELDS]", required_unless_present = "time")]
    ports: Vec<PortArg>,
    /// For no longer than this from now, such as 10m
    #[arg(long = "for", value_name = "TIME", value_parser = time::parse_duration)]
    time: Option<Duration>,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The product
    #[arg(value_name = "DOMAIN/NAME")]
    product: ProductId,
    /// The port
    port: Name,
    /// One of its fields; the whole port without one
    field: Option<String>,
    /// What `mesh access terms DOMAIN -o json` printed: who issues tokens, and which count no more
    #[arg(long, value_name = "FILE")]
    terms: PathBuf,
    /// The file with the token; stdin without it
    #[arg(long, value_name = "FILE", default_value = "-")]
    token: PathBuf,
    /// Which major version is served
    #[arg(long)]
    major: u32,
    /// How old the terms may be: later ones may name what was taken back since
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = time::parse_duration)]
    max_age: Duration,
    /// Also relies on terms of a copy, whose node may not have heard of what was taken back
    #[arg(long)]
    accept_copy: bool,
}

/// Says that a token counts no more: by whoever the grant is for, or by the domain that granted it.
#[derive(Debug, Args)]
pub(crate) struct RevokeArgs {
    /// The file with the token; stdin without it
    #[arg(value_name = "FILE", default_value = "-")]
    token: PathBuf,
    /// The domain that owns the product
    #[arg(long, value_name = "DOMAIN", add = crate::completer::domains())]
    of: DomainName,
}

fn of_token(error: &TokenError) -> Failure {
    Failure::new(error.code(), error.to_string())
}

/// A file that holds a token; `-` for stdin. Never the command line: others see that.
fn read(path: &Path) -> Result<Token, Failure> {
    let mut text = Zeroizing::new(String::new());
    if path == Path::new("-") {
        // One byte more than any token, so that a longer text is seen to be one.
        let most = mesh_token::TOKEN_BYTES as u64 + 2;
        let read = std::io::stdin().lock().take(most).read_to_string(&mut text);
        read.map_err(|error| Failure::io("read", path, &error))?;
    } else {
        text = Zeroizing::new(files::read_text(path)?);
    }
    text.parse().map_err(|error| of_token(&error))
}

pub(super) async fn draw(app: &App, args: DrawArgs) -> Result<(), Failure> {
    let (client, signer) = (app.client()?, app.signer()?);
    let major = major_of(&client, &args.product, args.major).await?;
    let seconds = u32::try_from(args.time.as_secs()).unwrap_or(u32::MAX);
    let DrawArgs { product, consumer, ports, .. } = args;
    let wanted = TokenWanted { product, major, consumer, scope: Scope(scope(ports)), seconds };
    let drawn = client.draw_token(&wanted, &signer).await?;
    app.output().one(&drawn, &drawn.token, |_| format!("{}\n", drawn.token))?;
    let until = time::show(drawn.until_unix_ms);
    app.note(format!("good until {until} for {}, by the grant {}", scope_text(&drawn.scope), drawn.request));
    Ok(())
}

pub(super) fn narrow(app: &App, args: &NarrowArgs) -> Result<(), Failure> {
    let token = read(&args.token)?;
    let until = args.time.map(|time| time::now().saturating_add(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)));
    let scope = Scope(scope(args.ports.clone()));
    let narrowed = token.narrow(&scope, until, &Zeroizing::new(rand::random())).map_err(|error| of_token(&error))?;
    app.output().text(&format!("{}\n", narrowed.as_str()))
}

/// What a gateway finds.
#[derive(Serialize)]
struct Found<'a> {
    allowed: bool,
    why: &'a str,
    consumer: &'a DomainName,
    request: &'a FactId,
    until_unix_ms: UnixMs,
    issuer: &'a PublicKey,
    token_ids: &'a [TokenId],
}

pub(super) fn verify(app: &App, args: &VerifyArgs) -> Result<(), Failure> {
    let terms = files::read_text(&args.terms)?;
    let terms: AccessTerms = serde_json::from_str(&terms).map_err(|error| {
        let text = format!("{}: not what `mesh access terms DOMAIN -o json` prints: {error}", args.terms.display());
        Failure::new(Code::Usage, text)
    })?;
    if terms.domain != args.product.domain {
        let text = format!("{} is about {}, not about {}", args.terms.display(), terms.domain, args.product.domain);
        return Err(Failure::new(Code::Usage, text));
    }
    // A time ahead of this clock says as little about what came since.
    let age = time::now().abs_diff(terms.fetched_unix_ms);
    if Duration::from_millis(age) > args.max_age {
        let text = format!("{} was fetched {} away from this clock", args.terms.display(), time::age(age));
        return Err(Failure::new(Code::StaleTerms, text));
    }
    if terms.from_copy && !args.accept_copy {
        let text = format!("{} is a copy's word: the home of {} did not answer", args.terms.display(), terms.domain);
        return Err(Failure::new(Code::StaleTerms, text).hint("fetch it again later, or rely on it with --accept-copy"));
    }
    let token = read(&args.token)?.verify(terms.counting()).map_err(|error| of_token(&error))?;
    let refused = refused(&token, &terms, args);
    let (allowed, claims) = (refused.is_none(), token.claims());
    let granted = || {
        format!("{} may, until {}, by the grant {}", claims.consumer, time::show(claims.until_unix_ms), claims.request)
    };
    let why = refused.unwrap_or_else(granted);
    let found = Found {
        allowed,
        why: &why,
        consumer: &claims.consumer,
        request: &claims.request,
        until_unix_ms: claims.until_unix_ms,
        issuer: token.issuer(),
        token_ids: token.ids(),
    };
    let yes = if allowed { "yes" } else { "no" };
    app.output().one(&found, yes, |_| format!("{yes}: {}\n", printable(&why)))?;
    if allowed { Ok(()) } else { Err(Failure::quiet(Code::NotGranted.class().exit_code())) }
}

fn refused(token: &VerifiedToken, terms: &AccessTerms, args: &VerifyArgs) -> Option<String> {
    let claims = token.claims();
    let is_revoked =
        |id: &TokenId| terms.revoked_tokens.iter().any(|token| token.request == claims.request && token.token == *id);
    if token.ids().iter().any(is_revoked) {
        return Some("the token was revoked".to_owned());
    }
    if terms.ended_requests.contains(&claims.request) {
        return Some(format!("the grant {} was ended", claims.request));
    }
    let (major, field) = (args.major, args.field.as_deref());
    let ask = Ask { mesh_id: &terms.mesh_id, product: &args.product, major, port: &args.port, field };
    token.check(&ask, time::now()).err().map(|denied| denied.to_string())
}

pub(super) async fn revoke(app: &App, args: RevokeArgs) -> Result<(), Failure> {
    let token = read(&args.token)?;
    let (client, signer) = (app.client()?, app.signer()?);
    let terms = client.access_terms(&args.of).await?;
    let verified = token.verify(terms.counting()).map_err(|error| of_token(&error))?;
    // The last block: whoever has a narrowed one takes back no more than that.
    let Some(id) = verified.ids().last().cloned() else { return Err(Failure::internal("a token without blocks")) };
    let body = RevokeToken { request: verified.claims().request, token: id.clone() };
    let stated = client.state_fact(&args.of, None, |_| FactBody::RevokeToken(body), &[&signer]).await?;
    app.output().one(&stated, &id.to_string(), |_| String::new())?;
    app.note("the token counts no more, nor does any that was narrowed from it; gateways without a connection learn it with the next terms");
    Ok(())
}
