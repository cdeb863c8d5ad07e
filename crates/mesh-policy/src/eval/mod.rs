//! The evaluator: a walk over a compiled expression, with every step counted.
//!
//! It asks every operand of `&&` and `||` and every element of a list, so that nothing behind a first answer hides; only
//! `c ? a : b`, a filter and a `where` choose what is asked. Whatever is not a plain yes is a [`Fault`], and ends it.

mod blame;
mod compute;
mod fault;
#[cfg(test)]
mod fuzz;

pub(crate) use blame::{Blame, blame};
pub(crate) use fault::Fault;

use crate::rule::Node;
use crate::rule::node::{Each, Kind};
use crate::value::Value;

/// Most steps of one rule over one product. A step is a node that is visited; long texts and lists cost more.
pub const STEPS: u64 = 1_000_000;

/// One evaluation of one expression over one document.
pub(crate) struct Evaluator<'n> {
    document: &'n Value,
    steps: u64,
    /// The elements in scope, the outermost first.
    elements: Vec<Element<'n>>,
}

/// An element of a list that is being gone through.
#[derive(Clone)]
struct Element<'n> {
    value: Value,
    /// The list's expression and the element's place in it.
    list: &'n Node,
    at: usize,
}

impl<'n> Evaluator<'n> {
    pub(crate) fn new(document: &'n Value) -> Self {
        Self { document, steps: 0, elements: Vec::new() }
    }

    /// Takes steps.
    fn take(&mut self, steps: usize) -> Result<(), Fault> {
        self.steps += steps as u64;
        if self.steps > STEPS { Err(Fault::Budget) } else { Ok(()) }
    }

    /// The truth value of an expression.
    pub(crate) fn truth(&mut self, node: &'n Node) -> Result<bool, Fault> {
        match self.value(node)? {
            Value::Bool(truth) => Ok(truth),
            other => Err(self.kind(node, "a truth value", &other)),
        }
    }

    /// The value of an expression; never null.
    fn value(&mut self, node: &'n Node) -> Result<Value, Fault> {
        match self.look(node)? {
            Value::Null => Err(Fault::Missing { path: self.path(node) }),
            value => Ok(value),
        }
    }

    /// The value of an expression, null where nothing is said. Recursion is as deep as the expression.
    fn look(&mut self, node: &'n Node) -> Result<Value, Fault> {
        self.take(1)?;
        let value = match &node.kind {
            Kind::Const(value) => value.clone(),
            Kind::Root(name) => self.document.get(name),
            Kind::Element(level) => self.elements[*level].value.clone(),
            Kind::Select(of, key) => match self.look(of)? {
                Value::Null => Value::Null,
                Value::Map(entries) => entries.get(key.as_str()).cloned().unwrap_or(Value::Null),
                other => return Err(self.kind(of, "a map", &other)),
            },
            Kind::Index(of, index) => self.index(of, index)?,
            Kind::List(items) => {
                let items = items.iter().map(|item| self.value(item)).collect::<Result<Vec<_>, _>>()?;
                Value::list(items)
            }
            Kind::Null { of, said } => Value::Bool((self.look(of)? != Value::Null) == *said),
            Kind::Not(of) => Value::Bool(!self.truth(of)?),
            Kind::And(items) => Value::Bool(self.count_true(items)? == items.len()),
            Kind::Or(items) => Value::Bool(self.count_true(items)? > 0),
            Kind::Choice(items) => {
                let [condition, yes, no] = items.as_ref();
                let chosen = if self.truth(condition)? { yes } else { no };
                self.look(chosen)?
            }
            Kind::Each(each, items) => {
                let [list, body] = items.as_ref();
                self.each(node, *each, list, body)?
            }
            Kind::Minus(of) => self.minus(of)?,
            Kind::Compare(comparison, items) => Value::Bool(self.compare(*comparison, items)?),
            Kind::Compute(arithmetic, items) => self.compute(*arithmetic, items)?,
            Kind::In(items) => Value::Bool(self.contained(items)?),
            Kind::Call(function, items) => self.call(function, items)?,
        };
        if value == Value::Elsewhere {
            return Err(Fault::Elsewhere { path: self.path(node) });
        }
        Ok(value)
    }

    /// How many of the conditions hold; all are asked.
    fn count_true(&mut self, items: &'n [Node]) -> Result<usize, Fault> {
        let mut count = 0;
        for item in items {
            count += usize::from(self.truth(item)?);
        }
        Ok(count)
    }

    fn index(&mut self, of: &'n Node, index: &'n Node) -> Result<Value, Fault> {
        let within = self.look(of)?;
        let at = self.value(index)?;
        match (&within, &at) {
            (Value::Null, _) => Ok(Value::Null),
            (Value::List(items), Value::Number(number)) if number.fract().is_zero() => {
                let place = usize::try_from(*number).ok();
                Ok(place.and_then(|place| items.get(place)).cloned().unwrap_or(Value::Null))
            }
            (Value::Map(entries), Value::Text(key)) => Ok(entries.get(key.as_ref()).cloned().unwrap_or(Value::Null)),
            (Value::List(_), other) => Err(self.kind(index, "a whole number", other)),
            (Value::Map(_), other) => Err(self.kind(index, "a text", other)),
            (other, _) => Err(self.kind(of, "a list or a map", other)),
        }
    }

    fn each(&mut self, node: &'n Node, each: Each, list: &'n Node, body: &'n Node) -> Result<Value, Fault> {
        if each == Each::Filter {
            let chosen = self.elements_of(node)?;
            return Ok(Value::list(chosen.into_iter().map(|element| element.value)));
        }
        let elements = self.elements_of(list)?;
        let all = elements.len();
        let mut holds = 0;
        let mut made = Vec::new();
        for element in elements {
            self.elements.push(element);
            let result = match each {
                Each::Map => self.value(body).map(|value| made.push(value)),
                _ => self.truth(body).map(|truth| holds += usize::from(truth)),
            };
            // On a fault the element stays in scope: the fault's path is already a text, and the evaluation ends.
            result?;
            self.elements.pop();
        }
        Ok(match each {
            Each::All => Value::Bool(holds == all),
            Each::Exists => Value::Bool(holds > 0),
            Each::ExistsOne => Value::Bool(holds == 1),
            Each::Filter | Each::Map => Value::list(made),
        })
    }

    /// The elements of a list, of which those of a filter keep their place in the list that is filtered.
    fn elements_of(&mut self, node: &'n Node) -> Result<Vec<Element<'n>>, Fault> {
        if let Kind::Each(Each::Filter, items) = &node.kind {
            let [list, body] = items.as_ref();
            let mut chosen = Vec::new();
            for element in self.elements_of(list)? {
                self.elements.push(element);
                let holds = self.truth(body)?;
                let element = self.elements.pop().expect("just pushed");
                if holds {
                    chosen.push(element);
                }
            }
            return Ok(chosen);
        }
        let values: Vec<Value> = match self.value(node)? {
            Value::List(items) => items.to_vec(),
            Value::Map(entries) => entries.keys().map(Value::text).collect(),
            other => return Err(self.kind(node, "a list", &other)),
        };
        self.take(values.len())?;
        Ok(values.into_iter().enumerate().map(|(at, value)| Element { value, list: node, at }).collect())
    }

    fn kind(&self, node: &Node, expected: &'static str, found: &Value) -> Fault {
        if *found == Value::Null {
            return Fault::Missing { path: self.path(node) };
        }
        Fault::Kind { path: self.path(node), expected, found: found.kind().into(), position: node.position }
    }

    /// The path that an expression reads, such as `fields[2].pii`; of others, the first path in it; or nothing.
    fn path(&self, node: &Node) -> String {
        match &node.kind {
            Kind::Root(name) => name.clone(),
            Kind::Element(level) => match self.elements.get(*level) {
                Some(element) => format!("{}[{}]", self.path(element.list), element.at),
                None => String::new(),
            },
            Kind::Select(of, key) => format!("{}.{key}", self.path(of)),
            Kind::Index(of, index) => match &index.kind {
                Kind::Const(Value::Text(key)) => format!("{}[\"{key}\"]", self.path(of)),
                Kind::Const(other) => format!("{}[{}]", self.path(of), other.describe()),
                _ => format!("{}[…]", self.path(of)),
            },
            _ => node.children().into_iter().map(|child| self.path(child)).find(|p| !p.is_empty()).unwrap_or_default(),
        }
    }
}
