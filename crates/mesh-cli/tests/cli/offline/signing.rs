//! What a signer reads before signing a council matter, far from every node.

use std::io::Read as _;
use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mesh_event::proposal::{Approve, EnactStandard, ProposalBody, Propose};
use mesh_event::{Body, Command, Envelope, Keypair, Signer, standard_digest};
use mesh_model::{CommandId, Digest, Enforcement, MeshId, Rule, RuleSeverity, Standard, StandardKind, Version};
use serde_json::{Value, json};

use crate::support::machine::Machine;

const MESH: MeshId = MeshId([7; 32]);

fn key(machine: &Machine, file: &str) -> Keypair {
    machine.ok(&["key", "new", "--out", file]);
    Keypair::from_pem(&machine.read(file)).unwrap()
}

/// Version 1.n of a standard whose only rule is this.
fn standard(minor: u32, expression: &str) -> Standard {
    Standard {
        id: "retention".parse().unwrap(),
        version: Version { major: 1, minor, patch: 0 },
        title: "How long data stays".into(),
        kind: StandardKind::Policy,
        text: "First line.\nSecond line.".into(),
        selector: String::new(),
        rules: vec![Rule {
            id: "defined".parse().unwrap(),
            expression: expression.into(),
            severity: RuleSeverity::High,
            message: "nothing says how long".into(),
            remediation: "say it".into(),
        }],
        enforcement: Enforcement::Block,
        effective_from: String::new(),
        grace_days: 30,
        tests: Vec::new(),
        detail: None,
    }
}

const BEFORE: &str = "retention_period != null";
const AFTER: &str = "retention_period != null && retention_period <= 3650";

fn enactment() -> Body {
    let supersedes = Some(standard(0, BEFORE).version);
    let body = ProposalBody::EnactStandard(EnactStandard { standard: standard(1, AFTER), supersedes });
    let summary = "3 of 20 products would violate it".into();
    Body::Propose(Propose { body, closes_unix_ms: 1_800_000_000_000, summary, council_version: 5 })
}

fn signed(author: &Keypair, body: Body) -> Envelope {
    let id = CommandId([9; 16]);
    let command = Command { mesh_id: MESH, id, author: author.public_key(), expires_unix_ms: 1_800_000_000_000, body };
    command.sign(&[author]).unwrap()
}

fn file(envelope: &Envelope, more: Value) -> String {
    let mut file = json!({
        "format": "datamesh-command-v1",
        "mesh_name": "acme",
        "mesh_id": MESH,
        "envelope": STANDARD.encode(envelope.bytes()),
    });
    let Value::Object(more) = more else { unreachable!() };
    file.as_object_mut().unwrap().extend(more);
    file.to_string()
}

/// What would bring a version back: how a file says what is replaced.
fn before(standard: Standard) -> String {
    STANDARD.encode(ProposalBody::EnactStandard(EnactStandard { standard, supersedes: None }).encode())
}

/// The two keys of most tests: whose file it is, and who signs.
fn people() -> (Machine, Keypair) {
    let machine = Machine::new();
    let author = key(&machine, "author.pem");
    key(&machine, "ada.pem");
    (machine, author)
}

fn read(machine: &Machine) -> String {
    machine.refused(2, &["sign", "f.meshcmd", "--key", "ada.pem"])
}

#[test]
fn a_signer_reads_the_whole_text_and_what_it_changes() {
    let (machine, author) = people();
    let replaces = json!({ "replaces": before(standard(0, BEFORE)) });
    machine.write("f.meshcmd", &file(&signed(&author, enactment()), replaces));
    let shown = read(&machine);
    let digest = standard_digest(&standard(0, BEFORE)).to_string();
    for part in [
        "acme",
        "EnactStandard",
        "council version 5",
        "3 of 20 products",
        "Second line.",
        "as this file says: compare its digest with `mesh standard show retention@1.0.0`",
        digest.as_str(),
    ] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    let gone = shown.lines().filter(|line| line.starts_with('-')).filter(|line| line.ends_with(BEFORE)).count();
    let come = shown.lines().filter(|line| line.starts_with('+')).filter(|line| line.ends_with(AFTER)).count();
    assert_eq!((gone, come), (1, 1), "{shown}");
    // It stays in the file for the next signer.
    machine.ok(&["sign", "f.meshcmd", "--key", "ada.pem", "--yes"]);
    key(&machine, "ben.pem");
    assert!(machine.refused(2, &["sign", "f.meshcmd", "--key", "ben.pem"]).contains(&digest));
}

#[test]
fn a_file_that_does_not_say_what_is_replaced_shows_the_text_and_is_signed() {
    let (machine, author) = people();
    machine.write("f.meshcmd", &file(&signed(&author, enactment()), json!({})));
    let shown = read(&machine);
    assert!(
        shown.contains("in place of     1.0.0") && shown.contains(AFTER) && !shown.contains("what changes"),
        "{shown}"
    );
    machine.ok(&["sign", "f.meshcmd", "--key", "ada.pem", "--yes"]);
    assert!(!machine.read("f.meshcmd").contains("replaces"));
}

#[test]
fn whoever_approves_off_line_reads_what_the_digest_names() {
    let (machine, author) = people();
    let proposal = signed(&author, enactment());
    let approve = |digest| signed(&author, Body::Approve(Approve { proposal: 41, digest, council_version: 5 }));
    let beside = json!({ "proposal": STANDARD.encode(proposal.bytes()), "replaces": before(standard(0, BEFORE)) });
    machine.write("f.meshcmd", &file(&approve(Digest::of(proposal.payload())), beside.clone()));
    let shown = read(&machine);
    assert!(
        shown.contains("proposal 41") && shown.contains("Second line.") && shown.contains("what changes"),
        "{shown}"
    );
    // The text of another proposal is not taken for that of this one.
    machine.write("f.meshcmd", &file(&approve(Digest::of(b"another")), beside));
    let refused = machine.refused(3, &["sign", "f.meshcmd", "--key", "ada.pem", "--yes"]);
    assert!(refused.contains("does not belong to the command"), "{refused}");
}

#[test]
fn what_was_put_into_a_file_from_elsewhere_is_refused() {
    let (machine, author) = people();
    let other = Standard { id: "naming".parse().unwrap(), ..standard(0, BEFORE) };
    let suspend = Body::Propose(Propose {
        body: ProposalBody::SetProtocol(mesh_event::proposal::SetProtocol { protocol_version: 2 }),
        closes_unix_ms: 1_800_000_000_000,
        summary: String::new(),
        council_version: 5,
    });
    let protocol = ProposalBody::SetProtocol(mesh_event::proposal::SetProtocol { protocol_version: 2 });
    for (body, beside, why) in [
        (enactment(), json!({ "replaces": before(other) }), "does not belong"),
        (enactment(), json!({ "replaces": before(standard(7, BEFORE)) }), "does not belong"),
        (enactment(), json!({ "replaces": STANDARD.encode(protocol.encode()) }), "replaces nothing"),
        (enactment(), json!({ "replaces": STANDARD.encode(b"x") }), "replaces: "),
        (suspend, json!({ "replaces": before(standard(0, BEFORE)) }), "does not belong"),
        (enactment(), json!({ "proposal": STANDARD.encode(signed(&author, enactment()).bytes()) }), "does not belong"),
    ] {
        machine.write("f.meshcmd", &file(&signed(&author, body), beside));
        let refused = machine.refused(3, &["sign", "f.meshcmd", "--key", "ada.pem", "--yes"]);
        assert!(refused.contains(why), "{why} in {refused}");
    }
}

#[test]
fn ctrl_c_is_heard_while_a_question_waits_for_its_answer() {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let (machine, author) = people();
    machine.write("f.meshcmd", &file(&signed(&author, enactment()), json!({})));
    let before = machine.read("f.meshcmd");
    // A terminal on which nobody types.
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap().into_string().unwrap();
    let stdin = std::fs::OpenOptions::new().read(true).write(true).open(name).unwrap();
    let mut command = machine.command(&["sign", "f.meshcmd", "--key", "ada.pem"]);
    let mut child = command.stdin(Stdio::from(stdin)).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = Vec::new();
    let mut stderr = child.stderr.take().unwrap();
    let mut byte = [0];
    while !said.ends_with(b"[y/N] ") {
        stderr.read_exact(&mut byte).unwrap();
        said.push(byte[0]);
    }
    let id = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest}");
    assert!(rest.contains("interrupted; nothing was sent"), "{rest}");
    assert_eq!(machine.read("f.meshcmd"), before);
}
