//! Forked feeds: reported, contained, resolved.

use mesh_event::federation::{ReportEquivocation, ResolveEquivocation};
use mesh_event::{Body, FeedBridge, FeedForkProof, FeedId, Signer as _};
use mesh_model::Code;
use mesh_tlog::{Hash, leaf_hash, prove_consistency};

use super::{anchor, digest_of, leaves, note, root_of, sales};
use crate::testing::{TestMesh, descriptor, keypair};
use crate::tests::{accepted, refused};
use crate::{Applied, Effect, read};

/// A consistency proof over made-up leaves, from a tree of all its stored hashes.
fn bridge(leaves: &[Hash], old: u64) -> FeedBridge {
    let size = leaves.len() as u64;
    let proof = prove_consistency(&Hashes(leaves), old, size).unwrap();
    FeedBridge { root: root_of(&leaves[..usize::try_from(old).unwrap()]), proof }
}

/// All hashes of a tree, computed from its leaves.
struct Hashes<'a>(&'a [Hash]);

impl mesh_tlog::HashReader for Hashes<'_> {
    type Error = std::convert::Infallible;
    fn read(&self, level: u8, index: u64) -> Result<Hash, Self::Error> {
        let width = 1_usize << level;
        let from = usize::try_from(index).unwrap() * width;
        Ok(root_of(&self.0[from..from + width]))
    }
}

fn fork(mesh: &TestMesh, first: &[Hash], second: &[Hash], bridge: Option<FeedBridge>) -> FeedForkProof {
    FeedForkProof {
        feed: FeedId { domain: sales(), epoch: 1 },
        node_key: keypair("node-1").public_key(),
        heads: [note(mesh, 1, first, "node-1"), note(mesh, 1, second, "node-1")],
        bridge,
    }
}

fn report(mesh: &mut TestMesh, proof: FeedForkProof, signer: &str) -> Applied {
    mesh.say_directly(Body::ReportEquivocation(ReportEquivocation { proof }), &[signer])
}

fn resolve(mesh: &mut TestMesh, edit: impl FnOnce(&mut ResolveEquivocation), signers: &[&str]) -> Applied {
    let mut body = ResolveEquivocation {
        domain: sales(),
        report: 0,
        head_size: 0,
        head_root: digest_of(&[]),
        node_id: 2,
        epoch: 2,
        reason: "the key was stolen".into(),
    };
    edit(&mut body);
    mesh.say_directly(Body::ResolveEquivocation(body), signers)
}

#[test]
fn two_roots_of_one_size_contain_the_feed_until_its_root_resolves_it() {
    let mut mesh = TestMesh::with_domains(&["sales", "finance"]);
    let (one, two) = (leaves(4, 9), leaves(4, 2));
    let proof = fork(&mesh, &one, &two, None);
    let applied = report(&mut mesh, proof.clone(), "node-3");
    accepted(&applied);
    let at = applied.leaf.index;
    assert!(applied.effects.contains(&Effect::FeedContained { domain: sales(), epoch: 1, node_id: 1 }));
    let known = read::containment(&mesh.state, &sales()).unwrap().unwrap();
    assert_eq!((known.index, known.node_id, known.reporter), (at, 1, keypair("node-3").public_key()));
    assert_eq!(known.heads, [(4, digest_of(&one)), (4, digest_of(&two))]);
    assert_eq!(read::containments(&mesh.state).unwrap(), [known]);

    refused(&mesh.publish(descriptor("sales/orders", "1.0.0", &["id"])), Code::FeedContained, "two histories");
    refused(&mesh.delegate("sales", 2, 2), Code::FeedContained, "as index");
    let longer = note(&mesh, 1, &leaves(5, 9), "node-1");
    refused(&anchor(&mut mesh, 1, 3, longer, &["node-1"]), Code::FeedContained, "two histories");
    refused(&report(&mut mesh, proof, "node-3"), Code::AlreadySo, "was reported at index");
    // Others are not concerned.
    accepted(&mesh.publish(descriptor("finance/rates", "1.0.0", &["id"])));

    let right = |body: &mut ResolveEquivocation| {
        (body.report, body.head_size, body.head_root) = (at, 4, digest_of(&one));
    };
    refused(&resolve(&mut mesh, right, &["finance/root"]), Code::ThresholdNotMet, "0 of 1 root keys");
    refused(&resolve(&mut mesh, right, &["node-1"]), Code::ThresholdNotMet, "0 of 1 root keys");
    let wrong = |edit: fn(&mut ResolveEquivocation)| {
        move |body: &mut ResolveEquivocation| {
            right(body);
            edit(body);
        }
    };
    let root = ["sales/root"];
    refused(&resolve(&mut mesh, wrong(|b| b.report += 1), &root), Code::UnknownReport, "no report");
    refused(&resolve(&mut mesh, wrong(|b| b.epoch = 3), &root), Code::StaleRoster, "opens epoch 3");
    refused(&resolve(&mut mesh, wrong(|b| b.node_id = 77), &root), Code::UnknownNode, "no node 77");
    refused(&resolve(&mut mesh, wrong(|b| b.head_size = 3), &root), Code::BadBase, "neither of the report");
    refused(&resolve(&mut mesh, wrong(|b| b.reason = "x".repeat(5000)), &root), Code::TooLarge, "reason");
    let resolved = resolve(&mut mesh, right, &root);
    accepted(&resolved);
    assert!(resolved.effects.contains(&Effect::EquivocationResolved { domain: sales(), report: at }));
    assert_eq!(read::containment(&mesh.state, &sales()).unwrap(), None);
    let delegation = read::domain(&mesh.state, &sales()).unwrap().unwrap().delegation.unwrap();
    assert_eq!((delegation.node_id, delegation.epoch, delegation.base_size), (2, 2, 4));
    mesh.open_feed(&sales());
    accepted(&mesh.publish(descriptor("sales/orders", "1.0.0", &["id"])));
    refused(&resolve(&mut mesh, right, &root), Code::UnknownReport, "no report");
}

#[test]
fn heads_of_two_sizes_contradict_each_other_by_the_root_between() {
    for (old, new) in [(1, 2), (3, 7), (4, 8), (5, 13)] {
        let mut mesh = TestMesh::with_domains(&["sales"]);
        let (one, two) = (leaves(old, 0), leaves(new, u64::MAX));
        let proof = fork(&mesh, &one, &two, Some(bridge(&two, old)));
        accepted(&report(&mut mesh, proof, "council-0"));
    }
}

#[test]
fn heads_that_can_both_be_true_are_no_fork() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    let long = leaves(7, 99);
    let honest = fork(&mesh, &long[..3], &long, Some(bridge(&long, 3)));
    refused(&report(&mut mesh, honest, "node-2"), Code::NoFork, "do not contradict");
    let same = fork(&mesh, &long, &long, None);
    refused(&report(&mut mesh, same, "node-2"), Code::NoFork, "do not contradict");
    let none = fork(&mesh, &long[..3], &long, None);
    refused(&report(&mut mesh, none, "node-2"), Code::Malformed, "3 and 7 events");
    let turned = fork(&mesh, &long, &long[..3], Some(bridge(&long, 3)));
    refused(&report(&mut mesh, turned, "node-2"), Code::Malformed, "7 and 3 events");
    let empty = fork(&mesh, &[], &long, Some(FeedBridge { root: leaf_hash(b"x"), proof: Vec::new() }));
    refused(&report(&mut mesh, empty, "node-2"), Code::NoFork, "does not hold");
    let mut made_up = bridge(&long, 3);
    made_up.root = leaf_hash(b"made up");
    let made_up = fork(&mesh, &long[..3], &long, Some(made_up));
    refused(&report(&mut mesh, made_up, "node-2"), Code::NoFork, "does not hold");
    let endless = FeedBridge { root: leaf_hash(b"x"), proof: vec![leaf_hash(b"y"); 65] };
    let endless = fork(&mesh, &long[..3], &long, Some(endless));
    refused(&report(&mut mesh, endless, "node-2"), Code::TooLarge, "65 hashes");
    accepted(&mesh.publish(descriptor("sales/orders", "1.0.0", &["id"])));
}

#[test]
fn nobody_frames_a_node_with_heads_that_it_did_not_sign() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    let (one, two) = (leaves(4, 9), leaves(4, 2));
    let mut by_another = fork(&mesh, &one, &two, None);
    by_another.heads = [note(&mesh, 1, &one, "node-2"), note(&mesh, 1, &two, "node-2")];
    refused(&report(&mut mesh, by_another.clone(), "node-2"), Code::NotDelegated, "not signed by node key");
    by_another.node_key = keypair("node-2").public_key();
    refused(&report(&mut mesh, by_another, "node-2"), Code::NotDelegated, "not that of node 1");
    let mut half = fork(&mesh, &one, &two, None);
    half.heads[1] = note(&mesh, 1, &two, "node-2");
    refused(&report(&mut mesh, half, "node-2"), Code::NotDelegated, "not signed by node key");
    let mut other = fork(&mesh, &one, &two, None);
    other.feed.epoch = 2;
    refused(&report(&mut mesh, other, "node-2"), Code::OldEpoch, "epoch 1 is in force");
    let mut unknown = fork(&mesh, &one, &two, None);
    unknown.feed.domain = "nowhere".parse().unwrap();
    refused(&report(&mut mesh, unknown, "node-2"), Code::UnknownDomain, "no domain nowhere");
}

#[test]
fn strangers_report_nothing() {
    let mut mesh = TestMesh::with_domains(&["sales"]);
    let proof = fork(&mesh, &leaves(4, 9), &leaves(4, 2), None);
    for stranger in ["nobody", "node-1/log", "node-1/cosigner", "recovery"] {
        refused(&report(&mut mesh, proof.clone(), stranger), Code::UnknownKey, "is no node, seat");
    }
    accepted(&report(&mut mesh, proof, "sales/engineer"));
}
