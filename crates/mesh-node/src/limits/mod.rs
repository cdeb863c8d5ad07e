//! What is refused before it costs much: too often, or too much in a day. Every refusal changes nothing, says so, and says when there
//! is room again.
//!
//! | type | bounds |
//! |---|---|
//! | [`RateTable`] | how often each of many may do something |
//! | [`CommandRate`] | commands of one key |
//! | [`DayQuota`], [`DayUse`] | commands and bytes of one domain in a day |

mod command_rate;
mod day_quota;
mod rate_table;

pub use command_rate::CommandRate;
pub use day_quota::{DayQuota, DayUse};
pub use rate_table::RateTable;
