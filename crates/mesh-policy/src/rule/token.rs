//! An expression's words, within bounds: the text is from anybody.

use rust_decimal::Decimal;

use super::RuleError;
use crate::value::{exact, quoted};

/// Longest expression, in bytes.
pub const EXPRESSION_BYTES: usize = 2048;
/// Most words of an expression.
pub const TOKENS: usize = 256;
/// Deepest nesting of brackets.
pub const DEPTH: usize = 16;

/// What a word is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// A name; `where`, `all` and function names are names too.
    Name(String),
    /// A number.
    Number(Decimal),
    /// A text, its escapes resolved.
    Text(String),
    /// `true` or `false`.
    Bool(bool),
    /// `null`.
    Null,
    /// An operator, a bracket, or `in`.
    Sign(&'static str),
}

/// A word with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    /// What it is.
    pub(super) kind: TokenKind,
    /// The byte it starts at.
    pub(super) at: usize,
}

impl Token {
    /// Whether it is this sign.
    pub(super) fn is(&self, sign: &str) -> bool {
        matches!(self.kind, TokenKind::Sign(found) if found == sign)
    }

    /// The name, where it is one.
    pub(super) fn name(&self) -> Option<&str> {
        match &self.kind {
            TokenKind::Name(name) => Some(name),
            _ => None,
        }
    }

    /// What it is, for people.
    pub(super) fn describe(&self) -> String {
        match &self.kind {
            TokenKind::Name(name) => quoted(name),
            TokenKind::Number(number) => format!("the number {number}"),
            TokenKind::Text(text) => format!("the text {}", quoted(text)),
            TokenKind::Bool(truth) => quoted(&truth.to_string()),
            TokenKind::Null => "'null'".into(),
            TokenKind::Sign(sign) => quoted(sign),
        }
    }
}

/// Longer signs first, so that `<=` is not `<`.
const SIGNS: [&str; 20] =
    ["==", "!=", "<=", ">=", "&&", "||", "<", ">", "!", "+", "-", "*", "%", "?", ":", ".", ",", "(", ")", "["];

/// What people write and rules don't have, with what to write instead.
const FOREIGN: [(&str, &str); 6] = [
    ("=", "'==' to compare"),
    ("&", "'&&'"),
    ("|", "'||'"),
    ("/", "a product instead of a quotient, such as a >= 2 * b"),
    ("{", "no map; rules only read them"),
    ("}", "no map; rules only read them"),
];

/// The words of an expression.
pub(super) fn tokens(source: &str) -> Result<Vec<Token>, RuleError> {
    if source.len() > EXPRESSION_BYTES {
        let found = format!("{} bytes", source.len());
        return Err(RuleError::at(source, EXPRESSION_BYTES, format!("at most {EXPRESSION_BYTES} bytes"), found));
    }
    let mut found: Vec<Token> = Vec::new();
    // Open brackets, signs in front of one value, conditions: what makes a parser go down a level.
    let (mut at, mut depth, mut in_front, mut conditions) = (0, 0_usize, 0_usize, 0_usize);
    loop {
        at = skip_blank(source, at);
        if at == source.len() {
            break;
        }
        let (kind, end) = token(source, at)?;
        match kind {
            TokenKind::Sign("(" | "[") => depth += 1,
            TokenKind::Sign(")" | "]") => depth = depth.saturating_sub(1),
            TokenKind::Sign("?") => conditions += 1,
            _ => {}
        }
        let is_in_front = matches!(kind, TokenKind::Sign("!" | "-")) && found.last().is_none_or(begins_a_value);
        in_front = if is_in_front { in_front + 1 } else { 0 };
        if depth > DEPTH {
            return Err(RuleError::at(source, at, format!("at most {DEPTH} open brackets"), "one more"));
        }
        if depth + in_front > DEPTH {
            let expected = format!("at most {DEPTH} open brackets and signs in front of a value");
            return Err(RuleError::at(source, at, expected, "one more"));
        }
        if conditions > DEPTH {
            return Err(RuleError::at(source, at, format!("at most {DEPTH} times '?'"), "one more"));
        }
        if found.len() == TOKENS {
            return Err(RuleError::at(source, at, format!("at most {TOKENS} words"), "more"));
        }
        found.push(Token { kind, at });
        at = end;
    }
    if found.is_empty() {
        return Err(RuleError::at(source, 0, "a condition", "nothing"));
    }
    Ok(found)
}

/// Whether a value has to come after this word: a sign there is in front of it, not between two.
fn begins_a_value(before: &Token) -> bool {
    matches!(before.kind, TokenKind::Sign(sign) if !matches!(sign, ")" | "]"))
}

/// The first byte that is neither blank nor in a comment.
fn skip_blank(source: &str, mut at: usize) -> usize {
    loop {
        let rest = &source[at..];
        let blank = rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
        at += blank;
        if !source[at..].starts_with("//") {
            return at;
        }
        at += source[at..].find('\n').unwrap_or(source.len() - at);
    }
}

/// The word that starts at a byte, and the byte after it.
fn token(source: &str, at: usize) -> Result<(TokenKind, usize), RuleError> {
    let rest = &source[at..];
    let first = rest.chars().next().expect("called before the end");
    let length = |fits: fn(char) -> bool| rest.find(|c| !fits(c)).unwrap_or(rest.len());
    if let Some(raw) = rest.strip_prefix(['r', 'R']).filter(|raw| raw.starts_with(['\'', '"'])) {
        return text(source, at, source.len() - raw.len(), true);
    }
    if first == '\'' || first == '"' {
        return text(source, at, at, false);
    }
    if first.is_ascii_alphabetic() || first == '_' {
        let end = length(|c| c.is_ascii_alphanumeric() || c == '_');
        let kind = match &rest[..end] {
            "true" => TokenKind::Bool(true),
            "false" => TokenKind::Bool(false),
            "null" => TokenKind::Null,
            "in" => TokenKind::Sign("in"),
            name => TokenKind::Name(name.to_owned()),
        };
        return Ok((kind, at + end));
    }
    if first.is_ascii_digit() {
        let end = length(|c| c.is_ascii_alphanumeric() || c == '.' || c == '_');
        let written = &rest[..end];
        let plain = written.bytes().all(|b| b.is_ascii_digit() || b == b'.') && !written.ends_with('.');
        let number = plain.then(|| exact(written)).flatten();
        let expected = "a number of at most 28 digits, such as 99.5";
        let number = number.ok_or_else(|| RuleError::at(source, at, expected, quoted(written)))?;
        return Ok((TokenKind::Number(number), at + end));
    }
    let sign = SIGNS.into_iter().chain(["]"]).find(|sign| rest.starts_with(sign));
    if let Some(sign) = sign {
        return Ok((TokenKind::Sign(sign), at + sign.len()));
    }
    let foreign = FOREIGN.into_iter().find(|(sign, _)| rest.starts_with(sign));
    let expected = foreign.map_or("a name, a number, a text or an operator", |(_, instead)| instead);
    Err(RuleError::at(source, at, expected, quoted(&first.to_string())))
}

/// The text whose quote stands at `quote`; its word starts at `at`.
fn text(source: &str, at: usize, quote: usize, raw: bool) -> Result<(TokenKind, usize), RuleError> {
    let mut chars = source[quote..].char_indices();
    let (_, closing) = chars.next().expect("called at a quote");
    let mut value = String::new();
    while let Some((offset, c)) = chars.next() {
        match c {
            _ if c == closing => return Ok((TokenKind::Text(value), quote + offset + c.len_utf8())),
            '\n' | '\r' => break,
            '\\' if !raw => {
                let escaped = chars.next().map(|(_, c)| c);
                value.push(match escaped {
                    Some(c @ ('\\' | '\'' | '"' | '`' | '?')) => c,
                    Some('n') => '\n',
                    Some('r') => '\r',
                    Some('t') => '\t',
                    Some('u') => {
                        let digits: String = chars.by_ref().take(4).map(|(_, c)| c).collect();
                        let hex = digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_hexdigit());
                        let code = hex.then(|| u32::from_str_radix(&digits, 16).ok()).flatten();
                        code.and_then(char::from_u32).ok_or_else(|| {
                            let expected = "four hexadecimal digits of a character after \\u";
                            RuleError::at(source, quote + offset, expected, quoted(&digits))
                        })?
                    }
                    other => {
                        let expected =
                            r#"one of \\ \' \" \n \r \t \u (in a pattern, write r'...' to keep backslashes)"#;
                        let found = other.map_or("the end".into(), |c| quoted(&format!("\\{c}")));
                        return Err(RuleError::at(source, quote + offset, expected, found));
                    }
                });
            }
            c => value.push(c),
        }
    }
    Err(RuleError::at(source, at, format!("a text that ends with {closing} on its line"), "no end of it"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn kinds(source: &str) -> Vec<TokenKind> {
        tokens(source).unwrap().into_iter().map(|token| token.kind).collect()
    }

    #[test]
    fn words_are_what_they_look_like() {
        let found = kinds("a.b<=1.50 // to the end\n && r'\\d' != \"\\u00e4\\n\" in null");
        let name = |name: &str| TokenKind::Name(name.into());
        let sign = TokenKind::Sign;
        assert_eq!(
            found,
            [
                name("a"),
                sign("."),
                name("b"),
                sign("<="),
                TokenKind::Number(Decimal::new(150, 2)),
                sign("&&"),
                TokenKind::Text("\\d".into()),
                sign("!="),
                TokenKind::Text("ä\n".into()),
                sign("in"),
                TokenKind::Null,
            ]
        );
    }

    #[test]
    fn what_rules_dont_have_is_an_error_with_its_place() {
        let said = |source: &str| tokens(source).unwrap_err().to_string();
        assert_eq!(said("a = 1"), "at character 3: expected '==' to compare, found '='");
        assert_eq!(said("'ä' & b"), "at character 5: expected '&&', found '&'");
        assert_eq!(
            said("x > 1e5"),
            "at character 5: expected a number of at most 28 digits, such as 99.5, found '1e5'"
        );
        assert_eq!(
            said("x == 'abc"),
            "at character 6: expected a text that ends with ' on its line, found no end of it"
        );
        assert!(said("'\\d'").contains("write r'...'"));
        assert!(said("ü == 1").contains("a name, a number"));
        assert!(said("").contains("found nothing"));
    }

    #[test]
    fn bounds_hold_before_anything_is_parsed() {
        let said = |source: String| tokens(&source).unwrap_err().to_string();
        assert!(tokens(&format!("'{}'", "x".repeat(EXPRESSION_BYTES - 2))).is_ok());
        assert!(said(format!("'{}'", "x".repeat(EXPRESSION_BYTES - 1))).contains("at most 2048 bytes"));
        assert_eq!(tokens(&vec!["a"; TOKENS].join(" ")).unwrap().len(), TOKENS);
        assert!(said(vec!["a"; TOKENS + 1].join(" ")).contains("at most 256 words"));
        assert!(tokens(&"(".repeat(DEPTH)).is_ok());
        assert!(said("(".repeat(DEPTH + 1)).contains("at character 17: expected at most 16 open brackets"));
    }
}
