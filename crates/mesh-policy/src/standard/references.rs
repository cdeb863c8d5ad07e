//! Fields that stand for a glossary term or an identifier scheme: whether they have its type.

use mesh_model::{RuleSeverity, StandardDetail};

use super::{CompiledStandard, Violation};
use crate::document::Document;
use crate::value::{Value, quoted};

/// Checks every field that names one of the glossary terms or identifier schemes against that standard's data type.
///
/// A field names a standard by its id, in its `term`; what no standard defines is the field's own business. Only the two
/// semantic kinds are looked at, and of those only the ones with a data type. `decimal` takes `decimal(10,2)`, not the
/// other way round; case does not matter. Violations come in the order of the fields. Where fields lie in an attachment,
/// each such standard is violated once.
pub fn check_references<'s>(
    standards: impl IntoIterator<Item = &'s CompiledStandard>,
    document: &Document,
) -> Vec<Violation> {
    let typed = standards.into_iter().filter(|standard| standard.is_semantic());
    let typed: Vec<_> = typed.filter_map(|standard| Some((standard, data_type(standard)?))).collect();
    let violation = |standard: &CompiledStandard, data_type: &str, path: String, found: String| Violation {
        rule: standard.standard().id.clone(),
        severity: RuleSeverity::High,
        path,
        found,
        message: format!("a field that stands for {} has the type {data_type}", quoted(&standard.standard().title)),
        remediation: format!("give the field the type {data_type}, or take the glossary term off it"),
    };
    let fields = match document.root().get("fields") {
        Value::List(fields) => fields,
        Value::Elsewhere => {
            let found = Value::Elsewhere.describe();
            return typed.iter().map(|(of, kind)| violation(of, kind, "fields".into(), found.clone())).collect();
        }
        _ => return Vec::new(),
    };
    let mut violations = Vec::new();
    for (at, field) in fields.iter().enumerate() {
        let Value::Text(term) = field.get("term") else { continue };
        for (standard, data_type) in &typed {
            let found = field.get("type");
            let fits = matches!(&found, Value::Text(found) if type_fits(data_type, found));
            if standard.standard().id.as_str() == term.as_ref() && !fits {
                let found = format!("{} in {}", found.describe(), field.get("name").describe());
                violations.push(violation(standard, data_type, format!("fields[{at}].type"), found));
            }
        }
    }
    violations
}

/// The data type that fields with a standard's meaning have; `None` where it does not matter.
fn data_type(standard: &CompiledStandard) -> Option<&str> {
    use StandardDetail::{GlossaryTerm, Identifier};
    let (GlossaryTerm { data_type, .. } | Identifier { data_type, .. }) = standard.standard().detail.as_ref()? else {
        return None;
    };
    Some(data_type.trim()).filter(|data_type| !data_type.is_empty())
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
