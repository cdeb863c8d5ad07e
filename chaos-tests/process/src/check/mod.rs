//! After the faults: is everything there that was promised, and is it the same everywhere?

pub(crate) mod catalog;
pub(crate) mod commands;
pub(crate) mod converge;
pub(crate) mod copies;
pub(crate) mod excuses;
pub(crate) mod feeds;
pub(crate) mod ledger;
pub(crate) mod members;

/// What the checks found.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    violations: Vec<String>,
    notes: Vec<String>,
    checked: Vec<(&'static str, usize)>,
}

impl Findings {
    /// Something that must never be.
    pub(crate) fn violation(&mut self, what: impl Into<String>) {
        self.violations.push(what.into());
    }

    /// A violation unless `holds`.
    pub(crate) fn expect(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.violation(what());
        }
    }

    /// Something worth knowing that breaks no promise.
    pub(crate) fn note(&mut self, what: impl Into<String>) {
        self.notes.push(what.into());
    }

    /// How many of something were checked: a check of nothing proves nothing.
    pub(crate) fn checked(&mut self, what: &'static str, count: usize) {
        self.checked.push((what, count));
    }

    pub(crate) fn violations(&self) -> &[String] {
        &self.violations
    }

    pub(crate) fn notes(&self) -> &[String] {
        &self.notes
    }

    pub(crate) fn counts(&self) -> &[(&'static str, usize)] {
        &self.checked
    }
}
