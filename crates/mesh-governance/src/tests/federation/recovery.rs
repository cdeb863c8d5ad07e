//! Voters after a lost quorum.

use mesh_event::federation::RecoverVoters;
use mesh_event::{Body, NodeRecord};
use mesh_model::{Code, Digest};
use mesh_tlog::{Frontier, Hash, leaf_hash};

use crate::testing::TestMesh;
use crate::tests::nodes::record;
use crate::tests::{accepted, refused};
use crate::{Applied, Effect, read};

fn recover(mesh: &mut TestMesh, edit: impl FnOnce(&mut RecoverVoters), signers: &[&str]) -> Applied {
    let mut tree = Frontier::new();
    for applied in &mesh.history {
        tree.append(leaf_hash(&applied.leaf_bytes));
    }
    let mut body = RecoverVoters {
        voters: vec![known(mesh, 2)],
        size: tree.size(),
        root: tree.root(),
        reason: "two disks are gone".into(),
    };
    edit(&mut body);
    mesh.say_directly(Body::RecoverVoters(body), signers)
}

fn known(mesh: &TestMesh, id: u64) -> NodeRecord {
    read::node(&mesh.state, id).unwrap().unwrap().record
}

const COUNCIL: [&str; 2] = ["council-0", "council-1"];

#[test]
fn the_council_goes_on_with_other_voters_right_behind_a_checkpoint() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    refused(&recover(&mut mesh, |_| {}, &["council-0"]), Code::ThresholdNotMet, "1 of 2 council seats");
    refused(&recover(&mut mesh, |_| {}, &["node-2", "node-3"]), Code::ThresholdNotMet, "0 of 2 council seats");
    refused(&recover(&mut mesh, |b| b.size -= 1, &COUNCIL), Code::BadRecovery, "it would be leaf");
    refused(&recover(&mut mesh, |b| b.size += 1, &COUNCIL), Code::BadRecovery, "it would be leaf");
    refused(&recover(&mut mesh, |b| b.voters.clear(), &COUNCIL), Code::BadVoters, "expected 1, 3, 5 or 7");
    refused(&recover(&mut mesh, |b| b.voters[0].node_id = 77, &COUNCIL), Code::UnknownNode, "no node 77");
    refused(&recover(&mut mesh, |b| b.voters[0].node_id = 3, &COUNCIL), Code::BadVoters, "other keys");
    let new = || record("node-9", true);
    refused(
        &recover(&mut mesh, |b| b.voters = vec![record("node-8", true), new(), record("node-7", true)], &COUNCIL),
        Code::BadVoters,
        "it stands last",
    );
    let (two, three) = (known(&mesh, 2), known(&mesh, 3));
    let applied = recover(&mut mesh, |b| b.voters = vec![two, three, new()], &COUNCIL);
    accepted(&applied);
    let index = applied.leaf.index;
    let voters = vec![2, 3, index + 1000];
    assert!(applied.effects.contains(&Effect::VotersSet { voters: voters.clone() }));
    assert_eq!(read::mesh(&mesh.state).unwrap().unwrap().voters, voters);
    let (since, in_force) = read::voters_at(&mesh.state, index + 1).unwrap().unwrap();
    assert_eq!((since, in_force.voters.len()), (index + 1, 3));
    let recovery = read::recovery(&mesh.state).unwrap().unwrap();
    let mut tree = Frontier::new();
    for applied in &mesh.history[..usize::try_from(index).unwrap()] {
        tree.append(leaf_hash(&applied.leaf_bytes));
    }
    let root = Digest(*tree.root().as_bytes());
    assert_eq!((recovery.index, recovery.root), (index, root));
    assert!(applied.effects.contains(&Effect::VotersRecovered { size: index, root }));
}

#[test]
fn a_copy_of_a_recovery_means_nothing_later() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    let size = mesh.history.len() as u64;
    accepted(&recover(&mut mesh, |_| {}, &COUNCIL));
    let again = |b: &mut RecoverVoters| (b.size, b.root) = (size, Hash::new([0; 32]));
    refused(&recover(&mut mesh, again, &COUNCIL), Code::BadRecovery, "it goes on from");
}
