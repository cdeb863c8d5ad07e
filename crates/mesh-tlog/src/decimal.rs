//! The one way the C2SP texts write a number.

/// Reads an ASCII decimal without sign or leading zero that fits `u64`; anything else is `None`.
pub(crate) fn parse_decimal(text: &str) -> Option<u64> {
    let canonical = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    // `parse` refuses the empty text and what doesn't fit.
    if canonical { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::parse_decimal;

    #[test]
    fn a_number_has_one_spelling() {
        assert_eq!(parse_decimal("0"), Some(0));
        assert_eq!(parse_decimal("18446744073709551615"), Some(u64::MAX));
        for wrong in ["", "00", "01", "+1", "-1", " 1", "1 ", "1_0", "١", "18446744073709551616"] {
            assert_eq!(parse_decimal(wrong), None, "{wrong:?}");
        }
    }
}
