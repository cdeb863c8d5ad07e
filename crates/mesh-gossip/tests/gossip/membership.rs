//! Claims about who is seen up and down, in a simulated network.

use crate::support::{FINE, Weather, World, address, millis, seconds};
use mesh_gossip::{Event, Gossip, PeerState};

const BAD: Weather = Weather { lost: 200, doubled: 50, delay: (millis_of(1), millis_of(150)) };

const fn millis_of(number: u64) -> std::time::Duration {
    std::time::Duration::from_millis(number)
}

fn is_down(event: &Event) -> bool {
    matches!(event, Event::Down { .. })
}

fn is_accusation(event: &Event) -> bool {
    matches!(event, Event::Down { .. } | Event::Suspect { .. })
}

#[test]
fn two_nodes_started_at_the_same_instant_find_each_other() {
    for seed in 0..200 {
        let mut world = World::mesh(seed, FINE, 2, 2);
        let took = world.await_that(seconds(2), World::all_see_each_other);
        assert!(took.is_some(), "seed {seed}");
    }
}

#[test]
fn seven_nodes_started_together_see_each_other_in_100_of_100_starts() {
    for seed in 0..100 {
        let mut world = World::mesh(seed, FINE, 7, 7);
        let took = world.await_that(seconds(2), World::all_see_each_other);
        assert!(took.is_some(), "seed {seed}");
    }
}

#[test]
fn one_known_address_is_enough() {
    let mut world = World::mesh(1, FINE, 40, 1);
    assert!(world.await_that(seconds(10), World::all_see_each_other).is_some());
}

#[test]
fn nobody_is_suspected_while_nothing_is_lost() {
    let mut world = World::mesh(3, FINE, 30, 30);
    world.run(seconds(600));
    assert!(world.all_see_each_other());
    assert_eq!(world.count(is_accusation), 0);
}

/// With a fifth of all packets lost somebody is always suspected somewhere. Nearly always it defends itself; where that is lost too, it is
/// greeted again at once, and nobody stays down.
#[test]
fn packets_lost_doubled_and_overtaken_leave_nobody_down() {
    let (nodes, time) = (12, 300);
    for seed in 0..5 {
        let mut world = World::mesh(seed, BAD, nodes, 12);
        world.run(seconds(time));
        let probes = nodes * time;
        let wrong = world.count(is_down) as u64;
        assert!(wrong * 200 <= probes, "seed {seed}: {wrong} of {probes} probes ended in a wrong verdict");
        assert!(world.await_that(seconds(30), World::all_see_each_other).is_some(), "seed {seed}: somebody stays down");
    }
}

#[test]
fn the_same_seed_gives_the_same_trace_and_another_one_does_not() {
    let trace = |seed| {
        let mut world = World::mesh(seed, BAD, 8, 3);
        world.run(seconds(20));
        world.kill(3);
        world.run(seconds(30));
        (world.trace, world.processes.iter().map(|p| p.events.clone()).collect::<Vec<_>>())
    };
    assert_eq!(trace(5), trace(5));
    assert_ne!(trace(5).0, trace(6).0);
}

#[test]
fn a_dead_node_is_known_dead_within_ten_seconds_and_back_within_one() {
    for seed in 0..10 {
        let mut world = World::mesh(seed, FINE, 10, 10);
        assert!(world.await_that(seconds(5), World::all_see_each_other).is_some());
        world.kill(4);
        let dead = world.await_that(seconds(10), World::all_see_each_other);
        assert!(dead.is_some(), "seed {seed}");
        world.start(5, address(5, 7946), 2, &[1, 2, 3]);
        let back = world.await_that(seconds(1), World::all_see_each_other);
        assert!(back.is_some(), "seed {seed}: dead after {dead:?}");
        let up = |event: &Event| matches!(event, Event::Up { node: 5, generation: 2, .. });
        assert_eq!(world.count(up), 9);
    }
}

#[test]
fn a_restart_that_nobody_noticed_is_told_of() {
    let mut world = World::mesh(2, FINE, 5, 5);
    world.run(seconds(5));
    world.kill(1);
    world.run(millis(100));
    world.start(2, address(2, 7000), 2, &[1]);
    assert!(world.await_that(seconds(3), World::all_see_each_other).is_some());
    world.run(seconds(5));
    assert!(world.all_see_each_other());
    let is_moved = |event: &Event| *event == Event::AddressChanged { node: 2, address: address(2, 7000) };
    assert_eq!(world.count(is_moved), 4);
    assert_eq!(world.count(is_down), 0);
}

#[test]
fn a_partition_of_an_hour_heals_by_itself() {
    let mut world = World::mesh(4, FINE, 12, 12);
    world.run(seconds(10));
    world.cut = Box::new(|from, to| (from <= 5) != (to <= 5));
    world.run(seconds(3_600));
    for (place, gossip) in world.running() {
        let own = world.processes[place].node <= 5;
        assert!(gossip.peers().all(|peer| (peer.state == PeerState::Up) == ((peer.node <= 5) == own)));
    }
    world.cut = Box::new(|_, _| false);
    let took = world.await_that(seconds(10), World::all_see_each_other);
    assert!(took.is_some(), "the sides do not see each other");
    let downs = world.count(is_down);
    world.run(seconds(120));
    assert!(world.all_see_each_other());
    assert_eq!(world.count(is_down), downs, "somebody went down after all had seen each other");
}

#[test]
fn a_node_that_was_alone_for_hours_comes_back() {
    let mut world = World::mesh(6, FINE, 5, 5);
    world.run(seconds(10));
    world.cut = Box::new(|from, to| (from == 1) != (to == 1));
    world.run(seconds(4 * 3_600));
    assert!(world.gossip(0).peers().all(|peer| peer.state == PeerState::Down));
    world.cut = Box::new(|_, _| false);
    assert!(world.await_that(seconds(10), World::all_see_each_other).is_some());
}

/// The news that it is suspected was sent while nothing reached it, and nobody sends it again by itself.
#[test]
fn whoever_is_suspected_while_it_is_cut_off_is_cleared_after_the_cut_however_long_that_was() {
    for step in 0..40 {
        let mut world = World::mesh(step, FINE, 6, 6);
        assert!(world.await_that(seconds(5), World::all_see_each_other).is_some());
        world.cut = Box::new(|from, to| (from == 1) != (to == 1));
        world.run(millis(500 + 250 * step));
        world.cut = Box::new(|_, _| false);
        let took = world.await_that(seconds(15), World::all_see_each_other);
        assert!(took.is_some(), "suspected for ever after a cut of {} ms", 500 + 250 * step);
        world.run(seconds(60));
        assert!(world.all_see_each_other(), "suspected again after a cut of {} ms", 500 + 250 * step);
    }
}

#[test]
fn one_way_cuts_are_gone_round_and_heal() {
    let mut world = World::mesh(7, FINE, 10, 10);
    world.run(seconds(10));
    // Node 1 hears nothing from node 2, which hears it.
    world.cut = Box::new(|from, to| from == 2 && to == 1);
    world.run(seconds(120));
    assert_eq!(world.count(is_down), 0, "others reach it in node 1's place");
    // Node 3 can send and hears nobody.
    world.cut = Box::new(|_, to| to == 3);
    world.run(seconds(60));
    world.cut = Box::new(|_, _| false);
    assert!(world.await_that(seconds(20), World::all_see_each_other).is_some());
}

#[test]
fn a_starved_node_does_not_accuse_others() {
    for seed in 0..10 {
        let mut world = World::mesh(seed, FINE, 10, 10);
        assert!(world.await_that(seconds(5), World::all_see_each_other).is_some());
        // It gets a moment of processor time every 1.5 seconds; others may well find it slow.
        for _ in 0..60 {
            world.freeze(0, millis(1_500));
            world.run(millis(1_510));
        }
        let accused = |event: &Event| match event {
            Event::Suspect { node } | Event::Down { node, .. } => *node != 1,
            _ => false,
        };
        assert_eq!(world.count(accused), 0, "seed {seed}");
        assert!(world.await_that(seconds(60), World::all_see_each_other).is_some(), "seed {seed}");
        let is_well = |world: &World| world.gossip(0).stats().slowness == 0;
        assert!(world.await_that(seconds(60), is_well).is_some(), "it did not get well again");
    }
}

#[test]
fn a_node_that_paused_for_a_minute_comes_back_under_a_new_life() {
    let mut world = World::mesh(8, FINE, 6, 6);
    world.run(seconds(5));
    world.freeze(2, seconds(60));
    world.run(seconds(59));
    assert_eq!(world.count(|event| matches!(event, Event::Down { node: 3, .. })), 5);
    assert!(world.await_that(seconds(10), World::all_see_each_other).is_some());
    let others_down = |event: &Event| matches!(event, Event::Down { node, .. } if *node != 3);
    assert_eq!(world.count(others_down), 0);
    assert!(world.count(|event| matches!(event, Event::Rejoined { .. })) >= 1);
}

#[test]
fn a_node_that_leaves_is_known_to_be_down_at_once() {
    let mut world = World::mesh(9, FINE, 8, 8);
    world.run(seconds(5));
    world.with(5, Gossip::leave);
    world.run(millis(50));
    world.kill(5);
    assert!(world.await_that(seconds(2), World::all_see_each_other).is_some());
}

#[test]
fn a_revoked_node_is_no_peer_any_more_and_its_packets_are_not_taken() {
    let mut world = World::mesh(10, FINE, 5, 5);
    world.run(seconds(5));
    world.ledger.revoke(5);
    world.run(seconds(1));
    for (place, gossip) in world.running().filter(|(place, _)| *place != 4) {
        assert!(gossip.peers().all(|peer| peer.node != 5), "process {place}");
    }
    let before = world.gossip(0).stats().dropped_for(mesh_gossip::DropReason::RevokedSender);
    world.run(seconds(30));
    let after = world.gossip(0).stats().dropped_for(mesh_gossip::DropReason::RevokedSender);
    assert!(after > before, "it never tried");
    assert!(world.gossip(0).peers().all(|peer| peer.state == PeerState::Up));
}

#[test]
fn a_node_admitted_later_is_found() {
    let mut world = World::mesh(11, FINE, 4, 4);
    world.run(seconds(60));
    world.ledger.admit(9);
    world.start(9, address(9, 7946), 1, &[2]);
    assert!(world.await_that(seconds(2), World::all_see_each_other).is_some());
}

#[test]
fn a_cloned_node_is_noticed_and_the_mesh_goes_on() {
    let mut world = World::mesh(12, FINE, 6, 6);
    world.run(seconds(10));
    // The same data folder, started on another machine: the same generation.
    world.start(3, address(3, 9_999), 1, &[1, 2, 4]);
    world.run(seconds(60));
    let noticed = (0..6).filter(|place| {
        let events = &world.processes[*place].events;
        events.iter().any(|(_, event)| matches!(event, Event::Clone { node: 3, .. }))
    });
    assert!(noticed.count() >= 1, "nobody noticed");
    let others = |event: &Event| matches!(event, Event::Down { node, .. } if *node != 3);
    assert_eq!(world.count(others), 0);
    let sent: u64 = world.processes.iter().map(|process| process.sent).sum();
    world.run(seconds(60));
    let later: u64 = world.processes.iter().map(|process| process.sent).sum();
    assert!(later - sent < 7 * 60 * 40, "two processes with one key flood the mesh: {} packets", later - sent);
}

#[test]
fn an_old_process_that_lives_on_beside_its_successor_is_noticed() {
    let mut world = World::mesh(13, FINE, 6, 6);
    world.run(seconds(10));
    // Counted up on disk, as after a restart; the old process was never ended.
    world.start(3, address(3, 9_999), 2, &[1, 2, 4]);
    world.run(seconds(120));
    assert!(world.count(|event| matches!(event, Event::Clone { node: 3, .. })) >= 1, "nobody noticed");
}
