//! How a text is split into words, for products and queries alike.
//!
//! A word is a run of letters and digits, in lower case, Latin letters without their accents. It is split further
//! where a name would be read so: at `-` and `_`, between `customer` and `Id` of `customerId`, between letters and
//! digits where three or more letters stand together (`goes16`, not `s3`). A split run is also kept whole
//! (`joined`), so that `GitHub` is found by `github` and `customer_id` by `customerid`. Ideographs and kana are words
//! of one character.

use std::ops::Range;

/// Longest word in characters; more is cut, in products and queries alike.
const WORD_CHARS: usize = 64;
/// Letters that must stand together to be parted from digits.
const LETTER_RUN: usize = 3;
/// Most parts of a run that is also kept whole.
const JOINED_PARTS: usize = 5;

/// How to split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Split {
    /// The product's own name: parts only. The name as a whole has a shelf of its own.
    Name,
    /// Names of things: parts, and what `-` and `_` connect as a whole.
    Identifier,
    /// Sentences: parts, and what was written in one as a whole.
    Prose,
    /// A query: as typed, so no parting at capitals, for the whole is indexed too.
    Query,
}

/// A word of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Word<'a> {
    /// In lower case, without accents.
    pub(crate) text: &'a str,
    /// Where it stands.
    pub(crate) start: usize,
    /// The byte after it.
    pub(crate) end: usize,
    /// Whether it is a whole whose parts came just before.
    pub(crate) joined: bool,
}

/// Hands each word of the text to `take`, in order.
pub(crate) fn split(text: &str, how: Split, mut take: impl FnMut(Word<'_>)) {
    let mut run = Run { how, word: String::new(), start: 0, whole: String::new(), whole_start: 0, parts: 0 };
    let mut previous = Class::Other;
    let mut letters = 0_usize; // letters in a row before this character
    let mut rest = text.char_indices().peekable();
    while let Some((at, c)) = rest.next() {
        if is_combining(c) {
            continue;
        }
        let class = Class::of(c);
        match class {
            Class::Other => {
                run.end_word(at, &mut take);
                let connects = how == Split::Identifier && matches!(c, '-' | '_');
                if !connects {
                    run.end_whole(at, &mut take);
                }
            }
            Class::Ideograph => {
                run.end_word(at, &mut take);
                run.end_whole(at, &mut take);
                run.push(c, at);
                run.end_word(at + c.len_utf8(), &mut take);
                run.end_whole(at + c.len_utf8(), &mut take);
            }
            Class::Upper | Class::Lower | Class::Digit => {
                let next = rest.peek().map_or(Class::Other, |(_, next)| Class::of(*next));
                let parted = match (previous, class) {
                    (Class::Lower, Class::Upper) => how != Split::Query,
                    (Class::Upper, Class::Upper) => how != Split::Query && next == Class::Lower,
                    (Class::Lower | Class::Upper, Class::Digit) => letters >= LETTER_RUN,
                    (Class::Digit, Class::Lower | Class::Upper) => starts_with_letters(&text[at..]),
                    _ => false,
                };
                if parted {
                    run.end_word(at, &mut take);
                }
                run.push(c, at);
            }
        }
        letters = if matches!(class, Class::Lower | Class::Upper) { letters + 1 } else { 0 };
        previous = class;
    }
    run.end_word(text.len(), &mut take);
    run.end_whole(text.len(), &mut take);
}

/// Letters and digits only, in lower case without accents: `Customer-Profile` and `customer_profile` are the same.
pub(crate) fn squash(text: &str) -> String {
    let mut squashed = String::new();
    for c in text.chars().filter(|c| c.is_alphanumeric()) {
        fold(c, &mut squashed);
    }
    squashed
}

/// What a person sees around a word: the run of characters that belong to a name, an address or a path.
pub(crate) fn surroundings(text: &str, word: Range<usize>) -> &str {
    const SHOWN_CHARS: usize = 80;
    let belongs = |c: char| c.is_alphanumeric() || is_combining(c) || "-_.@/:+".contains(c);
    let before = text[..word.start].char_indices().rev().take(SHOWN_CHARS).take_while(|(_, c)| belongs(*c)).last();
    let after = text[word.end..].char_indices().take(SHOWN_CHARS).take_while(|(_, c)| belongs(*c)).last();
    let start = before.map_or(word.start, |(at, _)| at);
    let end = after.map_or(word.end, |(at, c)| word.end + at + c.len_utf8());
    text[start..end].trim_matches(|c: char| !c.is_alphanumeric() && !is_combining(c))
}

struct Run {
    how: Split,
    word: String,
    start: usize,
    whole: String,
    whole_start: usize,
    parts: usize,
}

impl Run {
    fn push(&mut self, c: char, at: usize) {
        if self.word.is_empty() {
            self.start = at;
            if self.parts == 0 {
                self.whole_start = at;
            }
        }
        fold(c, &mut self.word);
    }

    fn end_word(&mut self, end: usize, take: &mut impl FnMut(Word<'_>)) {
        if self.word.is_empty() {
            return;
        }
        self.parts += 1;
        if matches!(self.how, Split::Identifier | Split::Prose) && self.parts <= JOINED_PARTS {
            self.whole.push_str(&self.word);
        }
        take(Word { text: cut(&self.word), start: self.start, end, joined: false });
        self.word.clear();
    }

    fn end_whole(&mut self, end: usize, take: &mut impl FnMut(Word<'_>)) {
        if !self.whole.is_empty() && (2..=JOINED_PARTS).contains(&self.parts) {
            take(Word { text: cut(&self.whole), start: self.whole_start, end, joined: true });
        }
        self.whole.clear();
        self.parts = 0;
    }
}

fn cut(word: &str) -> &str {
    match word.char_indices().nth(WORD_CHARS) {
        Some((end, _)) => &word[..end],
        None => word,
    }
}

fn fold(c: char, into: &mut String) {
    if c.is_ascii() {
        into.push(c.to_ascii_lowercase());
        return;
    }
    // Latin-1 letters to Latin Extended-B, and Latin Extended Additional: the ones that people type without accents.
    let latin = matches!(c, '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}');
    match deunicode::deunicode_char(c).filter(|_| latin) {
        Some(ascii) => into.extend(ascii.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase())),
        None => into.extend(c.to_lowercase().filter(|c| !is_combining(*c))),
    }
}

fn is_combining(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}')
}

fn starts_with_letters(text: &str) -> bool {
    text.chars().take_while(|c| matches!(Class::of(*c), Class::Lower | Class::Upper)).take(LETTER_RUN).count()
        == LETTER_RUN
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Lower,
    Upper,
    Digit,
    Ideograph,
    Other,
}

impl Class {
    fn of(c: char) -> Self {
        match c {
            'a'..='z' => Self::Lower,
            'A'..='Z' => Self::Upper,
            '0'..='9' => Self::Digit,
            '\0'..='\u{7f}' => Self::Other,
            '\u{3040}'..='\u{30ff}'
            | '\u{3400}'..='\u{4dbf}'
            | '\u{4e00}'..='\u{9fff}'
            | '\u{f900}'..='\u{faff}'
            | '\u{20000}'..='\u{3134f}'
                if c.is_alphanumeric() =>
            {
                Self::Ideograph
            }
            _ if c.is_numeric() && c.is_alphanumeric() => Self::Digit,
            _ if c.is_uppercase() => Self::Upper,
            _ if c.is_alphanumeric() => Self::Lower,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str, how: Split) -> String {
        let mut words = Vec::new();
        split(text, how, |word| {
            words.push(format!("{}{}", if word.joined { "=" } else { "" }, word.text));
        });
        words.join(" ")
    }

    #[test]
    fn splits_names_as_people_read_them() {
        for (text, expected) in [
            ("customer_profile", "customer profile =customerprofile"),
            ("noaa-goes16", "noaa goes 16 =noaagoes16"),
            ("customerId", "customer id =customerid"),
            ("HTTPServer2go", "http server 2go =httpserver2go"),
            ("s3://bucket/l2a", "s3 bucket l2a"),
            ("Zürich, Straße Zu\u{308}rich", "zurich strasse zurich"),
            ("顧客データ", "顧 客 テ ー タ".replace('テ', "デ").as_str()),
            ("ДАННЫЕ клиентов", "данные клиентов"),
            ("--__--", ""),
        ] {
            assert_eq!(words(text, Split::Identifier), expected, "{text}");
        }
    }

    #[test]
    fn each_way_of_splitting_keeps_its_own_wholes() {
        assert_eq!(words("GitHub customer_id", Split::Prose), "git hub =github customer id");
        assert_eq!(words("GitHub customer_id goes16", Split::Query), "github customer id goes 16");
        assert_eq!(words("customer_profile", Split::Name), "customer profile");
    }

    #[test]
    fn words_are_cut_at_the_same_place_everywhere() {
        let long = "ä".repeat(1000);
        assert_eq!(words(&long, Split::Prose).len(), WORD_CHARS);
        assert_eq!(words(&long, Split::Prose), words(&long, Split::Query));
    }

    #[test]
    fn shows_what_a_person_would_point_at() {
        let text = "write to customer-data-owners@company.com.";
        let at = text.find("data").expect("it is there");
        assert_eq!(surroundings(text, at..at + 4), "customer-data-owners@company.com");
        assert_eq!(squash("Customer-Profile"), squash("customer_profile"));
    }
}
