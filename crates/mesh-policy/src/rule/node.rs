//! A compiled expression.

use std::cmp::Ordering;

use regex::bytes::Regex;

use crate::value::Value;

/// An expression and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// The character it starts at, counted from 1.
    pub(crate) position: usize,
    /// What it is.
    pub(crate) kind: Kind,
}

/// The kinds of expressions that rules have.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    /// A literal; never null.
    Const(Value),
    /// A first-level field of the document.
    Root(String),
    /// An element of a list under its name; the number is how many names are in scope outside of it.
    Element(usize),
    /// `a.b`
    Select(Box<Node>, String),
    /// `a[0]`, `a["b"]`
    Index(Box<Node>, Box<Node>),
    /// `[a, b]`
    List(Vec<Node>),
    /// `a == null`; `a != null` when `said`; `has(a)` is `a != null`.
    Null {
        /// What is asked for.
        of: Box<Node>,
        /// Whether something must be said, or nothing.
        said: bool,
    },
    /// `!a`
    Not(Box<Node>),
    /// `-a`
    Minus(Box<Node>),
    /// `a && b && c`
    And(Vec<Node>),
    /// `a || b || c`
    Or(Vec<Node>),
    /// `a ? b : c`
    Choice(Box<[Node; 3]>),
    /// `a < b` and its like.
    Compare(Comparison, Box<[Node; 2]>),
    /// `a + b` and its like.
    Compute(Arithmetic, Box<[Node; 2]>),
    /// `a in b`
    In(Box<[Node; 2]>),
    /// `xs.all(x, p)` and its like.
    Each(Each, Box<[Node; 2]>),
    /// A function with its arguments; the first is what it is called on.
    Call(Function, Vec<Node>),
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    /// Whether an order of two values is what it asks for.
    pub(crate) fn takes(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::Unequal => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

/// What is computed of two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Remainder,
}

/// What is asked of the elements of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Each {
    /// Holds for each.
    All,
    /// Holds for at least one.
    Exists,
    /// Holds for exactly one.
    ExistsOne,
    /// Those for which it holds.
    Filter,
    /// What it makes of each.
    Map,
}

/// The functions.
#[derive(Debug, Clone)]
pub(crate) enum Function {
    /// Characters of a text, elements of a list or map.
    Size,
    StartsWith,
    EndsWith,
    Contains,
    /// Whether the pattern is found in the text.
    Matches(Regex),
    LowerAscii,
}

impl Node {
    /// The nodes directly below.
    pub(crate) fn children(&self) -> Vec<&Self> {
        match &self.kind {
            Kind::Const(_) | Kind::Root(_) | Kind::Element(_) => Vec::new(),
            Kind::Select(a, _) | Kind::Null { of: a, .. } | Kind::Not(a) | Kind::Minus(a) => vec![a],
            Kind::Index(a, b) => vec![a, b],
            Kind::List(items) | Kind::And(items) | Kind::Or(items) | Kind::Call(_, items) => items.iter().collect(),
            Kind::Choice(items) => items.iter().collect(),
            Kind::Compare(_, items) | Kind::Compute(_, items) | Kind::In(items) | Kind::Each(_, items) => {
                items.iter().collect()
            }
        }
    }
}
