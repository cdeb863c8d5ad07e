//! Compiles the signed messages. `protox` is a compiler in Rust: no `protoc` on the machine is needed.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = std::path::Path::new("../../proto");
    let files = ["descriptor", "command", "ledger", "rules", "fact", "token_request"]
        .map(|name| root.join(format!("datamesh/v1/{name}.proto")));
    for file in &files {
        println!("cargo::rerun-if-changed={}", file.display());
    }
    let set = protox::compile(&files, [root])?;
    // Comments of .proto files are written for wire readers, not as rustdoc.
    prost_build::Config::new().disable_comments(["."]).compile_fds(set)?;
    Ok(())
}
