//! `mesh ledger export|verify|replay|report`: the whole ledger as one file, and what it says without any node.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read as _};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use futures::StreamExt as _;
use mesh_event::LedgerLeaf;
use mesh_event::ledger::LeafEntry;
use mesh_governance::{Applied, Damage, MemState};
use mesh_model::{Code, LedgerIndex, MeshId};
use mesh_tlog::Hash;
use mesh_verify::export::{ExportWriter, FORMAT, Header, WriteError};
use mesh_verify::feed_fork_file::{FEED_FORK_FORMAT, FeedForkFile};
use mesh_verify::fork_proof::FORK_FORMAT;
use mesh_verify::receipt::RECEIPT_FORMAT;
use mesh_verify::{
    CouncilsFile, Fault, ForkProof, Format, Options, Receipt, Replay, Report, Verified, VerifyError, Watch, check,
};
use serde_json::json;

use super::ledger_proofs;
use crate::app::App;
use crate::failure::Failure;
use crate::files;
use crate::progress::Progress;

/// Arguments of `mesh ledger export`.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// The file to write; it must not be there yet
    file: PathBuf,
}

/// Arguments of `mesh ledger verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The export, receipt or fork proof
    file: PathBuf,
    /// Write which councils there were according to the export, for --councils; the file must not be there yet
    #[arg(long, value_name = "FILE")]
    councils_to: Option<PathBuf>,
}

/// Arguments of `mesh ledger replay`.
#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// The export
    file: PathBuf,
    /// The last leaf that counts; all when absent
    #[arg(long, value_name = "INDEX")]
    until: Option<LedgerIndex>,
    /// Show what each leaf changed instead of the state
    #[arg(long)]
    diff: bool,
}

/// Arguments of `mesh ledger report`.
#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// The export
    file: PathBuf,
    /// How it is written; markdown when absent, json with -o json
    #[arg(long = "as", value_enum, value_name = "FORMAT")]
    form: Option<ReportForm>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ReportForm {
    Markdown,
    Csv,
    Json,
}

/// Writes the whole ledger, as this node has it, to one file that anybody can check.
///
/// # Errors
/// When the file is there already or can't be written, and the transport's.
pub(crate) async fn export(args: ExportArgs, app: &App) -> Result<(), Failure> {
    let client = app.client()?;
    let mesh = client.mesh().await?;
    // Before the head: so the export goes at least as far as the checkpoint.
    let notes = notes(&client).await?;
    let head = client.ledger_head(None).await?;
    let partial = args.file.with_extension("partial");
    if args.file.exists() {
        return Err(Failure::new(Code::Usage, format!("{} is there already", args.file.display())));
    }
    let fail = |error: std::io::Error| Failure::io("write", &partial, &error);
    let odd = |error: WriteError| Failure::new(Code::BadExport, format!("the node's ledger is not whole: {error}"));
    let mut writer = None;
    let mut progress = app.progress("exporting", Some(head.size));
    let mut entries = std::pin::pin!(client.ledger_entries(0, Some(head.size), false));
    while let Some(entry) = entries.next().await {
        let (index, bytes) = entry?;
        if index >= head.size {
            break;
        }
        if writer.is_none() {
            let header = Header {
                mesh_id: mesh.id,
                size: head.size,
                root: Hash::from(head.root.0),
                state_digest: head.state_digest,
                genesis: genesis(&bytes)?,
            };
            let file = BufWriter::new(File::create(&partial).map_err(fail)?);
            writer = Some(ExportWriter::new(file, header).map_err(odd)?);
        }
        if let Some(writer) = &mut writer {
            writer.leaf(&bytes).map_err(odd)?;
        }
        progress.inc();
    }
    progress.finish();
    let mut writer = writer.ok_or_else(|| Failure::new(Code::GenesisFirst, "the ledger has no leaf yet"))?;
    for note in notes {
        writer.checkpoint(&note).map_err(odd)?;
    }
    let file = writer.finish().map_err(odd)?;
    file.into_inner().map_err(|error| fail(error.into_error()))?.sync_all().map_err(fail)?;
    std::fs::rename(&partial, &args.file).map_err(fail)?;
    app.note(format!("{} leaves of mesh {} in {}", head.size, mesh.id.short(), args.file.display()));
    app.note(format!("hint: `mesh ledger verify {0}` or `mesh-verify check {0}`, on any machine", args.file.display()));
    Ok(())
}

/// The changes of voters and the newest checkpoint.
async fn notes(client: &mesh_client::Client) -> Result<Vec<Vec<u8>>, Failure> {
    let Some(found) = client.checkpoint().await? else { return Ok(Vec::new()) };
    // A recovery is a leaf of the ledger itself.
    let handovers = found.changes.iter().filter_map(mesh_event::VoterChange::handover);
    let mut notes: Vec<_> = handovers.cloned().collect();
    if notes.last().is_none_or(|last| last.size() < found.note.size()) {
        notes.push(found.note);
    }
    Ok(notes.iter().map(mesh_event::LedgerCheckpoint::bytes).collect())
}

/// The founding envelope in leaf 0.
fn genesis(leaf: &[u8]) -> Result<Vec<u8>, Failure> {
    let malformed = |why: String| Failure::new(Code::Malformed, format!("ledger leaf 0: {why}"));
    match LedgerLeaf::decode(leaf).map_err(|error| malformed(error.to_string()))?.entry {
        LeafEntry::Envelope(envelope) => Ok(envelope),
        LeafEntry::FeedEvent(_) => Err(malformed("it is no founding document".into())),
    }
}

/// Shows how far an audit is.
struct Shown<'a> {
    progress: Progress,
    done: u64,
    then: &'a mut dyn Watch,
}

impl Watch for Shown<'_> {
    fn decided(&mut self, before: &MemState, applied: &Applied) -> Result<(), Damage> {
        self.then.decided(before, applied)
    }
    fn progress(&mut self, done: u64, size: u64) {
        while self.done < done {
            self.progress.inc();
            self.done += 1;
        }
        self.then.progress(done, size);
    }
}

/// Audits a file against the mesh that the context pins, if it pins one.
fn audit(app: &App, file: &Path, watch: &mut dyn Watch) -> Result<(Verified, bool), Failure> {
    let input =
        BufReader::with_capacity(256 * 1024, File::open(file).map_err(|error| Failure::io("read", file, &error))?);
    let mesh_id = app.context()?.mesh_id;
    let options = Options { mesh_id, ..Options::default() };
    let mut shown = Shown { progress: app.progress("verifying", None), done: 0, then: watch };
    let verified = check(input, &options, &mut shown);
    shown.progress.finish();
    match verified {
        Ok(verified) => Ok((verified, mesh_id.is_some())),
        Err(VerifyError::Fault(fault)) => {
            let message = format!("{} does not hold: {fault}", file.display());
            Err(Failure::new(Code::BadExport, message).hint("get the export again, from another node"))
        }
        Err(VerifyError::Read(error)) => Err(Failure::io("read", file, &error)),
    }
}

/// Checks an export off-line: every signature, threshold, role, verdict and outcome, recomputed.
///
/// # Errors
/// Exit 8 with the leaf, checkpoint or manifest line that does not hold.
pub(crate) fn verify(args: &VerifyArgs, app: &App) -> Result<(), Failure> {
    let kind = first_line(&args.file)?;
    if args.councils_to.is_some() && kind != FORMAT {
        return Err(Failure::usage(format!("--councils-to needs an export; {} is none", args.file.display())));
    }
    match kind.as_str() {
        RECEIPT_FORMAT => return verify_receipt(args, app),
        FORK_FORMAT => return verify_fork(args, app),
        FEED_FORK_FORMAT => return verify_feed_fork(args, app),
        FORMAT => {}
        other => {
            let (file, found) = (args.file.display(), other.escape_debug());
            let message = format!("{file} is neither an export, a receipt nor a fork proof: it begins with '{found}'");
            return Err(Failure::new(Code::BadExport, message)
                .hint("`mesh ledger export FILE` and `mesh ledger receipt INDEX --out FILE` write such files; a file that was sent as text may have other line ends"));
        }
    }
    let (verified, is_pinned) = audit(app, &args.file, &mut ())?;
    if let Some(path) = &args.councils_to {
        if !is_pinned {
            return Err(Failure::usage("--councils-to needs --mesh-id or a context: what it writes is trusted later"));
        }
        let file = CouncilsFile::of(&verified).ok_or_else(|| {
            Failure::new(Code::BadExport, "no checkpoint covers the export: nobody vouches for its councils")
                .hint("get an export from a node that has a checkpoint")
        })?;
        files::create(path, file.to_text().as_bytes())?;
    }
    let header = &verified.header;
    let document = json!({
        "holds": true, "mesh_id": header.mesh_id, "pinned": is_pinned, "leaves": header.size,
        "accepted": verified.accepted, "root": header.root.to_string(), "state_digest": header.state_digest,
        "checkpoints": verified.checkpoints.len(), "cosigned": verified.checkpoints.last().map_or(0, |last| last.size),
        "last_stamp_unix_ms": verified.last_stamp_unix_ms,
    });
    app.output().one(&document, &header.mesh_id.to_string(), |style| {
        let pinned = pinned(is_pinned);
        let refused = header.size - verified.accepted;
        let covered = match verified.checkpoints.last() {
            Some(last) if last.size == header.size => "a majority of voters cosigned all of it".to_owned(),
            Some(last) => format!("a majority of voters cosigned the first {} leaves", last.size),
            None => "no checkpoint: that nothing was left out at the end is not shown".to_owned(),
        };
        format!(
            "{}\nmesh {} ({pinned})\n{} leaves: {} accepted, {refused} refused\nroot {}\nstate {}\n{covered}\n",
            style.green("the export holds"),
            header.mesh_id,
            header.size,
            verified.accepted,
            header.root,
            header.state_digest,
        )
    })
}

/// The first line of a file, as far as it is one; says which kind it is.
fn first_line(path: &Path) -> Result<String, Failure> {
    let fail = |error: std::io::Error| Failure::io("read", path, &error);
    let mut beginning = Vec::new();
    File::open(path).map_err(fail)?.take(64).read_to_end(&mut beginning).map_err(fail)?;
    let line = beginning.split(|byte| *byte == b'\n').next().unwrap_or_default();
    Ok(String::from_utf8_lossy(line).into_owned())
}

fn verify_receipt(args: &VerifyArgs, app: &App) -> Result<(), Failure> {
    let (bytes, mesh_id) = small(&args.file, app)?;
    let councils = app.context()?.councils()?;
    let checked = Receipt::parse(&bytes).and_then(|receipt| receipt.verify_by(mesh_id.as_ref(), councils.as_ref()));
    let checked = checked.map_err(|fault| does_not_hold(&args.file, &fault))?;
    let mut document = ledger_proofs::document(&checked);
    document["pinned"] = json!(mesh_id.is_some());
    app.output().one(&document, &checked.leaf.index.to_string(), |style| {
        let mesh = checked.mesh_id;
        let (holds, pinned) = (style.green("the receipt holds"), pinned(mesh_id.is_some()));
        format!("{holds}\nmesh {mesh} ({pinned})\n{}\n", ledger_proofs::sentence(&checked))
    })
}

fn verify_fork(args: &VerifyArgs, app: &App) -> Result<(), Failure> {
    let (bytes, mesh_id) = small(&args.file, app)?;
    let checked = ForkProof::parse(&bytes).and_then(|proof| proof.verify(mesh_id.as_ref()));
    let checked = checked.map_err(|fault| does_not_hold(&args.file, &fault))?;
    let checkpoints: Vec<_> = (checked.checkpoints.iter())
        .map(|counted| {
            json!({ "size": counted.size, "root": counted.root.to_string(), "cosigned_by": counted.cosigned_by,
                "voters": counted.voters, "cosigned_unix_s": counted.time_unix_s })
        })
        .collect();
    let document = json!({ "holds": true, "mesh_id": checked.mesh_id, "pinned": mesh_id.is_some(),
        "checkpoints": checkpoints, "root_of_the_larger_at_the_smaller": checked.root_at_smaller.to_string() });
    app.output().one(&document, &checked.mesh_id.to_string(), |style| {
        let mut lines = vec![style.red("the proof holds: a majority of voters signed two histories")];
        lines.push(format!("mesh {} ({})", checked.mesh_id, pinned(mesh_id.is_some())));
        for counted in &checked.checkpoints {
            let ids: Vec<String> = counted.cosigned_by.iter().map(ToString::to_string).collect();
            let (size, root, ids) = (counted.size, counted.root, ids.join(", "));
            lines.push(format!("{size} leaves have root {root}, say voters {ids}"));
        }
        let (smaller, root) = (checked.checkpoints[0].size, checked.root_at_smaller);
        lines.push(format!("the larger history has root {root} at {smaller} leaves\n"));
        lines.join("\n")
    })
}

fn verify_feed_fork(args: &VerifyArgs, app: &App) -> Result<(), Failure> {
    let (bytes, mesh_id) = small(&args.file, app)?;
    let checked = FeedForkFile::parse(&bytes).and_then(|file| Ok((file.verify(mesh_id.as_ref())?, file)));
    let (checked, file) = checked.map_err(|fault| does_not_hold(&args.file, &fault))?;
    let (feed, key) = (&file.proof.feed, file.proof.node_key);
    let heads: Vec<_> =
        checked.heads.iter().map(|head| json!({ "events": head.size, "root": head.root.to_string() })).collect();
    let document = json!({ "holds": true, "mesh_id": file.mesh_id, "pinned": mesh_id.is_some(),
        "domain": feed.domain, "epoch": feed.epoch, "node_key": key, "heads": heads,
        "root_of_the_larger_at_the_smaller": checked.root_at_smaller.to_string() });
    app.output().one(&document, &file.mesh_id.to_string(), |style| {
        let mut lines = vec![style.red("the proof holds: one key signed two histories of a feed")];
        lines.push(format!("mesh {} ({})", file.mesh_id, pinned(mesh_id.is_some())));
        lines.push(format!("feed {}/{} by {}", feed.domain, feed.epoch, key.fingerprint()));
        lines.extend(checked.heads.iter().map(|head| format!("{} events have root {}", head.size, head.root)));
        let (smaller, root) = (checked.heads[0].size, checked.root_at_smaller);
        lines.push(format!("the larger history has root {root} at {smaller} events\n"));
        lines.join("\n")
    })
}

/// A small file, and the mesh that the context pins.
fn small(path: &Path, app: &App) -> Result<(Vec<u8>, Option<MeshId>), Failure> {
    let bytes = std::fs::read(path).map_err(|error| Failure::io("read", path, &error))?;
    Ok((bytes, app.context()?.mesh_id))
}

fn does_not_hold(path: &Path, fault: &Fault) -> Failure {
    Failure::new(Code::BadProof, format!("{} does not hold: {fault}", path.display()))
        .hint("get it again: `mesh ledger receipt INDEX --out FILE`, or `mesh ledger compare` for a fork")
}

fn pinned(is_pinned: bool) -> &'static str {
    if is_pinned { "as pinned" } else { "by its own word; pin it with --mesh-id" }
}

/// Shows the state at any leaf, or what each leaf changed.
///
/// # Errors
/// As [`verify`]; and for a leaf that the export has not.
pub(crate) fn replay(args: &ReplayArgs, app: &App) -> Result<(), Failure> {
    let mut replay = Replay::new(args.until, args.diff);
    let (verified, _) = audit(app, &args.file, &mut replay)?;
    let size = verified.header.size;
    if let Some(until) = args.until.filter(|until| *until >= size) {
        return Err(Failure::usage(format!("there is no leaf {until}; the last one is {}", size - 1)));
    }
    let document = replay.finish(&verified);
    let document = document.map_err(|damage| Failure::new(Code::BadExport, damage.to_string()))?;
    let machine = app.output().is_machine();
    app.output().text(&if machine { document.to_json() } else { document.to_text() })
}

/// Tells who did what when, under which council and standards, with which outcome.
///
/// # Errors
/// As [`verify`].
pub(crate) fn report(args: &ReportArgs, app: &App) -> Result<(), Failure> {
    let mut report = Report::new();
    let (verified, _) = audit(app, &args.file, &mut report)?;
    let format = match args.form {
        Some(ReportForm::Csv) => Format::Csv,
        Some(ReportForm::Json) => Format::Json,
        None if app.output().is_machine() => Format::Json,
        Some(ReportForm::Markdown) | None => Format::Markdown,
    };
    app.output().text(&report.write(&verified, format))
}
