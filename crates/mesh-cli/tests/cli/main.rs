//! The built programs as their users meet them: pages of the documentation, command by command, and `mesh` without any node.

#![allow(clippy::unwrap_used)]

mod access;
mod architecture;
mod ci;
mod feeds;
mod gateways;
mod governance;
mod import;
mod insights;
mod install;
mod keys;
mod ledger;
mod lineage;
mod lost_quorum;
mod offline;
mod operations;
mod products;
mod quality;
mod readme;
mod support;
mod tutorial;
mod up;
