//! Private keys on disk: PKCS#8 v1 PEM, mode 0600.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use mesh_event::Keypair;
use mesh_model::Code;
use zeroize::Zeroizing;

use crate::failure::Failure;

/// A PEM file is about 120 bytes; nothing near this size is one.
const LARGEST: u64 = 64 * 1024;

fn refused(path: &Path, why: impl std::fmt::Display) -> Failure {
    Failure::new(Code::KeyFile, format!("cannot use the key file {}: {why}", path.display()))
}

/// Reads a private key, if nobody else can.
///
/// # Errors
/// [`Code::KeyFile`] when the file is missing, readable by others, or no Ed25519 key.
pub(crate) fn read(path: &Path) -> Result<Keypair, Failure> {
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
    let pem = std::io::read_to_string(file).map_err(|error| refused(path, error)).map(Zeroizing::new)?;
    Keypair::from_pem(&pem).map_err(|error| refused(path, error))
}

/// Reads a private key out of text, such as `MESH_KEY`.
///
/// # Errors
/// [`Code::KeyFile`] when the text is no Ed25519 key.
pub(crate) fn from_text(origin: &str, pem: &str) -> Result<Keypair, Failure> {
    Keypair::from_pem(pem)
        .map_err(|error| Failure::new(Code::KeyFile, format!("cannot use the key in {origin}: {error}")))
}

/// Writes a new private key: mode 0600, never over an existing file, whole and on disk before this returns. A crash
/// leaves no half a key under the name.
///
/// # Errors
/// [`Code::KeyFile`] when the file exists or cannot be written.
pub(crate) fn create(path: &Path, key: &Keypair) -> Result<(), Failure> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(|error| refused(path, error))?;
    let write = || -> std::io::Result<()> {
        // Mode 0600 from the start.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(key.to_pem().as_bytes())?;
        file.as_file().sync_all()?;
        file.persist_noclobber(path)?;
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
        create(&path, &key).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(read(&path).unwrap().public_key(), key.public_key());
        let again = create(&path, &mesh_client::command::random_keypair()).unwrap_err();
        assert_eq!(again.code, Some(Code::KeyFile));
        assert_eq!(read(&path).unwrap().public_key(), key.public_key());
    }

    #[test]
    fn refuses_keys_that_others_can_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("me.pem");
        create(&path, &mesh_client::command::random_keypair()).unwrap();
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
}
