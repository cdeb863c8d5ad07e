//! The Python package `datamesh`: the guide's `Policy`, `DataProduct` and `enforce`.
//!
//! Row 2 beside the pure crates, on `mesh-formats` and `mesh-policy`: what Python sees is the evaluator of the ledger, not a copy of
//! it. The classes are Python (`python/datamesh/governance.py`), typed; this module hands texts across. Files are read here, so
//! that contracts beside a product file are found as `mesh apply` finds them.
//!
//! Invariants: nothing is sent anywhere; no input panics; an error is one exception with every problem in `problems`.

mod products;
mod rules;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

pyo3::create_exception!(_native, ProductError, PyValueError, "A file is no product; `problems` has every reason.");
pyo3::create_exception!(_native, PolicyError, PyValueError, "A rule does not compile; `problems` has every reason.");

/// An exception with its list of problems.
fn raise<E: pyo3::PyTypeInfo>(python: Python<'_>, problems: Vec<String>) -> PyErr {
    let error = PyErr::from_type(python.get_type::<E>(), problems.join("\n"));
    match error.value(python).setattr("problems", problems) {
        Ok(()) => error,
        Err(failed) => failed,
    }
}

/// The native half of `datamesh`.
#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("ProductError", module.py().get_type::<ProductError>())?;
    module.add("PolicyError", module.py().get_type::<PolicyError>())?;
    module.add_function(wrap_pyfunction!(products::read_products, module)?)?;
    module.add_function(wrap_pyfunction!(products::document_of, module)?)?;
    module.add_function(wrap_pyfunction!(rules::check_expressions, module)?)?;
    module.add_function(wrap_pyfunction!(rules::read_standard, module)?)?;
    module.add_function(wrap_pyfunction!(rules::check_standard, module)?)
}
