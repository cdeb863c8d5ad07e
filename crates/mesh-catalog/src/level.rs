//! Where a word of the query was found in a product, from best to worst.

/// Where a word was found. The order is the ranking's order: a lower number is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Level {
    /// A word of the name.
    Name,
    /// A typing error away from a word of the name.
    Close,
    /// Title, tags, domain, the source's own id.
    Label,
    /// Fields, datasets, rules and their columns, ports, contacts, inputs, terms.
    Structure,
    /// The beginning of a word of the name.
    Prefix,
    /// Descriptions, and whatever overflowed into attachments.
    Prose,
}

impl Level {
    /// The levels that are shelves of their own in the index; the others are other ways to look at the names.
    pub(crate) const SHELVES: [Self; 4] = [Self::Name, Self::Label, Self::Structure, Self::Prose];

    /// What a word found here adds, before its rarity.
    pub(crate) const fn points(self) -> u16 {
        match self {
            Self::Name => 12,
            Self::Close => 8,
            Self::Label => 6,
            Self::Structure => 4,
            Self::Prefix => 3,
            Self::Prose => 1,
        }
    }

    /// Whether words are compared by their stems here.
    pub(crate) const fn is_stemmed(self) -> bool {
        matches!(self, Self::Prose)
    }
}

/// Fewest letters of a word that may be the beginning of another.
pub(crate) const PREFIX_LETTERS: usize = 3;

/// How many typing errors a word may have, by its length in letters. None where it has digits: 2018 is not nearly 2019.
pub(crate) fn typing_errors(word: &str) -> u8 {
    if has_digit(word) {
        return 0;
    }
    match word.chars().count() {
        0..4 => 0,
        4..8 => 1,
        _ => 2,
    }
}

/// Whether the word has a digit.
pub(crate) fn has_digit(word: &str) -> bool {
    word.chars().any(char::is_numeric)
}
