//! `mesh ledger`: the governance ledger, leaf by leaf.

use clap::{Args, Subcommand};
use futures::StreamExt as _;
use mesh_event::ledger::LeafEntry;
use mesh_event::{Body, Envelope, EventKind, FeedEvent, GenesisDocument, LedgerLeaf};
use mesh_event::{Command as SignedBody, envelope};
use mesh_model::{LedgerIndex, UnixMs};
use serde::Serialize;

use super::{ledger_audit, ledger_proofs};
use crate::app::App;
use crate::failure::Failure;
use crate::output::{Row, printable};
use crate::time;

/// The ledger: everything that was decided, in its order.
#[derive(Debug, Args)]
pub(crate) struct LedgerArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Shows the ledger's last entries, or all from an index on
    Tail {
        /// The first index to show; the last 20 when absent
        #[arg(long, value_name = "INDEX")]
        from: Option<LedgerIndex>,
        /// Goes on with new entries as they come
        #[arg(long, short)]
        follow: bool,
    },
    /// Shows the newest checkpoint that a majority of voters cosigned
    Checkpoint,
    /// Gets the receipt of one leaf or version: a file that verifies off-line
    Receipt(ledger_proofs::ReceiptArgs),
    /// Prints the voters' keys as other tools take them
    Keys,
    /// Shows a checkpoint that came from elsewhere to a node, which compares it with its ledger
    Compare(ledger_proofs::CompareArgs),
    /// Asks the council to keep this node's history after a fork, and to refuse the other
    ResolveFork(ledger_proofs::ResolveForkArgs),
    /// Writes the whole ledger to one file that anybody can check
    Export(ledger_audit::ExportArgs),
    /// Checks an export, a receipt or a fork proof off-line
    Verify(ledger_audit::VerifyArgs),
    /// Shows the state at any leaf of an export, or what each leaf changed
    Replay(ledger_audit::ReplayArgs),
    /// Tells who did what when, under which council and standards, from an export
    Report(ledger_audit::ReportArgs),
}

const LAST: u64 = 20;

/// One leaf, as people and scripts read it.
#[derive(Debug, Serialize)]
struct Entry {
    index: LedgerIndex,
    at_unix_ms: UnixMs,
    kind: String,
    subject: String,
    /// The first signer's fingerprint.
    author: String,
    code: &'static str,
    detail: String,
}

impl Row for Entry {
    fn columns(_wide: bool) -> Vec<&'static str> {
        vec!["index", "time", "command", "subject", "author", "outcome"]
    }
    fn cells(&self, _wide: bool) -> Vec<String> {
        let outcome = if self.detail.is_empty() || self.code == "accepted" {
            self.code.to_owned()
        } else {
            format!("{}: {}", self.code, printable(&self.detail))
        };
        let (index, at) = (self.index.to_string(), time::show(self.at_unix_ms));
        vec![index, at, self.kind.clone(), printable(&self.subject), self.author.clone(), outcome]
    }
    fn name(&self) -> String {
        self.index.to_string()
    }
}

pub(crate) async fn run(args: LedgerArgs, app: &App) -> Result<(), Failure> {
    let (from, follow) = match args.action {
        Action::Tail { from, follow } => (from, follow),
        Action::Checkpoint => return ledger_proofs::checkpoint(app).await,
        Action::Receipt(args) => return ledger_proofs::receipt(args, app).await,
        Action::Keys => return ledger_proofs::keys(app).await,
        Action::Compare(args) => return ledger_proofs::compare(&args, app).await,
        Action::ResolveFork(args) => return ledger_proofs::resolve_fork(args, app).await,
        Action::Export(args) => return ledger_audit::export(args, app).await,
        Action::Verify(args) => return ledger_audit::verify(&args, app),
        Action::Replay(args) => return ledger_audit::replay(&args, app),
        Action::Report(args) => return ledger_audit::report(&args, app),
    };
    let client = app.client()?;
    let from = match from {
        Some(from) => from,
        None => client.ledger_head(None).await?.size.saturating_sub(LAST),
    };
    let mut entries = std::pin::pin!(client.ledger_entries(from, None, follow));
    let mut rows = Vec::new();
    while let Some(entry) = entries.next().await {
        let (index, bytes) = entry?;
        let entry = read(index, &bytes)?;
        if follow {
            app.output().item(&entry)?;
        } else {
            rows.push(entry);
        }
    }
    if follow { Ok(()) } else { app.output().list("entries", &rows, serde_json::json!({ "from": from })) }
}

fn read(index: LedgerIndex, bytes: &[u8]) -> Result<Entry, Failure> {
    let malformed = |error: &dyn std::fmt::Display| {
        Failure::new(mesh_model::Code::Malformed, format!("ledger leaf {index}: {error}"))
    };
    let leaf = LedgerLeaf::decode(bytes).map_err(|error| malformed(&error))?;
    let envelope = match leaf.entry {
        LeafEntry::Envelope(bytes) => bytes,
        LeafEntry::FeedEvent(bytes) => {
            match FeedEvent::decode_proposed(&bytes).map_err(|error| malformed(&error))?.kind {
                EventKind::Command { envelope, .. } => envelope,
                EventKind::Verdict { .. } | EventKind::Rules { .. } | EventKind::Fact { .. } => {
                    return Err(malformed(&"the event holds no command"));
                }
            }
        }
    };
    let envelope = Envelope::parse(envelope).map_err(|error| malformed(&error))?;
    let (kind, subject, author) = if envelope.payload_type() == envelope::GENESIS {
        let document = GenesisDocument::decode(envelope.payload()).map_err(|error| malformed(&error))?;
        ("Genesis".to_owned(), document.mesh_name, envelope.claimed_keys().next())
    } else {
        // What the ledger rejected may be of a kind that this build doesn't know; it is shown all the same.
        match SignedBody::decode(envelope.payload()) {
            Ok(command) => (command.body.kind().to_owned(), subject(&command.body), Some(command.author)),
            Err(_) => ("unknown".to_owned(), String::new(), envelope.claimed_keys().next()),
        }
    };
    Ok(Entry {
        index,
        at_unix_ms: leaf.stamp_unix_ms,
        kind,
        subject,
        author: author.map_or_else(String::new, |key| key.fingerprint()),
        code: leaf.outcome.code.slug(),
        detail: leaf.outcome.detail,
    })
}

/// What a command is about.
fn subject(body: &Body) -> String {
    let at = |product: &mesh_model::ProductId, version: &Option<mesh_model::Version>| {
        version.as_ref().map_or_else(|| product.to_string(), |version| format!("{product}@{version}"))
    };
    let domain = |domain: &Option<mesh_model::DomainName>| {
        domain.as_ref().map_or_else(|| "(mesh)".to_owned(), ToString::to_string)
    };
    match body {
        Body::PublishVersion(body) => body.descriptor.version_id().to_string(),
        Body::DeprecateVersion(body) => at(&body.product, &body.version),
        Body::RetireProduct(body) => at(&body.product, &body.version),
        Body::AdmitDomains(body) => {
            body.domains.iter().map(|domain| domain.name.as_str()).collect::<Vec<_>>().join(", ")
        }
        Body::GrantRole(body) => format!("{} {}", domain(&body.domain), body.grant.role),
        Body::RevokeKey(body) => format!("{} {}", domain(&body.domain), body.key.fingerprint()),
        Body::DelegateNode(body) => format!("{} to node {}", body.domain, body.node_id),
        Body::RotateDomainKeys(body) => body.domain.to_string(),
        Body::VetoRootReplacement(body) => body.domain.to_string(),
        Body::OffboardMember(body) => format!("{} {}", domain(&body.domain), body.key.fingerprint()),
        Body::Propose(body) => format!("{} {}", body.body.kind(), body.body.subject()),
        Body::Approve(body) => format!("proposal {}", body.proposal),
        Body::Reject(body) => format!("proposal {}", body.proposal),
        Body::Withdraw(body) => format!("proposal {}", body.proposal),
        Body::Comment(body) => format!("proposal {}", body.proposal),
        Body::AdmitVouchedNode(body) => format!("{} by {}", body.node.name, body.domain),
        Body::RecoverVoters(body) => format!("from {} leaves on", body.size),
        Body::FeedAnchor(body) => format!("{}/{}", body.domain, body.epoch),
        Body::ReportEquivocation(body) => format!("{}/{}", body.proof.feed.domain, body.proof.feed.epoch),
        Body::ResolveEquivocation(body) => format!("{} as reported at {}", body.domain, body.report),
        Body::Erase(body) => format!("{} {}", body.domain, body.digest.short()),
    }
}
