//! Proofs of forked feeds as files: what they prove, and that nothing else is taken for one.

use mesh_event::{FeedBridge, FeedForkProof, FeedHead, FeedId, Signer as _};
use mesh_governance::testing::keypair;
use mesh_model::{Digest, MeshId};
use mesh_tlog::{Frontier, Hash, NodeAddress, leaf_hash, prove_consistency};
use mesh_verify::FeedForkFile;

type Tree = std::collections::BTreeMap<NodeAddress, Hash>;

const MESH: MeshId = MeshId([7; 32]);

fn feed() -> FeedId {
    FeedId { domain: "sales".parse().unwrap(), epoch: 3 }
}

/// A feed's tree and its signed head; from event `twist` on another history.
fn history(count: u64, twist: u64) -> (Tree, Hash, Vec<u8>) {
    let (mut tree, mut frontier, mut last) = (Tree::new(), Frontier::new(), leaf_hash(b""));
    for n in 0..count {
        last = leaf_hash(format!("{n} {}", n >= twist).as_bytes());
        tree.extend(frontier.append(last).into_iter().map(|(level, index, hash)| ((level, index), hash)));
    }
    let head = FeedHead { feed: feed(), size: count, root: frontier.root(), last_leaf: last };
    (tree, frontier.root(), head.sign(&MESH, &keypair("node-1")).unwrap())
}

fn file(heads: [Vec<u8>; 2], bridge: Option<FeedBridge>) -> FeedForkFile {
    let proof = FeedForkProof { feed: feed(), node_key: keypair("node-1").public_key(), heads, bridge };
    FeedForkFile { mesh_id: MESH, proof }
}

fn two_sizes() -> FeedForkFile {
    let (tree, ..) = history(9, 2);
    let (_, root_at_smaller, _) = history(5, 2);
    let bridge = FeedBridge { root: root_at_smaller, proof: prove_consistency(&tree, 5, 9).unwrap() };
    file([history(5, 99).2, history(9, 2).2], Some(bridge))
}

#[test]
fn both_forms_round_trip_and_hold() {
    for (file, sizes) in [(file([history(4, 99).2, history(4, 1).2], None), [4, 4]), (two_sizes(), [5, 9])] {
        let text = file.to_text();
        let read = FeedForkFile::parse(text.as_bytes()).unwrap();
        assert_eq!((&read, read.digest()), (&file, Digest::of(text.as_bytes())));
        let checked = read.verify(Some(&MESH)).unwrap();
        assert_eq!(checked.heads.map(|head| head.size), sizes);
    }
}

#[test]
fn the_mesh_can_be_pinned() {
    let fault = two_sizes().verify(Some(&MeshId([8; 32]))).unwrap_err().to_string();
    assert!(fault.starts_with("line 2: it is of mesh"), "{fault}");
}

#[test]
fn what_contradicts_nothing_is_no_fork() {
    let (tree, ..) = history(9, 99);
    let (_, root, _) = history(5, 99);
    let bridge = FeedBridge { root, proof: prove_consistency(&tree, 5, 9).unwrap() };
    let honest = file([history(5, 99).2, history(9, 99).2], Some(bridge));
    assert!(honest.verify(None).unwrap_err().to_string().contains("do not contradict"));
}

/// A file has one text: every changed, missing or doubled line and every changed byte is found.
#[test]
fn no_other_text_is_taken_for_it() {
    let text = two_sizes().to_text();
    let lines: Vec<&str> = text.lines().collect();
    let holds = |text: &str| FeedForkFile::parse(text.as_bytes()).is_ok_and(|file| file.verify(Some(&MESH)).is_ok());
    assert!(holds(&text));
    for at in 0..lines.len() {
        let mut without = lines.clone();
        without.remove(at);
        assert!(!holds(&(without.join("\n") + "\n")), "without line {}", at + 1);
        let mut twice = lines.clone();
        twice.insert(at, lines[at]);
        assert!(!holds(&(twice.join("\n") + "\n")), "line {} twice", at + 1);
    }
    for at in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[at] ^= 1;
        assert!(!String::from_utf8(bytes).is_ok_and(|text| holds(&text)), "byte {at}");
    }
    assert!(
        !holds(&text.replace("sales/3", "sales/03"))
            && !holds(&format!("{text} "))
            && !holds(&text.replace('\n', "\r\n"))
    );
}
