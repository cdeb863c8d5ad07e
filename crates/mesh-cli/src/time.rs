//! Ledger time as people read and write it.

use std::time::Duration;

use jiff::Timestamp;
use mesh_client::Freshness;
use mesh_model::UnixMs;

/// This machine's clock.
pub(crate) fn now() -> UnixMs {
    u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0)
}

/// `2026-11-23 04:24:00Z`.
pub(crate) fn show(at: UnixMs) -> String {
    let at = i64::try_from(at).ok().and_then(|at| Timestamp::from_millisecond(at).ok());
    at.map_or_else(|| "?".to_owned(), |at| at.strftime("%Y-%m-%d %H:%M:%SZ").to_string())
}

/// RFC 3339, for JSON: `2026-11-23T04:24:00.123Z`.
pub(crate) fn rfc3339(at: UnixMs) -> String {
    let at = i64::try_from(at).ok().and_then(|at| Timestamp::from_millisecond(at).ok());
    at.map_or_else(String::new, |at| format!("{at:.3}"))
}

/// `850 ms`, `12 s`, `3 min`, `5 h`, `2 d`: for ages and waits.
pub(crate) fn age(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..120_000 => format!("{} s", ms / 1_000),
        120_000..7_200_000 => format!("{} min", ms / 60_000),
        7_200_000..172_800_000 => format!("{} h", ms / 3_600_000),
        _ => format!("{} d", ms / 86_400_000),
    }
}

/// The age of what a node shows: as [`age()`], `never current`, or `unknown` from the node's start until it hears of a newer checkpoint.
pub(crate) fn age_of(freshness: &Freshness) -> String {
    match (freshness.age_ms, freshness.cosigned_unix_s) {
        (Some(ms), _) => age(ms),
        (None, Some(_)) => "unknown".to_owned(),
        (None, None) => "never current".to_owned(),
    }
}

/// A ledger time: RFC 3339, or a day, which stands for its end (UTC).
pub(crate) fn parse(text: &str) -> Option<UnixMs> {
    let at = if let Ok(at) = text.parse::<Timestamp>() {
        at
    } else {
        let day: jiff::civil::Date = text.parse().ok()?;
        day.tomorrow().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp()
    };
    u64::try_from(at.as_millisecond()).ok()
}

/// A length of time such as `30s`, `2m` or `1h 30m`.
///
/// # Errors
/// A sentence for the command line when it is none, or not above zero.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let parsed: Result<jiff::SignedDuration, _> = text.parse();
    let duration = parsed.ok().and_then(|duration| Duration::try_from(duration).ok()).filter(|d| !d.is_zero());
    duration.ok_or_else(|| "expected a length of time such as 30s or 2m".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_and_parses() {
        assert_eq!(show(0), "1970-01-01 00:00:00Z");
        assert_eq!(parse("1970-01-01T00:00:01Z"), Some(1000));
        assert_eq!(parse("1970-01-01"), Some(86_400_000));
        assert_eq!(parse("soon"), None);
        assert_eq!(parse_duration("30s"), Ok(Duration::from_secs(30)));
        assert!(parse_duration("0s").is_err() && parse_duration("-1s").is_err() && parse_duration("30").is_err());
        assert_eq!((age(999).as_str(), age(90_000).as_str(), age(86_400_000).as_str()), ("999 ms", "90 s", "24 h"));
    }
}
