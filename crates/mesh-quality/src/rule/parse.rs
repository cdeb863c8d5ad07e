//! What a check is: a condition on a row, a condition on the whole data, or neither.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, Ident, Query};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

use super::boolean;
use super::refuse::{self, Seen};

/// Longest check, in bytes.
const BYTES: usize = 64 << 10;
/// Most words and signs of a check that may nest, so commas, parentheses and literals aside. The parser bounds what stands in parentheses; a
/// chain such as `a + a + a …` nests too, and the parser does not bound it.
const STEPS: usize = 300;
/// What the value of a subquery is called where it was taken out of its condition.
pub(super) const SUBJECT: &str = "\u{1f}value";

/// What statements begin with that are no condition.
const STATEMENTS: [&str; 35] = [
    "ALTER",
    "ANALYZE",
    "ATTACH",
    "BEGIN",
    "CALL",
    "COMMIT",
    "COPY",
    "CREATE",
    "DEALLOCATE",
    "DECLARE",
    "DELETE",
    "DESCRIBE",
    "DETACH",
    "DROP",
    "EXECUTE",
    "EXPLAIN",
    "EXPORT",
    "GRANT",
    "INSERT",
    "INSTALL",
    "LOAD",
    "LOCK",
    "MERGE",
    "PRAGMA",
    "PREPARE",
    "RESET",
    "REVOKE",
    "ROLLBACK",
    "SET",
    "SHOW",
    "TRUNCATE",
    "UNLOAD",
    "UPDATE",
    "USE",
    "VACUUM",
];

/// A check that may be run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Check {
    /// Every row has to fulfil it.
    Row(RowRule),
    /// The data as a whole has to.
    Data(DataRule),
}

/// A condition on a row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RowRule {
    pub(crate) condition: Box<Expr>,
    /// Whether it asks a query: then it can only be counted alone.
    pub(crate) has_subquery: bool,
}

/// A condition on the whole data.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum DataRule {
    /// An expression with a subquery. Where that is what is compared, it is the subject, and stands in the condition as [`value`].
    Condition { condition: Box<Expr>, subject: Option<Box<Expr>> },
    /// A query that gives one boolean.
    Select(Box<Query>),
}

/// The column that a subject's value is in.
pub(crate) fn value() -> Ident {
    Ident::with_quote('"', SUBJECT)
}

/// Reads a check.
///
/// # Errors
/// A sentence: what was expected and found.
pub(crate) fn parse(text: &str) -> Result<Check, String> {
    if text.len() > BYTES {
        return Err(format!("the check has {} bytes: expected at most {BYTES}", text.len()));
    }
    let dialect = GenericDialect {};
    let tokens = Tokenizer::new(&dialect, text).tokenize_with_location().map_err(|e| no_condition(&e.to_string()))?;
    let steps = tokens.iter().filter(|token| may_nest(&token.token)).count();
    if steps > STEPS {
        return Err(format!("the check has {steps} words and signs: expected at most {STEPS}; make two of it"));
    }
    let first = tokens.iter().find(|token| !matches!(token.token, Token::Whitespace(_)));
    let statement = first.and_then(|token| statement(&token.token));
    let mut parser = Parser::new(&dialect).with_tokens_with_locations(tokens.clone());
    let is_query = first.is_some_and(|token| match &token.token {
        Token::Word(word) => matches!(word.keyword, Keyword::SELECT | Keyword::WITH),
        _ => false,
    });
    let parsed = if is_query {
        parser.parse_query().map(Parsed::Query)
    } else {
        parser.parse_expr().map(|condition| Parsed::Expression(Box::new(condition)))
    };
    let rest = parser.next_token().token;
    let rest = if rest == Token::SemiColon { parser.next_token().token } else { rest };
    match (parsed, statement) {
        (Ok(parsed), _) if rest == Token::EOF => classify(parsed),
        (_, Some(word)) => Err(format!("it is a statement ({word}): only conditions and SELECT are run")),
        (Ok(_), None) if has_several(&tokens) => {
            Err("it holds several statements: expected one condition or one SELECT".to_owned())
        }
        (Ok(_), None) => Err(no_condition(&format!("unexpected {rest}"))),
        (Err(ParserError::RecursionLimitExceeded), None) => {
            Err("it is nested too deeply: expected at most 50 levels".to_owned())
        }
        (Err(ParserError::ParserError(why) | ParserError::TokenizerError(why)), None) => Err(no_condition(&why)),
    }
}

enum Parsed {
    Query(Box<Query>),
    Expression(Box<Expr>),
}

fn no_condition(why: &str) -> String {
    crate::words::shortened(&format!("it is no condition in SQL: {why}"))
}

fn may_nest(token: &Token) -> bool {
    !matches!(
        token,
        Token::Whitespace(_)
            | Token::Comma
            | Token::Period
            | Token::LParen
            | Token::RParen
            | Token::Number(..)
            | Token::SingleQuotedString(_)
    )
}

fn statement(token: &Token) -> Option<&'static str> {
    let Token::Word(word) = token else { return None };
    let is_first = |known: &&&str| word.quote_style.is_none() && known.eq_ignore_ascii_case(&word.value);
    STATEMENTS.iter().find(is_first).copied()
}

/// Whether something stands behind a semicolon.
fn has_several(tokens: &[TokenWithSpan]) -> bool {
    let mut behind = tokens.iter().map(|token| &token.token).skip_while(|token| **token != Token::SemiColon);
    behind.any(|token| !matches!(token, Token::SemiColon | Token::Whitespace(_) | Token::EOF))
}

fn classify(parsed: Parsed) -> Result<Check, String> {
    match parsed {
        Parsed::Query(mut query) => {
            refuse::check(&query)?;
            boolean::in_query(&mut query);
            Ok(Check::Data(DataRule::Select(query)))
        }
        Parsed::Expression(mut condition) => {
            let Seen { has_subquery, has_column, aggregate } = refuse::check(&condition)?;
            if let Some(name) = aggregate {
                return Err(format!("{name} looks at all rows, not at one: write (SELECT {name}(…) FROM table)"));
            }
            boolean::in_condition(&mut condition);
            if has_subquery && !has_column {
                let subject = take_subject(&mut condition);
                return Ok(Check::Data(DataRule::Condition { condition, subject }));
            }
            Ok(Check::Row(RowRule { condition, has_subquery }))
        }
    }
}

/// Takes `(SELECT …)` out of `(SELECT …) = 0` and the like, so that what it gives can be told.
fn take_subject(condition: &mut Expr) -> Option<Box<Expr>> {
    let place = match condition {
        Expr::BinaryOp { left, op, .. } if is_comparison(op) => left,
        Expr::Between { expr, .. } => expr,
        Expr::Nested(inner) => return take_subject(inner),
        _ => return None,
    };
    let mut inner: &Expr = place;
    while let Expr::Nested(within) = inner {
        inner = within;
    }
    if !matches!(inner, Expr::Subquery(_)) {
        return None;
    }
    Some(std::mem::replace(place, Box::new(Expr::Identifier(value()))))
}

fn is_comparison(op: &BinaryOperator) -> bool {
    use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
    matches!(op, Eq | NotEq | Gt | GtEq | Lt | LtEq)
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
