//! The parser's tree to our own, with every name resolved: what compiles can be evaluated.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr, operators};

use super::RuleError;
use super::node::{Arithmetic, Comparison, Each, Function, Kind, Node};
use super::pattern;
use super::syntax::{Named, Syntax};
use super::token::TokenKind;
use crate::document::FIRST_LEVEL;
use crate::value::Value;

/// The functions, for messages.
const FUNCTIONS: &str = "one of all, exists, exists_one, filter, map, size, startsWith, endsWith, contains, matches, \
                         lowerAscii, has, or the forms all(x in xs: …), any(x in xs where …: …)";

/// Compiles an expression over the product document.
///
/// # Errors
/// [`RuleError`] for the first thing that is wrong.
pub(crate) fn compile(source: &str) -> Result<Node, RuleError> {
    let syntax = super::syntax::parse(source)?;
    Lower { syntax: &syntax, scope: Vec::new(), level: 0 }.node(&syntax.tree)
}

/// How many operators, calls and selections may stand one within the other: whoever walks the tree needs a known amount of stack.
pub(crate) const LEVELS: usize = 32;

struct Lower<'a> {
    syntax: &'a Syntax<'a>,
    /// Names of elements, the innermost last.
    scope: Vec<&'a str>,
    level: usize,
}

impl<'a> Lower<'a> {
    /// Recursion is at most [`LEVELS`] deep.
    fn node(&mut self, tree: &'a IdedExpr) -> Result<Node, RuleError> {
        if self.level == LEVELS {
            let word = self.first_word(tree).unwrap_or(0);
            let expected = format!("at most {LEVELS} operators and calls, one within the other");
            return Err(self.syntax.error(word, expected, "one more"));
        }
        self.level += 1;
        let node = self.at_this_level(tree);
        self.level -= 1;
        node
    }

    fn at_this_level(&mut self, tree: &'a IdedExpr) -> Result<Node, RuleError> {
        match &tree.expr {
            Expr::Ident(name) => self.name(name),
            Expr::Select(select) if !select.test => {
                let operand = self.node(&select.operand)?;
                let position = operand.position;
                let field = match self.syntax.named(&select.field) {
                    Some(Named::Word(word, token)) => match token.name() {
                        Some(name) => name.to_owned(),
                        None => return Err(self.syntax.error(word, "a name after '.'", token.describe())),
                    },
                    _ => return Err(self.foreign(tree)),
                };
                Ok(Node { position, kind: Kind::Select(Box::new(operand), field) })
            }
            Expr::List(list) => {
                let items = self.nodes(&list.elements)?;
                let position = items.first().map_or(1, |item| item.position);
                Ok(Node { position, kind: Kind::List(items) })
            }
            Expr::Call(call) => self.call(tree, call),
            _ => Err(self.foreign(tree)),
        }
    }

    fn nodes(&mut self, trees: &'a [IdedExpr]) -> Result<Vec<Node>, RuleError> {
        trees.iter().map(|tree| self.node(tree)).collect()
    }

    /// A tree that no expression of the fixed subset gives.
    fn foreign(&self, tree: &IdedExpr) -> RuleError {
        let word = self.first_word(tree).unwrap_or(0);
        self.syntax.error(word, "a path, a literal, an operator or a function", "something else")
    }

    /// The leftmost word of a tree, where it has one.
    fn first_word(&self, tree: &IdedExpr) -> Option<usize> {
        let word = |name: &str| match self.syntax.named(name)? {
            Named::Word(word, _) | Named::Function(_, word) => Some(word),
        };
        match &tree.expr {
            Expr::Ident(name) => word(name),
            Expr::Select(select) => self.first_word(&select.operand),
            Expr::List(list) => list.elements.iter().find_map(|item| self.first_word(item)),
            Expr::Call(call) => {
                let target = call.target.as_deref().and_then(|target| self.first_word(target));
                target
                    .or_else(|| word(&call.func_name))
                    .or_else(|| call.args.iter().find_map(|argument| self.first_word(argument)))
            }
            _ => None,
        }
    }

    fn name(&self, name: &str) -> Result<Node, RuleError> {
        let Some(Named::Word(word, token)) = self.syntax.named(name) else {
            return Err(self.syntax.error(0, "names without a leading '.'", "one with it"));
        };
        let kind = match &token.kind {
            TokenKind::Name(name) => match self.scope.iter().rposition(|element| element == name) {
                Some(level) => Kind::Element(level),
                None if FIRST_LEVEL.contains(&name.as_str()) => Kind::Root(name.clone()),
                None => {
                    let expected = format!("a field of the product document ({})", FIRST_LEVEL.join(", "));
                    return Err(self.syntax.error(word, expected, token.describe()));
                }
            },
            TokenKind::Number(number) => Kind::Const(Value::Number(*number)),
            TokenKind::Text(text) => Kind::Const(Value::text(text)),
            TokenKind::Bool(truth) => Kind::Const(Value::Bool(*truth)),
            TokenKind::Null => {
                return Err(self.syntax.error(word, "'null' after '==' or '!=' only", "'null' elsewhere"));
            }
            TokenKind::Sign(_) => unreachable!("signs go to the parser as they are"),
        };
        Ok(Node { position: self.syntax.position(word), kind })
    }

    fn is_null(&self, tree: &IdedExpr) -> bool {
        let Expr::Ident(name) = &tree.expr else { return false };
        matches!(self.syntax.named(name), Some(Named::Word(_, token)) if token.kind == TokenKind::Null)
    }

    fn call(&mut self, tree: &'a IdedExpr, call: &'a CallExpr) -> Result<Node, RuleError> {
        let Some(named) = self.syntax.named(&call.func_name) else { return self.operator(tree, call) };
        let (name, word) = match named {
            Named::Word(word, token) => (token.name().unwrap_or_default().to_owned(), word),
            Named::Function(name, word) => (name, word),
        };
        let wrong = |expected: String| {
            let found = format!("'{name}' with {} of them", call.args.len());
            Err(self.syntax.error(word, expected, found))
        };
        if let Some(each) = each(&name) {
            let Some(list) = &call.target else {
                return Err(self.syntax.error(word, format!("a list and '.' before '{name}'"), "none"));
            };
            let [variable, body] = call.args.as_slice() else {
                return wrong("two arguments: a name for the elements, and what is asked of each".into());
            };
            return self.each(each, list, variable, body, word);
        }
        if name == "has" && call.target.is_none() {
            let [path] = call.args.as_slice() else { return wrong("one argument, a path".into()) };
            let of = self.node(path)?;
            if !matches!(of.kind, Kind::Root(_) | Kind::Element(_) | Kind::Select(..) | Kind::Index(..)) {
                return Err(self.syntax.error(word, "has() of a path", "has() of something else"));
            }
            let position = self.syntax.position(word);
            return Ok(Node { position, kind: Kind::Null { of: Box::new(of), said: true } });
        }
        let arguments: Vec<&IdedExpr> = call.target.as_deref().into_iter().chain(&call.args).collect();
        let (function, takes) = match name.as_str() {
            "size" => (Function::Size, 1),
            "startsWith" => (Function::StartsWith, 2),
            "endsWith" => (Function::EndsWith, 2),
            "contains" => (Function::Contains, 2),
            "matches" => (self.pattern(&arguments, word)?, 2),
            "lowerAscii" => (Function::LowerAscii, 1),
            _ => return Err(self.syntax.error(word, FUNCTIONS, format!("'{name}'"))),
        };
        if arguments.len() != takes || (call.target.is_none() && name != "size") {
            let arguments = if takes == 1 { "no argument" } else { "one argument" };
            return wrong(format!("x.{name}(…) with {arguments}"));
        }
        // The pattern is compiled into the function.
        let kept = if matches!(function, Function::Matches(_)) { 1 } else { takes };
        let items = arguments[..kept].iter().map(|tree| self.node(tree)).collect::<Result<Vec<_>, _>>()?;
        Ok(Node { position: self.syntax.position(word).min(items[0].position), kind: Kind::Call(function, items) })
    }

    fn pattern(&self, arguments: &[&IdedExpr], word: usize) -> Result<Function, RuleError> {
        let literal = match arguments {
            [_, tree] => match &tree.expr {
                Expr::Ident(name) => self.syntax.named(name),
                _ => None,
            },
            _ => None,
        };
        let Some(Named::Word(at, token)) = literal else {
            return Err(self.syntax.error(word, "x.matches(r'…') with a literal pattern", "something else"));
        };
        let TokenKind::Text(pattern) = &token.kind else {
            return Err(self.syntax.error(at, "a literal pattern, r'…'", token.describe()));
        };
        pattern::compile(pattern)
            .map(Function::Matches)
            .map_err(|why| self.syntax.error(at, "a regular expression within bounds", why))
    }

    fn each(
        &mut self,
        each: Each,
        list: &'a IdedExpr,
        variable: &'a IdedExpr,
        body: &'a IdedExpr,
        word: usize,
    ) -> Result<Node, RuleError> {
        let list = self.node(list)?;
        let named = match &variable.expr {
            Expr::Ident(name) => self.syntax.named(name),
            _ => None,
        };
        let element = match named {
            Some(Named::Word(at, token)) => match token.name() {
                Some(_) => at,
                None => return Err(self.syntax.error(at, "a name for the elements", token.describe())),
            },
            _ => return Err(self.syntax.error(word, "a name for the elements", "something else")),
        };
        self.scope.push(self.syntax.tokens[element].name().expect("just seen to be one"));
        let body = self.node(body);
        self.scope.pop();
        Ok(Node { position: list.position, kind: Kind::Each(each, Box::new([list, body?])) })
    }

    fn operator(&mut self, tree: &'a IdedExpr, call: &'a CallExpr) -> Result<Node, RuleError> {
        let name = call.func_name.as_str();
        if let (operators::EQUALS | operators::NOT_EQUALS, [a, b]) = (name, call.args.as_slice()) {
            let of = match (self.is_null(a), self.is_null(b)) {
                (true, true) => return Err(self.foreign(tree)),
                (true, false) => Some(b),
                (false, true) => Some(a),
                (false, false) => None,
            };
            if let Some(of) = of {
                let of = Box::new(self.node(of)?);
                let said = name == operators::NOT_EQUALS;
                return Ok(Node { position: of.position, kind: Kind::Null { of, said } });
            }
        }
        let items = self.nodes(&call.args)?;
        let position = items.first().map_or(1, |item| item.position);
        let kind = match (name, items.len()) {
            (operators::LOGICAL_AND, 2..) => Kind::And(items),
            (operators::LOGICAL_OR, 2..) => Kind::Or(items),
            (_, 1) => {
                let item = Box::new(items.into_iter().next().expect("there is one"));
                match name {
                    operators::LOGICAL_NOT => Kind::Not(item),
                    operators::NEGATE => Kind::Minus(item),
                    _ => return Err(self.foreign(tree)),
                }
            }
            (_, 2) => {
                let pair: [Node; 2] = items.try_into().expect("there are two");
                match (name, pair) {
                    (operators::INDEX, [a, b]) => Kind::Index(Box::new(a), Box::new(b)),
                    (operators::IN, pair) => Kind::In(Box::new(pair)),
                    (name, pair) => match (comparison(name), arithmetic(name)) {
                        (Some(comparison), _) => Kind::Compare(comparison, Box::new(pair)),
                        (_, Some(arithmetic)) => Kind::Compute(arithmetic, Box::new(pair)),
                        _ => return Err(self.foreign(tree)),
                    },
                }
            }
            (operators::CONDITIONAL, 3) => Kind::Choice(Box::new(items.try_into().expect("there are three"))),
            _ => return Err(self.foreign(tree)),
        };
        Ok(Node { position, kind })
    }
}

fn each(name: &str) -> Option<Each> {
    Some(match name {
        "all" => Each::All,
        "exists" | "any" => Each::Exists,
        "exists_one" => Each::ExistsOne,
        "filter" => Each::Filter,
        "map" => Each::Map,
        _ => return None,
    })
}

fn comparison(name: &str) -> Option<Comparison> {
    Some(match name {
        operators::EQUALS => Comparison::Equal,
        operators::NOT_EQUALS => Comparison::Unequal,
        operators::LESS => Comparison::Less,
        operators::LESS_EQUALS => Comparison::LessOrEqual,
        operators::GREATER => Comparison::Greater,
        operators::GREATER_EQUALS => Comparison::GreaterOrEqual,
        _ => return None,
    })
}

fn arithmetic(name: &str) -> Option<Arithmetic> {
    Some(match name {
        operators::ADD => Arithmetic::Add,
        operators::SUBSTRACT => Arithmetic::Subtract,
        operators::MULTIPLY => Arithmetic::Multiply,
        operators::MODULO => Arithmetic::Remainder,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn said(source: &str) -> String {
        compile(source).unwrap_err().to_string()
    }

    #[test]
    fn errors_name_the_place_what_was_expected_and_what_was_found() {
        for (source, expected) in [
            ("storage.encryption.enabled == ", "at character 31: expected a name, a literal or '(', found the end"),
            ("(name == 'a'", "at character 13: expected ')', found the end"),
            ("name == 'a' domain", "at character 13: expected an operator or the end, found 'domain'"),
            ("name..domain", "at character 6: expected a name after '.', found '.'"),
            ("tags[0", "at character 7: expected ',' or ']', found the end"),
            ("tags.exists(t t)", "at character 15: expected an operator, ',' or ')', found 't'"),
            ("nmae == 'a'", "at character 1: expected a field of the product document (access"),
            ("all(f in feilds: f.pii)", "at character 10: expected a field of the product document"),
            ("name.foo('a')", "at character 6: expected one of all"),
            ("name.matches(domain)", "at character 14: expected a literal pattern, r'…', found 'domain'"),
            ("name.matches('(')", "at character 14: expected a regular expression within bounds, found a pattern"),
            ("tags.all(1, true)", "at character 10: expected a name for the elements, found the number 1"),
            ("name in [null]", "at character 10: expected 'null' after '==' or '!=' only"),
            ("has(name == 'a')", "at character 1: expected has() of a path"),
            ("name.'x'", "at character 6: expected a name after '.', found the text 'x'"),
            (".name == 'a'", "expected names without a leading '.'"),
            ("name.size(1)", "at character 6: expected x.size(…) with no argument, found 'size' with 1 of them"),
        ] {
            let said = said(source);
            assert!(said.starts_with(expected) || said.contains(expected), "{source}: {said}");
        }
    }

    #[test]
    fn names_of_elements_hide_fields_within_their_list_only() {
        assert!(compile("all(name in tags: name == 'a') && name == 'b'").is_ok());
        assert!(said("all(t in tags: t == 'a') && t == 'b'").contains("found 't'"));
    }
}
