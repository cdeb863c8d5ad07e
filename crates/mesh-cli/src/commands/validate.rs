//! `mesh validate`: checks files without publishing. Needs no node.

use std::path::PathBuf;

use clap::Args;
use mesh_formats::Problem;
use mesh_model::{DomainName, ProductStatus};
use serde::Serialize;
use serde_json::json;

use crate::app::App;
use crate::failure::Failure;
use crate::output::Row;
use crate::product_files::{self, Loaded, located};
use crate::publishing::rounds;

/// Arguments of `mesh validate`.
#[derive(Debug, Args)]
pub(crate) struct ValidateArgs {
    /// Product files, folders of them, or - for standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The domain of products whose file names none
    #[arg(long)]
    domain: Option<DomainName>,
}

#[derive(Debug, Serialize)]
struct Checked<'a> {
    file: &'a str,
    products: Vec<String>,
    errors: &'a [Problem],
    warnings: &'a [Problem],
}

impl Row for Checked<'_> {
    fn columns(_: bool) -> Vec<&'static str> {
        vec!["file", "products", "errors", "warnings"]
    }
    fn cells(&self, _: bool) -> Vec<String> {
        vec![
            self.file.to_owned(),
            self.products.join(", "),
            self.errors.len().to_string(),
            self.warnings.len().to_string(),
        ]
    }
    fn name(&self) -> String {
        self.file.to_owned()
    }
}

/// Reads every file, checks what the model and its limits ask for, and lists all errors at once.
///
/// # Errors
/// Exit 3 when a file has errors.
pub(crate) async fn run(args: ValidateArgs, app: &App) -> Result<(), Failure> {
    let mut loaded: Vec<Loaded> = Vec::new();
    for path in &args.files {
        loaded.extend(product_files::load(path, args.domain.as_ref())?);
    }
    for file in &mut loaded {
        check(file);
    }
    let checked: Vec<Checked<'_>> = loaded
        .iter()
        .map(|file| Checked {
            file: &file.file,
            products: file.products.iter().map(name).collect(),
            errors: &file.errors,
            warnings: &file.warnings,
        })
        .collect();
    app.output().list("files", &checked, json!({}))?;
    warn(app, &loaded);
    product_files::refuse_errors(&loaded)?;
    let products = loaded.into_iter().flat_map(|file| file.products.into_iter().map(move |p| (file.file.clone(), p)));
    rounds(products.collect()).map(drop)
}

fn name(product: &mesh_formats::Product) -> String {
    if product.version_given {
        product.descriptor.version_id().to_string()
    } else {
        product.descriptor.id().to_string()
    }
}

/// What a publish would refuse whatever the mesh: the model's rules and the limits.
fn check(file: &mut Loaded) {
    for product in &file.products {
        // Whether a draft may be sealed is asked when it is published, not when it is read.
        let mut descriptor = product.descriptor.clone();
        if descriptor.status == ProductStatus::Draft {
            let found = "draft; a draft stays on its own node and is not sealed";
            file.warnings.push(Problem::warning((0, 0), "status", "active", found));
            descriptor.status = ProductStatus::Active;
        }
        for flaw in descriptor.check() {
            // Most flaws are sentences of the same form as problems.
            let parts = flaw.message.strip_prefix("expected ").and_then(|text| text.split_once("; found "));
            let (expected, found) = parts.unwrap_or(("what the model takes", &flaw.message));
            file.errors.push(Problem::error((0, 0), flaw.path, expected, found));
        }
        let mut fitted = product.clone();
        if let Err(failure) = crate::preparing::fit(&file.file, &mut fitted) {
            let found = failure.problems.join("; ");
            file.errors.push(Problem::error((0, 0), "", "a product within the limits", found));
        }
    }
}

/// Warnings of all files, on stderr.
pub(crate) fn warn(app: &App, loaded: &[Loaded]) {
    for file in loaded {
        for problem in &file.warnings {
            app.warn(located(&file.file, problem));
        }
    }
}
