//! Blocks that make a token allow less.

use std::fmt::Write as _;

use biscuit_auth::builder::{BlockBuilder, Check, Term};
use mesh_access::Scope;
use mesh_model::UnixMs;

use crate::claims::{not_after, text};
use crate::error::TokenError;

/// A block by which only what a scope covers can be read, and only before a moment.
pub(crate) fn block(scope: &Scope, until: Option<UnixMs>) -> Result<BlockBuilder, TokenError> {
    let mut block = BlockBuilder::new();
    if !scope.0.is_empty() {
        block = block.check(within(scope)?)?;
    }
    if let Some(until) = until {
        block = block.check(not_after(until)?)?;
    }
    Ok(block)
}

/// One check with a way through for each port.
fn within(scope: &Scope) -> Result<Check, TokenError> {
    let mut source = String::from("check if ");
    for (at, part) in scope.0.iter().enumerate() {
        let or = if at == 0 { "" } else { " or " };
        let fields = match part.fields.as_slice() {
            [] => String::new(),
            _ => format!(", ask_field($f), {{fields{at}}}.contains($f)"),
        };
        write!(source, "{or}ask($p, $m, {{port{at}}}){fields}").expect("a string takes everything");
    }
    let mut check: Check = source.parse()?;
    for (at, part) in scope.0.iter().enumerate() {
        check.set(&format!("port{at}"), text(&part.port))?;
        if !part.fields.is_empty() {
            let fields = Term::Set(part.fields.iter().map(text).collect());
            check.set(&format!("fields{at}"), fields)?;
        }
    }
    Ok(check)
}
