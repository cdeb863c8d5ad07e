//! Copies a store's files while it is in use.
//!
//! A copy of files that change is torn. So everything is copied once while writes go on, and then, with writes shut out and all that was
//! applied synced, read again and corrected where it differs: what lies there then is what a power loss at that moment would have left, and
//! every open of a store is made for that. Writers wait for the second reading, which comes from the page cache, not for the copying.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::StoreError;
use crate::durable_file::{create_folder, sync_folder};
use crate::sled_kv::WritesGate;

/// Bytes that are compared at once.
const BLOCK: usize = 1 << 20;
/// Files of the store itself, beside the database. HEAD may trail what is durable and never runs ahead: it is copied first.
const BESIDE: [&str; 2] = ["HEAD", "FORMAT"];

/// Copies the database, HEAD and FORMAT. `flush` makes durable all that was handed in.
pub(crate) fn database(
    from: &Path,
    to: &Path,
    flush: impl FnOnce() -> Result<(), StoreError>,
    writes: &WritesGate,
) -> Result<(), StoreError> {
    let (kv_from, kv_to) = (from.join("kv"), to.join("kv"));
    create_folder(&kv_to)?;
    same_files(&kv_from, &kv_to)?;
    flush()?;
    {
        let _shut = writes.shut();
        for name in BESIDE {
            same_file(&from.join(name), &to.join(name))?;
        }
        same_files(&kv_from, &kv_to)?;
    }
    for file in files_in(&kv_to)?.into_iter().chain(BESIDE.map(PathBuf::from)) {
        let path = if BESIDE.iter().any(|name| file == Path::new(name)) { to.join(file) } else { kv_to.join(file) };
        File::open(&path).and_then(|file| file.sync_all()).map_err(|error| StoreError::io("sync", &path, error))?;
    }
    sync_folder(&kv_to)?;
    sync_folder(to)
}

/// Copies the attachments that are there. They never change; one that is erased meanwhile is left out.
pub(crate) fn attachments(from: &Path, to: &Path) -> Result<(), StoreError> {
    create_folder(to)?;
    for name in names_in(from)? {
        let folder = from.join(&name);
        if name.as_os_str() == "tmp" || !folder.is_dir() {
            continue;
        }
        create_folder(&to.join(&name))?;
        for file in files_in(&folder)? {
            let path = to.join(&name).join(&file);
            match fs::copy(folder.join(&file), &path) {
                Ok(_) => File::open(&path)
                    .and_then(|file| file.sync_all())
                    .map_err(|error| StoreError::io("sync", &path, error))?,
                Err(error) if error.kind() == ErrorKind::NotFound => match fs::remove_file(&path) {
                    Err(error) if error.kind() != ErrorKind::NotFound => {
                        return Err(StoreError::io("delete", &path, error));
                    }
                    _ => {}
                },
                Err(error) => return Err(StoreError::io("copy", &path, error)),
            }
        }
        sync_folder(&to.join(&name))?;
    }
    sync_folder(to)
}

/// Makes the files of `to` those of `from`, folders within them too.
fn same_files(from: &Path, to: &Path) -> Result<(), StoreError> {
    let names = names_in(from)?;
    for old in names_in(to)?.into_iter().filter(|name| !names.contains(name)) {
        let path = to.join(old);
        let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.map_err(|error| StoreError::io("delete", &path, error))?;
    }
    for name in names {
        let (from, to) = (from.join(&name), to.join(&name));
        if from.is_dir() {
            create_folder(&to)?;
            same_files(&from, &to)?;
        } else {
            same_file(&from, &to)?;
        }
    }
    Ok(())
}

/// Writes the blocks that differ. A file that is gone meanwhile is no error: the second turn sees that.
fn same_file(from: &Path, to: &Path) -> Result<(), StoreError> {
    let mut source = match File::open(from) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(StoreError::io("open", from, error)),
    };
    let failed = |error| StoreError::io("copy into", to, error);
    let mut target = File::options().create(true).truncate(false).read(true).write(true).open(to).map_err(failed)?;
    let (mut new, mut old) = (vec![0; BLOCK], vec![0; BLOCK]);
    let mut at = 0;
    loop {
        let found = read_block(&mut source, &mut new).map_err(|error| StoreError::io("read", from, error))?;
        if found == 0 {
            return target.set_len(at).map_err(failed);
        }
        let there = read_block(&mut target, &mut old).map_err(failed)?;
        if there < found || old[..found] != new[..found] {
            target.seek(SeekFrom::Start(at)).and_then(|_| target.write_all(&new[..found])).map_err(failed)?;
        }
        at += found as u64;
        target.seek(SeekFrom::Start(at)).map_err(failed)?;
    }
}

fn read_block(file: &mut File, block: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < block.len() {
        match file.read(&mut block[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

fn names_in(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let list = || -> std::io::Result<Vec<PathBuf>> {
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.file_name().into())).collect()
    };
    list().map_err(|error| StoreError::io("list", folder, error))
}

fn files_in(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    Ok(names_in(folder)?.into_iter().filter(|name| !folder.join(name).is_dir()).collect())
}
