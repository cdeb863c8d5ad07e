//! The laboratory on this machine: its instruments, and a short schedule with the programs of the same profile.

#![allow(clippy::unwrap_used)]

use std::process::{Command, Output};

use chaos_process::testbed::beside_this_program;

/// Exit code of a run that this machine has no namespaces for.
const SKIPPED: i32 = 77;

/// Runs it; `None` where it cannot run.
fn chaos(arguments: &[&str]) -> Option<Output> {
    let run = Command::new(env!("CARGO_BIN_EXE_chaos-process")).args(arguments).output().unwrap();
    println!("{}", String::from_utf8_lossy(&run.stdout));
    (run.status.code() != Some(SKIPPED)).then_some(run)
}

fn assert_held(run: &Output) {
    assert!(run.status.success(), "{}: {}", run.status, String::from_utf8_lossy(&run.stderr));
}

#[test]
fn what_is_not_synced_is_lost_clocks_are_wrong_disks_fill_and_packets_are_dropped() {
    if let Some(run) = chaos(&["self-test"]) {
        assert_held(&run);
    }
}

#[test]
fn nothing_that_was_promised_is_broken_in_a_short_schedule() {
    let (Some(_), Some(_)) = (beside_this_program("meshd"), beside_this_program("mesh")) else {
        println!("skipped: no meshd and mesh beside this test; `cargo build -p mesh-node -p mesh-cli` makes them");
        return;
    };
    // A power cut, an unplanned move, and a disk that is lost for good, on three voters and an observer.
    let kinds = ["powercut", "takeover", "recover"];
    let mut arguments =
        vec!["lab", "--seed", "3", "--voters", "3", "--observers", "1", "--steps", "3", "--faults", "3"];
    arguments.extend(["--operations", "200", "--clients", "4", "--time-limit", "150s"]);
    arguments.extend(kinds.iter().flat_map(|kind| ["--only", kind]));
    if let Some(run) = chaos(&arguments) {
        assert_held(&run);
    }
}

#[test]
fn nodes_started_together_see_each_other() {
    if beside_this_program("meshd").is_none() {
        println!("skipped: no meshd beside this test; `cargo build -p mesh-node` makes it");
        return;
    }
    // The other tests of this program run beside it.
    if let Some(run) = chaos(&["starts", "--starts", "3", "--within", "60s"]) {
        assert_held(&run);
    }
}
