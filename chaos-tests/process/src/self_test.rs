//! Whether the laboratory's instruments work, on programs that everybody knows.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use chaos_process::lab::{Lab, Machine, Rule};

/// One file synced with its name, one not at all, and a later write into the first that is not.
const SCRIPT_SYNCED: &str = "printf synced | dd of=synced conv=fdatasync status=none; sync .; printf lost | dd of=lost status=none; \
                             printf half | dd of=synced conv=notrunc status=none";

/// Tries all of them.
///
/// # Errors
/// What does not work.
pub(crate) fn run() -> Result<bool> {
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let lab = Lab::build(2, folder.path())?;
    let machine = Machine::new(1, &folder.path().join("node-1"), 4)?;
    let sh = |script: &str| shell(&lab, &machine, script);

    sh(SCRIPT_SYNCED)?;
    let disk = machine.disk();
    ensure!(read(&disk, "synced") == Some("halfed".into()) && read(&disk, "lost").is_some(), "dd did not write");
    ensure!(machine.counts()?.pending > 0, "nothing is noted as not synced");
    let lost = machine.lose_unsynced(None)?;
    ensure!(read(&disk, "synced") == Some("synced".into()), "what was synced is lost, or what was not is there");
    ensure!(read(&disk, "lost").is_none(), "a file that nobody synced survived");
    println!("a power cut took {} writes and {} names that were not synced, and nothing else", lost.writes, lost.names);

    machine.lie(true)?;
    sh("printf believed | dd of=believed conv=fdatasync status=none; sync .")?;
    machine.lie(false)?;
    machine.lose_unsynced(None)?;
    ensure!(read(&disk, "believed").is_none(), "a lying disk kept what it was to lose");
    println!("a disk that lies about syncs loses what was believed to be synced");

    machine.skew_seconds(-3_600)?;
    let there: i64 = sh("date +%s")?.trim().parse().context("date prints no number")?;
    machine.skew_seconds(0)?;
    let here: i64 = sh("date +%s")?.trim().parse().context("date prints no number")?;
    ensure!((3_590..=3_610).contains(&(here - there)), "the clock is {} s slow; expected 3600", here - there);
    println!("a clock is an hour slow");

    let before = machine.counts()?.refused;
    machine.fill(0)?;
    ensure!(sh("dd if=/dev/zero of=more bs=64k count=1 status=none").is_err(), "a full disk took something");
    machine.empty()?;
    ensure!(machine.counts()?.refused > before, "the refusal was not counted");
    sh("rm -f more; dd if=/dev/zero of=more bs=64k count=1 status=none")?;
    println!("a full disk refuses, and takes again when there is room");

    let rules = [Rule::Cut { from: 1, to: 2 }];
    lab.network().apply(&rules)?;
    // Without anybody who listens: refused at once where packets arrive and answers come back, silence where not.
    let silent = sh("timeout 1 bash -c 'exec 3<>/dev/tcp/10.77.0.12/9'; echo $?")?;
    ensure!(silent.trim() == "124", "a cut let packets through: {silent}");
    ensure!(lab.network().hits(&rules)?[0] > 0, "dropped packets were not counted");
    lab.network().clear()?;
    let refused = sh("timeout 1 bash -c 'exec 3<>/dev/tcp/10.77.0.12/9' 2>/dev/null; echo $?")?;
    ensure!(refused.trim() == "1", "no cut, and no answer: {refused}");
    println!("packets are dropped, counted, and let through again");
    Ok(true)
}

/// Runs a script on the machine's disk and in its namespace.
fn shell(lab: &Lab, machine: &Machine, script: &str) -> Result<String> {
    let (program, arguments) = lab.command(machine, Path::new("sh"), &["-c".into(), script.into()]);
    let output =
        Command::new(program).args(arguments).current_dir(machine.disk()).output().context("cannot start sh")?;
    ensure!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn read(disk: &Path, name: &str) -> Option<String> {
    std::fs::read_to_string(disk.join(name)).ok()
}
