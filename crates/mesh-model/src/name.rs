//! Names and the ids that are built from them: `domain/name@1.4.0#port`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::version::Version;

/// Why a text is no name or id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The empty string.
    #[error("a name is missing; expected [a-z][a-z0-9_-]{{0,62}}")]
    Empty,
    /// More than [`crate::limits::NAME_BYTES`].
    #[error("'{0}…' is {1} bytes long; a name has at most 63")]
    TooLong(String, usize),
    /// A character outside the rule, with its position counted from 1.
    #[error("'{name}' has {found:?} at position {position}; expected [a-z][a-z0-9_-]{{0,62}}")]
    Character {
        /// The offending text.
        name: String,
        /// The character.
        found: char,
        /// Its place, counted from 1.
        position: usize,
    },
    /// Not of the form that the id has.
    #[error("'{found}' is no {kind}; expected {expected}")]
    Shape {
        /// What it should have been, such as "product id".
        kind: &'static str,
        /// Its form.
        expected: &'static str,
        /// What it was, cut to 80 characters.
        found: String,
    },
    /// The version part does not parse.
    #[error(transparent)]
    Version(#[from] crate::version::VersionError),
}

pub(crate) fn excerpt(text: &str) -> String {
    text.chars().take(80).collect()
}

/// A name: `[a-z][a-z0-9_-]{0,62}`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Box<str>);

impl Name {
    /// Parses a name.
    ///
    /// # Errors
    /// [`NameError`] says which character breaks the rule.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        for (at, found) in text.chars().enumerate() {
            let fits = match at {
                0 => found.is_ascii_lowercase(),
                _ => found.is_ascii_lowercase() || found.is_ascii_digit() || found == '_' || found == '-',
            };
            if !fits {
                return Err(NameError::Character { name: excerpt(text), found, position: at + 1 });
            }
        }
        if text.len() > crate::limits::NAME_BYTES {
            return Err(NameError::TooLong(excerpt(text), text.len()));
        }
        Ok(Self(text.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Display, `FromStr` and serde for a type that has `parse` and a text form.
macro_rules! text_form {
    ($type:ty, $error:ty) => {
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{self}")
            }
        }
        impl FromStr for $type {
            type Err = $error;
            fn from_str(text: &str) -> Result<Self, $error> {
                Self::parse(text)
            }
        }
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use text_form;

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
text_form!(Name, NameError);

/// The name of a domain, the unit of ownership. Never DNS.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DomainName(Name);

impl DomainName {
    /// Parses a domain's name.
    ///
    /// # Errors
    /// See [`Name::parse`].
    pub fn parse(text: &str) -> Result<Self, NameError> {
        Name::parse(text).map(Self)
    }
    /// The name as text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}
impl From<Name> for DomainName {
    fn from(name: Name) -> Self {
        Self(name)
    }
}
impl fmt::Display for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
text_form!(DomainName, NameError);

/// A data product: `domain/name`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProductId {
    /// Who owns it.
    pub domain: DomainName,
    /// Its name within the domain.
    pub name: Name,
}

impl ProductId {
    /// Parses `domain/name`.
    ///
    /// # Errors
    /// [`NameError`] when there is no single slash or a part is no name.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let shape = || NameError::Shape { kind: "product id", expected: "domain/name", found: excerpt(text) };
        let (domain, name) = text.split_once('/').ok_or_else(shape)?;
        Ok(Self { domain: DomainName::parse(domain)?, name: Name::parse(name)? })
    }
}
impl fmt::Display for ProductId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/{}", self.domain.as_str(), self.name.as_str()))
    }
}
text_form!(ProductId, NameError);

/// One version of a product: `domain/name@1.4.0`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VersionId {
    /// The product.
    pub product: ProductId,
    /// The version.
    pub version: Version,
}

impl VersionId {
    /// Parses `domain/name@1.4.0`.
    ///
    /// # Errors
    /// [`NameError`] when the form or a part does not fit.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let shape = || NameError::Shape { kind: "version id", expected: "domain/name@1.4.0", found: excerpt(text) };
        let (product, version) = text.split_once('@').ok_or_else(shape)?;
        Ok(Self { product: ProductId::parse(product)?, version: Version::parse(version)? })
    }
}
impl fmt::Display for VersionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}@{}", self.product, self.version))
    }
}
text_form!(VersionId, NameError);

/// One port of one version: `domain/name@1.4.0#port`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortId {
    /// The version that has the port.
    pub version: VersionId,
    /// The port's name.
    pub port: Name,
}

impl PortId {
    /// Parses `domain/name@1.4.0#port`.
    ///
    /// # Errors
    /// [`NameError`] when the form or a part does not fit.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let shape = || NameError::Shape { kind: "port id", expected: "domain/name@1.4.0#port", found: excerpt(text) };
        let (version, port) = text.split_once('#').ok_or_else(shape)?;
        Ok(Self { version: VersionId::parse(version)?, port: Name::parse(port)? })
    }
}
impl fmt::Display for PortId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}#{}", self.version, self.port))
    }
}
text_form!(PortId, NameError);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn accepts_what_the_rule_allows_and_nothing_else() {
        let longest = "a".repeat(63);
        for good in ["a", "customer_profile", "noaa-goes16", "a1_-", &longest] {
            assert_eq!(Name::parse(good).unwrap().as_str(), good);
        }
        let too_long = "a".repeat(64);
        for bad in ["", "A", "1a", "_a", "a b", "a/b", "ä", "a.b", "a@", &too_long] {
            assert!(Name::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ids_print_as_they_parse() {
        for text in ["d/p", "customer_experience/customer-profile"] {
            assert_eq!(ProductId::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(VersionId::parse("d/p@1.4.0").unwrap().to_string(), "d/p@1.4.0");
        assert_eq!(PortId::parse("d/p@1.4.0#api").unwrap().to_string(), "d/p@1.4.0#api");
        for bad in ["d", "d/p/q", "/p", "d/", "d/p@1", "d/p@1.4.0#"] {
            assert!(PortId::parse(bad).is_err() && VersionId::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn errors_name_the_place() {
        assert_eq!(
            Name::parse("customer Profile").unwrap_err().to_string(),
            "'customer Profile' has ' ' at position 9; expected [a-z][a-z0-9_-]{0,62}"
        );
    }
}
