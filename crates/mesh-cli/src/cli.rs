//! The tree of commands and global flags.

use clap::{Parser, Subcommand};

use crate::app::GlobalArgs;
use crate::commands;

/// A federated data mesh: publish, find and govern data products.
#[derive(Debug, Parser)]
#[command(name = "mesh", version, propagate_version = true, max_term_width = 110, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) globals: GlobalArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// All commands. Each lives in the file of its name under `commands/`.
#[derive(Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "there is one value, made once")]
pub(crate) enum Command {
    /// Manage domains: list, show, admit, delegate
    Domain(commands::domain::DomainArgs),
    /// Found a mesh, step by step: draft, join, sign, seal
    Genesis(commands::genesis::GenesisArgs),
    /// Sign a command file, off-line if you like
    Sign(commands::sign::SignArgs),
    /// Submit a signed command file
    Submit(commands::submit::SubmitArgs),
}
