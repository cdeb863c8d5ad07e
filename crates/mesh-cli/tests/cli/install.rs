//! Follows `docs/install.md` block by block: a folder per machine, three real `meshd`, one published product.
//!
//! | on the page | here |
//! |---|---|
//! | a machine (`host=alpha`) | a folder that is its home and its root |
//! | `/etc/meshd`, `/var/lib/meshd` | below that folder |
//! | `10.20.0.1:7080` and the other addresses | free loopback ports |
//! | `scp FILE MACHINE:` | a copy into that machine's folder |
//! | `sudo`, `-o meshd -g meshd`, `chown` | nothing: there is one user |
//! | `systemctl start\|stop meshd` (`service=`) | `packaging/meshd.service`: its `ExecStartPre` and `ExecStart`; SIGTERM |
//! | `until=ready`, `until=ok` | asked until it is so, with a deadline |
//! | `root=yes` | not run: users, units, programs |

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::support::page::{self, Block};
use crate::support::{http, shell, until};
use serde_json::Value;

const PAGE: &str = "docs/install.md";
const UNIT: &str = "packaging/meshd.service";
const HOSTS: [&str; 3] = ["alpha", "beta", "gamma"];
const PEOPLE: [&str; 4] = ["ada", "ben", "cleo", "dana"];
/// What stands for the commands that need root or another machine.
const STAND_INS: [(&str, &str); 4] = [
    ("sudo", "if [ \"$1\" = -u ]; then shift 2; fi\nexec \"$@\"\n"),
    (
        "install",
        "for word; do shift; case $word in -o|-g) skip=1 ;; *) if [ -z \"${skip-}\" ]; then set -- \"$@\" \"$word\"; fi; skip= ;; esac; done\nexec /usr/bin/install \"$@\"\n",
    ),
    ("chown", "exit 0\n"),
    ("scp", "exec cp \"$1\" \"$HOME/../${2%%:*}/${2#*:}\"\n"),
];

/// A `meshd`, killed when the test ends before it does.
struct Daemon(Child);

impl Daemon {
    /// SIGTERM; returns whether it ended with exit code 0.
    fn terminate(mut self) -> Result<(), String> {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let status = until("meshd drains", || self.0.try_wait().unwrap().ok_or_else(|| "it still runs".to_owned()));
        if status.success() { Ok(()) } else { Err(status.to_string()) }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// All machines.
struct Lab {
    dir: tempfile::TempDir,
    path: OsString,
    /// Addresses of the page and what stands for them.
    addresses: Vec<(String, String)>,
    running: BTreeMap<String, Daemon>,
}

impl Lab {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let bin = dir.path().join("bin");
        for machine in HOSTS.iter().chain(&PEOPLE) {
            std::fs::create_dir(dir.path().join(machine)).unwrap();
        }
        std::fs::create_dir(&bin).unwrap();
        for (name, script) in STAND_INS {
            std::fs::write(bin.join(name), format!("#!/bin/sh\n{script}")).unwrap();
            std::fs::set_permissions(bin.join(name), std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        std::fs::copy(
            page::repository().join("examples/customer_profile.hcl"),
            dir.path().join("dana/customer_profile.hcl"),
        )
        .unwrap();
        let mut ports = free_ports(2 * HOSTS.len()).into_iter();
        let known = (1..=HOSTS.len()).flat_map(|host| [7080, 7946].map(|port| format!("10.20.0.{host}:{port}")));
        let addresses = known.map(|address| (address, format!("127.0.0.1:{}", ports.next().unwrap()))).collect();
        let path = shell::path_with(&[&bin, &shell::programs()]);
        Self { dir, path, addresses, running: BTreeMap::new() }
    }

    fn home(&self, machine: &str) -> PathBuf {
        self.dir.path().join(machine)
    }

    /// The page's text with this machine's paths and addresses.
    fn substitute(&self, machine: &str, text: &str) -> String {
        let home = self.home(machine);
        let mut text = text.to_owned();
        for (page, here) in &self.addresses {
            text = text.replace(page, here);
        }
        for folder in ["/etc/meshd", "/var/lib/meshd"] {
            text = text.replace(folder, &format!("{}{folder}", home.display()));
        }
        text
    }

    fn run(&self, block: &Block) -> String {
        let machine = block.attribute("host").unwrap();
        let script = self.substitute(machine, &block.text);
        let output = shell::run(&self.home(machine), &self.path, &[], &script);
        let said = shell::describe(&output);
        assert!(output.status.success(), "{PAGE}:{} on {machine}:\n{script}\n{said}", block.line);
        String::from_utf8(output.stdout).unwrap()
    }

    fn run_until_ok(&self, block: &Block) -> String {
        let machine = block.attribute("host").unwrap();
        let script = self.substitute(machine, &block.text);
        until(&script, || {
            let output = shell::run(&self.home(machine), &self.path, &[], &script);
            if output.status.success() {
                Ok(String::from_utf8(output.stdout).unwrap())
            } else {
                Err(shell::describe(&output))
            }
        })
    }

    /// A command line of the unit, with the built program in the place of the installed one.
    fn of_unit(&self, machine: &str, key: &str, environment: &[(&str, &str)]) -> Command {
        let unit = page::read(UNIT);
        let line = unit.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('=')).unwrap();
        let line = self.substitute(machine, line);
        let mut words = line.split(' ');
        assert_eq!(words.next(), Some("/usr/local/bin/meshd"));
        let mut command = Command::new(shell::programs().join("meshd"));
        command.args(words).current_dir("/").env_clear().envs(environment.iter().copied()).stdin(Stdio::null());
        command
    }

    fn start(&mut self, machine: &str) {
        let checked = self.of_unit(machine, "ExecStartPre", &[]).output().unwrap();
        assert!(checked.status.success(), "{machine}: {}", shell::describe(&checked));
        // systemd makes the unit's StateDirectory.
        std::fs::create_dir_all(self.home(machine).join("var/lib/meshd")).unwrap();
        let daemon = self.spawn(machine, &[]);
        assert!(self.running.insert(machine.to_owned(), daemon).is_none(), "{machine} runs already");
    }

    fn spawn(&self, machine: &str, environment: &[(&str, &str)]) -> Daemon {
        let trace =
            std::fs::File::options().create(true).append(true).open(self.home(machine).join("trace.txt")).unwrap();
        let mut command = self.of_unit(machine, "ExecStart", environment);
        Daemon(command.stdout(trace.try_clone().unwrap()).stderr(trace).spawn().unwrap())
    }

    fn stop(&mut self, machine: &str) {
        let stopped = self.running.remove(machine).unwrap().terminate();
        assert_eq!(stopped, Ok(()), "{machine}: {}", self.trace(machine));
    }

    fn trace(&self, machine: &str) -> String {
        std::fs::read_to_string(self.home(machine).join("trace.txt")).unwrap_or_default()
    }

    fn await_ready(&self, block: &Block) {
        let machine = block.attribute("host").unwrap();
        let line = self.substitute(machine, block.text.trim());
        let url = line.strip_prefix("curl -fsS ").unwrap_or_else(|| panic!("{line}"));
        until(&format!("{machine} is ready"), || match http::get(url) {
            Ok((200, _)) => Ok(()),
            Ok((status, body)) => Err(format!("{status} {}\n{}", String::from_utf8_lossy(&body), self.trace(machine))),
            Err(error) => Err(format!("{error}\n{}", self.trace(machine))),
        });
    }

    /// Private keys per machine; each is on one machine only and nobody else may read it.
    fn private_keys(&self) -> BTreeMap<String, usize> {
        let mut seen = BTreeSet::new();
        let mut counts = BTreeMap::new();
        for machine in HOSTS.iter().chain(&PEOPLE) {
            let mut files = Vec::new();
            files_below(&self.home(machine), &mut files);
            for file in files.iter().filter(|file| file.extension().is_some_and(|ending| ending == "pem")) {
                let mode = std::fs::metadata(file).unwrap().permissions().mode() & 0o777;
                assert_eq!(mode, 0o600, "{}", file.display());
                assert!(seen.insert(std::fs::read(file).unwrap()), "{} is somewhere else, too", file.display());
                *counts.entry((*machine).to_owned()).or_default() += 1;
            }
        }
        counts
    }
}

fn files_below(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            files_below(&entry.path(), files);
        } else {
            files.push(entry.path());
        }
    }
}

/// Free ports below those that the system gives to outgoing connections, so that none is taken before its node starts.
fn free_ports(count: usize) -> Vec<u16> {
    let first = 20_000 + u16::try_from(std::process::id() % 1_000).unwrap() * 10;
    let free = (first..).filter(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok());
    free.take(count).collect()
}

fn assert_meshd_is_built() {
    let meshd = shell::programs().join("meshd");
    assert!(meshd.exists(), "{} is not there; build it first: cargo build -p mesh-node", meshd.display());
}

/// The leaf at which a product was sealed, as `mesh show` and `mesh apply` print it.
fn ledger_index(text: &str) -> u64 {
    let after = text.split("ledger index ").nth(1).unwrap_or_else(|| panic!("no ledger index: {text}"));
    after.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap()
}

#[test]
fn following_the_page_founds_a_mesh_on_three_hosts_and_publishes() {
    assert_meshd_is_built();
    let mut lab = Lab::new();
    let text = page::read(PAGE);
    let blocks: Vec<Block> = page::blocks(&text).into_iter().filter(|block| block.language == "sh").collect();
    let (mut sealed_at, mut shown, mut ran) = (None, Vec::new(), 0);
    for block in &blocks {
        let machine = block.attribute("host").unwrap_or_else(|| panic!("{PAGE}:{} names no machine", block.line));
        match (block.attribute("service"), block.attribute("until"), block.attribute("root")) {
            (_, _, Some(_)) => continue,
            (Some("start"), _, _) => {
                assert!(
                    ["sudo systemctl start meshd\n", "sudo systemctl enable --now meshd\n"]
                        .contains(&block.text.as_str())
                );
                lab.start(machine);
            }
            (Some("stop"), _, _) => {
                assert_eq!(block.text, "sudo systemctl stop meshd\n");
                lab.stop(machine);
                if machine == "alpha" {
                    publishing_says_that_the_home_is_away(&lab);
                }
            }
            (_, Some("ready"), _) => lab.await_ready(block),
            (_, Some("ok"), _) => shown.push(lab.run_until_ok(block)),
            (None, None, None) => {
                let said = lab.run(block);
                if block.text.contains("mesh apply ") {
                    sealed_at = Some(ledger_index(&said));
                }
            }
            other => panic!("{PAGE}:{}: {other:?}", block.line),
        }
        ran += 1;
    }
    assert!(ran > 30, "only {ran} blocks were run");

    // Every node showed the product, sealed at the index that `apply` had answered; the fourth reading is a search.
    let [alpha, beta, gamma, found] = shown.as_slice() else { panic!("{shown:?}") };
    for product in [alpha, beta, gamma] {
        assert!(product.contains("customer_experience/customer_profile@1.0.0"), "{product}");
        assert_eq!(Some(ledger_index(product)), sealed_at);
    }
    assert!(found.contains("customer_experience/customer_profile"), "{found}");

    let keys = lab.private_keys();
    let expected = [("ada", 1), ("alpha", 3), ("ben", 1), ("beta", 3), ("cleo", 1), ("dana", 2), ("gamma", 3)];
    assert_eq!(keys, expected.map(|(machine, count)| (machine.to_owned(), count)).into());

    for machine in HOSTS {
        lab.stop(machine);
    }
    the_copy_can_be_read(&lab);
}

/// The page: exit code 6 and *nothing happened* while a domain's home is down.
fn publishing_says_that_the_home_is_away(lab: &Lab) {
    let line = "sed s/demographic/personal/ customer_profile.hcl > changed.hcl; mesh apply changed.hcl --node http://10.20.0.2:7080";
    let script = lab.substitute("dana", line);
    until("beta notices that alpha is away", || {
        let output = shell::run(&lab.home("dana"), &lab.path, &[], &script);
        let said = shell::describe(&output);
        assert_eq!(output.status.code(), Some(6), "{said}");
        if said.contains("the home of this domain") && said.contains("nothing happened") { Ok(()) } else { Err(said) }
    });
}

/// The page: `meshd` on a copy of the data, where no other node is reached, answers reads.
fn the_copy_can_be_read(lab: &Lab) {
    let copy = lab.home("gamma").join("meshd-data-copy");
    let [api, peer] =
        free_ports(2).try_into().map(|ports: [u16; 2]| ports.map(|port| format!("127.0.0.1:{port}"))).unwrap();
    let environment = [
        ("MESHD_NODE__DATA_DIR", copy.to_str().unwrap()),
        ("MESHD_API__LISTEN", api.as_str()),
        ("MESHD_PEER__LISTEN", peer.as_str()),
    ];
    let reader = lab.spawn("gamma", &environment);
    let line = format!("mesh show customer_experience/customer_profile --node http://{api}");
    let shown = until("the copy answers", || {
        let output = shell::run(&lab.home("dana"), &lab.path, &[], &line);
        if output.status.success() { Ok(shell::describe(&output)) } else { Err(shell::describe(&output)) }
    });
    assert!(shown.contains("customer_experience/customer_profile@1.0.0"), "{shown}");
    // Nobody cosigns what the copy shows any more, and it can't know for how long: every answer says of when it is, and that it may be old.
    let output = shell::run(&lab.home("dana"), &lab.path, &[], &format!("{line} -o json"));
    let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
    let freshness = &shown["freshness"];
    assert!(freshness["checkpoint_size"].as_u64().unwrap() > 0 && freshness["cosigned_unix_s"].as_u64().unwrap() > 0);
    assert_eq!((&freshness["age_ms"], &freshness["is_current"]), (&Value::Null, &Value::Bool(false)), "{freshness}");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("it has heard nothing since it started"), "{said}");
    assert_eq!(reader.terminate(), Ok(()));
}

#[test]
fn the_unit_is_hardened_and_systemd_takes_it() {
    let unit = page::read(UNIT);
    for line in [
        "User=meshd",
        "ProtectSystem=strict",
        "ProtectHome=yes",
        "NoNewPrivileges=yes",
        "CapabilityBoundingSet=",
        "StateDirectory=meshd",
        "LimitNOFILE=65536",
        "Restart=on-failure",
        "TimeoutStopSec=45",
        "KillSignal=SIGTERM",
    ] {
        assert!(unit.lines().any(|found| found == line), "{UNIT} lacks {line}");
    }
    // Where systemd is installed it checks the rest; the programs are put to where the unit has them.
    let dir = tempfile::tempdir().unwrap();
    let here = dir.path().join("meshd.service");
    std::fs::write(
        &here,
        unit.replace("/usr/local/bin/meshd", "/bin/true")
            .replace("User=meshd", "User=root")
            .replace("Group=meshd", "Group=root"),
    )
    .unwrap();
    match Command::new("systemd-analyze").arg("verify").arg(&here).output() {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let ours: Vec<&str> = said.lines().filter(|line| line.contains("meshd.service")).collect();
            assert!(ours.is_empty(), "{ours:?}");
        }
        Err(error) => eprintln!("skipped: systemd-analyze: {error}"),
    }
}
