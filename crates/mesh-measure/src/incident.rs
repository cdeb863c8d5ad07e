//! Incidents: from the run that showed a promise broken to the one that showed it kept.

use std::cmp::Reverse;

use mesh_model::{FactId, Severity, UnixMs};
use serde::Serialize;

use crate::measures::Place;
use crate::timeline::{Held, Timeline};

/// How an incident ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Closed {
    /// The promise was kept again.
    Fixed,
    /// The promise is not made any more.
    Dropped,
}

impl Closed {
    /// In one word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::Dropped => "dropped",
        }
    }
}

/// A promise of severity *error* that is or was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incident {
    /// Where.
    pub place: Place,
    /// Which promise.
    pub check: String,
    /// The run that showed it.
    pub run: FactId,
    /// When, by the home's clock.
    pub since_unix_ms: UnixMs,
    /// When it ended, by which run, and how; `None` while it is open.
    pub end: Option<(UnixMs, FactId, Closed)>,
}

impl Incident {
    /// Open ones first, and the latest of them.
    pub fn order(&self) -> impl Ord + use<> {
        (self.end.is_some(), Reverse(self.since_unix_ms))
    }
}

/// The incidents of one promise as they were known at a moment, the oldest first.
pub(crate) fn of<'a>(
    (place, check): (&'a Place, &'a str),
    timeline: &'a Timeline,
    moment: UnixMs,
) -> impl Iterator<Item = Incident> + 'a {
    let known = timeline.turns().iter().take_while(move |turn| turn.at_unix_ms <= moment);
    let next = timeline.turns().iter().skip(1).map(Some).chain([None]);
    let broken = known.zip(next).filter(|(turn, _)| (turn.held, turn.severity) == (Held::Broken, Severity::Error));
    broken.map(move |(turn, next)| {
        let end = next.filter(|next| next.at_unix_ms <= moment).map(|next| {
            let how = if next.held == Held::Kept { Closed::Fixed } else { Closed::Dropped };
            (next.at_unix_ms, next.run, how)
        });
        let (place, check) = (place.clone(), check.to_owned());
        Incident { place, check, run: turn.run, since_unix_ms: turn.at_unix_ms, end }
    })
}
