//! What pipelines tell of themselves, in OpenLineage's words (spec 2-0-2): which datasets a run read and wrote, and which columns came from which.
//!
//! An event is kept as it came, whatever facets it has; here is read only what lineage needs. Events of one run add up ([`Run`]): what it read
//! may be told at its start and what it wrote at its end. What a run that failed would have written is nobody's lineage.

mod event;
mod naming;
mod observed;
mod run;

pub use event::{ColumnUse, DatasetId, DatasetUse, Event, EventError, Kind, State, limits};
pub use naming::{Names, PortAt};
pub use observed::{ColumnStep, Observed, Row, Seen};
pub use run::{Column, Origin, Run, Supply};
