//! `mesh whoami`: what one's key holds in the mesh.

use std::fmt::Write as _;

use clap::Args;
use mesh_event::Signer as _;
use mesh_model::PublicKey;

use crate::app::App;
use crate::command_file::named;
use crate::failure::Failure;
use crate::output::printable;

/// Shows the mesh, your key, and what it may do.
#[derive(Debug, Args)]
pub(crate) struct WhoamiArgs {
    /// Asks about this public key instead of yours
    #[arg(long, value_name = "PUBLIC_KEY")]
    public: Option<PublicKey>,
}

pub(crate) async fn run(args: WhoamiArgs, app: &App) -> Result<(), Failure> {
    let key = match args.public {
        Some(key) => key,
        None => app.signer()?.public_key(),
    };
    let client = app.client()?;
    let mesh = client.mesh().await?;
    let who = client.who_is(key).await?;
    let document = serde_json::json!({
        "mesh_id": mesh.id,
        "mesh_name": mesh.name,
        "key": key,
        "fingerprint": key.fingerprint(),
        "purposes": who.purposes,
        "roles": who.roles,
    });
    app.output().one(&document, &key.to_string(), |style| {
        let mut text = format!("mesh    {} {}\nkey     {}\n", style.bold(&printable(&mesh.name)), mesh.id, named(&key));
        for purpose in &who.purposes {
            writeln!(text, "is      {}", printable(purpose)).expect("writing to a string");
        }
        for role in &who.roles {
            let domain = role.domain.as_ref().map_or_else(|| "the whole mesh".to_owned(), ToString::to_string);
            let until = role.revoked_index.map_or_else(String::new, |index| format!(", revoked at {index}"));
            writeln!(text, "role    {} in {domain}, since {}{until}", role.role, role.granted_index)
                .expect("writing to a string");
        }
        if who.purposes.is_empty() && who.roles.is_empty() {
            text.push_str("holds   no right in this mesh; a domain's root grants roles: `mesh role grant`\n");
        }
        text
    })
}
