//! A standard's message form and back.

use mesh_model as model;
use mesh_model::{Digest, JsonText, Standard, StandardDetail};
use prost::Message as _;

use crate::convert::{Malformed, text};
use crate::descriptor::enums;
use crate::proto;

enums! {
    kind_message kind model::StandardKind, StandardKind { Policy, Schema, GlossaryTerm, Identifier, Convention };
    enforcement_message enforcement model::Enforcement, Enforcement { Advise, Warn, Block };
    severity_message severity model::RuleSeverity, RuleSeverity { Low, Medium, High, Critical };
    expectation_message expectation model::Expectation, Expectation { Pass, Fail };
}

/// The message's bytes: what the state keeps of a standard in force.
pub fn encode_standard(standard: &Standard) -> Vec<u8> {
    to_message(standard).encode_to_vec()
}

/// SHA-256 over the standard's own encoding: equal standards have equal digests. It names a version for caches and lists;
/// signatures are over exact bytes, never over this.
pub fn standard_digest(standard: &Standard) -> Digest {
    Digest::of(&encode_standard(standard))
}

/// Decodes a standard.
///
/// # Errors
/// [`Malformed`] names the field.
pub fn decode_standard(bytes: &[u8]) -> Result<Standard, Malformed> {
    from_message(proto::Standard::decode(bytes).map_err(|error| Malformed::new("standard", error))?)
}

pub(crate) fn to_message(s: &Standard) -> proto::Standard {
    let rule = |rule: &model::Rule| proto::Rule {
        id: rule.id.to_string(),
        expression: rule.expression.clone(),
        severity: severity_message(rule.severity),
        message: rule.message.clone(),
        remediation: rule.remediation.clone(),
    };
    let case = |case: &model::TestCase| proto::TestCase {
        name: case.name.clone(),
        expect: expectation_message(case.expect),
        product: case.product.to_string(),
    };
    proto::Standard {
        id: s.id.to_string(),
        version: s.version.to_string(),
        title: s.title.clone(),
        kind: kind_message(s.kind),
        text: s.text.clone(),
        selector: s.selector.clone(),
        rules: s.rules.iter().map(rule).collect(),
        enforcement: enforcement_message(s.enforcement),
        effective_from: s.effective_from.clone(),
        grace_days: u32::from(s.grace_days),
        tests: s.tests.iter().map(case).collect(),
        detail: s.detail.as_ref().map(detail_message),
    }
}

fn detail_message(detail: &StandardDetail) -> proto::standard::Detail {
    use proto::standard::Detail as M;
    match detail.clone() {
        StandardDetail::GlossaryTerm { definition, synonyms, owner, data_type } => {
            M::GlossaryTerm(proto::GlossaryTerm { definition, synonyms, owner, data_type })
        }
        StandardDetail::Identifier { entity, pattern, checksum, examples, data_type } => {
            M::Identifier(proto::IdentifierScheme { entity, pattern, checksum, examples, data_type })
        }
        StandardDetail::Time { zone, granularity, calendar, time } => {
            M::Time(proto::TimeConvention { zone, granularity, calendar, time })
        }
        StandardDetail::Schema { json_schema } => {
            M::Schema(proto::SchemaDetail { json_schema: json_schema.to_string() })
        }
    }
}

pub(crate) fn from_message(m: proto::Standard) -> Result<Standard, Malformed> {
    let rules = m.rules.into_iter().map(rule).collect::<Result<_, Malformed>>().map_err(|e| e.within("rules"))?;
    let tests = m.tests.into_iter().map(case).collect::<Result<_, Malformed>>().map_err(|e| e.within("tests"))?;
    Ok(Standard {
        id: text("id", &m.id)?,
        version: text("version", &m.version)?,
        title: m.title,
        kind: kind("kind", m.kind)?,
        text: m.text,
        selector: m.selector,
        rules,
        enforcement: enforcement("enforcement", m.enforcement)?,
        effective_from: m.effective_from,
        grace_days: u16::try_from(m.grace_days)
            .map_err(|_| Malformed::new("grace_days", format!("expected at most 65535; found {}", m.grace_days)))?,
        tests,
        detail: m.detail.map(detail).transpose()?,
    })
}

fn rule(m: proto::Rule) -> Result<model::Rule, Malformed> {
    Ok(model::Rule {
        id: text("id", &m.id)?,
        expression: m.expression,
        severity: severity("severity", m.severity)?,
        message: m.message,
        remediation: m.remediation,
    })
}

fn case(m: proto::TestCase) -> Result<model::TestCase, Malformed> {
    Ok(model::TestCase {
        name: m.name,
        expect: expectation("expect", m.expect)?,
        product: json("product", &m.product)?,
    })
}

fn json(field: &str, value: &str) -> Result<JsonText, Malformed> {
    JsonText::parse(value).map_err(|error| Malformed::new(field, error))
}

fn detail(m: proto::standard::Detail) -> Result<StandardDetail, Malformed> {
    use proto::standard::Detail as M;
    Ok(match m {
        M::GlossaryTerm(d) => StandardDetail::GlossaryTerm {
            definition: d.definition,
            synonyms: d.synonyms,
            owner: d.owner,
            data_type: d.data_type,
        },
        M::Identifier(d) => StandardDetail::Identifier {
            entity: d.entity,
            pattern: d.pattern,
            checksum: d.checksum,
            examples: d.examples,
            data_type: d.data_type,
        },
        M::Time(d) => {
            StandardDetail::Time { zone: d.zone, granularity: d.granularity, calendar: d.calendar, time: d.time }
        }
        M::Schema(d) => StandardDetail::Schema { json_schema: json("schema.json_schema", &d.json_schema)? },
    })
}
