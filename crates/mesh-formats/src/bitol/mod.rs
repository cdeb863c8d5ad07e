//! What the two Bitol standards, ODPS for products and ODCS for contracts, have in common.
//!
//! Both are read the same way: the tree is checked against the tables of its declared version ([`crate::yaml::Check`]),
//! the head below becomes the product's, and what has no place in a descriptor stays as it is in `odps.<field>` or
//! `odcs.<field>` ([`rest`]). Both are written the same way: see [`write`].

mod head;
mod rest;
#[cfg(test)]
mod schema_test;
mod write;

pub(crate) use head::{
    declared_version, description, domain, identity, links, people, status, support, tags, team, version,
};
pub(crate) use rest::{apply_own_properties, keep_rest};
#[cfg(test)]
pub(crate) use schema_test::compare_with_schema;
pub(crate) use write::{Standard, write};
