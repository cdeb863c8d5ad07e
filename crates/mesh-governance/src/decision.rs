//! How a command's rules say no.

use mesh_model::Code;

use crate::state::{Damage, StateRead};

/// Longest detail of an outcome, in bytes; longer ones are cut at a character and marked with `…`.
pub const DETAIL_BYTES: usize = 2048;

/// Why a command does not take effect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {detail}")]
pub struct Rejection {
    /// The stable code.
    pub code: Code,
    /// What it is about: ids, numbers, paths; the same on every node; at most [`DETAIL_BYTES`].
    pub detail: String,
}

impl Rejection {
    /// A rejection; the detail is cut to [`DETAIL_BYTES`].
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        let mut detail = detail.into();
        if detail.len() > DETAIL_BYTES {
            const MARK: char = '…';
            let mut end = DETAIL_BYTES - MARK.len_utf8();
            while !detail.is_char_boundary(end) {
                end -= 1;
            }
            detail.truncate(end);
            detail.push(MARK);
        }
        Self { code, detail }
    }
}

/// Why a rule came to no acceptance: it says no, or the state could not be read. State errors convert with `?`.
#[derive(Debug)]
pub(crate) enum Stop<E> {
    Rejected(Rejection),
    State(E),
}

impl<E> From<E> for Stop<E> {
    fn from(error: E) -> Self {
        Self::State(error)
    }
}

/// What a rule over the state `S` comes to.
pub(crate) type Decision<T, S> = Result<T, Stop<<S as StateRead>::Error>>;

/// What was found broken in the state, for `map_err(broken)`.
pub(crate) fn broken<E: From<Damage>>(damage: Damage) -> Stop<E> {
    Stop::State(damage.into())
}

/// A no, for `return reject(...)`.
pub(crate) fn reject<T, E>(code: Code, detail: impl Into<String>) -> Result<T, Stop<E>> {
    Err(Stop::Rejected(Rejection::new(code, detail)))
}

/// Splits a decision into what the caller asked for and what broke.
pub(crate) fn split<T, E>(decision: Result<T, Stop<E>>) -> Result<Result<T, Rejection>, E> {
    match decision {
        Ok(value) => Ok(Ok(value)),
        Err(Stop::Rejected(rejection)) => Ok(Err(rejection)),
        Err(Stop::State(error)) => Err(error),
    }
}
