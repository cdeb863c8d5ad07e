//! `mesh key`: private keys of one's own.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use mesh_client::command::random_keypair;
use mesh_event::{Keypair, Signer as _};
use mesh_model::{Code, Name, PublicKey};
use serde::Serialize;

use crate::app::App;
use crate::context::config_dir;
use crate::failure::Failure;
use crate::keyfile;
use crate::output::Row;
use crate::passphrase::{self, Passphrase};

/// Private keys: one key, one purpose.
#[derive(Debug, Args)]
pub(crate) struct KeyArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Makes a private key (Ed25519, PKCS#8 v1 PEM, mode 0600); never overwrites one
    New {
        /// What to call it: it is kept with your other keys
        #[arg(required_unless_present = "out", conflicts_with = "out")]
        name: Option<Name>,
        /// Writes it to this file instead
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Asks for a passphrase that protects it, as `mesh key encrypt` does
        #[arg(long)]
        encrypt: bool,
    },
    /// Protects a private key with a passphrase, in place
    #[command(long_about = ENCRYPT)]
    Encrypt {
        /// The key file, or the name of one of your keys
        file: PathBuf,
    },
    /// Takes the passphrase off a private key, in place
    Decrypt {
        /// The key file, or the name of one of your keys
        file: PathBuf,
    },
    /// Shows the public half of a key, in full and as the fingerprint that people compare
    Show {
        /// The key file, or the name of one of your keys
        file: PathBuf,
    },
    /// Lists your keys
    List,
}

const ENCRYPT: &str = "Protects a private key with a passphrase, in place.

The file becomes an age file (scrypt, armored) that `age -d` opens, too. Every command that needs the key asks for its \
passphrase on the terminal, or takes it from MESH_KEY_PASSPHRASE: that is for automation, as other programs of yours can \
read it. The keys of nodes stay plain: meshd starts without anybody. The disk may still hold the old bytes; a key that \
matters is made with `mesh key new --encrypt`. Nobody can recover a lost passphrase.";

#[derive(Debug, Serialize)]
struct KeyRow {
    name: String,
    public_key: Option<PublicKey>,
    fingerprint: String,
    file: PathBuf,
    /// Whether a passphrase protects it.
    encrypted: bool,
}

impl Row for KeyRow {
    fn columns(wide: bool) -> Vec<&'static str> {
        if wide { vec!["name", "fingerprint", "public key", "file"] } else { vec!["name", "fingerprint", "public key"] }
    }
    fn cells(&self, wide: bool) -> Vec<String> {
        let key = self.public_key.map_or_else(String::new, |key| key.to_string());
        let mut cells = vec![self.name.clone(), self.fingerprint.clone(), key];
        if wide {
            cells.push(self.file.display().to_string());
        }
        cells
    }
    fn name(&self) -> String {
        self.name.clone()
    }
}

pub(crate) async fn run(args: KeyArgs, app: &App) -> Result<(), Failure> {
    match args.action {
        Action::New { name, out, encrypt } => {
            let path = match (out, name) {
                (Some(path), _) => path,
                (None, Some(name)) => path_of(name.as_str())?,
                (None, None) => return Err(Failure::usage("expected a name or --out FILE")),
            };
            let keypair = random_keypair();
            let passphrase = if encrypt { Some(choose(&path)?) } else { None };
            keyfile::create(&path, &keypair, passphrase.as_ref())?;
            let and = if encrypt { " and its passphrase" } else { "" };
            app.note(format!("wrote the private key {}; whoever has it{and} can act as you", path.display()));
            show(&path, &keypair, encrypt, app)
        }
        Action::Encrypt { file } => {
            let path = find(&file)?;
            if keyfile::is_sealed(&path)? {
                let message = format!("a passphrase protects {} already", path.display());
                return Err(
                    Failure::new(Code::AlreadySo, message).hint("`mesh key decrypt` takes it off, to set another")
                );
            }
            let keypair = keyfile::read(&path)?;
            keyfile::replace(&path, &keypair, Some(&choose(&path)?))?;
            app.note(format!("a passphrase protects {} now; nobody can recover a lost one", path.display()));
            show(&path, &keypair, true, app)
        }
        Action::Decrypt { file } => {
            let path = find(&file)?;
            if !keyfile::is_sealed(&path)? {
                return Err(Failure::new(Code::AlreadySo, format!("no passphrase protects {}", path.display())));
            }
            let keypair = keyfile::read(&path)?;
            keyfile::replace(&path, &keypair, None)?;
            app.note(format!("{} is plain now; whoever has it can act as you", path.display()));
            show(&path, &keypair, false, app)
        }
        Action::Show { file } => {
            let path = find(&file)?;
            let encrypted = keyfile::is_sealed(&path)?;
            let keypair = keyfile::read(&path)?;
            show(&path, &keypair, encrypted, app)
        }
        Action::List => list(app),
    }
}

/// A file, or the name of one of the user's keys.
fn find(file: &Path) -> Result<PathBuf, Failure> {
    if let (false, Some(name)) = (file.exists(), file.to_str().filter(|text| Name::parse(text).is_ok())) {
        let own = path_of(name)?;
        if own.exists() {
            return Ok(own);
        }
    }
    Ok(file.to_owned())
}

fn folder() -> Result<PathBuf, Failure> {
    let config =
        config_dir().ok_or_else(|| Failure::usage("you have no home folder to keep keys in; use --out FILE"))?;
    Ok(config.join("keys"))
}

fn path_of(name: &str) -> Result<PathBuf, Failure> {
    Ok(folder()?.join(format!("{name}.pem")))
}

/// A passphrase for the key that is to be in the file.
fn choose(path: &Path) -> Result<Passphrase, Failure> {
    passphrase::choose(&path.display().to_string())
}

fn row(path: &Path, key: Option<PublicKey>, fingerprint: String, encrypted: bool) -> KeyRow {
    let name = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    KeyRow { name, public_key: key, fingerprint, file: path.to_owned(), encrypted }
}

fn show(path: &Path, keypair: &Keypair, encrypted: bool, app: &App) -> Result<(), Failure> {
    let key = keypair.public_key();
    let row = row(path, Some(key), key.fingerprint(), encrypted);
    app.output().one(&row, &key.to_string(), |_| format!("{key}\nfingerprint {}\n", key.fingerprint()))
}

fn list(app: &App) -> Result<(), Failure> {
    let folder = folder()?;
    let mut rows = Vec::new();
    match std::fs::read_dir(&folder) {
        Ok(entries) => {
            for entry in entries {
                let path = entry.map_err(|error| Failure::io("read", &folder, &error))?.path();
                if path.extension().is_none_or(|ending| ending != "pem") {
                    continue;
                }
                // One bad file must not hide the others, and nobody is asked for every passphrase.
                rows.push(match keyfile::is_sealed(&path) {
                    Ok(true) => row(&path, None, "(encrypted)".to_owned(), true),
                    Ok(false) => match keyfile::read(&path) {
                        Ok(keypair) => {
                            let key = keypair.public_key();
                            row(&path, Some(key), key.fingerprint(), false)
                        }
                        Err(failure) => row(&path, None, failure.message, false),
                    },
                    Err(failure) => row(&path, None, failure.message, false),
                });
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(Failure::io("read", &folder, &error)),
    }
    rows.sort_by(|a, b| a.name.cmp(&b.name));
    if rows.is_empty() {
        app.note(format!("no keys in {}; `mesh key new NAME` makes one", folder.display()));
    }
    app.output().list("keys", &rows, serde_json::json!({}))
}
