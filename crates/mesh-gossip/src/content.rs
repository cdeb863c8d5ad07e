//! Looks through a packet's content before foca does: whoever signed it speaks for itself alone, and only of nodes that the ledger
//! knows.
//!
//! foca believes every member that it is told of and keeps it for ever. Here the ledger says who is one: so an admitted node that
//! lies can't fill the others' memory, and a revoked one is not kept alive by those who have not heard of it.

use bytes::{Buf as _, BufMut as _};
use foca::{Codec as _, Member, Message, State};
use mesh_model::NodeId;

use crate::directory::Directory;
use crate::identity::Identity;
use crate::packet::Header;
use crate::wire::Wire;

/// What foca is given, and what this node wants to know itself.
#[derive(Debug)]
pub(crate) struct Content {
    /// foca's bytes, without members that the ledger does not know.
    pub(crate) bytes: Vec<u8>,
    /// Who says it.
    pub(crate) from: Identity,
    /// What it says of others.
    pub(crate) members: Vec<Member<Identity>>,
}

/// Whether the ledger knows the node, and its key is good.
pub(crate) fn is_admitted(directory: &dyn Directory, node: NodeId) -> bool {
    directory.node(node).is_some_and(|node| !node.is_revoked)
}

/// Whether somebody may be sent to there.
fn is_address(identity: &Identity) -> bool {
    let ip = identity.address.ip();
    identity.address.port() != 0 && !ip.is_unspecified() && !ip.is_multicast()
}

/// Reads what the packet's signer says; `None` for what it may not say.
pub(crate) fn read(header: &Header, own: NodeId, content: &[u8], directory: &dyn Directory) -> Option<Content> {
    let mut rest = content;
    let said = Wire.decode_header(&mut rest).ok()?;
    let from = said.src;
    let is_its_own =
        (from.node_id, from.generation, from.instance) == (header.sender, header.generation, header.instance);
    if !is_its_own || !is_address(&from) || said.dst.node_id != own {
        return None;
    }
    let third = match &said.message {
        Message::PingReq { target: third, .. }
        | Message::IndirectPing { origin: third, .. }
        | Message::IndirectAck { target: third, .. }
        | Message::ForwardedAck { origin: third, .. } => Some(third),
        _ => None,
    };
    if third.is_some_and(|third| !is_admitted(directory, third.node_id) || !is_address(third)) {
        return None;
    }
    let mut members = Vec::new();
    let mut bytes = content[..content.len() - rest.len()].to_vec();
    let has_members = !matches!(said.message, Message::Announce | Message::TurnUndead | Message::Broadcast);
    if has_members && rest.remaining() >= 2 {
        for _ in 0..rest.get_u16() {
            let member = Wire.decode_member(&mut rest).ok()?;
            if is_admitted(directory, member.id().node_id) && is_address(member.id()) {
                members.push(member);
            }
        }
        bytes.put_u16(u16::try_from(members.len()).ok()?);
        for member in &members {
            Wire.encode_member(member, &mut bytes).ok()?;
        }
    }
    bytes.put_slice(rest);
    Some(Content { bytes, from, members })
}

impl Content {
    /// Whether it says that this life of this node is suspected, or down.
    pub(crate) fn suspects(&self, identity: &Identity) -> bool {
        self.members.iter().any(|member| member.id() == identity && member.state() != State::Alive)
    }

    /// Whom it calls up.
    pub(crate) fn up(&self) -> impl Iterator<Item = &Identity> {
        self.members.iter().filter(|member| member.state() != State::Down).map(Member::id)
    }
}
