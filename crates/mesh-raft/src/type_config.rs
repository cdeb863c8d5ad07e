//! openraft's types, filled in.

use std::cmp::Ordering;
use std::fmt;
use std::marker::PhantomData;

use openraft::type_config::alias::DefaultEntryOf;
use openraft::{AsyncRuntime, BasicNode, EntryPayload, OptionalSend, RaftTypeConfig};

use crate::proposal::Proposal;
use crate::sealed::Sealed;

/// openraft's type configuration on the runtime `R`: tokio in a node, a simulated one in a simulation.
///
/// Standard Raft terms (`leader_id_std`: one leader per term): this choice is in every stored log id and can't be changed later.
pub struct TypeConfig<R>(PhantomData<fn() -> R>);

impl<R: AsyncRuntime> RaftTypeConfig for TypeConfig<R> {
    type D = Proposal;
    type R = Sealed;
    type NodeId = u64;
    type Node = BasicNode;
    type Term = u64;
    type LeaderId = openraft::impls::leader_id_std::LeaderId<u64, u64>;
    type Vote = openraft::impls::Vote<Self::LeaderId>;
    type Payload = EntryPayload<Proposal, u64, BasicNode>;
    type Entry = DefaultEntryOf<Self>;
    type AsyncRuntime = R;
    type Responder<T>
        = openraft::impls::OneshotResponder<Self, T>
    where
        T: OptionalSend + 'static;
    type Batch<T>
        = openraft::impls::InlineBatch<T>
    where
        T: OptionalSend + 'static;
    type ErrorSource = openraft::impls::BoxedErrorSource;
}

// By hand: derives would ask the same of `R`.
impl<R> fmt::Debug for TypeConfig<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TypeConfig")
    }
}
impl<R> Clone for TypeConfig<R> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<R> Copy for TypeConfig<R> {}
impl<R> Default for TypeConfig<R> {
    fn default() -> Self {
        Self(PhantomData)
    }
}
impl<R> PartialEq for TypeConfig<R> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
impl<R> Eq for TypeConfig<R> {}
impl<R> PartialOrd for TypeConfig<R> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<R> Ord for TypeConfig<R> {
    fn cmp(&self, _: &Self) -> Ordering {
        Ordering::Equal
    }
}

/// A log id.
pub(crate) type LogId<R> = openraft::type_config::alias::LogIdOf<TypeConfig<R>>;
/// A log entry.
pub(crate) type Entry<R> = DefaultEntryOf<TypeConfig<R>>;
/// A vote.
pub(crate) type Vote<R> = openraft::type_config::alias::VoteOf<TypeConfig<R>>;
/// A membership with its log id.
pub(crate) type StoredMembership<R> = openraft::type_config::alias::StoredMembershipOf<TypeConfig<R>>;
/// What a snapshot is of.
pub(crate) type SnapshotMeta<R> = openraft::type_config::alias::SnapshotMetaOf<TypeConfig<R>>;
