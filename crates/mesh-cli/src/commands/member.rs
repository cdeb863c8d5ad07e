//! `mesh member`: keys and the rights that they hold, wherever they hold them; asking for one, and leaving.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use mesh_client::{CommandBuilder, RosterEntry};
use mesh_event::command::{GrantRole, RoleGrant};
use mesh_event::{Body, Signer as _};
use mesh_model::{Code, DomainName, Role};

use super::{member_list, member_offboard};
use crate::app::App;
use crate::command_file::CommandFile;
use crate::failure::Failure;
use crate::files;

/// Members: keys, and where in the mesh they hold rights.
#[derive(Debug, Args)]
pub(crate) struct MemberArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Lists every key that holds a right: council seats, root keys of domains, roles
    List {
        /// Only rights in this domain
        #[arg(long, add = crate::completer::domains())]
        domain: Option<DomainName>,
    },
    /// Asks for a role: writes a file that your key has signed and that the domain's root grants by signing, too
    #[command(long_about = REQUEST)]
    Request(RequestArgs),
    /// Takes a key out of a domain or of everything, after showing what that ends
    #[command(long_about = OFFBOARD)]
    Offboard(Box<member_offboard::OffboardArgs>),
}

const REQUEST: &str = "Asks for a role: writes a file that your key has signed and that the domain's root grants by signing, too.

The file is the command that grants the role, with your public key in it. Your signature proves that you hold the private \
key, which never leaves your machine. Send the file to whoever holds the domain's root keys: they compare the fingerprint \
with you, run `mesh sign FILE --key ROOT.pem`, and anybody runs `mesh submit FILE`. It names the roster as it is now: when \
the roster changes before that, ask again.";

const OFFBOARD: &str = "Takes a key out of a domain or of everything, after showing what that ends.

With --domain its root decides, and the key's roles there end. Without, the council decides, not counting the key itself: \
all its roles, its seat and what waits for its approval end. It can't be undone. A domain is never left without a product \
owner: grant the role to another key first. Root keys of a domain are changed with `mesh domain rotate-root`.";

#[derive(Debug, Args)]
struct RequestArgs {
    /// Which role: data-product-owner, domain-data-engineer, data-mesh-architect, data-governance-steward or data-platform-engineer
    #[arg(long)]
    role: Role,
    /// In which domain
    #[arg(long, add = crate::completer::domains())]
    domain: DomainName,
    /// The file to write
    #[arg(long, value_name = "FILE", default_value = "request.meshcmd")]
    out: PathBuf,
    /// How long it can be granted, in days; at most 30
    #[arg(long, value_name = "DAYS", default_value_t = 7, value_parser = clap::value_parser!(u64).range(1..=30))]
    expires_days: u64,
}

pub(crate) async fn run(args: MemberArgs, app: &App) -> Result<(), Failure> {
    match args.action {
        Action::List { domain } => member_list::list(app, domain.as_ref()).await,
        Action::Request(args) => request(app, args).await,
        Action::Offboard(args) => member_offboard::offboard(app, *args).await,
    }
}

async fn request(app: &App, args: RequestArgs) -> Result<(), Failure> {
    let own = app.signer()?;
    let key = own.public_key();
    let client = app.client()?;
    let domain = client.domain(&args.domain, None).await?;
    let held = |entry: &RosterEntry| (entry.key, entry.role, entry.revoked_index) == (key, args.role, None);
    if domain.roster.iter().any(held) {
        let message = format!("{} is {} in {} already", key.fingerprint(), args.role, args.domain);
        return Err(Failure::new(Code::AlreadySo, message));
    }
    let mesh = client.mesh().await?;
    let (role, roster_version) = (args.role, domain.roster_version);
    let grant = GrantRole { domain: Some(args.domain), grant: RoleGrant { key, role }, roster_version };
    let life = std::time::Duration::from_secs(args.expires_days * 24 * 60 * 60);
    let command = CommandBuilder::new(mesh.id).life(life).build(key, Body::GrantRole(grant));
    let file = CommandFile::create(&mesh.name, &command, &[&own])?;
    files::create(&args.out, file.to_text().as_bytes())?;
    let path = args.out.display();
    app.note(format!("wrote {path}; tell the root of {} your fingerprint: {}", domain.name, key.fingerprint()));
    app.note(format!("hint: they run `mesh sign {path} --key ROOT.pem`, then anybody `mesh submit {path}`"));
    Ok(())
}
