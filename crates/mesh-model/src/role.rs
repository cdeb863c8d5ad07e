//! Who may do what: the guide's five roles and the one table that `apply` uses and `docs/roles.md` is made of.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A role that a domain's root grants to a key; the last three may also be granted mesh-wide by the council.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Answers for a data product: publishes, deprecates and retires it.
    DataProductOwner = 1,
    /// Builds and publishes the domain's products.
    DomainDataEngineer = 2,
    /// Watches over standards and quality.
    DataGovernanceSteward = 3,
    /// Shapes the mesh across domains.
    DataMeshArchitect = 4,
    /// Runs the nodes.
    DataPlatformEngineer = 5,
}

/// Something a key can do in the mesh, as far as roles decide it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Seal a new version of a product.
    PublishVersion,
    /// Mark a version as deprecated, with a date and a successor.
    DeprecateVersion,
    /// End a product or one of its versions.
    RetireProduct,
    /// Read the domain's private attachments.
    ReadPrivate,
    /// Set the domain's own rules.
    SetRules,
    /// Erase an attachment of the domain.
    Erase,
    /// Ask for access to another domain's product, in the name of the own domain.
    RequestAccess,
    /// Approve or deny what another domain asked for.
    DecideAccess,
    /// End another domain's access.
    RevokeAccess,
    /// State what came out when a product's quality was measured.
    ReportQuality,
    /// Grant a role in the domain.
    GrantRole,
    /// Revoke a key of the domain.
    RevokeKey,
    /// Choose the node that writes the domain's feed.
    DelegateNode,
    /// Put other root keys in the place of the domain's.
    RotateKeys,
    /// Stop a replacement of the domain's root that the council decided.
    VetoReplacement,
    /// Say which history of the domain's forked feed stands.
    ResolveEquivocation,
    /// Vouch for a node, where a rule in force says so.
    VouchNode,
    /// Admit a domain.
    AdmitDomain,
    /// Suspend, resume or remove a domain.
    SuspendDomain,
    /// Replace the root keys of a domain that lost them.
    ReplaceRoot,
    /// Enact or retire a standard.
    EnactStandard,
    /// Waive a standard for a product or a domain, or take a waiver back.
    WaiveStandard,
    /// Change the council.
    AmendCouncil,
    /// Take a person's key out everywhere.
    OffboardMember,
    /// Admit or revoke nodes, choose the voters, switch the protocol.
    ManageNodes,
}

/// Who else than role holders may act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authority {
    /// Role holders only.
    Roles,
    /// The domain's root keys, to their threshold.
    Root,
    /// The council, to its threshold.
    Council,
}

impl Role {
    /// The five, in the guide's order.
    pub const ALL: [Self; 5] = [
        Self::DataProductOwner,
        Self::DomainDataEngineer,
        Self::DataMeshArchitect,
        Self::DataGovernanceSteward,
        Self::DataPlatformEngineer,
    ];

    /// The name that files and the command line use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DataProductOwner => "data-product-owner",
            Self::DomainDataEngineer => "domain-data-engineer",
            Self::DataGovernanceSteward => "data-governance-steward",
            Self::DataMeshArchitect => "data-mesh-architect",
            Self::DataPlatformEngineer => "data-platform-engineer",
        }
    }

    /// The number that signed bytes carry.
    pub const fn number(self) -> u32 {
        self as u32
    }

    /// The role of a number.
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.number() == number)
    }

    /// Whether the council may grant it for the whole mesh.
    pub const fn may_be_mesh_wide(self) -> bool {
        matches!(self, Self::DataGovernanceSteward | Self::DataMeshArchitect | Self::DataPlatformEngineer)
    }

    /// What the role is for, in the words of `docs/roles.md`.
    pub const fn purpose(self) -> &'static str {
        match self {
            Self::DataProductOwner => "answers for a product's promises to its consumers",
            Self::DomainDataEngineer => "builds the domain's products and ships their versions",
            Self::DataGovernanceSteward => "watches over standards, classification and quality",
            Self::DataMeshArchitect => "keeps products across domains fitting together",
            Self::DataPlatformEngineer => "runs the nodes that the domains rely on",
        }
    }

    /// The table: whether this role allows the action, in the domains for which it was granted.
    pub const fn allows(self, action: Action) -> bool {
        match action {
            Action::PublishVersion | Action::DeprecateVersion | Action::RequestAccess => {
                matches!(self, Self::DataProductOwner | Self::DomainDataEngineer)
            }
            Action::RetireProduct | Action::DecideAccess => matches!(self, Self::DataProductOwner),
            Action::ReadPrivate | Action::ReportQuality => {
                matches!(self, Self::DataProductOwner | Self::DomainDataEngineer | Self::DataGovernanceSteward)
            }
            Action::SetRules => matches!(self, Self::DataGovernanceSteward),
            Action::Erase | Action::RevokeAccess => {
                matches!(self, Self::DataProductOwner | Self::DataGovernanceSteward)
            }
            Action::GrantRole
            | Action::RevokeKey
            | Action::DelegateNode
            | Action::RotateKeys
            | Action::VetoReplacement
            | Action::ResolveEquivocation
            | Action::VouchNode
            | Action::AdmitDomain
            | Action::SuspendDomain
            | Action::ReplaceRoot
            | Action::EnactStandard
            | Action::WaiveStandard
            | Action::AmendCouncil
            | Action::OffboardMember
            | Action::ManageNodes => false,
        }
    }
}

impl Action {
    /// All actions, in the order of the table.
    pub const ALL: [Self; 25] = [
        Self::PublishVersion,
        Self::DeprecateVersion,
        Self::RetireProduct,
        Self::ReadPrivate,
        Self::SetRules,
        Self::Erase,
        Self::RequestAccess,
        Self::DecideAccess,
        Self::RevokeAccess,
        Self::ReportQuality,
        Self::GrantRole,
        Self::RevokeKey,
        Self::DelegateNode,
        Self::RotateKeys,
        Self::VetoReplacement,
        Self::ResolveEquivocation,
        Self::VouchNode,
        Self::AdmitDomain,
        Self::SuspendDomain,
        Self::ReplaceRoot,
        Self::EnactStandard,
        Self::WaiveStandard,
        Self::AmendCouncil,
        Self::OffboardMember,
        Self::ManageNodes,
    ];

    /// The name that `mesh can` takes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PublishVersion => "publish",
            Self::DeprecateVersion => "deprecate",
            Self::RetireProduct => "retire",
            Self::ReadPrivate => "read-private",
            Self::SetRules => "set-rules",
            Self::Erase => "erase",
            Self::RequestAccess => "request-access",
            Self::DecideAccess => "decide-access",
            Self::RevokeAccess => "revoke-access",
            Self::ReportQuality => "report-quality",
            Self::GrantRole => "grant-role",
            Self::RevokeKey => "revoke-key",
            Self::DelegateNode => "delegate-node",
            Self::RotateKeys => "rotate-keys",
            Self::VetoReplacement => "veto-replacement",
            Self::ResolveEquivocation => "resolve-equivocation",
            Self::VouchNode => "vouch-node",
            Self::AdmitDomain => "admit-domain",
            Self::SuspendDomain => "suspend-domain",
            Self::ReplaceRoot => "replace-root",
            Self::EnactStandard => "enact-standard",
            Self::WaiveStandard => "waive-standard",
            Self::AmendCouncil => "amend-council",
            Self::OffboardMember => "offboard-member",
            Self::ManageNodes => "manage-nodes",
        }
    }

    /// Which keys decide it beside role holders.
    pub const fn authority(self) -> Authority {
        match self {
            Self::PublishVersion
            | Self::DeprecateVersion
            | Self::RetireProduct
            | Self::ReadPrivate
            | Self::RequestAccess
            | Self::DecideAccess
            | Self::RevokeAccess
            | Self::ReportQuality => Authority::Roles,
            Self::SetRules
            | Self::Erase
            | Self::GrantRole
            | Self::RevokeKey
            | Self::DelegateNode
            | Self::RotateKeys
            | Self::VetoReplacement
            | Self::ResolveEquivocation
            | Self::VouchNode => Authority::Root,
            Self::AdmitDomain
            | Self::SuspendDomain
            | Self::ReplaceRoot
            | Self::EnactStandard
            | Self::WaiveStandard
            | Self::AmendCouncil
            | Self::OffboardMember
            | Self::ManageNodes => Authority::Council,
        }
    }
}

impl Action {
    /// Whether the council's threshold is enough, whoever else decides it.
    pub const fn is_for_council(self) -> bool {
        matches!(self, Self::Erase) || matches!(self.authority(), Authority::Council)
    }

    /// Who may do it, one sentence for people.
    pub fn who_may(self) -> String {
        let roles: Vec<&str> = Role::ALL.into_iter().filter(|role| role.allows(self)).map(Role::as_str).collect();
        let or_roles = if roles.is_empty() { String::new() } else { format!(", or by {} there", roles.join(", ")) };
        match self.authority() {
            Authority::Council => format!("{self} is decided by the council's threshold"),
            Authority::Root => {
                let or_council = if self.is_for_council() { ", or by the council's" } else { "" };
                format!("{self} is decided by the root keys of the domain, to their threshold{or_council}{or_roles}")
            }
            Authority::Roles => format!("{self} needs one of the roles {} in the domain", roles.join(", ")),
        }
    }
}

/// A word that is no role or action.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{found}' is no {kind}; expected one of {expected}")]
pub struct UnknownWord {
    kind: &'static str,
    found: String,
    expected: String,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Role {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or_else(|| UnknownWord {
            kind: "role",
            found: crate::name::excerpt(text),
            expected: Self::ALL.map(Self::as_str).join(", "),
        })
    }
}
impl FromStr for Action {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|action| action.as_str() == text).ok_or_else(|| UnknownWord {
            kind: "action",
            found: crate::name::excerpt(text),
            expected: Self::ALL.map(Self::as_str).join(", "),
        })
    }
}
