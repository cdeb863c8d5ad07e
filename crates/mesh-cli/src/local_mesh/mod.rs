//! A whole mesh on one machine, in one process: what `mesh up` runs.
//!
//! It is no special mode. The mesh is founded with the ceremony's own steps ([`founding`]), every node is a
//! [`mesh_node::Node`] with its own configuration, keys and data folder, and the sample's domains and products come in
//! through the API, signed, like everybody's. The folder holds all of it ([`layout`]), so the next `up` goes on where
//! this one stopped.
//!
//! | file | holds |
//! |---|---|
//! | [`layout`] | where things are |
//! | [`founding`] | founding through the ceremony |
//! | [`ports`] | free ports |
//! | [`running`] | whether it runs, and who runs it |
//! | [`nodes`] | starting and stopping the nodes |
//! | [`sample`] | the sample's domains and products |

pub(crate) mod founding;
pub(crate) mod layout;
pub(crate) mod nodes;
mod ports;
pub(crate) mod running;
pub(crate) mod sample;
