//! Errors as people, scripts and exit codes see them.

use std::fmt::Write as _;

use mesh_client::MeshError;
use mesh_model::{Class, Code};
use serde_json::json;

use crate::output::printable;
use crate::style::Style;

/// What a command ends with when it does not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The stable code; decides the exit code.
    pub(crate) code: Option<Code>,
    /// One lower-case sentence; empty when nothing is to be said.
    pub(crate) message: String,
    /// What to do next.
    pub(crate) hint: Option<String>,
    /// Single places that do not fit, each one line.
    pub(crate) problems: Vec<String>,
    exit: u8,
}

/// Exit code of `plan --exit-code` when there are changes.
const CHANGES: u8 = 10;
/// Exit code after Ctrl-C: 128 + SIGINT.
const INTERRUPTED: u8 = 130;

impl Failure {
    /// An error with a stable code; the hint is the code's.
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        let exit = match code {
            // A node of another mesh than the pinned one is a failed verification, wherever it is noticed.
            Code::WrongMesh => mesh_model::Class::Verification.exit_code(),
            Code::Changes => CHANGES,
            code => code.class().exit_code(),
        };
        let hint = Some(code.next_step().to_owned());
        Self { code: Some(code), message: message.into(), hint, problems: Vec::new(), exit }
    }

    /// The command line does not fit (exit 2).
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Code::Usage, message)
    }

    /// A defect or an unexpected state of this machine (exit 1).
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self { hint: None, ..Self::new(Code::Internal, message) }
    }

    /// A file that cannot be read or written, with its path.
    pub(crate) fn io(action: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        let message = format!("cannot {action} {}: {}", path.display(), lower(&error.to_string()));
        let code = match error.kind() {
            std::io::ErrorKind::NotFound => Code::NotFound,
            std::io::ErrorKind::IsADirectory => Code::Usage,
            // Bytes where a text was expected: another kind of file was named.
            std::io::ErrorKind::InvalidData => Code::InvalidFile,
            _ => Code::Internal,
        };
        Self { hint: None, ..Self::new(code, message) }
    }

    /// Ends with this exit code and says nothing: what there was to say was said.
    pub(crate) fn quiet(exit: u8) -> Self {
        Self { code: None, message: String::new(), hint: None, problems: Vec::new(), exit }
    }

    /// `plan --exit-code` with changes.
    pub(crate) fn changes() -> Self {
        Self::quiet(CHANGES)
    }

    /// Ctrl-C, with what was reached.
    pub(crate) fn interrupted(reached: &str) -> Self {
        let reached = if reached.is_empty() { "nothing was changed" } else { reached };
        let mut failure = Self::quiet(INTERRUPTED);
        failure.message = format!("interrupted; {reached}");
        failure
    }

    /// The same with another hint.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with problems to list.
    #[must_use]
    pub(crate) fn problems(mut self, problems: Vec<String>) -> Self {
        self.problems = problems;
        self
    }

    /// The same, its message told from further out: `reading x.hcl: …`.
    #[must_use]
    pub(crate) fn within(mut self, outer: impl std::fmt::Display) -> Self {
        self.message = format!("{outer}: {}", self.message);
        self
    }

    /// What the process exits with.
    pub(crate) fn exit_code(&self) -> u8 {
        self.exit
    }

    /// What stands on stderr, one JSON document or lines for people; empty when nothing is to be said.
    pub(crate) fn render(&self, json: bool, style: Style) -> String {
        if self.message.is_empty() {
            return String::new();
        }
        if json {
            let error = json!({ "error": {
                "code": self.code.map(|code| code.to_string()),
                "name": self.code.map(Code::slug),
                "message": self.message,
                "problems": self.problems,
                "hint": self.hint,
                "exit_code": self.exit,
            }});
            return format!("{error}\n");
        }
        // Nodes and files have a say in these texts; the terminal must not obey them.
        let word = match self.code.map(Code::class) {
            // There was nothing to do, and that is no error.
            Some(Class::Done) => style.green("done:"),
            _ => style.red("error:"),
        };
        let mut text = format!("{word} {}", printable(&self.message));
        if let Some(code) = self.code {
            let _infallible = write!(text, " {}", style.dim(&format!("[{code}]")));
        }
        text.push('\n');
        for problem in &self.problems {
            for line in problem.lines() {
                let _infallible = writeln!(text, "  {}", printable(line));
            }
        }
        if let Some(hint) = &self.hint {
            let _infallible = writeln!(text, "{} {}", style.cyan("hint:"), printable(hint));
        }
        text
    }
}

/// A sentence of the standard library in our manner.
fn lower(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

impl From<MeshError> for Failure {
    fn from(error: MeshError) -> Self {
        let problems = error
            .fields
            .iter()
            .map(|(path, why)| if path.is_empty() { why.clone() } else { format!("{path}: {why}") })
            .collect();
        Self::new(error.code, error.message).problems(problems)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_see_code_and_hint_and_scripts_one_json_document() {
        let failure = Failure::new(Code::WrongRole, "the key may not publish in sales").problems(vec!["a: b".into()]);
        assert_eq!(
            failure.render(false, Style::plain()),
            "error: the key may not publish in sales [MESH-0012]\n  a: b\n\
             hint: `mesh can ACTION ID` says who may; docs/roles.md has the table\n"
        );
        let json: serde_json::Value = serde_json::from_str(&failure.render(true, Style::plain())).unwrap_or_default();
        assert_eq!(json["error"]["code"], "MESH-0012");
        assert_eq!(json["error"]["exit_code"], 7);
        assert_eq!(failure.exit_code(), 7);
    }

    #[test]
    fn what_others_wrote_does_not_steer_the_terminal() {
        let failure = Failure::new(Code::WrongRole, "no\u{1b}[2J\u{202e}").problems(vec!["a\u{7}\u{2066}b".into()]);
        let text = failure.hint("c\u{1b}]0;d").render(false, Style::plain());
        assert_eq!(text, "error: no[2J [MESH-0012]\n  ab\nhint: c]0;d\n");
    }

    #[test]
    fn a_node_of_another_mesh_is_a_failed_verification() {
        assert_eq!(Failure::new(Code::WrongMesh, "other").exit_code(), 8);
    }

    #[test]
    fn an_interruption_says_what_was_reached() {
        let failure = Failure::interrupted("3 of 7 products published");
        assert_eq!(failure.exit_code(), 130);
        assert_eq!(failure.render(false, Style::plain()), "error: interrupted; 3 of 7 products published\n");
        assert!(Failure::interrupted("").message.contains("nothing was changed"));
    }
}
