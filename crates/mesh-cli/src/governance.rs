//! Root and council commands on their way to the ledger: signed by the keys at hand and submitted, or put into the
//! `.meshcmd` file that was asked for, which collects the signatures that are missing.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use mesh_client::{Acknowledgement, Client, CommandBuilder, DomainView};
use mesh_event::{Body, Council};
use mesh_model::{Code, DomainName, PublicKey, limits};

use crate::app::App;
use crate::command_file::{CommandFile, CommandFileError, ENDING, added_keys, named};
use crate::failure::Failure;
use crate::files;
use crate::key_argument::Signers;

/// Options of every command that many may have to sign.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct SigningArgs {
    /// A council member's private key that is at hand. Repeatable; others sign the file of --out: `mesh sign`.
    #[arg(long = "council-key", value_name = "FILE")]
    pub(crate) council_keys: Vec<PathBuf>,
    /// Writes a .meshcmd file to collect signatures instead of submitting.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// How long the command lives when it isn't submitted, in days; at most 30.
    #[arg(long, value_name = "DAYS", default_value_t = 7, value_parser = clap::value_parser!(u64).range(1..=30))]
    pub(crate) expires_days: u64,
}

/// Whose signatures decide a command.
#[derive(Debug, Clone)]
pub(crate) enum Deciders {
    /// The council.
    Council(Council),
    /// A domain's root keys.
    Root { domain: DomainName, keys: Vec<PublicKey>, threshold: u32 },
    /// Whoever signs; whether that is enough says the ledger.
    Author,
    /// A domain's root keys, and those that take their place.
    Rotation { domain: DomainName, old: (Vec<PublicKey>, u32), new: (Vec<PublicKey>, u32) },
}

impl Deciders {
    /// The root keys of a domain.
    pub(crate) fn root_of(domain: &DomainView) -> Self {
        let (keys, threshold) = (domain.root_keys.clone(), domain.root_threshold);
        Self::Root { domain: domain.name.clone(), keys, threshold }
    }

    /// Who they are, for sentences.
    fn whose(&self) -> String {
        match self {
            Self::Council(_) => "the council".to_owned(),
            Self::Author => "its author".to_owned(),
            Self::Root { domain, .. } | Self::Rotation { domain, .. } => format!("the root of {domain}"),
        }
    }

    fn counts(&self, key: &PublicKey) -> bool {
        match self {
            Self::Council(council) => council.seats.iter().any(|seat| seat.key == *key),
            Self::Author => true,
            Self::Root { keys, .. } => keys.contains(key),
            Self::Rotation { old, new, .. } => old.0.contains(key) || new.0.contains(key),
        }
    }

    /// What is still missing; empty when nothing is.
    fn missing(&self, signers: &BTreeSet<PublicKey>) -> Vec<String> {
        let of = |keys: &[PublicKey]| keys.iter().filter(|key| signers.contains(key)).count();
        let needs = match self {
            Self::Council(council) => vec![(self.whose(), council.seats_signed(signers), council.threshold)],
            Self::Author => vec![(self.whose(), signers.len(), 1)],
            Self::Root { keys, threshold, .. } => vec![(self.whose(), of(keys), *threshold)],
            Self::Rotation { domain, old, new } => vec![
                (format!("the root of {domain} in force"), of(&old.0), old.1),
                (format!("the new root of {domain}"), of(&new.0), new.1),
            ],
        };
        let short = needs.into_iter().filter(|(_, have, need)| *have < *need as usize);
        short
            .map(|(whose, have, need)| {
                format!("{} of the {need} signatures of {whose}; {have} are there", need as usize - have)
            })
            .collect()
    }
}

/// Signs with the keys at hand and submits, or writes the file that `--out` names.
///
/// # Errors
/// A key that decides nothing here; too few signatures without `--out`; what the mesh refuses; no key at hand at all.
pub(crate) async fn decide(
    app: &App,
    client: &Client,
    body: Body,
    deciders: &Deciders,
    mut signers: Signers,
    options: &SigningArgs,
) -> Result<Option<Acknowledgement>, Failure> {
    signers.add_files(&options.council_keys)?;
    let added = added_keys(&body);
    for key in signers.public() {
        if !deciders.counts(&key) && !added.contains(&key) {
            return Err(stranger(&key, deciders));
        }
    }
    // The context's key signs when it is needed and counts, or when there is nobody else to be the author.
    let needs_more = signers.is_empty() || !deciders.missing(&signers.public()).is_empty();
    let own = if needs_more { app.signer_if_any()? } else { None };
    if let Some(own) = own {
        use mesh_event::Signer as _;
        let key = own.public_key();
        if deciders.counts(&key) {
            signers.add(own);
        } else if signers.is_empty() {
            if options.out.is_none() && !added.contains(&key) {
                return Err(stranger(&key, deciders));
            }
            signers.add(own);
        }
    }
    let author = signers.author().ok_or_else(|| {
        Failure::new(Code::NoContext, "no private key to sign with")
            .hint("name one with --key, --council-key or --root-key; others can sign the file afterwards")
    })?;
    let mesh = client.mesh().await?;
    let life =
        Duration::from_millis(limits::COMMAND_LIFE_MS).min(Duration::from_secs(options.expires_days * 24 * 60 * 60));
    let command = CommandBuilder::new(mesh.id).life(life).build(author, body);
    let file = CommandFile::create(&mesh.name, &command, &signers.as_dyn())?;
    let mut missing: Vec<String> = deciders.missing(&signers.public());
    for key in file.unproven_keys() {
        if client.who_is(key).await?.purposes.is_empty() {
            missing.push(format!("a signature of the key that is added, {}", named(&key)));
        }
    }
    if missing.is_empty() && options.out.is_none() {
        app.reach_sending();
        let acknowledgement = client.submit(file.envelope()).await?.accepted()?;
        return Ok(Some(acknowledgement));
    }
    let Some(path) = &options.out else {
        let problems = missing.into_iter().map(|what| format!("missing: {what}")).collect();
        return Err(Failure::new(Code::ThresholdNotMet, "too few signatures; nothing was submitted")
            .problems(problems)
            .hint(format!("name the other keys, too, or collect signatures in a file: --out FILE.{ENDING}")));
    };
    files::create(path, file.to_text().as_bytes())?;
    app.note(format!("wrote {}; nothing was submitted", path.display()));
    for what in &missing {
        app.note(format!("missing: {what}"));
    }
    app.note(format!("hint: every signer runs `mesh sign {0}`, then anybody `mesh submit {0}`", path.display()));
    Ok(None)
}

/// A key that was named to sign, and whose signature decides nothing here.
fn stranger(key: &PublicKey, deciders: &Deciders) -> Failure {
    let message = format!("{} is no key of {}; nothing was signed", named(key), deciders.whose());
    let who = match deciders {
        Deciders::Council(_) => "`mesh council show` lists the members' keys".to_owned(),
        Deciders::Author => "`mesh whoami` says what your key may do".to_owned(),
        Deciders::Root { domain, .. } | Deciders::Rotation { domain, .. } => {
            format!("`mesh domain show {domain}` lists its root keys")
        }
    };
    Failure::new(Code::WrongRole, message).hint(who)
}

/// Says what became of a command.
pub(crate) fn report(app: &App, what: &str, acknowledgement: Option<&Acknowledgement>) {
    let Some(acknowledgement) = acknowledgement else { return };
    let index = acknowledgement.ledger_index.map_or_else(String::new, |index| format!(" at ledger index {index}"));
    match acknowledgement.code {
        Some(Code::AlreadySo) => app.note(format!("{what}: it is so already{index}")),
        _ => app.note(format!("{what}{index}")),
    }
}

impl From<CommandFileError> for Failure {
    fn from(error: CommandFileError) -> Self {
        let (code, hint) = match &error {
            CommandFileError::Form(_) => (Code::InvalidFile, "commands that need more signatures write such files"),
            CommandFileError::Command(error) => (error.code(), "get the file again from whoever sent it"),
            CommandFileError::DomainCommand(_) => {
                (Code::Usage, "publish, deprecate and retire with the role's own key")
            }
            CommandFileError::Foreign { .. } => {
                (Code::InvalidFile, "somebody put it there afterwards; get the file again from its author")
            }
            CommandFileError::SignedAlready(_) => (Code::AlreadySo, "pass the file on to the next signer"),
        };
        Self::new(code, error.to_string()).hint(hint)
    }
}
