//! `ARCHITECTURE.md` against the workspace: which crate may use which, and the path of a publish.

use crate::support::page;
use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand, Package};

const PAGE: &str = "ARCHITECTURE.md";
/// Rows up to this one have no clock, randomness, files, sockets or threads.
const LAST_PURE_ROW: u8 = 2;
/// What would bring them in.
const IMPURE: [&str; 8] = ["tokio", "tonic", "sled", "rand", "rustix", "libc", "openraft", "tempfile"];
/// Libraries that only these crates may name.
const CONFINED: [(&str, &[&str]); 4] = [
    ("datafusion", &["mesh-quality"]),
    ("sled", &["mesh-store"]),
    ("openraft", &["mesh-raft"]),
    ("tonic", &["mesh-proto", "mesh-raft", "mesh-client", "mesh-node", "mesh-cli"]),
];

/// Crate to row, of the page's table.
fn rows() -> BTreeMap<String, u8> {
    let text = page::read(PAGE);
    let cells = text.lines().filter_map(|line| line.strip_prefix("| ")).map(|line| line.split(" | "));
    let row = |mut cells: std::str::Split<'_, &str>| {
        let row = cells.next()?.parse().ok()?;
        Some((cells.next()?.trim_matches('`').to_owned(), row))
    };
    cells.filter_map(row).filter(|(name, _)| name.starts_with("mesh-")).collect()
}

/// The packages under `crates/`. What lies elsewhere is above all rows, and nothing here uses it.
fn crates() -> Vec<Package> {
    let manifest = page::repository().join("Cargo.toml");
    let metadata = MetadataCommand::new().manifest_path(manifest).no_deps().exec().unwrap();
    let folder = metadata.workspace_root.join("crates");
    metadata.packages.into_iter().filter(|package| package.manifest_path.starts_with(&folder)).collect()
}

/// What a crate is built with; development dependencies don't count.
fn dependencies(package: &Package) -> BTreeSet<&str> {
    let built = package.dependencies.iter().filter(|dependency| dependency.kind != DependencyKind::Development);
    built.map(|dependency| dependency.name.as_str()).collect()
}

#[test]
fn the_table_names_the_crates_that_there_are() {
    let named: BTreeSet<String> = rows().into_keys().collect();
    let there: BTreeSet<String> = crates().iter().map(|package| package.name.to_string()).collect();
    assert_eq!(named, there);
}

#[test]
fn every_edge_goes_from_a_higher_row_to_a_lower_one() {
    let rows = rows();
    let crates = crates();
    let mut edges = 0;
    // A crate without a row is the first test's matter.
    for (package, from) in crates.iter().filter_map(|package| Some((package, rows.get(package.name.as_str())?))) {
        for dependency in dependencies(package) {
            if let Some(to) = rows.get(dependency) {
                edges += 1;
                assert!(from > to, "{} (row {from}) uses {dependency} (row {to})", package.name);
            } else {
                assert!(!dependency.starts_with("chaos-"), "{} uses {dependency}", package.name);
            }
        }
    }
    assert!(edges > crates.len(), "{edges} edges: the metadata was not read");
}

#[test]
fn sled_openraft_and_tonic_stay_where_they_belong() {
    let crates = crates();
    for (library, allowed) in CONFINED {
        // `tonic-types` and `openraft-rt-tokio` are the same matter.
        let is_it =
            |name: &str| name == library || name.strip_prefix(library).is_some_and(|rest| rest.starts_with('-'));
        let users: BTreeSet<&str> = crates
            .iter()
            .filter(|package| dependencies(package).into_iter().any(is_it))
            .map(|package| package.name.as_str())
            .collect();
        let allowed: BTreeSet<&str> = allowed.iter().copied().collect();
        assert!(users.is_subset(&allowed), "{library} is named by {users:?}; expected only {allowed:?}");
        assert!(!users.is_empty(), "nobody names {library}");
    }
}

#[test]
fn pure_crates_have_no_clock_randomness_files_sockets_or_threads() {
    let rows = rows();
    for package in
        crates().iter().filter(|package| rows.get(package.name.as_str()).is_some_and(|row| *row <= LAST_PURE_ROW))
    {
        for dependency in dependencies(package) {
            let impure = IMPURE.iter().any(|name| {
                dependency == *name || dependency.strip_prefix(name).is_some_and(|rest| rest.starts_with('-'))
            });
            assert!(!impure, "{} is pure and uses {dependency}", package.name);
        }
    }
}

#[test]
fn the_path_of_a_publish_leads_to_functions() {
    let text = page::read(PAGE);
    let section = text.split("## The path of a publish").nth(1).unwrap().split("\n## ").next().unwrap();
    let table: Vec<&str> = section.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(table.len() >= 8, "{table:?}");
    let mut found = 0;
    for line in table {
        // `file` `function`: the name stands right after its file.
        let parts: Vec<&str> = line.split('`').collect();
        for (at, file) in parts.iter().enumerate().filter(|(_, part)| part.starts_with("crates/")) {
            let name = parts.get(at + 2).filter(|_| parts[at + 1] == " ").copied();
            let name = name.unwrap_or_else(|| panic!("no function is named after {file}: {line}"));
            let source = page::read(file);
            assert!(
                source.contains(&format!("fn {name}(")) || source.contains(&format!("fn {name}<")),
                "{file} has no fn {name}"
            );
            found += 1;
        }
    }
    assert!(found >= 8, "only {found} functions are named");
    assert!(page::read("crates/mesh-node/src/publish.rs").contains("pub async fn publish("));
}
