//! Commands: signed instructions that may enter the ledger.

use std::collections::BTreeSet;

use mesh_model::{
    Code, CommandId, Descriptor, Digest, DomainName, LedgerIndex, MeshId, NodeId, ProductId, PublicKey, Role, UnixMs,
    Version,
};
use prost::Message as _;
use serde::{Deserialize, Serialize};

use crate::convert::{Malformed, digest, key, length};
use crate::envelope::{self, Envelope, EnvelopeError};
use crate::federation::{
    AdmitVouchedNode, Erase, FEDERATION_PROTOCOL, FeedAnchor, RecoverVoters, ReportEquivocation, ResolveEquivocation,
};
use crate::genesis::PROTOCOL_VERSION;
use crate::proposal::{Approve, Comment, Propose, Reject, Withdraw};
use crate::signing::Signer;
use crate::{body_wire, later_wire, proto};

/// A command, whoever signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The mesh it is for.
    pub mesh_id: MeshId,
    /// What names it.
    pub id: CommandId,
    /// Its first signer.
    pub author: PublicKey,
    /// End of life in ledger time; 0 for domain commands, which don't expire.
    pub expires_unix_ms: UnixMs,
    /// What it says.
    pub body: Body,
}

/// What a command says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "commands are moved once or twice; the descriptor is the payload")]
pub enum Body {
    /// Seal a version.
    PublishVersion(PublishVersion),
    /// Mark one or all versions as deprecated.
    DeprecateVersion(DeprecateVersion),
    /// End one or all versions.
    RetireProduct(RetireProduct),
    /// Let domains in.
    AdmitDomains(AdmitDomains),
    /// Grant a role.
    GrantRole(GrantRole),
    /// Take all of a key's rights in a domain.
    RevokeKey(RevokeKey),
    /// Choose the node that writes a domain's feed.
    DelegateNode(DelegateNode),
    /// Put other root keys in the place of a domain's.
    RotateDomainKeys(RotateDomainKeys),
    /// Stop a replacement of a domain's root.
    VetoRootReplacement(VetoRootReplacement),
    /// Take a person's key out.
    OffboardMember(OffboardMember),
    /// Open a council matter.
    Propose(Propose),
    /// Be for a proposal.
    Approve(Approve),
    /// Be against a proposal.
    Reject(Reject),
    /// Take one's own proposal back.
    Withdraw(Withdraw),
    /// Say something about a proposal.
    Comment(Comment),
    /// Let in a node for which a domain vouches.
    AdmitVouchedNode(AdmitVouchedNode),
    /// Go on with other voters after a lost quorum.
    RecoverVoters(RecoverVoters),
    /// Put the head of a feed into the ledger.
    FeedAnchor(FeedAnchor),
    /// Show that a node signed two histories of one feed.
    ReportEquivocation(ReportEquivocation),
    /// Say which history of a forked feed stands.
    ResolveEquivocation(ResolveEquivocation),
    /// Delete the body of an attachment.
    Erase(Erase),
}

/// Seal a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishVersion {
    /// The version's description.
    pub descriptor: Descriptor,
    /// The version that this one was planned against, by digest; `None` for a first one.
    pub planned_against: Option<Digest>,
    /// Breaks among overflowed fields, which the ledger cannot see.
    pub overflow_breaks: Vec<String>,
}

/// Mark one or all versions as deprecated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeprecateVersion {
    /// The product.
    pub product: ProductId,
    /// The version; all when absent.
    pub version: Option<Version>,
    /// The day after which consumers must not rely on it, `YYYY-MM-DD`; empty when none is set.
    pub sunset: String,
    /// What takes its place, `domain/name` or `domain/name@version`; empty for none.
    pub successor: String,
    /// Why.
    pub reason: String,
}

/// End one or all versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetireProduct {
    /// The product.
    pub product: ProductId,
    /// The version; all when absent.
    pub version: Option<Version>,
    /// Why.
    pub reason: String,
}

/// Let domains in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdmitDomains {
    /// Which.
    pub domains: Vec<DomainAdmission>,
    /// The council's version that decided.
    pub council_version: u64,
}

/// One domain to let in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainAdmission {
    /// Its name, for ever.
    pub name: DomainName,
    /// What people call it.
    pub title: String,
    /// What it is about.
    pub description: String,
    /// What it answers for.
    pub responsibilities: Vec<String>,
    /// The domain it belongs to.
    pub parent: Option<DomainName>,
    /// Who speaks for it.
    pub root_keys: Vec<PublicKey>,
    /// How many of them must sign.
    pub root_threshold: u32,
    /// Its first role holders.
    pub roles: Vec<RoleGrant>,
    /// The node that writes its feed as epoch 1; `None` for none yet.
    pub delegate: Option<NodeId>,
}

/// A role for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RoleGrant {
    /// Whose.
    pub key: PublicKey,
    /// Which.
    pub role: Role,
}

/// Grant a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantRole {
    /// In which domain; mesh-wide when absent.
    pub domain: Option<DomainName>,
    /// What.
    pub grant: RoleGrant,
    /// The roster's version that this changes.
    pub roster_version: u64,
}

/// Take all of a key's rights in a domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokeKey {
    /// In which domain; mesh-wide roles when absent.
    pub domain: Option<DomainName>,
    /// Whose.
    pub key: PublicKey,
    /// Why.
    pub reason: String,
    /// The roster's version that this changes.
    pub roster_version: u64,
}

/// Choose the node that writes a domain's feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DelegateNode {
    /// Whose feed.
    pub domain: DomainName,
    /// Which node.
    pub node_id: NodeId,
    /// The new epoch.
    pub epoch: u64,
    /// How many events of the old epoch's feed it continues.
    pub base_size: u64,
    /// The old feed's root at that size; `None` when nothing was written.
    pub base_root: Option<Digest>,
}

/// Put other root keys in the place of a domain's. Signed by the threshold in force and by that of the new keys; each new
/// key signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotateDomainKeys {
    /// Whose.
    pub domain: DomainName,
    /// Who speaks for it from now on: the whole new list.
    pub root_keys: Vec<PublicKey>,
    /// How many of them must sign.
    pub root_threshold: u32,
    /// The roster's version that this changes.
    pub roster_version: u64,
}

/// Stop a replacement of a domain's root that the council decided. Signed by the threshold of the root in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VetoRootReplacement {
    /// Whose.
    pub domain: DomainName,
    /// The leaf of the proposal that decided it.
    pub proposal: LedgerIndex,
    /// Why.
    pub reason: String,
}

/// Take a person's key out. With a domain: by its root, the key's roles there. With none: by the council without that key,
/// all its roles, its seat and its unused approvals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OffboardMember {
    /// Whose.
    pub key: PublicKey,
    /// In which domain; everywhere when absent.
    pub domain: Option<DomainName>,
    /// Why. Never a person's name.
    pub reason: String,
    /// The version that this changes: of the domain's roster, or of the council.
    pub version: u64,
}

impl Body {
    /// The domain whose feed the command travels through; `None` for root and council commands.
    pub fn feed_domain(&self) -> Option<&DomainName> {
        match self {
            Self::PublishVersion(body) => Some(&body.descriptor.domain),
            Self::DeprecateVersion(body) => Some(&body.product.domain),
            Self::RetireProduct(body) => Some(&body.product.domain),
            Self::AdmitDomains(_)
            | Self::GrantRole(_)
            | Self::RevokeKey(_)
            | Self::DelegateNode(_)
            | Self::RotateDomainKeys(_)
            | Self::VetoRootReplacement(_)
            | Self::OffboardMember(_)
            | Self::Propose(_)
            | Self::Approve(_)
            | Self::Reject(_)
            | Self::Withdraw(_)
            | Self::Comment(_)
            | Self::AdmitVouchedNode(_)
            | Self::RecoverVoters(_)
            | Self::FeedAnchor(_)
            | Self::ReportEquivocation(_)
            | Self::ResolveEquivocation(_)
            | Self::Erase(_) => None,
        }
    }

    /// The command's name, as histories show it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::PublishVersion(_) => "PublishVersion",
            Self::DeprecateVersion(_) => "DeprecateVersion",
            Self::RetireProduct(_) => "RetireProduct",
            Self::AdmitDomains(_) => "AdmitDomain",
            Self::GrantRole(_) => "GrantRole",
            Self::RevokeKey(_) => "RevokeKey",
            Self::DelegateNode(_) => "DelegateNode",
            Self::RotateDomainKeys(_) => "RotateDomainKeys",
            Self::VetoRootReplacement(_) => "VetoRootReplacement",
            Self::OffboardMember(_) => "OffboardMember",
            Self::Propose(_) => "Propose",
            Self::Approve(_) => "Approve",
            Self::Reject(_) => "Reject",
            Self::Withdraw(_) => "Withdraw",
            Self::Comment(_) => "Comment",
            Self::AdmitVouchedNode(_) => "AdmitNode",
            Self::RecoverVoters(_) => "RecoverVoters",
            Self::FeedAnchor(_) => "FeedAnchor",
            Self::ReportEquivocation(_) => "ReportEquivocation",
            Self::ResolveEquivocation(_) => "ResolveEquivocation",
            Self::Erase(_) => "Erase",
        }
    }

    /// The first protocol version that has it.
    pub fn since_protocol(&self) -> u32 {
        match self {
            Self::AdmitVouchedNode(_)
            | Self::RecoverVoters(_)
            | Self::FeedAnchor(_)
            | Self::ReportEquivocation(_)
            | Self::ResolveEquivocation(_)
            | Self::Erase(_) => FEDERATION_PROTOCOL,
            Self::Propose(propose) => propose.body.since_protocol(),
            _ => 1,
        }
    }
}

impl Command {
    /// The payload bytes to sign.
    pub fn encode(&self) -> Vec<u8> {
        if let Some(payload) = later_wire::encode(self) {
            return payload;
        }
        proto::Command {
            mesh_id: self.mesh_id.0.to_vec(),
            command_id: self.id.0.to_vec(),
            author: self.author.0.to_vec(),
            expires_unix_ms: self.expires_unix_ms,
            body: Some(body_wire::message(&self.body)),
        }
        .encode_to_vec()
    }

    /// Decodes payload bytes, of any kind that this build knows.
    ///
    /// # Errors
    /// [`Malformed`] names the field.
    pub fn decode(payload: &[u8]) -> Result<Self, Malformed> {
        Self::decode_under(PROTOCOL_VERSION, payload)
    }

    /// Decodes payload bytes by the rules of a protocol version, for ever: kinds that came later are unknown fields there. In a
    /// payload with bodies of both, the one of protocol 1 is the command under every version: whoever reads a leaf need not know
    /// which was in force.
    ///
    /// # Errors
    /// [`Malformed`] names the field.
    pub fn decode_under(protocol: u32, payload: &[u8]) -> Result<Self, Malformed> {
        let m = proto::Command::decode(payload).map_err(|error| Malformed::new("command", error))?;
        let knows_later = protocol >= FEDERATION_PROTOCOL;
        let body = |m: Option<proto::command::Body>| match m {
            None if knows_later => later_wire::decode(payload),
            None => Err(Malformed::new("body", "is missing or of a kind that this build does not know")),
            Some(proto::command::Body::Propose(p)) if p.body.is_none() && knows_later => later_wire::decode(payload),
            Some(body) => body_wire::body(body),
        };
        Ok(Self {
            mesh_id: digest("mesh_id", &m.mesh_id)?.into(),
            id: CommandId::from_slice(&m.command_id).ok_or_else(|| length("command_id", 16, m.command_id.len()))?,
            author: key("author", &m.author)?,
            expires_unix_ms: m.expires_unix_ms,
            body: body(m.body)?,
        })
    }

    /// Signs the command; its author has to be the first signer.
    ///
    /// # Errors
    /// [`EnvelopeError::TooLarge`].
    ///
    /// # Panics
    /// When the first signer is not the author.
    pub fn sign(&self, signers: &[&dyn Signer]) -> Result<Envelope, EnvelopeError> {
        assert_eq!(signers.first().map(|s| s.public_key()), Some(self.author), "the author signs first");
        Envelope::sign(envelope::COMMAND, self.encode(), signers)
    }
}

/// A command whose signatures were checked over its exact bytes. The only way to one is [`SignedCommand::verify`].
#[derive(Debug, Clone)]
pub struct SignedCommand {
    envelope: Envelope,
    command: Command,
    signers: BTreeSet<PublicKey>,
}

/// Why an envelope is no signed command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// Not an envelope, or a bad signature.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// Not a command.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The author is not among the signers.
    #[error("the author {0} did not sign")]
    AuthorDidNotSign(String),
    /// Signed for another mesh.
    #[error("signed for mesh {found}; this is mesh {expected}")]
    WrongMesh {
        /// This mesh, short.
        expected: String,
        /// The command's, short.
        found: String,
    },
}

impl CommandError {
    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::Envelope(error) => error.code(),
            Self::Malformed(_) => Code::Malformed,
            Self::AuthorDidNotSign(_) => Code::BadSignature,
            Self::WrongMesh { .. } => Code::WrongMesh,
        }
    }
}

impl SignedCommand {
    /// Checks every signature, then decodes any kind that this build knows.
    ///
    /// # Errors
    /// [`CommandError`].
    pub fn verify(envelope: Envelope, mesh: &MeshId) -> Result<Self, CommandError> {
        Self::verify_under(PROTOCOL_VERSION, envelope, mesh)
    }

    /// Checks every signature, then decodes by the rules of a protocol version.
    ///
    /// # Errors
    /// [`CommandError`].
    pub fn verify_under(protocol: u32, envelope: Envelope, mesh: &MeshId) -> Result<Self, CommandError> {
        let signers = envelope.verify(envelope::COMMAND)?;
        Self::decoded(protocol, envelope, signers, mesh)
    }

    /// For bytes that this process verified before, found by [`Envelope::digest`] in its set of verified digests: the
    /// result is the same as [`SignedCommand::verify`]'s, without the arithmetic.
    ///
    /// # Errors
    /// [`CommandError`].
    pub fn verified_before(envelope: Envelope, mesh: &MeshId) -> Result<Self, CommandError> {
        Self::verified_before_under(PROTOCOL_VERSION, envelope, mesh)
    }

    /// [`SignedCommand::verified_before`], by the rules of a protocol version.
    ///
    /// # Errors
    /// [`CommandError`].
    pub fn verified_before_under(protocol: u32, envelope: Envelope, mesh: &MeshId) -> Result<Self, CommandError> {
        let signers = envelope.claimed_keys().collect();
        Self::decoded(protocol, envelope, signers, mesh)
    }

    fn decoded(
        protocol: u32,
        envelope: Envelope,
        signers: BTreeSet<PublicKey>,
        mesh: &MeshId,
    ) -> Result<Self, CommandError> {
        let command = Command::decode_under(protocol, envelope.payload())?;
        if command.mesh_id != *mesh {
            return Err(CommandError::WrongMesh { expected: mesh.short(), found: command.mesh_id.short() });
        }
        if !signers.contains(&command.author) {
            return Err(CommandError::AuthorDidNotSign(command.author.fingerprint()));
        }
        Ok(Self { envelope, command, signers })
    }

    /// What it says.
    pub fn command(&self) -> &Command {
        &self.command
    }
    /// Who signed, each once.
    pub fn signers(&self) -> &BTreeSet<PublicKey> {
        &self.signers
    }
    /// The exact bytes.
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }
}
