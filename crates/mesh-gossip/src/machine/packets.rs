//! The way in of a datagram: everything that can be wrong with it, cheapest first; then what it says.

use core::net::SocketAddr;
use core::time::Duration;

use mesh_model::PublicKey;

use super::Gossip;
use crate::content::{self, Content};
use crate::drop_reason::DropReason;
use crate::output::{Event, Output};
use crate::packet::{Header, Packet};
use crate::peers::PeerState;
use crate::rumour::lock;

impl Gossip {
    /// Takes a datagram. It is dropped, and counted, unless it is signed by an admitted node, for this node, for the first time.
    ///
    /// # Errors
    /// Why it was dropped; nothing changed, besides what is known of clones.
    pub fn handle_packet(&mut self, now: Duration, from: SocketAddr, bytes: &[u8]) -> Result<(), DropReason> {
        let taken = self.open(now, from, bytes).and_then(|(header, content)| {
            content::read(&header, self.identity.node_id, content, &*self.directory).ok_or(DropReason::BadContent)
        });
        match taken {
            Ok(content) => {
                self.stats.received += 1;
                self.take(now, &content);
                Ok(())
            }
            Err(reason) => {
                self.stats.drop(reason);
                self.settle(now);
                Err(reason)
            }
        }
    }

    /// Everything before the content, cheapest first; the signature once, at the end.
    fn open<'a>(&mut self, now: Duration, from: SocketAddr, bytes: &'a [u8]) -> Result<(Header, &'a [u8]), DropReason> {
        let packet = Packet::parse(bytes)?;
        let header = packet.header;
        if header.mesh != self.mesh {
            return Err(DropReason::WrongMesh);
        }
        if header.receiver != self.identity.node_id {
            return Err(DropReason::WrongReceiver);
        }
        let sender = self.directory.node(header.sender).ok_or(DropReason::UnknownSender)?;
        if sender.is_revoked {
            return Err(DropReason::RevokedSender);
        }
        let (node, start) = (header.sender, (header.generation, header.instance));
        if node == self.identity.node_id {
            if self.clones.own(now, node) && self.check(now, &packet, &sender.key).is_ok() {
                self.outputs.push_back(Output::Event(Event::Clone { node, address: from }));
            }
            return Err(DropReason::UnknownSender);
        }
        if let Err(reason) = self.replays.check(&header) {
            let newest = self.replays.newest(node).unwrap_or(start);
            let is_beyond = self.replays.is_beyond(&header);
            let is_old = reason == DropReason::OldGeneration;
            if is_old
                && self.clones.is_worth_a_look(now, node, start, newest, is_beyond)
                && self.check(now, &packet, &sender.key).is_ok()
            {
                self.outputs.push_back(Output::Event(Event::Clone { node, address: from }));
            }
            return Err(reason);
        }
        let content = self.check(now, &packet, &sender.key)?;
        if let Some(before) = self.replays.saw(&header)
            && self.clones.restarted(now, node, before, start)
        {
            self.outputs.push_back(Output::Event(Event::Clone { node, address: from }));
        }
        Ok((header, content))
    }

    fn check<'a>(&mut self, now: Duration, packet: &Packet<'a>, key: &PublicKey) -> Result<&'a [u8], DropReason> {
        if self.budget.0 != now.as_secs() {
            self.budget = (now.as_secs(), 0);
        }
        if self.budget.1 >= self.config.checks_per_second {
            return Err(DropReason::OverBudget);
        }
        self.budget.1 += 1;
        self.stats.checked += 1;
        packet.open(key)
    }

    fn take(&mut self, now: Duration, content: &Content) {
        if content.suspects(&self.identity) {
            self.health.worsen(now);
        }
        // Somebody reaches a node that this one has given up: it may reach it too, now.
        for up in content.up() {
            if self.peers.get(up.node_id).is_some_and(|peer| peer.state == PeerState::Down) {
                self.retries.hurry(now, up.node_id);
            }
        }
        self.peers.admit(content.from.node_id, now);
        self.peers.heard(content.from.node_id, now);
        if let Some(claim) = self.peers.claimed(&content.from, now) {
            self.outputs.push_back(Output::Event(Event::Claimed { node: content.from.node_id, claim }));
        }
        lock(&self.news).now = now;
        // Errors of foca say that the sender's bytes are odd, or that a probe was interrupted: nothing follows but a count.
        if self.foca.handle_data(&content.bytes, &mut self.effects).is_err() {
            self.stats.drop(DropReason::BadContent);
        }
        self.settle(now);
    }
}
