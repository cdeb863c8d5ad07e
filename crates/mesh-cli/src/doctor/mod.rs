//! What `mesh doctor` looks at: one finding after the other, each with what was seen and what to do.

pub(crate) mod finding;
pub(crate) mod node_checks;
pub(crate) mod path;
pub(crate) mod seen;
