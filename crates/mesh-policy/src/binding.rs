//! Whether a standard binds a product at a moment, and what a violation then does.

use mesh_model::{Enforcement, Standard, UnixMs};
use serde::Serialize;

use crate::date::{DAY_MS, day_start};

/// A council's leave for one product to violate one standard for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiver {
    /// The first moment at which it no longer holds.
    pub until: UnixMs,
    /// Why it was given.
    pub why: String,
}

/// How a standard stands to a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Binding {
    /// Its effective date is still to come.
    NotYet {
        /// The first moment at which it binds.
        from: UnixMs,
    },
    /// The product was there before the standard, and has time.
    InGrace {
        /// The first moment at which it binds.
        until: UnixMs,
    },
    /// The council gave leave.
    Waived {
        /// The first moment at which it binds.
        until: UnixMs,
        /// Why.
        why: String,
    },
    /// It binds.
    Binds,
}

/// What a violation does to a publish. Deprecating, retiring and revoking are never stopped by a standard: don't ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// It is recorded.
    Advise,
    /// It is recorded and whoever publishes is told.
    Warn,
    /// The version is refused.
    Block,
}

impl Binding {
    /// How a standard stands to a product at a moment.
    ///
    /// `enacted` is the stamp of the enacting entry; `first_sealed` that of the product's first version, `None` for a
    /// product that is sealed only now. Products first sealed after enactment are bound from the effective date on,
    /// older ones only once their grace days from there are over.
    pub fn at(
        now: UnixMs,
        standard: &Standard,
        enacted: UnixMs,
        first_sealed: Option<UnixMs>,
        waiver: Option<&Waiver>,
    ) -> Self {
        // A date in the past binds nobody before the council decided.
        let effective = day_start(&standard.effective_from).unwrap_or(enacted).max(enacted);
        if now < effective {
            return Self::NotYet { from: effective };
        }
        if let Some(waiver) = waiver.filter(|waiver| now < waiver.until) {
            return Self::Waived { until: waiver.until, why: waiver.why.clone() };
        }
        let grace_ends = effective.saturating_add(u64::from(standard.grace_days) * DAY_MS);
        let older = first_sealed.is_some_and(|sealed| sealed <= enacted);
        if older && now < grace_ends { Self::InGrace { until: grace_ends } } else { Self::Binds }
    }

    /// What a violation does. In grace, what would block warns; not yet or waived, a violation is only recorded.
    pub fn effect(&self, enforcement: Enforcement) -> Effect {
        match (self, enforcement) {
            (Self::NotYet { .. } | Self::Waived { .. }, _) | (_, Enforcement::Advise) => Effect::Advise,
            (Self::InGrace { .. }, _) | (Self::Binds, Enforcement::Warn) => Effect::Warn,
            (Self::Binds, Enforcement::Block) => Effect::Block,
        }
    }
}
