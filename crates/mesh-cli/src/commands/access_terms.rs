//! `mesh access terms|rule|issuer`: what a domain approves in advance, and who issues its tokens.

use std::path::PathBuf;

use clap::Subcommand;
use mesh_access::AccessRule;
use mesh_client::tokens::{AccessTerms, TokenIssuer};
use mesh_event::fact::{EndAccessRule, EndIssuer, FactBody, GrantIssuer, SetAccessRule};
use mesh_event::{Signer as _, access_issuer};
use mesh_model::{Code, DomainName, FactId, ProductId, PublicKey};

use super::access::{PortArg, major_of, scope, scope_text};
use crate::app::App;
use crate::command_file::named;
use crate::failure::Failure;
use crate::key_argument::{KeyArgument, Signers};
use crate::lines::Lines;
use crate::reading::note_age;
use crate::style::Style;
use crate::time;
use crate::{confirm, keyfile};

#[derive(Debug, Subcommand)]
pub(crate) enum RuleAction {
    /// Approves requests for a product in advance
    Add {
        /// The product
        #[arg(value_name = "DOMAIN/NAME", add = crate::completer::ids())]
        product: ProductId,
        /// Whose requests: these domains, with commas between them
        #[arg(long = "for", value_name = "DOMAIN", value_delimiter = ',', add = crate::completer::domains(), required_unless_present = "for_all")]
        consumers: Vec<DomainName>,
        /// Everybody's, also of domains that come later
        #[arg(long, conflicts_with = "consumers")]
        for_all: bool,
        /// Only this port, or some of its fields: PORT or PORT:FIELD,FIELD. Repeatable; all ports, also those that come later, without one
        #[arg(long = "port", value_name = "PORT[:FIELDS]")]
        ports: Vec<PortArg>,
        /// For how many days at most
        #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=i64::from(mesh_access::MOST_DAYS)))]
        days: u32,
        /// Which major version; that of the product's newest active version without it
        #[arg(long)]
        major: Option<u32>,
    },
    /// Approves in advance no longer; what was granted stays
    End {
        /// The domain
        #[arg(add = crate::completer::domains())]
        domain: DomainName,
        /// The id that `mesh access terms` shows
        rule: FactId,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum IssuerAction {
    /// Names a key whose tokens count, as the domain's root
    Grant {
        /// The domain
        #[arg(add = crate::completer::domains())]
        domain: DomainName,
        /// A private root key of the domain. Repeatable; without one, the key of --key or the context signs
        #[arg(long = "root-key", value_name = "FILE")]
        root_keys: Vec<PathBuf>,
        /// The private key of an issuer of your own, such as a gateway's; that of the domain's home without it
        #[arg(long = "issuer-key", value_name = "FILE")]
        issuer_key: Option<PathBuf>,
        /// The key that the home's operator told you: refused when the node shows another one
        #[arg(long, value_name = "ed25519:KEY", conflicts_with = "issuer_key")]
        issuer: Option<PublicKey>,
        /// Does not ask whether the key that the node shows is the home's
        #[arg(long)]
        yes: bool,
    },
    /// Says that a key issues no more; tokens that it issued count no more, and it is never named again
    End {
        /// The domain
        #[arg(add = crate::completer::domains())]
        domain: DomainName,
        /// The key: ed25519:…, or a file
        #[arg(value_name = "KEY")]
        issuer: String,
    },
}

pub(super) async fn run_rule(app: &App, action: RuleAction) -> Result<(), Failure> {
    let (client, signer) = (app.client()?, app.signer()?);
    match action {
        RuleAction::Add { product, consumers, for_all: _, ports, days, major } => {
            let major = major_of(&client, &product, major).await?;
            let domain = product.domain.clone();
            let body = SetAccessRule { product, major, consumers, scope: scope(ports), days };
            let body = |_| FactBody::SetAccessRule(body);
            let stated = client.state_fact(&domain, None, body, &[&signer]).await?;
            app.output().one(&stated, &stated.id.to_string(), |_| format!("rule {}\n", stated.id))?;
            app.note("requests that fit are granted as they are made; those that wait are not touched");
        }
        RuleAction::End { domain, rule } => {
            let body = |_| FactBody::EndAccessRule(EndAccessRule { rule });
            let stated = client.state_fact(&domain, None, body, &[&signer]).await?;
            app.output().one(&stated, &rule.to_string(), |_| String::new())?;
            app.note("nothing is granted by it any more; what was granted stays");
        }
    }
    Ok(())
}

pub(super) async fn run_issuer(app: &App, action: IssuerAction) -> Result<(), Failure> {
    let client = app.client()?;
    match action {
        IssuerAction::Grant { domain, root_keys, issuer_key, issuer, yes } => {
            let mut signers = Signers::default();
            signers.add_files(&root_keys)?;
            if signers.is_empty() {
                signers.add(app.signer()?);
            }
            let grant = match issuer_key {
                Some(file) => {
                    let issuer = keyfile::read(&file)?;
                    let possession = access_issuer::prove(&issuer, &client.mesh().await?.id, &domain, None);
                    GrantIssuer { key: issuer.public_key(), epoch: None, possession }
                }
                None => of_home(&client.access_terms(&domain).await?, issuer, yes)?,
            };
            let (key, epoch) = (grant.key, grant.epoch);
            let body = |_| FactBody::GrantIssuer(grant);
            let stated = client.state_fact(&domain, None, body, &signers.as_dyn()).await?;
            app.output().one(&stated, &key.to_string(), |_| format!("issuer {key}\n"))?;
            if let Some(epoch) = epoch {
                app.note(format!("for epoch {epoch} of the feed of {domain}"));
            }
            app.note(format!(
                "its tokens count for what {domain} granted, while the keys that signed this are the root of {domain}, and a home's until {domain} moves"
            ));
        }
        IssuerAction::End { domain, issuer } => {
            let key = KeyArgument::parse(&issuer, std::path::Path::new("."))?.public();
            let body = |_| FactBody::EndIssuer(EndIssuer { key });
            let stated = client.state_fact(&domain, None, body, &[&app.signer()?]).await?;
            app.output().one(&stated, &key.to_string(), |_| String::new())?;
            app.note(format!("no token of {} counts for {domain} any more", named(&key)));
        }
    }
    Ok(())
}

/// The key of the domain's home. What is signed must not rest on the word of the node that was asked, so somebody compares it.
fn of_home(terms: &AccessTerms, told: Option<PublicKey>, yes: bool) -> Result<GrantIssuer, Failure> {
    let (domain, epoch) = (&terms.domain, terms.home_epoch);
    let (Some(key), Some(possession)) = (terms.home_issuer, terms.home_possession) else {
        let text = format!("the home of {domain} does not answer; nobody else knows its issuer's key");
        return Err(Failure::new(Code::HomeUnreachable, text));
    };
    if epoch == 0 {
        return Err(Failure::new(
            Code::DomainSuspended,
            format!("{domain} has no home now; nobody issues tokens for it"),
        ));
    }
    match told {
        Some(told) if told != key => {
            let text = format!("the node shows {key} as the issuer of the home of {domain}; expected {told}");
            return Err(Failure::new(Code::NotConfirmed, text));
        }
        None if !yes => confirm::ask(&format!(
            "The node says that {key} is the token issuer of the home of {domain} (epoch {epoch}). The home's own log says so, too?"
        ))?,
        _ => {}
    }
    Ok(GrantIssuer { key, epoch: Some(epoch), possession })
}

pub(super) async fn show(app: &App, domain: &DomainName) -> Result<(), Failure> {
    let terms = app.client()?.access_terms(domain).await?;
    app.output().one(&terms, domain.as_str(), |style| told(&terms, style))?;
    if terms.from_copy {
        app.warn(format!("the home of {domain} does not answer: shown from a copy"));
    }
    note_age(app, &terms.freshness);
    Ok(())
}

fn told(terms: &AccessTerms, style: Style) -> String {
    let mut lines = Lines::default();
    lines.add(style.bold(terms.domain.as_str()));
    lines.add("approved in advance");
    if terms.rules.is_empty() {
        lines.add("  nothing");
    }
    for rule in &terms.rules {
        lines.add(format!("  {}  {}", rule.id, rule_text(rule)));
    }
    lines.add("token issuers");
    if terms.issuers.is_empty() {
        lines.add("  none");
    }
    for issuer in &terms.issuers {
        lines.add(format!("  {}  {}", issuer.issuer.key, issuer_text(issuer)));
    }
    if let Some(home) = terms.home_issuer
        && !terms.counting().any(|key| *key == home)
    {
        lines.add(format!("  the domain's home has {home}; `mesh access issuer grant {}` names it", terms.domain));
    }
    let (tokens, grants) = (terms.revoked_tokens.len(), terms.ended_requests.len());
    lines.add(format!("revoked within a day: {tokens} tokens; ended: {grants} grants"));
    lines.into_text()
}

fn rule_text(rule: &AccessRule) -> String {
    let consumers: Vec<&str> = rule.consumers.iter().map(DomainName::as_str).collect();
    let consumers = if consumers.is_empty() { "everybody".to_owned() } else { consumers.join(", ") };
    let (product, major, scope) = (&rule.product, rule.major, scope_text(&rule.scope));
    format!("{product} (major {major}) for {consumers}: {scope}, up to {} days, by {}", rule.days, named(&rule.by))
}

fn issuer_text(issuer: &TokenIssuer) -> String {
    match &issuer.issuer.ended {
        Some((by, at)) => format!("ended {}, by {}", time::show(*at), named(by)),
        None if issuer.counts => format!("since {}", time::show(issuer.issuer.at_unix_ms)),
        None => "counts no more: another root is in force, or the domain moved or is suspended".to_owned(),
    }
}
