//! `mesh standard`: writing, testing, proposing and keeping global standards.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use mesh_client::Client;
use mesh_client::standards::{ComplianceRow, Finding, Impact, Preview, StandardView};
use mesh_event::proposal::{EnactStandard, ProposalBody, RetireStandard};
use mesh_model::{Code, DomainName, Name, Standard, Version};
use serde_json::json;

use crate::app::App;
use crate::failure::Failure;
use crate::files;
use crate::key_argument::Signers;
use crate::lines::Lines;
use crate::output::{Row, printable};
use crate::proposing::{ProposingArgs, propose};
use crate::standard_files::load;
use crate::style::Style;
use crate::time;

/// Global standards: what the council enacted, and who keeps it.
#[derive(Debug, Args)]
pub(crate) struct StandardArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Writes a standard to start from, NAME.yaml
    New {
        /// Its id, for ever
        name: Name,
    },
    /// Checks standards' files and runs their test cases; no node is needed
    Test {
        /// A file, or a folder of them
        path: PathBuf,
    },
    /// Lists which products would violate a standard if it were enacted now
    Preview {
        /// The standard's file
        file: PathBuf,
    },
    /// Proposes a standard to the council, with its impact
    Propose {
        /// The standard's file
        file: PathBuf,
        #[command(flatten)]
        proposing: ProposingArgs,
    },
    /// Proposes to end a standard
    Retire {
        /// Which
        id: Name,
        /// Why
        #[arg(long, value_parser = clap::builder::NonEmptyStringValueParser::new())]
        reason: String,
        #[command(flatten)]
        proposing: ProposingArgs,
    },
    /// Lists the standards in force
    List {
        /// Every version that ever was, too
        #[arg(long)]
        all: bool,
    },
    /// Shows a standard: text, rules, dates
    Show {
        /// Which, as id or id@version
        id: String,
    },
    /// Shows who keeps the standards in force
    Compliance {
        /// Of one domain only
        #[arg(long, add = crate::completer::domains())]
        domain: Option<DomainName>,
        /// Only what does not hold: the open tasks, with owner and due date
        #[arg(long)]
        open: bool,
    },
}

pub(crate) async fn run(args: StandardArgs, app: &App) -> Result<(), Failure> {
    match args.action {
        Action::New { name } => new(app, &name),
        Action::Test { path } => test(app, &path),
        Action::Preview { file } => preview(app, &file).await,
        Action::Propose { file, proposing } => enact(app, &file, proposing).await,
        Action::Retire { id, reason, proposing } => retire(app, id, reason, &proposing).await,
        Action::List { all } => list(app, all).await,
        Action::Show { id } => show(app, &id).await,
        Action::Compliance { domain, open } => compliance(app, domain.as_ref(), open).await,
    }
}

fn new(app: &App, name: &Name) -> Result<(), Failure> {
    let path = PathBuf::from(format!("{name}.yaml"));
    files::create(&path, scaffold(name).as_bytes())?;
    app.note(format!("wrote {}", path.display()));
    app.note(format!("hint: `mesh standard test {0}`, then `mesh standard preview {0}`", path.display()));
    Ok(())
}

fn scaffold(name: &Name) -> String {
    format!(
        "# A standard of the mesh: the council signs all of it. `mesh standard test {name}.yaml` checks it.\n\
         id: {name}\n\
         version: 1.0.0\n\
         title: Every product has a description\n\
         kind: policy # policy, schema, glossary-term, identifier or convention\n\
         text: |\n  \
           What is agreed, and why. Markdown.\n\
         selector: \"\" # which products it is about; empty for all\n\
         rules:\n  \
           - id: description\n    \
             expression: description != null\n    \
             severity: medium # low, medium, high or critical\n    \
             message: the product has no description\n    \
             remediation: say in description what the product is\n\
         enforcement: warn # advise, warn or block\n\
         effective_from: \"\" # the first day on which it binds, YYYY-MM-DD; empty for enactment\n\
         grace_days: 30 # in which products that were there before are warned, not refused\n\
         tests:\n  \
           - name: a product with a description\n    \
             expect: pass\n    \
             product:\n      \
               description: what it is\n  \
           - name: a product without one\n    \
             expect: fail\n    \
             product: {{}}\n"
    )
}

fn test(app: &App, path: &std::path::Path) -> Result<(), Failure> {
    let mut failures = Vec::new();
    let mut rows = Vec::new();
    for loaded in load(path)? {
        let standard = loaded.compiled.standard();
        let failed = loaded.compiled.run_tests();
        let passed = standard.tests.len() - failed.len();
        rows.push(json!({
            "file": loaded.file, "id": standard.id, "version": standard.version, "tests": standard.tests.len(),
            "passed": passed,
        }));
        failures.extend(failed.iter().map(|failure| format!("{}: {failure}", loaded.file)));
    }
    let document = json!({ "standards": rows, "failures": failures });
    app.output().one(&document, "standards", |style| {
        let mut lines = Lines::default();
        for row in &rows {
            let (file, passed, tests) = (row["file"].as_str().unwrap_or_default(), &row["passed"], &row["tests"]);
            let well = passed == tests;
            let count = format!("{passed} of {tests} test cases as they say");
            lines.add(format!("{file}: {}", if well { style.green(&count) } else { style.red(&count) }));
        }
        lines.into_text()
    })?;
    if failures.is_empty() {
        return Ok(());
    }
    Err(Failure::new(Code::InvalidFile, format!("{} test cases come out otherwise than they say", failures.len()))
        .problems(failures))
}

/// The one standard of a file whose own test cases come out as they say.
fn one(file: &std::path::Path) -> Result<Standard, Failure> {
    let mut loaded = load(file)?;
    let (Some(found), true) = (loaded.pop(), loaded.is_empty()) else {
        return Err(Failure::usage(format!("{} is a folder; expected one standard's file", file.display())));
    };
    let failed = found.compiled.run_tests();
    if failed.is_empty() {
        return Ok(found.compiled.standard().clone());
    }
    let message = format!("{}: {} test cases come out otherwise than they say", found.file, failed.len());
    Err(Failure::new(Code::InvalidFile, message).problems(failed.iter().map(ToString::to_string).collect()))
}

impl Row for Impact {
    fn columns(wide: bool) -> Vec<&'static str> {
        let mut columns = vec!["product", "owner", "violations", "passes with a warning until"];
        if wide {
            columns.push("findings");
        }
        columns
    }
    fn cells(&self, wide: bool) -> Vec<String> {
        let until = self.grace_until_unix_ms.map_or_else(|| "no grace".to_owned(), time::show);
        let mut cells = vec![self.product.clone(), printable(&self.owner), self.findings.len().to_string(), until];
        if wide {
            cells.push(short(&self.findings));
        }
        cells
    }
    fn name(&self) -> String {
        self.product.clone()
    }
}

fn short(findings: &[Finding]) -> String {
    let one = |finding: &Finding| format!("{} ({}: {})", finding.rule, finding.path, printable(&finding.found));
    findings.iter().map(one).collect::<Vec<_>>().join("; ")
}

async fn preview(app: &App, file: &std::path::Path) -> Result<(), Failure> {
    let standard = one(file)?;
    let found = app.client()?.preview(&standard).await?;
    let summary = summary(&found);
    let more = json!({ "products": found.products, "summary": summary, "freshness": found.freshness });
    app.output().list("impact", &found.impact, more)?;
    app.note(summary);
    Ok(())
}

/// What a proposal tells those who are to sign.
fn summary(found: &Preview) -> String {
    if found.impact.is_empty() {
        return format!("all {} products keep it", found.products);
    }
    let mut domains = std::collections::BTreeMap::<&str, usize>::new();
    for impact in &found.impact {
        *domains.entry(impact.product.split('/').next().unwrap_or_default()).or_default() += 1;
    }
    let mut most: Vec<_> = domains.iter().collect();
    most.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), **name));
    let named: Vec<String> = most.iter().take(5).map(|(name, count)| format!("{name} {count}")).collect();
    let others = if most.len() > 5 { format!(", and {} more domains", most.len() - 5) } else { String::new() };
    let (violating, products) = (found.impact.len(), found.products);
    format!("{violating} of {products} products would violate it: {}{others}", named.join(", "))
}

async fn enact(app: &App, file: &std::path::Path, mut proposing: ProposingArgs) -> Result<(), Failure> {
    let standard = one(file)?;
    let client = app.client()?;
    if proposing.summary.is_empty() {
        proposing.summary = summary(&client.preview(&standard).await?);
    }
    let supersedes = in_force(&client, &standard.id).await?;
    let body = ProposalBody::EnactStandard(EnactStandard { standard, supersedes });
    propose(app, &client, body, Signers::default(), &proposing).await
}

async fn in_force(client: &Client, id: &Name) -> Result<Option<Version>, Failure> {
    let found = client.standards(false, Some(id)).await?;
    Ok(found.items.first().map(|view| view.standard.version))
}

async fn retire(app: &App, id: Name, reason: String, proposing: &ProposingArgs) -> Result<(), Failure> {
    let client = app.client()?;
    let version = in_force(&client, &id).await?.ok_or_else(|| {
        Failure::new(Code::NotFound, format!("no standard {id} is in force")).hint("`mesh standard list` lists them")
    })?;
    let body = ProposalBody::RetireStandard(RetireStandard { id, version, reason });
    propose(app, &client, body, Signers::default(), proposing).await
}

impl Row for StandardView {
    fn columns(wide: bool) -> Vec<&'static str> {
        let mut columns = vec!["standard", "title", "enforcement", "rules", "status", "enacted"];
        if wide {
            columns.extend(["kind", "effective from", "grace days", "proposal", "digest"]);
        }
        columns
    }
    fn cells(&self, wide: bool) -> Vec<String> {
        let standard = &self.standard;
        let mut cells = vec![
            format!("{}@{}", standard.id, standard.version),
            printable(&standard.title),
            word(&standard.enforcement),
            standard.rules.len().to_string(),
            self.status.clone(),
            time::show(self.enacted_unix_ms),
        ];
        if wide {
            let from = if standard.effective_from.is_empty() { "enactment" } else { &standard.effective_from };
            cells.extend([
                word(&standard.kind),
                from.to_owned(),
                standard.grace_days.to_string(),
                self.proposal_index.to_string(),
                self.digest.short(),
            ]);
        }
        cells
    }
    fn name(&self) -> String {
        format!("{}@{}", self.standard.id, self.standard.version)
    }
}

/// The word that files use.
fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

async fn list(app: &App, all: bool) -> Result<(), Failure> {
    let listing = app.client()?.standards(all, None).await?;
    app.output().list("standards", &listing.items, json!({ "freshness": listing.freshness }))?;
    if listing.items.is_empty() {
        app.note("no standard is in force; `mesh standard propose FILE` asks the council for one");
    }
    Ok(())
}

async fn show(app: &App, id: &str) -> Result<(), Failure> {
    let (name, version) = match id.split_once('@') {
        Some((name, version)) => (name, Some(version)),
        None => (id, None),
    };
    let usage = |error: &dyn std::fmt::Display| Failure::usage(format!("{id}: {error}"));
    let name = Name::parse(name).map_err(|error| usage(&error))?;
    let version: Option<Version> = version.map(str::parse).transpose().map_err(|error| usage(&error))?;
    let found = app.client()?.standards(true, Some(&name)).await?.items;
    let at = match version {
        Some(version) => found.iter().position(|view| view.standard.version == version),
        None => found.iter().position(|view| view.status == "in force").or_else(|| found.len().checked_sub(1)),
    };
    let wanted = at.and_then(|at| found.into_iter().nth(at));
    let view = wanted.ok_or_else(|| {
        Failure::new(Code::NotFound, format!("no standard {id} was enacted")).hint("`mesh standard list --all`")
    })?;
    app.output().one(&view, id, |style| told(&view, style))
}

fn told(view: &StandardView, style: Style) -> String {
    let standard = &view.standard;
    let mut lines = Lines::default();
    let title = format!("{}@{}: {}", standard.id, standard.version, printable(&standard.title));
    lines.add(style.bold(&title));
    lines.add(format!(
        "{}, {}; {} since {} (ledger index {})",
        word(&standard.kind),
        word(&standard.enforcement),
        view.status,
        time::show(view.enacted_unix_ms),
        view.enacted_index
    ));
    let from = if standard.effective_from.is_empty() { "enactment" } else { &standard.effective_from };
    lines.add(format!("binds from {from}, with {} days of grace for products from before", standard.grace_days));
    if !standard.selector.is_empty() {
        lines.add(format!("about products where {}", printable(&standard.selector)));
    }
    lines.add(format!("digest {}", view.digest));
    lines.add("");
    for line in standard.text.trim_end().lines() {
        lines.add(printable(line));
    }
    for rule in &standard.rules {
        lines.add("");
        lines.add(format!("{} ({})", style.bold(rule.id.as_str()), word(&rule.severity)));
        lines.add(format!("  {}", printable(&rule.expression)));
        lines.add(format!("  {}; {}", printable(&rule.message), printable(&rule.remediation)));
    }
    lines.into_text()
}

impl Row for ComplianceRow {
    fn columns(wide: bool) -> Vec<&'static str> {
        let mut columns = vec!["product", "standard", "state", "due", "owner", "findings"];
        if wide {
            columns.extend(["enforcement", "since", "waived since", "why"]);
        }
        columns
    }
    fn cells(&self, wide: bool) -> Vec<String> {
        let due = self.due_unix_ms.map_or_else(String::new, time::show);
        let findings = self.findings.iter().map(|finding| finding.rule.as_str()).collect::<Vec<_>>().join(", ");
        let mut cells = vec![
            self.product.clone(),
            self.standard.clone(),
            self.state.clone(),
            due,
            printable(&self.owner),
            if wide { short(&self.findings) } else { findings },
        ];
        if wide {
            let at = |at: Option<u64>| at.map_or_else(String::new, time::show);
            let (since, waived) = (at(self.since_unix_ms), at(self.waived_since_unix_ms));
            cells.extend([self.enforcement.clone(), since, waived, printable(&self.why)]);
        }
        cells
    }
    fn name(&self) -> String {
        format!("{} {}", self.product, self.standard)
    }
}

async fn compliance(app: &App, domain: Option<&DomainName>, open: bool) -> Result<(), Failure> {
    let found = app.client()?.compliance(domain, open).await?;
    let more = json!({ "standards": found.standards, "freshness": found.freshness });
    app.output().list("compliance", &found.rows, more)?;
    if found.rows.is_empty() {
        app.note(match (found.standards, open) {
            (0, _) => "no standard is in force",
            (_, true) => "everything holds: no task is open",
            (_, false) => "no product is concerned by a standard in force",
        });
    }
    Ok(())
}
