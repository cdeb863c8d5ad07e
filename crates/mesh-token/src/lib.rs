//! Capability tokens: what a domain granted, in a form that a gateway checks without asking anybody.
//!
//! Row 3 of the workspace, pure: times and the 32 random bytes of each block's key come in as arguments. Above the grants of `mesh-access`,
//! below the node that issues tokens, and whoever holds, narrows or checks one.
//!
//! A token is a [Biscuit](https://www.biscuitsec.org) (version 3 of its format), so other people's libraries read it, too. Its first block is
//! signed by an issuer of the domain that owns the product and says what may be read, by whom, by which grant, until when.
//! Whoever holds it can add blocks that narrow it, with no key but the one in the token, and nobody can take one away.
//!
//! ```text
//!  issuer's block   mesh("…"); request("…"); consumer("finance"); expires(T);
//!                   may_read_product("sales/orders", 2);               all ports, also those that come later
//!                   may_read_port("sales/orders", 2, "sql");           one port, all fields
//!                   may_read_field("sales/orders", 2, "sql", "total"); one field
//!                   check if time($t), $t < T;
//!  narrowing block  check if ask($p, $m, "sql"), ask_field($f), ["total"].contains($f); check if time($t), $t < T;
//!  the gateway      time(now); ask("sales/orders", 2, "sql"); ask_field("total");     or ask_whole(true) for the whole port
//!                   check if mesh("…");  allow if …                                    [`POLICY`]
//! ```
//!
//! **Invariants.** What a token allows never grows: it is a part of the grant that it was issued for, and a narrowed one allows a part of what
//! the one before did (a property test says so). It ends within [`LONGEST`], and no later than its grant. Everything about a
//! token that came from outside is bounded before it is looked at: [`TOKEN_BYTES`], [`BLOCKS`], and what a block may say at all (`bounds`).

mod bounds;
mod check;
mod claims;
mod error;
mod narrow;
mod token;

pub use check::{Ask, Checked, Denied, POLICY};
pub use claims::Claims;
pub use error::TokenError;
pub use token::{Token, VerifiedToken};

use std::time::Duration;

/// Longest text of a token, in bytes: it fits into the 8 KiB that proxies take for a header.
pub const TOKEN_BYTES: usize = 7 * 1024;
/// Most blocks of a token: the issuer's, and those that narrow it.
pub const BLOCKS: usize = 16;
/// How long a token is good for at most.
pub const LONGEST: Duration = Duration::from_hours(24);
/// How far the clocks of an issuer and of whoever checks a token may be apart.
pub const SKEW: Duration = Duration::from_hours(1);

/// No token that counts at this moment ends behind this one: what was revoked is listed until then.
#[expect(clippy::cast_possible_truncation, reason = "a day in milliseconds")]
pub fn latest_end(now: mesh_model::UnixMs) -> mesh_model::UnixMs {
    now.saturating_add((LONGEST + SKEW).as_millis() as u64)
}
