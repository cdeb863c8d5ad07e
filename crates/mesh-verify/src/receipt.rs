//! Receipts: that a command was decided, how, and when, without the ledger and without a node.
//!
//! A receipt is a text of lines, each ended by one newline; bytes are standard base64 with padding.
//!
//! ```text
//! datamesh-receipt 1
//! mesh <mesh id>
//! genesis <exact bytes of the genesis envelope>
//! voters <exact bytes of a checkpoint that names other voters>      once per change of voters, ascending; after a lost quorum what
//!                                                                   shows the council's recovery of them ([`mesh_event::VoterChange`])
//! leaf <exact bytes of the leaf>                                    command, stamp and outcome
//! proof <hash>                                                      the inclusion proof, from the leaf up
//! checkpoint <exact bytes of a checkpoint that counts>
//! end
//! ```
//!
//! What it proves: a majority of the voters that the founding document leads to cosigned a tree in which this leaf, with this
//! outcome, has this number. The command's own signatures are checked too. What was decided *why* is for a whole export to say.

use mesh_event::checkpoint::Counted;
use mesh_event::ledger::{LeafEntry, LedgerLeaf};
use mesh_event::{Councils, Envelope, EventKind, FeedEvent, SignedCommand, envelope};
use mesh_model::{MeshId, PublicKey};
use mesh_tlog::{Hash, check_inclusion, leaf_hash};

use crate::export::base64;
use crate::fault::Fault;
use crate::lines_file::{Lines, Origin, counted, push};

/// The first line.
pub const RECEIPT_FORMAT: &str = "datamesh-receipt 1";

/// A receipt, as whoever makes one has its parts. Nothing of it is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    origin: Origin,
    leaf: Vec<u8>,
    proof: Vec<Hash>,
    checkpoint: Vec<u8>,
}

/// A receipt that holds.
#[derive(Debug, Clone)]
pub struct CheckedReceipt {
    /// Which mesh.
    pub mesh_id: MeshId,
    /// The leaf: its number, stamp and outcome.
    pub leaf: LedgerLeaf,
    /// What was decided on.
    pub command: Decided,
    /// The checkpoint that covers it.
    pub checkpoint: Counted,
}

/// What a leaf decided on.
#[derive(Debug, Clone)]
pub enum Decided {
    /// The founding of the mesh.
    Genesis,
    /// A command, its signatures verified.
    Command(Box<SignedCommand>),
    /// Bytes that are no command of this mesh, or whose signatures do not hold; the ledger refused them.
    Unreadable {
        /// Why.
        why: String,
    },
}

impl Decided {
    /// The command's kind, or a word for what is none.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Genesis => "Genesis",
            Self::Command(signed) => signed.command().body.kind(),
            Self::Unreadable { .. } => "unreadable",
        }
    }

    /// Who signed it first.
    pub fn author(&self) -> Option<PublicKey> {
        match self {
            Self::Command(signed) => Some(signed.command().author),
            Self::Genesis | Self::Unreadable { .. } => None,
        }
    }
}

impl Receipt {
    /// Puts a receipt together: the founding envelope, the notes of all changes of voters, the leaf's exact bytes, its inclusion proof,
    /// and the checkpoint that it leads to.
    pub fn new(
        mesh_id: MeshId,
        genesis: Vec<u8>,
        handovers: Vec<Vec<u8>>,
        leaf: Vec<u8>,
        proof: Vec<Hash>,
        checkpoint: Vec<u8>,
    ) -> Self {
        Self { origin: Origin { mesh_id, genesis, handovers }, leaf, proof, checkpoint }
    }

    /// The file.
    pub fn to_text(&self) -> String {
        let mut text = format!("{RECEIPT_FORMAT}\n");
        self.origin.write(&mut text);
        push(&mut text, "leaf", &base64(&self.leaf));
        for hash in &self.proof {
            push(&mut text, "proof", &hash.to_base64());
        }
        push(&mut text, "checkpoint", &base64(&self.checkpoint));
        text.push_str("end\n");
        text
    }

    /// Reads what [`Receipt::to_text`] writes, and nothing else.
    ///
    /// # Errors
    /// [`Fault`] names the line.
    pub fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        let mut lines = Lines::of(bytes, RECEIPT_FORMAT)?;
        let receipt = Self {
            origin: Origin::read(&mut lines)?,
            leaf: lines.bytes("leaf")?,
            proof: lines.hashes("proof")?,
            checkpoint: lines.bytes("checkpoint")?,
        };
        lines.end()?;
        Ok(receipt)
    }

    /// Verifies everything in it. Without a pinned mesh, the receipt itself says which mesh it is of.
    ///
    /// # Errors
    /// [`Fault`] names the line that does not hold.
    pub fn verify(&self, pinned: Option<&MeshId>) -> Result<CheckedReceipt, Fault> {
        self.verify_by(pinned, None)
    }

    /// [`Receipt::verify`] for whoever knows from an audited export which councils there were ([`crate::Verified::councils`]): a recovery of
    /// voters counts by that of the founding document otherwise.
    ///
    /// # Errors
    /// [`Fault`] names the line that does not hold.
    pub fn verify_by(&self, pinned: Option<&MeshId>, councils: Option<&Councils>) -> Result<CheckedReceipt, Fault> {
        let trust = self.origin.trust(pinned, councils)?;
        let leaf_line = self.origin.lines() + 1;
        let wrong = |why: String| Fault::line(leaf_line, why);
        let leaf = LedgerLeaf::decode(&self.leaf).map_err(|error| wrong(format!("it is no leaf: {error}")))?;
        let last_line = leaf_line + self.proof.len() as u64 + 1;
        let checkpoint = counted(&trust, &self.checkpoint, last_line)?;
        check_inclusion(&self.proof, checkpoint.size, checkpoint.root, leaf.index, leaf_hash(&self.leaf))
            .map_err(|error| wrong(format!("leaf {} is not in the checkpoint's tree: {error}", leaf.index)))?;
        let command = decided(&leaf, &self.origin.mesh_id);
        if let Decided::Unreadable { why } = &command
            && leaf.outcome.code == mesh_model::Code::Accepted
        {
            return Err(wrong(format!("leaf {} was accepted, and its command does not verify: {why}", leaf.index)));
        }
        Ok(CheckedReceipt { mesh_id: self.origin.mesh_id, leaf, command, checkpoint })
    }
}

fn decided(leaf: &LedgerLeaf, mesh: &MeshId) -> Decided {
    let unreadable = |why: &dyn std::fmt::Display| Decided::Unreadable { why: why.to_string() };
    let bytes = match &leaf.entry {
        LeafEntry::Envelope(bytes) => bytes.clone(),
        LeafEntry::FeedEvent(bytes) => match FeedEvent::decode_proposed(bytes).map(|event| event.kind) {
            Ok(EventKind::Command { envelope, .. }) => envelope,
            Ok(_) => return unreadable(&"the event carries no command"),
            Err(error) => return unreadable(&error),
        },
    };
    let parsed = match Envelope::parse(bytes) {
        Ok(parsed) => parsed,
        Err(error) => return unreadable(&error),
    };
    // Leaf 0 is the founding document, which the trust in the voters began with.
    if parsed.payload_type() == envelope::GENESIS && leaf.index == 0 {
        return Decided::Genesis;
    }
    match SignedCommand::verify(parsed, mesh) {
        Ok(signed) => Decided::Command(Box::new(signed)),
        Err(error) => unreadable(&error),
    }
}
