//! What the accepted leaves say of the council, kept without the state: invariant 3.

use std::collections::{BTreeMap, BTreeSet};

use mesh_event::{Body, Council, Envelope, ProposalBody};
use mesh_model::{Digest, PublicKey};

use crate::testing::TestMesh;
use crate::{Applied, Effect, ProposalStatus};

struct Matter {
    digest: Digest,
    version: u64,
    body: ProposalBody,
    approved_by: BTreeSet<PublicKey>,
}

/// The council in force and what it was asked.
pub(super) struct CouncilWitness {
    council: Council,
    version: u64,
    matters: BTreeMap<u64, Matter>,
    pub(super) enacted: usize,
}

impl Default for CouncilWitness {
    fn default() -> Self {
        Self { council: TestMesh::document().council, version: 1, matters: BTreeMap::new(), enacted: 0 }
    }
}

impl CouncilWitness {
    /// Whether enough distinct seats of the council in force are among these.
    pub(super) fn decides(&self, keys: &BTreeSet<PublicKey>) -> bool {
        self.council.is_met(keys)
    }

    /// Checks the next accepted leaf of a council command.
    pub(super) fn see(&mut self, applied: &Applied, body: Body, envelope: &Envelope, signers: &BTreeSet<PublicKey>) {
        match body {
            Body::Propose(said) => {
                assert_eq!(said.council_version, self.version);
                let (digest, approved_by) = (Digest::of(envelope.payload()), signers.clone());
                let matter = Matter { digest, version: self.version, body: said.body, approved_by };
                self.matters.insert(applied.leaf.index, matter);
            }
            Body::Approve(said) => {
                let matter = self.matters.get_mut(&said.proposal).unwrap();
                assert_eq!((said.digest, said.council_version), (matter.digest, self.version));
                matter.approved_by.extend(signers);
            }
            Body::Reject(said) => {
                let matter = self.matters.get_mut(&said.proposal).unwrap();
                matter.approved_by.retain(|key| !signers.contains(key));
            }
            _ => {}
        }
        for effect in &applied.effects {
            let Effect::ProposalClosed { proposal, status } = effect else { continue };
            let matter = self.matters.remove(proposal).expect("what closes was open");
            if !matches!(status, ProposalStatus::Enacted { .. }) {
                continue;
            }
            assert_eq!(matter.version, self.version, "decided by the council that was asked");
            assert!(self.decides(&matter.approved_by), "invariant 3");
            self.enacted += 1;
            if let ProposalBody::AmendCouncil(body) = matter.body {
                assert!(body.council.is_met(&matter.approved_by), "and by the new one");
                self.council = body.council;
                self.version += 1;
            }
        }
    }
}
