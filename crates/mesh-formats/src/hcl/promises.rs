//! Quality rules, metrics and service levels.

use mesh_model::{Metric, QualityRule, Quantity, ServiceLevel, Severity};

use super::section::Section;
use super::value::Value;
use crate::quantity::{default_comparison, parse_quantity};

/// The quality rules of all `quality_rules` groups.
pub(super) fn rules(section: &Section<'_, '_>) -> Vec<QualityRule> {
    let mut rules = Vec::new();
    for group in section.many("quality_rules") {
        for rule in group.many("rule") {
            let (name, offset) = rule.name_at().unwrap_or_else(|| (String::new(), rule.offset));
            let (check, check_offset) = rule.text_at("check").unwrap_or_else(|| (String::new(), rule.offset));
            let path = format!("quality_rules[{}]", rules.len());
            rule.source.part(format!("{path}.name"), offset);
            rule.source.part(format!("{path}.check"), check_offset);
            rules.push(QualityRule {
                name,
                check,
                severity: rule.word("severity").unwrap_or(Severity::Error),
                dimension: rule.text("dimension"),
                description: rule.text("description").unwrap_or_default(),
            });
        }
    }
    rules
}

/// The metrics.
pub(super) fn metrics(section: &Section<'_, '_>) -> Vec<Metric> {
    let metric = |metric: Section<'_, '_>| Metric {
        name: metric.name_at().map_or_else(String::new, |(name, _)| name),
        target: target(&metric),
        scope: metric.text("scope").unwrap_or_default(),
        measured: metric.text("measured").unwrap_or_default(),
        description: metric.text("description").unwrap_or_default(),
    };
    section.many("metric").into_iter().map(metric).collect()
}

/// The service levels.
pub(super) fn service_levels(section: &Section<'_, '_>) -> Vec<ServiceLevel> {
    let level = |level: Section<'_, '_>| ServiceLevel {
        name: level.name_at().map_or_else(String::new, |(name, _)| name),
        target: target(&level),
        percentile: level.number("percentile"),
        measured: level.text("measured").unwrap_or_default(),
        description: level.text("description").unwrap_or_default(),
    };
    section.many("sla").into_iter().map(level).collect()
}

/// `target = "< 500ms"`, `target = 3`, or `target { comparison value unit }`.
fn target(section: &Section<'_, '_>) -> Option<Quantity> {
    let written = section.target("target");
    if let Some(block) = section.one("target") {
        if let Some(written) = written {
            section.source.error(block.offset, &section.at("target"), "one target", "a second one");
            return read(section, &written);
        }
        let unit = block.text("unit").unwrap_or_default();
        let comparison = block.text("comparison").unwrap_or_else(|| default_comparison(&unit).into());
        if !block.says("value") {
            block.missing("value", "a number");
        }
        return block.number("value").map(|value| Quantity { comparison, value, unit });
    }
    read(section, &written?)
}

fn read(section: &Section<'_, '_>, placed: &super::value::Placed) -> Option<Quantity> {
    let quantity = match &placed.value {
        Value::Text(text) | Value::Number(text) => parse_quantity(text),
        _ => Err("a target such as \"99.5%\", \"< 500ms\" or \"15 minutes\""),
    };
    match quantity {
        Ok(quantity) => Some(quantity),
        Err(expected) => {
            section.source.error(placed.offset, &section.at("target"), expected, placed.describe());
            None
        }
    }
}
