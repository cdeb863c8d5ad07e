//! Almost good bytes of commands of protocol 2 make leaves, and nothing panics.

use mesh_event::LedgerEntry;
use mesh_event::federation::{AdmissionRule, AdmitVouchedNode, Erase, FeedAnchor, RecoverVoters, ReportEquivocation};
use mesh_event::ledger::EntryBody;
use mesh_event::{Body, Envelope, FeedBridge, FeedForkProof, FeedId, ProposalBody, Signer as _, envelope};
use mesh_model::Digest;
use mesh_tlog::leaf_hash;
use proptest::prelude::*;

use super::{leaves, note, sales};
use crate::testing::{TestMesh, keypair};
use crate::tests::garbage::{holds, mutated};
use crate::tests::nodes::record;

/// Each kind, as good as it gets without a story around it.
fn payloads() -> Vec<Vec<u8>> {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    let (one, two) = (leaves(4, 9), leaves(6, 2));
    let heads = [note(&mesh, 1, &one, "node-1"), note(&mesh, 1, &two, "node-1")];
    let proof = FeedForkProof {
        feed: FeedId { domain: sales(), epoch: 1 },
        node_key: keypair("node-1").public_key(),
        heads: heads.clone(),
        bridge: Some(FeedBridge { root: leaf_hash(b"x"), proof: vec![leaf_hash(b"y"); 3] }),
    };
    let resolve = mesh_event::federation::ResolveEquivocation {
        domain: sales(),
        report: 2,
        head_size: 4,
        head_root: Digest([4; 32]),
        node_id: 2,
        epoch: 2,
        reason: "r".into(),
    };
    let voters = vec![record("node-8", true)];
    let bodies = [
        Body::FeedAnchor(FeedAnchor { domain: sales(), epoch: 1, ledger_size: 2, head_note: heads[0].clone() }),
        Body::ReportEquivocation(ReportEquivocation { proof }),
        Body::ResolveEquivocation(resolve),
        Body::Erase(Erase { domain: sales(), digest: Digest([9; 32]), reason: "r".into() }),
        Body::AdmitVouchedNode(AdmitVouchedNode { domain: sales(), node: record("node-9", true) }),
        Body::RecoverVoters(RecoverVoters { voters, size: 2, root: leaf_hash(b"r"), reason: "r".into() }),
    ];
    let mut all: Vec<Vec<u8>> =
        bodies.into_iter().map(|body| mesh.command(body, &[keypair("council-0")]).payload().to_vec()).collect();
    let rule = ProposalBody::SetAdmissionRule(AdmissionRule::DomainRoot { nodes_per_domain: 2 });
    all.push(mesh.proposal_command(rule, &["council-0"]).payload().to_vec());
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn almost_good_payloads_of_protocol_2_make_leaves(
        payload in proptest::sample::select(payloads()).prop_flat_map(mutated),
        stamp: u64,
        old: bool,
    ) {
        let mesh = TestMesh::with_domains_under(if old { 1 } else { 2 }, &["sales"]);
        let seats = ["council-0", "council-1", "node-1", "sales/root"].map(keypair);
        let signers: Vec<&dyn mesh_event::Signer> = seats.iter().map(|key| key as &dyn mesh_event::Signer).collect();
        let envelope = Envelope::sign(envelope::COMMAND, payload, &signers).unwrap();
        let body = EntryBody::Envelope(envelope.into_bytes());
        for stamp_unix_ms in [stamp, 0] {
            holds(&mesh.state, &LedgerEntry { stamp_unix_ms, body: body.clone() });
        }
    }
}
