//! Lineage: which products are made of which, across domains, and who breaks when one changes.
//!
//! Row 1 of the workspace, pure. Above the descriptors of `mesh-model`, below the node that keeps the graph up to date from the ledger and
//! answers from it. What is in the graph is what owners signed: the input ports of their products. So every node has the whole of it, also
//! while it is cut off.
//!
//! ```text
//!   postgres.shop.orders ──> sales/orders (major 2) ──orders──> finance/revenue_report (major 1) ──> …
//!          outside                 supplies        at a port             is made of it
//! ```
//!
//! A node of the graph is a **major** of a product that is not retired ([`Major`]): several live side by side, and each is made of what its
//! highest version says. An input port names a product and a range of versions; it is supplied by every major that has a version in that range, or by
//! nobody ([`Supplier::Missing`]), which is shown and not left out.
//!
//! **Invariants.** An answer is a function of what was put in, in whatever order. A walk visits each major once, by the fewest steps, so cycles end it
//! nowhere; they are told ([`Walk::cycles`]). What an answer may hold is bounded by whoever asks ([`Bounds`]), and a cut is said.
//!
//! Beside what owners sign stands what pipelines say that they did: [`openlineage`].

mod graph;
pub mod openlineage;
mod walk;

pub use graph::{Absent, Graph, Made, Major, Supplier, Taken};
pub use walk::{Bounds, Direction, Reached, Step, Walk};
