//! Questions before something that cannot be undone.

use std::io::{BufRead as _, IsTerminal as _};

use mesh_model::Code;

use crate::failure::Failure;
use crate::output::print_stderr;

/// Asks on the terminal; without one the answer is no.
///
/// # Errors
/// [`Code::NotConfirmed`].
pub(crate) fn ask(question: &str) -> Result<(), Failure> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(Failure::new(Code::NotConfirmed, format!("{question} nobody is here to ask")));
    }
    print_stderr(&format!("{question} [y/N] "));
    let mut line = String::new();
    let read = stdin.lock().read_line(&mut line);
    if read.is_ok() && matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes") {
        return Ok(());
    }
    Err(Failure::new(Code::NotConfirmed, "not confirmed; nothing was changed").hint("answer y, or add --yes"))
}
