//! Claims about how news of feeds and checkpoints travels.

use std::time::Duration;

use crate::support::{FINE, Weather, World, domain, head, millis, seconds};
use mesh_event::FeedId;
use mesh_gossip::{Event, HEAD_BYTES, Push, SignedHead, Taken};
use mesh_tlog::Hash;

fn settled(seed: u64, weather: Weather, count: u64) -> World {
    let mut world = World::mesh(seed, weather, count, count);
    assert!(world.await_that(seconds(60), World::all_see_each_other).is_some());
    world
}

#[test]
fn a_new_head_is_known_everywhere_in_two_seconds() {
    for seed in 0..5 {
        let mut world = settled(seed, FINE, 60);
        assert_eq!(world.with(7, |gossip, now| gossip.announce_head(now, &head(8, 1, 0))), Taken::Newer);
        let took = world.await_that(seconds(2), |world| world.knowing(8, 1) == 60);
        assert!(took.is_some(), "seed {seed}: {} of 60", world.knowing(8, 1));
        let heard = |event: &Event| matches!(event, Event::HeadHeard { head, .. } if head.size == 1);
        assert_eq!(world.count(heard), 59, "each node tells once");
    }
}

#[test]
fn the_newest_of_many_heads_arrives_whatever_became_of_the_others() {
    let mut world = settled(1, FINE, 20);
    for size in 1..=50 {
        world.with(0, |gossip, now| gossip.announce_head(now, &head(1, size, 0)));
        world.run(millis(20));
    }
    assert!(world.await_that(seconds(2), |world| world.knowing(1, 50) == 20).is_some());
    let heads = world.gossip(9).heads();
    assert_eq!(heads.len(), 1);
}

#[test]
fn pulls_bring_what_rumours_lost() {
    // A node that was away while the rumour went round.
    let mut world = settled(2, FINE, 10);
    world.cut = Box::new(|from, to| (from == 4) != (to == 4));
    for node in 1..=10_u64 {
        let place = usize::try_from(node).unwrap() - 1;
        world.with(place, |gossip, now| gossip.announce_head(now, &head(node, 3, 0)));
    }
    world.run(seconds(60));
    assert_eq!(world.knowing(1, 3), 9);
    assert_eq!(world.knowing(4, 3), 1);
    world.cut = Box::new(|_, _| false);
    let took = world.await_that(seconds(15), |world| (1..=10).all(|node| world.knowing(node, 3) == 10));
    assert!(took.is_some(), "the heads are not the same everywhere");
}

#[test]
fn with_half_of_everything_lost_all_nodes_hear() {
    let lossy = Weather { lost: 500, ..FINE };
    let mut world = settled(3, FINE, 50);
    world.weather = lossy;
    world.with(0, |gossip, now| gossip.announce_head(now, &head(1, 1, 0)));
    let took = world.await_that(seconds(30), |world| world.knowing(1, 1) == 50);
    assert!(took.is_some(), "{} of 50", world.knowing(1, 1));
}

#[test]
fn more_heads_than_a_page_are_pulled_in_pages() {
    let mut world = World::new(5, FINE);
    for node in 1..=600 {
        world.ledger.admit(node);
    }
    let (one, two) = (
        world.start(1, crate::support::address(1, 7946), 1, &[2]),
        world.start(2, crate::support::address(2, 7946), 1, &[1]),
    );
    for from in (1..=600).step_by(200) {
        let heads = (from..from + 200).map(|node| head(node, 1, 0)).collect();
        world.with(one, |gossip, now| gossip.handle_push(now, 2, &Push { heads }));
    }
    assert_eq!(world.gossip(one).heads().len(), 600);
    assert!(world.await_that(seconds(20), |world| world.gossip(two).heads().len() == 600).is_some());
}

#[test]
fn idle_nodes_compare_in_one_small_question() {
    let mut world = settled(6, FINE, 10);
    for place in 0..10 {
        let node = place as u64 + 1;
        world.with(place, |gossip, now| gossip.announce_head(now, &head(node, 1, 0)));
    }
    world.run(seconds(20));
    let before: u64 = world.processes.iter().map(|process| process.pulls).sum();
    world.run(seconds(20));
    let pulls: u64 = world.processes.iter().map(|process| process.pulls).sum::<u64>() - before;
    assert!((90..=110).contains(&pulls), "{pulls} questions of ten nodes in twenty seconds");
}

#[test]
fn refuses_heads_that_are_forged_renamed_oversized_or_of_another_epoch() {
    let mut world = settled(7, FINE, 3);
    let good = head(2, 5, 0);
    let forged = SignedHead { feed: FeedId { domain: domain(1), epoch: 1 }, ..good.clone() };
    let longer = SignedHead { size: 6, ..good.clone() };
    let oversized = SignedHead { note: vec![b'x'; HEAD_BYTES + 1], ..good.clone() };
    let no_note = SignedHead { note: Vec::new(), ..good.clone() };
    let later = SignedHead { feed: FeedId { epoch: 2, ..good.feed.clone() }, ..good.clone() };
    let heads = vec![forged, longer, oversized, no_note, later];
    world.with(0, |gossip, now| gossip.handle_push(now, 3, &Push { heads }));
    assert!(world.gossip(0).heads().is_empty());
    assert_eq!(world.gossip(0).stats().refused_news, 4);
    world.with(0, |gossip, now| gossip.handle_push(now, 3, &Push { heads: vec![good] }));
    assert_eq!(world.gossip(0).heads().len(), 1);
}

#[test]
fn two_histories_of_one_feed_are_told_of_with_both_notes() {
    let mut world = settled(8, FINE, 4);
    world.with(0, |gossip, now| gossip.announce_head(now, &head(1, 5, 0)));
    world.run(seconds(2));
    world.with(1, |gossip, now| gossip.handle_push(now, 1, &Push { heads: vec![head(1, 5, 1)] }));
    let conflicts: Vec<&Event> = world.processes[1]
        .events
        .iter()
        .map(|(_, event)| event)
        .filter(|e| matches!(e, Event::HeadConflict { .. }))
        .collect();
    let [Event::HeadConflict { feed, size, notes, from }] = conflicts[..] else { panic!("{conflicts:?}") };
    assert_eq!((&feed.domain, *size, *from), (&domain(1), 5, Some(1)));
    assert_eq!(**notes, [head(1, 5, 0).note, head(1, 5, 1).note]);
    assert_eq!(world.gossip(1).heads()[0].note, head(1, 5, 0).note, "the first one stays");
}

#[test]
fn a_checkpoint_is_hinted_at_by_those_who_judged_it_and_by_nobody_else() {
    let mut world = settled(9, FINE, 10);
    let root = Hash::new([5; 32]);
    world.with(0, |gossip, now| gossip.announce_checkpoint(now, 100, root, &[b'n'; 2_000]));
    world.run(seconds(5));
    let hints = |world: &World| {
        world.count(|event| matches!(event, Event::CheckpointHint { size: 100, from: 1, note, .. } if note.is_empty()))
    };
    let all = world.count(|event| matches!(event, Event::CheckpointHint { .. }));
    assert!(hints(&world) >= 1);
    assert_eq!(hints(&world), all, "somebody passed a hint on without having judged the checkpoint");
    // A short note travels with it, and a made-up size keeps true ones back for a second only.
    world.with(1, |gossip, now| gossip.announce_checkpoint(now, u64::MAX, root, b"note"));
    world.run(seconds(2));
    world.with(2, |gossip, now| gossip.announce_checkpoint(now, 101, root, b"note"));
    world.run(seconds(2));
    let later = |event: &Event| matches!(event, Event::CheckpointHint { size: 101, note, .. } if note == b"note");
    assert!(world.count(later) >= 1);
}

#[test]
fn a_hundred_nodes_hear_in_three_seconds_and_idle_under_ten_kilobytes_a_second() {
    let mut world = settled(10, FINE, 100);
    world.with(50, |gossip, now| gossip.announce_head(now, &head(51, 1, 0)));
    let took = world.await_that(seconds(3), |world| world.knowing(51, 1) == 100);
    assert!(took.is_some(), "{} of 100", world.knowing(51, 1));
    world.run(seconds(20));
    let bytes = |world: &World| world.processes.iter().map(|process| process.sent_bytes).sum::<u64>();
    let before = bytes(&world);
    world.run(seconds(10));
    let each = (bytes(&world) - before) / 100 / 10;
    assert!(each < 10_000, "{each} bytes per node and second");
    assert!(took < Some(Duration::from_secs(3)));
}
