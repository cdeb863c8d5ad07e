//! What the engine says, in a sentence for an outcome: short, and without values of the data, for an outcome is signed and shown to many.

use datafusion::error::DataFusionError;

use crate::error::ReadError;

/// Most letters of a sentence.
const LONGEST: usize = 400;

/// Why a query has no answer.
pub(crate) fn of(error: &DataFusionError, memory_bytes: usize) -> String {
    let root = error.find_root();
    let said = root.message();
    let said = said.split("\n\nbacktrace:").next().unwrap_or_default();
    let text = match root {
        DataFusionError::External(cause) => match cause.downcast_ref::<ReadError>() {
            Some(error) => error.to_string(),
            None => without_values(said),
        },
        DataFusionError::ResourcesExhausted(_) => {
            format!("it needs more memory or disk than is allowed: {} MiB of memory", memory_bytes >> 20)
        }
        // These come before anything is read: what they quote are names and the rule's own words.
        DataFusionError::Plan(_)
        | DataFusionError::SchemaError(..)
        | DataFusionError::SQL(..)
        | DataFusionError::NotImplemented(_) => said.to_owned(),
        _ if said.contains("Regular expression did not compile") => said.to_owned(),
        _ => without_values(said),
    };
    shortened(&text)
}

/// The first line of a text, cut.
pub(crate) fn shortened(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default().trim_end_matches('.');
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

/// Without what stands in quotation marks, and without numbers.
fn without_values(text: &str) -> String {
    let text = text.replace("an't ", "annot ");
    let mut open: Option<char> = None;
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        match open {
            Some(mark) if mark == letter => {
                open = None;
                shown.push('…');
                shown.push(letter);
            }
            Some(_) => {}
            None => {
                shown.push(letter);
                open = Some(letter).filter(|letter| matches!(letter, '\'' | '"' | '`'));
            }
        }
    }
    if open.is_some() {
        shown.push('…');
    }
    let words = shown.split(' ').map(|word| if is_number(word) { "…" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

fn is_number(word: &str) -> bool {
    let number = word.trim_matches(|letter: char| !letter.is_ascii_digit());
    !number.is_empty() && !word.chars().any(|letter| letter.is_alphabetic() && !matches!(letter, 'e' | 'E'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_hold_no_values() {
        for (said, expected) in [
            ("Cannot cast string 'a@b.c' to value of Int64 type", "Cannot cast string '…' to value of Int64 type"),
            ("Overflow happened on: 92233 + 1", "Overflow happened on: … + …"),
            ("got \"x", "got \"…"),
            ("Can't cast value 300 to type Int8", "Cannot cast value … to type Int8"),
            ("Divide by zero error", "Divide by zero error"),
        ] {
            assert_eq!(without_values(said), expected);
        }
        assert_eq!(shortened(&"x".repeat(500)).chars().count(), LONGEST + 1);
        assert_eq!(shortened("a.\nb"), "a");
    }
}
