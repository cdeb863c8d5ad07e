//! Hive partitions: folders called `column=value`, each a column of the files below.

use object_store::path::Path;

/// How Hive and Spark write a value that is null.
const NULL: &str = "__HIVE_DEFAULT_PARTITION__";

/// The columns that the folders between a place and a file tell, in their order.
pub(super) fn of(path: &Path, below: &Path) -> Vec<(String, Option<String>)> {
    let Some(parts) = path.prefix_match(below) else { return Vec::new() };
    let parts: Vec<String> = parts.map(|part| part.as_ref().to_owned()).collect();
    let Some((_, folders)) = parts.split_last() else { return Vec::new() };
    let pairs = folders.iter().filter_map(|folder| folder.split_once('='));
    pairs.map(|(name, value)| (decoded(name), (value != NULL).then(|| decoded(value)))).collect()
}

/// Whether a file is not data by the convention that Hive and Spark keep: `_SUCCESS`, `_temporary/…`, `.part-0.crc`.
pub(super) fn is_hidden(path: &Path, below: &Path) -> bool {
    let hidden = |part: &str| part.starts_with('.') || (part.starts_with('_') && !part.contains('='));
    path.prefix_match(below).is_some_and(|mut parts| parts.any(|part| hidden(part.as_ref())))
}

/// `%2F` and the like are written so because folders cannot be called otherwise.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let hex = bytes.get(at + 1..at + 3).filter(|_| byte == b'%');
        let value = hex.and_then(|hex| std::str::from_utf8(hex).ok()).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        decoded.push(value.unwrap_or(byte));
        at += if value.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_columns() {
        let below = Path::from("data/orders");
        let columns = |path: &str| of(&Path::from(path), &below);
        let pair = |name: &str, value: Option<&str>| (name.to_owned(), value.map(str::to_owned));
        assert_eq!(
            columns("data/orders/country=DE/date=2026-01-01/x.parquet"),
            [pair("country", Some("DE")), pair("date", Some("2026-01-01"))]
        );
        assert_eq!(columns("data/orders/x=1.csv"), []);
        assert_eq!(columns("data/orders/country=__HIVE_DEFAULT_PARTITION__/x.csv"), [pair("country", None)]);
        assert_eq!(decoded("a%2Fb%zz%4"), "a/b%zz%4");
    }

    #[test]
    fn what_tools_leave_behind_is_no_data() {
        let below = Path::from("t");
        for hidden in ["t/_SUCCESS", "t/_temporary/0/x.csv", "t/.x.csv.crc"] {
            assert!(is_hidden(&Path::from(hidden), &below), "{hidden}");
        }
        for data in ["t/x.csv", "t/_year=2026/x.csv"] {
            assert!(!is_hidden(&Path::from(data), &below), "{data}");
        }
    }
}
