//! `mesh waiver`: letting a product or a domain off a standard for some time.

use clap::{Args, Subcommand};
use mesh_client::standards::WaiverView;
use mesh_event::proposal::{ProposalBody, RevokeWaiver, Waive, WaiverScope};
use mesh_model::{DomainName, LedgerIndex, Name, ProductId};
use serde_json::json;

use crate::app::App;
use crate::failure::Failure;
use crate::key_argument::Signers;
use crate::output::{Row, printable};
use crate::proposing::{ProposingArgs, in_days, propose};
use crate::time;

/// Waivers: the council lets a product or a domain off a standard for some time.
#[derive(Debug, Args)]
pub(crate) struct WaiverArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Lists the waivers that hold
    List {
        /// Those that ended, too
        #[arg(long)]
        all: bool,
    },
    /// Proposes a waiver
    Propose {
        /// The standard's id
        standard: Name,
        /// For one product
        #[arg(long, value_name = "DOMAIN/NAME", required_unless_present = "domain", conflicts_with = "domain")]
        product: Option<ProductId>,
        /// For all products of a domain
        #[arg(long)]
        domain: Option<DomainName>,
        /// Why
        #[arg(long, value_parser = clap::builder::NonEmptyStringValueParser::new())]
        reason: String,
        /// For how long, in days from now
        #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=366))]
        days: u64,
        #[command(flatten)]
        proposing: ProposingArgs,
    },
    /// Proposes to take a waiver back
    Revoke {
        /// The ledger index that granted it
        index: LedgerIndex,
        /// Why
        #[arg(long, value_parser = clap::builder::NonEmptyStringValueParser::new())]
        reason: String,
        #[command(flatten)]
        proposing: ProposingArgs,
    },
}

impl Row for WaiverView {
    fn columns(wide: bool) -> Vec<&'static str> {
        let mut columns = vec!["index", "standard", "for", "until", "why"];
        if wide {
            columns.extend(["granted", "taken back at"]);
        }
        columns
    }
    fn cells(&self, wide: bool) -> Vec<String> {
        let mut cells = vec![
            self.index.to_string(),
            self.standard.clone(),
            self.scope.clone(),
            time::show(self.expires_unix_ms),
            printable(&self.reason),
        ];
        if wide {
            let revoked = self.revoked_index.map_or_else(String::new, |index| index.to_string());
            cells.extend([time::show(self.granted_unix_ms), revoked]);
        }
        cells
    }
    fn name(&self) -> String {
        self.index.to_string()
    }
}

pub(crate) async fn run(args: WaiverArgs, app: &App) -> Result<(), Failure> {
    let client = app.client()?;
    match args.action {
        Action::List { all } => {
            let listing = client.waivers(all).await?;
            app.output().list("waivers", &listing.items, json!({ "freshness": listing.freshness }))?;
            if listing.items.is_empty() {
                app.note("no waiver holds");
            }
            Ok(())
        }
        Action::Propose { standard, product, domain, reason, days, proposing } => {
            let scope = match (product, domain) {
                (Some(product), _) => WaiverScope::Product(product),
                (None, Some(domain)) => WaiverScope::Domain(domain),
                (None, None) => return Err(Failure::usage("expected --product or --domain")),
            };
            let body = ProposalBody::Waive(Waive { standard, scope, reason, expires_unix_ms: in_days(days) });
            propose(app, &client, body, Signers::default(), &proposing).await
        }
        Action::Revoke { index, reason, proposing } => {
            let body = ProposalBody::RevokeWaiver(RevokeWaiver { waiver: index, reason });
            propose(app, &client, body, Signers::default(), &proposing).await
        }
    }
}
