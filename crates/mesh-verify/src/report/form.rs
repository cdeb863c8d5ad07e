//! The report's three forms.

use serde_json::json;

use super::Row;
use super::time;
use crate::check::Verified;

/// Columns, in the order of every form.
const COLUMNS: [&str; 14] = [
    "index",
    "when",
    "author",
    "role",
    "signers",
    "command",
    "subject",
    "way",
    "council_version",
    "standards",
    "code",
    "outcome",
    "detail",
    "verdict",
];

fn cells(row: &Row) -> [String; 14] {
    [
        row.index.to_string(),
        row.when.clone(),
        row.author.clone(),
        row.role.clone(),
        row.signers.join(" "),
        row.command.clone(),
        row.subject.clone(),
        row.way.clone(),
        row.council_version.to_string(),
        row.standards.join(" "),
        row.code.clone(),
        row.outcome.clone(),
        row.detail.clone(),
        row.verdict.clone(),
    ]
}

/// A page with one table; the columns that people compare by hand are in the other forms.
pub(super) fn markdown(verified: &Verified, rows: &[Row]) -> String {
    let header = &verified.header;
    let refused = header.size - verified.accepted;
    let mut page = format!(
        "# Audit report\n\n- mesh: `{}`\n- leaves: {} ({} accepted, {refused} refused)\n- last leaf: {}\n- root: `{}`\n\
         - state digest: `{}`\n",
        header.mesh_id,
        header.size,
        verified.accepted,
        time(verified.last_stamp_unix_ms),
        header.root,
        header.state_digest
    );
    if verified.checkpoints.is_empty() {
        page += "- checkpoints: none, so nobody but the exporter says that this is the whole ledger\n";
    }
    for checkpoint in &verified.checkpoints {
        let by: Vec<String> = checkpoint.cosigned_by.iter().map(ToString::to_string).collect();
        let (size, voters) = (checkpoint.size, checkpoint.voters);
        page.extend(["- checkpoint: ", &size.to_string(), " leaves, cosigned by nodes ", &by.join(", ")]);
        page.extend([" of ", &voters.to_string(), " voters\n"]);
    }
    page += "\n| leaf | when | who | as | what | about | way | council | standards | outcome |\n";
    page += "|---:|---|---|---|---|---|---|---:|---|---|\n";
    for row in rows {
        let outcome = match row.detail.as_str() {
            "" => row.outcome.clone(),
            detail => format!("{} ({}): {detail}", row.outcome, row.code),
        };
        let who = match row.signers.len() {
            0 | 1 => row.author.clone(),
            signers => format!("{} and {} more", row.author, signers - 1),
        };
        let cells = [
            row.index.to_string(),
            row.when.clone(),
            who,
            row.role.clone(),
            row.command.clone(),
            row.subject.clone(),
            row.way.clone(),
            row.council_version.to_string(),
            row.standards.join(", "),
            outcome,
        ];
        page.extend(["| ", &cells.map(|cell| cell_text(&cell)).join(" | "), " |\n"]);
    }
    page
}

/// A text of the ledger as a cell: nothing in it makes a cell, a line, a link or a tag of its own.
fn cell_text(text: &str) -> String {
    let mut cell = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' => cell.extend(['\\', c]),
            '<' => cell += "&lt;",
            '>' => cell += "&gt;",
            '&' => cell += "&amp;",
            c if c.is_control() => cell.push(' '),
            c => cell.push(c),
        }
    }
    cell
}

/// RFC 4180. A text that a spreadsheet would run as a formula gets an apostrophe in front.
pub(super) fn csv(rows: &[Row]) -> String {
    let line = |cells: Vec<String>| cells.join(",") + "\r\n";
    let mut file = line(COLUMNS.map(str::to_owned).to_vec());
    for row in rows {
        file += &line(cells(row).iter().map(|cell| field(cell)).collect());
    }
    file
}

fn field(cell: &str) -> String {
    let cell = if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell.to_owned() };
    if cell.contains(['"', ',', '\r', '\n']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
}

pub(super) fn json(verified: &Verified, rows: &[Row]) -> String {
    let header = &verified.header;
    let checkpoints: Vec<_> = (verified.checkpoints.iter())
        .map(|checkpoint| {
            json!({
                "size": checkpoint.size,
                "cosigned_by": checkpoint.cosigned_by,
                "voters": checkpoint.voters,
                "time_unix_s": checkpoint.time_unix_s,
            })
        })
        .collect();
    let report = json!({
        "mesh_id": header.mesh_id,
        "size": header.size,
        "accepted": verified.accepted,
        "root": header.root.to_string(),
        "state_digest": header.state_digest,
        "last_stamp_unix_ms": verified.last_stamp_unix_ms,
        "checkpoints": checkpoints,
        "leaves": rows,
    });
    format!("{report:#}\n")
}
