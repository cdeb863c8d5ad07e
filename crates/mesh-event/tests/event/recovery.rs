//! Following the voters over a lost quorum without the ledger: by the council's word, from a checkpoint that counted.

use mesh_event::checkpoint::{LedgerCheckpoint, Trust, ledger_checkpoint, vouch};
use mesh_event::federation::RecoverVoters;
use mesh_event::ledger::{LeafEntry, LedgerLeaf, Outcome};
use mesh_event::voters::VoterSet;
use mesh_event::{
    Body, Command, Council, Councils, Keypair, NodeRecord, Seat, Signer, VoterChange, VoterChangeError, VoterRecovery,
    VoterRecoveryError,
};
use mesh_model::{Code, CommandId, Digest, MeshId, NodeId};
use mesh_tlog::{Frontier, Hash, HashReader, Note, leaf_hash, prove_consistency, prove_inclusion};
use zeroize::Zeroizing;

const MESH: MeshId = MeshId([7; 32]);

fn key(name: &str) -> Keypair {
    Keypair::from_seed(&Zeroizing::new(Digest::of(name.as_bytes()).0))
}

fn record(id: NodeId) -> NodeRecord {
    let public = |kind: &str| key(&format!("{kind} {id}")).public_key();
    NodeRecord {
        node_id: id,
        name: format!("node-{id}"),
        key: public("node"),
        log_key: Some(public("log")),
        cosigner_key: Some(public("cosigner")),
        api_address: String::new(),
        peer_address: String::new(),
        possession: Vec::new(),
    }
}

fn set(ids: &[NodeId]) -> VoterSet {
    let records: Vec<NodeRecord> = ids.iter().map(|id| record(*id)).collect();
    VoterSet::of_records(&records).unwrap()
}

fn council() -> Council {
    let seat = |n: u8| Seat { name: format!("seat-{n}"), key: key(&format!("seat {n}")).public_key(), domain: None };
    Council { threshold: 2, seats: (0..3).map(seat).collect() }
}

fn checkpoint(leaves: &[Vec<u8>], size: usize, by: &[NodeId]) -> LedgerCheckpoint {
    let checkpoint = ledger_checkpoint(&MESH, size as u64, root(&leaves[..size]), None).unwrap();
    let lines = by.iter().flat_map(|id| {
        vouch(&MESH, *id, &checkpoint, 1_000, &key(&format!("log {id}")), &key(&format!("cosigner {id}"))).unwrap()
    });
    let note = Note::new(checkpoint.to_string(), lines.collect()).unwrap();
    LedgerCheckpoint::parse(note.to_string().as_bytes(), &MESH).unwrap()
}

fn root(leaves: &[Vec<u8>]) -> Hash {
    let mut tree = Frontier::new();
    for leaf in leaves {
        tree.append(leaf_hash(leaf));
    }
    tree.root()
}

struct Hashes<'a>(&'a [Vec<u8>]);

impl HashReader for Hashes<'_> {
    type Error = std::convert::Infallible;
    fn read(&self, level: u8, index: u64) -> Result<Hash, Self::Error> {
        let width = 1_usize << level;
        let from = usize::try_from(index).unwrap() * width;
        Ok(root(&self.0[from..from + width]))
    }
}

fn leaf(index: u64, body: RecoverVoters, seats: &[&str], code: Code) -> Vec<u8> {
    let seats: Vec<Keypair> = seats.iter().map(|name| key(name)).collect();
    let signers: Vec<&dyn Signer> = seats.iter().map(|seat| seat as &dyn Signer).collect();
    let (id, body) = (CommandId([1; 16]), Body::RecoverVoters(body));
    let author = seats[0].public_key();
    let command = Command { mesh_id: MESH, id, author, expires_unix_ms: 9, body };
    let entry = LeafEntry::Envelope(command.sign(&signers).unwrap().into_bytes());
    let outcome = Outcome { code, detail: String::new(), verdict_digest: None, state_digest: Digest([0; 32]) };
    LedgerLeaf { index, stamp_unix_ms: 5, entry, head_note: None, outcome }.encode()
}

/// What goes into the evidence of nine leaves, a recovery, and three more.
struct Case {
    base_by: Vec<NodeId>,
    first_by: Vec<NodeId>,
    seats: Vec<&'static str>,
    code: Code,
    size: u64,
    root: Option<Hash>,
    rewrite: bool,
}

impl Default for Case {
    fn default() -> Self {
        let seats = vec!["seat 0", "seat 2"];
        let (base_by, first_by) = (vec![1, 2], vec![2, 4, 1009]);
        Self { base_by, first_by, seats, code: Code::Accepted, size: 9, root: None, rewrite: false }
    }
}

impl Case {
    fn evidence(&self) -> VoterRecovery {
        let mut leaves: Vec<Vec<u8>> = (0..9).map(|n| format!("leaf {n}").into_bytes()).collect();
        let base = checkpoint(&leaves, 9, &self.base_by);
        let new = NodeRecord { node_id: 0, ..record(1009) };
        let body = RecoverVoters {
            voters: vec![record(2), record(4), new],
            size: self.size,
            root: self.root.unwrap_or_else(|| root(&leaves)),
            reason: String::new(),
        };
        let recovery = leaf(9, body, &self.seats, self.code);
        leaves.push(recovery.clone());
        leaves.extend((10..13).map(|n| format!("leaf {n}").into_bytes()));
        if self.rewrite {
            leaves[3] = b"another".to_vec();
        }
        VoterRecovery {
            base,
            leaf: recovery,
            first: checkpoint(&leaves, 13, &self.first_by),
            consistency: prove_consistency(&Hashes(&leaves), 9, 13).unwrap(),
            inclusion: prove_inclusion(&Hashes(&leaves), 13, 9).unwrap(),
        }
    }
}

fn refused(case: &Case) -> VoterRecoveryError {
    let mut trust = Trust::new(MESH, set(&[1, 2, 3]));
    let before = trust.clone();
    let error = trust.recover(&case.evidence(), &council()).unwrap_err();
    assert_eq!(trust, before);
    error
}

#[test]
fn follows_the_voters_that_the_council_named() {
    let mut trust = Trust::new(MESH, set(&[1, 2, 3]));
    let evidence = Case::default().evidence();
    trust.recover(&evidence, &council()).unwrap();
    assert_eq!(trust.newest(), (10, &set(&[2, 4, 1009])));
    assert!(trust.judge(&evidence.first).is_ok());
    assert!(trust.judge(&evidence.base).is_ok(), "what counted before still does");
    let leaves: Vec<Vec<u8>> = (0..20).map(|n| format!("{n}").into_bytes()).collect();
    assert!(trust.judge(&checkpoint(&leaves, 20, &[1, 3])).is_err(), "those before count no more");
}

#[test]
fn neither_the_council_nor_the_new_voters_do_it_alone() {
    use VoterRecoveryError as E;
    let case = |edit: fn(&mut Case)| {
        let mut case = Case::default();
        edit(&mut case);
        refused(&case)
    };
    assert!(matches!(case(|c| c.base_by = vec![2]), E::Checkpoint { size: 9, .. }), "the base never counted");
    assert!(matches!(case(|c| c.first_by = vec![4]), E::Checkpoint { size: 13, .. }), "no majority of the new ones");
    assert!(matches!(case(|c| c.first_by = vec![1, 3]), E::Checkpoint { size: 13, .. }), "nor of those before");
    assert!(matches!(case(|c| c.seats = vec!["seat 0"]), E::Council { signed: 1, threshold: 2 }));
    assert!(matches!(case(|c| c.seats = vec!["seat 0", "nobody"]), E::Council { signed: 1, threshold: 2 }));
    assert_eq!(case(|c| c.code = Code::BadRecovery), E::NoRecovery);
    assert_eq!(case(|c| c.size = 8), E::NoRecovery);
    assert_eq!(case(|c| c.root = Some(Hash::new([1; 32]))), E::NoRecovery);
    assert!(matches!(case(|c| c.rewrite = true), E::Proof(_)), "nobody rewrites what counted");
}

#[test]
fn handovers_and_recoveries_travel_in_one_list() {
    let evidence = Case::default().evidence();
    let handover = {
        let named = set(&[2, 3, 4]);
        let tree = ledger_checkpoint(&MESH, 4, leaf_hash(b"x"), Some(&named)).unwrap();
        let lines = [1, 2, 3, 4].into_iter().flat_map(|id: NodeId| {
            vouch(&MESH, id, &tree, 1_000, &key(&format!("log {id}")), &key(&format!("cosigner {id}"))).unwrap()
        });
        let note = Note::new(tree.to_string(), lines.collect()).unwrap();
        LedgerCheckpoint::parse(note.to_string().as_bytes(), &MESH).unwrap()
    };
    let base_by = vec![2, 4];
    let recovery = VoterChange::Recovery(Box::new(Case { base_by, ..Case::default() }.evidence()));
    let changes = [VoterChange::Handover(handover.clone()), recovery.clone()];
    let sent: Vec<Vec<u8>> = changes.iter().map(VoterChange::bytes).collect();
    // A handover is its note, as it always was.
    assert_eq!(sent[0], handover.bytes());
    let read: Vec<VoterChange> = sent.iter().map(|bytes| VoterChange::parse(bytes, &MESH).unwrap()).collect();
    assert_eq!(read, changes);
    assert_eq!((read[0].since(), read[1].since()), (4, 10));
    let trust = Trust::new(MESH, set(&[1, 2, 3])).through_all(&read, &Councils::new(MESH, council())).unwrap();
    assert_eq!(trust.newest(), (10, &set(&[2, 4, 1009])));
    // Which of them does not hold is told: here the voters of the base were others.
    let other = [changes[0].clone(), VoterChange::Recovery(Box::new(evidence))];
    let (number, error) =
        Trust::new(MESH, set(&[1, 2, 3])).through_all(&other, &Councils::new(MESH, council())).unwrap_err();
    assert!(
        number == 1 && matches!(error, VoterChangeError::Recovery(VoterRecoveryError::Checkpoint { .. })),
        "{error}"
    );
    for cut in 0..sent[1].len() {
        // Whatever is left of it, it is no other change, and nothing panics.
        assert_ne!(VoterChange::parse(&sent[1][..cut], &MESH).ok().as_ref(), Some(&recovery));
    }
}
