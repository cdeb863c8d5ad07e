//! `mesh deprecate`: marks one or all versions of a product, with a date and a successor.

use clap::Args;
use mesh_client::{Acknowledgement, Outgoing};
use mesh_event::command::DeprecateVersion;
use mesh_event::{Body, Signer};
use mesh_model::{Class, ProductId, Version, VersionId};
use serde_json::json;

use super::apply::WaitArgs;
use crate::app::App;
use crate::completer;
use crate::failure::Failure;
use crate::publishing::Publishing;

/// Arguments of `mesh deprecate`.
#[derive(Debug, Args)]
pub(crate) struct DeprecateArgs {
    /// A product (domain/name, all its versions) or one version (domain/name@1.0.0)
    #[arg(value_parser = Target::parse, add = completer::ids())]
    id: Target,
    /// The day after which consumers must not rely on it, YYYY-MM-DD
    #[arg(long, value_name = "DATE")]
    sunset: Option<jiff::civil::Date>,
    /// What takes its place, domain/name or domain/name@1.0.0
    #[arg(long, value_name = "ID", value_parser = Target::parse)]
    successor: Option<Target>,
    /// Why
    #[arg(long, default_value = "")]
    reason: String,
    #[command(flatten)]
    wait: WaitArgs,
}

/// A product, or one of its versions.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// The product.
    pub(crate) product: ProductId,
    /// All when absent.
    pub(crate) version: Option<Version>,
}

impl Target {
    /// Parses `domain/name` or `domain/name@1.0.0`.
    ///
    /// # Errors
    /// A sentence for the command line.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.contains('@') {
            let id = VersionId::parse(text).map_err(|error| error.to_string())?;
            return Ok(Self { product: id.product, version: Some(id.version) });
        }
        Ok(Self { product: ProductId::parse(text).map_err(|error| error.to_string())?, version: None })
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.version {
            Some(version) => write!(f, "{}@{version}", self.product),
            None => write!(f, "{}", self.product),
        }
    }
}

/// Signs and publishes the command.
///
/// # Errors
/// What the mesh refuses.
pub(crate) async fn run(args: DeprecateArgs, app: &App) -> Result<(), Failure> {
    let body = Body::DeprecateVersion(DeprecateVersion {
        product: args.id.product.clone(),
        version: args.id.version,
        sunset: args.sunset.map_or_else(String::new, |date| date.to_string()),
        successor: args.successor.map_or_else(String::new, |id| id.to_string()),
        reason: args.reason,
    });
    publish(app, body, &args.id, "deprecated", args.wait.publishing()).await
}

/// Signs and publishes a domain command about a target, and says what became of it.
///
/// # Errors
/// What the mesh refuses.
pub(crate) async fn publish(
    app: &App,
    body: Body,
    target: &Target,
    done: &str,
    how: Publishing,
) -> Result<(), Failure> {
    let signer = app.signer()?;
    let client = app.client()?;
    let mesh = client.mesh().await?;
    let envelope = mesh_client::CommandBuilder::new(mesh.id).sign(body, &[&signer as &dyn Signer])?;
    app.reach("the command was sent; running it again is safe");
    let answer = client.publish_within(&Outgoing::new(envelope), how.wait, how.patience).await;
    let acknowledgement = match answer.and_then(Acknowledgement::accepted) {
        Ok(acknowledgement) => acknowledgement,
        Err(error) if error.code.class() == Class::Done => {
            let unchanged = json!({ "code": error.code.slug(), "detail": error.message });
            return app.output().one(&unchanged, &target.to_string(), |_| {
                format!("unchanged {target}: {}; nothing to do\n", error.message)
            });
        }
        Err(error) => return Err(error.into()),
    };
    app.output().one(&acknowledgement, &target.to_string(), |_| {
        use mesh_model::Code;
        let at = acknowledgement.ledger_index.map_or_else(String::new, |index| format!(": ledger index {index}"));
        match acknowledgement.code {
            Some(Code::AlreadySo) => format!("unchanged {target}{at}; it is {done} already\n"),
            Some(code) => format!("{done} {target}{at}, {}\n", code.slug()),
            None => format!("{done} {target}: safe on the home node, not sealed yet\n"),
        }
    })?;
    if acknowledgement.reached < how.wait {
        let message = format!("{target} is safe on the home node and not sealed yet");
        return Err(Failure::new(mesh_model::Code::Sealing, message));
    }
    Ok(())
}
