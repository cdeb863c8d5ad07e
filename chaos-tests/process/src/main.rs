//! `chaos-process`: three real nodes under load and kill -9, then every promise checked.
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
//!
//! Exit code: 0 when everything held, 1 when something did not, 2 when the run could not begin, 130 when it was interrupted.

mod check;
mod faults;
mod load;
mod options;
mod oracle;
mod report;
mod run;
mod schedule;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use tokio::signal::unix::{SignalKind, signal};

use crate::options::Options;

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
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no runtime")?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt()).context("signals cannot be received")?;
        let mut terminate = signal(SignalKind::terminate()).context("signals cannot be received")?;
        let mut hang_up = signal(SignalKind::hangup()).context("signals cannot be received")?;
        // Whoever wins, the run is dropped here, and with it every process that it started; so it is when it panics.
        tokio::select! {
            whole = run::run(options) => Ok(if whole? { ExitCode::SUCCESS } else { ExitCode::FAILURE }),
            _ = interrupt.recv() => Ok(interrupted()),
            _ = terminate.recv() => Ok(interrupted()),
            _ = hang_up.recv() => Ok(interrupted()),
        }
    })
}

fn interrupted() -> ExitCode {
    eprintln!("interrupted: the nodes are ended and nothing was checked");
    ExitCode::from(130)
}
