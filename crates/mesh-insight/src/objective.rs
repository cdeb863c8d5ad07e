//! Where a mesh wants to be, and how far it came.

use mesh_model::UnixMs;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::insights::Insights;

/// A measure that is to change, such as the guide's -50 % of the time to access.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Objective {
    /// Which measure.
    pub measure: String,
    /// What it was.
    pub baseline: Decimal,
    /// What it is to be.
    pub target: Decimal,
    /// When.
    pub by_unix_ms: UnixMs,
}

/// How far an objective is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The objective.
    #[serde(flatten)]
    pub objective: Objective,
    /// What the measure is; `None` while there is nothing to measure.
    pub value: Option<Decimal>,
    /// The part of the way from the baseline to the target, in whole percent, rounded down; may be negative or over 100.
    pub progress_percent: Option<i64>,
    /// Whether the target is reached.
    pub reached: bool,
    /// Whether its day is over.
    pub due: bool,
}

impl Objective {
    /// How far it is; `None` when there is no such measure, or the numbers are too large.
    pub fn progress(&self, insights: &Insights) -> Option<Progress> {
        let measure = insights.measure(&self.measure)?;
        let way = self.target.checked_sub(self.baseline)?;
        let percent = |value: Decimal| -> Option<i64> {
            let part = value.checked_sub(self.baseline)?.checked_mul(Decimal::ONE_HUNDRED)?.checked_div(way)?;
            i64::try_from(part.floor().mantissa()).ok()
        };
        let reached = |value: Decimal| if way.is_sign_negative() { value <= self.target } else { value >= self.target };
        Some(Progress {
            objective: self.clone(),
            value: measure.value,
            progress_percent: measure.value.and_then(percent),
            reached: measure.value.is_some_and(reached),
            due: self.by_unix_ms <= insights.at_unix_ms,
        })
    }
}
