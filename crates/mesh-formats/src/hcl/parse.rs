//! Text to a syntax tree, with every duplicate attribute reported and not only the first.

use hcl_edit::structure::Body;

use super::scan::Fault;

/// Bytes that may be parsed again to find further duplicates.
const AGAIN_BYTES: usize = 8 * 1024 * 1024;

/// Parses a file as far as it can be.
///
/// The parser stops at the first attribute that stands twice. Each such is renamed in a copy, to a name of the same
/// length, and parsing starts again, so that all of them come to light and offsets stay true.
pub(super) fn parse(text: &str) -> (Option<Body>, Vec<Fault>) {
    let mut faults: Vec<Fault> = Vec::new();
    let mut copy = text.to_owned();
    let rounds = (AGAIN_BYTES / text.len().max(1)).clamp(2, 64);
    for round in 0..rounds {
        let error = match hcl_edit::parser::parse_body(&copy) {
            Ok(body) => return (Some(body), faults),
            Err(error) => error,
        };
        let offset = error.location().offset();
        let name_length =
            text[offset..].bytes().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')).count();
        if !error.message().contains("redefined attribute") || name_length == 0 {
            faults.push(syntax(text, offset, error.message()));
            return (None, faults);
        }
        if !faults.iter().any(|fault| fault.offset == offset) {
            let name = &text[offset..offset + name_length];
            faults.push(Fault {
                offset,
                expected: format!("the attribute '{name}' once"),
                found: format!("'{name}' again"),
            });
        }
        copy.replace_range(offset..offset + name_length, &stand_in(round, name_length));
    }
    (None, faults)
}

/// A name of the given length that is unlikely to stand there already.
fn stand_in(round: usize, length: usize) -> String {
    const LETTERS: &[u8; 26] = b"zqxjkvwyubfghpmcldrstnioae";
    let mut rest = round;
    (0..length)
        .map(|_| {
            let letter = LETTERS[rest % 26];
            rest /= 26;
            char::from(letter)
        })
        .collect()
}

/// The parser's message in our terms: what was expected, and what stands there.
fn syntax(text: &str, offset: usize, message: &str) -> Fault {
    // `offset` is the last byte when the file ends too soon.
    let rest = text.get(offset..).unwrap_or_default();
    let found = match rest.chars().next() {
        Some('\n') if rest.len() > 1 => "the end of the line".to_owned(),
        Some(char) if rest.len() > char.len_utf8() => format!("{char:?}"),
        _ => "the end of the file".to_owned(),
    };
    let (what, expected) = match message.split_once("; ") {
        Some((what, expected)) if what.starts_with("invalid ") => (Some(&what["invalid ".len()..]), expected),
        _ => (None, message),
    };
    let expected = expected.strip_prefix("expected ").unwrap_or("other syntax").replace('\n', "\\n");
    let expected = match what {
        Some(what) => format!("{expected} ({what})"),
        None => expected,
    };
    Fault { offset, expected, found }
}
