//! Comparing heads with one other node over the peer channel: rumours are fast, this is certain.
//!
//! ```text
//!  asks                                    answers
//!   sums of its 64 parts ---------------->  which parts differ, its heads in them (a page)
//!   takes what is newer
//!   next page ... ----------------------->  ...
//!   what it has newer ------------------->  takes it
//! ```
//!
//! When nothing differs, one question of half a kilobyte is all.

use core::time::Duration;
use std::collections::BTreeMap;

use mesh_model::{DomainName, NodeId};

use crate::heads::{BUCKETS, Heads, SignedHead};

/// Heads on one page: about 100 KiB.
pub const PAGE_HEADS: usize = 256;
/// Pages of one round: the next round goes on with what still differs.
const PAGES: usize = 64;

/// One question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequest {
    /// The sum of each of the asking node's parts; always [`BUCKETS`].
    pub sums: Vec<u64>,
    /// Heads behind this domain: the page after the one that ended with it.
    pub after: Option<DomainName>,
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PullAnswer {
    /// Bit `n`: part `n` differs.
    pub parts: u64,
    /// Heads in those parts, by domain; at most [`PAGE_HEADS`].
    pub heads: Vec<SignedHead>,
    /// Whether there are more behind the last.
    pub has_more: bool,
}

/// Heads that the other node lacks, at most [`PAGE_HEADS`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    /// By domain.
    pub heads: Vec<SignedHead>,
}

/// Answers a question; `None` for one that is none.
pub(crate) fn answer(heads: &Heads, request: &PullRequest) -> Option<PullAnswer> {
    if request.sums.len() != BUCKETS {
        return None;
    }
    let parts = heads.sums().iter().zip(&request.sums).enumerate();
    let parts = parts.filter(|(_, (own, theirs))| own != theirs).fold(0, |parts, (n, _)| parts | 1 << n);
    let (page, has_more) = heads.page(parts, request.after.as_ref(), PAGE_HEADS);
    Some(PullAnswer { parts, heads: page, has_more })
}

/// The round that is under way.
#[derive(Debug)]
pub(crate) struct Round {
    pub(crate) peer: NodeId,
    pub(crate) began: Duration,
    sums: Vec<u64>,
    pages: usize,
    /// Parts that differed in any answer: what was taken meanwhile makes others differ.
    parts: u64,
    theirs: BTreeMap<DomainName, (u64, u64)>,
}

/// How a round goes on.
pub(crate) enum Next {
    Ask(PullRequest),
    Done { pushes: Vec<Push> },
}

impl Round {
    pub(crate) fn begin(peer: NodeId, now: Duration, heads: &Heads) -> (Self, PullRequest) {
        let sums = heads.sums().to_vec();
        let request = PullRequest { sums: sums.clone(), after: None };
        (Self { peer, began: now, sums, pages: 0, parts: 0, theirs: BTreeMap::new() }, request)
    }

    /// Goes on after the answer's heads were taken. The sums stay those of the beginning, so that the pages are pages of one list.
    pub(crate) fn next(&mut self, answer: &PullAnswer, heads: &Heads) -> Next {
        self.pages += 1;
        self.parts |= answer.parts;
        for head in &answer.heads {
            self.theirs.insert(head.feed.domain.clone(), (head.feed.epoch, head.size));
        }
        let last = answer.heads.last().map(|head| head.feed.domain.clone());
        if answer.has_more && last.is_some() && self.pages < PAGES {
            return Next::Ask(PullRequest { sums: self.sums.clone(), after: last });
        }
        // Beyond the last page nothing is known of what they have.
        let end = last.filter(|_| answer.has_more);
        let (mut lacking, _) = heads.page(self.parts, None, PAGE_HEADS * PAGES);
        lacking.retain(|own| {
            let theirs = self.theirs.get(&own.feed.domain);
            let is_within = end.as_ref().is_none_or(|end| own.feed.domain <= *end);
            is_within && theirs.is_none_or(|theirs| *theirs < (own.feed.epoch, own.size))
        });
        Next::Done { pushes: lacking.chunks(PAGE_HEADS).map(|heads| Push { heads: heads.to_vec() }).collect() }
    }
}
