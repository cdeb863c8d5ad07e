//! One datagram: signed by its sender for one receiver, and worth nothing to anybody else.
//!
//! ```text
//! version: u8 = 1 | mesh id: 32 | sender: u64 | receiver: u64 | generation: u64 | instance: u32 | counter: u64 | signature: 64 | content
//! ```
//!
//! Numbers are big-endian. The signature is Ed25519 (RFC 8032) by the sender's node key over [`TYPE`], the bytes before the
//! signature, and the content: so it holds for no other use of the key, no other mesh, no other receiver and no other counter.

use bytes::{Buf as _, BufMut as _};
use mesh_event::{Signer, signing};
use mesh_model::{MeshId, NodeId, PublicKey};

use crate::drop_reason::DropReason;

/// Largest datagram, in bytes: fits the smallest MTU of IPv6 with its headers, so that none is split on its way.
pub const PACKET_BYTES: usize = 1_200;
/// Bytes before the content.
pub const HEADER_BYTES: usize = SIGNED_HEADER_BYTES + SIGNATURE_BYTES;
/// Largest content, in bytes.
pub const CONTENT_BYTES: usize = PACKET_BYTES - HEADER_BYTES;

const TYPE: &[u8] = b"datamesh gossip packet v1\n";
const VERSION: u8 = 1;
const SIGNATURE_BYTES: usize = 64;
const SIGNED_HEADER_BYTES: usize = 1 + 32 + 8 + 8 + 8 + 4 + 8;

/// What stands in front.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The mesh.
    pub mesh: MeshId,
    /// Who signed it.
    pub sender: NodeId,
    /// For whom.
    pub receiver: NodeId,
    /// The sender's start.
    pub generation: u64,
    /// What the sender drew at that start.
    pub instance: u32,
    /// Grows with each packet of one generation, from 1.
    pub counter: u64,
}

/// A datagram whose header was read and whose signature was not looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Packet<'a> {
    /// What it says in front.
    pub(crate) header: Header,
    signed_header: &'a [u8],
    signature: &'a [u8],
    content: &'a [u8],
}

/// A datagram for one receiver.
///
/// # Panics
/// When the content is over [`CONTENT_BYTES`]: the machine never makes a larger one.
pub fn seal(header: &Header, content: &[u8], signer: &dyn Signer) -> Vec<u8> {
    assert!(content.len() <= CONTENT_BYTES, "content of {} bytes", content.len());
    let mut bytes = Vec::with_capacity(HEADER_BYTES + content.len());
    bytes.put_u8(VERSION);
    bytes.put_slice(&header.mesh.0);
    bytes.put_u64(header.sender);
    bytes.put_u64(header.receiver);
    bytes.put_u64(header.generation);
    bytes.put_u32(header.instance);
    bytes.put_u64(header.counter);
    let signature = signer.sign(&message(&bytes, content));
    bytes.put_slice(&signature);
    bytes.put_slice(content);
    bytes
}

fn message(signed_header: &[u8], content: &[u8]) -> Vec<u8> {
    [TYPE, signed_header, content].concat()
}

impl<'a> Packet<'a> {
    /// Reads the header, sizes first.
    ///
    /// # Errors
    /// [`DropReason::Oversized`], [`DropReason::Malformed`].
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, DropReason> {
        if bytes.len() > PACKET_BYTES {
            return Err(DropReason::Oversized);
        }
        let (header, content) = bytes.split_at_checked(HEADER_BYTES).ok_or(DropReason::Malformed)?;
        let (signed_header, signature) = header.split_at(SIGNED_HEADER_BYTES);
        let mut read = signed_header;
        if read.get_u8() != VERSION {
            return Err(DropReason::Malformed);
        }
        let mut mesh = MeshId::default();
        read.copy_to_slice(&mut mesh.0);
        let header = Header {
            mesh,
            sender: read.get_u64(),
            receiver: read.get_u64(),
            generation: read.get_u64(),
            instance: read.get_u32(),
            counter: read.get_u64(),
        };
        Ok(Self { header, signed_header, signature, content })
    }

    /// The content, if this key signed it for this receiver: the one check of the signature.
    ///
    /// # Errors
    /// [`DropReason::BadSignature`].
    pub(crate) fn open(&self, key: &PublicKey) -> Result<&'a [u8], DropReason> {
        let message = message(self.signed_header, self.content);
        if signing::verify(key, &message, self.signature) { Ok(self.content) } else { Err(DropReason::BadSignature) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use mesh_event::Keypair;
    use zeroize::Zeroizing;

    use super::*;

    fn keypair(n: u8) -> Keypair {
        Keypair::from_seed(&Zeroizing::new([n; 32]))
    }

    fn header() -> Header {
        Header { mesh: MeshId([9; 32]), sender: 1, receiver: 2, generation: 3, instance: 4, counter: 5 }
    }

    #[test]
    fn opens_with_the_senders_key_alone() {
        let bytes = seal(&header(), b"content", &keypair(1));
        let packet = Packet::parse(&bytes).unwrap();
        assert_eq!(packet.header, header());
        assert_eq!(packet.open(&keypair(1).public_key()).unwrap(), b"content");
        assert_eq!(packet.open(&keypair(2).public_key()), Err(DropReason::BadSignature));
    }

    #[test]
    fn any_changed_byte_breaks_it() {
        let bytes = seal(&header(), b"content", &keypair(1));
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            let opened = Packet::parse(&changed).and_then(|packet| packet.open(&keypair(1).public_key()).map(drop));
            assert!(opened.is_err(), "byte {at} is not signed");
        }
    }

    #[test]
    fn refuses_what_is_too_long_or_too_short() {
        let largest = seal(&header(), &[0; CONTENT_BYTES], &keypair(1));
        assert_eq!(largest.len(), PACKET_BYTES);
        assert!(Packet::parse(&largest).is_ok());
        let longer = [largest.as_slice(), &[0]].concat();
        assert_eq!(Packet::parse(&longer).unwrap_err(), DropReason::Oversized);
        for length in 0..HEADER_BYTES {
            assert_eq!(Packet::parse(&largest[..length]).unwrap_err(), DropReason::Malformed);
        }
    }
}
