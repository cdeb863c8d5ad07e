//! Building and signing commands. The layer that draws random numbers: everything below takes them as arguments.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mesh_event::envelope;
use mesh_event::proto as signed;
use mesh_event::{Body, Command, Envelope, Keypair, Signer};
use mesh_model::{Code, CommandId, Digest, MeshId, PublicKey, UnixMs, limits};
use mesh_proto::status::MeshError;
use prost::Message as _;

/// How long root and council commands live unless they are told otherwise: 7 days, time enough to collect signatures.
pub const DEFAULT_LIFE: Duration = Duration::from_hours(7 * 24);

/// Builds commands for one mesh.
#[derive(Debug, Clone, Copy)]
pub struct CommandBuilder {
    mesh_id: MeshId,
    life: Duration,
}

impl CommandBuilder {
    /// Commands for this mesh.
    pub fn new(mesh_id: MeshId) -> Self {
        Self { mesh_id, life: DEFAULT_LIFE }
    }

    /// How long root and council commands live; at most 30 days. Domain commands don't expire.
    #[must_use]
    pub fn life(mut self, life: Duration) -> Self {
        self.life = life.min(Duration::from_millis(limits::COMMAND_LIFE_MS));
        self
    }

    /// A command with a fresh random id.
    pub fn build(&self, author: PublicKey, body: Body) -> Command {
        let expires_unix_ms = if body.feed_domain().is_some() {
            0
        } else {
            // A minute less than asked for: the leader's clock may be behind, and 30 days are a hard limit.
            let life = u64::try_from(self.life.as_millis()).unwrap_or(limits::COMMAND_LIFE_MS);
            now_unix_ms() + life.saturating_sub(60_000)
        };
        Command { mesh_id: self.mesh_id, id: random_command_id(), author, expires_unix_ms, body }
    }

    /// Builds and signs; the first signer is the author.
    ///
    /// # Errors
    /// [`Code::TooLarge`].
    ///
    /// # Panics
    /// When there is no signer.
    pub fn sign(&self, body: Body, signers: &[&dyn Signer]) -> Result<Envelope, MeshError> {
        let author = signers.first().expect("a command has an author").public_key();
        let command = self.build(author, body);
        command.sign(signers).map_err(|error| MeshError::new(error.code(), error.to_string()))
    }
}

/// Milliseconds since 1970 by this machine's clock; 0 before that.
pub fn now_unix_ms() -> UnixMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// 128 random bits that name a command.
pub fn random_command_id() -> CommandId {
    CommandId(rand::random())
}

/// 128 random bits for the digest of a private attachment.
pub fn random_salt() -> [u8; 16] {
    rand::random()
}

/// A fresh key of 256 random bits.
pub fn random_keypair() -> Keypair {
    use zeroize::Zeroizing;
    Keypair::from_seed(&Zeroizing::new(rand::random()))
}

/// A signed request to read a private attachment.
pub(crate) fn read_request(mesh_id: MeshId, digest: Digest, signer: &dyn Signer) -> Result<Vec<u8>, MeshError> {
    let request = signed::ReadRequest {
        mesh_id: mesh_id.0.to_vec(),
        author: signer.public_key().0.to_vec(),
        at_unix_ms: now_unix_ms(),
        digest: digest.0.to_vec(),
    };
    let envelope = Envelope::sign(envelope::READ, request.encode_to_vec(), &[signer])
        .map_err(|error| MeshError::new(Code::Internal, error.to_string()))?;
    Ok(envelope.into_bytes())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use mesh_event::SignedCommand;
    use mesh_event::command::{DelegateNode, RetireProduct};
    use mesh_model::{DomainName, ProductId};

    const MESH: MeshId = MeshId([7; 32]);

    fn retire() -> Body {
        let product = ProductId::parse("sales/orders").unwrap();
        Body::RetireProduct(RetireProduct { product, version: None, reason: "over".into() })
    }

    #[test]
    fn two_commands_never_share_an_id_and_domain_commands_do_not_expire() {
        let key = random_keypair();
        let builder = CommandBuilder::new(MESH);
        let (a, b) = (builder.build(key.public_key(), retire()), builder.build(key.public_key(), retire()));
        assert_ne!(a.id, b.id);
        assert_eq!(a.expires_unix_ms, 0);
    }

    #[test]
    fn root_commands_live_no_longer_than_the_ledger_takes() {
        let body = Body::DelegateNode(DelegateNode {
            domain: DomainName::parse("sales").unwrap(),
            node_id: 1,
            epoch: 2,
            base_size: 0,
            base_root: None,
        });
        let builder = CommandBuilder::new(MESH).life(Duration::from_hours(365 * 24));
        let command = builder.build(random_keypair().public_key(), body);
        assert!(command.expires_unix_ms > now_unix_ms());
        assert!(command.expires_unix_ms < now_unix_ms() + limits::COMMAND_LIFE_MS);
    }

    #[test]
    fn what_is_signed_verifies_for_its_mesh_only() {
        let key = random_keypair();
        let envelope = CommandBuilder::new(MESH).sign(retire(), &[&key]).unwrap();
        assert_eq!(SignedCommand::verify(envelope.clone(), &MESH).unwrap().command().author, key.public_key());
        let wrong = SignedCommand::verify(envelope, &MeshId([8; 32])).unwrap_err();
        assert_eq!(wrong.code(), Code::WrongMesh);
    }
}
