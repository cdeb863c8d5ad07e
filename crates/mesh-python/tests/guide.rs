//! The package in a virtual environment, as its users have it: the guide's script runs unchanged.
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const CRATE: &str = env!("CARGO_MANIFEST_DIR");

fn beside(path: &str) -> PathBuf {
    Path::new(CRATE).join("../..").join(path)
}

fn ok(command: &mut Command) -> String {
    let output: Output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command:?}\n{}\n{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// A virtual environment with the package from this checkout; none where Python can't make one, and that is said.
fn environment(folder: &Path) -> Option<PathBuf> {
    let made = Command::new("python3").args(["-m", "venv"]).arg(folder).output();
    if !made.as_ref().is_ok_and(|made| made.status.success()) {
        eprintln!("skipped: python3 -m venv does not work here: {made:?}");
        return None;
    }
    let python = folder.join("bin/python");
    // The build of the tests' own profile: what is tested is the package, not the optimiser.
    let mut install = Command::new(&python);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "."]).current_dir(CRATE);
    ok(install.env("MATURIN_PEP517_ARGS", "--profile dev"));
    Some(python)
}

fn run(python: &Path, script: &str, arguments: &[&Path]) -> String {
    ok(Command::new(python).args(["-c", script]).args(arguments))
}

#[test]
fn the_guides_script_runs_unchanged_and_says_what_the_ledger_says() {
    let folder = tempfile::tempdir().unwrap();
    let Some(python) = environment(&folder.path().join("venv")) else { return };
    let product = beside("examples/customer_profile.hcl");

    let version = run(&python, "import datamesh; print(datamesh.__version__)", &[]);
    assert_eq!(version.trim(), env!("CARGO_PKG_VERSION"));

    // The guide's file, byte for byte, in an interpreter where `data_product` is a loaded file.
    let guide = beside("../shared/seed/governance_policy.py");
    let as_it_stands = "import runpy, sys\n\
        from datamesh.governance import DataProduct\n\
        runpy.run_path(sys.argv[1], init_globals={'data_product': DataProduct.load(sys.argv[2])})";
    if guide.is_file() {
        let said = run(&python, as_it_stands, &[&guide, &product]);
        assert!(said.starts_with("Policy violations found: ") && said.matches("rule-").count() == 4, "{said}");

        let governed = beside("examples/customer_profile_governed.hcl");
        assert_eq!(run(&python, as_it_stands, &[&guide, &governed]), "");
    } else {
        eprintln!("skipped: {} is not there", guide.display());
    }

    // The same verdict as the evaluator of the ledger, to the letter.
    let standard = beside("config/standards/pii-handling.yaml");
    let script = "import json, sys\n\
        from datamesh.governance import DataProduct, Standard, enforce\n\
        result = enforce(Standard.load(sys.argv[1]), DataProduct.load(sys.argv[2]))\n\
        print(json.dumps([[v.rule, v.path, v.found] for v in result.violations]))";
    let found: Vec<[String; 3]> = serde_json::from_str(&run(&python, script, &[&standard, &product])).unwrap();
    assert_eq!(found, by_the_ledger(&standard, &product));

    // Bad input is an exception that says everything.
    let script = "from datamesh.governance import DataProduct, Policy, PolicyError, enforce\n\
        try:\n    enforce(Policy('p', rules=['retention ==', 'nonsense == 1']), DataProduct.from_document({}))\n\
        except PolicyError as error:\n    print(len(error.problems))";
    assert_eq!(run(&python, script, &[]).trim(), "2");
    let script = "import sys\n\
        from datamesh.governance import DataProduct, ProductError\n\
        try:\n    DataProduct.load(sys.argv[1])\n\
        except ProductError as error:\n    print(error.problems[0])";
    let broken = folder.path().join("broken.hcl");
    std::fs::write(&broken, "data_product \"x\" {").unwrap();
    assert!(run(&python, script, &[&broken]).contains("broken.hcl:1"), "the line is named");
}

/// What the crates say without Python between.
fn by_the_ledger(standard: &Path, product: &Path) -> Vec<[String; 3]> {
    let text = std::fs::read_to_string(standard).unwrap();
    let standard = mesh_formats::parse_standard(&text).unwrap().standard;
    let compiled = mesh_policy::CompiledStandard::compile(&standard).unwrap();
    let mut salt = || [0; 16];
    let mut context = mesh_formats::Context {
        domain: None,
        salt: &mut salt,
        encoded_len: &mesh_event::encoded_len,
        file_name: "customer_profile.hcl",
        load: &|_| None,
    };
    let parsed = mesh_formats::parse(&std::fs::read(product).unwrap(), &mut context).unwrap();
    let document = mesh_policy::Document::of(&parsed.products[0].descriptor);
    let violations = compiled.evaluate(&document).violations.into_iter();
    violations.map(|violation| [violation.rule.to_string(), violation.path, violation.found]).collect()
}
