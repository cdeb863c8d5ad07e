//! The finest step of a time convention, as far as it decides a field's type.

/// What a type has to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Granularity {
    /// Days or longer.
    Days,
    /// Parts of a day; so many digits of a second.
    Moments {
        /// After the decimal point.
        digits: usize,
    },
}

impl Granularity {
    /// Reads an ISO 8601 duration that was found to be one.
    pub(super) fn of(duration: &str) -> Self {
        let counts = |text: &str| text.bytes().any(|byte| byte.is_ascii_digit() && byte != b'0');
        let (date, time) = duration.split_once('T').unwrap_or((duration, ""));
        let part_of_a_day = date.split_once('.').is_some_and(|(_, fraction)| counts(fraction));
        if !counts(time) && !part_of_a_day {
            return Self::Days;
        }
        let seconds = time.strip_suffix('S').map_or("", |time| time.rsplit(['H', 'M']).next().unwrap_or_default());
        let fraction = seconds.split_once('.').map_or("", |(_, fraction)| fraction);
        Self::Moments { digits: fraction.trim_end_matches('0').len() }
    }

    /// The type that a field needs, for people.
    pub(super) fn expected(self) -> String {
        match self {
            Self::Days => "date".to_owned(),
            Self::Moments { digits: 0 } => "timestamp".to_owned(),
            Self::Moments { digits } => format!("timestamp({digits}), or timestamp without a precision"),
        }
    }

    /// Whether a field of this type holds such steps and no others of another kind: a day is no moment, a moment no day. A type that
    /// does not say how precise it is takes all.
    pub(super) fn fits(self, data_type: &str) -> bool {
        let plain = data_type.trim().to_lowercase();
        let digits = match self {
            Self::Days => return plain == "date",
            Self::Moments { digits } => digits,
        };
        let Some(rest) = plain.strip_prefix("timestamp").or_else(|| plain.strip_prefix("datetime")) else {
            return false;
        };
        let Some((_, precision)) = rest.split_once('(') else { return true };
        let precision = precision.split_once(')').map(|(precision, _)| precision.trim().parse::<usize>());
        matches!(precision, Some(Ok(precision)) if precision >= digits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_says_what_a_type_has_to_hold() {
        for (duration, expected) in [
            ("P1D", Granularity::Days),
            ("P1Y2M", Granularity::Days),
            ("P2W", Granularity::Days),
            ("P1DT0H", Granularity::Days),
            ("P0.5D", Granularity::Moments { digits: 0 }),
            ("PT1H", Granularity::Moments { digits: 0 }),
            ("PT1M30S", Granularity::Moments { digits: 0 }),
            ("PT0.001S", Granularity::Moments { digits: 3 }),
            ("PT1M0.500S", Granularity::Moments { digits: 1 }),
            ("PT1.0S", Granularity::Moments { digits: 0 }),
        ] {
            assert_eq!(Granularity::of(duration), expected, "{duration}");
        }
    }

    #[test]
    fn days_are_dates_and_moments_are_timestamps_that_are_precise_enough() {
        let (days, millis) = (Granularity::of("P1D"), Granularity::of("PT0.001S"));
        for (data_type, day, milli) in [
            ("date", true, false),
            ("Date", true, false),
            ("timestamp", false, true),
            ("TIMESTAMP(6)", false, true),
            ("timestamp (3) with time zone", false, true),
            ("timestamp_tz", false, true),
            ("datetime", false, true),
            ("timestamp(0)", false, false),
            ("timestamp(x)", false, false),
            ("timestamp(", false, false),
            ("time", false, false),
            ("string", false, false),
            ("", false, false),
        ] {
            assert_eq!((days.fits(data_type), millis.fits(data_type)), (day, milli), "{data_type}");
        }
    }
}
