//! What several tests read.

use std::path::{Path, PathBuf};

use mesh_formats::{Context, parse, parse_standard};
use mesh_model::{Descriptor, Standard};
use mesh_policy::{CompiledStandard, Document, Violation, check_rules, plain_rules};

/// The guide's four rules, word for word.
pub(crate) const GUIDE_RULES: [&str; 4] = [
    "storage.encryption.enabled == true",
    "all(field in fields where field.pii == true: field.tagged_as_pii == true)",
    "access.audit_logging.enabled == true",
    "retention_period != null",
];

pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The one product of an HCL text.
pub(crate) fn product(text: &str) -> Descriptor {
    let mut ctx =
        Context { domain: None, salt: &mut || [7; 16], encoded_len: &|_| 0, file_name: "product.hcl", load: &|_| None };
    let mut parsed = parse(text.as_bytes(), &mut ctx).unwrap();
    parsed.products.remove(0).descriptor
}

/// The guide's product as written.
pub(crate) fn guides_product() -> Descriptor {
    product(&std::fs::read_to_string(repository().join("examples/customer_profile.hcl")).unwrap())
}

/// Every worked standard with its file's name.
pub(crate) fn standards() -> Vec<(String, Standard)> {
    of_folder("config/standards")
}

fn of_folder(folder: &str) -> Vec<(String, Standard)> {
    let mut files: Vec<_> = std::fs::read_dir(repository().join(folder)).unwrap().collect::<Result<_, _>>().unwrap();
    files.sort_by_key(std::fs::DirEntry::file_name);
    let read = |file: std::fs::DirEntry| {
        let name = file.file_name().into_string().unwrap();
        let text = std::fs::read_to_string(file.path()).unwrap();
        let parsed = parse_standard(&text).unwrap_or_else(|problems| panic!("{name}: {problems}"));
        (name, parsed.standard)
    };
    files.into_iter().map(read).collect()
}

pub(crate) fn compiled() -> Vec<CompiledStandard> {
    compiled_of(standards())
}

/// The worked rules that a domain may set for itself.
pub(crate) fn own_rules() -> Vec<CompiledStandard> {
    compiled_of(of_folder("config/rules"))
}

fn compiled_of(standards: Vec<(String, Standard)>) -> Vec<CompiledStandard> {
    let compile = |(name, standard): (String, Standard)| {
        CompiledStandard::compile(&standard).unwrap_or_else(|flaws| panic!("{name}: {flaws:?}"))
    };
    standards.into_iter().map(compile).collect()
}

/// What one expression says of a document: nothing, or path and found.
pub(crate) fn ask(expression: &str, document: &str) -> Option<(String, String)> {
    let document = Document::parse(document).unwrap();
    let violations =
        check_rules(&plain_rules([expression]), &document).unwrap_or_else(|flaws| panic!("{expression}: {flaws:?}"));
    violations.into_iter().next().map(|Violation { path, found, .. }| (path, found))
}
