//! Claims of the index, on a corpus of the size of a company.

#![allow(clippy::unwrap_used)]

mod corpus;
mod full_disk;
mod index;
mod ranking;
