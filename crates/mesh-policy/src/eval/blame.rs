//! Which part of a rule's expression made it false, so that a violation names it.

use super::{Evaluator, Fault};
use crate::rule::Node;
use crate::rule::node::{Each, Kind};
use crate::value::Value;

/// Where a rule fails.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Blame {
    /// The path; empty where the expression reads none.
    pub(crate) path: String,
    /// What stands there, for people.
    pub(crate) found: String,
}

/// Where an expression that is false fails. It evaluates parts again, within a budget of its own.
pub(crate) fn blame(document: &Value, node: &Node) -> Blame {
    let mut evaluator = Evaluator::new(document);
    evaluator.blame(node, true).unwrap_or_else(|fault| Blame { path: fault.path(), found: fault.found() })
}

impl<'n> Evaluator<'n> {
    /// Where an expression fails to be what it should; it evaluates to the opposite.
    fn blame(&mut self, node: &'n Node, should: bool) -> Result<Blame, Fault> {
        match &node.kind {
            Kind::Not(of) => self.blame(of, !should),
            Kind::And(items) | Kind::Or(items) => {
                for item in items {
                    if self.truth(item)? != should {
                        return self.blame(item, should);
                    }
                }
                Ok(Blame::default())
            }
            Kind::Choice(items) => {
                let [condition, yes, no] = items.as_ref();
                let chosen = if self.truth(condition)? { yes } else { no };
                self.blame(chosen, should)
            }
            Kind::Each(each @ (Each::All | Each::Exists | Each::ExistsOne), items) => {
                self.blame_elements(*each, &items[0], &items[1], should)
            }
            Kind::Null { of, .. } => Ok(Blame { path: self.path(of), found: self.look(of)?.describe() }),
            Kind::Compare(_, items) | Kind::In(items) => {
                let at = items.iter().find(|item| !matches!(item.kind, Kind::Const(_))).unwrap_or(&items[0]);
                Ok(Blame { path: self.path(at), found: self.look(at)?.describe() })
            }
            Kind::Call(_, items) => Ok(Blame { path: self.path(node), found: self.look(&items[0])?.describe() }),
            _ => Ok(Blame { path: self.path(node), found: self.look(node)?.describe() }),
        }
    }

    fn blame_elements(&mut self, each: Each, list: &'n Node, body: &'n Node, should: bool) -> Result<Blame, Fault> {
        let path = self.path(list);
        let elements = self.elements_of(list)?;
        let all = elements.len();
        let mut first: Option<Blame> = None;
        let mut wrong = 0;
        for element in elements {
            let name = element.value.get("name");
            self.elements.push(element);
            if self.truth(body)? != should {
                wrong += 1;
                if first.is_none() {
                    let blame = self.blame(body, should)?;
                    let found = match &name {
                        Value::Text(_) => format!("{} in {}", blame.found, name.describe()),
                        _ => blame.found,
                    };
                    first = Some(Blame { path: blame.path, found });
                }
            }
            self.elements.pop();
        }
        // Only where single elements are to blame: `all` that should hold, `exists` that should not.
        let single = matches!((each, should), (Each::All, true) | (Each::Exists, false));
        match first {
            Some(blame) if single && wrong > 1 => {
                Ok(Blame { found: format!("{}, and {} more", blame.found, wrong - 1), ..blame })
            }
            Some(blame) if single => Ok(blame),
            _ => {
                let holding = if should { all - wrong } else { wrong };
                Ok(Blame { path, found: format!("{holding} of {all}") })
            }
        }
    }
}
