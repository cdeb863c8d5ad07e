//! The order of hits.

use tantivy::DocId;

use crate::level::Level;
use crate::tally::Mark;

/// A hit's place in the order: the higher the better. From the top: words found (8 bits), tier (8 bits, the best
/// highest), points (40 bits), shortness of the name (8 bits).
pub(crate) type Rank = u64;

/// Tiers from best to worst: the id or name as it is, squashed, then the levels.
const TIER_LITERAL: u8 = 0;
const TIER_SQUASHED: u8 = 1;
const TIER_LEVELS: u8 = 2;
/// The tier's hundreds count down from here.
const SCORE_TIERS: u8 = 10;

/// The rank of a mark.
pub(crate) fn rank(mark: Mark, words: u8, name_length: impl FnOnce() -> u32) -> Rank {
    let (found, tier) = match mark.exact {
        0 => (mark.words, TIER_LEVELS + mark.worst),
        1 => (words, TIER_SQUASHED),
        _ => (words, TIER_LITERAL),
    };
    let by_name = [Level::Name, Level::Close, Level::Prefix].map(|level| TIER_LEVELS + level as u8);
    let brevity =
        if by_name.contains(&tier) { u8::try_from(255 - name_length().min(255)).expect("at most 255") } else { 0 };
    let [high, low] = mark.points.to_be_bytes();
    Rank::from_be_bytes([found, u8::MAX - tier, 0, 0, 0, high, low, brevity])
}

/// The rank as a number for people; it never rises as the rank falls.
pub(crate) fn score(rank: Rank, words: u8) -> f32 {
    let [found, tier, _, _, _, high, low, brevity] = rank.to_be_bytes();
    let points = f32::from(u16::from_be_bytes([high, low]));
    // Points stay below 99, and what a short name adds below what a point does, up to the most points there are.
    let within = 99.0 * points / (points + 50.0) + 0.0005 * f32::from(brevity) / 255.0;
    let tiered = 100.0 * f32::from(SCORE_TIERS - (u8::MAX - tier)) + within;
    if found >= words {
        tiered
    } else {
        let most = 100.0 * f32::from(SCORE_TIERS + 1);
        100.0 * (f32::from(found) - 1.0 + tiered / most) / f32::from(words)
    }
}

/// A document with its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) rank: Rank,
    /// The number of its id in the segment: breaks ties.
    pub(crate) id: u32,
    pub(crate) doc: DocId,
}

/// The best of a segment.
pub(crate) struct Best {
    most: usize,
    kept: Vec<Candidate>,
    /// Below this nothing gets in.
    floor: Rank,
}

impl Best {
    /// Keeps at most so many.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, kept: Vec::new(), floor: 0 }
    }

    /// Offers a document; `id` is asked for only when it may get in.
    #[inline]
    pub(crate) fn offer(&mut self, rank: Rank, doc: DocId, id: impl FnOnce(DocId) -> u32) {
        if self.most == 0 || rank < self.floor {
            return;
        }
        self.kept.push(Candidate { rank, id: id(doc), doc });
        if self.kept.len() >= self.most.max(64).saturating_mul(2) {
            self.prune();
        }
    }

    fn prune(&mut self) {
        self.kept.select_nth_unstable_by(self.most - 1, order);
        self.kept.truncate(self.most);
        self.floor = self.kept[self.most - 1].rank;
    }

    /// The best, in order.
    pub(crate) fn finish(mut self) -> Vec<Candidate> {
        self.kept.sort_unstable_by(order);
        self.kept.truncate(self.most);
        self.kept
    }
}

fn order(a: &Candidate, b: &Candidate) -> std::cmp::Ordering {
    b.rank.cmp(&a.rank).then(a.id.cmp(&b.id))
}
