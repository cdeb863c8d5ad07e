//! Private keys on disk: PKCS#8 v1 PEM, mode 0600, as it is or sealed under a passphrase.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use mesh_event::Keypair;
use mesh_model::Code;
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::passphrase::{self, Passphrase};
use crate::sealed_key;

/// A PEM file is about 120 bytes; nothing near this size is one.
const LARGEST: u64 = 64 * 1024;

fn refused(path: &Path, why: impl std::fmt::Display) -> Failure {
    Failure::new(Code::KeyFile, format!("cannot use the key file {}: {why}", path.display()))
}

/// Reads a private key, if nobody else can; asks for its passphrase when it is sealed.
///
/// # Errors
/// [`Code::KeyFile`] when the file is missing, readable by others, no Ed25519 key, or stays sealed.
pub(crate) fn read(path: &Path) -> Result<Keypair, Failure> {
    open(&path.display().to_string(), &text(path)?, None).map_err(|closed| closed.of_file(path))
}

/// Whether a passphrase protects the key in the file.
///
/// # Errors
/// [`Code::KeyFile`] when the file is missing or readable by others.
pub(crate) fn is_sealed(path: &Path) -> Result<bool, Failure> {
    Ok(sealed_key::is_sealed(&text(path)?))
}

/// The text of a key file that nobody else can read.
fn text(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let file = fs::File::open(path).map_err(|error| refused(path, error.to_string().to_lowercase()))?;
    // The opened file's mode, not the path's: a path can be pointed elsewhere in between.
    let meta = file.metadata().map_err(|error| refused(path, error))?;
    if !meta.is_file() {
        return Err(refused(path, "it is no file"));
    }
    let mode = meta.mode() & 0o777;
    if mode & 0o077 != 0 {
        let why = format!("others can read it: expected mode 0600; found {mode:04o}");
        return Err(refused(path, why).hint(format!("chmod 600 {}", path.display())));
    }
    if meta.len() > LARGEST {
        return Err(refused(path, format!("it has {} bytes; a key has about 120", meta.len())));
    }
    std::io::read_to_string(file).map_err(|error| refused(path, error)).map(Zeroizing::new)
}

/// Why a text gives no key.
enum Closed {
    /// What the text is instead, or why its passphrase does not open it.
    Unusable(String),
    /// Nobody gave a passphrase.
    NoPassphrase(Failure),
}

impl Closed {
    fn of_file(self, path: &Path) -> Failure {
        match self {
            Self::Unusable(why) => refused(path, why),
            Self::NoPassphrase(failure) => failure,
        }
    }
}

fn open(what: &str, text: &str, passphrase: Option<&Passphrase>) -> Result<Keypair, Closed> {
    if !sealed_key::is_sealed(text) {
        return Keypair::from_pem(text).map_err(|error| Closed::Unusable(error.to_string()));
    }
    let asked;
    let passphrase = if let Some(passphrase) = passphrase {
        passphrase
    } else {
        asked = passphrase::of(what).map_err(Closed::NoPassphrase)?;
        &asked
    };
    let pem = sealed_key::open(text, passphrase).map_err(|error| Closed::Unusable(error.to_string()))?;
    Keypair::from_pem(&pem).map_err(|error| Closed::Unusable(error.to_string()))
}

/// Reads a private key out of text, such as `MESH_KEY`.
///
/// # Errors
/// [`Code::KeyFile`] when the text is no Ed25519 key, or stays sealed.
pub(crate) fn from_text(origin: &str, text: &str) -> Result<Keypair, Failure> {
    open(&format!("the key in {origin}"), text, None).map_err(|closed| match closed {
        Closed::Unusable(why) => Failure::new(Code::KeyFile, format!("cannot use the key in {origin}: {why}")),
        Closed::NoPassphrase(failure) => failure,
    })
}

/// Writes a new private key: mode 0600, never over an existing file, whole and on disk before this returns. A crash
/// leaves no half a key under the name. With a passphrase it is sealed under it.
///
/// # Errors
/// [`Code::KeyFile`] when the file exists or cannot be written.
pub(crate) fn create(path: &Path, key: &Keypair, passphrase: Option<&Passphrase>) -> Result<(), Failure> {
    write(path, &form(key, passphrase), |file, path| file.persist_noclobber(path).map(drop))
}

/// Writes a private key in place of what is there, in one step: a crash leaves the one or the other.
///
/// # Errors
/// [`Code::KeyFile`] when it cannot be written; then what was there stays.
pub(crate) fn replace(path: &Path, key: &Keypair, passphrase: Option<&Passphrase>) -> Result<(), Failure> {
    write(path, &form(key, passphrase), |file, path| file.persist(path).map(drop))
}

fn form(key: &Keypair, passphrase: Option<&Passphrase>) -> Zeroizing<String> {
    let pem = key.to_pem();
    passphrase.map_or_else(|| pem.clone(), |passphrase| Zeroizing::new(sealed_key::seal(&pem, passphrase)))
}

fn write(
    path: &Path,
    text: &str,
    persist: impl FnOnce(tempfile::NamedTempFile, &Path) -> Result<(), tempfile::PersistError>,
) -> Result<(), Failure> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(|error| refused(path, error))?;
    let write = || -> std::io::Result<()> {
        // Mode 0600 from the start.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        persist(file, path)?;
        // The name is on disk when the folder is.
        fs::File::open(folder)?.sync_all()
    };
    write().map_err(|error| refused(path, error.to_string().to_lowercase()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use mesh_event::Signer as _;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_new_key_is_read_back_and_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys/me.pem");
        let key = mesh_client::command::random_keypair();
        create(&path, &key, None).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(read(&path).unwrap().public_key(), key.public_key());
        let again = create(&path, &mesh_client::command::random_keypair(), None).unwrap_err();
        assert_eq!(again.code, Some(Code::KeyFile));
        assert_eq!(read(&path).unwrap().public_key(), key.public_key());
    }

    #[test]
    fn refuses_keys_that_others_can_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("me.pem");
        create(&path, &mesh_client::command::random_keypair(), None).unwrap();
        for mode in [0o640, 0o604, 0o610, 0o666] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let failure = read(&path).unwrap_err();
            assert!(failure.message.contains(&format!("found {mode:04o}")), "{}", failure.message);
            assert_eq!(failure.exit_code(), 2);
        }
    }

    #[test]
    fn refuses_what_is_no_key() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("me.pem");
        assert!(read(&path).unwrap_err().message.contains("no such file"));
        fs::write(&path, "nonsense").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(read(&path).unwrap_err().message.contains("not a PKCS#8 private key"));
    }

    #[test]
    fn a_sealed_key_opens_with_its_passphrase_and_stays_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("me.pem");
        let key = mesh_client::command::random_keypair();
        let (right, wrong) = (Zeroizing::new("open sesame".to_owned()), Zeroizing::new("open barley".to_owned()));
        create(&path, &key, Some(&right)).unwrap();
        assert!(is_sealed(&path).unwrap());
        let read_with = |passphrase| open("", &text(&path).unwrap(), Some(passphrase));
        assert_eq!(read_with(&right).ok().unwrap().public_key(), key.public_key());
        let failure = read_with(&wrong).err().unwrap().of_file(&path);
        assert!(failure.message.contains("the passphrase is wrong"), "{}", failure.message);
        replace(&path, &key, None).unwrap();
        assert!(!is_sealed(&path).unwrap());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
