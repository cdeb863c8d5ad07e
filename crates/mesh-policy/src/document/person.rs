//! Whether a classification or a glossary term says that a field is about a person.

/// Words that say so.
const SAY_SO: [&str; 2] = ["pii", "personal"];
/// Words that take it back when they stand right before.
const NEGATE: [&str; 3] = ["no", "non", "not"];

/// Whether one of the words of a text says so: `PII`, `restricted.pii`, `personal data`; not `non-pii`, not `impersonal`.
pub(super) fn says_person(text: &str) -> bool {
    let mut negated = false;
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let is = |words: &[&str]| words.iter().any(|known| word.eq_ignore_ascii_case(known));
        if is(&SAY_SO) && !negated {
            return true;
        }
        negated = is(&NEGATE);
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_say_so_and_parts_of_words_do_not() {
        for yes in ["PII", "restricted.pii", "personal data", "Sensitive-PII", "pii_email"] {
            assert!(says_person(yes), "{yes}");
        }
        for no in ["", "non-pii", "not personal", "impersonal", "confidential", "piiv"] {
            assert!(!says_person(no), "{no}");
        }
    }
}
