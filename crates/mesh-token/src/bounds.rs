//! What a holder's block may say. Whoever has a token adds blocks as they like, and whoever checks it evaluates them, so a block that could cost
//! much is refused before anything is evaluated: the library looks at its own limits only between two rounds.
//!
//! A holder's block narrows: it has checks and nothing else, about what is asked and about what is said once. So each check looks at one
//! combination of facts, however many a token has.

use biscuit_auth::format::schema::op::Content;
use biscuit_auth::format::schema::op_binary::Kind as Binary;
use biscuit_auth::format::schema::op_unary::Kind as Unary;
use biscuit_auth::format::schema::{Biscuit, Block, Check, Expression, Op, Rule, check};
use prost_of_biscuit::Message as _;

use crate::error::TokenError;

/// Most checks of a token's blocks, and most ways through one of them.
const CHECKS: usize = 64;
const WAYS: usize = 64;
/// Most facts and conditions of one way, and most steps of a condition.
const FACTS: usize = 4;
const CONDITIONS: usize = 8;
const STEPS: usize = 16;
/// Facts of which there is one.
const SINGLE: [&str; 8] = ["time", "ask", "ask_field", "ask_whole", "mesh", "request", "consumer", "expires"];
/// Names of the library's own table come first: `time` is the only one that is used here.
const TIME: u64 = 5;
const FIRST_OWN: u64 = 1024;

/// Whether the blocks after the issuer's are cheap to evaluate.
pub(crate) fn check(token: &[u8]) -> Result<(), TokenError> {
    let malformed = |error: prost_of_biscuit::DecodeError| TokenError::Malformed(error.to_string());
    let token = Biscuit::decode(token).map_err(malformed)?;
    let issuers = Block::decode(token.authority.block.as_slice()).map_err(malformed)?;
    let mut symbols = issuers.symbols;
    let mut checks = 0;
    for signed in &token.blocks {
        if signed.external_signature.is_some() {
            return Err(TokenError::Block("is signed by somebody else"));
        }
        let block = Block::decode(signed.block.as_slice()).map_err(malformed)?;
        if !(block.facts.is_empty() && block.rules.is_empty() && block.scope.is_empty() && block.public_keys.is_empty())
        {
            return Err(TokenError::Block("says more than checks"));
        }
        symbols.extend(block.symbols);
        checks += block.checks.len();
        if checks > CHECKS {
            return Err(TokenError::Block("has too many checks"));
        }
        block.checks.iter().try_for_each(|check| one(check, &symbols))?;
    }
    Ok(())
}

fn one(found: &Check, symbols: &[String]) -> Result<(), TokenError> {
    if !matches!(found.kind, None | Some(0)) || found.kind.is_some_and(|kind| kind != check::Kind::One as i32) {
        return Err(TokenError::Block("has a check of another kind than `check if`"));
    }
    if found.queries.len() > WAYS {
        return Err(TokenError::Block("has a check with too many ways through"));
    }
    found.queries.iter().try_for_each(|way| cheap(way, symbols))
}

fn cheap(way: &Rule, symbols: &[String]) -> Result<(), TokenError> {
    if way.body.len() > FACTS || way.expressions.len() > CONDITIONS || !way.scope.is_empty() {
        return Err(TokenError::Block("has a check that looks at too much"));
    }
    let is_single = |name: u64| match name.checked_sub(FIRST_OWN) {
        None => name == TIME,
        Some(at) => {
            usize::try_from(at).ok().and_then(|at| symbols.get(at)).is_some_and(|name| SINGLE.contains(&name.as_str()))
        }
    };
    if !way.body.iter().all(|fact| is_single(fact.name)) {
        return Err(TokenError::Block("has a check about something else than what is asked"));
    }
    way.expressions.iter().try_for_each(condition)
}

fn condition(expression: &Expression) -> Result<(), TokenError> {
    if expression.ops.len() > STEPS || !expression.ops.iter().all(is_plain) {
        return Err(TokenError::Block("has a condition that is not a plain comparison"));
    }
    Ok(())
}

fn is_plain(op: &Op) -> bool {
    const UNARY: [Unary; 3] = [Unary::Negate, Unary::Parens, Unary::Length];
    const BINARY: [Binary; 14] = [
        Binary::LessThan,
        Binary::GreaterThan,
        Binary::LessOrEqual,
        Binary::GreaterOrEqual,
        Binary::Equal,
        Binary::NotEqual,
        Binary::HeterogeneousEqual,
        Binary::HeterogeneousNotEqual,
        Binary::Contains,
        Binary::Prefix,
        Binary::Suffix,
        Binary::And,
        Binary::Or,
        Binary::Intersection,
    ];
    match &op.content {
        Some(Content::Value(_)) => true,
        Some(Content::Unary(op)) => UNARY.iter().any(|kind| *kind as i32 == op.kind),
        Some(Content::Binary(op)) => BINARY.iter().any(|kind| *kind as i32 == op.kind),
        Some(Content::Closure(_)) | None => false,
    }
}
