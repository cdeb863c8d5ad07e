//! `docs/ci.md`: its commands and exit codes, on environment variables alone, against a mesh of `mesh up`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::process::Output;

use crate::support::local_mesh::LocalMesh;
use crate::support::{page, shell};

const PAGE: &str = "docs/ci.md";

/// A runner: a folder with no context above it, and the environment of its job.
struct Runner {
    dir: tempfile::TempDir,
    path: OsString,
    environment: BTreeMap<&'static str, String>,
}

impl Runner {
    fn new(mesh: &LocalMesh) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("products")).unwrap();
        std::fs::copy(
            mesh.folder().join("examples/customer_profile.hcl"),
            dir.path().join("products/customer_profile.hcl"),
        )
        .unwrap();
        let status = mesh.json("mesh status");
        let id = status.pointer("/nodes/0/status/mesh_id").unwrap().as_str().unwrap().to_owned();
        let environment = BTreeMap::from([("MESH_NODE", mesh.urls().join(",")), ("MESH_ID", id)]);
        Self { dir, path: shell::path_with(&[&shell::programs()]), environment }
    }

    fn folder(&self) -> &Path {
        self.dir.path()
    }

    /// Runs a script with the runner's variables and more; later ones win.
    fn run(&self, more: &[(&str, &str)], script: &str) -> Output {
        let own = self.environment.iter().map(|(name, value)| (*name, value.as_str()));
        let environment: Vec<(&str, &str)> = own.chain(more.iter().copied()).collect();
        shell::run(self.folder(), &self.path, &environment, script)
    }

    fn ok(&self, more: &[(&str, &str)], script: &str) -> String {
        let output = self.run(more, script);
        assert!(output.status.success(), "{script}\n{}", shell::describe(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Replaces text in the product file.
    fn edit(&self, from: &str, to: &str) {
        let file = self.folder().join("products/customer_profile.hcl");
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(from), "{text}");
        std::fs::write(&file, text.replace(from, to)).unwrap();
    }
}

/// A job of the page's workflow.
#[derive(Debug, Default)]
struct Job {
    /// What its steps run.
    steps: Vec<String>,
    /// Whether it is given the secret key.
    has_key: bool,
}

/// The jobs of the workflow, read as far as this page's form needs: two spaces before a job, `run: …` or `run: |`.
fn jobs(yaml: &str) -> BTreeMap<String, Job> {
    let mut jobs: BTreeMap<String, Job> = BTreeMap::new();
    let mut job = String::new();
    let mut lines = yaml.split("jobs:\n").nth(1).unwrap().lines().peekable();
    while let Some(line) = lines.next() {
        let indent = line.len() - line.trim_start().len();
        let line = line.trim_start();
        if indent == 2 && !line.starts_with('#') {
            line.trim_end_matches(':').clone_into(&mut job);
        }
        let job = jobs.entry(job.clone()).or_default();
        job.has_key |= line == "MESH_KEY: ${{ secrets.MESH_KEY }}";
        let Some(run) = line.strip_prefix("run: ") else { continue };
        if run != "|" {
            job.steps.push(run.to_owned());
            continue;
        }
        let mut script = String::new();
        while let Some(more) = lines.next_if(|next| next.len() - next.trim_start().len() > indent) {
            script.push_str(more);
            script.push('\n');
        }
        job.steps.push(script);
    }
    jobs
}

/// Runs the steps of a job; returns what they printed.
fn run_job(runner: &Runner, job: &Job, key: &str) -> String {
    let secret = [("MESH_KEY", key)];
    let environment = if job.has_key { &secret[..] } else { &[] };
    job.steps.iter().map(|step| runner.ok(environment, step)).collect()
}

#[test]
fn pull_requests_plan_without_a_key_main_publishes_and_exit_codes_are_those_of_the_page() {
    let text = page::read(PAGE);
    let blocks = page::blocks(&text);
    let setup = blocks.iter().find(|block| block.attribute("job") == Some("setup")).unwrap();
    let workflow = blocks.iter().find(|block| block.language == "yaml").unwrap();
    for variable in ["  MESH_NODE: ${{ vars.MESH_NODE }}", "  MESH_ID: ${{ vars.MESH_ID }}"] {
        assert!(workflow.text.lines().any(|line| line == variable), "{variable}");
    }
    let jobs = jobs(&workflow.text);
    let (plan, publish) = (&jobs["plan"], &jobs["publish"]);
    assert_eq!((plan.steps.len(), plan.has_key, publish.steps.len(), publish.has_key), (2, false, 1, true));

    let mesh = LocalMesh::with_sample();
    let runner = Runner::new(&mesh);
    let root = "customer_experience-root";
    std::fs::copy(mesh.key(root), runner.folder().join(format!("{root}.pem"))).unwrap();

    // Before the role: 7. Without a key: 2.
    runner.ok(&[], "mesh key new --out nobody.pem");
    let exit = |more: &[(&str, &str)], script: &str, expected: i32| {
        let output = runner.run(more, script);
        let said = shell::describe(&output);
        assert_eq!(output.status.code(), Some(expected), "{script}\n{said}");
        assert!(text.contains(&format!("\n| {expected} | ")), "{PAGE} does not explain exit code {expected}");
        said
    };
    exit(&[("MESH_KEY_FILE", "nobody.pem")], "mesh apply products", 7);
    exit(&[], "mesh apply products", 2);

    runner.ok(&[], &setup.text);
    let key = std::fs::read_to_string(runner.folder().join("ci.pem")).unwrap();
    std::fs::remove_file(runner.folder().join("ci.pem")).unwrap();
    let with_key = [("MESH_KEY", key.as_str())];

    let planned = run_job(&runner, plan, &key);
    assert!(planned.contains("create customer_experience/customer_profile@1.0.0"), "{planned}");
    assert!(planned.contains("merging this publishes"), "{planned}");
    exit(&[], "mesh plan products --exit-code", 10);
    let published = run_job(&runner, publish, &key);
    assert!(published.contains("created customer_experience/customer_profile@1.0.0: ledger index "), "{published}");
    let again = run_job(&runner, publish, &key);
    assert!(again.contains("unchanged customer_experience/customer_profile@1.0.0"), "{again}");
    let planned = run_job(&runner, plan, &key);
    assert!(planned.contains("nothing would change"), "{planned}");
    exit(&[], "mesh plan products --exit-code", 0);

    // It may publish, and not retire.
    exit(&with_key, "mesh retire customer_experience/customer_profile --yes", 7);
    let wrong_id = "0".repeat(64);
    exit(&[("MESH_ID", &wrong_id)], "mesh plan products", 8);
    let unreachable = exit(&[("MESH_NODE", "http://127.0.0.1:1")], "mesh plan products", 6);
    assert!(unreachable.contains("nothing happened"), "{unreachable}");

    // A plan that was overtaken is refused.
    runner.edit("demographic", "personal");
    runner.ok(&[], "mesh plan products --out plan.json");
    runner.edit("personal", "private");
    runner.ok(&with_key, "mesh apply products");
    exit(&with_key, "mesh apply --plan plan.json", 5);

    // One bad file, and nothing of the folder is published.
    runner.edit("private", "personal");
    std::fs::write(runner.folder().join("products/bad.hcl"), "resource \"data_product\" \"bad\" {\n  version = 3\n}\n")
        .unwrap();
    exit(&with_key, "mesh apply products", 3);
    std::fs::remove_file(runner.folder().join("products/bad.hcl")).unwrap();
    exit(&[], "mesh plan products --exit-code", 10);
}
