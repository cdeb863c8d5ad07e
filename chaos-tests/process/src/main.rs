//! `chaos-process`: real nodes under load and faults, then every promise checked.
//!
//! | module | holds |
//! |---|---|
//! | [`options`] | what a run is told |
//! | [`run`] | one run from founding to report |
//! | [`schedule`] | which faults, and when: a function of the seed |
//! | [`faults`] | does them to the nodes |
//! | [`load`] | clients that publish meanwhile |
//! | [`oracle`] | what was sent and what was said |
//! | [`check`] | whether it holds |
//! | [`report`] | the table at the end |
//! | [`campaign`] | the same in a laboratory, with every kind of fault |
//! | [`scenario`] | what is promised of certain situations, measured |
//! | [`self_test`] | whether the laboratory's instruments work |
//!
//! Exit code: 0 when everything held, 1 when something did not, 2 when the run could not begin, 77 when it was skipped because
//! this machine has no network namespaces for it, 130 when it was interrupted.

mod campaign;
mod check;
mod faults;
mod load;
mod options;
mod oracle;
mod report;
mod run;
mod scenario;
mod schedule;
mod self_test;

use std::process::ExitCode;

use anyhow::Context as _;
use chaos_process::lab::enter;
use clap::Parser as _;
use tokio::signal::unix::{SignalKind, signal};

use crate::options::{InLab, Options};

/// As other test programs say that they were skipped.
const SKIPPED: u8 = 77;

fn main() -> ExitCode {
    let options = Options::parse();
    match start(&options) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn start(options: &Options) -> anyhow::Result<ExitCode> {
    if options.command.is_some() && !enter::is_inside() {
        if let Some(obstacle) = enter::obstacle() {
            println!("skipped: {obstacle}");
            return Ok(ExitCode::from(SKIPPED));
        }
        enter::enter()?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no runtime")?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt()).context("signals cannot be received")?;
        let mut terminate = signal(SignalKind::terminate()).context("signals cannot be received")?;
        let mut hang_up = signal(SignalKind::hangup()).context("signals cannot be received")?;
        // Whoever wins, the run is dropped here, and with it every process that it started; so it is when it panics.
        tokio::select! {
            whole = perform(options) => Ok(if whole? { ExitCode::SUCCESS } else { ExitCode::FAILURE }),
            _ = interrupt.recv() => Ok(interrupted()),
            _ = terminate.recv() => Ok(interrupted()),
            _ = hang_up.recv() => Ok(interrupted()),
        }
    })
}

async fn perform(options: &Options) -> anyhow::Result<bool> {
    match &options.command {
        None => run::run(options).await,
        Some(InLab::Lab(options)) => campaign::run(options).await,
        Some(InLab::CutOff(options)) => scenario::cut_off::run(options).await,
        Some(InLab::Everywhere(options)) => scenario::everywhere::run(options).await,
        Some(InLab::Starts(options)) => scenario::starts::run(options).await,
        Some(InLab::SlowClock(options)) => scenario::slow_clock::run(options).await,
        Some(InLab::SelfTest) => self_test::run(),
    }
}

fn interrupted() -> ExitCode {
    eprintln!("interrupted: the nodes are ended and nothing was checked");
    ExitCode::from(130)
}
