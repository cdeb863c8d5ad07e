//! `mesh import`: products from elsewhere.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::app::App;
use crate::failure::Failure;
use crate::registry_import;

/// Arguments of `mesh import`.
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    #[command(subcommand)]
    from: From,
}

#[derive(Debug, Subcommand)]
enum From {
    /// The Registry of Open Data: every managing organisation becomes a domain, every record a product
    OpenDataRegistry(RegistryArgs),
}

/// Arguments of `mesh import open-data-registry`.
#[derive(Debug, Args)]
pub(crate) struct RegistryArgs {
    /// The registry's folder, or its folder of datasets
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// Read everything and say what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// A council member's private key; repeatable. The council admits the domains. Those of a local mesh are found by
    /// themselves
    #[arg(long = "council-key", value_name = "FILE")]
    pub(crate) council_keys: Vec<PathBuf>,
    /// Where the domains' private keys are kept: made here, mode 0600, and found again by the next import
    #[arg(long, value_name = "DIR")]
    pub(crate) keys: Option<PathBuf>,
    /// Longest silence of the mesh
    #[arg(long, value_parser = crate::time::parse_duration, default_value = "60s", value_name = "TIME")]
    pub(crate) timeout: std::time::Duration,
}

/// Imports.
///
/// # Errors
/// Exit 3 when records cannot be read: the others are imported all the same.
pub(crate) async fn run(args: ImportArgs, app: &App) -> Result<(), Failure> {
    match args.from {
        From::OpenDataRegistry(args) => registry_import::run(args, app).await,
    }
}
