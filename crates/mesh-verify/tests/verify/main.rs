//! Claims of the verifier, on ledgers that this test makes and on those of older protocols.

#![allow(clippy::unwrap_used)]

mod audit;
mod feed_forks;
mod format;
mod program;
mod proofs;
mod protocol_1;
mod support;
