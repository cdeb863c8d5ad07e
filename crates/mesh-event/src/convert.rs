//! Small steps from generated messages to domain types, and the error that they share.

use std::str::FromStr;

use mesh_model::{Digest, PublicKey};
use rust_decimal::Decimal;

use crate::proto;

/// A message that decodes but does not say what its type must say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {why}")]
pub struct Malformed {
    /// The field's path.
    pub field: String,
    /// What was expected and what was found.
    pub why: String,
}

impl Malformed {
    pub(crate) fn new(field: impl Into<String>, why: impl std::fmt::Display) -> Self {
        Self { field: field.into(), why: why.to_string() }
    }
    pub(crate) fn missing(field: &str) -> Self {
        Self::new(field, "is missing")
    }
    pub(crate) fn within(mut self, outer: impl std::fmt::Display) -> Self {
        self.field = format!("{outer}.{}", self.field);
        self
    }
}

/// Parses a text field.
pub(crate) fn text<T: FromStr>(field: &str, value: &str) -> Result<T, Malformed>
where
    T::Err: std::fmt::Display,
{
    value.parse().map_err(|error| Malformed::new(field, error))
}

/// A field of exactly 32 bytes that is a digest.
pub(crate) fn digest(field: &str, bytes: &[u8]) -> Result<Digest, Malformed> {
    Digest::from_slice(bytes).ok_or_else(|| length(field, 32, bytes.len()))
}

/// A digest that may be absent: empty bytes.
pub(crate) fn optional_digest(field: &str, bytes: &[u8]) -> Result<Option<Digest>, Malformed> {
    if bytes.is_empty() { Ok(None) } else { digest(field, bytes).map(Some) }
}

/// A field of exactly 32 bytes that is a public key.
pub(crate) fn key(field: &str, bytes: &[u8]) -> Result<PublicKey, Malformed> {
    PublicKey::from_slice(bytes).ok_or_else(|| length(field, 32, bytes.len()))
}

pub(crate) fn length(field: &str, expected: usize, found: usize) -> Malformed {
    Malformed::new(field, format!("expected {expected} bytes; found {found}"))
}

/// A decimal of a message: mantissa of 64 bits and a scale of at most 28.
///
/// # Errors
/// [`Malformed`], naming this field, for a larger scale.
pub fn decimal(field: &str, value: &proto::Decimal) -> Result<Decimal, Malformed> {
    if value.scale > 28 {
        return Err(Malformed::new(field, format!("expected a scale of at most 28; found {}", value.scale)));
    }
    Ok(Decimal::new(value.mantissa, value.scale))
}

/// The message of a decimal. One that needs more than 64 bits is rounded to what fits; files with such numbers keep
/// them in their original.
pub fn decimal_message(value: Decimal) -> proto::Decimal {
    let mut value = value;
    loop {
        match i64::try_from(value.mantissa()) {
            Ok(mantissa) => return proto::Decimal { mantissa, scale: value.scale() },
            Err(_) if value.scale() > 0 => value = value.round_dp(value.scale() - 1),
            Err(_) => {
                let mantissa = if value.is_sign_negative() { i64::MIN } else { i64::MAX };
                return proto::Decimal { mantissa, scale: 0 };
            }
        }
    }
}
