//! `mesh access`: asking for access to products, and answering.

use std::collections::BTreeMap;
use std::str::FromStr;

use clap::{Args, Subcommand};
use mesh_access::{AccessRecord, Scope, Status};
use mesh_client::access::{AccessItem, AccessListing, AccessQuery, AccessTarget};
use mesh_client::{Client, Read};
use mesh_event::Signer as _;
use mesh_event::fact::{
    ApproveAccess, CancelAccess, DenyAccess, FactBody, PortScope, PrivateText, RequestAccess, RevokeAccess,
};
use mesh_model::{Code, DomainName, FactId, Name, ProductId};
use serde::Serialize;
use serde_json::json;

use super::{access_terms, access_token};
use crate::app::App;
use crate::command_file::named;
use crate::failure::Failure;
use crate::lines::Lines;
use crate::output::{Row, printable};
use crate::reading::note_age;
use crate::style::Style;
use crate::time;

/// Access to products: a domain asks, the domain that owns the product answers. Purposes and notes are read by both, and by nobody else.
#[derive(Debug, Args)]
pub(crate) struct AccessArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Asks for access to a product, in the name of your domain
    Request {
        /// The product
        #[arg(value_name = "DOMAIN/NAME", add = crate::completer::ids())]
        product: ProductId,
        /// The domain that asks: yours
        #[arg(long = "as", value_name = "DOMAIN", add = crate::completer::domains())]
        consumer: DomainName,
        /// What for; only both domains read it
        #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
        purpose: String,
        /// One port, or some of its fields: PORT or PORT:FIELD,FIELD. Repeatable; all ports without one
        #[arg(long = "port", value_name = "PORT[:FIELDS]")]
        ports: Vec<PortArg>,
        /// For how many days from the approval on
        #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=i64::from(mesh_access::MOST_DAYS)))]
        days: u32,
        /// Which major version; that of the product's newest active version without it
        #[arg(long)]
        major: Option<u32>,
    },
    /// Lists requests and what became of them
    List {
        /// Of a domain's products
        #[arg(long, value_name = "DOMAIN", add = crate::completer::domains())]
        of: Vec<DomainName>,
        /// Of one product
        #[arg(long, value_name = "DOMAIN/NAME", add = crate::completer::ids(), conflicts_with = "of")]
        product: Option<ProductId>,
        /// By one domain
        #[arg(long, value_name = "DOMAIN", add = crate::completer::domains())]
        by: Option<DomainName>,
        /// Those that your key made
        #[arg(long)]
        mine: bool,
        /// Those that wait for your key's decision
        #[arg(long, conflicts_with_all = ["mine", "status"])]
        waiting_for_me: bool,
        /// In this state: waiting, granted, denied, cancelled, revoked, expired. Repeatable
        #[arg(long)]
        status: Vec<StatusArg>,
    },
    /// Shows one request, with its purpose and notes if your key may read them
    Show {
        /// Its id
        request: FactId,
    },
    /// Grants what was asked for, or a part of it
    Approve {
        /// The request's id
        request: FactId,
        /// Only this port, or some of its fields: PORT or PORT:FIELD,FIELD. Repeatable; what was asked for without one
        #[arg(long = "port", value_name = "PORT[:FIELDS]")]
        ports: Vec<PortArg>,
        /// For so many days; what was asked for without it
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
        days: Option<u32>,
        /// A word to the consumer
        #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
        note: Option<String>,
    },
    /// Refuses a request
    Deny {
        /// The request's id
        request: FactId,
        /// Why
        #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
        note: String,
    },
    /// Takes your domain's request back, or gives its grant back
    Cancel {
        /// The request's id
        request: FactId,
    },
    /// Ends a grant
    Revoke {
        /// The request's id
        request: FactId,
        /// Why
        #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
        note: String,
    },
    /// Asks whether a domain may read a port, or one field of it; exit code 7 when it may not
    Check {
        /// The product
        #[arg(value_name = "DOMAIN/NAME", add = crate::completer::ids())]
        product: ProductId,
        /// The port
        port: Name,
        /// One of its fields; the whole port without one
        field: Option<String>,
        /// The domain that wants to read
        #[arg(long = "as", value_name = "DOMAIN", add = crate::completer::domains())]
        consumer: DomainName,
        /// Which major version; that of the product's newest active version without it
        #[arg(long)]
        major: Option<u32>,
    },
    /// Shows what a domain approves in advance, who issues its tokens, and which tokens count no more
    Terms {
        /// The domain
        #[arg(add = crate::completer::domains())]
        domain: DomainName,
    },
    /// Approves in advance: requests that fit are granted as they are made
    #[command(subcommand)]
    Rule(access_terms::RuleAction),
    /// Says which keys issue tokens for what a domain granted
    #[command(subcommand)]
    Issuer(access_terms::IssuerAction),
    /// Draws a token that shows a gateway what your domain was granted
    Token(access_token::DrawArgs),
    /// Makes a token that allows less of one that you have; needs no node
    Narrow(access_token::NarrowArgs),
    /// Checks a token as a gateway does, without a node; exit code 7 when it does not cover what is asked for, 8 when it is none
    Verify(access_token::VerifyArgs),
    /// Says that a token counts no more
    RevokeToken(access_token::RevokeArgs),
}

/// `PORT` or `PORT:FIELD,FIELD`.
#[derive(Debug, Clone)]
pub(super) struct PortArg(PortScope);

impl FromStr for PortArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (port, fields) = text.split_once(':').unwrap_or((text, ""));
        let port = port.parse::<Name>().map_err(|error| error.to_string())?;
        if text.contains(':') && fields.split(',').any(|field| field.trim().is_empty()) {
            return Err("expected PORT or PORT:FIELD,FIELD".to_owned());
        }
        let fields = fields.split(',').map(|field| field.trim().to_owned()).filter(|field| !field.is_empty());
        Ok(Self(PortScope { port, fields: fields.collect() }))
    }
}

#[derive(Debug, Clone, Copy)]
struct StatusArg(Status);

impl FromStr for StatusArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Status::ALL.into_iter().find(|status| status.as_str() == text);
        let names = Status::ALL.map(Status::as_str).join(", ");
        known.map(Self).ok_or_else(|| format!("expected one of {names}"))
    }
}

pub(super) fn scope(ports: Vec<PortArg>) -> Vec<PortScope> {
    ports.into_iter().map(|port| port.0).collect()
}

impl Row for AccessItem {
    fn columns(wide: bool) -> Vec<&'static str> {
        let mut columns = vec!["id", "product", "for", "status", "ports", "asked"];
        if wide {
            columns.extend(["until", "days", "by"]);
        }
        columns
    }
    fn cells(&self, wide: bool) -> Vec<String> {
        let record = &self.record;
        let scope = record.grant.as_ref().map_or(&record.asked, |grant| &grant.scope);
        let mut cells = vec![
            record.request.to_string(),
            product(record),
            record.consumer.to_string(),
            self.status.to_string(),
            printable(&scope.to_string()),
            time::show(record.asked_unix_ms),
        ];
        if wide {
            let until = record.grant.as_ref().map_or_else(String::new, |grant| time::show(grant.until_unix_ms));
            cells.extend([until, record.days.to_string(), record.requester.fingerprint()]);
        }
        cells
    }
    fn name(&self) -> String {
        self.record.request.to_string()
    }
}

fn product(record: &AccessRecord) -> String {
    format!("{} (major {})", record.product, record.major)
}

pub(crate) async fn run(args: AccessArgs, app: &App) -> Result<(), Failure> {
    match args.action {
        Action::Request { product, consumer, purpose, ports, days, major } => {
            let signer = app.signer()?;
            let client = app.client()?;
            let major = major_of(&client, &product, major).await?;
            let scope = Scope(scope(ports));
            let told = format!("{consumer} asks for access to {product} (major {major}), {scope}, for {days} days");
            let domain = product.domain.clone();
            let body = |purpose: Option<PrivateText>| {
                let purpose = purpose.expect("one is stated");
                FactBody::RequestAccess(RequestAccess { product, major, scope: scope.0, consumer, purpose, days })
            };
            let stated = client.state_fact(&domain, Some(&purpose), body, &[&signer]).await?;
            app.output().one(&stated, &stated.id.to_string(), |_| format!("request {}\n", stated.id))?;
            // It may fit what the owner approved in advance.
            let granted = client.access_request(stated.id).await.is_ok_and(|item| item.status == Status::Granted);
            let next =
                if granted { "granted in advance".to_owned() } else { format!("a product owner of {domain} decides") };
            app.note(format!("{told}; {next}"));
            Ok(())
        }
        Action::List { of, product, by, mine, waiting_for_me, status } => {
            let key = if mine || waiting_for_me { Some(app.signer()?.public_key()) } else { None };
            let mut query = AccessQuery { domains: of, product, consumer: by, ..AccessQuery::default() };
            query.statuses = status.into_iter().map(|status| status.0).collect();
            query.requester = key.filter(|_| mine);
            if waiting_for_me {
                (query.decider, query.statuses) = (key, vec![Status::Waiting]);
            }
            list(app, &app.client()?, &query).await
        }
        Action::Show { request } => show(app, request).await,
        Action::Approve { request, ports, days, note } => {
            let record = app.client()?.access_request(request).await?.record;
            // In full: what is signed is what was shown.
            let granted = if ports.is_empty() { record.asked.clone() } else { Scope(scope(ports)) };
            let days = days.unwrap_or(record.days);
            let told = format!("{} may read {granted} of {} for {days} days", record.consumer, product(&record));
            let (product, major, consumer) = (record.product.clone(), record.major, record.consumer.clone());
            let body = |note| {
                let scope = granted.0;
                FactBody::ApproveAccess(ApproveAccess { request, product, major, consumer, scope, days, note })
            };
            answer(app, &record, note.as_deref(), body).await?;
            app.note(told);
            Ok(())
        }
        Action::Deny { request, note } => {
            let record = app.client()?.access_request(request).await?.record;
            let body = |note: Option<PrivateText>| {
                FactBody::DenyAccess(DenyAccess { request, note: note.expect("one is stated") })
            };
            answer(app, &record, Some(&note), body).await?;
            app.note(format!("{} does not get access to {}", record.consumer, product(&record)));
            Ok(())
        }
        Action::Cancel { request } => {
            let record = app.client()?.access_request(request).await?.record;
            answer(app, &record, None, |_| FactBody::CancelAccess(CancelAccess { request })).await?;
            app.note(format!("{} needs no access to {} any more", record.consumer, product(&record)));
            Ok(())
        }
        Action::Revoke { request, note } => {
            let record = app.client()?.access_request(request).await?.record;
            let body = |note: Option<PrivateText>| {
                FactBody::RevokeAccess(RevokeAccess { request, note: note.expect("one is stated") })
            };
            answer(app, &record, Some(&note), body).await?;
            app.note(format!("{} has no access to {} any more", record.consumer, product(&record)));
            Ok(())
        }
        Action::Check { product, port, field, consumer, major } => {
            let client = app.client()?;
            let major = major_of(&client, &product, major).await?;
            check(app, &client, &AccessTarget { product, major, port, field }, &consumer).await
        }
        Action::Terms { domain } => access_terms::show(app, &domain).await,
        Action::Rule(action) => access_terms::run_rule(app, action).await,
        Action::Issuer(action) => access_terms::run_issuer(app, action).await,
        Action::Token(args) => access_token::draw(app, args).await,
        Action::Narrow(args) => access_token::narrow(app, &args),
        Action::Verify(args) => access_token::verify(app, &args),
        Action::RevokeToken(args) => access_token::revoke(app, args).await,
    }
}

/// The major that was named, or that of the product's newest active version.
pub(super) async fn major_of(client: &Client, product: &ProductId, named: Option<u32>) -> Result<u32, Failure> {
    if let Some(major) = named {
        return Ok(major);
    }
    let view = client.product(&product.to_string(), Read::default()).await?;
    Ok(view.descriptor.version.major)
}

/// An answer to a request, by the domain that owns the product or by the one that asked.
async fn answer(
    app: &App,
    record: &AccessRecord,
    text: Option<&str>,
    body: impl FnOnce(Option<PrivateText>) -> FactBody,
) -> Result<(), Failure> {
    let (client, signer) = (app.client()?, app.signer()?);
    let stated = client.state_fact(&record.product.domain, text, body, &[&signer]).await?;
    app.output().one(&stated, &stated.id.to_string(), |_| String::new())
}

async fn list(app: &App, client: &Client, query: &AccessQuery) -> Result<(), Failure> {
    let AccessListing { requests, cut, unreached, from_copies, freshness } = client.access(query).await?;
    let more = json!({ "cut": cut, "unreached": unreached, "from_copies": from_copies, "freshness": freshness });
    app.output().list("requests", &requests, more)?;
    let names = |domains: &[DomainName]| domains.iter().map(DomainName::as_str).collect::<Vec<_>>().join(", ");
    if requests.is_empty() {
        app.note("no request fits");
    }
    if cut {
        app.note("there are more: narrow it down with --of, --product, --by or --status");
    }
    if !unreached.is_empty() {
        app.warn(format!("nobody answers for {}: theirs are missing", names(&unreached)));
    }
    if !from_copies.is_empty() {
        app.warn(format!("the home of {} does not answer: shown from a copy", names(&from_copies)));
    }
    note_age(app, &freshness);
    Ok(())
}

/// A request with its texts, for JSON and for people.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    item: AccessItem,
    purpose_text: Option<String>,
    grant_note_text: Option<String>,
    end_note_text: Option<String>,
    /// Why a text is not there, by the name of its code.
    unread: BTreeMap<&'static str, &'static str>,
}

async fn show(app: &App, request: FactId) -> Result<(), Failure> {
    let client = app.client()?;
    let item = client.access_request(request).await?;
    let signer = app.signer_if_any()?;
    let record = &item.record;
    let mut unread = BTreeMap::new();
    let mut texts = [None, None, None];
    let grant_note = record.grant.as_ref().and_then(|grant| grant.note.as_ref());
    let end_note = record.end.as_ref().and_then(|end| end.note.as_ref());
    let named = [("purpose", Some(&record.purpose)), ("grant_note", grant_note), ("end_note", end_note)];
    for (place, (name, text)) in texts.iter_mut().zip(named) {
        let Some(text) = text else { continue };
        let read = match &signer {
            Some(signer) => client.fact_text(&record.product.domain, text, signer).await.map_err(|error| error.code),
            None => Err(Code::ReadDenied),
        };
        match read {
            Ok(text) => *place = Some(text),
            Err(code) => _ = unread.insert(name, code.slug()),
        }
    }
    let [purpose_text, grant_note_text, end_note_text] = texts;
    let shown = Shown { item, purpose_text, grant_note_text, end_note_text, unread };
    app.output().one(&shown, &request.to_string(), |style| told(&shown, style))
}

fn told(shown: &Shown, style: Style) -> String {
    let record = &shown.item.record;
    let mut lines = Lines::default();
    lines.add(format!("{}: {}", style.bold(&record.request.to_string()), shown.item.status));
    lines.add(format!("product  {}", product(record)));
    lines.add(format!("for      {} ({})", record.consumer, named(&record.requester)));
    lines.add(format!(
        "asked    {}, for {} days: {}",
        time::show(record.asked_unix_ms),
        record.days,
        scope_text(&record.asked)
    ));
    lines.add(format!("purpose  {}", shown.text("purpose", shown.purpose_text.as_ref())));
    if let Some(grant) = &record.grant {
        let (at, until) = (time::show(grant.at_unix_ms), time::show(grant.until_unix_ms));
        lines.add(format!("granted  {at}, until {until}: {}, by {}", scope_text(&grant.scope), named(&grant.by)));
        if let Some(rule) = &grant.rule {
            lines.add(format!("         in advance, by {rule}"));
        }
        if grant.note.is_some() {
            lines.add(format!("         {}", shown.text("grant_note", shown.grant_note_text.as_ref())));
        }
    }
    if let Some(end) = &record.end {
        lines.add(format!("{:<8} {}, by {}", shown.item.status, time::show(end.at_unix_ms), named(&end.by)));
        if end.note.is_some() {
            lines.add(format!("         {}", shown.text("end_note", shown.end_note_text.as_ref())));
        }
    }
    lines.into_text()
}

impl Shown {
    fn text(&self, name: &str, text: Option<&String>) -> String {
        let erased = Code::Erased.slug();
        match (text, self.unread.get(name)) {
            (Some(text), _) => printable(text),
            (None, Some(code)) if *code == erased => "(erased)".to_owned(),
            (None, Some(code)) if *code == Code::ReadDenied.slug() => "(only the two domains read it)".to_owned(),
            (None, code) => format!("(not to be had now: {})", code.unwrap_or(&"")),
        }
    }
}

pub(super) fn scope_text(scope: &Scope) -> String {
    printable(&scope.to_string())
}

async fn check(app: &App, client: &Client, target: &AccessTarget, consumer: &DomainName) -> Result<(), Failure> {
    let checked = client.check_access(target, consumer).await?;
    let yes = if checked.allowed { "yes" } else { "no" };
    app.output().one(&checked, yes, |_| format!("{yes}: {}\n", printable(&checked.why)))?;
    if checked.from_copy {
        app.warn(format!("the home of {} does not answer: checked on a copy", target.product.domain));
    }
    note_age(app, &checked.freshness);
    // Scripts ask by exit code; the answer itself is on stdout.
    if checked.allowed { Ok(()) } else { Err(Failure::quiet(Code::ReadDenied.class().exit_code())) }
}
