//! What is measured, and how long.

use std::path::PathBuf;

use clap::Parser;

/// Founds a mesh of three nodes on this machine and measures it, beside etcd if that is wanted.
#[derive(Debug, Clone, Parser)]
#[command(name = "mesh-load", version)]
pub(crate) struct Options {
    /// Publishes and puts of each measurement with many clients; a quarter of it with one client.
    #[arg(long, default_value_t = 20_000)]
    pub(crate) operations: usize,
    /// Versions that are published through streams before a second mesh is restarted and measured; 0 for no second mesh.
    #[arg(long, default_value_t = 0)]
    pub(crate) preload: usize,
    /// Measure three etcd members too, from the PATH.
    #[arg(long)]
    pub(crate) etcd: bool,
    /// Longest one measurement may take, in seconds; what was done by then counts.
    #[arg(long, default_value_t = 60)]
    pub(crate) seconds: u64,
    /// Write all figures to this file as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// The daemon; the one beside this program when left out.
    #[arg(long, value_name = "PATH")]
    pub(crate) meshd: Option<PathBuf>,
    /// Where data folders are made, for mesh and etcd alike. Not on a RAM disk: a sync costs nothing there.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) folder: Option<PathBuf>,
}
