//! `mesh explain`: what a code or a field means.

use clap::Args;
use mesh_model::Code;
use serde_json::json;

use crate::app::App;
use crate::failure::Failure;

/// Says what an error code or a field of product files means.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// A code such as MESH-0012, 12 or wrong_role, or a field such as dataset.field.pii
    what: String,
}

pub(crate) async fn run(args: ExplainArgs, app: &App) -> Result<(), Failure> {
    match Code::find(&args.what) {
        Some(code) => explain_code(code, app),
        None => Err(unknown(&args.what)),
    }
}

fn explain_code(code: Code, app: &App) -> Result<(), Failure> {
    let failure = Failure::new(code, "");
    let document = json!({
        "code": code.to_string(),
        "number": code.number(),
        "name": code.slug(),
        "meaning": code.meaning(),
        "next_step": code.next_step(),
        "exit_code": failure.exit_code(),
    });
    app.output().one(&document, code.slug(), |style| {
        let title = style.bold(&format!("{code} {}", code.slug()));
        let (meaning, next, exit) = (code.meaning(), code.next_step(), failure.exit_code());
        format!("{title}\nmeaning:   {meaning}\nnext step: {next}\nexit code: {exit}\n")
    })
}

fn unknown(what: &str) -> Failure {
    Failure::new(Code::NotFound, format!("'{what}' is no code and no field of product files"))
        .hint("codes look like MESH-0012; fields like owner or output.api.rate_limit")
}
