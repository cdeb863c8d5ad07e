//! Compiles the services with `protox`: no `protoc` on the machine is needed. Signed messages are `mesh-event`'s.

use protox::prost::Message as _;

const FILES: [&str; 16] = [
    "access_service",
    "common",
    "insight_service",
    "lineage_service",
    "publish_service",
    "quality_service",
    "catalog_service",
    "governance_service",
    "ledger_service",
    "node_service",
    "raft_service",
    "federation_service",
    "tail_service",
    "feed_service",
    "greeting",
    "home_service",
];
/// Messages that `mesh-event` generates: one Rust type for one message in the whole workspace.
const SIGNED: [&str; 6] = ["descriptor", "command", "ledger", "rules", "fact", "token_request"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = std::path::Path::new("../../proto");
    let path = |name: &&str| root.join(format!("datamesh/v1/{name}.proto"));
    for file in FILES.iter().chain(&SIGNED).map(path) {
        println!("cargo::rerun-if-changed={}", file.display());
    }
    let files: Vec<_> = FILES.iter().map(path).collect();
    let set = protox::compile(&files, [root])?;
    // For server reflection, with everything in it.
    let out = std::path::PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("descriptors.bin"), set.encode_to_vec())?;

    let mut config = prost_build::Config::new();
    config.disable_comments(["."]);
    for file in &set.file {
        let signed = SIGNED.iter().any(|name| file.name().ends_with(&format!("/{name}.proto")));
        if signed {
            for message in &file.message_type {
                config.extern_path(
                    format!(".datamesh.v1.{}", message.name()),
                    format!("::mesh_event::proto::{}", message.name()),
                );
            }
            for item in &file.enum_type {
                config.extern_path(
                    format!(".datamesh.v1.{}", item.name()),
                    format!("::mesh_event::proto::{}", item.name()),
                );
            }
        }
    }
    tonic_prost_build::configure().compile_fds_with_config(set, config)?;
    Ok(())
}
