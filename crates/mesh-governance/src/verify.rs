//! Signature checks as a parameter: arithmetic here, memory of earlier arithmetic in a node.

use mesh_event::command::CommandError;
use mesh_event::protocol::PROTOCOL_VERSION;
use mesh_event::{Envelope, FeedHead, FeedId, HeadError, SignedCommand};
use mesh_model::{MeshId, PublicKey};

/// Checks signatures. Implementations differ in how often they compute, never in what they answer.
pub trait Verify {
    /// [`SignedCommand::verify_under`]: by the rules of the protocol version in force.
    ///
    /// # Errors
    /// [`CommandError`].
    fn command_under(&self, protocol: u32, envelope: Envelope, mesh: &MeshId) -> Result<SignedCommand, CommandError>;

    /// [`SignedCommand::verify`]: any kind that this build knows.
    ///
    /// # Errors
    /// [`CommandError`].
    fn command(&self, envelope: Envelope, mesh: &MeshId) -> Result<SignedCommand, CommandError> {
        self.command_under(PROTOCOL_VERSION, envelope, mesh)
    }

    /// [`FeedHead::verify`].
    ///
    /// # Errors
    /// [`HeadError`].
    fn head(&self, note: &[u8], mesh: &MeshId, feed: &FeedId, node_key: &PublicKey) -> Result<FeedHead, HeadError>;

    /// The newest protocol version whose commands are taken apart here: all that this build knows, or less for a node that is held
    /// back. Nothing is decided under a newer one.
    fn newest_protocol(&self) -> u32 {
        PROTOCOL_VERSION
    }
}

/// Computes every time.
#[derive(Debug, Clone, Copy, Default)]
pub struct Strict;

impl Verify for Strict {
    fn command_under(&self, protocol: u32, envelope: Envelope, mesh: &MeshId) -> Result<SignedCommand, CommandError> {
        SignedCommand::verify_under(protocol, envelope, mesh)
    }
    fn head(&self, note: &[u8], mesh: &MeshId, feed: &FeedId, node_key: &PublicKey) -> Result<FeedHead, HeadError> {
        FeedHead::verify(note, mesh, feed, node_key)
    }
}

impl<T: Verify + ?Sized> Verify for &T {
    fn command_under(&self, protocol: u32, envelope: Envelope, mesh: &MeshId) -> Result<SignedCommand, CommandError> {
        (**self).command_under(protocol, envelope, mesh)
    }
    fn head(&self, note: &[u8], mesh: &MeshId, feed: &FeedId, node_key: &PublicKey) -> Result<FeedHead, HeadError> {
        (**self).head(note, mesh, feed, node_key)
    }
    fn newest_protocol(&self) -> u32 {
        (**self).newest_protocol()
    }
}
