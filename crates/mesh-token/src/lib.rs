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
//! token that came from outside is bounded before it is looked at: [`TOKEN_BYTES`], [`BLOCKS`], and the steps and time of its evaluation.

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

/// Longest text of a token, in bytes.
pub const TOKEN_BYTES: usize = 16 * 1024;
/// Most blocks of a token: the issuer's, and those that narrow it.
pub const BLOCKS: usize = 16;
/// How long a token is good for at most.
pub const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// How long it is good for when nobody says how long.
pub const USUAL: Duration = Duration::from_secs(60 * 60);
