//! One file per command: its arguments, and `run`.
#![expect(clippy::unused_async, reason = "every command has one shape, whether it waits for anything or not")]

use crate::app::App;
use crate::cli::Command;
use crate::failure::Failure;

pub(crate) mod access;
mod access_terms;
mod access_token;
pub(crate) mod apply;
pub(crate) mod can;
pub(crate) mod completion;
pub(crate) mod context;
pub(crate) mod council;
pub(crate) mod deprecate;
pub(crate) mod diff;
pub(crate) mod doctor;
pub(crate) mod domain;
mod domain_fork;
pub(crate) mod domain_root;
pub(crate) mod domain_rules;
pub(crate) mod down;
pub(crate) mod erase;
pub(crate) mod explain;
pub(crate) mod export;
pub(crate) mod genesis;
pub(crate) mod history;
pub(crate) mod import;
pub(crate) mod init;
pub(crate) mod insights;
pub(crate) mod key;
pub(crate) mod ledger;
pub(crate) mod ledger_audit;
pub(crate) mod ledger_proofs;
pub(crate) mod lineage;
pub(crate) mod list;
pub(crate) mod man;
pub(crate) mod member;
pub(crate) mod member_list;
pub(crate) mod member_offboard;
pub(crate) mod new;
pub(crate) mod node;
mod node_backup;
pub(crate) mod node_init;
pub(crate) mod node_refound;
mod observed;
pub(crate) mod plan;
pub(crate) mod policy;
pub(crate) mod proposal;
mod proposal_open;
pub(crate) mod quality;
mod quality_report;
mod quality_run;
mod quality_watch;
pub(crate) mod retire;
pub(crate) mod role;
pub(crate) mod schema;
pub(crate) mod search;
pub(crate) mod show;
pub(crate) mod sign;
pub(crate) mod standard;
pub(crate) mod status;
pub(crate) mod submit;
pub(crate) mod term;
pub(crate) mod up;
pub(crate) mod validate;
pub(crate) mod waiver;
pub(crate) mod whoami;

/// Runs a command.
///
/// # Errors
/// Whatever ends it without success.
pub(crate) async fn run(command: Command, app: &App) -> Result<(), Failure> {
    match command {
        Command::Apply(args) => apply::run(args, app).await,
        Command::Access(args) => access::run(args, app).await,
        Command::Lineage(args) => lineage::run(args, app).await,
        Command::Impact(args) => lineage::impact(args, app).await,
        Command::Insights(args) => insights::run(args, app).await,
        Command::Quality(args) => quality::run(args, app).await,
        Command::Can(args) => can::run(args, app).await,
        Command::Completion(args) => completion::run(args, app).await,
        Command::Context(args) => context::run(args, app).await,
        Command::Council(args) => council::run(args, app).await,
        Command::Deprecate(args) => deprecate::run(args, app).await,
        Command::Diff(args) => diff::run(args, app).await,
        Command::Domain(args) => domain::run(args, app).await,
        Command::Down(args) => down::run(args, app).await,
        Command::Erase(args) => erase::run(args, app).await,
        Command::Explain(args) => explain::run(args, app).await,
        Command::Export(args) => export::run(args, app).await,
        Command::Genesis(args) => genesis::run(args, app).await,
        Command::History(args) => history::run(args, app).await,
        Command::Import(args) => import::run(args, app).await,
        Command::Init(args) => init::run(args, app).await,
        Command::Key(args) => key::run(args, app).await,
        Command::Ledger(args) => ledger::run(args, app).await,
        Command::List(args) => list::run(args, app).await,
        Command::Man(args) => man::run(args, app).await,
        Command::Member(args) => member::run(args, app).await,
        Command::New(args) => new::run(args, app).await,
        Command::Node(args) => node::run(args, app).await,
        Command::Plan(args) => plan::run(args, app).await,
        Command::Policy(args) => policy::run(args, app).await,
        Command::Proposal(args) => proposal::run(args, app).await,
        Command::Retire(args) => retire::run(args, app).await,
        Command::Role(args) => role::run(args, app).await,
        Command::Schema(args) => schema::run(args, app).await,
        Command::Search(args) => search::run(args, app).await,
        Command::Show(args) => show::run(args, app).await,
        Command::Sign(args) => sign::run(args, app).await,
        Command::Standard(args) => standard::run(args, app).await,
        Command::Status(args) => status::run(args, app).await,
        Command::Doctor(args) => doctor::run(args, app).await,
        Command::Submit(args) => submit::run(args, app).await,
        Command::Term(args) => term::run(args, app).await,
        Command::Up(args) => up::run(args, app).await,
        Command::Validate(args) => validate::run(args, app).await,
        Command::Waiver(args) => waiver::run(args, app).await,
        Command::Whoami(args) => whoami::run(args, app).await,
    }
}
