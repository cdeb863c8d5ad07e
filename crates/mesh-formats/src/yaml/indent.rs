//! Quoted texts whose later lines stand too far left.
//!
//! YAML 1.2 wants every line of a quoted text deeper than the key that it belongs to; the common readers of YAML 1.1
//! never cared, and so people write such files. White space at the start of those lines says nothing, so adding some
//! doesn't change the text.

/// Most texts of one file that are mended: each costs another reading of the file.
pub(super) const MOST: usize = 16;
/// How deep a line is put whose text begins we don't know where.
const DEEP: usize = 32;

/// The document with the text indented at which the parser stopped: `line` and `column` (from 0, in characters) are the
/// error's place, `info` its words. `None` when it stopped for something else.
pub(super) fn mended(text: &str, line: usize, column: usize, info: &str) -> Option<String> {
    let start = offset(text, line)?;
    match info {
        "invalid indentation in quoted scalar" => {
            let (from, quote) = text[start..].char_indices().nth(column)?;
            let begin = start + from;
            let end = begin + 1 + closing(&text[begin + 1..], quote)?;
            let depth = text[start..].chars().take_while(|c| matches!(c, ' ' | '-')).count() + 1;
            Some(indented(text, begin, end, depth))
        }
        "tab cannot be used as indentation" => {
            Some(format!("{}{}{}", &text[..start], " ".repeat(DEEP), &text[start..]))
        }
        _ => None,
    }
}

/// Where a line, counted from 1, starts.
fn offset(text: &str, line: usize) -> Option<usize> {
    text.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).reduce(|a, b| a + b).or(Some(0))
}

/// Where the closing quote stands.
fn closing(text: &str, quote: char) -> Option<usize> {
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' if quote == '"' => drop(chars.next()),
            // Two single quotes are one in the text.
            '\'' if quote == '\'' && chars.peek().is_some_and(|(_, next)| *next == '\'') => drop(chars.next()),
            c if c == quote => return Some(at),
            _ => {}
        }
    }
    None
}

/// The lines that start between the two places, those with text on them, at least `depth` deep.
fn indented(text: &str, begin: usize, end: usize, depth: usize) -> String {
    let mut out = String::with_capacity(text.len() + 1024);
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let spaces = line.len() - line.trim_start_matches(' ').len();
        if at > begin && at <= end && spaces < depth && !line.trim().is_empty() {
            out.extend(std::iter::repeat_n(' ', depth - spaces));
        }
        out.push_str(line);
        at += line.len();
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::load;

    #[test]
    fn texts_that_stand_too_far_left_are_read_with_a_warning() {
        let text = "a: \"one\n\ntwo \\\" three\n\t\n four\"\nb:\n  c: 'x\n it''s\n  z'\n  d: 1\n";
        let mut problems = Vec::new();
        let root = load(text, &mut problems).unwrap();
        assert_eq!(root.text("a"), Some("one\ntwo \" three\nfour"));
        assert_eq!(root.get("b").unwrap().text("c"), Some("x it's z"));
        assert_eq!(root.get("b").unwrap().get("d").unwrap().place(), (10, 6));
        let places: Vec<_> = problems.iter().map(|problem| (problem.line, problem.severity)).collect();
        let warning = crate::problem::Severity::Warning;
        assert_eq!(places, [(1, warning), (4, warning), (7, warning)]);
    }

    #[test]
    fn mending_ends() {
        let many: String = (0..40).map(|n| format!("k{n}: \"a\nb\"\n")).collect::<Vec<_>>().concat();
        let mut problems = Vec::new();
        assert!(load(&many, &mut problems).is_none());
        assert!(problems.last().unwrap().to_string().contains("invalid indentation"));
        assert!(load("a: \"b\nc", &mut Vec::new()).is_none());
    }
}
