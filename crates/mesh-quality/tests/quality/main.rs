//! Claims about runs, over files that the tests write.
#![allow(clippy::unwrap_used)]

mod bad_input;
mod contracts;
mod guide;
mod layout;
mod limits;
mod masking;
mod metrics;
mod refusal;
mod support;
