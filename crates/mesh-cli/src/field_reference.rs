//! The fields of product files, read out of the reference that the parser prints of itself.

use mesh_formats::reference_markdown;
use serde::Serialize;

/// One field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Field {
    /// Dotted; `output.*` stands for each kind of port.
    pub(crate) path: String,
    /// What stands there.
    pub(crate) takes: String,
    /// What it means.
    pub(crate) means: String,
    /// Its place in the descriptor; empty for what only groups others.
    pub(crate) descriptor: String,
}

/// All fields, in the order of the reference.
pub(crate) fn fields() -> Vec<Field> {
    let mut fields = Vec::new();
    let mut under = String::new();
    for line in reference_markdown().lines() {
        if let Some(title) = line.strip_prefix("## ") {
            // `dataset.field`; the resource's own section has a title in words.
            under =
                title.strip_prefix('`').map_or_else(String::new, |path| path.trim_end_matches('`').to_owned() + ".");
        } else if let Some([name, takes, means, descriptor]) = cells(line)
            && let Some(name) = name.strip_prefix('`')
        {
            let path = format!("{under}{}", name.trim_end_matches('`'));
            fields.push(Field { path, takes, means, descriptor: descriptor.trim_matches('`').to_owned() });
        }
    }
    fields
}

/// The four cells of a table row.
fn cells(line: &str) -> Option<[String; 4]> {
    let row = line.strip_prefix("| ")?.strip_suffix('|')?;
    // A pipe within a cell is escaped; U+0000 stands in nobody's reference.
    let row = row.replace("\\|", "\0");
    let cells: Vec<String> = row.split('|').map(|cell| cell.trim().replace('\0', "|")).collect();
    cells.try_into().ok()
}

/// The field of a path, or those whose last part it is.
pub(crate) fn find(what: &str) -> Vec<Field> {
    let mut parts: Vec<&str> = what.split('.').collect();
    if let ["output", kind, _, ..] = parts.as_mut_slice() {
        *kind = "*";
    }
    let path = parts.join(".");
    let all = fields();
    let exact: Vec<Field> = all.iter().filter(|field| field.path == path).cloned().collect();
    if !exact.is_empty() {
        return exact;
    }
    all.into_iter().filter(|field| field.path.rsplit('.').next() == Some(what)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_fields_by_path_and_by_their_last_part() {
        let paths = |what: &str| find(what).into_iter().map(|field| field.path).collect::<Vec<_>>();
        assert_eq!(paths("dataset.field.pii"), ["dataset.field.pii"]);
        assert_eq!(paths("pii"), ["dataset.field.pii"]);
        assert_eq!(paths("output.api.rate_limit"), ["output.*.rate_limit"]);
        assert_eq!(paths("owner"), ["owner"]);
        assert!(paths("nonsense").is_empty());
    }

    #[test]
    fn every_field_has_a_meaning() {
        let fields = fields();
        assert!(fields.len() > 80, "{}", fields.len());
        assert!(fields.iter().all(|field| !field.means.is_empty() && !field.takes.is_empty()));
    }
}
