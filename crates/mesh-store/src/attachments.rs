//! Attachments: files named by their digest, never database values.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};

use crate::StoreError;
use crate::durable_file::{create_folder, replace, sync_folder};
use crate::mem_disk::MemDisk;

/// The longest attachment, in bytes: 4 MiB.
pub const MAX_ATTACHMENT_BYTES: usize = 4 << 20;

/// The SHA-256 of an attachment, which is its name.
pub type AttachmentDigest = [u8; 32];

/// One collection of attachments. The digest of what is read is checked, so a damaged file is never served.
///
/// ```text
/// FOLDER/ab/cdef...   (64 hexadecimal digits) the bytes
/// FOLDER/tmp/N        being written; removed at the next start
/// ```
#[derive(Debug)]
pub struct Attachments {
    place: Place,
    next_tmp: AtomicU64,
}

#[derive(Debug)]
enum Place {
    Folder(PathBuf),
    Memory { disk: MemDisk, prefix: String },
}

impl Attachments {
    /// Opens or creates the collection in `folder` and removes what a crash left half written.
    pub(crate) fn open(folder: &Path) -> Result<Self, StoreError> {
        let tmp = folder.join("tmp");
        create_folder(&tmp)?;
        for entry in list_folder(&tmp)? {
            fs::remove_file(&entry).map_err(|error| StoreError::io("delete", &entry, error))?;
        }
        Ok(Self { place: Place::Folder(folder.to_path_buf()), next_tmp: AtomicU64::new(0) })
    }

    /// The collection called `name` on a simulated disk.
    pub(crate) fn in_memory(disk: MemDisk, name: &str) -> Self {
        Self { place: Place::Memory { disk, prefix: format!("{name}/") }, next_tmp: AtomicU64::new(0) }
    }

    /// Keeps `bytes`, durably, and returns their digest. Keeping the same bytes again changes nothing.
    ///
    /// # Errors
    /// [`StoreError::TooLong`] over [`MAX_ATTACHMENT_BYTES`]; [`StoreError::Io`], and then nothing is kept.
    pub fn put(&self, bytes: &[u8]) -> Result<AttachmentDigest, StoreError> {
        if bytes.len() > MAX_ATTACHMENT_BYTES {
            return Err(StoreError::TooLong { what: "an attachment", limit: MAX_ATTACHMENT_BYTES, found: bytes.len() });
        }
        let digest = digest_of(bytes);
        match &self.place {
            Place::Memory { disk, prefix } => {
                let name = format!("{prefix}{}", hex(&digest));
                disk.lock().files.insert(name, bytes.to_vec());
            }
            Place::Folder(folder) => {
                let path = path_of(folder, &digest);
                // A damaged file is written anew.
                if !matches!(self.get(&digest), Ok(Some(_))) {
                    create_folder(path.parent().unwrap_or(folder))?;
                    let n = self.next_tmp.fetch_add(1, Ordering::Relaxed);
                    replace(&path, &folder.join("tmp").join(n.to_string()), bytes)?;
                }
            }
        }
        Ok(digest)
    }

    /// The attachment with this digest.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when the bytes are others, [`StoreError::Io`] when they can't be read.
    pub fn get(&self, digest: &AttachmentDigest) -> Result<Option<Vec<u8>>, StoreError> {
        let bytes = match &self.place {
            Place::Memory { disk, prefix } => {
                let name = format!("{prefix}{}", hex(digest));
                disk.lock().files.get(&name).cloned()
            }
            Place::Folder(folder) => {
                let path = path_of(folder, digest);
                match fs::read(&path) {
                    Ok(bytes) => Some(bytes),
                    Err(error) if error.kind() == ErrorKind::NotFound => None,
                    Err(error) => return Err(StoreError::io("read", &path, error)),
                }
            }
        };
        match bytes {
            Some(bytes) if digest_of(&bytes) != *digest => {
                Err(StoreError::corrupt(format_args!("the attachment {}", hex(digest))))
            }
            bytes => Ok(bytes),
        }
    }

    /// Whether there is an attachment with this digest; its bytes aren't looked at.
    ///
    /// # Errors
    /// [`StoreError::Io`] when that can't be told.
    pub fn contains(&self, digest: &AttachmentDigest) -> Result<bool, StoreError> {
        match &self.place {
            Place::Memory { disk, prefix } => {
                let name = format!("{prefix}{}", hex(digest));
                Ok(disk.lock().files.contains_key(&name))
            }
            Place::Folder(folder) => {
                let path = path_of(folder, digest);
                fs::exists(&path).map_err(|error| StoreError::io("look for", &path, error))
            }
        }
    }

    /// Removes the attachment, durably. Returns whether there was one.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn delete(&self, digest: &AttachmentDigest) -> Result<bool, StoreError> {
        match &self.place {
            Place::Memory { disk, prefix } => {
                let name = format!("{prefix}{}", hex(digest));
                Ok(disk.lock().files.remove(&name).is_some())
            }
            Place::Folder(folder) => {
                let path = path_of(folder, digest);
                match fs::remove_file(&path) {
                    Ok(()) => sync_folder(path.parent().unwrap_or(folder)).map(|()| true),
                    Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
                    Err(error) => Err(StoreError::io("delete", &path, error)),
                }
            }
        }
    }

    /// The digests of all attachments, in order.
    ///
    /// # Errors
    /// [`StoreError::Io`] when a folder can't be listed.
    pub fn list(&self) -> Result<Vec<AttachmentDigest>, StoreError> {
        let mut digests = Vec::new();
        match &self.place {
            Place::Memory { disk, prefix } => {
                let disk = disk.lock();
                let names = disk.files.keys().filter_map(|name| name.strip_prefix(prefix));
                digests.extend(names.filter_map(unhex));
            }
            Place::Folder(folder) => {
                for shard in list_folder(folder)? {
                    let start = file_name(&shard);
                    // "tmp" is no two digits.
                    if start.len() != 2 || !shard.is_dir() {
                        continue;
                    }
                    for file in list_folder(&shard)? {
                        digests.extend(unhex(&format!("{start}{}", file_name(&file))));
                    }
                }
            }
        }
        digests.sort_unstable();
        Ok(digests)
    }
}

/// The SHA-256 of `bytes`.
pub fn digest_of(bytes: &[u8]) -> AttachmentDigest {
    Sha256::digest(bytes).into()
}

fn path_of(folder: &Path, digest: &AttachmentDigest) -> PathBuf {
    let hex = hex(digest);
    folder.join(&hex[..2]).join(&hex[2..])
}

fn hex(digest: &AttachmentDigest) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let nibbles = digest.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    nibbles.map(|nibble| char::from(DIGITS[usize::from(nibble)])).collect()
}

fn unhex(text: &str) -> Option<AttachmentDigest> {
    let mut digest = [0; 32];
    let lower = |digit: &u8| digit.is_ascii_digit() || (b'a'..=b'f').contains(digit);
    if text.len() != 64 || !text.as_bytes().iter().all(lower) {
        return None;
    }
    for (n, byte) in digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * n..2 * n + 2], 16).ok()?;
    }
    Some(digest)
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

fn list_folder(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let list = || fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>();
    list().map_err(|error| StoreError::io("list", folder, error))
}
