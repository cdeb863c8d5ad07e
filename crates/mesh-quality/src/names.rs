//! Distinct names of checks.

use std::collections::BTreeSet;

/// Names that were given.
#[derive(Debug, Default)]
pub(crate) struct Names(BTreeSet<String>);

impl Names {
    /// A name as it is, or with the first number behind it that makes it another one.
    pub(crate) fn take(&mut self, name: &str) -> String {
        let numbered = (2_u64..).map(|number| format!("{name}-{number}"));
        let mut names = std::iter::once(name.to_owned()).chain(numbered);
        let free = names.find(|name| !self.0.contains(name)).expect("numbers don't end");
        self.0.insert(free.clone());
        free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_checks_have_the_same_name() {
        let mut names = Names::default();
        let taken: Vec<String> = ["a", "a", "a-2", "b", "a"].iter().map(|name| names.take(name)).collect();
        assert_eq!(taken, ["a", "a-2", "a-2-2", "b", "a-3"]);
    }
}
