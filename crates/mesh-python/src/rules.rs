//! Rules and standards over a document.

use mesh_model::Standard;
use mesh_policy::{CompiledStandard, Document, StandardFlaw, Violation, check_rules, plain_rules};
use pyo3::prelude::*;

use crate::{PolicyError, ProductError, raise};

fn document(python: Python<'_>, json: &str) -> PyResult<Document> {
    Document::parse(json).map_err(|error| raise::<ProductError>(python, vec![error.to_string()]))
}

fn flawed(python: Python<'_>, flaws: &[StandardFlaw]) -> PyErr {
    raise::<PolicyError>(python, flaws.iter().map(ToString::to_string).collect())
}

fn answer(applies: bool, violations: &[Violation]) -> String {
    serde_json::json!({ "applies": applies, "violations": violations }).to_string()
}

/// Asks bare expressions of a document.
#[pyfunction]
pub(crate) fn check_expressions(python: Python<'_>, expressions: Vec<String>, document: &str) -> PyResult<String> {
    let document = self::document(python, document)?;
    let rules = plain_rules(expressions.iter().map(String::as_str));
    match check_rules(&rules, &document) {
        Ok(violations) => Ok(answer(true, &violations)),
        Err(flaws) => Err(flawed(python, &flaws)),
    }
}

/// Reads a standard's YAML file; returns it as JSON.
#[pyfunction]
pub(crate) fn read_standard(python: Python<'_>, path: &str) -> PyResult<String> {
    let text = std::fs::read_to_string(path)?;
    let file = mesh_formats::parse_standard(&text).map_err(|problems| {
        raise::<PolicyError>(python, problems.0.iter().map(|problem| format!("{path}:{problem}")).collect())
    })?;
    CompiledStandard::compile(&file.standard).map_err(|flaws| {
        let line = |flaw: &StandardFlaw| {
            let (line, column) = file.place(&flaw.path);
            format!("{path}:{line}:{column}: {flaw}")
        };
        raise::<PolicyError>(python, flaws.iter().map(line).collect())
    })?;
    Ok(serde_json::to_string(&file.standard).expect("a standard is plain data"))
}

/// Asks a standard of a document.
#[pyfunction]
pub(crate) fn check_standard(python: Python<'_>, standard: &str, document: &str) -> PyResult<String> {
    let standard: Standard =
        serde_json::from_str(standard).map_err(|error| raise::<PolicyError>(python, vec![error.to_string()]))?;
    let compiled = CompiledStandard::compile(&standard).map_err(|flaws| flawed(python, &flaws))?;
    let evaluation = compiled.evaluate(&self::document(python, document)?);
    Ok(answer(evaluation.applies, &evaluation.violations))
}
