//! Signature checks ahead of the rules, on all cores.
//!
//! What is remembered is what the strict check said of the very same bytes and key, so it changes no verdict: whatever is not
//! remembered is checked when the rules ask.

use std::collections::{BTreeMap, BTreeSet};

use mesh_event::command::CommandError;
use mesh_event::protocol::PROTOCOL_VERSION;
use mesh_event::{
    Envelope, EventKind, FeedEvent, FeedHead, FeedId, HeadError, LeafEntry, LedgerLeaf, SignedCommand, envelope,
};
use mesh_governance::{Strict, Verify};
use mesh_model::{Digest, MeshId, PublicKey};

/// Envelopes and heads whose signatures hold.
#[derive(Debug, Default)]
pub struct Checked {
    /// Digests of the exact bytes of command envelopes.
    commands: BTreeSet<Digest>,
    heads: BTreeMap<(Digest, FeedId, PublicKey), FeedHead>,
    /// For a node that is held back: the newest protocol that it knows.
    held_at: Option<u32>,
}

impl Checked {
    /// Checks the signatures in these leaves, on `threads` threads; heads against these keys of nodes.
    pub fn ahead(leaves: &[LedgerLeaf], mesh: &MeshId, nodes: &[PublicKey], threads: usize) -> Self {
        let share = leaves.len().div_ceil(threads.max(1)).max(1);
        let mut all = Self::default();
        std::thread::scope(|scope| {
            let workers: Vec<_> =
                leaves.chunks(share).map(|leaves| scope.spawn(|| Self::of(leaves, mesh, nodes))).collect();
            for worker in workers {
                let mut part = worker.join().expect("checks of signatures do not panic");
                all.commands.append(&mut part.commands);
                all.heads.append(&mut part.heads);
            }
        });
        all
    }

    /// The same for a node that knows no newer protocol than this one.
    #[must_use]
    pub fn held_at(self, newest_protocol: u32) -> Self {
        Self { held_at: Some(newest_protocol), ..self }
    }

    fn of(leaves: &[LedgerLeaf], mesh: &MeshId, nodes: &[PublicKey]) -> Self {
        let mut checked = Self::default();
        for leaf in leaves {
            match &leaf.entry {
                LeafEntry::Envelope(bytes) => checked.keep_command(bytes),
                LeafEntry::FeedEvent(bytes) => {
                    let Ok(event) = FeedEvent::decode_proposed(bytes) else { continue };
                    if let EventKind::Command { envelope, .. } = &event.kind {
                        checked.keep_command(envelope);
                    }
                    for key in nodes.iter().filter(|_| leaf.head_note.is_some()) {
                        let note = leaf.head_note.as_deref().unwrap_or_default();
                        if let Ok(head) = FeedHead::verify(note, mesh, &event.feed, key) {
                            checked.heads.insert((Digest::of(note), event.feed.clone(), *key), head);
                            break;
                        }
                    }
                }
            }
        }
        checked
    }

    fn keep_command(&mut self, bytes: &[u8]) {
        if let Ok(envelope) = Envelope::parse(bytes.to_vec())
            && envelope.verify(envelope::COMMAND).is_ok()
        {
            self.commands.insert(envelope.digest());
        }
    }
}

impl Verify for Checked {
    fn command_under(&self, protocol: u32, envelope: Envelope, mesh: &MeshId) -> Result<SignedCommand, CommandError> {
        if self.commands.contains(&envelope.digest()) {
            SignedCommand::verified_before_under(protocol, envelope, mesh)
        } else {
            Strict.command_under(protocol, envelope, mesh)
        }
    }

    fn head(&self, note: &[u8], mesh: &MeshId, feed: &FeedId, node_key: &PublicKey) -> Result<FeedHead, HeadError> {
        match self.heads.get(&(Digest::of(note), feed.clone(), *node_key)) {
            Some(head) => Ok(head.clone()),
            None => Strict.head(note, mesh, feed, node_key),
        }
    }

    fn newest_protocol(&self) -> u32 {
        self.held_at.unwrap_or(PROTOCOL_VERSION)
    }
}
