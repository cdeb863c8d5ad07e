//! Commands: signed instructions that may enter the ledger.

use std::collections::BTreeSet;

use mesh_model::{
    Code, CommandId, Descriptor, Digest, DomainName, MeshId, NodeId, ProductId, PublicKey, Role, UnixMs, Version,
    limits,
};
use prost::Message as _;
use serde::{Deserialize, Serialize};

use crate::convert::{Malformed, digest, key, length, optional_digest, text};
use crate::descriptor::{from_message, role, role_message, to_message};
use crate::envelope::{self, Envelope, EnvelopeError};
use crate::proto;
use crate::signing::Signer;

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

impl Body {
    /// The domain whose feed the command travels through; `None` for root and council commands.
    pub fn feed_domain(&self) -> Option<&DomainName> {
        match self {
            Self::PublishVersion(body) => Some(&body.descriptor.domain),
            Self::DeprecateVersion(body) => Some(&body.product.domain),
            Self::RetireProduct(body) => Some(&body.product.domain),
            Self::AdmitDomains(_) | Self::GrantRole(_) | Self::RevokeKey(_) | Self::DelegateNode(_) => None,
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
        }
    }
}

fn optional<T: ToString>(value: Option<&T>) -> String {
    value.map_or_else(String::new, ToString::to_string)
}

impl Command {
    /// The payload bytes to sign.
    pub fn encode(&self) -> Vec<u8> {
        use proto::command::Body as M;
        let body = match &self.body {
            Body::PublishVersion(b) => M::PublishVersion(proto::PublishVersion {
                descriptor: Some(to_message(&b.descriptor)),
                planned_against: b.planned_against.map_or_else(Vec::new, |digest| digest.0.to_vec()),
                overflow_breaks: b.overflow_breaks.clone(),
            }),
            Body::DeprecateVersion(b) => M::DeprecateVersion(proto::DeprecateVersion {
                product: b.product.to_string(),
                version: optional(b.version.as_ref()),
                sunset: b.sunset.clone(),
                successor: b.successor.clone(),
                reason: b.reason.clone(),
            }),
            Body::RetireProduct(b) => M::RetireProduct(proto::RetireProduct {
                product: b.product.to_string(),
                version: optional(b.version.as_ref()),
                reason: b.reason.clone(),
            }),
            Body::AdmitDomains(b) => M::AdmitDomains(proto::AdmitDomains {
                domains: b.domains.iter().map(admission_message).collect(),
                council_version: b.council_version,
            }),
            Body::GrantRole(b) => M::GrantRole(proto::GrantRole {
                domain: optional(b.domain.as_ref()),
                grant: Some(grant_message(&b.grant)),
                roster_version: b.roster_version,
            }),
            Body::RevokeKey(b) => M::RevokeKey(proto::RevokeKey {
                domain: optional(b.domain.as_ref()),
                key: b.key.0.to_vec(),
                reason: b.reason.clone(),
                roster_version: b.roster_version,
            }),
            Body::DelegateNode(b) => M::DelegateNode(proto::DelegateNode {
                domain: b.domain.to_string(),
                node_id: b.node_id,
                epoch: b.epoch,
                base_size: b.base_size,
                base_root: b.base_root.map_or_else(Vec::new, |root| root.0.to_vec()),
            }),
        };
        proto::Command {
            mesh_id: self.mesh_id.0.to_vec(),
            command_id: self.id.0.to_vec(),
            author: self.author.0.to_vec(),
            expires_unix_ms: self.expires_unix_ms,
            body: Some(body),
        }
        .encode_to_vec()
    }

    /// Decodes payload bytes.
    ///
    /// # Errors
    /// [`Malformed`] names the field.
    pub fn decode(payload: &[u8]) -> Result<Self, Malformed> {
        let m = proto::Command::decode(payload).map_err(|error| Malformed::new("command", error))?;
        Ok(Self {
            mesh_id: digest("mesh_id", &m.mesh_id)?.into(),
            id: CommandId::from_slice(&m.command_id).ok_or_else(|| length("command_id", 16, m.command_id.len()))?,
            author: key("author", &m.author)?,
            expires_unix_ms: m.expires_unix_ms,
            body: body(
                m.body
                    .ok_or_else(|| Malformed::new("body", "is missing or of a kind that this build does not know"))?,
            )?,
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

fn admission_message(admission: &DomainAdmission) -> proto::DomainAdmission {
    proto::DomainAdmission {
        name: admission.name.to_string(),
        title: admission.title.clone(),
        description: admission.description.clone(),
        responsibilities: admission.responsibilities.clone(),
        parent: optional(admission.parent.as_ref()),
        root_keys: admission.root_keys.iter().map(|key| key.0.to_vec()).collect(),
        root_threshold: admission.root_threshold,
        roles: admission.roles.iter().map(grant_message).collect(),
        delegate_node_id: admission.delegate.unwrap_or(0),
    }
}

fn grant_message(grant: &RoleGrant) -> proto::RoleGrant {
    proto::RoleGrant { key: grant.key.0.to_vec(), role: role_message(grant.role) }
}

fn grant(m: &proto::RoleGrant) -> Result<RoleGrant, Malformed> {
    Ok(RoleGrant { key: key("key", &m.key)?, role: role("role", m.role)? })
}

fn optional_text<T: std::str::FromStr>(field: &str, value: &str) -> Result<Option<T>, Malformed>
where
    T::Err: std::fmt::Display,
{
    if value.is_empty() { Ok(None) } else { text(field, value).map(Some) }
}

fn body(m: proto::command::Body) -> Result<Body, Malformed> {
    use proto::command::Body as M;
    Ok(match m {
        M::PublishVersion(b) => {
            let descriptor = b.descriptor.ok_or_else(|| Malformed::missing("descriptor"))?;
            let size = descriptor.encoded_len();
            if size > limits::DESCRIPTOR_BYTES {
                let limit = limits::DESCRIPTOR_BYTES;
                return Err(Malformed::new("descriptor", format!("expected at most {limit} bytes; found {size}")));
            }
            Body::PublishVersion(PublishVersion {
                descriptor: from_message(descriptor).map_err(|error| error.within("descriptor"))?,
                planned_against: optional_digest("planned_against", &b.planned_against)?,
                overflow_breaks: b.overflow_breaks,
            })
        }
        M::DeprecateVersion(b) => Body::DeprecateVersion(DeprecateVersion {
            product: text("product", &b.product)?,
            version: optional_text("version", &b.version)?,
            sunset: b.sunset,
            successor: b.successor,
            reason: b.reason,
        }),
        M::RetireProduct(b) => Body::RetireProduct(RetireProduct {
            product: text("product", &b.product)?,
            version: optional_text("version", &b.version)?,
            reason: b.reason,
        }),
        M::AdmitDomains(b) => Body::AdmitDomains(AdmitDomains {
            domains: b.domains.into_iter().map(admission).collect::<Result<_, _>>()?,
            council_version: b.council_version,
        }),
        M::GrantRole(b) => Body::GrantRole(GrantRole {
            domain: optional_text("domain", &b.domain)?,
            grant: grant(&b.grant.ok_or_else(|| Malformed::missing("grant"))?)?,
            roster_version: b.roster_version,
        }),
        M::RevokeKey(b) => Body::RevokeKey(RevokeKey {
            domain: optional_text("domain", &b.domain)?,
            key: key("key", &b.key)?,
            reason: b.reason,
            roster_version: b.roster_version,
        }),
        M::DelegateNode(b) => Body::DelegateNode(DelegateNode {
            domain: text("domain", &b.domain)?,
            node_id: b.node_id,
            epoch: b.epoch,
            base_size: b.base_size,
            base_root: optional_digest("base_root", &b.base_root)?,
        }),
    })
}

fn admission(m: proto::DomainAdmission) -> Result<DomainAdmission, Malformed> {
    let root_keys = m.root_keys.iter().map(|bytes| key("root_keys", bytes)).collect::<Result<_, _>>()?;
    Ok(DomainAdmission {
        name: text("name", &m.name)?,
        title: m.title,
        description: m.description,
        responsibilities: m.responsibilities,
        parent: optional_text("parent", &m.parent)?,
        root_keys,
        root_threshold: m.root_threshold,
        roles: m.roles.iter().map(grant).collect::<Result<_, _>>()?,
        delegate: (m.delegate_node_id != 0).then_some(m.delegate_node_id),
    })
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
    /// Checks every signature, then decodes.
    ///
    /// # Errors
    /// [`CommandError`].
    pub fn verify(envelope: Envelope, mesh: &MeshId) -> Result<Self, CommandError> {
        let signers = envelope.verify(envelope::COMMAND)?;
        Self::decoded(envelope, signers, mesh)
    }

    /// For bytes that this process verified before, found by [`Envelope::digest`] in its set of verified digests: the
    /// result is the same as [`SignedCommand::verify`]'s, without the arithmetic.
    ///
    /// # Errors
    /// [`CommandError`].
    pub fn verified_before(envelope: Envelope, mesh: &MeshId) -> Result<Self, CommandError> {
        let signers = envelope.claimed_keys().collect();
        Self::decoded(envelope, signers, mesh)
    }

    fn decoded(envelope: Envelope, signers: BTreeSet<PublicKey>, mesh: &MeshId) -> Result<Self, CommandError> {
        let command = Command::decode(envelope.payload())?;
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
