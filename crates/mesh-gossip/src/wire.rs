//! foca's messages as bytes. By hand, because thirty members have to fit one packet; each item is read and written in one place.
//!
//! ```text
//! identity: node u64 | generation u64 | instance u32 | life u32 | 4 or 6: u8 | ip: 4 or 16 | port u16
//! member:   identity | incarnation u16 | state u8
//! header:   identity (sender) | incarnation u16 | identity (receiver) | message u8 | its fields
//! ```

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use bytes::{Buf, BufMut};
use foca::{Header, Member, Message, State};

use crate::identity::Identity;

/// Why bytes are no message, or a message does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WireError {
    /// They end too soon.
    #[error("the bytes end within an item")]
    Short,
    /// A tag that nothing has.
    #[error("no {0} has the tag {1}")]
    Tag(&'static str, u8),
    /// The item is longer than what is left of the packet.
    #[error("the packet is full")]
    Full,
}

/// Reads and writes foca's messages.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wire;

fn need(buf: &impl Buf, bytes: usize) -> Result<(), WireError> {
    if buf.remaining() >= bytes { Ok(()) } else { Err(WireError::Short) }
}

fn put(buf: &mut impl BufMut, item: &[u8]) -> Result<(), WireError> {
    if buf.remaining_mut() < item.len() {
        return Err(WireError::Full);
    }
    buf.put_slice(item);
    Ok(())
}

fn write_identity(item: &mut Vec<u8>, identity: &Identity) {
    item.put_u64(identity.node_id);
    item.put_u64(identity.generation);
    item.put_u32(identity.instance);
    item.put_u32(identity.life);
    match identity.address.ip() {
        IpAddr::V4(ip) => {
            item.put_u8(4);
            item.put_slice(&ip.octets());
        }
        IpAddr::V6(ip) => {
            item.put_u8(6);
            item.put_slice(&ip.octets());
        }
    }
    item.put_u16(identity.address.port());
}

fn read_identity(buf: &mut impl Buf) -> Result<Identity, WireError> {
    need(buf, 8 + 8 + 4 + 4 + 1)?;
    let (node_id, generation) = (buf.get_u64(), buf.get_u64());
    let (instance, life) = (buf.get_u32(), buf.get_u32());
    let ip = match buf.get_u8() {
        4 => {
            need(buf, 4)?;
            let mut octets = [0; 4];
            buf.copy_to_slice(&mut octets);
            IpAddr::V4(Ipv4Addr::from(octets))
        }
        6 => {
            need(buf, 16)?;
            let mut octets = [0; 16];
            buf.copy_to_slice(&mut octets);
            IpAddr::V6(Ipv6Addr::from(octets))
        }
        other => return Err(WireError::Tag("address", other)),
    };
    need(buf, 2)?;
    Ok(Identity { node_id, generation, instance, life, address: SocketAddr::new(ip, buf.get_u16()) })
}

fn write_member(item: &mut Vec<u8>, member: &Member<Identity>) {
    write_identity(item, member.id());
    item.put_u16(member.incarnation());
    item.put_u8(match member.state() {
        State::Alive => 1,
        State::Suspect => 2,
        State::Down => 3,
    });
}

fn write_message(item: &mut Vec<u8>, message: &Message<Identity>) {
    let mut with = |tag: u8, identity: Option<&Identity>, probe: Option<u8>| {
        item.put_u8(tag);
        if let Some(identity) = identity {
            write_identity(item, identity);
        }
        if let Some(probe) = probe {
            item.put_u8(probe);
        }
    };
    match message {
        Message::Ping(probe) => with(1, None, Some(*probe)),
        Message::Ack(probe) => with(2, None, Some(*probe)),
        Message::PingReq { target, probe_number } => with(3, Some(target), Some(*probe_number)),
        Message::IndirectPing { origin, probe_number } => with(4, Some(origin), Some(*probe_number)),
        Message::IndirectAck { target, probe_number } => with(5, Some(target), Some(*probe_number)),
        Message::ForwardedAck { origin, probe_number } => with(6, Some(origin), Some(*probe_number)),
        Message::Announce => with(7, None, None),
        Message::Feed => with(8, None, None),
        Message::Gossip => with(9, None, None),
        Message::Broadcast => with(10, None, None),
        Message::TurnUndead => with(11, None, None),
    }
}

fn read_message(buf: &mut impl Buf) -> Result<Message<Identity>, WireError> {
    let byte = |buf: &mut _| {
        need(buf, 1)?;
        Ok::<u8, WireError>(Buf::get_u8(buf))
    };
    let tag = byte(buf)?;
    Ok(match tag {
        1 => Message::Ping(byte(buf)?),
        2 => Message::Ack(byte(buf)?),
        3 => Message::PingReq { target: read_identity(buf)?, probe_number: byte(buf)? },
        4 => Message::IndirectPing { origin: read_identity(buf)?, probe_number: byte(buf)? },
        5 => Message::IndirectAck { target: read_identity(buf)?, probe_number: byte(buf)? },
        6 => Message::ForwardedAck { origin: read_identity(buf)?, probe_number: byte(buf)? },
        7 => Message::Announce,
        8 => Message::Feed,
        9 => Message::Gossip,
        10 => Message::Broadcast,
        11 => Message::TurnUndead,
        other => return Err(WireError::Tag("message", other)),
    })
}

impl foca::Codec<Identity> for Wire {
    type Error = WireError;

    fn encode_header(&mut self, header: &Header<Identity>, mut buf: impl BufMut) -> Result<(), WireError> {
        let mut item = Vec::with_capacity(128);
        write_identity(&mut item, &header.src);
        item.put_u16(header.src_incarnation);
        write_identity(&mut item, &header.dst);
        write_message(&mut item, &header.message);
        put(&mut buf, &item)
    }

    fn decode_header(&mut self, mut buf: impl Buf) -> Result<Header<Identity>, WireError> {
        let src = read_identity(&mut buf)?;
        need(&buf, 2)?;
        let src_incarnation = buf.get_u16();
        let dst = read_identity(&mut buf)?;
        Ok(Header { src, src_incarnation, dst, message: read_message(&mut buf)? })
    }

    fn encode_member(&mut self, member: &Member<Identity>, mut buf: impl BufMut) -> Result<(), WireError> {
        let mut item = Vec::with_capacity(64);
        write_member(&mut item, member);
        put(&mut buf, &item)
    }

    fn decode_member(&mut self, mut buf: impl Buf) -> Result<Member<Identity>, WireError> {
        let identity = read_identity(&mut buf)?;
        need(&buf, 3)?;
        let incarnation = buf.get_u16();
        let state = match buf.get_u8() {
            1 => State::Alive,
            2 => State::Suspect,
            3 => State::Down,
            other => return Err(WireError::Tag("state", other)),
        };
        Ok(Member::new(identity, incarnation, state))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use foca::Codec as _;

    use super::*;

    fn identity(node_id: u64) -> Identity {
        let address = if node_id.is_multiple_of(2) { "[2001:db8::1]:7" } else { "192.0.2.1:7946" };
        Identity { node_id, generation: 9, instance: 8, life: 7, address: address.parse().unwrap() }
    }

    fn messages() -> Vec<Message<Identity>> {
        let (target, origin, probe_number) = (identity(4), identity(5), 6);
        vec![
            Message::Ping(1),
            Message::Ack(2),
            Message::PingReq { target, probe_number },
            Message::IndirectPing { origin, probe_number },
            Message::IndirectAck { target, probe_number },
            Message::ForwardedAck { origin, probe_number },
            Message::Announce,
            Message::Feed,
            Message::Gossip,
            Message::Broadcast,
            Message::TurnUndead,
        ]
    }

    #[test]
    fn every_message_round_trips_and_no_part_of_one_is_a_message() {
        for message in messages() {
            let header = Header { src: identity(1), src_incarnation: 3, dst: identity(2), message };
            let mut bytes = Vec::new();
            Wire.encode_header(&header, &mut bytes).unwrap();
            assert_eq!(Wire.decode_header(bytes.as_slice()).unwrap(), header);
            for length in 0..bytes.len() {
                assert!(Wire.decode_header(&bytes[..length]).is_err());
            }
        }
        for state in [State::Alive, State::Suspect, State::Down] {
            let member = Member::new(identity(3), 5, state);
            let mut bytes = Vec::new();
            Wire.encode_member(&member, &mut bytes).unwrap();
            assert_eq!(Wire.decode_member(bytes.as_slice()).unwrap(), member);
        }
    }

    #[test]
    fn what_does_not_fit_leaves_the_packet_as_it_was() {
        let mut bytes = [0_u8; 20];
        let mut left = bytes.as_mut_slice();
        assert_eq!(Wire.encode_member(&Member::alive(identity(1)), &mut left), Err(WireError::Full));
        assert_eq!(left.len(), 20);
    }
}
