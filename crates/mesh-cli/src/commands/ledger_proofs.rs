//! `mesh ledger checkpoint|receipt|keys|compare|resolve-fork`: what voters vouch for, verified here.

use std::path::PathBuf;

use clap::Args;
use mesh_client::{Client, Finding, MeshError, VerifiedCheckpoint};
use mesh_event::proposal::{ProposalBody, ResolveFork};
use mesh_model::{Class, Code, Digest, LedgerIndex};
use mesh_tlog::VerifierKey;
use mesh_verify::{CheckedReceipt, Decided, ForkProof};
use serde::Serialize;
use serde_json::json;

use crate::app::App;
use crate::failure::Failure;
use crate::files;
use crate::key_argument::Signers;
use crate::output::{Row, printable};
use crate::proposing::{ProposingArgs, propose};
use crate::remembered::Remembered;
use crate::time;

/// Arguments of `mesh ledger receipt`.
#[derive(Debug, Args)]
pub(crate) struct ReceiptArgs {
    /// A ledger index, or a sealed version such as sales/orders@1.0.0
    what: String,
    /// The file to write; standard output when absent
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Arguments of `mesh ledger compare`.
#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// A checkpoint, as `mesh ledger checkpoint` or a node's /ledger/checkpoint gave it
    file: PathBuf,
}

/// Arguments of `mesh ledger resolve-fork`.
#[derive(Debug, Args)]
pub(crate) struct ResolveForkArgs {
    /// The proof of the fork
    proof: PathBuf,
    /// Why the node's history stays and the other one is refused; it stays in the ledger
    #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    reason: String,
    #[command(flatten)]
    proposing: ProposingArgs,
}

/// Shows the newest checkpoint that a majority of voters cosigned, and demands that the ledger goes on from the last one seen.
///
/// # Errors
/// Exit 8 when it does not count, or the ledger does not go on from what was seen before.
pub(crate) async fn checkpoint(app: &App) -> Result<(), Failure> {
    let client = app.client()?;
    let found = client.checkpoint().await?;
    let found = found.ok_or_else(|| Failure::new(Code::NoReceipt, "no checkpoint has a majority of voters yet"))?;
    let before = demand(&client, &found).await?;
    let counted = &found.counted;
    let document = json!({
        "size": counted.size, "root": counted.root.to_string(), "cosigned_by": counted.cosigned_by,
        "voters": counted.voters, "cosigned_unix_s": counted.time_unix_s, "seen_before": before.size(),
        "goes_on": before.goes_on(),
        "note": found.note.note().to_string(), "freshness": found.freshness,
    });
    let text = found.note.note().to_string();
    app.output().one(&document, &counted.size.to_string(), |_| text.clone())?;
    let ids: Vec<String> = counted.cosigned_by.iter().map(ToString::to_string).collect();
    app.note(format!(
        "{} of {} voters cosigned it ({}), the majority by {}",
        ids.len(),
        counted.voters,
        ids.join(", "),
        time::show(counted.time_unix_s.saturating_mul(1000))
    ));
    match before {
        Before::First => app.note("it is the first one seen here; from now on every one has to go on from it"),
        Before::GoesOn(size) => app.note(format!("the ledger goes on from the {size} leaves seen before")),
        Before::Behind(size) => app.warn(format!(
            "a newer checkpoint, of {size} leaves, was seen before; whether this one leads there is for a node to show that has it"
        )),
    }
    crate::reading::note_age(app, &found.freshness);
    Ok(())
}

/// What was seen before on this machine.
#[derive(Debug, Clone, Copy)]
enum Before {
    /// Nothing.
    First,
    /// A checkpoint of this size, and the node showed that its ledger goes on from there.
    GoesOn(u64),
    /// A larger and later one: the node lags, and nothing can be said.
    Behind(u64),
}

impl Before {
    fn size(self) -> Option<u64> {
        match self {
            Self::First => None,
            Self::GoesOn(size) | Self::Behind(size) => Some(size),
        }
    }

    fn goes_on(self) -> Option<bool> {
        matches!(self, Self::GoesOn(_)).then_some(true)
    }
}

/// Demands consistency with the newest checkpoint that was seen here, and remembers this one.
///
/// # Errors
/// [`Code::BadProof`] with both checkpoints kept in files.
async fn demand(client: &Client, found: &VerifiedCheckpoint) -> Result<Before, Failure> {
    let mesh = client.mesh().await?;
    let remembered = Remembered::of(&mesh.id);
    let Some(before) = remembered.read()? else {
        remembered.write(&found.note)?;
        return Ok(Before::First);
    };
    let at = |note: &mesh_event::LedgerCheckpoint| (note.size(), note.root());
    let is_smaller = found.note.size() < before.size();
    let consistent = if is_smaller {
        // No voter cosigns a smaller head after a larger one, by its own clock. A node that lags shows one from before.
        let by =
            |note: &mesh_event::LedgerCheckpoint| note.vouchers(&mesh.id, &found.voters).unwrap_or_default().cosigned;
        let (larger, smaller) = (by(&before), by(&found.note));
        let later =
            smaller.iter().filter(|(voter, time)| larger.get(voter).is_some_and(|larger| larger < time)).count();
        if later >= found.voters.majority() {
            let (size, seen) = (found.note.size(), before.size());
            Err(MeshError::new(
                Code::BadProof,
                format!("a majority cosigned {size} leaves after it had cosigned {seen}"),
            ))
        } else {
            client.demand_consistency(at(&found.note), at(&before)).await
        }
    } else {
        client.demand_consistency(at(&before), at(&found.note)).await
    };
    match consistent {
        Ok(()) => {
            if !is_smaller {
                remembered.write(&found.note)?;
            }
            Ok(Before::GoesOn(before.size()))
        }
        Err(error) if is_smaller && error.code == Code::NotCaughtUp => Ok(Before::Behind(before.size())),
        Err(error) if error.code == Code::BadProof => {
            let kept = remembered.keep_contradiction(&found.note)?;
            Err(Failure::from(error).hint(format!(
                "{} was seen before, {} is what the node shows now: show both to other nodes with `mesh ledger compare`",
                remembered.path().display(),
                kept.display()
            )))
        }
        Err(error) => Err(error.into()),
    }
}

/// Gets the receipt of a leaf or a version, verified; whoever has the file needs no node to verify it again.
///
/// # Errors
/// Exit 4 for what is not in the ledger, 6 while no checkpoint covers it, 8 for a receipt that does not hold.
pub(crate) async fn receipt(args: ReceiptArgs, app: &App) -> Result<(), Failure> {
    let client = app.client()?;
    let index = match args.what.parse::<LedgerIndex>() {
        Ok(index) => index,
        Err(_) if !args.what.contains('/') => {
            let message = format!("'{}' is neither a ledger index nor DOMAIN/NAME[@VERSION]", printable(&args.what));
            return Err(Failure::usage(message));
        }
        Err(_) => client.product(&args.what, mesh_client::Read::default()).await?.ledger_index,
    };
    let (file, checked) = client.receipt(index).await?;
    if let Some(newest) = client.checkpoint().await? {
        demand(&client, &newest).await?;
    }
    match &args.out {
        Some(path) => {
            files::create(path, &file)?;
            if app.output().is_machine() {
                app.output().one(&document(&checked), &index.to_string(), |_| String::new())?;
            }
            app.note(format!("{} in {}", sentence(&checked), path.display()));
            app.note(format!(
                "hint: `mesh ledger verify {0}` or `mesh-verify receipt {0}`, on any machine",
                path.display()
            ));
        }
        None if app.output().is_machine() => {
            app.output().one(&document(&checked), &index.to_string(), |_| String::new())?;
        }
        None => {
            app.output().bytes(&file)?;
            app.note(sentence(&checked));
        }
    }
    Ok(())
}

/// A receipt that holds, as JSON.
pub(crate) fn document(checked: &CheckedReceipt) -> serde_json::Value {
    let command = match &checked.command {
        Decided::Command(signed) => Some(signed.command()),
        Decided::Genesis | Decided::Unreadable { .. } => None,
    };
    json!({
        "holds": true, "mesh_id": checked.mesh_id, "index": checked.leaf.index, "at_unix_ms": checked.leaf.stamp_unix_ms,
        "command": checked.command.kind(), "command_id": command.map(|command| command.id),
        "author": checked.command.author(), "outcome": checked.leaf.outcome.code.slug(),
        "detail": checked.leaf.outcome.detail, "state_digest": checked.leaf.outcome.state_digest,
        "checkpoint": {
            "size": checked.checkpoint.size, "root": checked.checkpoint.root.to_string(),
            "cosigned_by": checked.checkpoint.cosigned_by, "voters": checked.checkpoint.voters,
            "cosigned_unix_s": checked.checkpoint.time_unix_s,
        },
    })
}

/// The same for people.
pub(crate) fn sentence(checked: &CheckedReceipt) -> String {
    let leaf = &checked.leaf;
    let outcome = match leaf.outcome.code.class() {
        Class::Done => leaf.outcome.code.slug().to_owned(),
        _ => format!("{}: {}", leaf.outcome.code.slug(), printable(&leaf.outcome.detail)),
    };
    let author = checked.command.author().map_or_else(String::new, |key| format!(" by {}", key.fingerprint()));
    format!(
        "leaf {}: {}{author}, {outcome}, {}; {} of {} voters cosigned the {} leaves that hold it",
        leaf.index,
        checked.command.kind(),
        time::show(leaf.stamp_unix_ms),
        checked.checkpoint.cosigned_by.len(),
        checked.checkpoint.voters,
        checked.checkpoint.size,
    )
}

/// A voter's key, as other tools take it.
#[derive(Debug, Serialize)]
struct KeyRow {
    voter: u64,
    signs: &'static str,
    verifier_key: String,
}

impl Row for KeyRow {
    fn columns(_wide: bool) -> Vec<&'static str> {
        vec!["voter", "signs", "verifier key"]
    }
    fn cells(&self, _wide: bool) -> Vec<String> {
        vec![self.voter.to_string(), self.signs.to_owned(), self.verifier_key.clone()]
    }
    fn name(&self) -> String {
        self.verifier_key.clone()
    }
}

/// Prints the keys of the voters in force as verifier keys (C2SP signed-note), for other people's tools.
///
/// # Errors
/// As [`checkpoint`].
pub(crate) async fn keys(app: &App) -> Result<(), Failure> {
    let client = app.client()?;
    let mesh = client.mesh().await?;
    let voters = match client.checkpoint().await? {
        Some(found) => found.voters,
        // Before the first checkpoint those of the founding document are the only ones that there can be.
        None => mesh_event::VoterSet::of_genesis(&mesh.genesis.document)
            .map_err(|error| Failure::new(Code::WrongMesh, error.to_string()))?,
    };
    let row = |(voter, key): (u64, VerifierKey)| KeyRow {
        voter,
        signs: match key.signature_type() {
            mesh_tlog::SignatureType::Ed25519 => "checkpoints",
            _ => "cosignatures",
        },
        verifier_key: key.to_string(),
    };
    let rows: Vec<KeyRow> = voters.verifier_keys(&mesh.id).into_iter().map(row).collect();
    app.output().list("keys", &rows, json!({ "origin": mesh_event::voters::ledger_origin(&mesh.id) }))
}

/// Shows a checkpoint that came from elsewhere to a node, which compares it with its own ledger.
///
/// # Errors
/// Exit 8 when it contradicts the node's ledger.
pub(crate) async fn compare(args: &CompareArgs, app: &App) -> Result<(), Failure> {
    let note = std::fs::read(&args.file).map_err(|error| Failure::io("read", &args.file, &error))?;
    let client = app.client()?;
    let compared = client.compare_checkpoint(&note).await.map_err(|error| {
        let (code, message) = (error.code, format!("{}: {}", args.file.display(), error.message));
        match code {
            Code::Malformed => Failure::new(code, message).hint("`mesh ledger checkpoint > FILE` writes a checkpoint"),
            Code::BadSignature => Failure::new(code, message).hint("it was altered after it had been signed"),
            _ => Failure::new(code, message),
        }
    })?;
    let document = json!({ "finding": compared.finding.as_str(), "detail": compared.detail,
        "fork_proof": compared.fork_proof });
    app.output().one(&document, compared.finding.as_str(), |style| {
        let word = match compared.finding {
            Finding::Agrees => style.green(compared.finding.as_str()),
            Finding::Ahead | Finding::Unvouched => style.yellow(compared.finding.as_str()),
            Finding::FalseHead | Finding::Fork => style.red(compared.finding.as_str()),
        };
        format!("{word}: {}\n", printable(&compared.detail))
    })?;
    match compared.finding {
        Finding::Agrees | Finding::Ahead | Finding::Unvouched => Ok(()),
        Finding::FalseHead => {
            Err(Failure::new(Code::BadProof, format!("{} is not of this ledger", args.file.display()))
                .hint("keep the file: it proves what its signers said"))
        }
        Finding::Fork => {
            let Some(proof) = &compared.fork_proof else {
                let message =
                    "a majority of voters signed two histories; the proof waits for the node's next checkpoint";
                return Err(Failure::new(Code::BadProof, message).hint("run the same command again in a moment"));
            };
            let path = args.file.with_extension("fork-proof");
            if !std::fs::read(&path).is_ok_and(|there| there == proof.as_bytes()) {
                files::create(&path, proof.as_bytes())?;
            }
            Err(Failure::new(Code::BadProof, format!("a majority of voters signed two histories: {}", path.display()))
                .hint(format!(
                    "`mesh ledger verify {0}` shows both; the council decides with `mesh ledger resolve-fork {0}`",
                    path.display()
                )))
        }
    }
}

/// Proposes that the history of the node at hand stays and the other one of a fork is refused.
///
/// # Errors
/// Exit 8 for a proof that does not hold, 5 when the node has neither history.
pub(crate) async fn resolve_fork(args: ResolveForkArgs, app: &App) -> Result<(), Failure> {
    let bytes = std::fs::read(&args.proof).map_err(|error| Failure::io("read", &args.proof, &error))?;
    let client = app.client()?;
    let mesh = client.mesh().await?;
    let proof = ForkProof::parse(&bytes);
    let checked = proof
        .and_then(|proof| proof.verify(Some(&mesh.id)))
        .map_err(|fault| Failure::new(Code::BadProof, format!("{} does not hold: {fault}", args.proof.display())))?;
    // What stays is all that this node's voters vouch for: whatever else was signed of the other history is refused with it.
    let kept = client.checkpoint().await?.map(|newest| (newest.counted.size, Digest(*newest.counted.root.as_bytes())));
    let (mut is_ours, mut refused) = (false, None);
    for counted in &checked.checkpoints {
        let root = Digest(*counted.root.as_bytes());
        match client.ledger_head(Some(counted.size)).await {
            Ok(head) if head.root == root => is_ours = true,
            Ok(_) => refused = Some((counted.size, root)),
            Err(error) if error.code == Code::NotCaughtUp => {}
            Err(error) => return Err(error.into()),
        }
    }
    let (Some((size, root)), Some((refused_size, refused_root)), true) = (kept, refused, is_ours) else {
        let message = "the node's ledger is neither of the two histories of the proof, or both";
        return Err(Failure::new(Code::Duplicate, message).hint("ask a node that has the history which is to stay"));
    };
    app.note(format!("stays: root {root} of {size} leaves, which this node has"));
    app.note(format!("refused: root {refused_root} of {refused_size} leaves"));
    app.confirm("refuse the other history for good?").await?;
    let body = ResolveFork { proof: Digest::of(&bytes), size, root, refused_size, refused_root, reason: args.reason };
    propose(app, &client, ProposalBody::ResolveFork(body), Signers::default(), &args.proposing).await
}
