//! What kinds of standards need beside rules.

use mesh_model::StandardDetail;

use super::StandardFlaw;
use super::checksum::Checksum;
use crate::rule::pattern;
use crate::value::quoted;

/// Whether a value is an identifier of a scheme: it matches the pattern as a whole, and its check digit is right.
///
/// # Errors
/// What is wrong with the value, or with the scheme, one clause.
pub fn check_identifier(pattern: &str, checksum: &str, value: &str) -> Result<(), String> {
    let compiled = pattern::compile_whole(pattern)?;
    let checksum = Checksum::named(checksum).ok_or_else(|| format!("the unknown checksum {}", quoted(checksum)))?;
    if !compiled.is_match(value.as_bytes()) {
        return Err(format!("{}, which the pattern does not match", quoted(value)));
    }
    if !checksum.holds(value) {
        return Err(format!("{}, whose check digit is wrong", quoted(value)));
    }
    Ok(())
}

/// Everything that is wrong with a kind's details.
pub(super) fn check_detail(detail: &StandardDetail, flaws: &mut Vec<StandardFlaw>) {
    let mut flaw = |path: &str, expected: &str, found: String| {
        flaws.push(StandardFlaw::new(format!("detail.{path}"), expected, found));
    };
    match detail {
        StandardDetail::GlossaryTerm { definition, synonyms, owner, .. } => {
            if definition.trim().is_empty() {
                flaw("definition", "what the word means", "nothing".into());
            }
            if mesh_model::DomainName::parse(owner).is_err() {
                flaw("owner", "the name of the domain that answers for it", quoted(owner));
            }
            if synonyms.iter().any(|word| word.trim().is_empty()) {
                flaw("synonyms", "words", "an empty one".into());
            }
        }
        StandardDetail::Identifier { entity, pattern, checksum, examples, .. } => {
            if entity.trim().is_empty() {
                flaw("entity", "what is identified", "nothing".into());
            }
            let compiled = match (pattern.as_str(), pattern::compile_whole(pattern)) {
                ("", _) => Err("nothing".into()),
                (_, compiled) => compiled,
            };
            let known = Checksum::named(checksum).is_some();
            if let Err(why) = &compiled {
                flaw("pattern", "a regular expression within bounds", why.clone());
            }
            if !known {
                flaw("checksum", "none, luhn, mod97 or mod11", quoted(checksum));
            }
            if examples.is_empty() {
                flaw("examples", "at least one value that is well formed", "none".into());
            }
            if compiled.is_ok() && known {
                for (at, example) in examples.iter().enumerate() {
                    if let Err(why) = check_identifier(pattern, checksum, example) {
                        flaw(&format!("examples[{at}]"), "a value that is well formed", why);
                    }
                }
            }
        }
        StandardDetail::Time { zone, granularity, calendar, time } => {
            if !is_zone(zone) {
                flaw("zone", "an IANA time zone such as UTC or Europe/Berlin", quoted(zone));
            }
            if !is_duration(granularity) {
                flaw("granularity", "an ISO 8601 duration such as PT1S or P1D", quoted(granularity));
            }
            let plain = !calendar.is_empty()
                && calendar.bytes().all(|b| b.is_ascii_lowercase() || b == b'-' || b.is_ascii_digit());
            if !plain {
                flaw("calendar", "a calendar such as gregorian or iso8601", quoted(calendar));
            }
            if !matches!(time.as_str(), "event" | "processing") {
                flaw("time", "event or processing", quoted(time));
            }
        }
        StandardDetail::Schema { json_schema } => super::schema::check(&json_schema.value(), flaws),
    }
}

/// Whether a text has the form of a time zone's name. Which names there are changes every few months, so any is taken.
fn is_zone(text: &str) -> bool {
    let part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_uppercase())
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'+'))
    };
    let parts: Vec<&str> = text.split('/').collect();
    match parts.as_slice() {
        [single] => matches!(*single, "UTC" | "GMT"),
        [area, rest @ ..] => part(area) && rest.len() <= 2 && rest.iter().all(|place| part(place)),
        [] => false,
    }
}

/// Whether a text is an ISO 8601 duration that is longer than nothing, weeks included.
fn is_duration(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('P') else { return false };
    let (date, time) = match rest.split_once('T') {
        Some((_, "")) => return false,
        Some((date, time)) => (date, time),
        None => (rest, ""),
    };
    let mut positive = false;
    let mut part = |text: &str, units: &str| {
        let mut units = units.chars();
        let mut digits = String::new();
        for c in text.chars() {
            if c.is_ascii_digit() || (c == '.' && !digits.is_empty() && !digits.contains('.')) {
                digits.push(c);
            } else if !digits.is_empty() && !digits.ends_with('.') && units.any(|unit| unit == c) {
                positive |= digits.bytes().any(|b| b.is_ascii_digit() && b != b'0');
                digits.clear();
            } else {
                return false;
            }
        }
        digits.is_empty()
    };
    let fits =
        if date.ends_with('W') { part(date, "W") && time.is_empty() } else { part(date, "YMD") && part(time, "HMS") };
    fits && positive
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_and_durations_have_their_forms() {
        for zone in ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5"] {
            assert!(is_zone(zone), "{zone}");
        }
        for none in ["", "utc", "Berlin", "Europe/", "Europe/berlin", "A/B/C/D"] {
            assert!(!is_zone(none), "{none}");
        }
        for duration in ["PT1S", "P1D", "PT0.001S", "P1Y2M3DT4H5M6S", "P2W"] {
            assert!(is_duration(duration), "{duration}");
        }
        for none in ["", "P", "PT", "1D", "P1", "PT1D", "P0D", "P1DT", "P1M1Y", "P1.D", "P.1D"] {
            assert!(!is_duration(none), "{none}");
        }
    }
}
