//! Council matters in a mesh in memory. Signers are named as their keys are, such as `council-0`.

use mesh_event::proposal::{Approve, Comment, Reject, Withdraw};
use mesh_event::{Body, Envelope, Keypair, ProposalBody, Propose};
use mesh_model::LedgerIndex;

use super::{TestMesh, keypair};
use crate::{Applied, Proposal, read};

/// How long the fixture's proposals are open, in milliseconds.
const OPEN_MS: u64 = 30 * 24 * 60 * 60 * 1000;

fn keys(names: &[&str]) -> Vec<Keypair> {
    names.iter().map(|name| keypair(name)).collect()
}

impl TestMesh {
    /// The version of the council in force.
    ///
    /// # Panics
    /// When the mesh is not founded.
    pub fn council_version(&self) -> u64 {
        read::mesh(&self.state).expect("memory reads").expect("the mesh is founded").council_version
    }

    /// The signed proposal of a body, open for thirty days; the first signer is its author.
    pub fn proposal_command(&mut self, body: ProposalBody, signers: &[&str]) -> Envelope {
        let (council_version, closes_unix_ms) = (self.council_version(), self.now + OPEN_MS);
        let propose = Propose { body, closes_unix_ms, summary: "because".into(), council_version };
        self.command(Body::Propose(propose), &keys(signers))
    }

    /// Proposes a body. With two of the fixture's seats it is decided at once.
    pub fn propose(&mut self, body: ProposalBody, signers: &[&str]) -> Applied {
        let envelope = self.proposal_command(body, signers);
        self.submit(&envelope)
    }

    /// Proposes a body by two seats, and whoever has to prove possession.
    pub fn decide(&mut self, body: ProposalBody, further: &[&str]) -> Applied {
        self.propose(body, &[&["council-0", "council-1"], further].concat())
    }

    /// A proposal as the state has it.
    ///
    /// # Panics
    /// When there is no such proposal.
    pub fn proposal(&self, index: LedgerIndex) -> Proposal {
        read::proposal(&self.state, index).expect("memory reads").expect("the proposal is known")
    }

    /// The approval of a proposal as it is.
    pub fn approval(&self, index: LedgerIndex) -> Approve {
        let Proposal { digest, council_version, .. } = self.proposal(index);
        Approve { proposal: index, digest, council_version }
    }

    /// Approves a proposal as it is.
    pub fn approve(&mut self, index: LedgerIndex, signers: &[&str]) -> Applied {
        let body = self.approval(index);
        self.say_directly(Body::Approve(body), signers)
    }

    /// Rejects a proposal as it is.
    pub fn reject(&mut self, index: LedgerIndex, signers: &[&str]) -> Applied {
        let Approve { proposal, digest, council_version } = self.approval(index);
        let body = Reject { proposal, digest, council_version, reason: "no".into() };
        self.say_directly(Body::Reject(body), signers)
    }

    /// Withdraws a proposal.
    pub fn withdraw(&mut self, proposal: LedgerIndex, signer: &str) -> Applied {
        self.say_directly(Body::Withdraw(Withdraw { proposal, reason: "not now".into() }), &[signer])
    }

    /// Comments on a proposal.
    pub fn comment(&mut self, proposal: LedgerIndex, signer: &str, text: &str) -> Applied {
        self.say_directly(Body::Comment(Comment { proposal, text: text.into() }), &[signer])
    }

    /// Signs a root or council command and orders it.
    pub fn say_directly(&mut self, body: Body, signers: &[&str]) -> Applied {
        let envelope = self.command(body, &keys(signers));
        self.submit(&envelope)
    }
}
