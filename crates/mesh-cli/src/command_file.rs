//! `.meshcmd` files: a root or council command on its way from signer to signer.
//!
//! The file is self-contained, so that a key which never touches a network can sign: the exact envelope bytes, and the
//! mesh's id and name. What people read before they sign is derived from the verified bytes whenever it is shown; a
//! summary that travelled in the file could lie. Two things may travel beside them: the proposal that a seat answers, whose digest
//! the signed bytes name, and what the matter replaces, which nobody can check off-line and which is shown as such.

use std::fmt::Write as _;

use mesh_event::command::CommandError;
use mesh_event::{Body, Command, Envelope, EnvelopeError, ProposalBody, SignedCommand, Signer};
use mesh_model::{Digest, MeshId, PublicKey};
use serde::{Deserialize, Serialize};

pub(crate) use crate::command_text::{describe_command, named, printable};
use crate::replaced::Replaced;
use crate::text_bytes::TextBytes;

const FORMAT: &str = "datamesh-command-v1";

/// The ending of such files.
pub(crate) const ENDING: &str = "meshcmd";

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    format: String,
    /// What the file's maker calls the mesh: a name for people, checked by nobody.
    mesh_name: String,
    mesh_id: MeshId,
    envelope: TextBytes,
    /// Of an approval or rejection: the exact envelope that opened the proposal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    proposal: Option<TextBytes>,
    /// What the author's node had in force in the place of which this would come: the bytes of the matter that would bring it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replaces: Option<TextBytes>,
}

/// What travels beside a command, for those who sign it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Beside {
    /// Of an approval or rejection: the proposal.
    pub(crate) proposal: Option<SignedCommand>,
    /// What the matter would come in the place of.
    pub(crate) replaces: Option<Replaced>,
}

/// A command file whose signatures verify.
#[derive(Debug, Clone)]
pub(crate) struct CommandFile {
    mesh_name: String,
    command: SignedCommand,
    beside: Beside,
}

/// Why a text is no command file, or a step with it was refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandFileError {
    #[error("not a .meshcmd file: {0}")]
    Form(String),
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error("{0} travels through its domain's feed and needs one signature; `mesh apply` and its kin send it")]
    DomainCommand(&'static str),
    #[error("the key {0} signed this already")]
    SignedAlready(String),
    #[error("{what} in the file does not belong to the command: expected {expected}, found {found}")]
    Foreign { what: &'static str, expected: String, found: String },
}

impl From<EnvelopeError> for CommandFileError {
    fn from(error: EnvelopeError) -> Self {
        Self::Command(error.into())
    }
}

impl CommandFile {
    /// Signs a new command with the keys at hand; the first of them is the author.
    pub(crate) fn create(
        mesh_name: &str,
        command: &Command,
        signers: &[&dyn Signer],
    ) -> Result<Self, CommandFileError> {
        Self::of(mesh_name.to_owned(), command.sign(signers)?, &command.mesh_id)
    }

    /// The same with what those who sign should see beside it.
    pub(crate) fn beside(self, beside: Beside) -> Result<Self, CommandFileError> {
        let file = Self { beside, ..self };
        file.check_beside()?;
        Ok(file)
    }

    /// Reads a file and verifies it.
    pub(crate) fn parse(text: &str) -> Result<Self, CommandFileError> {
        let form: Form = serde_json::from_str(text).map_err(|error| CommandFileError::Form(error.to_string()))?;
        if form.format != FORMAT {
            return Err(CommandFileError::Form(format!("its format is {:?}; expected {FORMAT:?}", form.format)));
        }
        let read = |bytes: TextBytes| SignedCommand::verify(Envelope::parse(bytes.0)?, &form.mesh_id);
        let replaced = |bytes: TextBytes| {
            let body =
                ProposalBody::decode(&bytes.0).map_err(|error| CommandFileError::Form(format!("replaces: {error}")))?;
            let kind = body.kind();
            Replaced::of(body).ok_or_else(|| CommandFileError::Form(format!("replaces: a {kind} replaces nothing")))
        };
        let beside = Beside {
            proposal: form.proposal.map(read).transpose()?,
            replaces: form.replaces.map(replaced).transpose()?,
        };
        Self::of(form.mesh_name, Envelope::parse(form.envelope.0)?, &form.mesh_id)?.beside(beside)
    }

    fn of(mesh_name: String, envelope: Envelope, mesh: &MeshId) -> Result<Self, CommandFileError> {
        let command = SignedCommand::verify(envelope, mesh)?;
        if command.command().body.feed_domain().is_some() {
            return Err(CommandFileError::DomainCommand(command.command().body.kind()));
        }
        Ok(Self { mesh_name, command, beside: Beside::default() })
    }

    /// Whether what travels beside the command is what the signed bytes speak of.
    fn check_beside(&self) -> Result<(), CommandFileError> {
        let foreign = |what, expected: String, found: String| CommandFileError::Foreign { what, expected, found };
        if let Some(proposal) = &self.beside.proposal {
            let found = Digest::of(proposal.envelope().payload());
            let expected = match &self.command().body {
                Body::Approve(body) => body.digest,
                Body::Reject(body) => body.digest,
                body => return Err(foreign("the proposal", "none".into(), format!("one beside a {}", body.kind()))),
            };
            if found != expected {
                return Err(foreign("the proposal", format!("digest {expected}"), format!("digest {found}")));
            }
        }
        if let Some(replaces) = &self.beside.replaces
            && !self.matter().is_some_and(|matter| replaces.is_before(matter))
        {
            let expected = self.matter().map_or("a command without it", ProposalBody::kind);
            return Err(foreign(
                "what is replaced",
                format!("what {expected} comes in the place of"),
                replaces.source().0,
            ));
        }
        Ok(())
    }

    /// The council matter that the signature is about.
    fn matter(&self) -> Option<&ProposalBody> {
        let about = self.beside.proposal.as_ref().map_or(self.command(), SignedCommand::command);
        match &about.body {
            Body::Propose(proposal) => Some(&proposal.body),
            _ => None,
        }
    }

    /// The file's text.
    pub(crate) fn to_text(&self) -> String {
        let form = Form {
            format: FORMAT.to_owned(),
            mesh_name: self.mesh_name.clone(),
            mesh_id: self.mesh_id(),
            envelope: TextBytes(self.command.envelope().bytes().to_vec()),
            proposal: self.beside.proposal.as_ref().map(|proposal| TextBytes(proposal.envelope().bytes().to_vec())),
            replaces: self.beside.replaces.as_ref().map(|replaces| TextBytes(replaces.encode())),
        };
        let mut text = serde_json::to_string_pretty(&form).expect("a command file is plain data");
        text.push('\n');
        text
    }

    /// The same command with one more signature.
    pub(crate) fn with_signature(&self, signer: &dyn Signer) -> Result<Self, CommandFileError> {
        let key = signer.public_key();
        if self.signers().any(|signed| signed == key) {
            return Err(CommandFileError::SignedAlready(key.fingerprint()));
        }
        let envelope = self.command.envelope().with_signature(signer)?;
        Self::of(self.mesh_name.clone(), envelope, &self.mesh_id())?.beside(self.beside.clone())
    }

    /// The mesh that it is for.
    pub(crate) fn mesh_id(&self) -> MeshId {
        self.command.command().mesh_id
    }
    /// The command with its verified signatures.
    pub(crate) fn signed(&self) -> &SignedCommand {
        &self.command
    }
    /// What it says.
    pub(crate) fn command(&self) -> &Command {
        self.command.command()
    }
    /// The exact bytes.
    pub(crate) fn envelope(&self) -> &Envelope {
        self.command.envelope()
    }
    /// Who signed.
    pub(crate) fn signers(&self) -> impl Iterator<Item = PublicKey> + '_ {
        self.command.signers().iter().copied()
    }

    /// The keys that the command adds and that have not signed: each has to prove once that somebody holds it. A key
    /// that holds a right in the mesh already has done so before; the file can't know.
    pub(crate) fn unproven_keys(&self) -> Vec<PublicKey> {
        let mut keys = added_keys(&self.command().body);
        keys.retain(|key| !self.command.signers().contains(key));
        keys
    }

    /// Everything that a signer has to know, from the verified bytes.
    pub(crate) fn describe(&self) -> String {
        let command = self.command();
        let mut text = String::new();
        let mut line = |label: &str, value: &str| writeln!(text, "{label:<16}{value}").expect("writing to a string");
        line("mesh", &format!("{} (this file calls it {})", command.mesh_id, printable(&self.mesh_name)));
        text.push_str(&describe_command(command));
        if let Some(proposal) = &self.beside.proposal {
            text.push_str("\nthe proposal, which the signed digest names:\n");
            text.push_str(&describe_command(proposal.command()));
        }
        if let (Some(replaces), Some(matter)) = (&self.beside.replaces, self.matter()) {
            let (what, place, digest) = replaces.source();
            writeln!(text, "\nwhat changes, if {what} is as this file says: compare its digest with `{place}`")
                .expect("writing to a string");
            writeln!(text, "{:<16}{digest}", "digest before").expect("writing to a string");
            text.push_str(&changes_or_none(replaces, matter));
            text.push('\n');
        }
        let mut line = |label: &str, value: &str| writeln!(text, "{label:<16}{value}").expect("writing to a string");
        line("digest", &Digest::of(self.envelope().payload()).to_string());
        for signer in self.signers() {
            line("signed by", &named(&signer));
        }
        for key in self.unproven_keys() {
            line("must sign too", &format!("{}, unless it holds a right in this mesh already", named(&key)));
        }
        text
    }
}

/// What differs, or that nothing does.
pub(crate) fn changes_or_none(replaces: &Replaced, matter: &ProposalBody) -> String {
    let changes = replaces.changes(matter);
    if changes.is_empty() { "nothing changes\n".to_owned() } else { changes }
}

/// Keys that a command gives rights to, each once, in its order.
pub(crate) fn added_keys(body: &Body) -> Vec<PublicKey> {
    let mut keys = Vec::new();
    let mut add = |key: PublicKey| {
        if !keys.contains(&key) {
            keys.push(key);
        }
    };
    match body {
        Body::AdmitDomains(body) => {
            for domain in &body.domains {
                domain.root_keys.iter().copied().for_each(&mut add);
                domain.roles.iter().map(|grant| grant.key).for_each(&mut add);
            }
        }
        Body::GrantRole(body) => add(body.grant.key),
        Body::RotateDomainKeys(body) => body.root_keys.iter().copied().for_each(&mut add),
        Body::Propose(proposal) => proposal.body.named_keys().into_iter().for_each(&mut add),
        _ => {}
    }
    keys
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use mesh_event::Keypair;
    use mesh_event::command::{GrantRole, RetireProduct, RoleGrant};
    use mesh_model::{CommandId, Role};
    use zeroize::Zeroizing;

    fn keypair(n: u8) -> Keypair {
        Keypair::from_seed(&Zeroizing::new([n; 32]))
    }

    fn command(body: Body) -> Command {
        let author = keypair(1).public_key();
        Command { mesh_id: MeshId([7; 32]), id: CommandId([9; 16]), author, expires_unix_ms: 1_800_000_000_000, body }
    }

    fn grant() -> Body {
        let grant = RoleGrant { key: keypair(2).public_key(), role: Role::DataProductOwner };
        Body::GrantRole(GrantRole { domain: Some("orders".parse().unwrap()), grant, roster_version: 3 })
    }

    #[test]
    fn collects_signatures_and_keeps_the_signed_bytes() {
        let file = CommandFile::create("acme", &command(grant()), &[&keypair(1)]).unwrap();
        assert_eq!(file.unproven_keys(), [keypair(2).public_key()]);
        let signed = CommandFile::parse(&file.to_text()).unwrap().with_signature(&keypair(2)).unwrap();
        assert_eq!(signed.envelope().payload(), file.envelope().payload());
        assert_eq!(signed.signers().count(), 2);
        assert!(signed.unproven_keys().is_empty());
        let again = signed.with_signature(&keypair(2)).unwrap_err();
        assert!(matches!(again, CommandFileError::SignedAlready(_)));
    }

    #[test]
    fn a_file_relabelled_for_another_mesh_is_refused() {
        let file = CommandFile::create("acme", &command(grant()), &[&keypair(1)]).unwrap();
        let forged = file.to_text().replace(&MeshId([7; 32]).to_string(), &MeshId([8; 32]).to_string());
        assert!(matches!(CommandFile::parse(&forged), Err(CommandFileError::Command(CommandError::WrongMesh { .. }))));
    }

    #[test]
    fn domain_commands_are_no_files() {
        let body = RetireProduct { product: "orders/x".parse().unwrap(), version: None, reason: String::new() };
        let refused = CommandFile::create("acme", &command(Body::RetireProduct(body)), &[&keypair(1)]);
        assert!(matches!(refused, Err(CommandFileError::DomainCommand("RetireProduct"))));
    }

    #[test]
    fn what_is_shown_comes_from_the_signed_bytes_and_cannot_hide() {
        let file = CommandFile::create("acme\u{1b}[2J\u{202e}x", &command(grant()), &[&keypair(1)]).unwrap();
        let shown = file.describe();
        assert!(!shown.contains('\u{1b}') && !shown.contains('\u{202e}'), "{shown}");
        for part in
            ["data-product-owner", "orders", "roster version  3", &keypair(2).public_key().fingerprint(), "2027-01-15"]
        {
            assert!(shown.contains(part), "{part} in {shown}");
        }
    }
}
