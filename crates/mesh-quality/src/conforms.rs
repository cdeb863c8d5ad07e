//! The check that every table has: whether the files hold the declared fields, and whether text reads as the declared types.

use std::collections::BTreeSet;

use mesh_model::Severity;

use crate::column::{Column, quoted};
use crate::facts::present;
use crate::outcome::{CheckKind, CheckOutcome, Verdict};
use crate::tables::{Looked, Readable};

/// Names in a sentence.
const NAMED: usize = 5;

/// What has to be counted for it.
pub(crate) fn asks(table: &Looked<'_>) -> BTreeSet<String> {
    let Ok(readable) = &table.state else { return BTreeSet::new() };
    readable.casts.keys().flat_map(|name| [present(&quoted(name)), present(&typed(readable, name))]).collect()
}

fn typed(readable: &Readable, name: &str) -> String {
    Column::find(&readable.data.schema, name).map_or_else(|| quoted(name), |column| readable.typed(&column))
}

/// How it came out.
pub(crate) fn outcome(name: String, table: &Looked<'_>) -> CheckOutcome {
    let nothing = CheckOutcome {
        name,
        kind: CheckKind::Conforms,
        severity: Severity::Error,
        verdict: Verdict::Error,
        of: table.name().to_owned(),
        rows: 0,
        failed: 0,
        measured: None,
        sentence: String::new(),
    };
    let readable = match &table.state {
        Ok(readable) => readable,
        Err(why) => return CheckOutcome { sentence: why.clone(), ..nothing },
    };
    let looked = CheckOutcome { rows: readable.rows(), ..nothing };
    if table.table.fields().is_empty() && table.table.source().partition_by().is_empty() {
        let sentence = "no fields are declared, so there is nothing to compare the files with".to_owned();
        return CheckOutcome { verdict: Verdict::NotRun, sentence, ..looked };
    }
    let mut flaws = missing(table);
    flaws.extend(partly_missing(table, readable));
    let unread = readable.casts.keys().map(|name| {
        let declared = table.field(name).map_or("", |field| field.logical_type.as_str());
        (name, declared, unread(readable, name))
    });
    let unread: Vec<_> = unread.filter(|(.., count)| *count > 0).collect();
    let failed: u64 = unread.iter().map(|(.., count)| count).sum();
    if !unread.is_empty() {
        let words = unread.iter().map(|(name, declared, count)| format!("{count} of '{name}' as {declared}"));
        flaws.push(format!("values do not read as their type: {}", listed(words)));
    }
    if flaws.is_empty() {
        return CheckOutcome { verdict: Verdict::Passed, ..looked };
    }
    CheckOutcome { verdict: Verdict::Failed, failed, sentence: flaws.join("; "), ..looked }
}

/// Declared fields, and columns by which folders should be split, that the data has not.
fn missing(table: &Looked<'_>) -> Vec<String> {
    let declared = table.table.fields().iter().map(|field| field.name.as_str());
    let names = declared.chain(table.table.source().partition_by().iter().map(String::as_str));
    let missing: BTreeSet<&str> = names.filter(|name| table.column(name).is_none()).collect();
    if missing.is_empty() {
        return Vec::new();
    }
    vec![format!("the data has no {}", listed(missing.iter().map(|name| format!("'{name}'"))))]
}

/// Declared fields that some files have and others have not.
fn partly_missing(table: &Looked<'_>, readable: &Readable) -> Option<String> {
    let declared = readable.data.lacks.iter().filter(|lack| table.field(&lack.column).is_some());
    let words = declared.map(|lack| match lack.files {
        1 => format!("{} has no '{}'", lack.file, lack.column),
        files => format!("{files} files have no '{}' (the first is {})", lack.column, lack.file),
    });
    let words: Vec<String> = words.collect();
    (!words.is_empty()).then(|| listed(words.into_iter()))
}

/// Values that are there and do not read as their type.
fn unread(readable: &Readable, name: &str) -> u64 {
    let count = |expression: &str| readable.facts.count(&present(expression));
    count(&quoted(name)).saturating_sub(count(&typed(readable, name)))
}

fn listed(mut words: impl Iterator<Item = String>) -> String {
    let first: Vec<String> = words.by_ref().take(NAMED).collect();
    match words.count() {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}
