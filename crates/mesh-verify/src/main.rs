//! `mesh-verify`: audits an export of the ledger, without a node, a network or a key.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufReader, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use mesh_event::checkpoint::Counted;
use mesh_governance::Damage;
use mesh_model::{LedgerIndex, MeshId};
use mesh_verify::{
    CheckedFork, CheckedReceipt, CouncilsFile, Fault, ForkProof, Format, Options, Place, Receipt, Replay, Report,
    Verified, VerifyError, Watch, check,
};

/// Audits what a data mesh's ledger gave out, off-line: exports, receipts, fork proofs. Exits 0 when it holds, 8 when it does not, 2 when the command line is wrong.
#[derive(Debug, Parser)]
#[command(name = "mesh-verify", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say whether everything in it holds.
    Check {
        #[command(flatten)]
        input: Input,
        /// Write which councils there were, for --councils; the file must not be there yet.
        #[arg(long, value_name = "FILE")]
        councils_to: Option<PathBuf>,
    },
    /// Say whether a receipt holds, and what it proves.
    Receipt {
        #[command(flatten)]
        input: Input,
        /// Which councils there were, as --councils-to wrote it; needed where voters were recovered by another than the founding one.
        #[arg(long, value_name = "FILE")]
        councils: Option<PathBuf>,
    },
    /// Say whether a fork proof holds, and what it proves.
    Fork(Input),
    /// Show the state after a leaf, or what each leaf changed.
    Replay {
        #[command(flatten)]
        input: Input,
        /// The last leaf that counts; all when absent.
        #[arg(long, value_name = "INDEX")]
        until: Option<LedgerIndex>,
        /// Show what each leaf changed instead of the state.
        #[arg(long)]
        diff: bool,
        /// For people or for programs.
        #[arg(long = "as", value_enum, default_value = "text")]
        form: ReplayForm,
    },
    /// Show who did what when, under which council and standards, with which outcome.
    Report {
        #[command(flatten)]
        input: Input,
        /// How it is written.
        #[arg(long = "as", value_enum, default_value = "markdown")]
        form: ReportForm,
    },
}

#[derive(Debug, Args)]
struct Input {
    /// The export, receipt or fork proof, as `mesh ledger export` and `mesh ledger receipt` write them.
    file: PathBuf,
    /// The mesh that it has to be of. Without it, the file itself says of which mesh it is.
    #[arg(long, value_name = "ID")]
    mesh_id: Option<MeshId>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ReplayForm {
    Text,
    Json,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ReportForm {
    Markdown,
    Csv,
    Json,
}

/// Why the program ends otherwise than with 0.
enum Stop {
    /// The command line names something that is not there.
    Usage(String),
    /// The export does not hold.
    Fault(Fault),
    /// The export could not be read, or the answer not be written.
    Io(io::Error),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<VerifyError> for Stop {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::Fault(fault) => Self::Fault(fault),
            VerifyError::Read(error) => Self::Io(error),
        }
    }
}

/// How far it is, on a terminal, once it takes long.
struct Progress {
    is_shown: bool,
    shown: u64,
}

/// Leaves between two lines of progress.
const STEP: u64 = 2048;

impl Progress {
    fn new() -> Self {
        Self { is_shown: io::stderr().is_terminal(), shown: 0 }
    }
}

impl Watch for Progress {
    fn progress(&mut self, done: u64, size: u64) {
        if self.is_shown && (done >= self.shown + STEP || (done == size && self.shown > 0)) {
            self.shown = done;
            let end = if done == size { "\n" } else { "" };
            eprint!("\r{done} of {size} leaves{end}");
        }
    }
}

fn audit(input: &Input, watch: &mut dyn Watch) -> Result<Verified, Stop> {
    let open = |path: &Path| File::open(path).map_err(|error| Stop::Usage(format!("{}: {error}", path.display())));
    let file = BufReader::with_capacity(256 * 1024, open(&input.file)?);
    let options = Options { mesh_id: input.mesh_id, ..Options::default() };
    Ok(check(file, &options, &mut (Progress::new(), watch))?)
}

fn run(command: &Command) -> Result<String, Stop> {
    match command {
        Command::Check { input, councils_to } => {
            if councils_to.is_some() && input.mesh_id.is_none() {
                return Err(Stop::Usage("--councils-to needs --mesh-id: what it writes is trusted later".to_owned()));
            }
            let verified = audit(input, &mut ())?;
            if let Some(path) = councils_to {
                let none =
                    || Stop::Usage("no checkpoint covers the export: nobody vouches for its councils".to_owned());
                create(path, &CouncilsFile::of(&verified).ok_or_else(none)?.to_text())?;
            }
            Ok(summary(&verified, input.mesh_id.is_some()))
        }
        Command::Receipt { input, councils } => {
            let pinned = input.mesh_id.as_ref();
            let councils = councils.as_ref().map(|path| read(path)).transpose()?;
            let councils = councils.map(|bytes| CouncilsFile::parse(&bytes, pinned)).transpose()?;
            let councils = councils.as_ref().map(|file| &file.councils);
            let checked =
                Receipt::parse(&read(&input.file)?).and_then(|receipt| receipt.verify_by(pinned, councils))?;
            Ok(receipt(&checked, input.mesh_id.is_some()))
        }
        Command::Fork(input) => {
            let checked =
                ForkProof::parse(&read(&input.file)?).and_then(|proof| proof.verify(input.mesh_id.as_ref()))?;
            Ok(fork(&checked, input.mesh_id.is_some()))
        }
        Command::Replay { input, until, diff, form } => {
            let mut replay = Replay::new(*until, *diff);
            let verified = audit(input, &mut replay)?;
            let size = verified.header.size;
            if let Some(until) = until.filter(|until| *until >= size) {
                return Err(Stop::Usage(format!("there is no leaf {until}; the last one is {}", size - 1)));
            }
            let document = replay.finish(&verified).map_err(|damage: Damage| {
                Stop::Fault(Fault { place: Place::Leaf(size - 1), why: damage.to_string() })
            })?;
            Ok(match form {
                ReplayForm::Text => document.to_text(),
                ReplayForm::Json => document.to_json(),
            })
        }
        Command::Report { input, form } => {
            let mut report = Report::new();
            let verified = audit(input, &mut report)?;
            let format = match form {
                ReportForm::Markdown => Format::Markdown,
                ReportForm::Csv => Format::Csv,
                ReportForm::Json => Format::Json,
            };
            Ok(report.write(&verified, format))
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Stop> {
    std::fs::read(path).map_err(|error| Stop::Usage(format!("{}: {error}", path.display())))
}

/// Writes a file that was not there.
fn create(path: &Path, text: &str) -> Result<(), Stop> {
    let written = File::create_new(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| Stop::Usage(format!("{}: {error}", path.display())))
}

fn pinned(is_pinned: bool) -> &'static str {
    if is_pinned { "" } else { " (by the file's own word; compare it, or pass --mesh-id)" }
}

fn ids(counted: &Counted) -> String {
    let ids: Vec<String> = counted.cosigned_by.iter().map(ToString::to_string).collect();
    ids.join(", ")
}

fn receipt(checked: &CheckedReceipt, is_pinned: bool) -> String {
    let (leaf, counted) = (&checked.leaf, &checked.checkpoint);
    let author = checked.command.author().map_or_else(String::new, |key| format!(" by {key}"));
    let (outcome, detail) = (leaf.outcome.code.slug(), &leaf.outcome.detail);
    let detail = if detail.is_empty() { String::new() } else { format!(": {}", detail.escape_debug()) };
    format!(
        "the receipt holds\nmesh {}{}\nleaf {}: {}{author}\noutcome {outcome}{detail}\nstamp {} (Unix milliseconds)\n\
         checkpoint {} leaves, root {}, cosigned by voters {} of {}\n",
        checked.mesh_id,
        pinned(is_pinned),
        leaf.index,
        checked.command.kind(),
        leaf.stamp_unix_ms,
        counted.size,
        counted.root,
        ids(counted),
        counted.voters
    )
}

fn fork(checked: &CheckedFork, is_pinned: bool) -> String {
    let mut text = format!(
        "the proof holds: a majority of voters signed two histories\nmesh {}{}\n",
        checked.mesh_id,
        pinned(is_pinned)
    );
    for counted in &checked.checkpoints {
        let Counted { size, root, .. } = counted;
        writeln!(text, "{size} leaves have root {root}, say voters {}", ids(counted)).expect("a text takes all");
    }
    let (smaller, root) = (checked.checkpoints[0].size, checked.root_at_smaller);
    writeln!(text, "the larger history has root {root} at {smaller} leaves").expect("a text takes all");
    text
}

fn summary(verified: &Verified, is_pinned: bool) -> String {
    let header = &verified.header;
    let pinned = pinned(is_pinned);
    let refused = header.size - verified.accepted;
    let covered = match verified.checkpoints.last() {
        Some(last) if last.size == header.size => "a majority of voters cosigned all of it".to_owned(),
        Some(last) => format!("a majority of voters cosigned the first {} leaves", last.size),
        None => "no checkpoint: that nothing was left out at the end is not shown".to_owned(),
    };
    format!(
        "the export holds\nmesh {}{pinned}\nleaves {} ({} accepted, {refused} refused)\nroot {}\nstate {}\n\
         checkpoints {}: {covered}\n",
        header.mesh_id,
        header.size,
        verified.accepted,
        header.root,
        header.state_digest,
        verified.checkpoints.len()
    )
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let written = run(&cli.command).and_then(|text| {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Stop::Io)
    });
    match written {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads the first lines only is served.
        Err(Stop::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(Stop::Usage(why)) => {
            eprintln!("mesh-verify: {why}");
            ExitCode::from(2)
        }
        Err(Stop::Fault(fault)) => {
            eprintln!("mesh-verify: the file does not hold: {fault}");
            ExitCode::from(8)
        }
        Err(Stop::Io(error)) => {
            eprintln!("mesh-verify: {error}");
            ExitCode::from(1)
        }
    }
}
