//! `mesh member list`: by key, what it holds and where.

use std::collections::BTreeMap;

use mesh_client::{Client, CouncilView, DomainView, RosterEntry};
use mesh_model::{DomainName, LedgerIndex, PublicKey};
use serde::Serialize;

use crate::app::App;
use crate::failure::Failure;
use crate::output::Row;

/// A right that a key holds now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Right {
    /// `council-seat`, `domain-root`, or a role.
    pub(super) kind: String,
    /// Where: `None` for the whole mesh.
    pub(super) domain: Option<DomainName>,
    /// The seat's name, of a council seat.
    pub(super) seat: Option<String>,
    /// The leaf that granted it, of a role.
    pub(super) granted_index: Option<LedgerIndex>,
}

impl Right {
    fn role(entry: &RosterEntry, domain: Option<&DomainName>) -> Option<Self> {
        (entry.revoked_index.is_none()).then(|| Self {
            kind: entry.role.to_string(),
            domain: domain.cloned(),
            seat: None,
            granted_index: Some(entry.granted_index),
        })
    }

    /// For people: what and where.
    pub(super) fn told(&self) -> String {
        match (&self.seat, &self.domain) {
            (Some(seat), None) => format!("council seat {seat}"),
            (Some(seat), Some(domain)) => format!("council seat {seat} of {domain}"),
            (None, Some(domain)) if self.kind == ROOT => format!("root of {domain}"),
            (None, Some(domain)) => format!("{} in {domain}", self.kind),
            (None, None) => format!("{} in the whole mesh", self.kind),
        }
    }
}

pub(super) const SEAT: &str = "council-seat";
pub(super) const ROOT: &str = "domain-root";

/// Every right that is held now, by key.
pub(super) type Rights = BTreeMap<PublicKey, Vec<Right>>;

/// Who holds what, from the council and the domains.
pub(super) fn rights(council: &CouncilView, domains: &[DomainView]) -> Rights {
    let mut rights = Rights::new();
    let mut add = |key: PublicKey, right: Right| rights.entry(key).or_default().push(right);
    for seat in &council.council.seats {
        let (name, domain) = (Some(seat.name.clone()), seat.domain.clone());
        add(seat.key, Right { kind: SEAT.to_owned(), domain, seat: name, granted_index: None });
    }
    for entry in &council.mesh_roles {
        if let Some(right) = Right::role(entry, None) {
            add(entry.key, right);
        }
    }
    for domain in domains {
        for key in &domain.root_keys {
            let kind = ROOT.to_owned();
            add(*key, Right { kind, domain: Some(domain.name.clone()), seat: None, granted_index: None });
        }
        for entry in &domain.roster {
            if let Some(right) = Right::role(entry, Some(&domain.name)) {
                add(entry.key, right);
            }
        }
    }
    rights
}

/// The council, and the domains of the mesh.
///
/// # Errors
/// The transport's.
pub(super) async fn read(client: &Client) -> Result<(CouncilView, Vec<DomainView>), Failure> {
    Ok((client.council().await?, client.domains().await?.items))
}

#[derive(Debug, Serialize)]
struct MemberRow {
    key: PublicKey,
    fingerprint: String,
    rights: Vec<Right>,
}

impl Row for MemberRow {
    fn columns(wide: bool) -> Vec<&'static str> {
        if wide { vec!["fingerprint", "rights", "key"] } else { vec!["fingerprint", "rights"] }
    }
    fn cells(&self, wide: bool) -> Vec<String> {
        let rights: Vec<String> = self.rights.iter().map(Right::told).collect();
        let mut cells = vec![self.fingerprint.clone(), rights.join("; ")];
        if wide {
            cells.push(self.key.to_string());
        }
        cells
    }
    fn name(&self) -> String {
        self.key.to_string()
    }
}

pub(super) async fn list(app: &App, domain: Option<&DomainName>) -> Result<(), Failure> {
    let client = app.client()?;
    let (council, mut domains) = read(&client).await?;
    if let Some(name) = domain {
        // A name that nobody has is an error and no empty list.
        domains = vec![client.domain(name, None).await?];
    }
    let held = rights(&council, &domains).into_iter().filter_map(|(key, mut rights)| {
        rights.retain(|right| domain.is_none() || right.domain.as_ref() == domain);
        (!rights.is_empty()).then(|| MemberRow { key, fingerprint: key.fingerprint(), rights })
    });
    let mut rows: Vec<MemberRow> = held.collect();
    // Keys are random: people look for the council, then for domains.
    rows.sort_by_key(|row| (row.rights[0].kind != SEAT, row.rights[0].told(), row.key));
    app.output().list("members", &rows, serde_json::json!({ "cut": false, "freshness": council.freshness }))
}
