//! Days of the Gregorian calendar, in UTC.

use mesh_model::UnixMs;

/// Milliseconds of a day.
pub(crate) const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// The first moment of a day written `YYYY-MM-DD`; `None` for what is no day from 1970 on.
pub(crate) fn day_start(text: &str) -> Option<UnixMs> {
    Some(u64::from(day_number(text)?) * DAY_MS)
}

/// The day, counted from 1970-01-01, of a text `YYYY-MM-DD`.
pub(crate) fn day_number(text: &str) -> Option<u32> {
    let mut parts = text.split('-');
    let mut part = |digits: usize| {
        let part = parts.next()?;
        (part.len() == digits && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse::<u32>().ok())?
    };
    let (year, month, day) = (part(4)?, part(2)?, part(2)?);
    let fits = year >= 1970 && (1..=12).contains(&month) && (1..=month_days(year, month)).contains(&day);
    if parts.next().is_some() || !fits {
        return None;
    }
    let before_year: u32 = (1970..year).map(|year| if is_leap(year) { 366 } else { 365 }).sum();
    let before_month: u32 = (1..month).map(|month| month_days(year, month)).sum();
    Some(before_year + before_month + day - 1)
}

fn is_leap(year: u32) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn month_days(year: u32, month: u32) -> u32 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_as_the_calendar_does() {
        assert_eq!(day_number("1970-01-01"), Some(0));
        assert_eq!(day_number("2000-03-01"), Some(11_017));
        assert_eq!(day_number("2024-02-29"), Some(19_782));
        assert_eq!(day_start("1970-01-02"), Some(86_400_000));
        for none in
            ["2023-02-29", "2024-13-01", "2024-1-01", "2024-01-01-01", "1969-12-31", "", "2024-00-10", "+024-01-01"]
        {
            assert_eq!(day_number(none), None, "{none}");
        }
    }
}
