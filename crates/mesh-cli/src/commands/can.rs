//! `mesh can`: whether a key may do something.

use clap::Args;
use mesh_event::Signer as _;
use mesh_model::{Action, Code, PublicKey};

use crate::app::App;
use crate::failure::Failure;
use crate::output::printable;

/// Says whether your key may do something to a domain or product, and why; exit 7 when not.
#[derive(Debug, Args)]
pub(crate) struct CanArgs {
    /// publish, deprecate, retire, read-private, set-rules, grant-role, revoke-key, delegate-node or admit-domain
    action: Action,
    /// A domain or a product
    #[arg(add = crate::completer::ids())]
    id: String,
    /// Asks about this public key instead of yours
    #[arg(long, value_name = "PUBLIC_KEY")]
    public: Option<PublicKey>,
}

pub(crate) async fn run(args: CanArgs, app: &App) -> Result<(), Failure> {
    let key = match args.public {
        Some(key) => key,
        None => app.signer()?.public_key(),
    };
    let answer = app.client()?.can(key, args.action, &args.id).await?;
    let allowed = answer.allowed.unwrap_or(false);
    let document = serde_json::json!({
        "key": key, "action": args.action.to_string(), "subject": args.id, "allowed": allowed, "why": answer.why,
    });
    let word = if allowed { "yes" } else { "no" };
    app.output().one(&document, word, |_| format!("{word}: {}\n", printable(&answer.why)))?;
    // Scripts ask by exit code; the answer itself is on stdout.
    if allowed { Ok(()) } else { Err(Failure::quiet(Code::WrongRole.class().exit_code())) }
}
