//! Decimal numbers from text, without a float on the way.

use rust_decimal::Decimal;

/// Reads a plain or scientific number exactly: `99.50` keeps its two places.
///
/// `None` when the text is no number, or one that a descriptor cannot hold (a mantissa of 64 bits with a sign and at
/// most 28 decimal places).
pub fn decimal(text: &str) -> Option<Decimal> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (digits, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((digits, exponent)) => (digits, exponent.parse::<i32>().ok()?.clamp(-1_000_000, 1_000_000)),
        None => (unsigned, 0),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let only_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !only_digits(whole) || !only_digits(fraction) || digits.ends_with('.') {
        return None;
    }

    let mut mantissa: i128 = 0;
    let mut scale = -exponent;
    for digit in whole.bytes() {
        mantissa = append(mantissa, digit)?;
    }
    for digit in fraction.bytes() {
        mantissa = append(mantissa, digit)?;
        scale += 1; // a file has fewer digits than a scale can count
    }
    // More places than a descriptor has are only kept out when they say something.
    while scale > 28 && mantissa % 10 == 0 && mantissa != 0 {
        mantissa /= 10;
        scale -= 1;
    }
    if mantissa == 0 {
        scale = scale.clamp(0, 28);
    }
    while scale < 0 {
        mantissa = append(mantissa, b'0')?;
        scale += 1;
    }
    let mantissa = i64::try_from(if negative { -mantissa } else { mantissa }).ok()?;
    let scale = u32::try_from(scale).ok().filter(|scale| *scale <= 28)?;
    Some(Decimal::new(mantissa, scale))
}

/// Appends a digit; `None` once the number is longer than any that fits.
fn append(mantissa: i128, digit: u8) -> Option<i128> {
    let next = mantissa.checked_mul(10)?.checked_add(i128::from(digit - b'0'))?;
    // The longest text that still reduces to 64 bits has 19 digits and 28 dropped zeros.
    (next < i128::MAX / 16).then_some(next)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_numbers_exactly_and_refuses_what_does_not_fit() {
        let table = [
            ("99.50", Some(Decimal::new(9950, 2))),
            ("007", Some(Decimal::new(7, 0))),
            ("-0", Some(Decimal::new(0, 0))),
            ("1e3", Some(Decimal::new(1000, 0))),
            ("2.5E-3", Some(Decimal::new(25, 4))),
            ("9223372036854775807", Some(Decimal::new(i64::MAX, 0))),
            ("9223372036854775808", None),
            ("1e99", None),
            ("1e-99", None),
            ("1e-2147483648", None),
            ("1e99999999999", None),
            ("", None),
            ("-", None),
            ("1.", None),
            (".5", None),
            ("1 2", None),
            ("NaN", None),
        ];
        for (text, expected) in table {
            assert_eq!(decimal(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn prints_and_reads_back_with_the_same_places(mantissa: i64, scale in 0u32..=28) {
            let number = Decimal::new(mantissa, scale);
            let read = decimal(&number.to_string()).unwrap();
            prop_assert_eq!((read.mantissa(), read.scale()), (number.mantissa(), number.scale()));
        }
    }
}
