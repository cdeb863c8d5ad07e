//! `mesh member offboard`: takes a key out.

use std::path::{Path, PathBuf};

use clap::Args;
use mesh_client::{Client, CouncilView, DomainView, ListQuery, RosterEntry};
use mesh_event::Body;
use mesh_event::command::OffboardMember;
use mesh_model::{Code, DomainName, PublicKey, Role};

use super::member_list::{ROOT, Right, SEAT, read, rights};
use crate::app::App;
use crate::command_file::named;
use crate::failure::Failure;
use crate::governance::{self, Deciders, SigningArgs};
use crate::key_argument::{KeyArgument, Signers};
use crate::output::{print_stderr, printable};

/// How many products of a domain are named.
const NAMED: usize = 5;

#[derive(Debug, Args)]
pub(super) struct OffboardArgs {
    /// Whose: a public key, or a key file
    holder: String,
    /// Only out of this domain; its root decides
    #[arg(long, add = crate::completer::domains())]
    domain: Option<DomainName>,
    /// A private root key of the domain. Repeatable
    #[arg(long = "root-key", value_name = "FILE", requires = "domain")]
    root_keys: Vec<PathBuf>,
    /// Why; it stays in the ledger. Never a person's name
    #[arg(long, value_parser = clap::builder::NonEmptyStringValueParser::new())]
    reason: String,
    #[command(flatten)]
    signing: SigningArgs,
}

pub(super) async fn offboard(app: &App, args: OffboardArgs) -> Result<(), Failure> {
    let key = KeyArgument::parse(&args.holder, Path::new(""))?.public();
    let client = app.client()?;
    let (council, mut domains) = read(&client).await?;
    if let Some(name) = &args.domain {
        domains = vec![client.domain(name, None).await?];
    }
    let ends = what_ends(&key, &council, &domains, args.domain.as_ref())?;
    // Shown even with -q: nobody signs unread.
    print_stderr(&format!("takes out       {}\n", named(&key)));
    for right in &ends {
        print_stderr(&format!("ends            {}\n", printable(&right.told())));
    }
    refuse_orphans(&client, &key, &domains).await?;
    let deciders = match args.domain.as_ref() {
        Some(_) => Deciders::root_of(&domains[0]),
        None => Deciders::Council(council_without(&key, &council)?),
    };
    let version = if args.domain.is_some() { domains[0].roster_version } else { council.version };
    app.confirm(&format!("take {} out, for ever?", key.fingerprint())).await?;
    let mut signers = Signers::default();
    signers.add_files(&args.root_keys)?;
    let place = args.domain.as_ref().map_or_else(|| "everything".to_owned(), ToString::to_string);
    let body = Body::OffboardMember(OffboardMember { key, domain: args.domain, reason: args.reason, version });
    let acknowledgement = governance::decide(app, &client, body, &deciders, signers, &args.signing).await?;
    governance::report(app, &format!("{} is out of {place}", key.fingerprint()), acknowledgement.as_ref());
    Ok(())
}

/// What the key holds there, if there is something that offboarding ends.
fn what_ends(
    key: &PublicKey,
    council: &CouncilView,
    domains: &[DomainView],
    domain: Option<&DomainName>,
) -> Result<Vec<Right>, Failure> {
    let mut held = rights(council, domains).remove(key).unwrap_or_default();
    if let Some(root) = held.iter().find(|right| right.kind == ROOT).and_then(|right| right.domain.as_ref()) {
        let message = format!("{} is a root key of {root}; that is not ended by offboarding", named(key));
        let hint = format!("`mesh domain rotate-root {root}` puts other keys in its place");
        return Err(Failure::new(Code::KeyInUse, message).hint(hint));
    }
    held.retain(|right| domain.is_none() || (right.domain.as_ref() == domain && right.kind != SEAT));
    if held.is_empty() {
        let place = domain.map_or_else(|| "in this mesh".to_owned(), |name| format!("in {name}"));
        let message = format!("{} holds neither a role nor a seat {place}", named(key));
        return Err(Failure::new(Code::UnknownKey, message).hint("`mesh member list` shows who holds what"));
    }
    Ok(held)
}

/// The seats that decide: all but the key's own, and as many of them as before.
fn council_without(key: &PublicKey, view: &CouncilView) -> Result<mesh_event::Council, Failure> {
    let mut council = view.council.clone();
    council.seats.retain(|seat| seat.key != *key);
    let (left, threshold) = (council.seats.len(), council.threshold);
    if left < threshold as usize {
        let message = format!("{left} seats would be left for a threshold of {threshold}");
        return Err(Failure::new(Code::CouncilLockedOut, message)
            .hint("`mesh council amend` fills the seat anew, or changes the threshold"));
    }
    Ok(council)
}

/// Refuses when a domain would have no product owner left, and says which products that are.
async fn refuse_orphans(client: &Client, key: &PublicKey, domains: &[DomainView]) -> Result<(), Failure> {
    let mut problems = Vec::new();
    for domain in domains.iter().filter(|domain| domain.status != "removed" && is_last_owner(key, domain)) {
        let query = ListQuery { domain: domain.name.to_string(), ..ListQuery::default() };
        let products = client.products(&query).await?.items;
        let mut names: Vec<_> = products.iter().take(NAMED).map(|product| product.id.as_str()).collect();
        if products.len() > NAMED {
            names.push("…");
        }
        let what = if names.is_empty() { "no product yet".to_owned() } else { names.join(", ") };
        problems.push(format!("{} would have no {} left: {what}", domain.name, Role::DataProductOwner));
    }
    if problems.is_empty() {
        return Ok(());
    }
    let message = format!("{} is the last owner in {} of the domains; nothing was signed", named(key), problems.len());
    let hint =
        format!("grant the role to another key first: `mesh role grant KEY {} --domain …`", Role::DataProductOwner);
    Err(Failure::new(Code::LastRoot, message).problems(problems).hint(hint))
}

fn is_last_owner(key: &PublicKey, domain: &DomainView) -> bool {
    let owns = |entry: &&RosterEntry| entry.revoked_index.is_none() && entry.role == Role::DataProductOwner;
    let owners: Vec<&PublicKey> = domain.roster.iter().filter(owns).map(|entry| &entry.key).collect();
    !owners.is_empty() && owners.iter().all(|owner| *owner == key)
}
