//! `mesh policy`: rules over a product's file, without a node.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use mesh_model::{Code, DomainName};
use mesh_policy::{Document, Violation, check_rules, plain_rules};
use serde::Serialize;
use serde_json::json;

use crate::app::App;
use crate::failure::Failure;
use crate::files;
use crate::lines::Lines;
use crate::output::printable;
use crate::product_files;
use crate::standard_files;

/// Policy-as-code on this machine: the evaluator is the ledger's, and nothing is sent.
#[derive(Debug, Args)]
pub(crate) struct PolicyArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Checks product files against rules or standards
    Check {
        /// A product file, a folder of them, or - for standard input
        path: PathBuf,
        /// A standard's YAML file, a folder of them, or a text file with one rule a line; # begins a remark. Repeatable
        #[arg(long, value_name = "FILE", required = true)]
        rules: Vec<PathBuf>,
        /// The domain of products whose file names none
        #[arg(long)]
        domain: Option<DomainName>,
    },
    /// Shows what rules see of a product: its document, as JSON
    Document {
        /// A product file
        path: PathBuf,
        /// The domain of products whose file names none
        #[arg(long)]
        domain: Option<DomainName>,
    },
}

/// One product and one set of rules.
#[derive(Debug, Serialize)]
struct Checked {
    product: String,
    rules: String,
    applies: bool,
    compliant: bool,
    violations: Vec<Violation>,
}

pub(crate) async fn run(args: PolicyArgs, app: &App) -> Result<(), Failure> {
    match args.action {
        Action::Check { path, rules, domain } => check(app, &path, &rules, domain.as_ref()),
        Action::Document { path, domain } => document(app, &path, domain.as_ref()),
    }
}

fn documents(path: &std::path::Path, domain: Option<&DomainName>) -> Result<Vec<(String, Document)>, Failure> {
    let loaded = product_files::load(path, domain)?;
    product_files::refuse_errors(&loaded)?;
    let products = loaded.iter().flat_map(|file| &file.products);
    Ok(products.map(|p| (p.descriptor.version_id().to_string(), Document::of(&p.descriptor))).collect())
}

fn document(app: &App, path: &std::path::Path, domain: Option<&DomainName>) -> Result<(), Failure> {
    for (id, document) in documents(path, domain)? {
        let document = document.to_json();
        let text = serde_json::to_string_pretty(&document).expect("JSON is text");
        app.output().one(&document, &id, |_| format!("{text}\n"))?;
    }
    Ok(())
}

fn count(violations: usize) -> String {
    if violations == 1 { "1 violation".to_owned() } else { format!("{violations} violations") }
}

fn check(app: &App, path: &std::path::Path, rules: &[PathBuf], domain: Option<&DomainName>) -> Result<(), Failure> {
    let documents = documents(path, domain)?;
    let mut checked = Vec::new();
    for file in rules {
        let is_standard = file.is_dir() || file.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
        if is_standard {
            for loaded in standard_files::load(file)? {
                for (product, document) in &documents {
                    let found = loaded.compiled.evaluate(document);
                    checked.push(Checked {
                        product: product.clone(),
                        rules: format!("{}@{}", found.standard, found.version),
                        applies: found.applies,
                        compliant: found.compliant(),
                        violations: found.violations,
                    });
                }
            }
            continue;
        }
        let text = files::read_text(file)?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let rules = plain_rules(lines);
        for (product, document) in &documents {
            let violations = check_rules(&rules, document).map_err(|flaws| {
                let problems = flaws.iter().map(ToString::to_string).collect();
                Failure::new(Code::InvalidFile, format!("{} has rules that do not compile", file.display()))
                    .problems(problems)
            })?;
            let compliant = violations.is_empty();
            let rules = file.display().to_string();
            checked.push(Checked { product: product.clone(), rules, applies: true, compliant, violations });
        }
    }
    let violating = checked.iter().filter(|one| !one.compliant).count();
    app.output().one(&json!({ "checks": checked }), "checks", |style| {
        let mut lines = Lines::default();
        for one in &checked {
            let said = match (one.applies, one.compliant) {
                (false, _) => style.dim("is about other products"),
                (true, true) => style.green("holds"),
                (true, false) => style.red(&count(one.violations.len())),
            };
            lines.add(format!("{} {}: {said}", one.product, one.rules));
            for violation in &one.violations {
                lines.add(format!("  {}", printable(&violation.to_string())));
            }
        }
        lines.into_text()
    })?;
    if violating == 0 {
        return Ok(());
    }
    Err(Failure::new(Code::StandardViolated, format!("{violating} of {} checks found violations", checked.len())))
}
