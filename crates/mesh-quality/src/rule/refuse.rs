//! What a check may not hold. The engine could not do most of it anyway, for it knows the registered tables only; here it is told in words, before
//! anything is planned.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArguments, ObjectNamePart, Query, Select, SetExpr, Statement, TableFactor, Visit, Visitor,
};

/// Functions that look at all rows, where they stand outside a query and over no window.
const AGGREGATES: [&str; 13] = [
    "avg",
    "approx_distinct",
    "array_agg",
    "bool_and",
    "bool_or",
    "count",
    "max",
    "mean",
    "median",
    "min",
    "stddev",
    "string_agg",
    "sum",
];

/// What was seen of a check.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) has_subquery: bool,
    /// Whether it names a column outside its subqueries.
    pub(super) has_column: bool,
    /// A function over all rows outside its subqueries.
    pub(super) aggregate: Option<String>,
}

/// Looks at a check.
pub(super) fn check(check: &impl Visit) -> Result<Seen, String> {
    let mut look = Look::default();
    match check.visit(&mut look) {
        ControlFlow::Break(why) => Err(why.to_owned()),
        ControlFlow::Continue(()) => Ok(look.seen),
    }
}

#[derive(Default)]
struct Look {
    seen: Seen,
    /// Queries around.
    depth: usize,
}

type Flow = ControlFlow<&'static str>;

fn refuse(why: &'static str) -> Flow {
    ControlFlow::Break(why)
}

impl Visitor for Look {
    type Break = &'static str;

    fn pre_visit_query(&mut self, query: &Query) -> Flow {
        self.seen.has_subquery = true;
        self.depth += 1;
        if !query.locks.is_empty() {
            return refuse("it locks rows: only conditions and SELECT are run");
        }
        body(&query.body)
    }

    fn post_visit_query(&mut self, _query: &Query) -> Flow {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> Flow {
        if select.into.is_some() {
            return refuse("it is a SELECT INTO, which writes a table: only conditions and SELECT are run");
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_statement(&mut self, _statement: &Statement) -> Flow {
        refuse("it holds a statement: only conditions and SELECT are run")
    }

    fn pre_visit_table_factor(&mut self, table: &TableFactor) -> Flow {
        match table {
            TableFactor::Table { args: None, .. } | TableFactor::Derived { .. } | TableFactor::NestedJoin { .. } => {
                ControlFlow::Continue(())
            }
            _ => refuse("it reads from a function: only the tables of the product are read"),
        }
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> Flow {
        if self.depth > 0 {
            return ControlFlow::Continue(());
        }
        match expr {
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) => self.seen.has_column = true,
            Expr::Function(function) if function.over.is_none() && self.seen.aggregate.is_none() => {
                let name = match function.name.0.as_slice() {
                    [ObjectNamePart::Identifier(name)] => name.value.to_lowercase(),
                    _ => String::new(),
                };
                let has_arguments = !matches!(function.args, FunctionArguments::None);
                self.seen.aggregate = Some(name).filter(|name| has_arguments && AGGREGATES.contains(&name.as_str()));
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

fn body(body: &SetExpr) -> Flow {
    match body {
        SetExpr::Select(_) | SetExpr::Query(_) | SetExpr::Values(_) => ControlFlow::Continue(()),
        SetExpr::SetOperation { left, right, .. } => {
            self::body(left)?;
            self::body(right)
        }
        SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => {
            refuse("it writes: only conditions and SELECT are run")
        }
        SetExpr::Table(_) => refuse("it is TABLE, not SELECT: only conditions and SELECT are run"),
    }
}
