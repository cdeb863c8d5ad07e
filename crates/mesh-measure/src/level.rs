//! How much of its error budget a promise has spent.

use mesh_model::UnixMs;
use serde::Serialize;

use crate::timeline::{Held, Timeline};

/// An hour, in milliseconds.
pub const HOUR_MS: u64 = 3_600_000;
/// A day, in milliseconds.
pub const DAY_MS: u64 = 24 * HOUR_MS;
/// Over how long the budget goes: the last 30 days.
pub const WINDOW_MS: u64 = 30 * DAY_MS;
/// For which part of the window a promise has to be kept that says nothing of it, in millionths: 99 %, so that 7 h 12 min of 30 days may go wrong.
pub const PROMISED_PPM: u32 = 990_000;
const MILLION: u64 = 1_000_000;

/// Where a promise stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Nobody measured it, or it is not made any more.
    Unknown,
    /// Less than half of the budget is spent, and it is kept now.
    Healthy,
    /// It is broken now, or half of the budget is spent.
    AtRisk,
    /// All of the budget is spent.
    Broken,
}

impl Standing {
    /// For people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Healthy => "healthy",
            Self::AtRisk => "at risk",
            Self::Broken => "broken",
        }
    }
}

/// How fast the budget is spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Burn {
    /// Over which time that ends now.
    pub window_ms: u64,
    /// In hundredths: 100 spends exactly the budget if it goes on like this.
    pub rate_percent: u64,
}

/// A promise held against its error budget, at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Level {
    /// Where it stands.
    pub standing: Standing,
    /// For which part of the window it has to be kept, in millionths.
    pub promised_ppm: u32,
    /// For how long it may be broken in the window, in milliseconds.
    pub budget_ms: u64,
    /// For how long it was.
    pub broken_ms: u64,
    /// The second of the first, in hundredths; may be over 100.
    pub spent_percent: u64,
    /// Over the last hour, and over the last day.
    pub burns: [Burn; 2],
}

impl Level {
    /// Holds a promise against a budget: that it is kept for so many millionths of the time.
    ///
    /// # Panics
    /// When more than all of the time is promised.
    pub fn of(timeline: &Timeline, promised_ppm: u32, now: UnixMs) -> Self {
        let allowed = MILLION.checked_sub(u64::from(promised_ppm)).expect("a part of the time is promised");
        let budget = |window: u64| window * allowed / MILLION;
        let broken = |window: u64| timeline.broken_ms(now.saturating_sub(window), now);
        // Where nothing may go wrong, the first moment spends all and more.
        let percent = |window: u64| broken(window).saturating_mul(100) / budget(window).max(1);
        let (budget_ms, broken_ms, spent_percent) = (budget(WINDOW_MS), broken(WINDOW_MS), percent(WINDOW_MS));
        let burn = |window_ms| Burn { window_ms, rate_percent: percent(window_ms) };
        let standing = match timeline.at(now).map(|turn| turn.held) {
            None | Some(Held::Gone) => Standing::Unknown,
            Some(_) if spent_percent >= 100 => Standing::Broken,
            Some(Held::Broken) => Standing::AtRisk,
            Some(Held::Kept) if spent_percent >= 50 => Standing::AtRisk,
            Some(Held::Kept) => Standing::Healthy,
        };
        let burns = [burn(HOUR_MS), burn(DAY_MS)];
        Self { standing, promised_ppm, budget_ms, broken_ms, spent_percent, burns }
    }
}
