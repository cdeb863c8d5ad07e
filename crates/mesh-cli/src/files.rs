//! Files that commands write: whole or not at all, and never over somebody's own.

use std::io::Write as _;
use std::path::Path;

use mesh_model::Code;

use crate::failure::Failure;

/// Reads a text file.
///
/// # Errors
/// With the path and the reason.
pub(crate) fn read_text(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| Failure::io("read", path, &error))
}

/// Writes a file that must not be there yet; its folder is made when missing.
///
/// # Errors
/// When it is there, or can't be written; then nothing is left behind.
pub(crate) fn create(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let file = staged(path, bytes, 0o644)?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => {
            Err(Failure::new(Code::Usage, format!("{} is there already and is not overwritten", path.display()))
                .hint("name another file, or move that one away"))
        }
        Err(error) => Err(Failure::io("write", path, &error.error)),
    }
}

/// Writes a file in place of what is there, in one step.
///
/// # Errors
/// When it can't be written; then what was there stays.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    persist(staged(path, bytes, 0o644)?, path)
}

/// [`replace`] with a file that only its owner reads.
///
/// # Errors
/// As there.
pub(crate) fn replace_secret(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    persist(staged(path, bytes, 0o600)?, path)
}

fn persist(file: tempfile::NamedTempFile, path: &Path) -> Result<(), Failure> {
    file.persist(path).map(drop).map_err(|error| Failure::io("write", path, &error.error))
}

fn staged(path: &Path, bytes: &[u8], mode: u32) -> Result<tempfile::NamedTempFile, Failure> {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let stage = || -> std::io::Result<tempfile::NamedTempFile> {
        std::fs::create_dir_all(folder)?;
        let mut file =
            tempfile::Builder::new().permissions(std::fs::Permissions::from_mode(mode)).tempfile_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        Ok(file)
    };
    stage().map_err(|error| Failure::io("write", path, &error))
}
