//! One promise at one port, over time.

use mesh_event::fact::{CheckKind, CheckVerdict, Measured, QualityCheck};
use mesh_model::{FactId, Severity, UnixMs};

/// Most turns that are remembered of one promise; the oldest go first.
const MOST_TURNS: usize = 4_096;

/// How it is with a promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// It was kept when somebody looked last.
    Kept,
    /// It was not.
    Broken,
    /// It is not made any more.
    Gone,
}

/// From when on it was so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// When, by the home's clock.
    pub at_unix_ms: UnixMs,
    /// How it is since then.
    pub held: Held,
    /// What it means when it is broken, as it was promised then.
    pub severity: Severity,
    /// The run that showed it.
    pub run: FactId,
}

/// What was measured of one promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeline {
    /// What kind of promise it is.
    pub kind: CheckKind,
    /// What it means when it is broken.
    pub severity: Severity,
    /// What came out last.
    pub last: CheckVerdict,
    /// When, by the home's clock.
    pub last_unix_ms: UnixMs,
    /// What was measured last.
    pub value: Option<Measured>,
    turns: Vec<Turn>,
}

impl Timeline {
    pub(crate) fn new(check: &QualityCheck, at: UnixMs) -> Self {
        let QualityCheck { kind, severity, verdict, .. } = *check;
        Self { kind, severity, last: verdict, last_unix_ms: at, value: None, turns: Vec::new() }
    }

    /// Takes what a run says of it. Not before what it took last.
    pub(crate) fn take(&mut self, check: &QualityCheck, run: FactId, at: UnixMs) {
        (self.kind, self.last, self.last_unix_ms) = (check.kind, check.verdict, at);
        let held = match check.verdict {
            CheckVerdict::Passed => Held::Kept,
            CheckVerdict::Failed => Held::Broken,
            CheckVerdict::Error | CheckVerdict::NotRun => return,
        };
        self.severity = check.severity;
        self.value.clone_from(&check.value);
        self.turn(held, run, at);
    }

    /// A later run does not name it.
    pub(crate) fn end(&mut self, run: FactId, at: UnixMs) {
        self.turn(Held::Gone, run, at);
    }

    /// Its version was retired.
    pub(crate) fn retire(&mut self, at: UnixMs) {
        let Some(run) = self.turns.last().map(|turn| turn.run) else { return };
        // What was measured of it later is of nothing.
        self.turns.retain(|turn| turn.at_unix_ms < at);
        self.turn(Held::Gone, run, at);
    }

    fn turn(&mut self, held: Held, run: FactId, at: UnixMs) {
        let severity = self.severity;
        if self.turns.last().is_some_and(|last| (last.held, last.severity) == (held, severity)) {
            return;
        }
        if self.turns.len() >= MOST_TURNS {
            self.turns.remove(0);
        }
        self.turns.push(Turn { at_unix_ms: at, held, severity, run });
    }

    /// Whether it is not made any more.
    pub fn is_gone(&self) -> bool {
        self.turns.last().is_some_and(|turn| turn.held == Held::Gone)
    }

    /// When it turned, the oldest first.
    pub fn turns(&self) -> &[Turn] {
        &self.turns
    }

    /// How it was at a moment; `None` when nobody had measured it.
    pub fn at(&self, moment: UnixMs) -> Option<&Turn> {
        let behind = self.turns.partition_point(|turn| turn.at_unix_ms <= moment);
        self.turns.get(behind.checked_sub(1)?)
    }

    /// For how many milliseconds it was broken between two moments, the second one not included.
    pub fn broken_ms(&self, from: UnixMs, to: UnixMs) -> u64 {
        let ends = self.turns.iter().skip(1).map(|turn| turn.at_unix_ms).chain([to]);
        let broken = self.turns.iter().zip(ends).filter(|(turn, _)| turn.held == Held::Broken);
        broken.map(|(turn, end)| end.min(to).saturating_sub(turn.at_unix_ms.max(from))).sum()
    }
}
