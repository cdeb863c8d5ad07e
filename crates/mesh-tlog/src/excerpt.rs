//! How errors quote what they found.

/// The characters of a quotation; what is refused may be large and hostile, and errors are kept in
/// traces.
const MAX_CHARS: usize = 80;

/// The beginning of a text that was refused.
pub(crate) fn excerpt(text: &str) -> String {
    match text.char_indices().nth(MAX_CHARS) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}...", &text[..end]),
    }
}
