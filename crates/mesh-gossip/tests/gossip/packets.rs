//! Claims about what gets in: bad packets at the one way in.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::support::{Ledger, MESH, address, keypair};
use mesh_event::Signer as _;
use mesh_gossip::{
    Claim, DropReason, Event, Gossip, GossipConfig, Header, Identity, Output, PACKET_BYTES, PeerState, Setup, seal,
};
use mesh_model::{MeshId, NodeId};

const NOW: Duration = Duration::from_secs(10);

fn ledger() -> Arc<Ledger> {
    let ledger = Arc::<Ledger>::default();
    (1..=3).for_each(|node| ledger.admit(node));
    ledger
}

fn machine(ledger: &Arc<Ledger>, mesh: MeshId, node: NodeId, instance: u32) -> Gossip {
    let identity = Identity { node_id: node, generation: 1, instance, life: 0, address: address(node, 7946) };
    Gossip::new(Setup {
        mesh,
        identity,
        signer: Arc::new(keypair(node)),
        directory: ledger.clone(),
        config: GossipConfig::default(),
        seed: node,
    })
    .unwrap()
}

/// A greeting of node 1 to another node.
fn greeting(ledger: &Arc<Ledger>, mesh: MeshId, to: NodeId, instance: u32) -> Vec<u8> {
    let mut sender = machine(ledger, mesh, 1, instance);
    sender.set_hint(NOW, to, address(to, 7946));
    sender.start(NOW);
    sends(&mut sender).into_iter().find(|(at, _)| *at == address(to, 7946)).unwrap().1
}

fn sends(gossip: &mut Gossip) -> Vec<(SocketAddr, Vec<u8>)> {
    std::iter::from_fn(|| gossip.poll())
        .filter_map(|output| match output {
            Output::Send { to, bytes } => Some((to, bytes)),
            _ => None,
        })
        .collect()
}

/// Hands a packet to node 2; whatever is wrong with it, nothing is answered and nobody is up.
fn refused(receiver: &mut Gossip, bytes: &[u8]) -> DropReason {
    let before = receiver.stats();
    let reason = receiver.handle_packet(NOW, address(1, 7946), bytes).unwrap_err();
    assert!(sends(receiver).is_empty(), "{reason} was answered");
    assert!(receiver.peers().all(|peer| peer.state != PeerState::Up), "{reason} brought a node up");
    let stats = receiver.stats();
    assert_eq!(stats.dropped_for(reason), before.dropped_for(reason) + 1, "{reason} was not counted");
    assert_eq!(stats.received, before.received);
    reason
}

#[test]
fn a_greeting_of_an_admitted_node_is_answered_once() {
    let ledger = ledger();
    let mut receiver = machine(&ledger, MESH, 2, 0);
    let bytes = greeting(&ledger, MESH, 2, 0);
    receiver.handle_packet(NOW, address(1, 7946), &bytes).unwrap();
    assert_eq!(receiver.peers().filter(|peer| peer.state == PeerState::Up).count(), 1);
    assert_eq!(sends(&mut receiver).len(), 1);
    let checked = receiver.stats().checked;
    assert_eq!(checked, 1);
    // Again, by whoever caught it: not even its signature is looked at.
    let reason = receiver.handle_packet(NOW, address(9, 1), &bytes).unwrap_err();
    assert_eq!((reason, receiver.stats().checked), (DropReason::Replayed, checked));
    assert!(sends(&mut receiver).is_empty());
}

#[test]
fn refuses_packets_of_strangers_of_other_meshes_for_others_and_of_revoked_nodes() {
    let ledger = ledger();
    let mut receiver = machine(&ledger, MESH, 2, 0);
    let elsewhere = Arc::<Ledger>::default();
    (1..=9).for_each(|node| elsewhere.admit(node));
    let mut stranger = machine(&elsewhere, MESH, 9, 0);
    stranger.set_hint(NOW, 2, address(2, 7946));
    stranger.start(NOW);
    let strange = sends(&mut stranger).remove(0).1;
    assert_eq!(refused(&mut receiver, &strange), DropReason::UnknownSender);
    assert_eq!(refused(&mut receiver, &greeting(&ledger, MeshId([8; 32]), 2, 0)), DropReason::WrongMesh);
    assert_eq!(refused(&mut receiver, &greeting(&ledger, MESH, 3, 0)), DropReason::WrongReceiver);
    let good = greeting(&ledger, MESH, 2, 0);
    ledger.revoke(1);
    assert_eq!(refused(&mut receiver, &good), DropReason::RevokedSender);
    assert_eq!(receiver.stats().checked, 0, "a signature was checked in vain");
}

#[test]
fn refuses_what_is_oversized_cut_off_or_altered() {
    let ledger = ledger();
    let mut receiver = machine(&ledger, MESH, 2, 0);
    let good = greeting(&ledger, MESH, 2, 0);
    assert_eq!(refused(&mut receiver, &vec![1; PACKET_BYTES + 1]), DropReason::Oversized);
    assert_eq!(refused(&mut receiver, &[]), DropReason::Malformed);
    assert_eq!(refused(&mut receiver, &good[..100]), DropReason::Malformed);
    for at in [40, 60, 80, good.len() - 1] {
        let mut altered = good.clone();
        altered[at] ^= 1;
        refused(&mut receiver, &altered);
    }
    assert!(receiver.handle_packet(NOW, address(1, 7946), &good).is_ok(), "what came before spoilt the good one");
}

#[test]
fn refuses_a_signer_that_speaks_for_another_node() {
    let ledger = ledger();
    let mut receiver = machine(&ledger, MESH, 2, 0);
    // Node 3 signs what node 1 said.
    let theirs = greeting(&ledger, MESH, 2, 0);
    let content = &theirs[mesh_gossip::HEADER_BYTES..];
    let header = Header { mesh: MESH, sender: 3, receiver: 2, generation: 1, instance: 0, counter: 1 };
    assert_eq!(refused(&mut receiver, &seal(&header, content, &keypair(3))), DropReason::BadContent);
    // Signed noise.
    for noise in [&[][..], &[1], &[0xff; 300]] {
        let header = Header { counter: 2 + noise.len() as u64, ..header };
        assert_eq!(refused(&mut receiver, &seal(&header, noise, &keypair(3))), DropReason::BadContent);
    }
}

#[test]
fn a_flood_of_forged_packets_costs_no_more_than_its_budget() {
    let ledger = ledger();
    let mut receiver = machine(&ledger, MESH, 2, 0);
    let good = greeting(&ledger, MESH, 2, 0);
    let limit = u64::from(GossipConfig::default().checks_per_second);
    let mut forged = good.clone();
    for counter in 0..limit + 100 {
        forged[61..69].copy_from_slice(&(counter + 5).to_be_bytes());
        assert!(receiver.handle_packet(NOW, address(1, 7946), &forged).is_err());
    }
    let stats = receiver.stats();
    assert_eq!(stats.checked, limit);
    assert_eq!(stats.dropped_for(DropReason::OverBudget), 100);
    // The next second is another one, and forgeries used up no counters.
    assert!(receiver.handle_packet(NOW + Duration::from_secs(1), address(1, 7946), &good).is_ok());
}

#[test]
fn members_that_the_ledger_does_not_know_are_left_out() {
    let ledger = ledger();
    let elsewhere = Arc::<Ledger>::default();
    (1..=200).for_each(|node| elsewhere.admit(node));
    // Node 1 has been told of many that the receiver's ledger does not know, or makes them up.
    let mut liar = machine(&elsewhere, MESH, 1, 0);
    for node in 3..=200 {
        let mut member = machine(&elsewhere, MESH, node, 0);
        member.set_hint(NOW, 1, address(1, 7946));
        member.start(NOW);
        for (_, bytes) in sends(&mut member) {
            liar.handle_packet(NOW, address(node, 7946), &bytes).unwrap();
        }
    }
    sends(&mut liar);
    let mut receiver = machine(&ledger, MESH, 2, 0);
    receiver.set_hint(NOW, 1, address(1, 7946));
    receiver.start(NOW);
    let hello = sends(&mut receiver).remove(0).1;
    liar.handle_packet(NOW, address(2, 7946), &hello).unwrap();
    let mut told = 0;
    for (_, bytes) in sends(&mut liar) {
        told += bytes.len();
        receiver.handle_packet(NOW, address(1, 7946), &bytes).unwrap();
    }
    assert!(told > 1_000, "the answer named nobody: {told} bytes");
    assert!(receiver.peers().all(|peer| peer.node <= 3), "a made-up node is known");
}

#[test]
fn the_own_key_used_elsewhere_is_told_of() {
    let ledger = ledger();
    let mut receiver = machine(&ledger, MESH, 2, 0);
    let header = Header { mesh: MESH, sender: 2, receiver: 2, generation: 1, instance: 9, counter: 1 };
    let bytes = seal(&header, b"anything", &keypair(2));
    let forged = seal(&header, b"anything", &keypair(3));
    assert_eq!(keypair(2).public_key(), crate::support::keypair(2).public_key());
    let heard = |receiver: &mut Gossip, bytes: &[u8], now| {
        assert_eq!(receiver.handle_packet(now, address(7, 7), bytes), Err(DropReason::UnknownSender));
        std::iter::from_fn(|| receiver.poll())
            .any(|output| matches!(output, Output::Event(Event::Clone { node: 2, .. })))
    };
    assert!(!heard(&mut receiver, &forged, NOW));
    assert!(heard(&mut receiver, &bytes, NOW + Duration::from_secs(20)));
    assert!(!heard(&mut receiver, &bytes, NOW + Duration::from_secs(21)), "told too often");
}

/// A greeting of a certain start of node 1, which listens at a port, to node 2.
fn greeting_of_start(ledger: &Arc<Ledger>, generation: u64, port: u16) -> Vec<u8> {
    let identity = Identity { node_id: 1, generation, instance: 0, life: 0, address: address(1, port) };
    let mut sender = Gossip::new(Setup {
        mesh: MESH,
        identity,
        signer: Arc::new(keypair(1)),
        directory: ledger.clone(),
        config: GossipConfig::default(),
        seed: generation,
    })
    .unwrap();
    sender.set_hint(NOW, 2, address(2, 7946));
    sender.start(NOW);
    sends(&mut sender).remove(0).1
}

fn claims(gossip: &mut Gossip) -> Vec<(NodeId, Claim)> {
    std::iter::from_fn(|| gossip.poll())
        .filter_map(|output| match output {
            Output::Event(Event::Claimed { node, claim }) => Some((node, claim)),
            _ => None,
        })
        .collect()
}

#[test]
fn what_a_node_said_in_an_older_start_is_not_believed_again_after_a_restart() {
    let ledger = ledger();
    let (old, new) = (greeting_of_start(&ledger, 1, 7946), greeting_of_start(&ledger, 2, 7000));
    let mut receiver = machine(&ledger, MESH, 2, 0);
    receiver.handle_packet(NOW, address(1, 7946), &old).unwrap();
    let before = claims(&mut receiver);
    assert_eq!(before, [(1, Claim { generation: 1, instance: 0, address: address(1, 7946) })]);
    receiver.handle_packet(NOW, address(1, 7000), &new).unwrap();
    let known = claims(&mut receiver);
    assert_eq!(known, [(1, Claim { generation: 2, instance: 0, address: address(1, 7000) })]);
    // The windows of the earlier run are gone; what it kept is not.
    let mut restarted = machine(&ledger, MESH, 2, 1);
    restarted.remember(NOW, 1, &known[0].1);
    assert_eq!(refused(&mut restarted, &old), DropReason::OldGeneration);
    assert!(claims(&mut restarted).is_empty());
    // It is greeted where it was last, and its own packets are taken.
    restarted.start(NOW);
    assert_eq!(sends(&mut restarted)[0].0, address(1, 7000));
    restarted.handle_packet(NOW, address(1, 7000), &greeting_of_start(&ledger, 3, 7001)).unwrap();
    assert_eq!(claims(&mut restarted), [(1, Claim { generation: 3, instance: 0, address: address(1, 7001) })]);
}
