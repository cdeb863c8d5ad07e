//! Bytes of a file for parsers that block: a local file as it is, a stream of a store through a bridge.

use std::io::{BufReader, Read, Seek as _, SeekFrom};

use futures::{StreamExt as _, TryStreamExt as _};
use object_store::{GetOptions, GetRange, GetResultPayload, ObjectStore as _};
use tokio_util::io::{StreamReader, SyncIoBridge};

use super::listing::DataFile;
use super::store::{Store, words};
use crate::error::ReadError;

/// How much is read at once.
const BUFFER: usize = 256 << 10;

/// Bytes of a file. To be read where blocking is allowed.
pub(super) type Source = BufReader<Box<dyn Read + Send>>;

/// Opens a file behind its first bytes.
pub(super) async fn open(store: &Store, file: &DataFile, skip: u64) -> Result<Source, ReadError> {
    let options = GetOptions::new().with_range((skip > 0).then_some(GetRange::Offset(skip)));
    let found = store.objects.get_opts(&file.meta.location, options).await;
    let found = found.map_err(|e| ReadError::new(&file.name, words(&e)))?;
    let reader: Box<dyn Read + Send> = match found.payload {
        GetResultPayload::File(mut opened, _) => {
            opened
                .seek(SeekFrom::Start(skip))
                .map_err(|e| ReadError::new(&file.name, format!("cannot be read: {e}")))?;
            Box::new(opened)
        }
        GetResultPayload::Stream(stream) => {
            let stream = stream.map_err(std::io::Error::from).boxed();
            Box::new(SyncIoBridge::new(StreamReader::new(stream)))
        }
    };
    Ok(BufReader::with_capacity(BUFFER, reader))
}
