//! Targets: a sign, a number, a unit. Shares are compared and shown as decimals, made of whole numbers.

use mesh_model::{Metric, Quantity};
use rust_decimal::{Decimal, RoundingStrategy};

/// Places of a number that is shown: a billionth of a percent is not rounded away.
const PLACES: u32 = 10;

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Percent,
    Rows,
    /// Milliseconds of one.
    Time(u32),
}

/// How what is measured compares with what is promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    Equal,
    Unequal,
    Less,
    AtMost,
    More,
    AtLeast,
}

/// What is promised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    sign: Sign,
    value: Decimal,
    pub(super) unit: Unit,
    /// The unit as the file writes it.
    pub(super) word: String,
}

impl Target {
    /// Reads a metric's target. `unsaid` is what its number means when it has no sign.
    ///
    /// # Errors
    /// A sentence that says why nothing can be measured against it.
    pub(super) fn of(metric: &Metric, unsaid: Sign) -> Result<Self, String> {
        let Some(target) = &metric.target else {
            let between = ["between", "not between"].iter().find(|sign| metric.description.starts_with(**sign));
            return Err(between.map_or_else(
                || "it has no target to compare with".to_owned(),
                |sign| format!("'{sign}' has its bounds in prose only, so there is no target to compare with"),
            ));
        };
        let sign = match target.comparison.trim() {
            "" => unsaid,
            "=" | "==" => Sign::Equal,
            "!=" | "<>" | "≠" => Sign::Unequal,
            "<" => Sign::Less,
            "<=" | "≤" => Sign::AtMost,
            ">" => Sign::More,
            ">=" | "≥" => Sign::AtLeast,
            "between" | "not between" => {
                return Err(format!("'{}' carries no two bounds to compare with", target.comparison));
            }
            other => return Err(format!("'{other}' is no comparison that is known")),
        };
        let unit = unit(&target.unit).ok_or_else(|| format!("'{}' is no unit that is measured", target.unit))?;
        Ok(Self { sign, value: target.value, unit, word: target.unit.clone() })
    }

    /// Whether a number keeps it.
    pub(super) fn is_kept_by(&self, found: Decimal) -> bool {
        match self.sign {
            Sign::Equal => found == self.value,
            Sign::Unequal => found != self.value,
            Sign::Less => found < self.value,
            Sign::AtMost => found <= self.value,
            Sign::More => found > self.value,
            Sign::AtLeast => found >= self.value,
        }
    }

    /// What is promised, in words.
    pub(super) fn words(&self) -> String {
        let sign = match self.sign {
            Sign::Equal => "exactly",
            Sign::Unequal => "anything but",
            Sign::Less => "less than",
            Sign::AtMost => "at most",
            Sign::More => "more than",
            Sign::AtLeast => "at least",
        };
        format!("{sign} {}", with_unit(self.value, &self.word))
    }

    /// A number of its unit, as it is shown: never better than it is, whichever way is better.
    pub(super) fn shown(&self, found: Decimal) -> Quantity {
        let strategy = match self.sign {
            Sign::Less | Sign::AtMost => RoundingStrategy::ToPositiveInfinity,
            _ => RoundingStrategy::ToZero,
        };
        let value = found.round_dp_with_strategy(PLACES, strategy).normalize();
        Quantity { comparison: "=".to_owned(), value, unit: self.word.clone() }
    }
}

pub(super) fn with_unit(value: Decimal, unit: &str) -> String {
    let glue = if unit.is_empty() || unit == "%" { "" } else { " " };
    format!("{value}{glue}{unit}")
}

fn unit(text: &str) -> Option<Unit> {
    Some(match text.trim().to_lowercase().as_str() {
        "%" | "percent" => Unit::Percent,
        "" | "row" | "rows" | "values" => Unit::Rows,
        "ms" | "millisecond" | "milliseconds" => Unit::Time(1),
        "s" | "sec" | "secs" | "second" | "seconds" => Unit::Time(1_000),
        "m" | "min" | "mins" | "minute" | "minutes" => Unit::Time(60_000),
        "h" | "hr" | "hour" | "hours" => Unit::Time(3_600_000),
        "d" | "day" | "days" => Unit::Time(86_400_000),
        "w" | "week" | "weeks" => Unit::Time(604_800_000),
        // Months, business days: no number of milliseconds.
        _ => return None,
    })
}

/// A part of a whole, in percent; none of nothing.
pub(super) fn percent(part: u64, whole: u64) -> Option<Decimal> {
    // 100 times the largest of these numbers is a decimal.
    (Decimal::from(part) * Decimal::ONE_HUNDRED).checked_div(Decimal::from(whole))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn target(comparison: &str, value: &str, unit: &str) -> Result<Target, String> {
        let quantity = Quantity { comparison: comparison.into(), value: value.parse().unwrap(), unit: unit.into() };
        let metric = Metric {
            name: "x".into(),
            target: Some(quantity),
            scope: String::new(),
            measured: String::new(),
            description: String::new(),
        };
        Target::of(&metric, Sign::AtLeast)
    }

    #[test]
    fn a_share_is_never_rounded_to_what_it_is_not() {
        let all_but_one = percent(9_999_999_999, 10_000_000_000).unwrap();
        assert!(target(">=", "100", "%").is_ok_and(|target| !target.is_kept_by(all_but_one)));
        assert!(target(">=", "99.99999999", "%").is_ok_and(|target| target.is_kept_by(all_but_one)));
        assert_eq!(target(">=", "100", "%").unwrap().shown(all_but_one).value.to_string(), "99.99999999");
        assert_eq!(target("<=", "0", "%").unwrap().shown(percent(1, 3).unwrap()).value.to_string(), "33.3333333334");
        assert_eq!((percent(0, 0), percent(u64::MAX, u64::MAX)), (None, Some(Decimal::ONE_HUNDRED)));
    }

    #[test]
    fn signs_and_units_are_those_that_files_use() {
        for (comparison, value, found, is_kept) in [
            ("", "5", 5, true),
            ("", "5", 4, false),
            ("=", "5", 5, true),
            ("!=", "5", 5, false),
            (">", "5", 5, false),
            (">=", "5", 5, true),
            ("<", "5", 5, false),
            ("<=", "5", 5, true),
        ] {
            let target = target(comparison, value, "rows").unwrap();
            assert_eq!(target.is_kept_by(Decimal::from(found)), is_kept, "{found} {comparison} {value}");
        }
        assert_eq!(target("<=", "15", "minutes").unwrap().words(), "at most 15 minutes");
        for (comparison, unit) in [("between", "%"), ("~", "%"), ("<=", "business days"), ("<=", "parsecs")] {
            assert!(target(comparison, "1", unit).is_err(), "{comparison} {unit}");
        }
    }
}
