//! One search, from query to answer.

use tantivy::DocId;

use crate::browse;
use crate::explain;
use crate::facets::Counts;
use crate::filter::Filter;
use crate::found::{Found, Hit};
use crate::page;
use crate::query::{Ask, parse};
use crate::ranking::{self, Best, Candidate};
use crate::segment::Segment;
use crate::snapshot::Snapshot;
use crate::sources::{self, Search, Source};
use crate::tally::{Wants, tally};
use crate::whole;
use crate::{Query, SearchError};

/// When fewer products than this have all words, those with all but one follow, and so on.
pub(crate) const RELAX_BELOW: usize = 50;

/// What was gathered from all segments.
pub(crate) struct Gathered {
    pub(crate) total: usize,
    pub(crate) counts: Counts,
    /// The best of each segment, in the segments' order.
    pub(crate) best: Vec<Vec<Candidate>>,
}

impl Gathered {
    pub(crate) fn new(snapshot: &Snapshot) -> Self {
        let counts = snapshot.with_values(Counts::zero);
        Self { total: 0, counts, best: Vec::with_capacity(snapshot.segments.len()) }
    }
}

/// Answers a query.
pub(crate) fn search(snapshot: &Snapshot, query: &Query) -> Result<Found, SearchError> {
    let limit = query.limit.min(Query::LIMIT);
    let filter = Filter::new(snapshot, query);
    match parse(&query.text) {
        Some(ask) => with_words(snapshot, query, &filter, &ask, limit),
        None => without_words(snapshot, query, &filter, limit),
    }
}

fn without_words(snapshot: &Snapshot, query: &Query, filter: &Filter, limit: usize) -> Result<Found, SearchError> {
    let (total, counts, chosen) = if filter.conditions.is_empty() {
        let (total, counts) = browse::everything(snapshot);
        (total, counts, browse::everything_page(snapshot, filter, query.offset, limit)?)
    } else {
        let gathered = browse::filtered(snapshot, filter, kept(query.offset, limit))?;
        (gathered.total, gathered.counts, page::choose(snapshot, &gathered.best, query.offset, limit)?)
    };
    let mut hits = Vec::with_capacity(chosen.len());
    for chosen in chosen {
        hits.push(page::hit(snapshot, chosen, 0.0)?.0);
    }
    Ok(found(snapshot, total, &counts, hits))
}

fn with_words(
    snapshot: &Snapshot,
    query: &Query,
    filter: &Filter,
    ask: &Ask,
    limit: usize,
) -> Result<Found, SearchError> {
    let searches = sources::prepare(snapshot, &ask.wanted)?;
    let words = u8::try_from(searches.len()).expect("at most Query::WORDS");

    let keep = kept(query.offset, limit);
    let (mut gathered, mut learned) = gather(snapshot, &searches, ask, filter, words, keep)?;
    for least in (1..words).rev() {
        if gathered.total >= RELAX_BELOW || learned.is_literal {
            break;
        }
        if learned.having.is_none_or(|having| having[usize::from(least)] > 0) {
            (gathered, learned) = gather(snapshot, &searches, ask, filter, least, keep)?;
        }
    }

    let mut hits = Vec::new();
    for chosen in page::choose(snapshot, &gathered.best, query.offset, limit)? {
        let (rank, address) = (chosen.rank, chosen.address);
        let (mut hit, stored) = page::hit(snapshot, chosen, ranking::score(rank, words))?;
        if query.explain {
            hit.why = explain::why(snapshot, &searches, ask, &stored, address)?;
        }
        hits.push(hit);
    }
    Ok(found(snapshot, gathered.total, &gathered.counts, hits))
}

/// How many of a segment's best may reach the page.
fn kept(offset: usize, limit: usize) -> usize {
    if limit == 0 { 0 } else { offset.saturating_add(limit) }
}

/// What a pass learns beside what it gathers, filtered or not.
struct Learned {
    /// How many documents have so many of the words; not known where only those with all words were looked at.
    having: Option<[usize; Query::WORDS + 1]>,
    /// Whether the query is an id or name as it stands: then nobody looks for parts of it.
    is_literal: bool,
}

/// Gathers what has at least so many of the words, or is the whole query.
fn gather(
    snapshot: &Snapshot,
    searches: &[Search],
    ask: &Ask,
    filter: &Filter,
    least: u8,
    keep: usize,
) -> Result<(Gathered, Learned), SearchError> {
    let words = u8::try_from(searches.len()).expect("at most Query::WORDS");
    let wants = if least == words { Wants::All } else { Wants::Any };
    let (mut having, mut is_literal) = ([0; Query::WORDS + 1], false);
    let mut gathered = Gathered::new(snapshot);
    let mut docs: Vec<DocId> = Vec::new();
    for segment in &snapshot.segments {
        let mut best = Best::new(keep);
        if !filter.is_void() {
            let mut lists = lists(snapshot, segment, searches, ask)?;
            docs.clear();
            tally(&mut lists, wants, |doc, mark| {
                having[usize::from(mark.words)] += 1;
                is_literal |= u16::from(mark.exact) == whole::LITERAL;
                if (mark.words >= least || mark.exact > 0) && filter.takes(segment, doc) {
                    let rank = ranking::rank(mark, words, || segment.name_lengths.fieldnorm(doc));
                    best.offer(rank, doc, |doc| segment.id_number(doc));
                    docs.push(doc);
                }
            });
            gathered.total += docs.len();
            gathered.counts.add(&segment.columns.facets, &docs);
        }
        gathered.best.push(best.finish());
    }
    let having = (wants == Wants::Any).then_some(having);
    Ok((gathered, Learned { having, is_literal }))
}

/// All lists of a segment: the whole query first, then word by word.
fn lists(snapshot: &Snapshot, segment: &Segment, searches: &[Search], ask: &Ask) -> Result<Vec<Source>, SearchError> {
    let mut lists = Vec::new();
    whole::lists(segment, ask, &mut lists)?;
    for (word, search) in (1..).zip(searches) {
        search.sources(word, &snapshot.fields, segment, &mut lists)?;
    }
    Ok(lists)
}

fn found(snapshot: &Snapshot, total: usize, counts: &Counts, hits: Vec<Hit>) -> Found {
    let facets = snapshot.with_values(|values| counts.top(values));
    Found { total, hits, facets, position: snapshot.position }
}
