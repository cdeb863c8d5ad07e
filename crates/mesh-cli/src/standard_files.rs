//! Standards' files: read, compiled, with every error at its line.

use std::path::{Path, PathBuf};

use mesh_formats::{StandardFile, parse_standard};
use mesh_model::Code;
use mesh_policy::CompiledStandard;

use crate::failure::Failure;
use crate::files;

/// A standard's file that compiles.
pub(crate) struct Loaded {
    /// As people name it.
    pub(crate) file: String,
    /// What it says.
    pub(crate) compiled: CompiledStandard,
}

/// Reads a file, or every `*.yaml` of a folder, in the order of their names.
///
/// # Errors
/// [`Code::InvalidFile`] with all that is wrong in all of them.
pub(crate) fn load(path: &Path) -> Result<Vec<Loaded>, Failure> {
    let mut found = Vec::new();
    let mut problems = Vec::new();
    for file in files_of(path)? {
        match load_one(&file) {
            Ok(loaded) => found.push(loaded),
            Err(more) => problems.extend(more?),
        }
    }
    if !problems.is_empty() {
        let message = format!("{} has problems; nothing was done", path.display());
        return Err(Failure::new(Code::InvalidFile, message).problems(problems));
    }
    if found.is_empty() {
        return Err(Failure::new(Code::NotFound, format!("{} has no standard (*.yaml)", path.display()))
            .hint("`mesh standard new NAME` writes one to start from"));
    }
    Ok(found)
}

/// One file: compiled, or its problems as lines of text, or the failure to read it.
fn load_one(path: &Path) -> Result<Loaded, Result<Vec<String>, Failure>> {
    let text = files::read_text(path).map_err(Err)?;
    let file = path.display().to_string();
    let parsed: StandardFile = parse_standard(&text)
        .map_err(|problems| Ok(problems.0.iter().map(|problem| format!("{file}:{problem}")).collect()))?;
    let compiled = CompiledStandard::compile(&parsed.standard).map_err(|flaws| {
        let line = |flaw: &mesh_policy::StandardFlaw| {
            let (line, column) = parsed.place(&flaw.path);
            format!("{file}:{line}:{column}: {flaw}")
        };
        Ok(flaws.iter().map(line).collect())
    })?;
    Ok(Loaded { file, compiled })
}

fn files_of(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let fail = |error: std::io::Error| Failure::io("read", path, &error);
    let entries = std::fs::read_dir(path).map_err(fail)?.collect::<Result<Vec<_>, _>>().map_err(fail)?;
    let is_yaml = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
    let mut files: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).filter(is_yaml).collect();
    files.sort();
    Ok(files)
}
