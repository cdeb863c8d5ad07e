//! Where the programs are.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

/// A program that was built with this one: beside it, or one folder up from a test's.
pub fn beside_this_program(name: &str) -> Option<PathBuf> {
    let own = std::env::current_exe().ok()?;
    let mut folders = own.ancestors().skip(1).take(2);
    folders.find_map(|folder| Some(folder.join(name)).filter(|path| path.is_file()))
}

/// The program at `given`, or else the one beside this program.
///
/// # Errors
/// When there is none, with what to do.
pub fn find_program(name: &str, given: Option<PathBuf>) -> Result<PathBuf> {
    match given {
        Some(path) if path.is_file() => path.canonicalize().with_context(|| format!("cannot use {}", path.display())),
        Some(path) => bail!("{} is no file; expected the program {name}", path.display()),
        None => beside_this_program(name).with_context(|| {
            format!("no {name} beside this program; build it with the same profile (`cargo build --bin {name}`) or name it with --{name}")
        }),
    }
}
