//! Signature checks as a parameter: arithmetic here, memory of earlier arithmetic in a node.

use mesh_event::command::CommandError;
use mesh_event::{Envelope, FeedHead, FeedId, HeadError, SignedCommand};
use mesh_model::{MeshId, PublicKey};

/// Checks signatures. Implementations differ in how often they compute, never in what they answer.
pub trait Verify {
    /// [`SignedCommand::verify`].
    ///
    /// # Errors
    /// [`CommandError`].
    fn command(&self, envelope: Envelope, mesh: &MeshId) -> Result<SignedCommand, CommandError>;

    /// [`FeedHead::verify`].
    ///
    /// # Errors
    /// [`HeadError`].
    fn head(&self, note: &[u8], mesh: &MeshId, feed: &FeedId, node_key: &PublicKey) -> Result<FeedHead, HeadError>;
}

/// Computes every time.
#[derive(Debug, Clone, Copy, Default)]
pub struct Strict;

impl Verify for Strict {
    fn command(&self, envelope: Envelope, mesh: &MeshId) -> Result<SignedCommand, CommandError> {
        SignedCommand::verify(envelope, mesh)
    }
    fn head(&self, note: &[u8], mesh: &MeshId, feed: &FeedId, node_key: &PublicKey) -> Result<FeedHead, HeadError> {
        FeedHead::verify(note, mesh, feed, node_key)
    }
}

impl<T: Verify + ?Sized> Verify for &T {
    fn command(&self, envelope: Envelope, mesh: &MeshId) -> Result<SignedCommand, CommandError> {
        (**self).command(envelope, mesh)
    }
    fn head(&self, note: &[u8], mesh: &MeshId, feed: &FeedId, node_key: &PublicKey) -> Result<FeedHead, HeadError> {
        (**self).head(note, mesh, feed, node_key)
    }
}
