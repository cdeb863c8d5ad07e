//! Checks put into queries, as trees: text that was looked at once is not read a second time.

use std::convert::Infallible;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Expr, Statement, VisitMut, VisitorMut};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;

use crate::error::QueryError;

/// What the names of slots begin with; no column is called so.
const MARK: char = '\u{1f}';

/// In a query's text, the place of an expression.
pub(crate) fn slot(number: usize) -> String {
    format!("\"{MARK}{number}\"")
}

/// A query with expressions in the places of its slots.
///
/// # Errors
/// [`QueryError::Failed`] when the text is no query; it is this crate's own.
pub(crate) fn query(text: &str, parts: &[&Expr]) -> Result<Statement, QueryError> {
    let failed = |why: &str| QueryError::Failed(crate::words::shortened(&format!("a query cannot be made: {why}")));
    let mut statements = Parser::parse_sql(&GenericDialect {}, text).map_err(|e| failed(&e.to_string()))?;
    let mut statement = statements.pop().filter(|_| statements.is_empty()).ok_or_else(|| failed("it is not one"))?;
    let ControlFlow::Continue(()) = VisitMut::visit(&mut statement, &mut Fill { parts });
    Ok(statement)
}

struct Fill<'a> {
    parts: &'a [&'a Expr],
}

impl VisitorMut for Fill<'_> {
    type Break = Infallible;

    // After the children: what is put in is not looked at again.
    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Infallible> {
        if let Expr::Identifier(name) = &*expr
            && let Some(number) = name.value.strip_prefix(MARK).and_then(|number| number.parse::<usize>().ok())
            && let Some(part) = self.parts.get(number)
        {
            *expr = Expr::Nested(Box::new((*part).clone()));
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// What a text would not survive: written out, `\'` is read as another string than the one it was.
    #[test]
    fn expressions_are_put_in_as_they_are() {
        let tricky = Parser::new(&GenericDialect {}).try_with_sql(r"a = '\'''").unwrap().parse_expr().unwrap();
        let text = format!("SELECT sum(CASE WHEN {} IS TRUE THEN 0 ELSE 1 END), {} FROM t", slot(0), slot(1));
        let made = query(&text, &[&tricky, &tricky]).unwrap();
        let mut found = Vec::new();
        let looked = datafusion::sql::sqlparser::ast::visit_expressions(&made, |expr| {
            if *expr == tricky {
                found.push(());
            }
            ControlFlow::<()>::Continue(())
        });
        assert!(looked.is_continue() && found.len() == 2, "{made}");
        assert!(query("SELECT", &[]).is_err() && query("SELECT 1; SELECT 2", &[]).is_err());
    }
}
