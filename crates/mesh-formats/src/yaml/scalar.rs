//! What a plain scalar means, by the core schema of YAML 1.2.2 (section 10.3.2).

use super::Value;

/// The value of a scalar that is neither quoted nor a block.
pub(super) fn resolve(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ if is_number(text) => Value::Number(text.to_owned()),
        _ => Value::String(text.to_owned()),
    }
}

/// Whether the text is an integer (decimal, `0o17`, `0x1F`) or a float of the core schema.
pub(super) fn is_number(text: &str) -> bool {
    let digits = |text: &str, radix: u32| !text.is_empty() && text.chars().all(|c| c.is_digit(radix));
    if let Some(octal) = text.strip_prefix("0o") {
        return digits(octal, 8);
    }
    if let Some(hex) = text.strip_prefix("0x") {
        return digits(hex, 16);
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let mantissa_fits = match mantissa.split_once('.') {
        Some(("", fraction)) => digits(fraction, 10),
        Some((whole, fraction)) => digits(whole, 10) && (fraction.is_empty() || digits(fraction, 10)),
        None => digits(mantissa, 10),
    };
    mantissa_fits && exponent.is_none_or(|e| digits(e.strip_prefix(['-', '+']).unwrap_or(e), 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_older_yaml_turned_into_booleans_and_dates_stay_words() {
        for word in ["no", "NO", "off", "y", "yes", "on", "2022-10-03", "12:30:45", "1_000", "0b1", "1.0.0", "-", "."] {
            assert_eq!(resolve(word), Value::String(word.into()), "{word}");
        }
    }

    #[test]
    fn numbers_keep_their_text() {
        for number in ["0", "-12", "+3", "007", "0o17", "0x1F", "1.10", ".5", "12e03", "-2E+05", "1.", ".inf", ".NaN"] {
            assert_eq!(resolve(number), Value::Number(number.into()), "{number}");
        }
    }

    #[test]
    fn nothing_and_truth_have_the_spellings_of_the_core_schema() {
        for nothing in ["", "~", "null", "Null", "NULL"] {
            assert_eq!(resolve(nothing), Value::Null, "{nothing}");
        }
        assert_eq!(resolve("True"), Value::Bool(true));
        assert_eq!(resolve("FALSE"), Value::Bool(false));
        assert_eq!(resolve("tRUE"), Value::String("tRUE".into()));
    }
}
