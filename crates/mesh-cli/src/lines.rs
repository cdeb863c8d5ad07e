//! Text for people, line by line.

/// Lines that were written so far.
#[derive(Debug, Default)]
pub(crate) struct Lines(String);

impl Lines {
    /// Adds a line.
    pub(crate) fn add(&mut self, line: impl AsRef<str>) {
        self.0.push_str(line.as_ref());
        self.0.push('\n');
    }

    /// All of them, each with its line break.
    pub(crate) fn into_text(self) -> String {
        self.0
    }
}
