//! A mesh of real `meshd` processes on this machine, for programs that try it hard or measure it.
//!
//! Outside the rows of the workspace: programs stand on it (`chaos-process`, `mesh-load`), no crate does. It is a part of
//! programs, so its errors are `anyhow`'s.
//!
//! [`testbed::Testbed`] founds a mesh in a temporary folder with keys that everybody can derive, starts the nodes and
//! admits domains. [`testbed::Process`] is a child that never outlives its owner: dropped, it is killed and reaped.
//! [`lab::Lab`] gives each node a network namespace, a disk and a clock of its own, so that all of them can fail.

pub mod lab;
pub mod testbed;
