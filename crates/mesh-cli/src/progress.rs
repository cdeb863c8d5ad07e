//! Progress on stderr: a bar on a terminal, plain lines otherwise.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::print_stderr;

/// Between two plain lines.
const INTERVAL: Duration = Duration::from_secs(5);

/// How far something is.
#[derive(Debug)]
pub(crate) struct Progress {
    what: String,
    total: Option<u64>,
    done: u64,
    started: Instant,
    said: Instant,
    way: Way,
}

#[derive(Debug)]
enum Way {
    Bar(ProgressBar),
    Lines,
    Silent,
}

impl Progress {
    /// Starts a display; `total` is `None` while it is unknown.
    pub(crate) fn new(what: &str, total: Option<u64>, quiet: bool) -> Self {
        let now = Instant::now();
        let way = if quiet {
            Way::Silent
        } else if std::io::stderr().is_terminal() {
            Way::Bar(bar(what, total))
        } else {
            Way::Lines
        };
        Self { what: what.to_owned(), total, done: 0, started: now, said: now, way }
    }

    /// One more is done.
    pub(crate) fn inc(&mut self) {
        self.done += 1;
        match &self.way {
            Way::Bar(bar) => bar.inc(1),
            Way::Lines if self.said.elapsed() >= INTERVAL => {
                self.said = Instant::now();
                print_stderr(&format!("{}: {}\n", self.what, self.count()));
            }
            _ => {}
        }
    }

    /// So many are done.
    pub(crate) fn set(&mut self, done: u64) {
        self.done = done;
        match &self.way {
            Way::Bar(bar) => bar.set_position(done),
            Way::Lines if self.said.elapsed() >= INTERVAL => {
                self.said = Instant::now();
                print_stderr(&format!("{}: {}\n", self.what, self.count()));
            }
            _ => {}
        }
    }

    /// How many a second, so far.
    pub(crate) fn rate(&self) -> f64 {
        let seconds = self.started.elapsed().as_secs_f64().max(0.001);
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let done = self.done as f64;
        done / seconds
    }

    /// `12 of 40`, or `12` while the total is unknown.
    pub(crate) fn count(&self) -> String {
        self.total.map_or_else(|| self.done.to_string(), |total| format!("{} of {total}", self.done))
    }

    /// Prints a line above the bar.
    pub(crate) fn line(&self, text: &str) {
        match &self.way {
            Way::Bar(bar) => bar.suspend(|| print_stderr(&format!("{text}\n"))),
            Way::Lines => print_stderr(&format!("{text}\n")),
            Way::Silent => {}
        }
    }

    /// Takes the display away.
    pub(crate) fn finish(&self) {
        if let Way::Bar(bar) = &self.way {
            bar.finish_and_clear();
        }
    }
}

fn bar(what: &str, total: Option<u64>) -> ProgressBar {
    let target = ProgressDrawTarget::stderr_with_hz(10);
    let (bar, template) = match total {
        Some(total) => {
            (ProgressBar::with_draw_target(Some(total), target), "{msg} {wide_bar} {pos}/{len} {per_sec} {eta}")
        }
        None => (ProgressBar::with_draw_target(None, target), "{spinner} {msg} {pos} {per_sec}"),
    };
    bar.set_style(ProgressStyle::with_template(template).expect("the template is a constant that parses"));
    bar.set_message(what.to_owned());
    bar
}
