//! A few seeds in the gate; many are the business of `scripts/sim`.

#![allow(clippy::unwrap_used, missing_docs)]

use std::process::{Command, Output};

fn sim(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_chaos-sim")).args(args).env_remove("RUST_LOG").output().unwrap()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn seeds_hold_and_each_gives_the_same_trace_twice() {
    let output = sim(&["--seeds", "0..4", "--twice"]);
    assert!(output.status.success(), "{}", text(&output));
    assert!(text(&output).contains("4 seeds, 4 held"), "{}", text(&output));
}

#[test]
fn scenarios_hold() {
    for scenario in ["--seven-days", "--stale-peer"] {
        let output = sim(&[scenario]);
        assert!(output.status.success(), "{scenario}: {}", text(&output));
    }
}

#[test]
fn the_known_bugs_can_still_be_put_in() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let mut hunks = 0;
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/bugs")).unwrap() {
        let path = entry.unwrap().path();
        let (mut source, mut before) = (String::new(), String::new());
        let mut check = |source: &str, before: &mut String| {
            assert!(
                source.contains(before.as_str()),
                "{}: what is to be changed is not there:\n{before}",
                path.display()
            );
            hunks += usize::from(!before.is_empty());
            before.clear();
        };
        for line in std::fs::read_to_string(&path).unwrap().lines() {
            match line.split_at_checked(1) {
                _ if line.starts_with("--- a/") => {
                    check(&source, &mut before);
                    source = std::fs::read_to_string(format!("{root}/{}", &line[6..])).unwrap();
                }
                _ if line.starts_with("@@") => check(&source, &mut before),
                Some((" " | "-", old)) => before.extend([old, "\n"]),
                None => before.push('\n'),
                _ => {}
            }
        }
        check(&source, &mut before);
    }
    assert!(hunks >= 5, "{hunks}");
}

#[test]
fn what_is_no_range_of_seeds_is_refused_with_what_was_expected() {
    for (seeds, why) in [("5", "expected A..B"), ("5..5", "there is no seed in it"), ("a..5", "'a'")] {
        let output = sim(&["--seeds", seeds]);
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output).contains(why), "{}", text(&output));
    }
}
