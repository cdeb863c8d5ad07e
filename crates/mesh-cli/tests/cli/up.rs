//! `mesh up` as a newcomer meets it: founded, filled, stopped, taken up again.

use std::time::{Duration, Instant};

use crate::support::machine::{Machine, mode};
use serde_json::Value;

/// Stops the mesh whatever becomes of the test.
struct Up<'a>(&'a Machine);

impl<'a> Up<'a> {
    /// Each test has ports of its own: a mesh that is started again comes back on those that it had.
    fn start(machine: &'a Machine, port: u16, more: &[&str]) -> Self {
        let (api, peer) = (port.to_string(), (port + 500).to_string());
        let ports = ["up", "--detach", "--api-port", &api, "--peer-port", &peer];
        let output = machine.run(&[&ports, more].concat());
        let trace = || std::fs::read_to_string(machine.path(".mesh/up.trace")).unwrap_or_default();
        assert!(output.status.success(), "{output:?}\n{}", trace());
        Self(machine)
    }
}

impl Drop for Up<'_> {
    fn drop(&mut self) {
        let stopped = self.0.run(&["down"]);
        if !std::thread::panicking() {
            assert!(stopped.status.success(), "{stopped:?}");
        }
    }
}

fn json(machine: &Machine, args: &[&str]) -> Value {
    serde_json::from_str(&machine.ok(&[args, &["-o", "json"]].concat())).unwrap()
}

const PROFILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/customer_profile.hcl");

#[test]
fn the_first_minute_works_and_the_next_start_goes_on_where_it_stopped() {
    let machine = Machine::new();
    let up = Up::start(&machine, 21_080, &["--sample"]);
    assert_eq!(machine.read(".mesh/.gitignore"), "*\n");
    for key in ["council-1", "council-2", "council-3", "developer", "customer_experience-root", "node-1/node"] {
        assert_eq!(mode(&machine.path(&format!(".mesh/keys/{key}.pem"))), 0o600, "{key}");
    }
    let status = json(&machine, &["status"]);
    assert_eq!(status["nodes"].as_array().unwrap().len(), 3);
    let domains = json(&machine, &["domain", "list"]);
    assert!(domains["domains"].as_array().unwrap().len() >= 3, "{domains}");
    assert!(machine.ok(&["whoami"]).contains("data-product-owner"));
    machine.ok(&["can", "publish", "customer_experience/customer_profile"]);

    let applied = machine.ok(&["apply", PROFILE]);
    assert!(applied.contains("customer_experience/customer_profile@1.0.0"), "{applied}");
    // What is sealed is searchable a moment later.
    let found = || machine.ok(&["search", "customer email"]).contains("customer_experience/customer_profile");
    let deadline = Instant::now() + Duration::from_secs(20);
    while !found() {
        assert!(Instant::now() < deadline, "the product is sealed and is not found");
    }
    let again = machine.run(&["up"]);
    assert_eq!(again.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&again.stderr).contains("runs already"), "{again:?}");
    let before = json(&machine, &["ledger", "tail", "--from", "0"]);
    drop(up);
    assert_eq!(machine.run(&["status"]).status.code(), Some(6));

    let _up = Up::start(&machine, 21_080, &["--sample"]);
    // The same leaves, and nothing was published a second time.
    assert_eq!(json(&machine, &["ledger", "tail", "--from", "0"]), before);
    assert!(machine.ok(&["show", "customer_experience/customer_profile"]).contains("customer_profile"));
}

#[test]
fn domains_roles_and_delegations_are_decided_by_signatures_collected_in_files() {
    let machine = Machine::new();
    let _up = Up::start(&machine, 23_080, &[]);
    let keys = ".mesh/keys";
    let (one, two) = (format!("{keys}/council-1.pem"), format!("{keys}/council-2.pem"));
    machine.ok(&["key", "new", "--out", "root.pem"]);
    machine.ok(&["key", "new", "--out", "ada.pem"]);
    let admit = ["domain", "admit", "orders", "--title", "Orders", "--root-key", "root.pem", "--delegate", "1"];
    // One of two members is too few, and a key that is no member's is named.
    let few = machine.refused(7, &[&admit[..], &["--council-key", &one]].concat());
    assert!(few.contains("missing: 1 of the 2 signatures of the council"), "{few}");
    let stranger = machine.refused(7, &[&admit[..], &["--council-key", &one, "--council-key", "ada.pem"]].concat());
    assert!(stranger.contains("is no key of the council"), "{stranger}");
    // One member is present: the file collects the other's signature.
    machine.ok(&[&admit[..], &["--council-key", &one, "--out", "admit.meshcmd"]].concat());
    let early = machine.refused(7, &["submit", "admit.meshcmd"]);
    assert!(early.contains("MESH-0022"), "{early}");
    machine.ok(&["sign", "admit.meshcmd", "--key", &two, "--yes"]);
    machine.ok(&["submit", "admit.meshcmd"]);
    assert!(machine.ok(&["domain", "show", "orders"]).contains("Orders"));

    machine.ok(&["role", "grant", "ada.pem", "data-product-owner", "--domain", "orders", "--root-key", "root.pem"]);
    let ada = ["can", "publish", "orders/orders", "--key", "ada.pem"];
    machine.ok(&ada);
    machine.ok(&["new", "orders/orders"]);
    machine.ok(&["apply", "orders", "--key", "ada.pem"]);
    // The feed moves to another node, from where the ledger knows it; publishing goes on there.
    machine.ok(&["domain", "delegate", "orders", "--to", "2", "--root-key", "root.pem"]);
    let domain = json(&machine, &["domain", "show", "orders"]);
    assert_eq!((domain["home_node_id"].as_u64(), domain["epoch"].as_u64()), (Some(2), Some(2)));
    machine.ok(&[
        "role",
        "revoke",
        "ada.pem",
        "--domain",
        "orders",
        "--root-key",
        "root.pem",
        "--reason",
        "left",
        "--yes",
    ]);
    machine.refused(7, &ada);
    assert!(machine.ok(&["role", "list", "--domain", "orders"]).contains("data-product-owner"));
}
