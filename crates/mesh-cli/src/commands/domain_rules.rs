//! `mesh domain rules`: a domain's own rules, beside the standards of the mesh.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use mesh_client::Client;
use mesh_client::rules::{DomainRulesView, RulesSet};
use mesh_event::DomainRules;
use mesh_model::{Code, DomainName, Standard, UnixMs};

use crate::app::App;
use crate::command_file::named;
use crate::failure::Failure;
use crate::key_argument::Signers;
use crate::lines::Lines;
use crate::output::printable;
use crate::standard_files::load;
use crate::style::Style;
use crate::time;

/// How many products that don't keep a rule yet are named.
const NAMED: usize = 5;
/// How often a new home is asked that has not heard yet that it is one, and with which pause.
const CATCHING_UP: usize = 50;
const PAUSE: Duration = Duration::from_millis(100);

/// A domain's own rules: stricter than the standards of the mesh, never looser.
#[derive(Debug, Args)]
pub(crate) struct RulesArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Sets all of a domain's own rules at once; they are standards' files. The domain's steward or root decides.
    Set {
        /// Whose.
        #[arg(add = crate::completer::domains())]
        name: DomainName,
        /// Standards' files, or folders of them: all rules that the domain has from now on.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        #[command(flatten)]
        signing: RulesSigningArgs,
    },
    /// Shows a domain's own rules, who set them and when.
    Show {
        /// Whose.
        #[arg(add = crate::completer::domains())]
        name: DomainName,
    },
    /// Takes all of a domain's own rules away; the standards of the mesh stay.
    Clear {
        /// Whose.
        #[arg(add = crate::completer::domains())]
        name: DomainName,
        #[command(flatten)]
        signing: RulesSigningArgs,
    },
}

#[derive(Debug, Args)]
struct RulesSigningArgs {
    /// A private root key of the domain. Repeatable; without one, the key of --key or the context signs, as a data governance steward
    /// of the domain.
    #[arg(long = "root-key", value_name = "FILE")]
    root_keys: Vec<PathBuf>,
    /// Why; it stays in the domain's feed.
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
}

impl RulesSigningArgs {
    /// The keys that sign.
    ///
    /// # Errors
    /// A file that can't be used, or no key at all.
    fn signers(&self, app: &App) -> Result<Signers, Failure> {
        let mut signers = Signers::default();
        signers.add_files(&self.root_keys)?;
        if signers.is_empty() {
            signers.add(app.signer()?);
        }
        Ok(signers)
    }
}

pub(crate) async fn run(args: RulesArgs, app: &App) -> Result<(), Failure> {
    match args.action {
        Action::Set { name, files, signing } => set(app, &name, &files, signing).await,
        Action::Show { name } => show(app, &name).await,
        Action::Clear { name, signing } => clear(app, &name, signing).await,
    }
}

/// The rules of all files, with their own test cases run.
fn read(files: &[PathBuf]) -> Result<Vec<Standard>, Failure> {
    let mut rules = Vec::new();
    let mut failures = Vec::new();
    for path in files {
        for loaded in load(path)? {
            failures.extend(loaded.compiled.run_tests().iter().map(|failure| format!("{}: {failure}", loaded.file)));
            rules.push(loaded.compiled.standard().clone());
        }
    }
    if failures.is_empty() {
        return Ok(rules);
    }
    let message = format!("{} test cases come out otherwise than they say; nothing was set", failures.len());
    Err(Failure::new(Code::InvalidFile, message).problems(failures))
}

async fn set(app: &App, name: &DomainName, files: &[PathBuf], signing: RulesSigningArgs) -> Result<(), Failure> {
    let rules = read(files)?;
    // Before anything is asked: a key that can't be used is told even when there is nothing to change.
    let signers = signing.signers(app)?;
    let client = app.client()?;
    for standard in &rules {
        tell_impact(app, &client, name, standard).await?;
    }
    let ids: Vec<String> = rules.iter().map(|rule| format!("{}@{}", rule.id, rule.version)).collect();
    let before = client.domain_rules(name).await?;
    if before.rules == rules {
        app.note(format!("{name} has these rules already (set {}); nothing was changed", before.number));
        return Ok(());
    }
    let set = send(&client, &before, rules, signers, signing.reason).await?;
    app.note(format!(
        "{name} has rules of its own: {} (set {}, event {} of its feed)",
        ids.join(", "),
        set.number,
        set.seq
    ));
    Ok(())
}

async fn clear(app: &App, name: &DomainName, signing: RulesSigningArgs) -> Result<(), Failure> {
    let signers = signing.signers(app)?;
    let client = app.client()?;
    let before = client.domain_rules(name).await?;
    if before.rules.is_empty() {
        app.note(format!("{name} has no rules of its own; nothing was changed"));
        return Ok(());
    }
    let set = send(&client, &before, Vec::new(), signers, signing.reason).await?;
    app.note(format!("{name} has no rules of its own any more (set {}, event {} of its feed)", set.number, set.seq));
    Ok(())
}

/// Signs the rules that come after those in force, and sends them to the domain's home.
async fn send(
    client: &Client,
    before: &DomainRulesView,
    rules: Vec<Standard>,
    signers: Signers,
    reason: String,
) -> Result<RulesSet, Failure> {
    let author = signers.author().expect("one was added");
    let rules = DomainRules {
        mesh_id: client.mesh().await?.id,
        domain: before.domain.clone(),
        epoch: before.epoch,
        number: before.number + 1,
        author,
        rules,
        reason,
    };
    let envelope = rules.sign(&signers.as_dyn()).map_err(|error| Failure::new(error.code(), error.to_string()))?;
    Ok(client.set_domain_rules(&envelope).await?)
}

/// Sets the rules that a domain had at its home before at the one that its root chose, signed with the root keys at hand: feeds
/// don't bring them along yet.
///
/// # Errors
/// When whoever set them may not any more, so that nobody would sign them unread; what the mesh refuses.
pub(crate) async fn carry_over(
    app: &App,
    client: &Client,
    before: &DomainRulesView,
    epoch: u64,
    root_keys: Vec<PathBuf>,
) -> Result<RulesSet, Failure> {
    let name = before.domain.as_str();
    let author = before.set.as_ref().map(|set| set.author);
    let author = author.ok_or_else(|| Failure::internal("rules that nobody set"))?;
    if client.can(author, mesh_model::Action::SetRules, name).await?.allowed != Some(true) {
        return Err(Failure::new(Code::WrongRole, format!("{}, who set them, may not any more", named(&author))));
    }
    let fresh = DomainRulesView { epoch, number: 0, ..before.clone() };
    let reason = format!("as in epoch {}", before.epoch);
    let mut tries = 0;
    loop {
        let signers = RulesSigningArgs { root_keys: root_keys.clone(), reason: reason.clone() }.signers(app)?;
        let failure = match send(client, &fresh, before.rules.clone(), signers, reason.clone()).await {
            Ok(set) => return Ok(set),
            Err(failure) => failure,
        };
        // The new home, or the node in between, may not have heard of it yet.
        let early = matches!(failure.code, Some(Code::OldEpoch | Code::NotDelegated));
        if !early || tries == CATCHING_UP {
            return Err(failure);
        }
        tries += 1;
        tokio::time::sleep(PAUSE).await;
    }
}

/// Says which of the domain's products don't keep a rule yet, before it is set.
async fn tell_impact(app: &App, client: &Client, domain: &DomainName, rule: &Standard) -> Result<(), Failure> {
    let preview = client.preview(rule).await?;
    let of_domain = |product: &str| product.split('/').next() == Some(domain.as_str());
    let violating: Vec<&str> =
        preview.impact.iter().map(|impact| impact.product.as_str()).filter(|product| of_domain(product)).collect();
    if violating.is_empty() {
        return Ok(());
    }
    let named = violating.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    let more = if violating.len() > NAMED { ", …" } else { "" };
    let count = violating.len();
    app.note(format!("{}@{} is not kept by {count} of its products yet: {named}{more}", rule.id, rule.version));
    Ok(())
}

async fn show(app: &App, name: &DomainName) -> Result<(), Failure> {
    let view = app.client()?.domain_rules(name).await?;
    app.output().one(&view, name.as_str(), |style| told(&view, style))
}

fn told(view: &DomainRulesView, style: Style) -> String {
    let mut lines = Lines::default();
    let count = match view.rules.len() {
        0 => "no rules of its own".to_owned(),
        1 => "one set of rules of its own".to_owned(),
        more => format!("{more} sets of rules of its own"),
    };
    lines.add(format!("{} has {count}", style.bold(view.domain.as_str())));
    if let Some(set) = &view.set {
        let when = time::show(set.at_unix_ms);
        lines.add(format!(
            "set {} in event {} of its feed, {when}, at ledger size {}",
            view.number, set.seq, set.ledger_size
        ));
        for signer in &set.signers {
            lines.add(format!("signed by {}", named(signer)));
        }
        if !set.reason.is_empty() {
            lines.add(format!("because: {}", printable(&set.reason)));
        }
    }
    for (standard, since) in view.rules.iter().zip(&view.since_unix_ms) {
        lines.add("");
        tell(&mut lines, standard, *since, style);
    }
    lines.into_text()
}

fn tell(lines: &mut Lines, standard: &Standard, since: UnixMs, style: Style) {
    let title = format!("{}@{}: {}", standard.id, standard.version, printable(&standard.title));
    lines.add(style.bold(&title));
    let since = time::show(since);
    let from = if standard.effective_from.is_empty() { "then" } else { &standard.effective_from };
    let grace = match standard.grace_days {
        0 => "no grace".to_owned(),
        days => format!("{days} days of grace"),
    };
    lines.add(format!(
        "{} since {since}; binds from {from} on, with {grace} for products from before",
        word(&standard.enforcement)
    ));
    if !standard.selector.is_empty() {
        lines.add(format!("about products where {}", printable(&standard.selector)));
    }
    for rule in &standard.rules {
        lines.add(format!("{} ({})", style.bold(rule.id.as_str()), word(&rule.severity)));
        lines.add(format!("  {}", printable(&rule.expression)));
        lines.add(format!("  {}; {}", printable(&rule.message), printable(&rule.remediation)));
    }
}

/// The word that files use.
fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
