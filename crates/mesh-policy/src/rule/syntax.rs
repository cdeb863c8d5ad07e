//! The parse, by the crate `cel`: structure only.
//!
//! The parser gets no word of the source: each name and literal goes in as `t` and its number, and comes back so. Thus
//! literals stay exact (the parser's numbers are floats), every node knows its place, and no macro is expanded.

use std::fmt::Write as _;

use cel::IdedExpr;
use cel::parser::PrattParser;

use super::RuleError;
use super::forms::{Piece, written_out};
use super::token::{Token, TokenKind, tokens};

/// An expression's structure, with its words.
pub(super) struct Syntax<'a> {
    /// The text.
    pub(super) source: &'a str,
    /// Its words.
    pub(super) tokens: Vec<Token>,
    /// How they belong together.
    pub(super) tree: IdedExpr,
}

/// What a name in the parser's tree stands for.
pub(super) enum Named<'a> {
    /// A word of the source, by its number.
    Word(usize, &'a Token),
    /// A function that the source doesn't spell out; the number is the word it stands for.
    Function(String, usize),
}

/// Parses an expression, the guide's forms included.
///
/// # Errors
/// [`RuleError`] for the first thing that is wrong.
pub(super) fn parse(source: &str) -> Result<Syntax<'_>, RuleError> {
    let tokens = tokens(source)?;
    let pieces = written_out(source, &tokens)?;
    let mut text = String::with_capacity(pieces.len() * 5);
    let mut starts = Vec::with_capacity(pieces.len());
    for piece in &pieces {
        starts.push(text.len());
        let written = match *piece {
            Piece::Word(word) => match tokens[word].kind {
                TokenKind::Sign(sign) => write!(text, "{sign} "),
                _ => write!(text, "t{word} "),
            },
            Piece::Sign(sign, _) => write!(text, "{sign} "),
            Piece::Function(name, word) => write!(text, "{name}_{word} "),
        };
        written.expect("a String takes all");
    }
    let parser = PrattParser::new().max_expression_node_count(4096);
    match parser.parse(&text) {
        Ok(tree) => Ok(Syntax { source, tokens, tree }),
        Err(errors) => {
            let first = errors.errors.first();
            // The text is one line of ASCII, so the column is the byte.
            let byte = first.and_then(|error| usize::try_from(error.pos.1 - 1).ok()).unwrap_or(text.len());
            let piece = starts.iter().position(|start| *start >= byte);
            let token = piece.map(|piece| &tokens[pieces[piece].word()]);
            let expected = first.map_or("a condition", |error| expected(&error.msg, token));
            Err(match token {
                Some(token) => RuleError::at(source, token.at, expected, token.describe()),
                None => RuleError::at(source, source.len(), expected, "the end"),
            })
        }
    }
}

/// What the parser's message expects, in our words.
fn expected(message: &str, found: Option<&Token>) -> &'static str {
    let after_value = || found.is_some_and(|token| !matches!(token.kind, TokenKind::Sign(_)));
    let wants = |sign: &str| {
        message.contains(&format!("expecting '{sign}'")) || message.contains(&format!("expected '{sign}'"))
    };
    match () {
        () if wants(")") && after_value() => "an operator, ',' or ')'",
        () if wants(")") => "')'",
        () if wants("]") => "',' or ']'",
        () if wants(":") => "':' after what follows '?'",
        () if message.contains("<EOF>") && !message.contains("input '<EOF>'") => "an operator or the end",
        () if message.contains("identifier") => "a name after '.'",
        () => "a name, a literal or '('",
    }
}

impl Syntax<'_> {
    /// What a name of the tree stands for; `None` for none that went in.
    pub(super) fn named(&self, name: &str) -> Option<Named<'_>> {
        if let Some(token) = name.strip_prefix('t').and_then(|number| number.parse::<usize>().ok()) {
            return self.tokens.get(token).map(|word| Named::Word(token, word));
        }
        let (function, word) = name.rsplit_once('_')?;
        Some(Named::Function(function.to_owned(), word.parse().ok()?))
    }

    /// An error at a word.
    pub(super) fn error(&self, word: usize, expected: impl Into<String>, found: impl Into<String>) -> RuleError {
        let at = self.tokens.get(word).map_or(self.source.len(), |token| token.at);
        RuleError::at(self.source, at, expected, found)
    }

    /// The character that a word starts at, counted from 1.
    pub(super) fn position(&self, word: usize) -> usize {
        self.error(word, "", "").position
    }
}
