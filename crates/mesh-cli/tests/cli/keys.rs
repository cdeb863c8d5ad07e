//! `docs/keys.md`: every command of the page as written, on a mesh of `mesh up --sample`, and what the page claims of it;
//! and what is refused on the way.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, ExitStatus, Output, Stdio};

use crate::support::local_mesh::LocalMesh;
use crate::support::{page, shell};
use serde_json::{Value, json};

const PAGE: &str = "docs/keys.md";

/// The page's steps on one mesh, in the page's order.
struct Walk {
    mesh: LocalMesh,
    steps: std::vec::IntoIter<page::Block>,
}

impl Walk {
    fn new() -> Self {
        let blocks = page::blocks(&page::read(PAGE)).into_iter();
        let steps: Vec<_> = blocks.filter(|block| block.language == "console").collect();
        Self { mesh: LocalMesh::with_sample(), steps: steps.into_iter() }
    }

    /// Runs the next step, which has to be this one; returns stdout.
    fn step(&mut self, name: &str) -> String {
        let block = self.steps.next().unwrap_or_else(|| panic!("{PAGE} ends before {name}"));
        assert_eq!(block.attribute("step"), Some(name), "{PAGE}, line {}", block.line);
        self.mesh.ok(&block.text)
    }

    /// Runs what has to be refused with this exit code; returns stderr.
    fn refused(&self, exit: i32, line: &str) -> String {
        let output = self.run(line);
        assert_eq!(output.status.code(), Some(exit), "{line}\n{}", shell::describe(&output));
        String::from_utf8(output.stderr).unwrap()
    }

    fn run(&self, line: &str) -> Output {
        let path = shell::path_with(&[&shell::programs()]);
        shell::run(self.mesh.folder(), &path, &[], line)
    }

    /// The public key in a private key file that no passphrase protects.
    fn public(&self, file: &str) -> String {
        self.mesh.ok(&format!("mesh key show {file} -o name")).trim().to_owned()
    }

    /// What a key holds, as `kind` and `domain`.
    fn rights(&self, key: &str) -> BTreeSet<(String, Option<String>)> {
        let members = self.mesh.json("mesh member list");
        let members = members["members"].as_array().unwrap();
        let of_key = members.iter().filter(|member| member["key"] == key);
        let text = |value: &Value| value.as_str().map(str::to_owned);
        of_key
            .flat_map(|member| member["rights"].as_array().unwrap())
            .map(|right| (text(&right["kind"]).unwrap(), text(&right["domain"])))
            .collect()
    }

    fn root_of(&self, domain: &str) -> (BTreeSet<String>, u64) {
        let shown = self.mesh.json(&format!("mesh domain show {domain}"));
        let keys = shown["root_keys"].as_array().unwrap().iter().map(|key| key.as_str().unwrap().to_owned());
        (keys.collect(), shown["root_threshold"].as_u64().unwrap())
    }
}

fn right(right: &str, domain: &str) -> (String, Option<String>) {
    (right.to_owned(), Some(domain.to_owned()))
}

#[test]
fn every_step_of_the_page_works_and_does_what_the_page_says() {
    assert_eq!(page::broken_links(PAGE), Vec::<String>::new());
    let mut walk = Walk::new();
    let council = "--council-key .mesh/keys/council-1.pem --council-key .mesh/keys/council-2.pem";

    let listed = walk.step("list");
    for told in ["council seat member-1", "root of sales", "data-product-owner in sales"] {
        assert!(listed.contains(told), "{told} in {listed}");
    }
    walk.refused(4, "mesh member list --domain nowhere");

    walk.step("request");
    let ada = walk.public("ada.pem");
    assert_eq!(walk.rights(&ada), [right("data-product-owner", "sales")].into());
    // The request alone grants nothing, and a request of an older roster is stale.
    walk.mesh.ok("mesh key new --out eve.pem");
    walk.mesh.ok("mesh member request --role domain-data-engineer --domain sales --key eve.pem");
    assert!(walk.refused(7, "mesh submit request.meshcmd").contains("MESH-0022"));
    walk.mesh.ok("mesh sign request.meshcmd --key .mesh/keys/finance-root.pem --yes");
    assert!(walk.refused(7, "mesh submit request.meshcmd").contains("MESH-0022"));
    walk.mesh.ok("mesh member request --role domain-data-engineer --domain sales --key eve.pem --out stale.meshcmd");
    walk.mesh.ok("mesh sign stale.meshcmd --key .mesh/keys/sales-root.pem --yes");

    // Too few signatures: of the old root, of the new one; and a stranger's.
    let old = walk.public(".mesh/keys/sales-root.pem");
    walk.mesh.ok("mesh key new --out other.pem");
    let without = walk.refused(7, "mesh domain rotate-root sales --key other.pem --new-key other.pem");
    assert!(without.contains("missing: 1 of the 1 signatures of the root of sales in force"), "{without}");
    let public = format!("--new-key {}", walk.public("other.pem"));
    let silent =
        walk.refused(7, &format!("mesh domain rotate-root sales --root-key .mesh/keys/sales-root.pem {public}"));
    assert!(silent.contains("missing: 1 of the 1 signatures of the new root of sales"), "{silent}");
    let stranger = walk.refused(7, "mesh domain rotate-root sales --root-key eve.pem --new-key other.pem");
    assert!(stranger.contains("is no key of the root of sales"), "{stranger}");
    walk.refused(2, "mesh domain rotate-root sales --new-key other.pem --root-threshold 2");

    walk.step("rotate");
    let (a, b) = (walk.public("root-a.pem"), walk.public("root-b.pem"));
    assert_eq!(walk.root_of("sales"), ([a.clone(), b].into(), 1));
    assert_eq!(walk.rights(&old), BTreeSet::new());
    assert!(walk.refused(5, "mesh submit stale.meshcmd").contains("MESH-0024"));
    let shown = walk.step("rotate-by-file");
    let c = walk.public("root-c.pem");
    assert!(shown.contains(&c) && !shown.contains(&a), "{shown}");

    let before = walk.root_of("finance");
    walk.step("replace");
    // In force only after 72 hours.
    assert_eq!(walk.root_of("finance"), before);
    walk.refused(7, "mesh domain veto-root finance --root-key rescue.pem --reason no");
    walk.step("veto");
    let again = "mesh domain veto-root finance --root-key .mesh/keys/finance-root.pem --reason again";
    assert!(walk.refused(4, again).contains("MESH-0049"));
    let never = "mesh domain veto-root sales --root-key root-c.pem --reason never";
    assert!(walk.refused(4, never).contains("no replacement of the root of sales"));

    let lost = walk.public(".mesh/keys/council-3.pem");
    assert_eq!(walk.rights(&lost).len(), 1);
    let shown = walk.step("amend");
    assert!(shown.contains(&walk.public("council-3-new.pem")), "{shown}");
    assert_eq!(walk.rights(&lost), BTreeSet::new());

    // Nobody to ask and no --yes; a stranger to the domain; its last owner; a root key.
    let out = format!("mesh member offboard {ada} --domain sales --root-key root-c.pem --reason left");
    let asked = walk.refused(2, &out);
    assert!(asked.contains("ends            data-product-owner in sales"), "{asked}");
    walk.refused(7, &format!("mesh member offboard {ada} --domain sales --root-key eve.pem --reason left --yes"));
    let nobody = walk.public("eve.pem");
    assert!(
        walk.refused(7, &format!("mesh member offboard {nobody} --reason left {council} --yes")).contains("MESH-0005")
    );
    let root = walk.refused(5, &format!("mesh member offboard {c} --reason left {council} --yes"));
    assert!(root.contains("mesh domain rotate-root sales"), "{root}");
    walk.step("offboard-domain");
    assert_eq!(walk.rights(&ada), BTreeSet::new());
    walk.refused(7, "mesh can publish sales/orders --key ada.pem");
    let developer = walk.public(".mesh/keys/developer.pem");
    let last = walk.refused(3, &format!("mesh member offboard {developer} --reason left {council} --yes"));
    for told in ["sales would have no data-product-owner left: sales/", "finance would have", "role grant"] {
        assert!(last.contains(told), "{told} in {last}");
    }
    assert!(walk.rights(&developer).contains(&right("data-product-owner", "sales")));

    walk.step("offboard");
    assert_eq!(walk.rights(&walk.public("ben.pem")), BTreeSet::new());
    // A seat goes while enough are left; its own signature doesn't count.
    let seat = walk.public(".mesh/keys/council-2.pem");
    let own = walk.refused(7, &format!("mesh member offboard {seat} --reason left {council} --yes"));
    assert!(own.contains("is no key of the council"), "{own}");

    walk.step("recovery");
    let open = walk.step("recover");
    assert!(open.contains("AmendCouncil"), "{open}");
    let early = "mesh proposal approve \"$(mesh proposal list --open -o name)\" --council-key recovery.pem --yes";
    assert!(walk.refused(6, early).contains("MESH-0039"));
    walk.step("reject");
    assert_eq!(walk.mesh.ok("mesh proposal list --open -o name"), "");

    walk.step("encrypt");
    let safe = std::fs::read_to_string(walk.mesh.folder().join("safe.pem")).unwrap();
    assert!(safe.starts_with("-----BEGIN AGE ENCRYPTED FILE-----"), "{safe}");
    assert!(walk.steps.next().is_none(), "a step that nothing was said about");
}

#[test]
fn encrypted_keys_need_their_passphrase_and_stay_for_their_owner_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = shell::path_with(&[&shell::programs()]);
    let run = |passphrase: &str, line: &str| {
        // In a session of its own: whoever runs this test has a terminal, and nobody is to be asked there.
        shell::run(dir.path(), &path, &[("MESH_KEY_PASSPHRASE", passphrase)], &format!("exec setsid -w {line}"))
    };
    let ok = |passphrase: &str, line: &str| {
        let output = run(passphrase, line);
        assert!(output.status.success(), "{line}\n{}", shell::describe(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    let refused = |passphrase: &str, line: &str| {
        let output = run(passphrase, line);
        assert_eq!(output.status.code(), Some(2), "{line}\n{}", shell::describe(&output));
        String::from_utf8(output.stderr).unwrap()
    };
    let public = ok("", "mesh key new --out a.pem -o name");
    let plain = std::fs::read_to_string(dir.path().join("a.pem")).unwrap();
    // Without a passphrase nothing is written.
    assert!(refused("", "mesh key encrypt a.pem").contains("MESH_KEY_PASSPHRASE"));
    assert!(refused("", "mesh key new --encrypt --out b.pem").contains("no terminal"));
    assert!(!dir.path().join("b.pem").exists());

    ok("open sesame", "mesh key encrypt a.pem");
    let file = dir.path().join("a.pem");
    let sealed = std::fs::read_to_string(&file).unwrap();
    assert!(sealed.starts_with("-----BEGIN AGE ENCRYPTED FILE-----") && !sealed.contains("PRIVATE KEY"), "{sealed}");
    assert_eq!(mode(&file), 0o600);
    assert_eq!(ok("open sesame", "mesh key show a.pem -o name"), public);
    let shown: Value = serde_json::from_str(&ok("open sesame", "mesh key show a.pem -o json")).unwrap();
    assert_eq!(shown["encrypted"], json!(true));
    assert!(refused("open barley", "mesh key show a.pem").contains("the passphrase is wrong"));
    let nobody = refused("", "mesh key show a.pem");
    assert!(nobody.contains("there is no terminal") && nobody.contains("MESH_KEY_PASSPHRASE"), "{nobody}");
    refused("open barley", "mesh key decrypt a.pem");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), sealed);
    set_mode(&file, 0o640);
    assert!(refused("open sesame", "mesh key show a.pem").contains("0600"));
    set_mode(&file, 0o600);
    // A damaged file is no key, and no wrong passphrase either.
    std::fs::write(&file, sealed.replace("-----END AGE ENCRYPTED FILE-----", "")).unwrap();
    assert!(refused("open sesame", "mesh key show a.pem").contains("damaged"));
    std::fs::write(&file, &sealed).unwrap();

    ok("open sesame", "mesh key decrypt a.pem");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), plain);
    // The list asks for nothing.
    ok("open sesame", "mesh key new ada --encrypt");
    let listed: Value = serde_json::from_str(&ok("", "mesh key list -o json")).unwrap();
    assert_eq!(listed["keys"][0]["encrypted"], json!(true));
    assert_eq!(listed["keys"][0]["public_key"], Value::Null);
}

#[test]
fn a_passphrase_is_asked_for_on_the_terminal_and_not_shown_there() {
    let dir = tempfile::tempdir().unwrap();
    let path = shell::path_with(&[&shell::programs()]);
    let passphrase = [("MESH_KEY_PASSPHRASE", "open sesame")];
    let public = shell::ok(dir.path(), &path, &passphrase, "mesh key new --encrypt --out a.pem -o name");

    let (status, screen) = on_a_terminal(dir.path(), &path, "mesh key show a.pem", &["open sesame\r"]);
    assert!(status.success() && screen.contains(public.trim()) && !screen.contains("sesame"), "{screen}");
    let (status, screen) = on_a_terminal(dir.path(), &path, "mesh key show a.pem", &["open barley\r"]);
    assert!(status.code() == Some(2) && screen.contains("the passphrase is wrong"), "{screen}");
    // Ctrl-C ends it, and echo is on again.
    let (status, screen) = on_a_terminal(dir.path(), &path, "mesh key show a.pem; echo $?; stty -a", &["open\x03"]);
    assert!(status.success() && screen.contains("130\r\n"), "{screen}");
    assert!([" echo ", " icanon ", "\nisig "].iter().all(|mode| screen.contains(mode)), "{screen}");
    // A new one is typed twice.
    let new = "mesh key new --encrypt --out b.pem";
    let (status, screen) = on_a_terminal(dir.path(), &path, new, &["open\r", "close\r"]);
    assert!(status.code() == Some(2) && screen.contains("the two passphrases differ"), "{screen}");
    assert!(!dir.path().join("b.pem").exists());
    let (status, screen) = on_a_terminal(dir.path(), &path, new, &["open\r", "open\r"]);
    assert!(status.success() && screen.contains("ed25519:"), "{screen}");
}

/// Runs a command line on a terminal of its own and types an answer after each question, which ends in a colon; returns
/// what stood on the screen.
fn on_a_terminal(home: &Path, path: &OsString, line: &str, answers: &[&str]) -> (ExitStatus, String) {
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--command", line, "/dev/null"]).current_dir(home).env_clear();
    command.env("HOME", home).env("PATH", path).env("SHELL", "/bin/sh");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut keyboard, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut screen = Vec::new();
    let mut answers = answers.iter();
    let mut byte = [0];
    while output.read(&mut byte).unwrap() > 0 {
        screen.push(byte[0]);
        if screen.ends_with(b": ")
            && let Some(answer) = answers.next()
        {
            keyboard.write_all(answer.as_bytes()).unwrap();
        }
    }
    (child.wait().unwrap(), String::from_utf8_lossy(&screen).into_owned())
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}
