//! Whether a standard is one: dates, sizes, names, its kind's details.

use std::collections::BTreeSet;

use mesh_model::{Standard, StandardDetail, StandardKind};

use super::StandardFlaw;
use super::detail::check_detail;
use crate::date::day_number;
use crate::document::Document;
use crate::value::quoted;

/// Most rules of a standard.
pub const RULES: usize = 32;
/// Most test cases of a standard.
pub const TESTS: usize = 64;
/// Most days of grace.
pub const GRACE_DAYS: u16 = 730;
/// Longest title, in bytes.
const TITLE_BYTES: usize = 200;
/// Longest message or remediation, in bytes.
const MESSAGE_BYTES: usize = 1024;
/// Longest text, in bytes.
const TEXT_BYTES: usize = 16 * 1024;

/// Everything that is wrong beside the expressions.
pub(super) fn check(standard: &Standard) -> Vec<StandardFlaw> {
    let mut flaws = Vec::new();
    text(&mut flaws, "title", &standard.title, TITLE_BYTES);
    text(&mut flaws, "text", &standard.text, TEXT_BYTES);
    if !standard.effective_from.is_empty() && day_number(&standard.effective_from).is_none() {
        let found = quoted(&standard.effective_from);
        flaws.push(StandardFlaw::new("effective_from", "a day such as 2026-01-31, or nothing", found));
    }
    if standard.grace_days > GRACE_DAYS {
        let found = standard.grace_days.to_string();
        flaws.push(StandardFlaw::new("grace_days", format!("at most {GRACE_DAYS}"), found));
    }
    count(&mut flaws, "rules", standard.rules.len(), RULES);
    count(&mut flaws, "tests", standard.tests.len(), TESTS);
    if standard.kind == StandardKind::Policy && standard.rules.is_empty() {
        flaws.push(StandardFlaw::new("rules", "at least one rule of a policy", "none"));
    }
    let mut ids = BTreeSet::new();
    for (at, rule) in standard.rules.iter().enumerate() {
        if !ids.insert(&rule.id) {
            flaws.push(StandardFlaw::new(format!("rules[{at}].id"), "an id of its own", quoted(rule.id.as_str())));
        }
        text(&mut flaws, &format!("rules[{at}].message"), &rule.message, MESSAGE_BYTES);
        text(&mut flaws, &format!("rules[{at}].remediation"), &rule.remediation, MESSAGE_BYTES);
    }
    let mut names = BTreeSet::new();
    for (at, test) in standard.tests.iter().enumerate() {
        text(&mut flaws, &format!("tests[{at}].name"), &test.name, TITLE_BYTES);
        if !names.insert(&test.name) {
            flaws.push(StandardFlaw::new(format!("tests[{at}].name"), "a name of its own", quoted(&test.name)));
        }
        let path = format!("tests[{at}].product");
        match Document::of_json(&test.product) {
            Ok(document) => flaws.extend(
                document
                    .unknown_paths()
                    .into_iter()
                    .map(|unknown| StandardFlaw::new(&path, "paths of the product document", quoted(&unknown))),
            ),
            Err(error) => flaws.push(StandardFlaw::new(&path, "a product document", error.to_string())),
        }
    }
    detail(&mut flaws, standard);
    flaws
}

fn text(flaws: &mut Vec<StandardFlaw>, path: &str, text: &str, most: usize) {
    if text.trim().is_empty() {
        flaws.push(StandardFlaw::new(path, "a text", "nothing"));
    } else if text.len() > most {
        flaws.push(StandardFlaw::new(path, format!("at most {most} bytes"), text.len().to_string()));
    }
}

fn count(flaws: &mut Vec<StandardFlaw>, path: &str, found: usize, most: usize) {
    if found > most {
        flaws.push(StandardFlaw::new(path, format!("at most {most}"), found.to_string()));
    }
}

fn detail(flaws: &mut Vec<StandardFlaw>, standard: &Standard) {
    use StandardDetail as D;
    use StandardKind as K;
    let found = match &standard.detail {
        None => "none",
        Some(D::GlossaryTerm { .. }) => "those of a glossary term",
        Some(D::Identifier { .. }) => "those of an identifier scheme",
        Some(D::Time { .. }) => "those of a time convention",
        Some(D::Schema { .. }) => "those of a schema",
    };
    let expected = match (standard.kind, &standard.detail) {
        (K::Policy | K::Convention, None)
        | (K::Convention, Some(D::Time { .. }))
        | (K::Schema, Some(D::Schema { .. }))
        | (K::GlossaryTerm, Some(D::GlossaryTerm { .. }))
        | (K::Identifier, Some(D::Identifier { .. })) => None,
        (K::Policy, _) => Some("no details of a policy"),
        (K::Convention, _) => Some("details of a time convention, or none"),
        (K::Schema, _) => Some("details of a schema"),
        (K::GlossaryTerm, _) => Some("details of a glossary term"),
        (K::Identifier, _) => Some("details of an identifier scheme"),
    };
    if let Some(expected) = expected {
        flaws.push(StandardFlaw::new("detail", expected, found));
    }
    if let Some(detail) = &standard.detail {
        check_detail(detail, flaws);
    }
}
