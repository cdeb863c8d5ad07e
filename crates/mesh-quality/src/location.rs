//! Where files lie, as ports say it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use object_store::path::Path;

use crate::error::QualityError;

/// A file, or a folder of them, also with hive partitions such as `country=DE/date=2026-01-01/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// On this machine.
    Local(PathBuf),
    /// On S3, or a store that speaks like it.
    S3 {
        /// The bucket.
        bucket: String,
        /// An object's key, or what the keys of a folder begin with.
        key: String,
    },
}

impl FromStr for Location {
    type Err = QualityError;

    /// Reads a path, `file:///path` or `s3://bucket/prefix/` (also `s3a` and `s3n`).
    fn from_str(text: &str) -> Result<Self, QualityError> {
        let text = text.trim();
        let error = |why: &str| QualityError::Location { found: text.to_owned(), why: why.to_owned() };
        if text.is_empty() {
            return Err(error("it is empty; expected a path or s3://bucket/prefix/"));
        }
        let Some((scheme, rest)) = text.split_once("://") else { return Ok(Self::Local(PathBuf::from(text))) };
        match scheme.to_ascii_lowercase().as_str() {
            "file" => {
                let path = rest.strip_prefix("localhost").unwrap_or(rest);
                if !path.starts_with('/') {
                    return Err(error("expected file:/// and an absolute path"));
                }
                let path = Path::from_url_path(path).map_err(|e| error(&e.to_string()))?;
                Ok(Self::Local(PathBuf::from("/").join(path.as_ref())))
            }
            "s3" | "s3a" | "s3n" => {
                let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
                if bucket.is_empty() {
                    return Err(error("expected s3:// and a bucket"));
                }
                Ok(Self::S3 { bucket: bucket.to_owned(), key: key.to_owned() })
            }
            _ => Err(error("only paths, file:// and s3:// are read")),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(path) => write!(f, "{}", path.display()),
            Self::S3 { bucket, key } => write!(f, "s3://{bucket}/{key}"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn places_are_read_as_ports_write_them() {
        for (text, expected) in [
            ("data/orders.csv", Location::Local("data/orders.csv".into())),
            (" /data/orders/ ", Location::Local("/data/orders/".into())),
            ("file:///data/my%20orders.csv", Location::Local("/data/my orders.csv".into())),
            ("file://localhost/data/", Location::Local("/data".into())),
            ("s3://bucket/a/b/", Location::S3 { bucket: "bucket".into(), key: "a/b/".into() }),
            ("s3a://bucket", Location::S3 { bucket: "bucket".into(), key: String::new() }),
        ] {
            assert_eq!(text.parse::<Location>().unwrap(), expected, "{text}");
        }
        for bad in ["", "  ", "gs://bucket/x", "https://host/x.csv", "s3:///x", "file://data/x"] {
            let error = bad.parse::<Location>().unwrap_err().to_string();
            assert!(error.contains("is no place of files"), "{error}");
        }
    }
}
