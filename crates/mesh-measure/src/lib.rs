//! What was measured about a domain's products, held against what they promise.
//!
//! Row 2 of the workspace, pure: times are arguments. Between signed facts ([`mesh_event::fact::QualityRun`]) below and the node above, which keeps
//! them in the domain's feed.
//!
//! ```text
//!   QualityRun, QualityRun, …   in the order of the feed
//!        │
//!        ▼
//!   Measures ──> Run        the latest of each product, as they were stated
//!        │
//!        └─────> Timeline   of each promise at each port: when it began to be broken, and when it was kept again
//!                   ├──> Level      how much of its error budget is spent, and how fast
//!                   └──> Incident   from the run that failed to the one that passed
//! ```
//!
//! A **promise** is a check by its name, at one port of one major, as one tool measures it: its timeline goes on from version to version. What was measured last holds until
//! something else is measured: the time in which a promise was broken is what its **error budget** pays for, so it does not matter how often
//! somebody looks. A check that could not be run changes nothing but what is said of the last look.
//!
//! Who reads data and runs rules is a program of its own, which has no keys and knows no node: [`worker`] is what it is told and what it answers.
//!
//! **Invariants.** [`Measures`] is a function of the domain's facts in the order of its feed, so every node that has the feed has the same one.
//! Runs of a port go forward in time. An incident is never written down: it is what the timeline says, at any moment that is asked about. Who may
//! state a run is not judged here (`mesh-governance`).

mod incident;
mod level;
mod measures;
mod timeline;
pub mod worker;

#[cfg(test)]
mod tests;

pub use incident::{Closed, Incident};
pub use level::{Burn, DAY_MS, HOUR_MS, Level, PROMISED_PPM, Standing, WINDOW_MS};
pub use measures::{
    LATE_MS, MOST_PLACES, MOST_PROMISES, MOST_RUNS, MOST_RUNS_IN_A_DAY, Measures, Place, PortMeasures, ProductMeasures,
    Refused, Run,
};
pub use timeline::{Held, Timeline, Turn};
