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

/// All commands, in the order of a product's life. Each lives in the file of its name under `commands/`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a whole mesh on this machine
    Up(commands::up::UpArgs),
    /// Stop the local mesh
    Down(commands::down::DownArgs),
    /// Make a folder for a new product
    New(commands::new::NewArgs),
    /// Fill this folder with a product's files
    Init(commands::init::InitArgs),
    /// Check product files without publishing
    Validate(commands::validate::ValidateArgs),
    /// Show what apply would do, field by field
    Plan(commands::plan::PlanArgs),
    /// Plan, sign and publish products; idempotent
    Apply(commands::apply::ApplyArgs),
    /// Show everything about a product
    Show(commands::show::ShowArgs),
    /// List products
    List(commands::list::ListArgs),
    /// Show what the ledger decided about a product or domain
    History(commands::history::HistoryArgs),
    /// Compare two versions, or a file with what is sealed
    Diff(commands::diff::DiffArgs),
    /// Compare versions of a JSON or Avro schema
    Schema(commands::schema::SchemaArgs),
    /// Search products
    Search(commands::search::SearchArgs),
    /// What a product is made of, and what is made of it
    Lineage(commands::lineage::LineageArgs),
    /// Who breaks when a product, or a port or field of it, changes or goes
    Impact(commands::lineage::ImpactArgs),
    /// The guide's measures of success, from the history alone, for any moment
    Insights(commands::insights::InsightsArgs),
    /// Quality and service levels: run rules over data; budgets, incidents, history
    Quality(commands::quality::QualityArgs),
    /// Access to products: ask, answer, approve in advance, check; tokens for gateways
    Access(commands::access::AccessArgs),
    /// Mark a product or version as deprecated
    Deprecate(commands::deprecate::DeprecateArgs),
    /// End a product or version for ever
    Retire(commands::retire::RetireArgs),
    /// Import products from elsewhere
    Import(commands::import::ImportArgs),
    /// Write a product as ODPS, ODCS or HCL, or its original file
    Export(commands::export::ExportArgs),
    /// Manage domains: list, show, admit, delegate, suspend, root keys, own rules
    Domain(commands::domain::DomainArgs),
    /// Manage roles: grant, revoke, list
    Role(commands::role::RoleArgs),
    /// Who holds which rights: list, request, offboard
    Member(commands::member::MemberArgs),
    /// Show who decides for the whole mesh, or propose others
    Council(commands::council::CouncilArgs),
    /// Council matters: open, list, show, approve, reject, comment
    Proposal(commands::proposal::ProposalArgs),
    /// Global standards: write, test, preview, propose, comply
    Standard(commands::standard::StandardArgs),
    /// Words and identifiers across domains: list, show
    Term(commands::term::TermArgs),
    /// Let products off a standard for some time
    Waiver(commands::waiver::WaiverArgs),
    /// Check product files against rules on this machine
    Policy(commands::policy::PolicyArgs),
    /// Erase an attachment on every node, for ever
    Erase(commands::erase::EraseArgs),
    /// Sign a command file, off-line if you like
    Sign(commands::sign::SignArgs),
    /// Submit a signed command file
    Submit(commands::submit::SubmitArgs),
    /// Read, export and check the governance ledger
    Ledger(commands::ledger::LedgerArgs),
    /// Found a mesh, step by step: draft, join, sign, seal
    Genesis(commands::genesis::GenesisArgs),
    /// Nodes: init, record, list, backup, restore
    Node(commands::node::NodeArgs),
    /// Show how the nodes are
    Status(commands::status::StatusArgs),
    /// Find out why something does not work, or does not show
    Doctor(commands::doctor::DoctorArgs),
    /// Manage private keys: new, show, list, encrypt, decrypt
    Key(commands::key::KeyArgs),
    /// Manage contexts: add, use, list, remove, show
    Context(commands::context::ContextArgs),
    /// Show what your key may do
    Whoami(commands::whoami::WhoamiArgs),
    /// Ask whether a key may do something
    Can(commands::can::CanArgs),
    /// Explain an error code or a field
    Explain(commands::explain::ExplainArgs),
    /// Print the completion script of a shell
    Completion(commands::completion::CompletionArgs),
    /// Write the manual pages
    Man(commands::man::ManArgs),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    /// Ids that clash and the like panic only when their command is run.
    #[test]
    fn every_command_fits_the_tree() {
        super::Cli::command().debug_assert();
    }
}
