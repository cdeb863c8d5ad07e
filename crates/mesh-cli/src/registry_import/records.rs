//! The registry's records as products, their organisations as domains.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use mesh_client::command::random_salt;
use mesh_formats::{Format, NameMap, Problem, Product, Severity, original, read_record};
use mesh_model::{Code, DomainName, ProductId, limits};

use crate::app::App;
use crate::failure::Failure;
use crate::product_files::{context, located};

/// Everything that a registry's folder says.
#[derive(Debug, Default)]
pub(super) struct Records {
    /// File and product, in the order of the files.
    pub(super) products: Vec<(String, Product)>,
    /// Organisations by their domain.
    pub(super) domains: BTreeMap<DomainName, Organisation>,
    /// Products that call themselves deprecated, and what they say of it.
    pub(super) deprecated: BTreeMap<ProductId, String>,
    /// Files that cannot be used: their problems, a line each.
    pub(super) errors: Vec<Vec<String>>,
    /// What should be looked at, a line each.
    pub(super) warnings: Vec<String>,
}

/// One managing organisation.
#[derive(Debug, Default)]
pub(super) struct Organisation {
    /// As its records write it.
    pub(super) spellings: BTreeSet<String>,
    /// Its page.
    pub(super) url: Option<String>,
    /// How many records it manages.
    pub(super) records: usize,
}

impl Records {
    /// Reads every record of a registry's folder, or of its folder of datasets.
    ///
    /// # Errors
    /// When the folder cannot be read or has no record. A record with errors is kept in `errors`.
    pub(super) fn read(app: &App, dir: &Path) -> Result<Self, Failure> {
        let datasets = dir.join("datasets");
        let dir = if datasets.is_dir() { datasets.as_path() } else { dir };
        let fail = |error: std::io::Error| Failure::io("read", dir, &error);
        let mut files: Vec<_> = std::fs::read_dir(dir)
            .map_err(fail)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<_, _>>()
            .map_err(fail)?;
        files.retain(|path| path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml"));
        files.sort();
        if files.is_empty() {
            return Err(Failure::new(Code::NotFound, format!("{} has no records (*.yaml)", dir.display())));
        }
        let stems: Vec<String> = files
            .iter()
            .map(|path| path.file_stem().map_or_else(String::new, |s| s.to_string_lossy().into_owned()))
            .collect();
        // Two files must never become one product, whatever their names map to.
        let names = NameMap::distinct(stems.iter().map(String::as_str));
        let mut records = Self::default();
        let mut progress = app.progress("reading", Some(files.len() as u64));
        for (path, stem) in files.iter().zip(&stems) {
            let bytes = std::fs::read(path).map_err(|error| Failure::io("read", path, &error))?;
            records.add(&path.display().to_string(), stem, &bytes, &names);
            progress.inc();
        }
        progress.finish();
        for warning in &records.warnings {
            app.warn(warning);
        }
        Ok(records)
    }

    fn add(&mut self, file: &str, stem: &str, bytes: &[u8], names: &NameMap) {
        let mut problems = Vec::new();
        let Some((product, organisation, url, deprecated)) = product(stem, bytes, names, &mut problems) else {
            let errors = problems.iter().filter(|problem| problem.severity == Severity::Error);
            self.errors.push(errors.map(|problem| located(file, problem)).collect());
            return;
        };
        self.warnings.extend(problems.iter().map(|problem| located(file, problem)));
        let domain = self.domains.entry(product.descriptor.domain.clone()).or_default();
        domain.spellings.insert(organisation);
        domain.records += 1;
        domain.url = domain.url.take().or(url);
        if let Some(reason) = deprecated {
            self.deprecated.insert(product.descriptor.id(), reason);
        }
        self.products.push((file.to_owned(), product));
    }

    /// Domains whose organisation is spelt in several ways.
    pub(super) fn merged(&self) -> BTreeMap<DomainName, Vec<String>> {
        let several = self.domains.iter().filter(|(_, organisation)| organisation.spellings.len() > 1);
        several
            .map(|(domain, organisation)| (domain.clone(), organisation.spellings.iter().cloned().collect()))
            .collect()
    }

    /// All problems of all records that cannot be used.
    ///
    /// # Errors
    /// [`Code::InvalidFile`].
    pub(super) fn refuse_errors(&self) -> Result<(), Failure> {
        if self.errors.is_empty() {
            return Ok(());
        }
        let message = format!("{} records cannot be read; the others were taken", self.errors.len());
        Err(Failure::new(Code::InvalidFile, message).problems(self.errors.concat()))
    }
}

type Read = (Product, String, Option<String>, Option<String>);

fn product(stem: &str, bytes: &[u8], names: &NameMap, problems: &mut Vec<Problem>) -> Option<Read> {
    let error = |expected: &str, found: String| Problem::error((0, 0), "", expected, found);
    if bytes.len() > limits::PRODUCT_FILE_BYTES {
        problems.push(error("a file of at most 4 MiB", format!("{} bytes", bytes.len())));
        return None;
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        problems.push(error("UTF-8 text", "other bytes".into()));
        return None;
    };
    let file_name = format!("{stem}.yaml");
    let mut salt = random_salt;
    let mut ctx = context(&file_name, None, &mut salt, &|_| None);
    let record = read_record(text.strip_prefix('\u{feff}').unwrap_or(text), &mut ctx, problems)?;
    let mut product = record.product;
    if let Some(name) = names.get(stem) {
        product.descriptor.name = name.clone();
    }
    let names_people = product.descriptor.owner.people.is_some();
    let file = original(bytes, Format::OpenDataRegistry.media_type(), names_people, &mut ctx);
    product.attach(file);
    let flaws = product.descriptor.check();
    for flaw in &flaws {
        problems.push(Problem::error((0, 0), flaw.path.clone(), "what the model takes", flaw.message.clone()));
    }
    flaws.is_empty().then_some((product, record.managed_by, record.manager_url, record.deprecated))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn record(managed_by: &str, more: &str) -> String {
        format!(
            "Name: A\nDescription: B\nDocumentation: https://example.com/d\nContact: https://example.com/c\n\
             ManagedBy: {managed_by:?}\nUpdateFrequency: daily\nTags:\n  - x\nLicense: CC0\nResources:\n  - Description: r\n    \
             ARN: arn:aws:s3:::bucket\n    Region: us-east-1\n    Type: S3 Bucket\n{more}"
        )
    }

    fn read(files: &[(&str, String)]) -> Records {
        let names = NameMap::distinct(files.iter().map(|(stem, _)| *stem));
        let mut records = Records::default();
        for (stem, text) in files {
            records.add(&format!("{stem}.yaml"), stem, text.as_bytes(), &names);
        }
        records
    }

    #[test]
    fn spellings_of_an_organisation_are_one_domain() {
        let records = read(&[
            ("a", record("[NOAA](http://www.noaa.gov/)", "")),
            ("b", record("NOAA", "")),
            ("c", record("Hobu, Inc.", "")),
        ]);
        assert_eq!(records.domains.keys().map(DomainName::as_str).collect::<Vec<_>>(), ["hobu", "noaa"]);
        assert_eq!(records.merged().len(), 1);
        assert!(records.errors.is_empty(), "{:?}", records.errors);
    }

    #[test]
    fn two_files_never_become_one_product_and_broken_ones_are_listed() {
        let records = read(&[
            ("orders.v1", record("NOAA", "")),
            ("orders-v1", record("NOAA", "Deprecated: true\nDeprecatedNotice: gone\n")),
            ("broken", "Name: [".to_owned()),
        ]);
        let ids: BTreeSet<_> = records.products.iter().map(|(_, product)| product.descriptor.id()).collect();
        assert_eq!(ids.len(), 2);
        assert_eq!(records.deprecated.values().collect::<Vec<_>>(), ["gone"]);
        let failure = records.refuse_errors().unwrap_err();
        assert_eq!((failure.exit_code(), failure.problems[0].starts_with("broken.yaml:")), (3, true));
    }
}
