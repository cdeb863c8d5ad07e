//! The format version of a whole store, outside the database: it is read before anything is opened.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use crate::StoreError;
use crate::durable_file::replace;

/// The store format this program writes, and the newest it reads.
pub const FORMAT_VERSION: u64 = 1;
/// The oldest store format that this program reads.
pub const OLDEST_FORMAT_VERSION: u64 = 1;

const NAME: &str = "FORMAT";
const WORD: &str = "mesh-store";

/// The version of the store in `folder`; `None` where there is none yet. The file is one line: `mesh-store 1`.
///
/// Nothing is written: an older program leaves a newer store as it is.
pub(crate) fn read(folder: &Path) -> Result<Option<u64>, StoreError> {
    let path = folder.join(NAME);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StoreError::io("read", &path, error)),
    };
    let version = text
        .strip_prefix(WORD)
        .and_then(|version| version.trim().parse().ok())
        .ok_or_else(|| StoreError::corrupt(path.display()))?;
    check(version)?;
    Ok(Some(version))
}

/// Refuses a version that is newer than this program.
pub(crate) fn check(version: u64) -> Result<(), StoreError> {
    if version > FORMAT_VERSION {
        return Err(StoreError::NewerFormat { found: version, supported: FORMAT_VERSION });
    }
    Ok(())
}

/// Writes this program's version.
pub(crate) fn write(folder: &Path) -> Result<(), StoreError> {
    let line = format!("{WORD} {FORMAT_VERSION}\n");
    replace(&folder.join(NAME), &folder.join(format!("{NAME}.tmp")), line.as_bytes())
}
