//! Which packets of a sender were seen: one window per sender, for its newest start.

use std::collections::BTreeMap;

use mesh_model::NodeId;

use crate::drop_reason::DropReason;
use crate::packet::Header;

/// Counters that are remembered behind the highest one. Packets overtake each other by a few places; one that is further
/// behind is not worth having.
const REMEMBERED: u64 = 128;

#[derive(Debug, Clone, Copy)]
struct Window {
    generation: u64,
    instance: u32,
    highest: u64,
    /// Bit `n`: the counter `highest - n` was seen.
    seen: u128,
    /// The start before, with its highest counter.
    before: Option<(u64, u32, u64)>,
}

/// The windows of all senders. As many as there are admitted nodes: a window opens only for a signature that held.
#[derive(Debug, Default)]
pub(crate) struct Replays {
    windows: BTreeMap<NodeId, Window>,
}

impl Replays {
    /// Whether a packet may be new; changes nothing, because its signature was not looked at.
    pub(crate) fn check(&self, header: &Header) -> Result<(), DropReason> {
        let Some(window) = self.windows.get(&header.sender) else { return Ok(()) };
        let start = (header.generation, header.instance);
        if start != (window.generation, window.instance) {
            let is_newer = start > (window.generation, window.instance);
            return if is_newer { Ok(()) } else { Err(DropReason::OldGeneration) };
        }
        let Some(behind) = window.highest.checked_sub(header.counter) else { return Ok(()) };
        if behind >= REMEMBERED {
            return Err(DropReason::TooOld);
        }
        if window.seen >> behind & 1 == 1 { Err(DropReason::Replayed) } else { Ok(()) }
    }

    /// Goes on after an earlier run, which heard of this start of a node: packets of older ones are not new, however often they are sent
    /// again.
    pub(crate) fn remember(&mut self, node: NodeId, (generation, instance): (u64, u32)) {
        let window = Window { generation, instance, highest: 0, seen: 0, before: None };
        self.windows.entry(node).or_insert(window);
    }

    /// Remembers a packet that passed [`Replays::check`] and whose signature held. Returns the start that it ended, if it is the
    /// first of a newer one.
    pub(crate) fn saw(&mut self, header: &Header) -> Option<(u64, u32)> {
        let fresh = Window {
            generation: header.generation,
            instance: header.instance,
            highest: header.counter,
            seen: 1,
            before: None,
        };
        let window = self.windows.entry(header.sender).or_insert(fresh);
        let before = (window.generation, window.instance);
        if before != (header.generation, header.instance) {
            *window = Window { before: Some((window.generation, window.instance, window.highest)), ..fresh };
            return Some(before);
        }
        if let Some(ahead) = header.counter.checked_sub(window.highest) {
            window.seen = if ahead >= REMEMBERED { 0 } else { window.seen << ahead };
            window.highest = header.counter;
            window.seen |= 1;
        } else {
            window.seen |= 1 << (window.highest - header.counter);
        }
        None
    }

    /// The newest start of a node that was heard of.
    pub(crate) fn newest(&self, node: NodeId) -> Option<(u64, u32)> {
        self.windows.get(&node).map(|window| (window.generation, window.instance))
    }

    /// Whether a packet of the start before the newest was not there when that ended: its sender went on.
    pub(crate) fn is_beyond(&self, header: &Header) -> bool {
        let before = self.windows.get(&header.sender).and_then(|window| window.before);
        before.is_some_and(|(generation, instance, highest)| {
            (generation, instance) == (header.generation, header.instance) && header.counter > highest + REMEMBERED
        })
    }
}

#[cfg(test)]
mod tests {
    use mesh_model::MeshId;

    use super::*;

    fn header(generation: u64, counter: u64) -> Header {
        Header { mesh: MeshId([0; 32]), sender: 1, receiver: 2, generation, instance: 0, counter }
    }

    #[test]
    fn takes_each_counter_once_in_any_order() {
        let mut replays = Replays::default();
        for counter in [1, 5, 3, 2, 200, 199, 4 + 128] {
            assert_eq!(replays.check(&header(1, counter)), Ok(()), "{counter}");
            replays.saw(&header(1, counter));
            assert_eq!(replays.check(&header(1, counter)), Err(DropReason::Replayed), "{counter}");
        }
        assert_eq!(replays.check(&header(1, 72)), Err(DropReason::TooOld));
        assert_eq!(replays.check(&header(1, 73)), Ok(()));
    }

    #[test]
    fn a_start_that_is_remembered_ends_those_before_and_is_open_itself() {
        let mut replays = Replays::default();
        replays.remember(1, (2, 0));
        assert_eq!(replays.check(&header(1, 900)), Err(DropReason::OldGeneration));
        assert_eq!(replays.check(&header(2, 1)), Ok(()));
        replays.saw(&header(2, 1));
        assert_eq!(replays.check(&header(2, 1)), Err(DropReason::Replayed));
        assert_eq!(replays.saw(&header(3, 1)), Some((2, 0)));
    }

    #[test]
    fn a_newer_start_ends_the_one_before() {
        let mut replays = Replays::default();
        replays.saw(&header(1, 900));
        assert_eq!(replays.saw(&header(2, 1)), Some((1, 0)));
        assert_eq!(replays.check(&header(1, 901)), Err(DropReason::OldGeneration));
        assert_eq!(replays.check(&header(2, 2)), Ok(()));
    }
}
