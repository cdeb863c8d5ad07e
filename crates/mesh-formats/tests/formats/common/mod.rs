//! A context for tests: counted salts, and the JSON's length where the signed encoding's would be.

use mesh_formats::{Context, Parsed, Problems};
use mesh_model::{Descriptor, DomainName};

pub(crate) fn json_len(descriptor: &Descriptor) -> usize {
    serde_json::to_vec(descriptor).unwrap().len()
}

/// Calls with a context in which no other file exists.
pub(crate) fn with_context<T>(file_name: &str, run: impl FnOnce(&mut Context<'_>) -> T) -> T {
    with_files(file_name, &|_| None, run)
}

pub(crate) fn with_files<T>(
    file_name: &str,
    load: &dyn Fn(&str) -> Option<Vec<u8>>,
    run: impl FnOnce(&mut Context<'_>) -> T,
) -> T {
    let mut next = 0_u8;
    let mut salt = move || {
        next += 1;
        [next; 16]
    };
    let domain = DomainName::parse("sales").unwrap();
    let mut ctx = Context { domain: Some(&domain), salt: &mut salt, encoded_len: &json_len, file_name, load };
    run(&mut ctx)
}

pub(crate) fn read(text: &str) -> Result<Parsed, Problems> {
    with_context("product.hcl", |ctx| mesh_formats::parse(text.as_bytes(), ctx))
}

/// The one product of a file that is expected to be right.
pub(crate) fn product(text: &str) -> mesh_formats::Product {
    let mut parsed = read(text).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(parsed.warnings, vec![]);
    assert_eq!(parsed.products.len(), 1);
    parsed.products.remove(0)
}

/// What is wrong with a file, one line each.
pub(crate) fn errors(text: &str) -> Vec<String> {
    read(text).unwrap_err().0.iter().map(ToString::to_string).collect()
}

pub(crate) mod descriptor;
