//! Names in a check made those of the data: upper and lower case do not matter where they leave no doubt, and what is not there is told.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::sql::sqlparser::ast::{Expr, Ident, ObjectName, ObjectNamePart, Query, VisitMut, VisitorMut};

use super::numbers;
use super::parse::{DataRule, RowRule};
use crate::column::{Column, is_same_name};

/// A table that checks may name.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) name: String,
    pub(crate) schema: SchemaRef,
}

/// A row's condition over one table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Resolved {
    /// It can be run.
    Ready(Box<Expr>),
    /// The table has no such columns.
    Missing(BTreeSet<String>),
}

/// The rule's condition in the names of one table.
///
/// # Errors
/// A sentence, when it asks a query of a table that is not known.
pub(crate) fn for_row(rule: &RowRule, table: &Known, all: &[Known]) -> Result<Resolved, String> {
    let mut condition = rule.condition.clone();
    let mut names = Names::new(Some(table), all);
    if let ControlFlow::Break(why) = VisitMut::visit(&mut condition, &mut names) {
        return Err(why);
    }
    if names.missing.is_empty() {
        numbers::compared(&mut condition, &table.schema);
        Ok(Resolved::Ready(condition))
    } else {
        Ok(Resolved::Missing(names.missing))
    }
}

/// The rule in the names of the tables.
///
/// # Errors
/// A sentence, when it names a table that is not known.
pub(crate) fn for_data(rule: &DataRule, all: &[Known]) -> Result<DataRule, String> {
    let mut rule = rule.clone();
    let mut names = Names::new(None, all);
    let flow = match &mut rule {
        DataRule::Select(query) => VisitMut::visit(query, &mut names),
        DataRule::Condition { condition, subject } => match VisitMut::visit(condition, &mut names) {
            ControlFlow::Continue(()) => VisitMut::visit(subject, &mut names),
            broken @ ControlFlow::Break(_) => broken,
        },
    };
    match flow {
        ControlFlow::Continue(()) => Ok(rule),
        ControlFlow::Break(why) => Err(why),
    }
}

struct Names<'a> {
    /// The table whose rows are looked at; none for a condition on the whole data.
    row: Option<&'a Known>,
    all: &'a [Known],
    /// Columns of all tables by their name in lower case; none where they are spelt in several ways.
    spelt: BTreeMap<String, Option<&'a str>>,
    /// Names that queries give to others.
    given: BTreeSet<String>,
    /// Queries around.
    depth: usize,
    missing: BTreeSet<String>,
}

impl<'a> Names<'a> {
    fn new(row: Option<&'a Known>, all: &'a [Known]) -> Self {
        let mut spelt: BTreeMap<String, Option<&'a str>> = BTreeMap::new();
        for field in all.iter().flat_map(|table| table.schema.fields()) {
            let name = field.name().as_str();
            let known = spelt.entry(name.to_lowercase()).or_insert(Some(name));
            *known = known.filter(|known| *known == name);
        }
        Self { row, all, spelt, given: BTreeSet::new(), depth: 0, missing: BTreeSet::new() }
    }

    fn table(&self, name: &str) -> Option<&'a Known> {
        let exact = self.all.iter().find(|table| table.name == name);
        exact.or_else(|| self.all.iter().find(|table| is_same_name(&table.name, name)))
    }

    /// A name of the row's table.
    fn of_row(&mut self, row: &Known, expr: &mut Expr) {
        let parts: Vec<String> = match &*expr {
            Expr::Identifier(name) => vec![name.value.clone()],
            Expr::CompoundIdentifier(parts) => parts.iter().map(|part| part.value.clone()).collect(),
            _ => return,
        };
        let is_table = |name: &str| is_same_name(name, &row.name);
        // `orders.total` and `shop.orders.total` are `total`, unless there is a column `orders`.
        let ways = [
            Some(parts.as_slice()),
            parts.split_first().filter(|(first, rest)| is_table(first) && !rest.is_empty()).map(|(_, rest)| rest),
            parts.get(2..).filter(|rest| !rest.is_empty() && parts.get(1).is_some_and(|name| is_table(name))),
        ];
        let found = ways.into_iter().flatten().find_map(|way| Column::find(&row.schema, &way.join(".")));
        match found {
            Some(Column { top, nested, .. }) if nested.is_empty() => *expr = Expr::Identifier(exactly(top)),
            Some(Column { top, nested, .. }) => {
                *expr = Expr::CompoundIdentifier(std::iter::once(top).chain(nested).map(exactly).collect());
            }
            None => _ = self.missing.insert(parts.join(".")),
        }
    }

    /// A name within a query: it may be an alias, so only what leaves no doubt is changed.
    fn of_query(&self, expr: &mut Expr) {
        let column = |name: &mut Ident| {
            if name.quote_style.is_none()
                && let Some(Some(spelt)) = self.spelt.get(&name.value.to_lowercase())
            {
                *name = exactly(*spelt);
            }
        };
        match expr {
            Expr::Identifier(name) => column(name),
            Expr::CompoundIdentifier(parts) => {
                // `schema.table.column`
                if let [_, table, _] = parts.as_slice()
                    && self.table(&table.value).is_some()
                {
                    parts.remove(0);
                }
                let Some((first, rest)) = parts.split_first_mut() else { return };
                if !self.given.contains(&first.value.to_lowercase())
                    && let Some(table) = self.table(&first.value)
                {
                    *first = exactly(table.name.as_str());
                } else if self.spelt.contains_key(&first.value.to_lowercase()) {
                    // A field of a nested column.
                    column(first);
                    return;
                }
                if let Some(second) = rest.first_mut() {
                    column(second);
                }
            }
            _ => {}
        }
    }
}

/// A name that means exactly what it says.
fn exactly(name: impl Into<String>) -> Ident {
    Ident::with_quote('"', name)
}

impl VisitorMut for Names<'_> {
    type Break = String;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<String> {
        self.depth += 1;
        let given = query.with.iter().flat_map(|with| &with.cte_tables);
        self.given.extend(given.map(|table| table.alias.name.value.to_lowercase()));
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &mut Query) -> ControlFlow<String> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, name: &mut ObjectName) -> ControlFlow<String> {
        let last = name.0.last().and_then(ObjectNamePart::as_ident).map(|last| last.value.clone()).unwrap_or_default();
        if name.0.len() == 1 && self.given.contains(&last.to_lowercase()) {
            return ControlFlow::Continue(());
        }
        let Some(table) = self.table(&last) else {
            let known: Vec<&str> = self.all.iter().map(|table| table.name.as_str()).collect();
            let known = if known.is_empty() { "none can be read".to_owned() } else { known.join(", ") };
            return ControlFlow::Break(format!(
                "it reads '{name}', which is no table of the product (tables: {known})"
            ));
        };
        *name = ObjectName::from(exactly(table.name.as_str()));
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<String> {
        match self.row {
            Some(row) if self.depth == 0 => self.of_row(row, expr),
            _ => self.of_query(expr),
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
#[path = "names_tests.rs"]
mod tests;
