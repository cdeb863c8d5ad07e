//! The ledger as C2SP tlog-tiles over HTTP: checkpoint, tiles of hashes, bundles of entries. Any tool for such logs can audit it.
//!
//! ```text
//! GET /ledger/checkpoint                     the newest checkpoint that counts
//! GET /ledger/tile/<L>/<N>[.p/<W>]           hashes
//! GET /ledger/tile/entries/<N>[.p/<W>]       leaves
//! ```
//!
//! What is full never changes and may be kept for ever; a partial tile too, only that a wider one will come.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use mesh_model::Code;
use mesh_proto::status::MeshError;
use mesh_store::MerkleLog;
use mesh_tlog::{TILE_WIDTH, TilePath, encode_bundle, read_tile};

use crate::core::{Core, storage_error};

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const NOT_KEPT: HeaderValue = HeaderValue::from_static("no-store");

/// The newest checkpoint.
///
/// # Errors
/// [`Code::NotFound`] before the first.
pub fn checkpoint(core: &Core) -> Result<Response, MeshError> {
    let (last, _) =
        core.checkpoints.last().ok_or_else(|| MeshError::new(Code::NotFound, "no checkpoint has a majority yet"))?;
    Ok(([(header::CONTENT_TYPE, TEXT), (header::CACHE_CONTROL, NOT_KEPT)], last.bytes()).into_response())
}

/// A tile or bundle, by its path below `/ledger/`.
///
/// # Errors
/// [`Code::BadArgument`] for another path, [`Code::NotFound`] for what the ledger has not (yet).
pub fn tile(core: &Core, path: &str) -> Result<Response, MeshError> {
    let path: TilePath = path.parse().map_err(|error| MeshError::new(Code::BadArgument, format!("{error}")))?;
    let ledger = core.store.ledger();
    let size = core.ledger_size();
    let tile = path.tile();
    if !tile.is_within(size) {
        return Err(MeshError::new(Code::NotFound, format!("{path} is beyond the ledger's {size} leaves")));
    }
    let bytes = match path {
        TilePath::Hashes(tile) => {
            let hashes = read_tile(&ledger, tile).map_err(|error| storage_error(&error))?;
            hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
        }
        TilePath::Entries { .. } => entries(&ledger, tile.index() * u64::from(TILE_WIDTH), tile.width())?,
    };
    Ok(([(header::CONTENT_TYPE, BYTES), (header::CACHE_CONTROL, FOR_EVER)], bytes).into_response())
}

fn entries(ledger: &MerkleLog, first: u64, count: u16) -> Result<Vec<u8>, MeshError> {
    let end = first + u64::from(count);
    let leaves = ledger.leaves(first..end, usize::from(count)).map_err(|error| storage_error(&error))?;
    if leaves.len() != usize::from(count) {
        let text = format!("of the leaves {first} to {} this node has {}", end - 1, leaves.len());
        return Err(MeshError::new(Code::NotFound, text));
    }
    let bundle = encode_bundle(leaves.into_iter().map(|(_, leaf)| leaf));
    bundle.map_err(|error| MeshError::new(Code::Internal, error.to_string()))
}
