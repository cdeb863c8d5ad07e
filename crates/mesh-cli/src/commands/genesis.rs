//! `mesh genesis`: the founding ceremony in steps, on as many machines as there are people.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use mesh_client::command::{now_unix_ms, random_salt};
use mesh_event::genesis::GenesisError;
use mesh_model::{Code, DomainName, Name, PublicKey};

use crate::app::App;
use crate::ceremony::{Draft, DraftError};
use crate::failure::Failure;
use crate::node_keys::NewNode;
use crate::output::print_stderr;
use crate::{files, node_keys};

/// Founds a mesh, step by step: draft, join, sign, seal. No step takes two people's private keys.
#[derive(Debug, Args)]
pub(crate) struct GenesisArgs {
    #[command(subcommand)]
    step: Step,
}

#[derive(Debug, Subcommand)]
enum Step {
    /// Starts a draft, the file that travels from hand to hand.
    Draft(DraftArgs),
    /// Adds a council seat, or a first voter, to a draft.
    Join(JoinArgs),
    /// Shows a draft and checks every part of it; exit 8 names what was forged.
    Show {
        /// The draft.
        draft: PathBuf,
    },
    /// Joins two copies of a draft that grew apart.
    Merge(MergeArgs),
    /// Adds a member's signature (--key) over the exact document; the first one freezes it.
    Sign(SignArgs),
    /// Checks the council's threshold and writes the founding document.
    Seal(SealArgs),
}

#[derive(Debug, Args)]
struct DraftArgs {
    /// What people call the mesh.
    #[arg(long)]
    mesh: String,
    /// How many council seats have to sign, now and for every decision of the council.
    #[arg(long)]
    threshold: u32,
    /// A public key, kept off-line, that may restore a council below its threshold. Repeatable.
    #[arg(long = "recovery-key", value_name = "PUBLIC_KEY")]
    recovery_keys: Vec<PublicKey>,
    /// How long every proposal of the council is open before it can take effect, in hours.
    #[arg(long, value_name = "HOURS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=720))]
    min_review_hours: u64,
    /// The draft to write; never overwritten.
    #[arg(long)]
    out: PathBuf,
}

#[derive(Debug, Args)]
struct JoinArgs {
    #[command(subcommand)]
    who: Joiner,
}

#[derive(Debug, Subcommand)]
enum Joiner {
    /// A member: adds the public key of a seat, with a proof of its private key (--key).
    Council {
        /// What the seat is called; never a person's name.
        #[arg(long)]
        seat: Name,
        /// The domain that fills the seat.
        #[arg(long)]
        domain: Option<DomainName>,
        /// The draft; changed in place.
        draft: PathBuf,
    },
    /// A node, on its own machine: makes its keys when they are missing and adds its public parts.
    Voter {
        #[command(flatten)]
        node: NewNode,
        /// The draft; changed in place.
        draft: PathBuf,
    },
}

#[derive(Debug, Args)]
struct MergeArgs {
    /// One copy.
    a: PathBuf,
    /// The other.
    b: PathBuf,
    /// The draft to write; the first copy when absent.
    #[arg(long)]
    out: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct SignArgs {
    /// The draft; changed in place.
    draft: PathBuf,
}

#[derive(Debug, Args)]
struct SealArgs {
    /// The signed draft.
    draft: PathBuf,
    /// The founding document to write; never overwritten.
    #[arg(long)]
    out: PathBuf,
}

pub(crate) async fn run(args: GenesisArgs, app: &App) -> Result<(), Failure> {
    match args.step {
        Step::Draft(args) => {
            let draft = Draft::new(&args.mesh, args.threshold, args.recovery_keys, now_unix_ms(), random_salt())?
                .reviewed_for(args.min_review_hours * 60 * 60 * 1_000);
            files::create(&args.out, draft.to_text().as_bytes())?;
            app.note(format!(
                "started the draft {}; every member joins with: mesh genesis join council",
                args.out.display()
            ));
            Ok(())
        }
        Step::Join(JoinArgs { who: Joiner::Council { seat, domain, draft: path } }) => {
            let mut draft = trusted(&path)?;
            let key = app.signer()?;
            draft.join_seat(seat.clone(), domain, &key)?;
            files::replace(&path, draft.to_text().as_bytes())?;
            app.note(format!("the seat {seat} is in {} with the key {}", path.display(), fingerprint(&key)));
            Ok(())
        }
        Step::Join(JoinArgs { who: Joiner::Voter { node: NewNode { name, api, peer, keys }, draft: path } }) => {
            let mut draft = trusted(&path)?;
            let keys = node_keys::of_node(&keys)?;
            draft.join_voter(name.clone(), &api, &peer, &keys)?;
            files::replace(&path, draft.to_text().as_bytes())?;
            app.note(format!("the voter {name} is in {} with the key {}", path.display(), fingerprint(&keys.node)));
            Ok(())
        }
        Step::Show { draft } => {
            let draft = read(&draft)?;
            app.output().text(&draft.describe())?;
            let flaws = draft.flaws();
            if flaws.is_empty() { Ok(()) } else { Err(DraftError::Flawed(flaws).into()) }
        }
        Step::Merge(args) => {
            let merged = trusted(&args.a)?.merge(trusted(&args.b)?)?;
            let text = merged.to_text();
            match &args.out {
                Some(out) => files::create(out, text.as_bytes())?,
                None => files::replace(&args.a, text.as_bytes())?,
            }
            let (seats, voters, signed) = (merged.seats.len(), merged.voters.len(), merged.signatures.len());
            app.note(format!("{seats} seats, {voters} voters, {signed} signatures"));
            Ok(())
        }
        Step::Sign(args) => sign(&args, app).await,
        Step::Seal(args) => {
            let sealed = read(&args.draft)?.seal()?;
            files::create(&args.out, sealed.envelope.bytes())?;
            app.note(format!(
                "{} founds the mesh {}; everybody pins its id:",
                args.out.display(),
                sealed.document.mesh_name
            ));
            app.output().text(&format!("{}\n", sealed.mesh_id))?;
            Ok(())
        }
    }
}

async fn sign(args: &SignArgs, app: &App) -> Result<(), Failure> {
    let mut draft = trusted(&args.draft)?;
    draft.check_signable()?;
    let key = app.signer()?;
    // Shown even with -q: nobody signs unread.
    print_stderr(&draft.describe());
    app.confirm(&format!("sign this founding document with {}?", fingerprint(&key))).await?;
    draft.sign(&key)?;
    files::replace(&args.draft, draft.to_text().as_bytes())?;
    let (signed, threshold) = (draft.signatures.len(), draft.threshold);
    app.note(format!("{signed} of the {threshold} signatures that it takes are in {}", args.draft.display()));
    Ok(())
}

fn fingerprint(key: &mesh_event::Keypair) -> String {
    use mesh_event::Signer as _;
    key.public_key().fingerprint()
}

fn read(path: &Path) -> Result<Draft, Failure> {
    Draft::parse(&files::read_text(path)?).map_err(|error| Failure::from(error).within(path.display()))
}

/// A draft in which nothing was forged: nobody adds to another.
fn trusted(path: &Path) -> Result<Draft, Failure> {
    let draft = read(path)?;
    let flaws = draft.flaws();
    if flaws.is_empty() { Ok(draft) } else { Err(DraftError::Flawed(flaws).into()) }
}

impl From<DraftError> for Failure {
    fn from(error: DraftError) -> Self {
        let code = match &error {
            DraftError::Text { .. } => Code::Usage,
            DraftError::Frozen | DraftError::FrozenWithout(_) | DraftError::OtherDraft(_) => Code::GenesisFirst,
            DraftError::Taken(_) | DraftError::KeyTaken { .. } => Code::KeyInUse,
            DraftError::WeakKey(_) => Code::WeakKey,
            DraftError::NotASeat(_) => Code::UnknownKey,
            DraftError::Flawed(_) => Code::BadSignature,
            DraftError::Genesis(GenesisError::Threshold { .. }) => Code::ThresholdNotMet,
            DraftError::Genesis(GenesisError::Envelope(error)) | DraftError::Envelope(error) => error.code(),
            DraftError::Form(_) | DraftError::Incomplete(_) | DraftError::Genesis(_) => Code::InvalidFile,
        };
        let hint = match &error {
            DraftError::Form(_) => "`mesh genesis draft` starts one",
            DraftError::Incomplete(_) => "members and nodes still have to join: `mesh genesis join`",
            DraftError::Text { .. } => "give another value",
            DraftError::Frozen | DraftError::FrozenWithout(_) => {
                "start from a copy of the draft that nobody has signed, and sign again when everybody has joined"
            }
            DraftError::OtherDraft(_) => "merge copies of one and the same draft",
            DraftError::Taken(_) => "choose another name, or ask who took it",
            DraftError::KeyTaken { .. } | DraftError::WeakKey(_) => "make another key with `mesh key new`",
            DraftError::NotASeat(_) => "sign with the key that joined; `mesh genesis show` lists the seats",
            DraftError::Flawed(_) => "don't sign it; get the part that is named again from whom it belongs to",
            DraftError::Genesis(GenesisError::Threshold { .. }) => "collect more signatures: `mesh genesis sign`",
            DraftError::Genesis(_) | DraftError::Envelope(_) => "`mesh genesis show` checks the draft part by part",
        };
        Self::new(code, error.to_string()).hint(hint)
    }
}
