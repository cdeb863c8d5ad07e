//! The files of a table.

use std::path::Path as FilePath;
use std::sync::Arc;

use futures::TryStreamExt as _;
use mesh_model::UnixMs;
use object_store::path::Path;
use object_store::{Error, ObjectMeta, ObjectStoreExt as _};

use super::partition;
use super::store::{Store, words};
use crate::error::ReadError;
use crate::format::Format;
use crate::input::Table;
use crate::location::Location;

/// Most files of a table.
const FILES: usize = 100_000;
/// Files that are packed, by the ends of their names.
const PACKED: [&str; 8] = ["gz", "gzip", "bz2", "xz", "zst", "zip", "lz4", "snappy"];

/// A file of a table.
#[derive(Debug, Clone)]
pub(crate) struct DataFile {
    pub(crate) meta: ObjectMeta,
    /// What people call it.
    pub(crate) name: String,
    /// Values of the partition columns, in the order of [`Listing::keys`].
    pub(crate) partition: Arc<[Option<String>]>,
}

/// The files of a table: at least one, all of one format, in one store, with the same partition columns.
#[derive(Debug, Clone)]
pub(crate) struct Listing {
    pub(crate) store: Store,
    pub(crate) format: Format,
    pub(crate) files: Vec<DataFile>,
    /// The partition columns.
    pub(crate) keys: Vec<String>,
}

impl Listing {
    /// Bytes of all files.
    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.meta.size).sum()
    }

    /// When the newest file was written.
    pub(crate) fn newest(&self) -> Option<UnixMs> {
        let written = self.files.iter().map(|file| file.meta.last_modified.timestamp_millis());
        written.filter_map(|at| UnixMs::try_from(at).ok()).max()
    }
}

/// A file and the folder that it was found in.
struct Found {
    meta: ObjectMeta,
    below: Path,
    /// Whether the location names this very file.
    named: bool,
}

/// Finds the files of a table.
pub(crate) async fn list(table: &Table) -> Result<Listing, ReadError> {
    let mut found = Vec::new();
    let mut store: Option<Store> = None;
    for location in table.source().locations() {
        let opened = Store::open(location)?;
        let opened = match &store {
            Some(first) if first.url.as_str() == opened.url.as_str() => first.clone(),
            Some(first) => {
                let first = first.url.as_str();
                return Err(ReadError::new(
                    location,
                    format!("lies in another store than {first}: expected one store"),
                ));
            }
            None => opened,
        };
        found.extend(find(&opened, location).await?);
        store = Some(opened);
    }
    // A table has at least one location.
    let Some(store) = store else { return Err(ReadError::new(table.name(), "has no place of files")) };
    // The same file by two of its places is one.
    found.sort_by(|a, b| a.meta.location.cmp(&b.meta.location));
    found.dedup_by(|a, b| a.meta.location == b.meta.location);
    let format = format(table, &store, &found)?;
    let files = of_format(table, &store, found, format)?;
    let mut listing = Listing { store, format, files: Vec::new(), keys: Vec::new() };
    for (at, Found { meta, below, .. }) in files.into_iter().enumerate() {
        let name = listing.store.name_of(&meta.location);
        let (keys, values): (Vec<String>, Vec<_>) = partition::of(&meta.location, &below).into_iter().unzip();
        if at == 0 {
            listing.keys = keys;
        } else if listing.keys != keys {
            let first = listing.files.first().map(|file| file.name.clone()).unwrap_or_default();
            let (expected, found) = (shown(&listing.keys), shown(&keys));
            let why = format!("is in folders of other partitions: expected {expected} as of {first}; found {found}");
            return Err(ReadError::new(name, why));
        }
        listing.files.push(DataFile { meta, name, partition: values.into() });
    }
    Ok(listing)
}

fn shown(keys: &[String]) -> String {
    if keys.is_empty() { "none".to_owned() } else { keys.join(", ") }
}

async fn find(store: &Store, location: &Location) -> Result<Vec<Found>, ReadError> {
    let (path, is_folder) = match location {
        Location::Local(path) => local(path).await?,
        Location::S3 { key, .. } => {
            let path = Path::parse(key).map_err(|e| ReadError::new(location, format!("is no key: {e}")))?;
            (path, key.is_empty() || key.ends_with('/'))
        }
    };
    if !is_folder {
        match store.objects.head(&path).await {
            Ok(meta) => return Ok(vec![Found { below: meta.location.clone(), meta, named: true }]),
            // A folder of S3 may be written without the slash behind it.
            Err(Error::NotFound { .. }) if matches!(location, Location::S3 { .. }) => {}
            Err(error) => return Err(ReadError::new(location, words(&error))),
        }
    }
    let mut listed = store.objects.list(Some(&path));
    let mut found = Vec::new();
    while let Some(meta) = listed.try_next().await.map_err(|e| ReadError::new(location, words(&e)))? {
        if partition::is_hidden(&meta.location, &path) {
            continue;
        }
        if found.len() == FILES {
            return Err(ReadError::new(location, format!("holds more than {FILES} files, which is the most")));
        }
        found.push(Found { meta, below: path.clone(), named: false });
    }
    if found.is_empty() {
        return Err(ReadError::new(location, "is a folder without files, or does not exist: expected data files"));
    }
    Ok(found)
}

/// Where a path leads, and whether that is a folder.
async fn local(path: &FilePath) -> Result<(Path, bool), ReadError> {
    let error = |why: String| ReadError::new(path.display(), why);
    let missing = |e: std::io::Error| match e.kind() {
        std::io::ErrorKind::NotFound => error("does not exist: expected a file or a folder".to_owned()),
        _ => error(format!("cannot be read: {e}")),
    };
    let real = tokio::fs::canonicalize(path).await.map_err(missing)?;
    let kind = tokio::fs::metadata(&real).await.map_err(missing)?;
    if !kind.is_file() && !kind.is_dir() {
        return Err(error("is neither a file nor a folder".to_owned()));
    }
    let path = Path::from_absolute_path(&real).map_err(|e| error(format!("has a name that is not read: {e}")))?;
    Ok((path, kind.is_dir()))
}

/// The declared format; else the one that the files' names tell.
fn format(table: &Table, store: &Store, found: &[Found]) -> Result<Format, ReadError> {
    if let Some(declared) = table.source().format() {
        return Ok(declared);
    }
    let mut told: Vec<(Format, &Found)> = Vec::new();
    for file in found {
        if let Some(format) = Format::of_file(file.meta.location.as_ref())
            && told.iter().all(|(known, _)| *known != format)
        {
            told.push((format, file));
        }
    }
    let name = |file: &Found| store.name_of(&file.meta.location);
    match told.as_slice() {
        [(format, _)] => Ok(*format),
        [(one, first), (other, second), ..] => {
            let (first, second) = (name(first), name(second));
            let why = format!("holds {one} ({first}) and {other} ({second}): declare the port's format");
            Err(ReadError::new(table.name(), why))
        }
        [] => {
            let first = found.first().map(name).unwrap_or_default();
            let why = match found.first().filter(|file| is_packed(file)) {
                Some(_) => "is compressed, which is not read: unpack it, or use Parquet, which packs its own columns",
                None => "does not tell its format: declare it, or end the name in .csv, .json, .jsonl or .parquet",
            };
            Err(ReadError::new(first, why))
        }
    }
}

fn is_packed(file: &Found) -> bool {
    let name = file.meta.location.as_ref();
    name.rsplit_once('.').is_some_and(|(_, end)| PACKED.iter().any(|packed| packed.eq_ignore_ascii_case(end)))
}

/// The files that are data of a format. A folder may hold others, and empty ones, as some tools leave them for partitions without rows.
fn of_format(table: &Table, store: &Store, found: Vec<Found>, format: Format) -> Result<Vec<Found>, ReadError> {
    let told = |file: &Found| Format::of_file(file.meta.location.as_ref());
    let some_tell = found.iter().any(|file| told(file) == Some(format));
    let name = |file: &Found| store.name_of(&file.meta.location);
    if let Some(packed) = found.iter().find(|file| is_packed(file) && (file.named || !some_tell)) {
        return Err(ReadError::new(name(packed), "is compressed, which is not read: unpack it"));
    }
    let fits = |file: &Found| file.named || if some_tell { told(file) == Some(format) } else { told(file).is_none() };
    let (mut files, others): (Vec<_>, Vec<_>) = found.into_iter().partition(fits);
    if files.is_empty() {
        let first = others.first().map(name).unwrap_or_default();
        return Err(ReadError::new(table.name(), format!("has no {format} files: expected some; found {first}")));
    }
    let first = files.first().map(name).unwrap_or_default();
    files.retain(|file| file.meta.size > 0);
    if files.is_empty() {
        return Err(ReadError::new(first, format!("is empty: expected {format}; found no byte")));
    }
    Ok(files)
}
