//! Access to products: what is asked, answered, approved in advance, and who issues tokens for what was granted.

use mesh_model::{DomainName, FactId, ProductId, PublicKey, TokenId};

use super::scope::PortScope;
use super::text::PrivateText;

/// Most domains that a standing approval names.
pub const RULE_CONSUMERS: usize = 256;

/// A domain asks for access to a major version of a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestAccess {
    /// The product.
    pub product: ProductId,
    /// Which major: a grant holds for all its versions.
    pub major: u32,
    /// Empty for all ports, also those that come later.
    pub scope: Vec<PortScope>,
    /// The domain that asks.
    pub consumer: DomainName,
    /// What for.
    pub purpose: PrivateText,
    /// For how many days, from the approval on.
    pub days: u32,
}

/// The owner grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApproveAccess {
    /// The request.
    pub request: FactId,
    /// The product, as in the request.
    pub product: ProductId,
    /// The major, as in the request.
    pub major: u32,
    /// Who asked, as in the request.
    pub consumer: DomainName,
    /// What was asked or a part of it; empty for all ports, also those that come later.
    pub scope: Vec<PortScope>,
    /// At most what was asked.
    pub days: u32,
    /// A word to the consumer.
    pub note: Option<PrivateText>,
}

/// The owner refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DenyAccess {
    /// The request.
    pub request: FactId,
    /// Why.
    pub note: PrivateText,
}

/// The consumer steps back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelAccess {
    /// The request.
    pub request: FactId,
}

/// The owner ends a grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevokeAccess {
    /// The request that was granted.
    pub request: FactId,
    /// Why.
    pub note: PrivateText,
}
/// The owner approves in advance: a request that fits is granted as it is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAccessRule {
    /// The product.
    pub product: ProductId,
    /// Which major.
    pub major: u32,
    /// Whose requests; empty for everybody's, also of domains that come later.
    pub consumers: Vec<DomainName>,
    /// What they may ask for; empty for all ports, also those that come later.
    pub scope: Vec<PortScope>,
    /// For how many days at most.
    pub days: u32,
}

/// The owner approves in advance no longer. What was granted stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndAccessRule {
    /// The fact that set the rule.
    pub rule: FactId,
}

/// The domain's root names a key that may issue tokens for what the domain granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantIssuer {
    /// The key.
    pub key: PublicKey,
    /// Its tokens count while this epoch of the domain's feed is in force; a key of the domain's own is bound to none.
    pub epoch: Option<u64>,
    /// Its signature, [`crate::access_issuer::prove`]: whoever names a key shows that somebody has it.
    pub possession: [u8; 64],
}

/// A key issues tokens no longer, and those that it issued count no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndIssuer {
    /// The key.
    pub key: PublicKey,
}

/// A token counts no more, before its time is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevokeToken {
    /// The request whose grant it was issued for.
    pub request: FactId,
    /// A revocation id of the token: of its first block for all that was made of it, of a later block for that part.
    pub token: TokenId,
}
