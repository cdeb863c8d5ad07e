//! `mesh explain`: what a code or a field means.

use std::fmt::Write as _;

use clap::Args;
use mesh_model::Code;
use serde_json::json;

use crate::app::App;
use crate::failure::Failure;
use crate::field_reference;

/// Says what an error code or a field of product files means.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// A code such as MESH-0012, 12 or wrong_role, or a field such as dataset.field.pii
    what: String,
}

pub(crate) async fn run(args: ExplainArgs, app: &App) -> Result<(), Failure> {
    if let Some(code) = Code::find(&args.what) {
        return explain_code(code, app);
    }
    let fields = field_reference::find(&args.what);
    if fields.is_empty() {
        let message = format!("'{}' is no code and no field of product files", args.what);
        return Err(Failure::new(Code::NotFound, message)
            .hint("codes look like MESH-0012, fields like owner or output.api.rate_limit"));
    }
    let name = fields.iter().map(|field| field.path.as_str()).collect::<Vec<_>>().join("\n");
    app.output().one(&json!({ "fields": fields }), &name, |style| {
        let mut text = String::new();
        for field in &fields {
            let title = style.bold(&field.path);
            writeln!(text, "{title}\nmeaning:    {}\ntakes:      {}", field.means, field.takes)
                .expect("writing to a string");
            if !field.descriptor.is_empty() {
                writeln!(text, "descriptor: {}", field.descriptor).expect("writing to a string");
            }
        }
        text
    })
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
