//! The steps of a page (```` ```console step=NAME exit=N ````) on one mesh, in the page's order.

use super::local_mesh::LocalMesh;
use super::{page, shell};

/// Where the first node of a local mesh serves, unless something else does.
const USUAL: &str = "http://127.0.0.1:7080";

/// A mesh with the sample, and the steps that are left.
pub(crate) struct Walk {
    pub(crate) mesh: LocalMesh,
    page: &'static str,
    steps: std::vec::IntoIter<page::Block>,
}

impl Walk {
    /// Before the first step of a page.
    pub(crate) fn of(page: &'static str) -> Self {
        let blocks = page::blocks(&page::read(page)).into_iter().filter(|block| block.language == "console");
        let steps = blocks.collect::<Vec<_>>().into_iter();
        Self { mesh: LocalMesh::with_sample(), page, steps }
    }

    /// The next step, which has to be this one, without running it.
    pub(crate) fn next(&mut self, name: &str) -> page::Block {
        let block = self.steps.next().unwrap_or_else(|| panic!("{} ends before {name}", self.page));
        assert_eq!(block.attribute("step"), Some(name), "{}, line {}", self.page, block.line);
        block
    }

    /// Runs the next step, which has to be this one; returns stdout and stderr.
    pub(crate) fn step(&mut self, name: &str) -> (String, String) {
        let block = self.next(name);
        let exit = block.attribute("exit").map_or(0, |exit| exit.parse().unwrap());
        let output = self.mesh.run(&self.here(&block.text));
        assert_eq!(output.status.code(), Some(exit), "{}\n{}", block.text, shell::describe(&output));
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (text(output.stdout), text(output.stderr))
    }

    /// A page's text, with the first node's address in the place of the usual one.
    pub(crate) fn here(&self, text: &str) -> String {
        if !text.contains(USUAL) {
            return text.to_owned();
        }
        text.replace(USUAL, self.mesh.urls()[0].trim_end_matches('/'))
    }

    /// The page has no more steps.
    pub(crate) fn ends(&mut self) {
        assert!(self.steps.next().is_none(), "{} has more steps", self.page);
    }

    /// Runs a line that has to fail with this exit code, and say this on stdout or stderr.
    pub(crate) fn refused(&self, exit: i32, line: &str, part: &str) {
        let output = self.mesh.run(line);
        assert_eq!(output.status.code(), Some(exit), "{line}\n{}", shell::describe(&output));
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(said.contains(part), "{line}: {said}");
    }
}
