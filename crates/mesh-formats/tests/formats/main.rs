//! Claims of the product file and of what it is read from and written to.

#![allow(clippy::unwrap_used)]

mod bad_input;
mod bitol;
mod common;
mod contract_pairs;
mod fit;
mod guide;
mod reference;
mod registry;
mod round_trip;
mod salts;
mod schema_histories;
