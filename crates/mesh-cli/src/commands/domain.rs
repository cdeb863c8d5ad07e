//! `mesh domain`: who the domains are, letting new ones in, and choosing who writes their feeds.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use futures::StreamExt as _;
use mesh_client::node::HeldFeed;
use mesh_client::{Client, DomainView, FeedEnd};
use mesh_event::command::{AdmitDomains, DelegateNode, DomainAdmission, RoleGrant};
use mesh_event::proposal::{DomainStanding, ProposalBody};
use mesh_event::{Body, Command, Envelope, FeedHead, FeedId, LeafEntry, LedgerLeaf};
use mesh_model::{Code, Digest, DomainName, NodeId, limits};
use serde::Serialize;

use crate::app::App;
use crate::command_file::named;
use crate::commands::domain_fork::{self, ReportArgs, ResolveArgs};
use crate::commands::domain_root::{self, ReplaceRootArgs, RotateRootArgs, VetoRootArgs};
use crate::commands::domain_rules::{self, RulesArgs};
use crate::domain_file::{DomainEntry, DomainFile};
use crate::failure::Failure;
use crate::files;
use crate::governance::{self, Deciders, SigningArgs};
use crate::key_argument::{KeyArgument, Signers, parse_grant};
use crate::output::{Row, printable};
use crate::proposing::{ProposingArgs, propose};
use crate::replaced::Replaced;

/// How long a home is asked for the domain's own rules before its feed moves on: it may be gone for good.
const ASKING: Duration = Duration::from_secs(3);
/// Nodes that are asked at once how much of a feed they hold.
const ASKED: usize = 16;

/// Domains: the units of ownership.
#[derive(Debug, Args)]
pub(crate) struct DomainArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Lists all domains.
    List,
    /// Shows one domain with its keys and role holders.
    Show {
        /// Which.
        #[arg(add = crate::completer::domains())]
        name: DomainName,
    },
    /// Lets domains in; the council decides.
    Admit(Box<AdmitArgs>),
    /// Chooses the node that writes a domain's feed; the domain's root decides.
    Delegate(DelegateArgs),
    /// Moves a domain to another node without losing anything: its home stops, and the other node goes on where it ended.
    Move(DelegateArgs),
    /// Proposes to keep a domain from acting until it is resumed; the council decides.
    Suspend(StandingArgs),
    /// Proposes to let a suspended domain act again; the council decides.
    Resume(StandingArgs),
    /// Proposes to end a domain for good; its name stays taken.
    Remove(StandingArgs),
    /// Puts other root keys in the place of a domain's; the old and the new ones sign, each to their threshold.
    RotateRoot(RotateRootArgs),
    /// Proposes other root keys for a domain that lost its own; they take effect 72 hours later, unless the old ones veto.
    ReplaceRoot(ReplaceRootArgs),
    /// Stops the replacement of a domain's root that the council decided; the old root keys decide, within its 72 hours.
    VetoRoot(VetoRootArgs),
    /// Puts a proof into the ledger that a node signed two histories of a domain's feed; anybody of the mesh may.
    Report(ReportArgs),
    /// Says which history of a domain's forked feed stands, and which node goes on; the domain's root decides.
    Resolve(ResolveArgs),
    /// A domain's own rules: stricter than the standards of the mesh, never looser.
    Rules(RulesArgs),
}

#[derive(Debug, Args)]
struct StandingArgs {
    /// Which.
    #[arg(add = crate::completer::domains())]
    name: DomainName,
    /// Why; it stays in the ledger.
    #[arg(long, value_parser = clap::builder::NonEmptyStringValueParser::new())]
    reason: String,
    #[command(flatten)]
    proposing: ProposingArgs,
}

#[derive(Debug, Args)]
struct AdmitArgs {
    /// The new domain's name, for ever.
    #[arg(required_unless_present = "file", conflicts_with = "file")]
    name: Option<DomainName>,
    /// What people call it.
    #[arg(long, default_value = "", conflicts_with = "file")]
    title: String,
    /// What it is about.
    #[arg(long, default_value = "", conflicts_with = "file")]
    description: String,
    /// What it answers for. Repeatable.
    #[arg(long = "responsibility", value_name = "TEXT", conflicts_with = "file")]
    responsibilities: Vec<String>,
    /// The domain that it belongs to.
    #[arg(long, value_name = "DOMAIN", conflicts_with = "file")]
    parent: Option<DomainName>,
    /// A private root key of the domain; it signs too. Repeatable.
    #[arg(long = "root-key", value_name = "FILE", conflicts_with = "file")]
    root_keys: Vec<String>,
    /// A public root key of the domain, whose holder signs the file later. Repeatable.
    #[arg(long = "root-public", value_name = "KEY", conflicts_with = "file")]
    root_public: Vec<String>,
    /// How many root keys have to sign what the root decides.
    #[arg(long, default_value_t = 1, conflicts_with = "file")]
    root_threshold: u32,
    /// A first role, KEY=ROLE, where KEY is a public key or a private key file, which then signs too. Repeatable.
    #[arg(long = "role", value_name = "KEY=ROLE", conflicts_with = "file")]
    roles: Vec<String>,
    /// The node that writes the domain's feed.
    #[arg(long, value_name = "NODE_ID", conflicts_with = "file")]
    delegate: Option<NodeId>,
    /// A list of domains, domains.toml, instead of one on the command line.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    signing: SigningArgs,
}

#[derive(Debug, Args)]
struct DelegateArgs {
    /// Whose feed.
    #[arg(add = crate::completer::domains())]
    name: DomainName,
    /// The node that writes it from now on.
    #[arg(long = "to", value_name = "NODE_ID")]
    to: NodeId,
    /// A private root key of the domain. Repeatable.
    #[arg(long = "root-key", value_name = "FILE")]
    root_keys: Vec<PathBuf>,
    #[command(flatten)]
    signing: SigningArgs,
}

pub(crate) async fn run(args: DomainArgs, app: &App) -> Result<(), Failure> {
    match args.action {
        Action::List => list(app).await,
        Action::Show { name } => show(app, &name).await,
        Action::Admit(args) => admit(app, *args).await,
        Action::Delegate(args) => delegate(app, args, false).await,
        Action::Move(args) => delegate(app, args, true).await,
        Action::Suspend(args) => standing(app, args, ProposalBody::SuspendDomain).await,
        Action::Resume(args) => standing(app, args, ProposalBody::ResumeDomain).await,
        Action::Remove(args) => standing(app, args, ProposalBody::RemoveDomain).await,
        Action::RotateRoot(args) => domain_root::rotate(app, args).await,
        Action::ReplaceRoot(args) => domain_root::replace(app, args).await,
        Action::VetoRoot(args) => domain_root::veto(app, args).await,
        Action::Report(args) => domain_fork::report(app, args).await,
        Action::Resolve(args) => domain_fork::resolve(app, args).await,
        Action::Rules(args) => domain_rules::run(args, app).await,
    }
}

async fn standing(app: &App, args: StandingArgs, body: fn(DomainStanding) -> ProposalBody) -> Result<(), Failure> {
    let StandingArgs { name: domain, reason, proposing } = args;
    let client = app.client()?;
    let body = body(DomainStanding { domain, reason });
    propose(app, &client, body, Signers::default(), &proposing).await
}

/// A domain in a list.
#[derive(Debug, serde::Serialize)]
struct DomainRow(DomainView);

impl Row for DomainRow {
    fn columns(wide: bool) -> Vec<&'static str> {
        let mut columns = vec!["name", "title", "status", "home", "parent"];
        if wide {
            columns.extend(["epoch", "sealed commands", "roster version", "admitted"]);
        }
        columns
    }
    fn cells(&self, wide: bool) -> Vec<String> {
        let domain = &self.0;
        let parent = domain.parent.as_ref().map_or_else(String::new, ToString::to_string);
        let mut cells =
            vec![domain.name.to_string(), domain.title.clone(), domain.status.clone(), home(domain), parent];
        if wide {
            let numbers = [domain.epoch, domain.sealed_commands, domain.roster_version, domain.admitted_index];
            cells.extend(numbers.map(|number| number.to_string()));
        }
        cells
    }
    fn name(&self) -> String {
        self.0.name.to_string()
    }
}

fn home(domain: &DomainView) -> String {
    domain.home_node_id.map_or_else(|| "none".to_owned(), |node| format!("node {node}"))
}

async fn list(app: &App) -> Result<(), Failure> {
    let listing = app.client()?.domains().await?;
    let rows: Vec<DomainRow> = listing.items.into_iter().map(DomainRow).collect();
    if rows.is_empty() {
        app.note("the mesh has no domain yet; the council admits one: `mesh domain admit`");
    }
    app.output().list("domains", &rows, serde_json::json!({ "cut": listing.cut, "freshness": listing.freshness }))
}

/// A domain, and what names its root where files are compared with it.
#[derive(Debug, Serialize)]
struct Shown {
    #[serde(flatten)]
    domain: DomainView,
    root_digest: Digest,
    /// Its feeds as the node at hand holds them, and who else does.
    feeds: Vec<HeldFeed>,
}

async fn show(app: &App, name: &DomainName) -> Result<(), Failure> {
    let client = app.client()?;
    let domain = client.domain(name, None).await?;
    let feeds = client.status().await?.held_feeds.into_iter().filter(|feed| feed.domain == *name).collect();
    let (_, _, root_digest) = Replaced::root(&domain).source();
    let shown = Shown { domain, root_digest, feeds };
    app.output().one(&shown, name.as_str(), |style| {
        use std::fmt::Write as _;
        let domain = &shown.domain;
        let mut text = format!("{}  {}\n", style.bold(domain.name.as_str()), printable(&domain.title));
        let mut line = |label: &str, value: &str| writeln!(text, "{label:<16}{value}").expect("writing to a string");
        if !domain.description.is_empty() {
            line("description", &printable(&domain.description));
        }
        for responsibility in &domain.responsibilities {
            line("answers for", &printable(responsibility));
        }
        if let Some(parent) = &domain.parent {
            line("parent", parent.as_str());
        }
        line("status", &domain.status);
        line("home", &format!("{}, epoch {}, {} commands sealed", home(domain), domain.epoch, domain.sealed_commands));
        if let Some(head) = &domain.feed_head {
            line("anchored", &format!("{} events at ledger index {}", head.events, head.ledger_index));
        }
        if let Some(fork) = &domain.fork {
            let who = format!("node {} signed two histories of epoch {}", fork.node_id, fork.epoch);
            line("forked", &format!("{who}: ledger index {}", fork.ledger_index));
            for head in &fork.heads {
                line("", &format!("{} events with root {}", head.events, head.root));
            }
        }
        for feed in &shown.feeds {
            line("feed", &copies(feed));
        }
        line("root", &format!("{} of {} keys", domain.root_threshold, domain.root_keys.len()));
        for key in &domain.root_keys {
            line("", &named(key));
        }
        line("root digest", &shown.root_digest.to_string());
        line("roster", &format!("version {}", domain.roster_version));
        for entry in &domain.roster {
            let until = entry.revoked_index.map_or_else(String::new, |index| format!(", revoked at {index}"));
            line("", &format!("{} since {}{until}: {}", entry.role, entry.granted_index, named(&entry.key)));
        }
        text
    })
}

/// A feed and its copies in one line.
fn copies(feed: &HeldFeed) -> String {
    let how = if feed.written_here { "written" } else { "copied" };
    let behind = match feed.known_size.saturating_sub(feed.size) {
        0 => String::new(),
        behind => format!(", {behind} behind"),
    };
    let here = format!("epoch {}, {} events {how} on this node{behind}", feed.epoch, feed.size);
    let others: Vec<String> = (feed.holders.iter())
        .map(|one| match feed.known_size.saturating_sub(one.size) {
            0 => format!("node {}", one.node_id),
            behind => format!("node {} ({behind} behind)", one.node_id),
        })
        .collect();
    if others.is_empty() {
        return format!("{here}; no other node is known to hold it");
    }
    format!("{here}; also on {}", others.join(", "))
}

impl AdmitArgs {
    /// The one domain of the command line.
    fn entry(&self) -> DomainEntry {
        DomainEntry {
            name: self.name.clone().expect("clap demands the name without --file"),
            title: self.title.clone(),
            description: self.description.clone(),
            responsibilities: self.responsibilities.clone(),
            parent: self.parent.clone(),
            root_keys: self.root_keys.iter().chain(&self.root_public).cloned().collect(),
            root_threshold: Some(self.root_threshold),
            roles: self.roles.clone(),
            delegate: self.delegate,
        }
    }
}

async fn admit(app: &App, args: AdmitArgs) -> Result<(), Failure> {
    let (entries, folder) = if let Some(path) = &args.file {
        let file = DomainFile::parse(&files::read_text(path)?)
            .map_err(|error| Failure::new(Code::InvalidFile, error).within(path.display()))?;
        (file.domain, path.parent().unwrap_or(Path::new(".")).to_owned())
    } else {
        (vec![args.entry()], PathBuf::new())
    };
    if entries.len() > limits::ADMIT_LIST {
        let message = format!("{} domains at once; one command admits at most {}", entries.len(), limits::ADMIT_LIST);
        return Err(Failure::new(Code::TooLarge, message).hint("split the file"));
    }
    let mut signers = Signers::default();
    // Council members sign first: one of them is the author.
    signers.add_files(&args.signing.council_keys)?;
    let domains =
        entries.into_iter().map(|entry| admission(entry, &folder, &mut signers)).collect::<Result<Vec<_>, _>>()?;
    let names: Vec<String> = domains.iter().map(|domain| domain.name.to_string()).collect();
    let client = app.client()?;
    let council = client.council().await?;
    let body = Body::AdmitDomains(AdmitDomains { domains, council_version: council.version });
    let deciders = Deciders::Council(council.council);
    let acknowledgement = governance::decide(app, &client, body, &deciders, signers, &args.signing).await?;
    governance::report(app, &format!("admitted {}", names.join(", ")), acknowledgement.as_ref());
    Ok(())
}

fn admission(entry: DomainEntry, folder: &Path, signers: &mut Signers) -> Result<DomainAdmission, Failure> {
    let name = entry.name;
    if entry.root_keys.is_empty() {
        let message = format!("the domain {name} has no root key; somebody has to speak for it");
        return Err(
            Failure::new(Code::Usage, message).hint("--root-key FILE or --root-public KEY; in a file: root_keys")
        );
    }
    let mut public = |key: KeyArgument| {
        let public = key.public();
        if let Some(keypair) = key.private() {
            signers.add(keypair);
        }
        public
    };
    let mut root_keys = Vec::new();
    for key in &entry.root_keys {
        root_keys.push(public(KeyArgument::parse(key, folder)?));
    }
    let mut roles = Vec::new();
    for grant in &entry.roles {
        let (key, role) = parse_grant(grant, folder)?;
        roles.push(RoleGrant { key: public(key), role });
    }
    let title = if entry.title.is_empty() { name.to_string() } else { entry.title };
    Ok(DomainAdmission {
        name,
        title,
        description: entry.description,
        responsibilities: entry.responsibilities,
        parent: entry.parent,
        root_keys,
        root_threshold: entry.root_threshold.unwrap_or(1),
        roles,
        delegate: entry.delegate,
    })
}

/// With `seal`, the home is asked to stop first; without, it may be gone.
async fn delegate(app: &App, args: DelegateArgs, seal: bool) -> Result<(), Failure> {
    let client = app.client()?;
    let domain = client.domain(&args.name, None).await?;
    let mut signers = Signers::default();
    signers.add_files(&args.root_keys)?;
    let rules = tokio::time::timeout(ASKING, client.domain_rules(&args.name)).await;
    let epoch = domain.epoch + 1;
    let (base_size, base_root) = if seal {
        let end = client.seal_feed(&args.name, domain.epoch, &signers.as_dyn()).await?;
        if end.waiting > 0 {
            app.note(format!("{} commands wait for the ledger; node {} takes them over", end.waiting, args.to));
        }
        (end.size, end.root)
    } else {
        known_end(&client, &domain).await?
    };
    let body =
        Body::DelegateNode(DelegateNode { domain: args.name.clone(), node_id: args.to, epoch, base_size, base_root });
    let deciders = Deciders::root_of(&domain);
    let acknowledgement = governance::decide(app, &client, body, &deciders, signers, &args.signing).await?;
    governance::report(
        app,
        &format!("node {} writes {} as epoch {epoch}", args.to, args.name),
        acknowledgement.as_ref(),
    );
    if acknowledgement.is_none() {
        return Ok(());
    }
    let lost = match rules {
        Ok(Ok(rules)) if rules.rules.is_empty() => return Ok(()),
        Ok(Ok(rules)) => match domain_rules::carry_over(app, &client, &rules, epoch, args.root_keys).await {
            Ok(set) => {
                app.note(format!("its own rules went along (set {}, event {} of its feed)", set.number, set.seq));
                return Ok(());
            }
            Err(failure) => failure.message,
        },
        // A domain without a home had none.
        _ if domain.home_node_id.is_none() => return Ok(()),
        Ok(Err(error)) => error.message,
        Err(_) => "its home did not answer in time".to_owned(),
    };
    let name = &args.name;
    app.warn(format!(
        "rules that {name} had of its own did not go along: {lost}; `mesh domain rules set {name} FILE...` sets them again"
    ));
    Ok(())
}

/// What the next epoch continues from when the home is not asked to stop: the most that any other node holds under the home's signature,
/// or that the ledger knows. A copy that is longer than the one at hand may have acknowledged commands that are nowhere else. What only
/// the home has is none of it: the next one could not go on until it is back, and then it offers that by itself.
async fn known_end(client: &Client, domain: &DomainView) -> Result<(u64, Option<Digest>), Failure> {
    let mut end = sealed_head(client, domain).await?;
    let Some(home) = domain.home_node_id else { return Ok(end) };
    let nodes = client.known_nodes().await?.items;
    let others = nodes.iter().filter(|node| node.record.node_id != home && node.standing != "revoked");
    // The nodes of the context may have other addresses there than in the ledger.
    let mut addresses: Vec<&str> = client.nodes().collect();
    addresses.extend(others.map(|node| node.record.api_address.as_str()));
    let asked = addresses.into_iter().map(|address| async move {
        let node = client.of_node(address).ok()?;
        tokio::time::timeout(ASKING, node.feed_end(&domain.name)).await.ok()?.ok()
    });
    let held: Vec<Option<FeedEnd>> = futures::stream::iter(asked).buffer_unordered(ASKED).collect().await;
    for held in held.into_iter().flatten().filter(|held| held.from_node_id != home && held.epoch == domain.epoch) {
        if held.size > end.0 {
            end = (held.size, held.root);
        }
    }
    Ok(end)
}

/// How far the ledger knows the feed of the epoch in force: what the next epoch continues from. Heads are taken only with
/// the signature of the node that the domain delegated.
async fn sealed_head(client: &Client, domain: &DomainView) -> Result<(u64, Option<Digest>), Failure> {
    let (Some(home), true) = (domain.home_node_id, domain.sealed_commands > 0) else { return Ok((0, None)) };
    let mesh = client.mesh().await?;
    let nodes = client.node_records().await?.items;
    let node = nodes.iter().find(|node| node.node_id == home).ok_or_else(|| {
        Failure::new(Code::UnknownNode, format!("the node doesn't know node {home}, which writes {}", domain.name))
    })?;
    let feed = FeedId { domain: domain.name.clone(), epoch: domain.epoch };
    let mut entries = std::pin::pin!(client.ledger_entries(domain.admitted_index, None, false));
    let mut base = (0, None);
    while let Some(entry) = entries.next().await {
        let (index, bytes) = entry?;
        let leaf = LedgerLeaf::decode(&bytes)
            .map_err(|error| Failure::new(Code::Malformed, format!("ledger leaf {index}: {error}")))?;
        let note = leaf.head_note.clone().or_else(|| anchored(&leaf, &feed));
        let head = note.and_then(|note| FeedHead::verify(&note, &mesh.id, &feed, &node.key).ok());
        if let Some(head) = head.filter(|head| head.size > base.0) {
            base = (head.size, Some(Digest(*head.root.as_bytes())));
        }
    }
    Ok(base)
}

/// The head that a leaf anchors, if it is of this feed and was accepted.
fn anchored(leaf: &LedgerLeaf, feed: &FeedId) -> Option<Vec<u8>> {
    let LeafEntry::Envelope(bytes) = &leaf.entry else { return None };
    let envelope = Envelope::parse(bytes.clone()).ok()?;
    match Command::decode(envelope.payload()).ok()?.body {
        Body::FeedAnchor(body) if leaf.outcome.code == Code::Accepted && body.domain == feed.domain => {
            Some(body.head_note)
        }
        _ => None,
    }
}
