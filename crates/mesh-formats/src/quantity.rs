//! Targets such as `99.5%`, `< 500ms`, `15 minutes`: a bound, a number, a unit.

use mesh_model::Quantity;

use crate::number::decimal;

/// Comparisons, longest first, so that `<` does not hide `<=`.
const COMPARISONS: [&str; 8] = ["<=", ">=", "!=", "==", "≤", "≥", "<", ">"];

/// Reads `[comparison] number [unit]`. Without a comparison, a percentage is a lower bound, a time an upper one, and
/// anything else is meant exactly.
///
/// # Errors
/// What was expected, when there is no number at the place of the number.
pub fn parse_quantity(text: &str) -> Result<Quantity, &'static str> {
    const EXPECTED: &str = "a target such as \"99.5%\", \"< 500ms\" or \"15 minutes\"";
    let text = text.trim();
    let (comparison, rest) = match COMPARISONS.iter().find(|sign| text.starts_with(**sign)) {
        Some(sign) => (Some(*sign), text[sign.len()..].trim_start()),
        None => match text.strip_prefix('=') {
            Some(rest) => (Some("="), rest.trim_start()),
            None => (None, text),
        },
    };
    let (number, unit) = split_unit(rest);
    let value = decimal(number).ok_or(EXPECTED)?;
    let comparison = match comparison {
        Some("≤") => "<=",
        Some("≥") => ">=",
        Some("==") => "=",
        Some(sign) => sign,
        None => default_comparison(unit),
    };
    Ok(Quantity { comparison: comparison.into(), value, unit: unit.into() })
}

/// What a bound means when its file does not say: `>=` for percentages, `<=` for times, else `=`.
pub fn default_comparison(unit: &str) -> &'static str {
    const TIMES: [&str; 18] = [
        "ms",
        "s",
        "m",
        "h",
        "d",
        "w",
        "millisecond",
        "second",
        "minute",
        "hour",
        "day",
        "week",
        "month",
        "year",
        "sec",
        "min",
        "business day",
        "business hour",
    ];
    let unit = unit.trim().to_lowercase();
    if unit == "%" || unit == "percent" {
        ">="
    } else if TIMES.contains(&unit.as_str()) || unit.strip_suffix('s').is_some_and(|one| TIMES.contains(&one)) {
        "<="
    } else {
        "="
    }
}

/// The shortest text that [`parse_quantity`] reads as this quantity; `None` when there is none.
pub fn write_quantity(quantity: &Quantity) -> Option<String> {
    let Quantity { comparison, value, unit } = quantity;
    let glue = if unit.is_empty() || unit == "%" { "" } else { " " };
    let plain = format!("{value}{glue}{unit}");
    [plain.clone(), format!("{comparison} {plain}")].into_iter().find(|text| {
        let same = |read: &Quantity| read == quantity && read.value.scale() == value.scale();
        parse_quantity(text).as_ref().is_ok_and(same)
    })
}

/// Splits a number from the unit behind it.
fn split_unit(text: &str) -> (&str, &str) {
    let number_end = text
        .char_indices()
        .find(|(at, char)| !(char.is_ascii_digit() || *char == '.' || (*at == 0 && matches!(char, '-' | '+'))))
        .map_or(text.len(), |(at, _)| at);
    (&text[..number_end], text[number_end..].trim())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use rust_decimal::Decimal;

    #[test]
    fn reads_targets_as_people_write_them() {
        let table = [
            ("99.5%", ">=", Decimal::new(995, 1), "%"),
            ("99 %", ">=", Decimal::new(99, 0), "%"),
            ("< 500ms", "<", Decimal::new(500, 0), "ms"),
            ("<=15 minutes", "<=", Decimal::new(15, 0), "minutes"),
            ("15 min", "<=", Decimal::new(15, 0), "min"),
            ("1 business day", "<=", Decimal::new(1, 0), "business day"),
            ("≥ 3", ">=", Decimal::new(3, 0), ""),
            ("== 3", "=", Decimal::new(3, 0), ""),
            ("42", "=", Decimal::new(42, 0), ""),
            ("-1.50 °C", "=", Decimal::new(-150, 2), "°C"),
        ];
        for (text, comparison, value, unit) in table {
            let read = parse_quantity(text).unwrap();
            assert_eq!((read.comparison.as_str(), read.value, read.unit.as_str()), (comparison, value, unit), "{text}");
            assert_eq!(parse_quantity(&write_quantity(&read).unwrap()).unwrap(), read, "{text}");
        }
        for bad in ["", "%", "fast", "< soon", "p95"] {
            assert!(parse_quantity(bad).is_err(), "{bad}");
        }
    }
}
