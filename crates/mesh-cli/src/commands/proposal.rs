//! `mesh proposal`: what the council is asked, and answering it.

use clap::{Args, Subcommand};
use mesh_client::Client;
use mesh_client::proposals::{ProposalPage, ProposalView, Vote};
use mesh_event::proposal::{Approve, Comment, ProposalBody, Propose, Reject, Withdraw};
use mesh_event::{Body, Command, SignedCommand, Signer as _};
use mesh_model::LedgerIndex;
use serde_json::json;

use super::proposal_open::{self, OpenArgs};
use crate::app::App;
use crate::command_file::{Beside, changes_or_none, describe_command, named};
use crate::failure::Failure;
use crate::governance::{SigningArgs, report};
use crate::key_argument::Signers;
use crate::lines::Lines;
use crate::output::{Row, print_stderr, printable};
use crate::proposing::speak;
use crate::replaced::Replaced;
use crate::style::Style;
use crate::time;

/// Council matters: what is proposed, and answering it.
#[derive(Debug, Args)]
pub(crate) struct ProposalArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Opens a matter of the mesh itself: voters, nodes, protocol. Others are opened by their nouns: standard, waiver, council, domain, role
    Open(Box<OpenArgs>),
    /// Lists what waits for your signature; without a council key, what is open
    List {
        /// Everything that was ever proposed
        #[arg(long, conflicts_with = "open")]
        all: bool,
        /// Everything that is open, whoever has to sign
        #[arg(long)]
        open: bool,
    },
    /// Shows one proposal: its full text, who is for it, what was said
    Show {
        /// The ledger index that opened it
        index: LedgerIndex,
    },
    /// Signs for a proposal, after showing it
    Approve(AnswerArgs),
    /// Signs against a proposal
    Reject {
        #[command(flatten)]
        answer: AnswerArgs,
        /// Why; it stays in the ledger
        #[arg(long, value_parser = clap::builder::NonEmptyStringValueParser::new())]
        reason: String,
    },
    /// Takes your own proposal back
    Withdraw {
        #[command(flatten)]
        answer: AnswerArgs,
        /// Why; it stays in the ledger
        #[arg(long, value_parser = clap::builder::NonEmptyStringValueParser::new())]
        reason: String,
    },
    /// Says something about a proposal; it stays in the ledger
    Comment {
        #[command(flatten)]
        answer: AnswerArgs,
        /// What. Never a person's name
        text: String,
    },
}

#[derive(Debug, Args)]
struct AnswerArgs {
    /// The ledger index that opened it
    index: LedgerIndex,
    #[command(flatten)]
    signing: SigningArgs,
}

impl Row for ProposalView {
    fn columns(wide: bool) -> Vec<&'static str> {
        let mut columns = vec!["index", "kind", "subject", "status", "for", "against", "closes", "missing"];
        if wide {
            columns.extend(["opened", "author", "comments", "summary"]);
        }
        columns
    }
    fn cells(&self, wide: bool) -> Vec<String> {
        let mut cells = vec![
            self.index.to_string(),
            self.kind.clone(),
            printable(&self.subject),
            self.status.clone(),
            self.approvals.len().to_string(),
            self.rejections.len().to_string(),
            time::show(self.closes_unix_ms),
            self.missing.join("; "),
        ];
        if wide {
            cells.extend([
                time::show(self.opened_unix_ms),
                self.author.fingerprint(),
                self.comments.to_string(),
                printable(&self.summary),
            ]);
        }
        cells
    }
    fn name(&self) -> String {
        self.index.to_string()
    }
}

pub(crate) async fn run(args: ProposalArgs, app: &App) -> Result<(), Failure> {
    let client = app.client()?;
    match args.action {
        Action::Open(args) => proposal_open::run(*args, app, &client).await,
        Action::List { all, open } => list(app, &client, all, open).await,
        Action::Show { index } => show(app, &client, index).await,
        Action::Approve(answer) => approve(app, &client, answer).await,
        Action::Reject { answer, reason } => {
            let page = client.proposal(answer.index).await?;
            let command = page.command(&client.mesh().await?.id)?;
            let beside = seen(&client, &page, command, &answer.signing).await?;
            let ProposalView { index: proposal, digest, council_version, .. } = page.proposal;
            let body = Body::Reject(Reject { proposal, digest, council_version, reason });
            answered(app, &client, body, &answer.signing, beside, &format!("against proposal {proposal}")).await
        }
        Action::Withdraw { answer, reason } => {
            let proposal = answer.index;
            let body = Body::Withdraw(Withdraw { proposal, reason });
            answered(
                app,
                &client,
                body,
                &answer.signing,
                Beside::default(),
                &format!("proposal {proposal} is withdrawn"),
            )
            .await
        }
        Action::Comment { answer, text } => {
            let proposal = answer.index;
            let body = Body::Comment(Comment { proposal, text });
            answered(app, &client, body, &answer.signing, Beside::default(), &format!("said about proposal {proposal}"))
                .await
        }
    }
}

async fn list(app: &App, client: &Client, all: bool, open: bool) -> Result<(), Failure> {
    // Only what somebody can act on is shown as waiting for them.
    let mine = match app.signer_if_any()? {
        Some(key) if !all && !open => {
            let seated = client.council().await?.council.seats.iter().any(|seat| seat.key == key.public_key());
            seated.then(|| key.public_key())
        }
        _ => None,
    };
    let listing = client.proposals(all, mine).await?;
    app.output().list("proposals", &listing.items, json!({ "waiting_for": mine, "freshness": listing.freshness }))?;
    if listing.items.is_empty() {
        app.note(match mine {
            Some(_) => "nothing waits for your signature; --open lists what waits for others",
            None if all => "nothing was proposed yet",
            None => "nothing is open; --all lists what was decided",
        });
    }
    Ok(())
}

async fn show(app: &App, client: &Client, index: LedgerIndex) -> Result<(), Failure> {
    let page = client.proposal(index).await?;
    let mesh = client.mesh().await?;
    let command = page.command(&mesh.id)?;
    let text = describe_command(command.command());
    let changes = changes(client, &page, command.command()).await?;
    let document = json!({
        "proposal": page.proposal, "remarks": page.remarks, "text": text,
        "changes": changes.as_ref().map(|(_, changes)| changes), "freshness": page.freshness,
    });
    app.output().one(&document, &index.to_string(), |style| told(&page, &text, changes.as_ref(), style))
}

/// What a proposal would replace as the node has it, and what differs.
async fn changes(
    client: &Client,
    page: &ProposalPage,
    command: &Command,
) -> Result<Option<(Replaced, String)>, Failure> {
    let Body::Propose(Propose { body, .. }) = &command.body else { return Ok(None) };
    // Versions of standards stay; of the rest only what is in force now can be told.
    if page.proposal.status != "open" && !matches!(body, ProposalBody::EnactStandard(_)) {
        return Ok(None);
    }
    let before = Replaced::in_force(client, body, page.proposal.council_version).await?;
    Ok(before.map(|before| {
        let changes = changes_or_none(&before, body);
        (before, changes)
    }))
}

/// The heading of what differs.
fn heading(before: &Replaced) -> String {
    format!("what changes, with {} as this node has it:", before.source().0)
}

fn told(page: &ProposalPage, text: &str, changes: Option<&(Replaced, String)>, style: Style) -> String {
    let proposal = &page.proposal;
    let mut lines = Lines::default();
    lines.add(style.bold(&format!(
        "proposal {}: {} of {}",
        proposal.index,
        proposal.kind,
        printable(&proposal.subject)
    )));
    lines.add(format!("it {}", proposal.status_text));
    for what in &proposal.missing {
        lines.add(format!("missing: {what}"));
    }
    if !proposal.summary.is_empty() {
        lines.add(format!("impact: {}", printable(&proposal.summary)));
    }
    lines.add("");
    lines.add(text.trim_end());
    lines.add("");
    if let Some((before, changes)) = changes {
        lines.add(heading(before));
        for line in changes.lines() {
            lines.add(match line.chars().next() {
                Some('+') => style.green(line),
                Some('-') => style.red(line),
                _ => line.to_owned(),
            });
        }
        lines.add("");
    }
    let by = |vote: &Vote| format!("{} at {}", named(&vote.key), vote.ledger_index);
    for vote in &proposal.approvals {
        lines.add(format!("for      {}", by(vote)));
    }
    for vote in &proposal.rejections {
        lines.add(format!("against  {}", by(vote)));
    }
    for remark in &page.remarks {
        let (when, who) = (time::show(remark.at_unix_ms), remark.key.fingerprint());
        lines.add(format!("{when} {who}: {}", printable(&remark.text)));
    }
    lines.into_text()
}

async fn approve(app: &App, client: &Client, answer: AnswerArgs) -> Result<(), Failure> {
    let page = client.proposal(answer.index).await?;
    let mesh = client.mesh().await?;
    let command = page.command(&mesh.id)?;
    // Nobody signs unread: the text comes from the signed bytes, whose digest the approval names.
    print_stderr(&format!("mesh            {} ({})\n", mesh.id, printable(&mesh.name)));
    print_stderr(&describe_command(command.command()));
    if !page.proposal.summary.is_empty() {
        print_stderr(&format!("impact          {}\n", printable(&page.proposal.summary)));
    }
    if let Some((before, changes)) = changes(client, &page, command.command()).await? {
        print_stderr(&format!("\n{}\n{changes}\n", heading(&before)));
    }
    print_stderr(&format!("digest          {}\n", page.proposal.digest));
    app.confirm(&format!("sign for proposal {}?", answer.index)).await?;
    let beside = seen(client, &page, command, &answer.signing).await?;
    let ProposalView { index: proposal, digest, council_version, .. } = page.proposal;
    let body = Body::Approve(Approve { proposal, digest, council_version });
    answered(app, client, body, &answer.signing, beside, &format!("for proposal {proposal}")).await?;
    if answer.signing.out.is_none() {
        let page = client.proposal(proposal).await?;
        app.note(format!("it {}", page.proposal.status_text));
        for what in &page.proposal.missing {
            app.note(format!("missing: {what}"));
        }
    }
    Ok(())
}

/// What goes along with an answer that others are to sign: the proposal itself, and what it replaces.
async fn seen(
    client: &Client,
    page: &ProposalPage,
    proposal: SignedCommand,
    signing: &SigningArgs,
) -> Result<Beside, Failure> {
    if signing.out.is_none() {
        return Ok(Beside::default());
    }
    let replaces = changes(client, page, proposal.command()).await?.map(|(before, _)| before);
    Ok(Beside { proposal: Some(proposal), replaces })
}

async fn answered(
    app: &App,
    client: &Client,
    body: Body,
    signing: &SigningArgs,
    beside: Beside,
    what: &str,
) -> Result<(), Failure> {
    let council = client.council().await?.council;
    let acknowledgement = speak(app, client, body, &council, Signers::default(), signing, beside).await?;
    report(app, what, acknowledgement.as_ref());
    Ok(())
}
