//! Limits of a run.

use std::time::Duration;

use mesh_quality::{Input, Limits, Progress, QualityError, Verdict, run};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::support::{Files, NOW, limits, line, outcome_within, rule, table, why};

/// A million times a million rows, of which no more than a thousand are kept at a time.
const FOR_EVER: &str = "(SELECT COUNT(*) FROM t a CROSS JOIN \
    (SELECT b.id AS x FROM t b CROSS JOIN (SELECT c.id AS y FROM t c CROSS JOIN t d) e) f \
    WHERE a.id || f.x = 'never') = 0";

fn thousand(files: &Files) -> mesh_quality::Table {
    let rows: String = (0..1_000).map(|id| format!("{id}\n")).collect::<Vec<_>>().concat();
    table("t", &files.write("t.csv", format!("id\n{rows}")))
}

/// What runs for ever may hog its thread: there are others, and nobody waits for it in the end.
fn beside_what_hogs_its_thread(claim: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(8).enable_all().build().unwrap();
    runtime.block_on(claim);
    runtime.shutdown_background();
}

#[test]
fn a_rule_that_runs_for_ever_ends_with_an_error_that_says_how_long_was_allowed() {
    beside_what_hogs_its_thread(ends_with_an_error());
}

async fn ends_with_an_error() {
    let files = Files::new();
    let limits = Limits { query_time: Duration::from_secs(3), ..limits() };
    let rules = vec![rule("for ever", FOR_EVER), rule("short", "id >= 0")];
    let found = outcome_within(&limits, vec![thousand(&files)], rules, vec![]).await.unwrap();
    let sentence = why(&found, "for ever", Verdict::Error);
    assert_eq!(sentence, "it did not end within the 3 seconds that were allowed");
    assert_eq!(line(&found, "short"), "Passed 0/1000 of t");
}

#[test]
fn a_run_that_is_cancelled_ends() {
    beside_what_hogs_its_thread(cancelled());
}

async fn cancelled() {
    let files = Files::new();
    let input = Input::new(vec![thousand(&files)], vec![rule("for ever", FOR_EVER)], vec![]).unwrap();
    let (progress, mut seen) = watch::channel(Progress::default());
    let cancel = CancellationToken::new();
    let canceller = cancel.clone();
    // As soon as the query that does not end is running.
    let watcher = tokio::spawn(async move {
        seen.wait_for(|progress| progress.step == "for ever").await.map(|_| ()).unwrap();
        canceller.cancel();
    });
    let ended = run(&input, &limits(), NOW, &cancel, &progress).await;
    assert_eq!(ended.unwrap_err(), QualityError::Cancelled);
    watcher.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_says_what_is_done_and_of_how_many_rows() {
    let files = Files::new();
    let input = Input::new(vec![thousand(&files)], vec![rule("short", "id >= 0")], vec![]).unwrap();
    let (progress, seen) = watch::channel(Progress::default());
    run(&input, &limits(), NOW, &CancellationToken::new(), &progress).await.unwrap();
    let last = seen.borrow().clone();
    assert_eq!((last.step.as_str(), last.of), ("t: rules", Some(1_000)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_to_spill_to_that_is_none_is_told() {
    let files = Files::new();
    let spill_to = Some(files.write("file", "x").join("below"));
    let limits = Limits { spill_to, ..limits() };
    let error = outcome_within(&limits, vec![thousand(&files)], vec![], vec![]).await.unwrap_err();
    assert!(matches!(error, QualityError::Engine(_)), "{error:?}");
}
