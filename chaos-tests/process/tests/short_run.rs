//! A short schedule against the `meshd` of the same profile: the whole way from founding to report.

#![allow(clippy::unwrap_used)]

use std::process::Command;

use chaos_process::testbed::beside_this_program;

#[test]
fn nothing_that_was_acknowledged_is_lost_in_a_few_kills() {
    let Some(meshd) = beside_this_program("meshd") else {
        println!("skipped: no meshd beside this test; `cargo build -p mesh-node` makes one");
        return;
    };
    let run = Command::new(env!("CARGO_BIN_EXE_chaos-process"))
        .args(["--seed", "1", "--time-limit", "60s", "--kills", "6", "--publishes", "100", "--clients", "6", "--meshd"])
        .arg(meshd)
        .output()
        .unwrap();
    println!("{}", String::from_utf8_lossy(&run.stdout));
    assert!(run.status.success(), "{}: {}", run.status, String::from_utf8_lossy(&run.stderr));
}
