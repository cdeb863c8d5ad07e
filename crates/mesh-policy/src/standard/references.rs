//! Fields that stand for a glossary term or an identifier scheme, or follow a time convention: whether they have its type.

use mesh_model::{RuleSeverity, StandardDetail};

use super::granularity::Granularity;
use super::{CompiledStandard, Violation};
use crate::document::Document;
use crate::value::{Value, quoted};

/// What a standard asks of the type of a field that names it.
enum Expected<'s> {
    /// That of a glossary term or identifier scheme.
    Type(&'s str),
    /// One that holds the steps of a time convention.
    Time { granularity: Granularity, step: &'s str },
}

/// Checks every field that names a glossary term, an identifier scheme or a time convention against that standard's data type.
///
/// A field names a standard by its id, in its `term`; what no standard defines is the field's own business. Only the semantic kinds are
/// looked at, and of glossary terms and identifier schemes only the ones with a data type. `decimal` takes `decimal(10,2)`, not the
/// other way round; case does not matter. What follows a time convention in steps of days is a date, and otherwise a timestamp that
/// is precise enough; zone, calendar and kind of time are nothing that a type says. Violations come in the order of the fields. Where
/// fields lie in an attachment, each such standard is violated once.
pub fn check_references<'s>(
    standards: impl IntoIterator<Item = &'s CompiledStandard>,
    document: &Document,
) -> Vec<Violation> {
    let typed: Vec<_> =
        standards.into_iter().filter_map(|standard| Some((standard, Expected::of(standard)?))).collect();
    let violation = |standard: &CompiledStandard, expected: &Expected<'_>, path: String, found: String| {
        let title = quoted(&standard.standard().title);
        let (message, remediation) = match expected {
            Expected::Type(data_type) => (
                format!("a field that stands for {title} has the type {data_type}"),
                format!("give the field the type {data_type}, or take the glossary term off it"),
            ),
            Expected::Time { granularity, step } => (
                format!("a field that follows {title}, in steps of {step}, has the type {}", granularity.expected()),
                format!("give the field the type {}, or take the convention off it", granularity.expected()),
            ),
        };
        let rule = standard.standard().id.clone();
        Violation { rule, severity: RuleSeverity::High, path, found, message, remediation }
    };
    let fields = match document.root().get("fields") {
        Value::List(fields) => fields,
        Value::Elsewhere => {
            let found = Value::Elsewhere.describe();
            let all = typed.iter().map(|(of, expected)| violation(of, expected, "fields".into(), found.clone()));
            return all.collect();
        }
        _ => return Vec::new(),
    };
    let mut violations = Vec::new();
    for (at, field) in fields.iter().enumerate() {
        let Value::Text(term) = field.get("term") else { continue };
        for (standard, expected) in &typed {
            let found = field.get("type");
            let fits = matches!(&found, Value::Text(found) if expected.takes(found));
            if standard.standard().id.as_str() == term.as_ref() && !fits {
                let found = format!("{} in {}", found.describe(), field.get("name").describe());
                violations.push(violation(standard, expected, format!("fields[{at}].type"), found));
            }
        }
    }
    violations
}

impl<'s> Expected<'s> {
    /// What a standard asks; `None` where it is not semantic or the type does not matter.
    fn of(standard: &'s CompiledStandard) -> Option<Self> {
        match standard.standard().detail.as_ref()? {
            StandardDetail::GlossaryTerm { data_type, .. } | StandardDetail::Identifier { data_type, .. } => {
                Some(Self::Type(data_type.trim())).filter(|_| !data_type.trim().is_empty())
            }
            StandardDetail::Time { granularity: step, .. } => {
                Some(Self::Time { granularity: Granularity::of(step), step })
            }
            StandardDetail::Schema { .. } => None,
        }
    }

    fn takes(&self, found: &str) -> bool {
        match self {
            Self::Type(data_type) => type_fits(data_type, found),
            Self::Time { granularity, .. } => granularity.fits(found),
        }
    }
}

fn type_fits(expected: &str, found: &str) -> bool {
    let plain = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_lowercase();
    let (expected, found) = (plain(expected), plain(found));
    found == expected || found.strip_prefix(&expected).is_some_and(|rest| rest.starts_with('('))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wider_type_takes_a_narrower_one() {
        assert!(type_fits("decimal", "DECIMAL(10, 2)") && type_fits("string", "String"));
        assert!(!type_fits("decimal(10,2)", "decimal") && !type_fits("int", "integer"));
    }
}
