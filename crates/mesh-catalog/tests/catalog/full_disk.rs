//! A directory that takes nothing for a while.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::corpus::product;
use mesh_catalog::{Directory, Entry, IndexOptions, Lifecycle, Query, SearchError, SearchIndex};
use mesh_model::Descriptor;
use tantivy::directory::error::{DeleteError, OpenReadError, OpenWriteError};
use tantivy::directory::{FileHandle, RamDirectory, WatchCallback, WatchHandle, WritePtr};

/// A disk that can be full.
#[derive(Debug, Clone, Default)]
struct Disk {
    files: RamDirectory,
    is_full: Arc<AtomicBool>,
}

impl Disk {
    fn check(&self) -> io::Result<()> {
        if self.is_full.load(Ordering::SeqCst) { Err(io::Error::from(io::ErrorKind::StorageFull)) } else { Ok(()) }
    }
}

impl Directory for Disk {
    fn get_file_handle(&self, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        self.files.get_file_handle(path)
    }
    fn delete(&self, path: &Path) -> Result<(), DeleteError> {
        self.files.delete(path)
    }
    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        self.files.exists(path)
    }
    fn open_write(&self, path: &Path) -> Result<WritePtr, OpenWriteError> {
        self.check().map_err(|error| OpenWriteError::wrap_io_error(error, path.to_owned()))?;
        self.files.open_write(path)
    }
    fn atomic_read(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        self.files.atomic_read(path)
    }
    fn atomic_write(&self, path: &Path, data: &[u8]) -> io::Result<()> {
        self.check()?;
        self.files.atomic_write(path, data)
    }
    fn sync_directory(&self) -> io::Result<()> {
        self.check()
    }
    fn watch(&self, callback: WatchCallback) -> tantivy::Result<WatchHandle> {
        self.files.watch(callback)
    }
}

fn put(index: &SearchIndex, descriptor: &Descriptor) -> Result<(), SearchError> {
    index.put(&Entry {
        descriptor,
        status: Lifecycle::Active,
        ledger_index: 1,
        stamp_unix_ms: 1_800_000_000_000,
        overflow_text: &[],
    })
}

fn count(index: &SearchIndex) -> usize {
    index.search(&Query::text("")).unwrap().total
}

#[test]
fn an_index_whose_disk_was_full_goes_on_once_there_is_room() {
    let disk = Disk::default();
    let opened = SearchIndex::open(Box::new(disk.clone()), IndexOptions::default()).unwrap();
    let index = opened.index;
    let (one, two) = (product("d/one"), product("d/two"));
    put(&index, &one).unwrap();
    index.commit(1).unwrap();

    disk.is_full.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        // Whichever of the two fails: the writer works beside the caller, and the next one needs a lock file.
        assert!(put(&index, &two).and_then(|()| index.commit(2)).is_err());
    }
    assert_eq!((count(&index), index.position()), (1, Some(1)), "what was committed is still found");

    disk.is_full.store(false, Ordering::SeqCst);
    put(&index, &two).unwrap();
    index.commit(2).unwrap();
    assert_eq!((count(&index), index.position()), (2, Some(2)));
    drop(index);
    let again = SearchIndex::open(Box::new(disk), IndexOptions::default()).unwrap();
    assert_eq!((count(&again.index), again.position), (2, Some(2)));
}
