//! Regular expressions: compiled once, bounded, and the same on every build.

use regex::bytes::{Regex, RegexBuilder};

/// Longest pattern, in bytes.
const PATTERN_BYTES: usize = 512;
/// Largest compiled form, in bytes.
const COMPILED_BYTES: usize = 256 * 1024;
/// Deepest nesting of groups.
const NESTING: u32 = 16;

/// Compiles a pattern. It works on UTF-8 bytes, and its classes are those of ASCII: the tables of Unicode change from
/// one version of the library to the next, and two nodes must never differ over a letter.
///
/// # Errors
/// What is wrong with it, one clause.
pub(crate) fn compile(pattern: &str) -> Result<Regex, String> {
    if pattern.len() > PATTERN_BYTES {
        return Err(format!("a pattern of {} bytes; at most {PATTERN_BYTES} are allowed", pattern.len()));
    }
    if turns_unicode_on(pattern) {
        return Err("a pattern with the flag u; it works on bytes and ASCII's classes only".into());
    }
    let built = RegexBuilder::new(pattern)
        .unicode(false)
        .size_limit(COMPILED_BYTES)
        .dfa_size_limit(COMPILED_BYTES)
        .nest_limit(NESTING)
        .build();
    built.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => "a pattern that is too large when compiled".into(),
        // The last line says what is wrong; those before draw the place.
        other => {
            let text = other.to_string();
            let why = text.lines().last().unwrap_or_default().trim_start_matches("error:").trim();
            format!("a pattern with an error: {why}")
        }
    })
}

/// Compiles a pattern that must match as a whole.
///
/// # Errors
/// As [`compile`].
pub(crate) fn compile_whole(pattern: &str) -> Result<Regex, String> {
    compile(pattern)?;
    compile(&format!(r"\A(?:{pattern})\z"))
}

/// Whether a group's flags name `u`. Which tables a build then has depends on what else is built, so nobody gets them.
fn turns_unicode_on(pattern: &str) -> bool {
    let flags = |rest: &str| {
        let flags = rest.split([':', ')']).next().unwrap_or_default();
        flags.contains('u') && flags.bytes().all(|b| b.is_ascii_lowercase() || b == b'-' || b == b'R' || b == b'U')
    };
    pattern.match_indices("(?").any(|(at, _)| flags(&pattern[at + 2..]))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn patterns_are_bounded_and_know_ascii_only() {
        assert!(compile(r"^\d{3}-[a-z]+$").unwrap().is_match(b"123-ab"));
        for unicode in [r"(?u)\w", r"(?iu:\d)", r"(?i-s:a)(?xu)b", r"\p{L}", r"\pL", "[[:alpha:]ä]"] {
            assert!(compile(unicode).is_err(), "{unicode}");
        }
        assert!(compile("(?i)(?P<u>a)(?:u)").is_ok());
        assert!(!compile(r"\d").unwrap().is_match("٣".as_bytes()));
        assert!(compile_whole("a|b").unwrap().is_match(b"b") && !compile_whole("a|b").unwrap().is_match(b"ab"));
        assert!(compile("a{1000}{1000}").unwrap_err().contains("too large"));
        assert!(compile(&"x".repeat(513)).unwrap_err().contains("at most 512"));
        assert!(compile(&"(".repeat(40)).is_err());
        assert!(compile("a)").unwrap_err().contains("unopened group"));
        // Closing the group that makes it whole does not get out of it.
        assert!(compile_whole("a)|(?:b").is_err());
    }
}
