//! Who may answer a proposal, and what the answers come to.

use mesh_event::{Council, ProposalBody};
use mesh_model::PublicKey;

use crate::read::Approvals;
use crate::records::{Electorate, Mesh, Proposal, Vote};

/// The keys that decide one proposal.
#[derive(Debug)]
pub(crate) struct Tally<'a> {
    mesh: &'a Mesh,
    electorate: Electorate,
    /// The new council, where one is proposed: its threshold counts too.
    new: Option<&'a Council>,
}

fn among(seats: &Council, votes: &[Vote]) -> usize {
    seats.seats.iter().filter(|seat| votes.iter().any(|vote| vote.key == seat.key)).count()
}

fn holds_seat(council: &Council, key: &PublicKey) -> bool {
    council.seats.iter().any(|seat| seat.key == *key)
}

impl<'a> Tally<'a> {
    /// By the council in force, whose version is the one that the proposal names.
    pub(crate) fn new(mesh: &'a Mesh, electorate: Electorate, body: &'a ProposalBody) -> Self {
        let new = match body {
            ProposalBody::AmendCouncil(body) => Some(&body.council),
            _ => None,
        };
        Self { mesh, electorate, new }
    }

    /// Whether the key's approval counts.
    pub(crate) fn is_elector(&self, key: &PublicKey) -> bool {
        let decides = match self.electorate {
            Electorate::Council => holds_seat(&self.mesh.council, key),
            Electorate::Recovery => self.mesh.recovery_keys.contains(key),
        };
        decides || self.new.is_some_and(|new| holds_seat(new, key))
    }

    /// Whether the key's rejection counts: against recovery keys the council in force may speak up.
    pub(crate) fn may_reject(&self, key: &PublicKey) -> bool {
        self.is_elector(key) || holds_seat(&self.mesh.council, key)
    }

    /// More than half of the recovery keys: no one of them may bring the council down alone, unless it is the only one.
    fn recovery_majority(&self) -> usize {
        self.mesh.recovery_keys.len() / 2 + 1
    }

    fn recovery(&self, votes: &[Vote]) -> usize {
        self.mesh.recovery_keys.iter().filter(|key| votes.iter().any(|vote| vote.key == **key)).count()
    }

    /// How many approvals there are and have to be.
    pub(crate) fn count(&self, proposal: &Proposal) -> Approvals {
        let (found, needed) = match self.electorate {
            Electorate::Council => (among(&self.mesh.council, &proposal.approvals), self.mesh.council.threshold),
            Electorate::Recovery => (self.recovery(&proposal.approvals), small(self.recovery_majority())),
        };
        let new_council = self.new.map(|new| (small(among(new, &proposal.approvals)), new.threshold));
        Approvals { found: small(found), needed, new_council }
    }

    /// Whether enough are for it.
    pub(crate) fn is_met(&self, proposal: &Proposal) -> bool {
        let Approvals { found, needed, new_council } = self.count(proposal);
        found >= needed && new_council.is_none_or(|(found, needed)| found >= needed)
    }

    /// Whether so many are against it that it can no longer take effect.
    pub(crate) fn is_out_of_reach(&self, proposal: &Proposal) -> bool {
        let short =
            |council: &Council| council.seats.len() - among(council, &proposal.rejections) < council.threshold as usize;
        let decided = match self.electorate {
            Electorate::Council => short(&self.mesh.council),
            Electorate::Recovery => {
                let left = self.mesh.recovery_keys.len() - self.recovery(&proposal.rejections);
                let answered = among(&self.mesh.council, &proposal.rejections);
                left < self.recovery_majority() || answered >= self.mesh.council.threshold as usize
            }
        };
        decided || self.new.is_some_and(short)
    }
}

fn small(count: usize) -> u32 {
    u32::try_from(count).expect("seats and recovery keys are few")
}
