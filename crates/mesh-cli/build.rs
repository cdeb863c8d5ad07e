//! Lists the files of `examples/sample-mesh`, so that `mesh up --sample` carries them within the binary.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?).join("../../examples/sample-mesh");
    println!("cargo::rerun-if-changed={}", root.display());
    let mut files = Vec::new();
    walk(&root, "", &mut files)?;
    files.sort();
    let mut source = String::from("&[\n");
    for file in files {
        let path = root.join(&file);
        let path = path.to_str().ok_or("the folder's path is not UTF-8")?;
        writeln!(source, "    ({file:?}, include_bytes!({path:?})),")?;
    }
    source.push(']');
    std::fs::write(PathBuf::from(std::env::var("OUT_DIR")?).join("sample.rs"), source)?;
    Ok(())
}

fn walk(root: &Path, under: &str, files: &mut Vec<String>) -> std::io::Result<()> {
    let folder = root.join(under);
    if !folder.is_dir() {
        return Ok(());
    }
    println!("cargo::rerun-if-changed={}", folder.display());
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if under.is_empty() { name } else { format!("{under}/{name}") };
        if entry.file_type()?.is_dir() {
            walk(root, &path, files)?;
        } else {
            println!("cargo::rerun-if-changed={}", root.join(&path).display());
            files.push(path);
        }
    }
    Ok(())
}
