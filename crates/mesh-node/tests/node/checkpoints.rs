//! Checkpoints over three real nodes: cosigned, refreshed, kept, served; false heads and forks.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::support::{Mesh, descriptor, keypair};
use mesh_client::{Finding, WaitLevel};
use mesh_event::checkpoint::{ledger_checkpoint, vouch};
use mesh_event::proposal::{Comment, ProposalBody, ResolveFork, SetVoters};
use mesh_event::{Body, Signer, Voter, VoterSet};
use mesh_model::{Code, Digest};
use mesh_tlog::{Checkpoint, Hash, Note, leaf_hash};
use mesh_verify::{Decided, ForkProof, Receipt};

const PATIENCE: Duration = Duration::from_secs(20);

/// A mesh that cosigns soon and often.
async fn start() -> Mesh {
    let mesh = Mesh::start_with(|config| {
        config.checkpoint.cosign_ms = 20;
        config.checkpoint.refresh_ms = 1_000;
    })
    .await;
    mesh.admit_domains().await;
    mesh
}

/// Waits until a node has a checkpoint over this leaf.
async fn covered(mesh: &Mesh, node: u64, index: u64) {
    let keeper = &mesh.node(node).core().checkpoints;
    assert!(keeper.wait_covered(index, PATIENCE).await, "node {node} has no checkpoint over leaf {index}");
}

fn voters(ids: &[u64]) -> VoterSet {
    let voter = |id: &u64| Voter {
        id: *id,
        log_key: keypair(&format!("log-{id}")).public_key(),
        cosigner_key: keypair(&format!("cosigner-{id}")).public_key(),
    };
    VoterSet::new(ids.iter().map(voter).collect()).unwrap()
}

/// A note as these voters would sign it.
fn note(mesh: &Mesh, size: u64, root: Hash, by: &[u64]) -> Vec<u8> {
    signed(mesh, &ledger_checkpoint(&mesh.genesis.mesh_id, size, root, None).unwrap(), by)
}

fn signed(mesh: &Mesh, checkpoint: &Checkpoint, by: &[u64]) -> Vec<u8> {
    let mesh_id = mesh.genesis.mesh_id;
    let lines = by.iter().flat_map(|id| {
        let [log, cosigner] = ["log", "cosigner"].map(|kind| keypair(&format!("{kind}-{id}")));
        let time = mesh_node::clock::now_unix_ms() / 1000;
        vouch(&mesh_id, *id, checkpoint, time, &log, &cosigner).unwrap()
    });
    Note::new(checkpoint.to_string(), lines.collect()).unwrap().to_string().into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_node_gets_checkpoints_that_count_and_cover_what_was_published() {
    let mesh = start().await;
    let outgoing = mesh.publish_command(descriptor(2, "orders"), None);
    let acknowledgement = mesh.client(3).publish(&outgoing, WaitLevel::Receipt).await.unwrap();
    assert_eq!(acknowledgement.reached, WaitLevel::Receipt);
    let index = acknowledgement.ledger_index.unwrap();
    for node in 1..=3 {
        let client = mesh.client(node);
        let (file, checked) = client.receipt(index).await.unwrap();
        assert_eq!((checked.leaf.index, checked.leaf.outcome.code), (index, Code::Accepted));
        assert!(checked.checkpoint.cosigned_by.len() >= 2 && checked.checkpoint.size > index);
        match checked.command {
            Decided::Command(signed) => assert_eq!(signed.command().author, keypair("engineer").public_key()),
            other => panic!("{other:?}"),
        }
        // Nothing but the file and the mesh id is needed.
        Receipt::parse(&file).unwrap().verify(Some(&mesh.genesis.mesh_id)).unwrap();
        let checkpoint = client.checkpoint().await.unwrap().unwrap();
        let head = client.ledger_head(Some(checkpoint.note.size())).await.unwrap();
        assert_eq!(head.root.0, *checkpoint.note.root().as_bytes());
        assert!(checkpoint.freshness.is_current && checkpoint.freshness.checkpoint_size > index);
        // Each voter that cosigned also signed with the log key, for tools that know no cosignatures.
        let vouchers = checkpoint.note.vouchers(&mesh.genesis.mesh_id, &checkpoint.voters).unwrap();
        assert_eq!(vouchers.signed, vouchers.cosigned.keys().copied().collect::<Vec<_>>());
    }
    let error = mesh.client(1).receipt(index + 1_000).await.unwrap_err();
    assert_eq!(error.code, Code::NotFound);
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unchanged_ledger_is_cosigned_again_and_a_cut_off_one_grows_old() {
    let mut mesh = start().await;
    covered(&mesh, 3, 1).await;
    let time = async |mesh: &Mesh| {
        let checkpoint = mesh.client(3).checkpoint().await.unwrap().unwrap();
        (checkpoint.note.size(), checkpoint.counted.time_unix_s)
    };
    let (size, first) = time(&mesh).await;
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let (now, later) = time(&mesh).await;
        assert_eq!(now, size, "nothing was decided meanwhile");
        if later > first {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "the same head was not cosigned again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // Without a majority nobody says that the head is the newest any more, and the node says so.
    mesh.stop_node(1).await;
    mesh.stop_node(2).await;
    let (_, last) = time(&mesh).await;
    let brief = mesh.node(3).core().checkpoints.brief();
    let age = |later_ms: u64| brief.age(last * 1000 + later_ms, brief.heard.unwrap()).unwrap();
    assert_eq!((age(0), age(61_000)), (Duration::ZERO, Duration::from_secs(61)));
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_node_goes_on_with_what_it_knew_and_promised() {
    let mut mesh = start().await;
    let index = mesh.publish(1, descriptor(1, "orders")).await;
    covered(&mesh, 2, index).await;
    let before = mesh.node(2).core().checkpoints.last().unwrap();
    mesh.stop_node(2).await;
    mesh.start_node(2).await;
    let core = mesh.node(2).core();
    let (kept, _) = core.checkpoints.last().unwrap();
    assert!(kept.size() >= before.0.size());
    // It cosigned that size: never a smaller one again, whoever asks.
    let small = ledger_checkpoint(&mesh.genesis.mesh_id, 1, core.store.ledger().root_at(1).unwrap(), None).unwrap();
    let refused = core.cosign(&small.to_string()).await.unwrap_err();
    assert_eq!(refused.code, Code::NotCaughtUp, "{}", refused.message);
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voter_signs_only_what_its_own_ledger_says() {
    let mesh = start().await;
    let core = mesh.node(1).core();
    let (mesh_id, size) = (mesh.genesis.mesh_id, core.ledger_size());
    let root = core.store.ledger().root_at(size).unwrap();
    let refused = async |text: String, code: Code, why: &str| {
        let error = core.cosign(&text).await.unwrap_err();
        assert_eq!(error.code, code, "{}", error.message);
        assert!(error.message.contains(why), "{}", error.message);
    };
    let text = |size, root| ledger_checkpoint(&mesh_id, size, root, None).unwrap().to_string();
    refused(text(size, leaf_hash(b"other")), Code::BadArgument, "another root").await;
    refused(text(size + 5, root), Code::NotCaughtUp, "are applied here").await;
    refused("nonsense".into(), Code::Malformed, "newline").await;
    let handover = ledger_checkpoint(&mesh_id, size, root, Some(&voters(&[1]))).unwrap();
    refused(handover.to_string(), Code::BadArgument, "names other voters").await;
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_stolen_voter_key_that_signs_a_false_head_stops_nothing() {
    let mesh = start().await;
    covered(&mesh, 1, 1).await;
    let client = mesh.client(1);
    let false_head = note(&mesh, 2, leaf_hash(b"other"), &[3]);
    let compared = client.compare_checkpoint(&false_head).await.unwrap();
    assert_eq!(compared.finding, Finding::FalseHead);
    assert!(compared.detail.contains("voter 3"), "{}", compared.detail);
    // Its word counts for nothing there from now on; the others are a majority.
    let index = mesh.publish(1, descriptor(1, "orders")).await;
    covered(&mesh, 1, index).await;
    let status = client.status().await.unwrap();
    assert!(status.alarms.iter().any(|alarm| alarm.contains("voter 3 signed")), "{:?}", status.alarms);
    let root = mesh.node(1).core().store.ledger().root_at(2).unwrap();
    let with_it = client.compare_checkpoint(&note(&mesh, 2, root, &[2, 3])).await.unwrap();
    assert_eq!(with_it.finding, Finding::Unvouched, "{}", with_it.detail);
    let without = client.compare_checkpoint(&note(&mesh, 2, root, &[1, 2])).await.unwrap();
    assert_eq!(without.finding, Finding::Agrees);
    // What strangers sign, or nobody, is not even that.
    let stranger = client.compare_checkpoint(&note(&mesh, 2, leaf_hash(b"other"), &[9])).await.unwrap();
    assert!(stranger.finding == Finding::FalseHead && stranger.detail.contains("no voter"), "{}", stranger.detail);
    assert_eq!(client.compare_checkpoint(b"nonsense").await.unwrap_err().code, Code::Malformed);
    let mut altered = note(&mesh, 2, root, &[1, 2]);
    let at = altered.len() - 20;
    altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
    assert_eq!(client.compare_checkpoint(&altered).await.unwrap_err().code, Code::BadSignature);
    mesh.stop().await;
}

fn resolution(proof: &str, keep: (u64, Hash), refuse: (u64, Hash)) -> ProposalBody {
    let digest = |hash: Hash| Digest(*hash.as_bytes());
    ProposalBody::ResolveFork(ResolveFork {
        proof: Digest::of(proof.as_bytes()),
        size: keep.0,
        root: digest(keep.1),
        refused_size: refuse.0,
        refused_root: digest(refuse.1),
        reason: "the other history was signed with stolen keys".into(),
    })
}

/// The newest checkpoint of a node.
fn newest(mesh: &Mesh, node: u64) -> (u64, Hash) {
    let (last, _) = mesh.node(node).core().checkpoints.last().unwrap();
    (last.size(), last.root())
}

/// A proof of two notes of one size, with no changes of voters.
fn proof_of(mesh: &Mesh, notes: [Vec<u8>; 2]) -> ForkProof {
    let proof = ForkProof::new(mesh.genesis.mesh_id, mesh.genesis.envelope.bytes().to_vec(), Vec::new(), notes, None);
    proof.verify(None).unwrap();
    proof
}

/// Waits until a fork stands at a node, or none does.
async fn forked(mesh: &Mesh, node: u64, stands: bool) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while mesh.client(node).fork().await.unwrap().is_some() != stands {
        assert!(tokio::time::Instant::now() < deadline, "node {node}: a fork is expected to stand: {stands}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_histories_with_a_majority_stop_governance_until_the_council_decides() {
    let mut mesh = start().await;
    let index = mesh.publish(1, descriptor(1, "orders")).await;
    for node in 1..=3 {
        covered(&mesh, node, index).await;
    }
    let other = (2, leaf_hash(b"another history"));
    // A line of nobody does not spoil the proof.
    let compared = mesh.client(2).compare_checkpoint(&note(&mesh, other.0, other.1, &[1, 3, 9])).await.unwrap();
    assert_eq!(compared.finding, Finding::Fork);
    let proof = compared.fork_proof.unwrap();
    let checked = ForkProof::parse(proof.as_bytes()).unwrap().verify(Some(&mesh.genesis.mesh_id)).unwrap();
    let sizes: BTreeSet<u64> = checked.checkpoints.iter().map(|counted| counted.size).collect();
    assert!(sizes.contains(&2) && sizes.len() == 2, "{sizes:?}");

    // Everybody hears of it, and nobody takes anything but the council's decision.
    for node in 1..=3 {
        let client = mesh.client(node);
        forked(&mesh, node, true).await;
        let status = client.status().await.unwrap();
        assert!(status.alarms.iter().any(|alarm| alarm.contains("two histories")), "{:?}", status.alarms);
        assert!(!status.freshness.is_current);
        let outgoing = mesh.publish_command(descriptor(node, "late"), None);
        assert_eq!(client.publish(&outgoing, WaitLevel::Sealed).await.unwrap_err().code, Code::Forked);
        let comment = Body::Comment(Comment { proposal: 0, text: "hello?".into() });
        let comment = mesh.builder().sign(comment, &[&keypair("seat-1")]).unwrap();
        assert_eq!(client.submit(&comment).await.unwrap_err().code, Code::Forked);
        // The last good state is served on.
        assert!(client.product("domain_1/orders", mesh_client::Read::default()).await.is_ok());
        assert!(client.receipt(index).await.is_ok());
    }
    // It is not forgotten by a restart, and the proof lies in a file.
    mesh.stop_node(3).await;
    mesh.start_node(3).await;
    assert!(mesh.client(3).fork().await.unwrap().is_some());

    let own = newest(&mesh, 2);
    assert_eq!(mesh.decide(2, resolution(&proof, (own.0 + 100, own.1), other)).await, Err(Code::BadResolution));
    mesh.decide(2, resolution(&proof, own, other)).await.unwrap();
    for node in 1..=3 {
        forked(&mesh, node, false).await;
        let index = mesh.publish(node, descriptor(node, "after")).await;
        covered(&mesh, node, index).await;
    }
    // The refused history is known for what it is, whichever part of it is shown.
    for size in [other.0, 3] {
        let compared = mesh.client(1).compare_checkpoint(&note(&mesh, size, other.1, &[1, 3])).await.unwrap();
        assert_eq!(compared.finding, Finding::FalseHead);
        assert!(compared.detail.contains("council decided"), "{}", compared.detail);
    }
    assert!(mesh.client(1).fork().await.unwrap().is_none());
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_away_hears_of_a_fork_and_of_its_end() {
    let mut mesh = start().await;
    let index = mesh.publish(1, descriptor(1, "orders")).await;
    for node in 1..=3 {
        covered(&mesh, node, index).await;
    }
    mesh.stop_node(3).await;
    let other = (2, leaf_hash(b"another history"));
    let compared = mesh.client(2).compare_checkpoint(&note(&mesh, other.0, other.1, &[1, 3])).await.unwrap();
    forked(&mesh, 1, true).await;
    mesh.start_node(3).await;
    forked(&mesh, 3, true).await;
    mesh.stop_node(3).await;
    mesh.decide(1, resolution(&compared.fork_proof.unwrap(), newest(&mesh, 1), other)).await.unwrap();
    forked(&mesh, 1, false).await;
    mesh.start_node(3).await;
    forked(&mesh, 3, false).await;
    let index = mesh.publish(3, descriptor(3, "after")).await;
    covered(&mesh, 3, index).await;
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_beyond_the_ledger_is_compared_when_the_ledger_is_there() {
    let mesh = start().await;
    let index = mesh.publish(1, descriptor(1, "orders")).await;
    covered(&mesh, 1, index).await;
    let client = mesh.client(1);
    // Far beyond: nothing follows from it, even from two that contradict each other.
    for root in [b"one", b"two"] {
        let far = note(&mesh, 1_000_000, leaf_hash(root), &[1, 2]);
        assert_eq!(client.compare_checkpoint(&far).await.unwrap().finding, Finding::Ahead);
    }
    // The next leaf: a fork as soon as it is there, with a proof that needs the checkpoint after it.
    let next = (index + 2, leaf_hash(b"another history"));
    let compared = client.compare_checkpoint(&note(&mesh, next.0, next.1, &[2, 3])).await.unwrap();
    assert_eq!(compared.finding, Finding::Ahead);
    mesh.publish(1, descriptor(1, "invoices")).await;
    for node in 1..=3 {
        forked(&mesh, node, true).await;
    }
    let proof = client.fork().await.unwrap().unwrap();
    ForkProof::parse(proof.as_bytes()).unwrap().verify(Some(&mesh.genesis.mesh_id)).unwrap();
    mesh.decide(1, resolution(&proof, newest(&mesh, 1), next)).await.unwrap();
    for node in 1..=3 {
        forked(&mesh, node, false).await;
    }
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn voters_are_those_of_the_ledger_whatever_a_note_names() {
    let mesh = start().await;
    covered(&mesh, 1, 1).await;
    let root = mesh.node(1).core().store.ledger().root_at(2).unwrap();
    let handover = ledger_checkpoint(&mesh.genesis.mesh_id, 2, root, Some(&voters(&[7]))).unwrap();
    let stolen = signed(&mesh, &handover, &[1, 2, 7]);
    let compared = mesh.client(1).compare_checkpoint(&stolen).await.unwrap();
    assert_eq!(compared.finding, Finding::FalseHead, "{}", compared.detail);
    assert_eq!(mesh.node(1).core().checkpoints.followed_voters(), voters(&[1, 2, 3]));
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_voters_take_over_and_receipts_follow_them_from_the_founding_document() {
    let mesh = start().await;
    let before = mesh.publish(1, descriptor(1, "orders")).await;
    covered(&mesh, 1, before).await;
    let set = |voters: &[u64], replaces: &[u64]| {
        ProposalBody::SetVoters(SetVoters { voters: voters.to_vec(), replaces: replaces.to_vec() })
    };
    let old = note(&mesh, 2, leaf_hash(b"another history"), &[2, 3]);
    for (voters_now, replaces, name) in [(&[1][..], &[1, 2, 3][..], "one"), (&[1, 2, 3], &[1], "three")] {
        let changed = mesh.decide(1, set(voters_now, replaces)).await.unwrap();
        for node in 1..=3 {
            covered(&mesh, node, changed).await;
            let client = mesh.client(node);
            let checkpoint = client.checkpoint().await.unwrap().unwrap();
            assert_eq!(checkpoint.voters, voters(voters_now), "node {node}");
            for index in [before, changed] {
                let (_, checked) = client.receipt(index).await.unwrap();
                assert_eq!(checked.checkpoint.voters, voters_now.len());
            }
        }
        let index = mesh.publish(1, descriptor(1, name)).await;
        covered(&mesh, 3, index).await;
        // An unchanged ledger is cosigned by the new ones, and the node stays current.
        let first = mesh.node(3).core().checkpoints.brief();
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while mesh.node(3).core().checkpoints.brief().time_unix_s <= first.time_unix_s {
            assert!(tokio::time::Instant::now() < deadline, "the same head was not cosigned again");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        // Whoever voted once can stop nothing any more: what they sign of then is evidence.
        let compared = mesh.client(2).compare_checkpoint(&old).await.unwrap();
        assert_eq!(compared.finding, Finding::FalseHead, "{}", compared.detail);
        assert!(mesh.client(2).fork().await.unwrap().is_none());
        // Nor does a proof that leaves the changes of voters out, or one of what is beyond the ledger.
        let core = mesh.node(2).core();
        let present = core.ledger_size();
        let root = core.store.ledger().root_at(present).unwrap();
        if voters_now.len() == 1 {
            let forged = [root, leaf_hash(b"another history")].map(|root| note(&mesh, present, root, &[2, 3]));
            core.hear_fork(proof_of(&mesh, forged).to_text().into_bytes()).await.unwrap();
        }
        let far = [b"one", b"two"].map(|root| note(&mesh, 1_000_000, leaf_hash(root), &[1, 2]));
        core.hear_fork(proof_of(&mesh, far).to_text().into_bytes()).await.unwrap();
        assert!(mesh.client(2).fork().await.unwrap().is_none());
    }
    mesh.stop().await;
}
