//! `mesh council`: who decides for the whole mesh.

use std::fmt::Write as _;

use clap::{Args, Subcommand};

use crate::app::App;
use crate::command_file::named;
use crate::failure::Failure;
use crate::output::printable;

/// The council: the members whose signatures decide what is global.
#[derive(Debug, Args)]
pub(crate) struct CouncilArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Shows seats, threshold and version
    Show,
}

pub(crate) async fn run(args: CouncilArgs, app: &App) -> Result<(), Failure> {
    let Action::Show = args.action;
    let view = app.client()?.council().await?;
    app.output().one(&view, &view.version.to_string(), |style| {
        let council = &view.council;
        let title = style.bold(&format!("{} of {} seats decide", council.threshold, council.seats.len()));
        let mut text = format!("{title}, council version {}\n", view.version);
        for seat in &council.seats {
            let domain = seat.domain.as_ref().map_or_else(String::new, |domain| format!(" of the domain {domain}"));
            writeln!(text, "{:<16}{}{domain}", printable(&seat.name), named(&seat.key)).expect("writing to a string");
        }
        for entry in &view.mesh_roles {
            let until = entry.revoked_index.map_or_else(String::new, |index| format!(", revoked at {index}"));
            writeln!(text, "{:<16}{}{until}", entry.role, named(&entry.key)).expect("writing to a string");
        }
        text
    })
}
