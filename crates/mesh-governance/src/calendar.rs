//! Days of the calendar.

/// Whether the text is a day of the Gregorian calendar as `YYYY-MM-DD` (RFC 3339 `full-date`).
pub(crate) fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    let number = |range: std::ops::Range<usize>| -> Option<u32> {
        bytes.get(range)?.iter().try_fold(0, |n, b| b.is_ascii_digit().then(|| n * 10 + u32::from(b - b'0')))
    };
    let (Some(year), Some(month), Some(day)) = (number(0..4), number(5..7), number(8..10)) else {
        return false;
    };
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    bytes.len() == 10 && bytes[4] == b'-' && bytes[7] == b'-' && (1..=days).contains(&day)
}

#[cfg(test)]
mod tests {
    use super::is_date;

    #[test]
    fn takes_days_of_the_calendar_and_nothing_else() {
        for good in ["2026-11-23", "2024-02-29", "2000-02-29", "0001-01-01", "9999-12-31"] {
            assert!(is_date(good), "{good}");
        }
        for bad in [
            "",
            "2026-11-2",
            "2026-11-233",
            "2026/11/23",
            "2026-13-01",
            "2026-00-01",
            "2026-04-31",
            "2025-02-29",
            "1900-02-29",
            "2026-11-00",
            "+026-11-23",
            "2026-11-2é",
            "２026-1-1",
        ] {
            assert!(!is_date(bad), "{bad}");
        }
    }
}
