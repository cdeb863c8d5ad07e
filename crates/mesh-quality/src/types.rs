//! What text is read as, by the declared type of its field.
//!
//! | declared | read as |
//! |---|---|
//! | `int`, `integer`, `long`, `bigint`, `smallint`, `short`, `tinyint`, `byte`, `int8` to `int64` | a whole number |
//! | `number`, `double`, `float`, `real`, `float32`, `float64`, `double precision` | a number |
//! | `decimal`, `numeric`, with precision and scale as in `decimal(10,2)`; 38 and 10 without; `number(10,2)` | an exact number |
//! | `boolean`, `bool` | true or false |
//! | `date` | a day |
//! | `timestamp`, `datetime`, `timestamptz` and the like, `instant` | a moment; UTC when the text says no zone |
//! | `string`, `text`, `varchar`, anything else, nothing | text |

/// The engine's type that text is cast to; none when it stays text.
pub(crate) fn cast(declared: &str) -> Option<String> {
    let lower = declared.trim().to_lowercase();
    let (name, arguments) = match lower.split_once('(') {
        Some((name, rest)) => (name, rest.split_once(')').map(|(inside, _)| inside)),
        None => (lower.as_str(), None),
    };
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    let known = match name.as_str() {
        "int" | "integer" | "long" | "bigint" | "smallint" | "short" | "tinyint" | "byte" | "int8" | "int16"
        | "int32" | "int64" => "BIGINT",
        "number" if arguments.is_none() => "DOUBLE",
        "double" | "float" | "real" | "float32" | "float64" | "double precision" => "DOUBLE",
        "decimal" | "numeric" | "number" => return Some(decimal(arguments)),
        "boolean" | "bool" => "BOOLEAN",
        "date" => "DATE",
        // Microseconds: nanoseconds end in the year 2262, and "for ever" is often written as 9999.
        "timestamp"
        | "datetime"
        | "timestamptz"
        | "timestamp_tz"
        | "timestamp_ntz"
        | "timestamp_ltz"
        | "instant"
        | "timestamp with time zone"
        | "timestamp without time zone" => "TIMESTAMP(6)",
        _ => return None,
    };
    Some(known.to_owned())
}

/// Whether a declared type is a moment or a day.
pub(crate) fn is_time(cast: &str) -> bool {
    matches!(cast, "DATE" | "TIMESTAMP(6)")
}

fn decimal(arguments: Option<&str>) -> String {
    let numbers: Vec<u8> =
        arguments.unwrap_or_default().split(',').filter_map(|number| number.trim().parse().ok()).collect();
    match numbers.as_slice() {
        [precision] if (1..=38).contains(precision) => format!("DECIMAL({precision},0)"),
        [precision, scale] if (1..=38).contains(precision) && scale <= precision => {
            format!("DECIMAL({precision},{scale})")
        }
        _ => "DECIMAL(38,10)".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_known_as_people_write_them() {
        for (declared, expected) in [
            ("Integer", Some("BIGINT")),
            ("DECIMAL(10, 2)", Some("DECIMAL(10,2)")),
            ("numeric(5)", Some("DECIMAL(5,0)")),
            ("decimal", Some("DECIMAL(38,10)")),
            ("decimal(99,2)", Some("DECIMAL(38,10)")),
            ("number", Some("DOUBLE")),
            ("number(10,2)", Some("DECIMAL(10,2)")),
            ("double  precision", Some("DOUBLE")),
            ("timestamp(6)", Some("TIMESTAMP(6)")),
            ("timestamp with time zone", Some("TIMESTAMP(6)")),
            ("varchar(20)", None),
            ("", None),
            ("geometry", None),
        ] {
            assert_eq!(cast(declared).as_deref(), expected, "{declared}");
        }
    }
}
