//! Every history of several versions in Snowplow's public registry of schemas, step by step. Its versions are MODEL-REVISION-ADDITION
//! (SchemaVer): a revision may break readers of some old data, an addition none.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use mesh_formats::schema::compare_schemas;

/// All versions of one schema, the oldest first.
type History = Vec<([u32; 3], String)>;

fn histories() -> BTreeMap<PathBuf, History> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/iglu-central/schemas");
    let (mut folders, mut found) = (vec![root], BTreeMap::<PathBuf, History>::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let numbers: Vec<u32> =
                path.file_name().unwrap().to_str().unwrap().split('-').map(|part| part.parse().unwrap()).collect();
            let version = <[u32; 3]>::try_from(numbers).unwrap();
            found.entry(folder.clone()).or_default().push((version, fs::read_to_string(&path).unwrap()));
        }
    }
    for history in found.values_mut() {
        history.sort();
    }
    found.retain(|_, history| history.len() > 1);
    found
}

/// The table of `docs/contracts.md`: each kind of step by what the comparison says.
fn table() -> String {
    let mut counted: BTreeMap<(usize, &str), [u32; 4]> = BTreeMap::new();
    for history in histories().into_values() {
        for steps in history.windows(2) {
            let [(old, before), (new, after)] = steps else { unreachable!("windows of two") };
            let kind = (0..3).find(|place| old[*place] != new[*place]).unwrap();
            let changes = compare_schemas(before, after).unwrap();
            let backward = changes.iter().any(|change| change.breaks_backward);
            let forward = changes.iter().any(|change| change.breaks_forward);
            let column = match (backward, forward) {
                (false, false) => 0,
                (false, true) => 1,
                (true, false) => 2,
                (true, true) => 3,
            };
            counted.entry((kind, ["model", "revision", "addition"][kind])).or_default()[column] += 1;
        }
    }
    let mut text = "| step | full | backward only | forward only | neither |\n|---|---|---|---|---|\n".to_owned();
    for ((_, name), [full, backward, forward, neither]) in counted {
        writeln!(text, "| {name} | {full} | {backward} | {forward} | {neither} |").unwrap();
    }
    text
}

#[test]
fn the_verdicts_on_all_histories_are_those_of_the_documentation() {
    assert_eq!(histories().len(), 64);
    let docs = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/contracts.md")).unwrap();
    let table = table();
    assert!(docs.contains(&table), "docs/contracts.md should have\n{table}");
}
