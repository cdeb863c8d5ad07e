//! How often data is renewed, as people write it.

use std::time::Duration;

use super::OutputPort;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
/// Words, and the seconds between two renewals: a month has at most 31 days.
const WORDS: [(&str, u64); 9] = [
    ("hourly", HOUR),
    ("daily", DAY),
    ("nightly", DAY),
    ("weekly", 7 * DAY),
    ("monthly", 31 * DAY),
    ("quarterly", 92 * DAY),
    ("yearly", 366 * DAY),
    ("annually", 366 * DAY),
    ("annual", 366 * DAY),
];
/// Units, by how their names begin.
const UNITS: [(&str, u64); 6] =
    [("s", 1), ("min", MINUTE), ("h", HOUR), ("d", DAY), ("w", 7 * DAY), ("month", 31 * DAY)];

impl OutputPort {
    /// How often its data is renewed at least, where its `frequency` says so in words that are known: `daily`, `every 15 minutes`, `2h`.
    /// `streaming` and what is written in prose says nothing.
    pub fn renewed_every(&self) -> Option<Duration> {
        interval(self.frequency.as_deref()?).map(Duration::from_secs)
    }
}

fn interval(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    if let Some((_, seconds)) = WORDS.iter().find(|(word, _)| *word == text) {
        return Some(*seconds);
    }
    let rest = text.strip_prefix("every ").unwrap_or(&text).trim();
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (number, unit) = rest.split_at(end);
    // `every day`, but not a bare `day`.
    let number = if number.is_empty() && rest.len() < text.len() { 1 } else { number.parse::<u64>().ok()? };
    let unit = unit.trim();
    let is_one_word = !unit.is_empty() && unit.chars().all(|c| c.is_ascii_lowercase());
    // The longest name first: `month` begins as `min` does not, but `m` alone could be either.
    let known = UNITS.iter().rev().find(|(name, _)| unit.starts_with(name)).filter(|_| is_one_word);
    known.and_then(|(_, seconds)| seconds.checked_mul(number)).filter(|seconds| *seconds > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequencies_as_people_write_them() {
        for (text, expected) in [
            ("daily", Some(DAY)),
            ("Hourly", Some(HOUR)),
            ("monthly", Some(31 * DAY)),
            ("every 15 minutes", Some(15 * MINUTE)),
            ("15min", Some(15 * MINUTE)),
            ("2 h", Some(2 * HOUR)),
            ("every day", Some(DAY)),
            ("every 2 weeks", Some(14 * DAY)),
            ("3 months", Some(93 * DAY)),
            ("day", None),
            ("0 h", None),
            ("5 m", None),
            ("streaming", None),
            ("Every weekday at 06:00", None),
            ("weekly or so", None),
            ("99999999999999999999 d", None),
            ("", None),
        ] {
            assert_eq!(interval(text), expected, "{text}");
        }
    }
}
