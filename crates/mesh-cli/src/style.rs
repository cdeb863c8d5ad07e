//! Colours, where they are wanted.

/// Colours, or none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    colour: bool,
}

impl Style {
    /// Colours when `colour` says so.
    pub(crate) fn new(colour: bool) -> Self {
        Self { colour }
    }

    /// No colours.
    #[cfg(test)]
    pub(crate) fn plain() -> Self {
        Self::new(false)
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// For titles.
    pub(crate) fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }
    /// For what matters less.
    pub(crate) fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }
    /// For errors and what goes away.
    pub(crate) fn red(self, text: &str) -> String {
        self.paint("31", text)
    }
    /// For success and what comes.
    pub(crate) fn green(self, text: &str) -> String {
        self.paint("32", text)
    }
    /// For warnings and what changes.
    pub(crate) fn yellow(self, text: &str) -> String {
        self.paint("33", text)
    }
    /// For hints and commands to type.
    pub(crate) fn cyan(self, text: &str) -> String {
        self.paint("36", text)
    }
}
