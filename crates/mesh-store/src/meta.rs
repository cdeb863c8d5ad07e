//! Facts about the store itself.

use std::sync::Arc;

use crate::StoreError;
use crate::batch::Batch;
use crate::chunked::Chunked;
use crate::keyspace::META;
use crate::record;

const FORMAT: &str = "format";
const NODE_ID: &str = "node_id";
const MESH_ID: &str = "mesh_id";
const GENERATION: &str = "generation";
const LOST_AUTHORITY: &str = "lost_authority";
const VALUE: &str = "value/";

/// The longest name of a value, in bytes.
pub const MAX_NAME_BYTES: usize = 64;

/// Small named values.
///
/// ```text
/// 0x01 | name -> version: u8 = 1 | bytes
///
/// format          store format version: u64      node_id         bytes, set by the node
/// mesh_id         bytes, set by the node         generation      u64: starts of this node
/// lost_authority  UTF-8: why this node may not vote, cosign or write feeds under its old id
/// value/NAME      bytes, whatever the node keeps
/// ```
#[derive(Clone)]
pub struct Meta {
    kv: Arc<Chunked>,
}

impl Meta {
    pub(crate) fn new(kv: Arc<Chunked>) -> Self {
        Self { kv }
    }

    /// The node id, once it was set.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn node_id(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.get(NODE_ID)
    }

    /// Sets the node id.
    pub fn put_node_id(&self, batch: &mut Batch, id: &[u8]) {
        put(batch, NODE_ID, id);
    }

    /// The mesh id, once it was set.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn mesh_id(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.get(MESH_ID)
    }

    /// Sets the mesh id.
    pub fn put_mesh_id(&self, batch: &mut Batch, id: &[u8]) {
        put(batch, MESH_ID, id);
    }

    /// How often the node was started on this store; 0 before the first [`Meta::next_generation`].
    ///
    /// # Errors
    /// When it can't be read.
    pub fn generation(&self) -> Result<u64, StoreError> {
        Ok(self.get_u64(GENERATION)?.unwrap_or(0))
    }

    /// Counts a start and returns the new generation. It is the node's own once the batch is durable.
    ///
    /// # Errors
    /// When the old one can't be read.
    pub fn next_generation(&self, batch: &mut Batch) -> Result<u64, StoreError> {
        let next = self.generation()? + 1;
        put(batch, GENERATION, &next.to_be_bytes());
        Ok(next)
    }

    /// Leaves out generations that a copy of this store can't know of: the node was started since it was taken.
    ///
    /// # Errors
    /// When the old one can't be read.
    pub fn skip_generations(&self, batch: &mut Batch, count: u64) -> Result<(), StoreError> {
        let next = self.generation()?.saturating_add(count);
        put(batch, GENERATION, &next.to_be_bytes());
        Ok(())
    }

    /// The value called `name`.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn value(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.get(&format!("{VALUE}{name}"))
    }

    /// Sets the value called `name`.
    ///
    /// # Errors
    /// [`StoreError::TooLong`] for a name over [`MAX_NAME_BYTES`].
    pub fn put_value(&self, batch: &mut Batch, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        check_name(name)?;
        put(batch, &format!("{VALUE}{name}"), bytes);
        Ok(())
    }

    /// Removes the value called `name`.
    pub fn delete_value(&self, batch: &mut Batch, name: &str) {
        batch.delete(key(&format!("{VALUE}{name}")));
    }

    /// Why this node may not vote, cosign or write a feed under its old id and epoch, if that is so.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn lost_authority(&self) -> Result<Option<String>, StoreError> {
        let reason = self.get(LOST_AUTHORITY)?;
        Ok(reason.map(|reason| String::from_utf8_lossy(&reason).into_owned()))
    }

    pub(crate) fn put_lost_authority(batch: &mut Batch, reason: &str) {
        put(batch, LOST_AUTHORITY, reason.as_bytes());
    }

    pub(crate) fn clear_lost_authority(batch: &mut Batch) {
        batch.delete(key(LOST_AUTHORITY));
    }

    pub(crate) fn format(&self) -> Result<Option<u64>, StoreError> {
        self.get_u64(FORMAT)
    }

    pub(crate) fn put_format(batch: &mut Batch, version: u64) {
        put(batch, FORMAT, &version.to_be_bytes());
    }

    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let stored = self.kv.get(&key(name))?;
        stored.map(|stored| record::unwrap(name, stored)).transpose()
    }

    fn get_u64(&self, name: &str) -> Result<Option<u64>, StoreError> {
        let Some(bytes) = self.get(name)? else {
            return Ok(None);
        };
        let bytes = <[u8; 8]>::try_from(bytes).map_err(|_| StoreError::corrupt(name))?;
        Ok(Some(u64::from_be_bytes(bytes)))
    }
}

pub(crate) fn check_name(name: &str) -> Result<(), StoreError> {
    if name.len() > MAX_NAME_BYTES {
        return Err(StoreError::TooLong { what: "a name", limit: MAX_NAME_BYTES, found: name.len() });
    }
    Ok(())
}

fn key(name: &str) -> Vec<u8> {
    let mut key = vec![META];
    key.extend_from_slice(name.as_bytes());
    key
}

fn put(batch: &mut Batch, name: &str, bytes: &[u8]) {
    batch.put(key(name), record::wrap(bytes));
}
