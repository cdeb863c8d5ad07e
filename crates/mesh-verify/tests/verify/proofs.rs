//! Receipts and fork proofs: what they prove, and that nothing else is taken for one.

use std::collections::BTreeMap;

use crate::support::Mesh;
use mesh_event::checkpoint::{ledger_checkpoint, vouch};
use mesh_event::proposal::AmendCouncil;
use mesh_event::voters::{Voter, VoterSet};
use mesh_event::{
    Council, Councils, Keypair, LedgerCheckpoint, ProposalBody, Seat, Signer as _, VoterChange, VoterRecovery,
};
use mesh_governance::testing::{TestMesh, keypair};
use mesh_model::{Code, MeshId, NodeId};
use mesh_tlog::{Frontier, Hash, NodeAddress, Note, leaf_hash, prove_consistency, prove_inclusion, root_at};
use mesh_verify::{Bridge, CouncilsFile, Decided, ForkProof, Options, Place, Receipt, check};

type Tree = BTreeMap<NodeAddress, Hash>;

fn tree(leaves: &[Vec<u8>]) -> Tree {
    let (mut tree, mut frontier) = (Tree::new(), Frontier::new());
    for leaf in leaves {
        tree.extend(frontier.append(leaf_hash(leaf)).into_iter().map(|(level, index, hash)| ((level, index), hash)));
    }
    tree
}

fn genesis() -> Vec<u8> {
    TestMesh::genesis().bytes().to_vec()
}

fn keys(id: NodeId) -> [Keypair; 2] {
    ["log", "cosigner"].map(|kind| keypair(&format!("node-{id}/{kind}")))
}

fn voters(ids: &[NodeId]) -> VoterSet {
    let voter = |id: &NodeId| {
        let [log, cosigner] = keys(*id);
        Voter { id: *id, log_key: log.public_key(), cosigner_key: cosigner.public_key() }
    };
    VoterSet::new(ids.iter().map(voter).collect()).unwrap()
}

fn note(mesh: &MeshId, size: u64, root: Hash, handover: Option<&VoterSet>, by: &[NodeId]) -> Vec<u8> {
    let checkpoint = ledger_checkpoint(mesh, size, root, handover).unwrap();
    let lines = by.iter().flat_map(|id| {
        let [log, cosigner] = keys(*id);
        vouch(mesh, *id, &checkpoint, 1_800_000_000, &log, &cosigner).unwrap()
    });
    Note::new(checkpoint.to_string(), lines.collect()).unwrap().to_string().into_bytes()
}

/// A receipt of a leaf, with a checkpoint over all leaves.
fn receipt(mesh: &Mesh, index: usize, handovers: Vec<Vec<u8>>, by: &[NodeId]) -> Receipt {
    let (tree, size) = (tree(&mesh.leaves), mesh.leaves.len() as u64);
    let checkpoint = note(&mesh.fixture.mesh_id, size, root_at(&tree, size).unwrap(), None, by);
    let proof = prove_inclusion(&tree, size, index as u64).unwrap();
    Receipt::new(mesh.fixture.mesh_id, genesis(), handovers, mesh.leaves[index].clone(), proof, checkpoint)
}

#[test]
fn a_receipt_shows_command_outcome_and_who_cosigned() {
    let mesh = crate::support::rich();
    let pinned = Some(&mesh.fixture.mesh_id);
    for index in 0..mesh.leaves.len() {
        let receipt = receipt(&mesh, index, Vec::new(), &[1, 3]);
        let read = Receipt::parse(receipt.to_text().as_bytes()).unwrap();
        assert_eq!(read, receipt);
        let checked = read.verify(pinned).unwrap();
        assert_eq!((checked.leaf.index, checked.checkpoint.cosigned_by), (index as u64, vec![1, 3]));
        match checked.command {
            Decided::Genesis => assert_eq!(index, 0),
            Decided::Command(signed) => assert!(!signed.signers().is_empty()),
            // The last leaf of the fixture is no command at all; the receipt proves that it was refused.
            Decided::Unreadable { .. } => assert_eq!(checked.leaf.outcome.code, Code::Malformed),
        }
    }
}

#[test]
fn every_single_byte_change_of_a_receipt_is_found() {
    let mesh = Mesh::with_domains(&["sales", "finance"]);
    let text = receipt(&mesh, 1, Vec::new(), &[1, 2, 3]).to_text().into_bytes();
    let pinned = mesh.fixture.mesh_id;
    for offset in 0..text.len() {
        let mut changed = text.clone();
        // A digit or letter for another where it can be, so that most changes are found by what was signed.
        changed[offset] = if changed[offset] == b'A' { b'B' } else { b'A' };
        let verified = Receipt::parse(&changed).and_then(|receipt| receipt.verify(Some(&pinned)));
        let fault = verified.err().unwrap_or_else(|| panic!("a change of byte {offset} was not found"));
        assert!(matches!(fault.place, Place::Line(_)), "{fault} for a change of byte {offset}");
    }
    for cut in [0, 1, text.len() / 2, text.len() - 1] {
        assert!(Receipt::parse(&text[..cut]).is_err(), "cut to {cut} bytes");
    }
    assert!(Receipt::parse(&[text.as_slice(), b"\n"].concat()).is_err());
}

#[test]
fn a_receipt_needs_a_majority_of_the_voters_that_genesis_leads_to() {
    let mesh = Mesh::with_domains(&["sales"]);
    let refused = |receipt: &Receipt, why: &str| {
        let fault = receipt.verify(None).unwrap_err();
        assert!(fault.why.contains(why), "{fault}");
    };
    refused(&receipt(&mesh, 1, Vec::new(), &[2]), "1 of 3 voters cosigned it");
    refused(&receipt(&mesh, 1, Vec::new(), &[1, 2, 9]), "is of no voter in force");
    let after = voters(&[3, 1004, 1005]);
    let leaf = tree(&mesh.leaves);
    let handover = |by: &[NodeId]| note(&mesh.fixture.mesh_id, 1, root_at(&leaf, 1).unwrap(), Some(&after), by);
    refused(&receipt(&mesh, 1, Vec::new(), &[1004, 1005]), "0 of 3 voters");
    let alone = receipt(&mesh, 1, vec![handover(&[1004, 1005])], &[1004, 1005]).verify(None).unwrap_err();
    assert_eq!(alone.place, Place::Line(4), "the voters before have to agree: {alone}");
    let followed = receipt(&mesh, 1, vec![handover(&[1, 3, 1004])], &[1004, 1005]);
    assert_eq!(followed.verify(None).unwrap().checkpoint.cosigned_by, [1004, 1005]);
    refused(&receipt(&mesh, 1, vec![handover(&[1, 3, 1004])], &[1, 2]), "0 of 3 voters");
    let plain = note(&mesh.fixture.mesh_id, 1, root_at(&leaf, 1).unwrap(), None, &[1, 2]);
    refused(&receipt(&mesh, 1, vec![plain], &[1, 2]), "names no voters");
    let fault = followed.verify(Some(&MeshId([9; 32]))).unwrap_err();
    assert_eq!(fault.place, Place::Line(2));
}

/// What shows that the council named other voters as leaf `base`: a checkpoint of all leaves before it, and one of the new voters.
fn recovery(mesh: &Mesh, base: u64, by: [&[NodeId]; 2]) -> VoterChange {
    let (tree, size, id) = (tree(&mesh.leaves), mesh.leaves.len() as u64, &mesh.fixture.mesh_id);
    let checkpoint =
        |size, by| LedgerCheckpoint::parse(&note(id, size, root_at(&tree, size).unwrap(), None, by), id).unwrap();
    VoterChange::Recovery(Box::new(VoterRecovery {
        base: checkpoint(base, by[0]),
        leaf: mesh.leaves[usize::try_from(base).unwrap()].clone(),
        first: checkpoint(size, by[1]),
        consistency: prove_consistency(&tree, base, size).unwrap(),
        inclusion: prove_inclusion(&tree, size, base).unwrap(),
    }))
}

#[test]
fn a_recovery_counts_by_the_council_of_its_time_as_an_audited_export_says() {
    let mut mesh = Mesh::with_domains(&["sales"]);
    let first = mesh.recover_voters(2, &["council-0", "council-1"]);
    let seat = |name: &str| Seat { name: name.to_owned(), key: keypair(name).public_key(), domain: None };
    let council = Council { threshold: 1, seats: vec![seat("new-1"), seat("new-2")] };
    let body = AmendCouncil { council, min_review_ms: 0, recovery_keys: Vec::new() };
    let amended = mesh.propose(ProposalBody::AmendCouncil(body), &["council-0", "council-1", "new-1", "new-2"]);
    assert_eq!(amended.leaf.outcome.code, Code::Accepted, "{}", amended.leaf.outcome.detail);
    let second = mesh.recover_voters(3, &["new-1"]);
    let changes = [recovery(&mesh, first, [&[1, 3], &[2]]), recovery(&mesh, second, [&[2], &[3]])];
    let receipt = receipt(&mesh, 1, changes.iter().map(VoterChange::bytes).collect(), &[3]);

    // The founding council is known to everybody; the second recovery is none by its word.
    let fault = receipt.verify(None).unwrap_err();
    assert!(fault.place == Place::Line(5) && fault.why.contains("0 of 2 council seats"), "{fault}");

    let export = mesh.export(&[mesh.checkpoint(mesh.leaves.len(), &[3])]);
    let verified = check(export.as_slice(), &Options::default(), &mut ()).unwrap();
    let text = CouncilsFile::of(&verified).unwrap().to_text();
    let file = CouncilsFile::parse(text.as_bytes(), Some(&mesh.fixture.mesh_id)).unwrap();
    assert_eq!(file.councils, verified.councils);
    assert_eq!(receipt.verify_by(None, Some(&file.councils)).unwrap().checkpoint.cosigned_by, [3]);

    // What no checkpoint covers, nobody vouches for: here the council is still the founding one.
    let export = mesh.export(&[mesh.checkpoint(usize::try_from(second).unwrap() - 1, &[2])]);
    let earlier = check(export.as_slice(), &Options::default(), &mut ()).unwrap().councils;
    assert_eq!(earlier.audit().1, earlier.founding());
    assert_eq!(receipt.verify_by(None, Some(&earlier)).unwrap_err(), fault);
    let without = check(mesh.export(&[]).as_slice(), &Options::default(), &mut ()).unwrap();
    assert_eq!(CouncilsFile::of(&without), None);
    // Where the ledger was audited nobody has the word any more, whoever signs: neither council recovers voters in the past.
    let mut stolen = Mesh::with_domains(&["sales"]);
    let forged = stolen.recover_voters(1, &["council-1", "council-2"]);
    assert_eq!(forged, first);
    let change = recovery(&stolen, forged, [&[1, 3], &[1]]).bytes();
    let forged = self::receipt(&stolen, 1, vec![change], &[1]);
    assert_eq!(forged.verify(None).unwrap().checkpoint.cosigned_by, [1], "without an audit nobody could know");
    let why = forged.verify_by(None, Some(&file.councils)).unwrap_err().why;
    assert!(why.contains(&format!("no such recovery as leaf {first}")), "{why}");
    // Those of another mesh are no help.
    let strange = Councils::new(MeshId([9; 32]), file.councils.founding().clone());
    assert!(
        receipt.verify_by(None, Some(&strange)).unwrap_err().why.contains("the councils to trust are of mesh 0909")
    );
    let refused = |text: &str, pinned: Option<&MeshId>, why: &str| {
        let fault = CouncilsFile::parse(text.as_bytes(), pinned).unwrap_err();
        assert!(fault.why.contains(why), "{fault}");
    };
    refused(&text, Some(&MeshId([9; 32])), "expected 0909");
    refused(&text.replace("councils 1", "councils 2"), None, "expected the format");
    refused("{}", None, "missing field");
    refused("", None, "expected the councils of a mesh");
}

#[test]
fn a_leaf_of_another_place_or_tree_is_refused() {
    let mesh = Mesh::with_domains(&["sales", "finance"]);
    let (one, two) = (receipt(&mesh, 1, Vec::new(), &[1, 2]), receipt(&mesh, 2, Vec::new(), &[1, 2]));
    let swap = |from: &Receipt, into: &Receipt, word: &str| {
        let line = |receipt: &Receipt| {
            receipt
                .to_text()
                .lines()
                .filter(|line| line.starts_with(word))
                .map(str::to_owned)
                .collect::<Vec<_>>()
                .join("\n")
        };
        Receipt::parse(into.to_text().replace(&line(into), &line(from)).as_bytes()).unwrap()
    };
    assert!(swap(&one, &two, "leaf").verify(None).is_err());
    assert!(swap(&one, &two, "proof").verify(None).is_err());
}

/// Two ledgers that are one up to some leaf.
fn forked() -> (Mesh, Mesh) {
    let mut one = Mesh::with_domains(&["sales"]);
    let mut two = Mesh::with_domains(&["sales"]);
    one.publish(&[("sales/orders", "1.0.0", &["id"])]);
    two.publish(&[("sales/refunds", "1.0.0", &["id"])]);
    two.publish(&[("sales/returns", "1.0.0", &["id"])]);
    (one, two)
}

fn head(mesh: &Mesh, by: &[NodeId]) -> Vec<u8> {
    let (tree, size) = (tree(&mesh.leaves), mesh.leaves.len() as u64);
    note(&mesh.fixture.mesh_id, size, root_at(&tree, size).unwrap(), None, by)
}

fn bridge(larger: &Mesh, size: u64) -> Bridge {
    let leaves = tree(&larger.leaves);
    let proof = prove_consistency(&leaves, size, larger.leaves.len() as u64).unwrap();
    Bridge { root: root_at(&leaves, size).unwrap(), proof }
}

#[test]
fn two_majorities_for_two_histories_are_a_fork() {
    let (one, two) = forked();
    let mesh_id = one.fixture.mesh_id;
    let size = one.leaves.len() as u64;
    let proof = ForkProof::new(
        mesh_id,
        genesis(),
        Vec::new(),
        [head(&one, &[1, 2]), head(&two, &[2, 3])],
        Some(bridge(&two, size)),
    );
    let read = ForkProof::parse(proof.to_text().as_bytes()).unwrap();
    assert_eq!((&read, read.digest()), (&proof, proof.digest()));
    let checked = read.verify(Some(&mesh_id)).unwrap();
    assert_eq!(checked.checkpoints.map(|counted| counted.size), [size, size + 1]);
    assert_eq!(checked.root_at_smaller, bridge(&two, size).root);

    // Of one size, the two notes are the whole proof.
    let same = note(&mesh_id, size, bridge(&two, size).root, None, &[2, 3]);
    let proof = ForkProof::new(mesh_id, genesis(), Vec::new(), [head(&one, &[1, 2]), same], None);
    assert!(proof.verify(None).is_ok());
}

#[test]
fn one_history_or_a_lone_head_is_no_fork() {
    let (one, two) = forked();
    let (mesh_id, size) = (one.fixture.mesh_id, one.leaves.len() as u64);
    let refused = |notes: [Vec<u8>; 2], bridge: Option<Bridge>, why: &str| {
        let proof = ForkProof::new(mesh_id, genesis(), Vec::new(), notes, bridge);
        let fault = proof.verify(None).unwrap_err();
        assert!(fault.to_string().contains(why), "{fault}");
    };
    let earlier = note(&mesh_id, size, bridge(&two, size).root, None, &[1, 2]);
    refused([earlier.clone(), head(&two, &[1, 2])], Some(bridge(&two, size)), "do not contradict");
    refused([head(&one, &[1]), head(&two, &[2, 3])], Some(bridge(&two, size)), "1 of 3 voters");
    refused([head(&one, &[1, 2]), head(&one, &[2, 3])], None, "do not contradict");
    refused([head(&one, &[1, 2]), head(&two, &[2, 3])], None, "in this order");
    refused([head(&two, &[1, 2]), head(&one, &[2, 3])], Some(bridge(&two, size)), "in this order");
    // Anybody can claim another root; only the larger tree's own leads to its head.
    let mut made_up = bridge(&two, size);
    made_up.root = leaf_hash(b"made up");
    refused([earlier, head(&two, &[1, 2])], Some(made_up), "consistency proof");
}
