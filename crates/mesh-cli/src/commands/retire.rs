//! `mesh retire`: ends a product or one of its versions, for ever.

use clap::Args;
use mesh_event::Body;
use mesh_event::command::RetireProduct;

use super::apply::WaitArgs;
use super::deprecate::{Target, publish};
use crate::app::App;
use crate::completer;
use crate::failure::Failure;

/// Arguments of `mesh retire`.
#[derive(Debug, Args)]
pub(crate) struct RetireArgs {
    /// A product (domain/name, with all its versions) or one version (domain/name@1.0.0)
    #[arg(value_parser = Target::parse, add = completer::ids())]
    id: Target,
    /// Why
    #[arg(long, default_value = "")]
    reason: String,
    #[command(flatten)]
    wait: WaitArgs,
}

/// Asks, signs and publishes the command.
///
/// # Errors
/// Exit 2 when nobody confirms; what the mesh refuses.
pub(crate) async fn run(args: RetireArgs, app: &App) -> Result<(), Failure> {
    let how = args.wait.publishing();
    let what = match args.id.version {
        Some(_) => format!("retire the version {}", args.id),
        None => format!("retire {} with all its versions; the name is never used again", args.id),
    };
    app.confirm(&format!("this cannot be undone: {what}?")).await?;
    let body = Body::RetireProduct(RetireProduct {
        product: args.id.product.clone(),
        version: args.id.version,
        reason: args.reason,
    });
    publish(app, body, &args.id, "retired", how).await
}
