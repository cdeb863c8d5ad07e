//! The values of the state: serde structs behind one format byte (`mesh_event::codec`).
//!
//! Their encoding is hashed into every leaf, so it is part of the protocol: fields and variants are neither moved nor
//! renamed in meaning; a new form is a new format byte that a new protocol version writes.

mod council;
mod domain;
mod federation;
mod grant;
mod ledger;
mod node;
mod product;
mod standard;

pub use council::{Electorate, Lapse, Proposal, ProposalStatus, Remark, Terms, Vote};
pub use domain::{Delegation, Domain, DomainStatus, FeedCursor, PendingRoot};
pub use federation::{AnchorFence, Containment, EndedEpoch, Erasure, LedgerHead, Recovery, Vouched};
pub use grant::{Grant, Grants, KeyPurpose, RosterEntry};
pub use ledger::{Head, Mesh, RememberedCommand, ResolvedFork};
pub use node::{KnownNode, NodeRevocation, VotersInForce};
pub use product::{Ending, LastSealed, Major, Notice, Product, SealedVersion, Status};
pub use standard::{EnactedStandard, GrantedWaiver, StandardStatus};

use mesh_event::codec;
use mesh_event::federation::AdmissionRule;
use mesh_model::{PublicKey, Version};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::state::Damage;

/// The format byte of every record so far.
pub const FORMAT: u8 = 1;

/// A value of the state.
pub trait Record: Serialize + DeserializeOwned {
    /// What it is, for messages.
    const KIND: &'static str;

    /// Its bytes.
    fn encode(&self) -> Vec<u8> {
        codec::encode(FORMAT, self)
    }

    /// Reads what [`Record::encode`] wrote.
    ///
    /// # Errors
    /// [`Damage`] for anything else.
    fn decode(bytes: &[u8]) -> Result<Self, Damage> {
        codec::decode(FORMAT, bytes).map_err(|error| Damage::new(Self::KIND, error.to_string()))
    }
}

macro_rules! records {
    ($($type:ty, $kind:literal;)*) => { $(impl Record for $type { const KIND: &'static str = $kind; })* };
}
records! {
    Head, "the head";
    Mesh, "the mesh";
    RememberedCommand, "a remembered command";
    ResolvedFork, "a resolved fork";
    Domain, "a domain";
    FeedCursor, "a feed cursor";
    Grants, "a key's grants";
    KeyPurpose, "a key's purpose";
    KnownNode, "a node";
    Product, "a product";
    Major, "a major";
    SealedVersion, "a version";
    u64, "an index";
    Terms, "the council's terms";
    Proposal, "a proposal";
    Remark, "a comment";
    EnactedStandard, "a standard";
    GrantedWaiver, "a waiver";
    PendingRoot, "a replacement of a root";
    NodeRevocation, "a node's revocation";
    VotersInForce, "voters";
    AdmissionRule, "the rule of admission";
    Recovery, "a recovery of voters";
    Containment, "a report of a forked feed";
    EndedEpoch, "an epoch that is over";
    Erasure, "an erased attachment";
    LedgerHead, "a feed's head";
    Vouched, "vouched nodes";
    Version, "a version number";
    PublicKey, "a key";
    Vec<u8>, "a text";
}
