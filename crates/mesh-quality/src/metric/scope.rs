//! What a metric is about: its scope is prose, or names tables and fields.

use crate::column::is_same_name;
use crate::tables::Looked;

/// Words that mean everything, beside prose.
const ALL: [&str; 6] = ["all", "everything", "fields", "rows", "table", "data"];

/// What a metric is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scope {
    /// All tables; the scope is empty or says something that no name is in.
    Whole,
    /// Tables and fields, by the numbers of their tables.
    Named(Vec<(usize, Option<String>)>),
}

impl Scope {
    /// Reads a scope: one name, or several with commas or "and" between.
    ///
    /// # Errors
    /// A sentence, when it looks like names and one of them is none.
    pub(super) fn of(text: &str, tables: &[Looked<'_>]) -> Result<Self, String> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(Self::Whole);
        }
        if let Some(named) = named(text, tables) {
            return Ok(Self::Named(named));
        }
        if ALL.iter().any(|all| all.eq_ignore_ascii_case(text)) {
            return Ok(Self::Whole);
        }
        let parts = text.split([',', ';']).flat_map(|part| part.split(" and ")).map(str::trim);
        let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
        let found: Vec<_> = parts.iter().map(|part| named(part, tables)).collect();
        let unknown = parts.iter().zip(&found).find(|(_, found)| found.is_none());
        match unknown {
            None => Ok(Self::Named(found.into_iter().flatten().flatten().collect())),
            Some((part, _)) if found.iter().any(Option::is_some) || !text.contains(char::is_whitespace) => {
                Err(format!("its scope names '{part}', which is no table and no field here"))
            }
            Some(_) => Ok(Self::Whole),
        }
    }
}

/// The table, or the field in its table or tables, that a name means.
fn named(name: &str, tables: &[Looked<'_>]) -> Option<Vec<(usize, Option<String>)>> {
    if let Some(at) = tables.iter().position(|table| is_same_name(table.name(), name)) {
        return Some(vec![(at, None)]);
    }
    // Names of tables may have dots in them.
    for (dot, _) in name.match_indices('.') {
        let (table, field) = (&name[..dot], &name[dot + 1..]);
        let found = tables.iter().position(|looked| is_same_name(looked.name(), table) && looked.has(field));
        if let Some(at) = found {
            return Some(vec![(at, Some(field.to_owned()))]);
        }
    }
    let with = tables.iter().enumerate().filter(|(_, table)| table.has(name));
    let with: Vec<_> = with.map(|(at, _)| (at, Some(name.to_owned()))).collect();
    (!with.is_empty()).then_some(with)
}
