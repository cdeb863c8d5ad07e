//! The order of hits.

use tantivy::DocId;

use crate::level::Level;
use crate::tally::Mark;

/// A hit's place in the order: the higher the better. From the top: words found (8 bits), tier (8 bits, the best
/// highest), points (32 bits), shortness of the name (16 bits).
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
    let brevity = if by_name.contains(&tier) {
        255 - name_length().min(255)
    } else {
        0
    };
    u64::from(found) << 56
        | u64::from(u8::MAX - tier) << 48
        | u64::from(mark.points) << 16
        | u64::from(brevity)
}

/// Whether the mark has all words.
pub(crate) fn is_whole(mark: Mark, words: u8) -> bool {
    mark.exact > 0 || mark.words == words
}

/// The rank as a number for people; it falls as the rank does.
pub(crate) fn score(rank: Rank, words: u8) -> f32 {
    let found = f32::from((rank >> 56) as u8);
    let tier = f32::from(SCORE_TIERS - (u8::MAX - (rank >> 48) as u8));
    // Points and shortness together stay below 1.
    let within = (rank & 0xffff_ffff) as f32 / (u64::from(u32::MAX) + 1) as f32;
    let within = within.sqrt().min(0.999); // spread out: points use few of their bits
    if found >= f32::from(words) {
        100.0 * (tier + within)
    } else {
        100.0 * (found - 1.0 + (tier + within) / 11.0) / f32::from(words)
    }
}

/// A document with its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) rank: Rank,
    /// The number of its id in the segment: breaks ties.
    pub(crate) id: u64,
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
        Self {
            most,
            kept: Vec::new(),
            floor: 0,
        }
    }

    /// Offers a document; `id` is asked for only when it may get in.
    #[inline]
    pub(crate) fn offer(&mut self, rank: Rank, doc: DocId, id: impl FnOnce(DocId) -> u64) {
        if self.most == 0 || rank < self.floor {
            return;
        }
        self.kept.push(Candidate {
            rank,
            id: id(doc),
            doc,
        });
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
