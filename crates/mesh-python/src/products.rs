//! Product files and documents.

use std::io::Read as _;
use std::path::{Component, Path};

use mesh_formats::Context;
use mesh_model::{DomainName, limits};
use mesh_policy::Document;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::{ProductError, raise};

/// One byte more than a product file may have: enough for the parser to say that it is too large.
fn read_bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(limits::PRODUCT_FILE_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The products of a file: id and document, as JSON.
#[pyfunction]
#[pyo3(signature = (path, domain=None))]
pub(crate) fn read_products(python: Python<'_>, path: &str, domain: Option<&str>) -> PyResult<Vec<(String, String)>> {
    let domain = domain.map(DomainName::parse).transpose().map_err(|error| PyValueError::new_err(error.to_string()))?;
    let file = Path::new(path);
    let bytes = read_bounded(file)?;
    let folder = file.parent().unwrap_or(Path::new("."));
    let name = file.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let load = |beside: &str| {
        let beside = Path::new(beside);
        let inside = beside.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if inside { read_bounded(&folder.join(beside)).ok() } else { None }
    };
    // Nothing is published from here, so nothing is guessed from a digest.
    let mut salt = || [0; 16];
    let mut ctx = Context {
        domain: domain.as_ref(),
        salt: &mut salt,
        encoded_len: &mesh_event::encoded_len,
        file_name: &name,
        load: &load,
    };
    match mesh_formats::parse(&bytes, &mut ctx) {
        Ok(parsed) => Ok(parsed
            .products
            .iter()
            .map(|product| {
                let id = product.descriptor.version_id().to_string();
                (id, Document::of(&product.descriptor).to_json().to_string())
            })
            .collect()),
        Err(problems) => {
            let problems = problems.0.iter().map(|problem| format!("{path}:{problem}")).collect();
            Err(raise::<ProductError>(python, problems))
        }
    }
}

/// A document that was made by hand, completed: what it leaves out is null.
#[pyfunction]
pub(crate) fn document_of(python: Python<'_>, json: &str) -> PyResult<String> {
    match Document::parse(json) {
        Ok(document) => Ok(document.to_json().to_string()),
        Err(error) => Err(raise::<ProductError>(python, vec![error.to_string()])),
    }
}
