//! Text that is compared with a number is compared as a number. In CSV a column of which no type is declared is text, and `total >= 0` means
//! numbers; what is none is null, and its row fails. Without this the whole check would fail at the first such value.

use std::convert::Infallible;
use std::ops::ControlFlow;

use datafusion::arrow::datatypes::Schema;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CastKind, DataType, ExactNumberInfo, Expr, Query, UnaryOperator, Value, VisitMut, VisitorMut,
};

/// Changes such comparisons of a row's condition; its names are those of the table.
pub(super) fn compared(condition: &mut Expr, schema: &Schema) {
    let ControlFlow::Continue(()) = VisitMut::visit(condition, &mut Numbers { schema, depth: 0 });
}

struct Numbers<'a> {
    schema: &'a Schema,
    /// Queries around: what they read is not the row.
    depth: usize,
}

impl Numbers<'_> {
    fn read(&self, expr: &mut Expr) {
        let Expr::Identifier(name) = &*expr else { return };
        let is_text = self.schema.field_with_name(&name.value).is_ok_and(|field| field.data_type().is_string());
        if is_text {
            let column = Expr::Identifier(name.clone());
            *expr = Expr::Cast {
                kind: CastKind::TryCast,
                expr: Box::new(column),
                data_type: DataType::Double(ExactNumberInfo::None),
                array: false,
                format: None,
            };
        }
    }
}

fn is_number(expr: &Expr) -> bool {
    match expr {
        Expr::Value(value) => matches!(value.value, Value::Number(..)),
        Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr } | Expr::Nested(expr) => is_number(expr),
        _ => false,
    }
}

impl VisitorMut for Numbers<'_> {
    type Break = Infallible;

    fn pre_visit_query(&mut self, _query: &mut Query) -> ControlFlow<Infallible> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &mut Query) -> ControlFlow<Infallible> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Infallible> {
        use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
        match expr {
            _ if self.depth > 0 => {}
            Expr::BinaryOp { left, op: Eq | NotEq | Lt | LtEq | Gt | GtEq, right } => {
                if is_number(right) {
                    self.read(left);
                } else if is_number(left) {
                    self.read(right);
                }
            }
            Expr::Between { expr, low, high, .. } if is_number(low) && is_number(high) => self.read(expr),
            Expr::InList { expr, list, .. } if list.iter().all(is_number) => self.read(expr),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}
