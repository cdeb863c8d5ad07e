//! Why a hit ranks where it does: the product's texts are split again, as they were for the index, and compared.

use tantivy::{DocAddress, TantivyDocument};

use crate::SearchError;
use crate::document::{self, split_of};
use crate::found::{How, Reason};
use crate::level::{self, Level};
use crate::parts::{self, Part};
use crate::query::Ask;
use crate::snapshot::Snapshot;
use crate::sources::Search;
use crate::stem::Stems;
use crate::whole;
use crate::words;

/// What the whole query counts for when it is the id or the name.
const WHOLE_WEIGHT: f32 = 100.0;

/// The reasons, weightiest first.
pub(crate) fn why(
    snapshot: &Snapshot,
    searches: &[Search],
    ask: &Ask,
    stored: &TantivyDocument,
    address: DocAddress,
) -> Result<Vec<Reason>, SearchError> {
    let descriptor = document::descriptor(&snapshot.fields, stored)?;
    let mut reasons = Vec::new();
    let (id, name) = (descriptor.id(), descriptor.name.to_string());
    let mut whole = |field, matched| {
        reasons.push(Reason { field, term: ask.literal.clone(), matched, weight: WHOLE_WEIGHT, how: How::Exact });
    };
    if words::squash(&name) == ask.squashed {
        whole(parts::NAME, name);
    }
    if whole::id(ask).as_ref() == Some(&id) {
        whole("id", id.to_string());
    }
    let parts = parts::parts(&descriptor);
    let mut stems = Stems::new();
    for search in searches {
        let before = reasons.len();
        for part in &parts {
            for wanted in search.phrasings(part.level) {
                compare(search, wanted, part, &mut stems, &mut reasons);
            }
        }
        let segment = &snapshot.segments[address.segment_ord as usize];
        if reasons.len() == before
            && let Some(docs) = search.on_shelf(&snapshot.fields, segment, Level::Prose)?
            && docs.contains(address.doc_id)
        {
            // Overflowed texts are searched, not kept.
            reasons.push(reason(search, parts::OVERFLOW, search.shown(), Level::Prose, How::Exact));
        }
    }
    reasons.sort_by(|a, b| b.weight.total_cmp(&a.weight)); // stable: alike ones stay in the product's order
    Ok(reasons)
}

/// Adds the best reason that a text gives for the wanted words.
fn compare(search: &Search, wanted: &[String], part: &Part<'_>, stems: &mut Stems, reasons: &mut Vec<Reason>) {
    let mut recent: Vec<(String, usize)> = Vec::new();
    let mut best: Option<(Level, How, String)> = None;
    words::split(&part.text, split_of(part.level), |word| {
        let text = if part.level.is_stemmed() { stems.of(word.text).to_owned() } else { word.text.to_owned() };
        let found = if wanted.len() > 1 {
            if word.joined {
                return;
            }
            recent.push((text, word.start));
            let phrase = recent.len().checked_sub(wanted.len()).map(|from| &recent[from..]);
            let is_there = |phrase: &[(String, usize)]| phrase.iter().map(|(text, _)| text).eq(wanted);
            phrase.filter(|phrase| is_there(phrase)).map(|phrase| (part.level, How::Exact, phrase[0].1))
        } else if text == wanted[0] {
            Some((part.level, How::Exact, word.start))
        } else if part.level == Level::Name && search.is_plain() {
            alike(&wanted[0], &text).map(|(level, how)| (level, how, word.start))
        } else {
            None
        };
        if let Some((level, how, start)) = found
            && best.as_ref().is_none_or(|(known, _, _)| level < *known)
        {
            let matched = if wanted.len() > 1 {
                part.text[start..word.end].to_owned()
            } else {
                words::surroundings(&part.text, start..word.end).to_owned()
            };
            best = Some((level, how, matched));
        }
    });
    if let Some((level, how, matched)) = best {
        let known = |reason: &Reason| reason.field == part.field && reason.matched == matched && reason.how == how;
        let term = search.shown();
        if !reasons.iter().any(|reason| reason.term == term && known(reason)) {
            reasons.push(reason(search, part.field, matched, level, how));
        }
    }
}

fn reason(search: &Search, field: &'static str, matched: String, level: Level, how: How) -> Reason {
    Reason { field, term: search.shown(), matched, weight: f32::from(level.points() * search.rarity), how }
}

/// How a word of the name is like the wanted one, when it is not the same.
fn alike(wanted: &str, word: &str) -> Option<(Level, How)> {
    let errors = level::typing_errors(wanted);
    let ascii_digit = word.bytes().any(|byte| byte.is_ascii_digit());
    if errors > 0 && !ascii_digit && distance(wanted, word) <= usize::from(errors) {
        return Some((Level::Close, How::Close));
    }
    let is_prefix = wanted.chars().count() >= level::PREFIX_LETTERS && !level::has_digit(wanted);
    (is_prefix && word.starts_with(wanted)).then_some((Level::Prefix, How::Prefix))
}

/// Letters to add, drop, change or swap with their neighbour to get from one word to the other.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = [vec![0; b.len() + 1], (0..=b.len()).collect::<Vec<_>>()];
    for (i, left) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        let [before_last, last] = &rows;
        for (j, right) in b.iter().enumerate() {
            let change = last[j] + usize::from(left != right);
            let mut least = change.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *left == b[j - 1] && a[i - 1] == *right {
                least = least.min(before_last[j - 1] + 1);
            }
            row.push(least);
        }
        rows = [std::mem::take(&mut rows[1]), row];
    }
    rows[1][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_typing_errors_as_the_index_does() {
        for (a, b, expected) in [
            ("customer", "costumer", 2),
            ("custmer", "customer", 1),
            ("abcd", "abdc", 1),
            ("", "ab", 2),
            ("ab", "ab", 0),
        ] {
            // "costumer": two letters changed, for the swap is not of neighbours.
            assert_eq!(distance(a, b), expected, "{a} {b}");
        }
    }
}
