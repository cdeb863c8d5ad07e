//! What every standard must hold, whatever its rules mean.

use std::collections::BTreeSet;

use mesh_model::{Standard, StandardDetail, StandardKind, limits};

use crate::calendar::is_date;

/// Everything that is wrong with a standard's form, in the order of its fields; empty when it may be proposed. What its rules
/// mean, and whether its test cases come out, is for the evaluator to say.
pub fn standard_flaws(standard: &Standard) -> Vec<String> {
    let mut flaws = Vec::new();
    let mut flaw = |fits: bool, text: String| {
        if !fits {
            flaws.push(text);
        }
    };
    let title = standard.title.trim().len();
    flaw(
        (1..=limits::TITLE_BYTES).contains(&title),
        format!("title has {title} bytes; expected 1 to {}", limits::TITLE_BYTES),
    );
    flaw(
        detail_fits(standard.kind, standard.detail.as_ref()),
        "detail is not that of its kind; a glossary term, an identifier and a schema need theirs".to_owned(),
    );
    flaw(
        standard.selector.len() <= limits::RULE_BYTES,
        format!("selector has {} bytes; at most {} are taken", standard.selector.len(), limits::RULE_BYTES),
    );
    flaw(
        standard.rules.len() <= limits::RULES,
        format!("there are {} rules; at most {} are taken", standard.rules.len(), limits::RULES),
    );
    let mut ids = BTreeSet::new();
    for rule in &standard.rules {
        let bytes = rule.expression.len();
        flaw(ids.insert(&rule.id), format!("rule {} stands there twice", rule.id));
        flaw(
            !rule.expression.trim().is_empty() && bytes <= limits::RULE_BYTES,
            format!("rule {} has {bytes} bytes; expected 1 to {}", rule.id, limits::RULE_BYTES),
        );
    }
    flaw(
        standard.effective_from.is_empty() || is_date(&standard.effective_from),
        "effective_from is no date; expected YYYY-MM-DD or nothing".to_owned(),
    );
    flaw(
        standard.grace_days <= limits::GRACE_DAYS,
        format!("grace_days is {}; at most {} are taken", standard.grace_days, limits::GRACE_DAYS),
    );
    flaw(
        standard.tests.len() <= limits::TEST_CASES,
        format!("there are {} test cases; at most {} are taken", standard.tests.len(), limits::TEST_CASES),
    );
    flaws
}

fn detail_fits(kind: StandardKind, detail: Option<&StandardDetail>) -> bool {
    match (kind, detail) {
        (StandardKind::GlossaryTerm, Some(StandardDetail::GlossaryTerm { .. }))
        | (StandardKind::Identifier, Some(StandardDetail::Identifier { .. }))
        | (StandardKind::Schema, Some(StandardDetail::Schema { .. }))
        | (StandardKind::Convention, Some(StandardDetail::Time { .. })) => true,
        (StandardKind::Policy | StandardKind::Convention, detail) => detail.is_none(),
        _ => false,
    }
}
