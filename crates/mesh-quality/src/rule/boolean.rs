//! Conditions made strict: where a truth is expected, `regexp_match` is `regexp_like`.
//!
//! `regexp_match(a, b)` gives the match as a list, or null where there is none. As a condition a match is meant to be true, and no match false;
//! and a value that is null is unknown, also under NOT. That is what `regexp_like` says. Where a list is expected, such as in
//! `regexp_match(a, b)[1]`, nothing is changed.

use std::convert::Infallible;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Function, JoinConstraint, JoinOperator, ObjectNamePart, Query, Select, UnaryOperator,
    VisitMut, VisitorMut,
};

/// An expression that is a condition itself.
pub(super) fn in_condition(condition: &mut Expr) {
    truth(condition);
    let ControlFlow::Continue(()) = VisitMut::visit(condition, &mut Within);
}

/// A query: its conditions, and those in what it selects.
pub(super) fn in_query(query: &mut Query) {
    let ControlFlow::Continue(()) = VisitMut::visit(query, &mut Within);
}

struct Within;

type Flow = ControlFlow<Infallible>;

impl VisitorMut for Within {
    type Break = Infallible;

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> Flow {
        operands(expr);
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> Flow {
        for condition in [&mut select.selection, &mut select.having, &mut select.qualify].into_iter().flatten() {
            truth(condition);
        }
        for join in select.from.iter_mut().flat_map(|from| &mut from.joins) {
            if let Some(JoinConstraint::On(condition)) = constraint(&mut join.join_operator) {
                truth(condition);
            }
        }
        ControlFlow::Continue(())
    }
}

fn constraint(operator: &mut JoinOperator) -> Option<&mut JoinConstraint> {
    match operator {
        JoinOperator::Join(on)
        | JoinOperator::Inner(on)
        | JoinOperator::Left(on)
        | JoinOperator::LeftOuter(on)
        | JoinOperator::Right(on)
        | JoinOperator::RightOuter(on)
        | JoinOperator::FullOuter(on) => Some(on),
        _ => None,
    }
}

/// An expression in whose place a truth is expected.
fn truth(expr: &mut Expr) {
    match expr {
        Expr::Nested(inner) => truth(inner),
        Expr::Function(function) => regexp(function),
        Expr::Case { conditions, else_result, .. } => {
            for when in conditions {
                truth(&mut when.result);
            }
            if let Some(result) = else_result {
                truth(result);
            }
        }
        _ => operands(expr),
    }
}

/// What stands in an operator between truths.
fn operands(expr: &mut Expr) {
    match expr {
        Expr::UnaryOp { op: UnaryOperator::Not, expr } => truth(expr),
        Expr::BinaryOp { left, op: BinaryOperator::And | BinaryOperator::Or | BinaryOperator::Xor, right } => {
            truth(left);
            truth(right);
        }
        Expr::IsTrue(inner)
        | Expr::IsNotTrue(inner)
        | Expr::IsFalse(inner)
        | Expr::IsNotFalse(inner)
        | Expr::IsUnknown(inner)
        | Expr::IsNotUnknown(inner) => truth(inner),
        Expr::Case { operand: None, conditions, .. } => {
            for when in conditions {
                truth(&mut when.condition);
            }
        }
        _ => {}
    }
}

fn regexp(function: &mut Function) {
    if let [ObjectNamePart::Identifier(name)] = function.name.0.as_mut_slice()
        && name.value.eq_ignore_ascii_case("regexp_match")
    {
        "regexp_like".clone_into(&mut name.value);
        name.quote_style = None;
    }
}
