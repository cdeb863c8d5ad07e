//! `mesh role`: who may do what in a domain.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use mesh_client::{Client, RosterEntry};
use mesh_event::Body;
use mesh_event::command::{GrantRole, RevokeKey, RoleGrant};
use mesh_model::{DomainName, PublicKey, Role};
use serde::Serialize;

use crate::app::App;
use crate::failure::Failure;
use crate::governance::{self, Deciders, SigningArgs};
use crate::key_argument::{KeyArgument, Signers};
use crate::output::Row;

/// Roles: what keys may do in a domain, or in the whole mesh.
#[derive(Debug, Args)]
pub(crate) struct RoleArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Grants a role to a key; the domain's root decides, or the council for the whole mesh
    Grant {
        /// Whose: a public key, or a private key file, which then proves that somebody holds it
        holder: String,
        /// Which: data-product-owner, domain-data-engineer, data-mesh-architect, data-governance-steward or data-platform-engineer
        role: Role,
        #[command(flatten)]
        scope: Scope,
    },
    /// Revokes every right that a key has in a domain, or its mesh-wide roles; it can't be undone
    Revoke {
        /// Whose: a public key, or a key file
        holder: String,
        /// Why: everybody can read it for ever
        #[arg(long, default_value = "")]
        reason: String,
        #[command(flatten)]
        scope: Scope,
    },
    /// Lists role holders, of one domain or of the whole mesh
    List {
        /// Only of this domain
        #[arg(long, add = crate::completer::domains())]
        domain: Option<DomainName>,
    },
}

#[derive(Debug, Args)]
struct Scope {
    /// In which domain
    #[arg(long, required_unless_present = "mesh_wide", conflicts_with = "mesh_wide", add = crate::completer::domains())]
    domain: Option<DomainName>,
    /// In the whole mesh
    #[arg(long)]
    mesh_wide: bool,
    /// A private root key of the domain. Repeatable
    #[arg(long = "root-key", value_name = "FILE")]
    root_keys: Vec<PathBuf>,
    #[command(flatten)]
    signing: SigningArgs,
}

#[derive(Debug, Serialize)]
struct RoleRow {
    /// `None` for the whole mesh.
    domain: Option<DomainName>,
    #[serde(flatten)]
    entry: RosterEntry,
}

impl Row for RoleRow {
    fn columns(wide: bool) -> Vec<&'static str> {
        let mut columns = vec!["domain", "role", "fingerprint", "granted", "revoked"];
        if wide {
            columns.push("key");
        }
        columns
    }
    fn cells(&self, wide: bool) -> Vec<String> {
        let domain = self.domain.as_ref().map_or_else(|| "(mesh)".to_owned(), ToString::to_string);
        let revoked = self.entry.revoked_index.map_or_else(String::new, |index| index.to_string());
        let (role, granted) = (self.entry.role.to_string(), self.entry.granted_index.to_string());
        let mut cells = vec![domain, role, self.entry.key.fingerprint(), granted, revoked];
        if wide {
            cells.push(self.entry.key.to_string());
        }
        cells
    }
    fn name(&self) -> String {
        self.entry.key.to_string()
    }
}

pub(crate) async fn run(args: RoleArgs, app: &App) -> Result<(), Failure> {
    match args.action {
        Action::Grant { holder, role, scope } => grant(app, &holder, role, scope).await,
        Action::Revoke { holder, reason, scope } => revoke(app, &holder, reason, scope).await,
        Action::List { domain } => list(app, domain).await,
    }
}

async fn grant(app: &App, holder: &str, role: Role, scope: Scope) -> Result<(), Failure> {
    if scope.mesh_wide && !role.may_be_mesh_wide() {
        return Err(Failure::usage(format!("{role} is a role of one domain; expected --domain DOMAIN")));
    }
    let holder = KeyArgument::parse(holder, Path::new(""))?;
    let key = holder.public();
    let client = app.client()?;
    let (deciders, roster_version) = deciders(&client, scope.domain.as_ref()).await?;
    let mut signers = Signers::default();
    signers.add_files(&scope.root_keys)?;
    signers.add_files(&scope.signing.council_keys)?;
    if let Some(keypair) = holder.private() {
        signers.add(keypair);
    }
    let place = place(scope.domain.as_ref());
    let body = Body::GrantRole(GrantRole { domain: scope.domain, grant: RoleGrant { key, role }, roster_version });
    let acknowledgement = governance::decide(app, &client, body, &deciders, signers, &scope.signing).await?;
    governance::report(app, &format!("{} is {role} in {place}", key.fingerprint()), acknowledgement.as_ref());
    Ok(())
}

async fn revoke(app: &App, holder: &str, reason: String, scope: Scope) -> Result<(), Failure> {
    let key = KeyArgument::parse(holder, Path::new(""))?.public();
    let client = app.client()?;
    let (deciders, roster_version) = deciders(&client, scope.domain.as_ref()).await?;
    let mut signers = Signers::default();
    signers.add_files(&scope.root_keys)?;
    let place = place(scope.domain.as_ref());
    app.confirm(&format!("revoke every right of {} in {place}, for ever?", key.fingerprint())).await?;
    let body = Body::RevokeKey(RevokeKey { domain: scope.domain, key, reason, roster_version });
    let acknowledgement = governance::decide(app, &client, body, &deciders, signers, &scope.signing).await?;
    governance::report(app, &format!("{} is revoked in {place}", key.fingerprint()), acknowledgement.as_ref());
    Ok(())
}

fn place(domain: Option<&DomainName>) -> String {
    domain.map_or_else(|| "the whole mesh".to_owned(), ToString::to_string)
}

/// Who decides about roles there, and the version that the command has to name.
async fn deciders(client: &Client, domain: Option<&DomainName>) -> Result<(Deciders, u64), Failure> {
    if let Some(name) = domain {
        let domain = client.domain(name, None).await?;
        return Ok((Deciders::root_of(&domain), domain.roster_version));
    }
    let council = client.council().await?;
    Ok((Deciders::Council(council.council), council.mesh_roster_version))
}

async fn list(app: &App, domain: Option<DomainName>) -> Result<(), Failure> {
    let client = app.client()?;
    let mut rows = Vec::new();
    let mut add = |domain: Option<DomainName>, roster: Vec<RosterEntry>| {
        rows.extend(roster.into_iter().map(|entry| RoleRow { domain: domain.clone(), entry }));
    };
    if let Some(name) = domain {
        let domain = client.domain(&name, None).await?;
        add(Some(name), domain.roster);
    } else {
        add(None, client.council().await?.mesh_roles);
        for domain in client.domains().await?.items {
            add(Some(domain.name), domain.roster);
        }
    }
    rows.sort_by_key(|row: &RoleRow| -> (Option<DomainName>, PublicKey, Role) {
        (row.domain.clone(), row.entry.key, row.entry.role)
    });
    app.output().list("roles", &rows, serde_json::json!({ "cut": false }))
}
