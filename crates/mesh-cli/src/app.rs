//! What every command gets.

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use clap::Args;
use mesh_client::{Client, ClientOptions};
use mesh_event::Keypair;
use mesh_model::{Code, MeshId};

use crate::confirm;
use crate::context::{KeySource, Places, Resolved};
use crate::failure::Failure;
use crate::keyfile;
use crate::output::{Format, Output, print_stderr, printable};
use crate::progress::Progress;
use crate::style::Style;

/// Flags that every command takes.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct GlobalArgs {
    /// A node to talk to, http://host:port or https://host:port; repeat it to fail over between several [env: MESH_NODE]
    #[arg(long, global = true, value_name = "URL", help_heading = "Global options")]
    pub(crate) node: Vec<String>,
    /// Certificates that vouch for https:// nodes, a PEM file; the system's when absent [env: MESH_CA_FILE]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub(crate) ca: Option<std::path::PathBuf>,
    /// Which councils the mesh had, as `mesh ledger verify EXPORT --councils-to FILE` wrote it; only needed where a later council than the founding one recovered lost voters [env: MESH_COUNCILS_FILE]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub(crate) councils: Option<std::path::PathBuf>,
    /// The private key to sign with, a PEM file of mode 0600 [env: MESH_KEY_FILE, or MESH_KEY with the PEM text; MESH_KEY_PASSPHRASE]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub(crate) key: Option<std::path::PathBuf>,
    /// The mesh that the node has to belong to [env: MESH_ID]
    #[arg(long, global = true, value_name = "ID", help_heading = "Global options")]
    pub(crate) mesh_id: Option<MeshId>,
    /// Use this context instead of the current one
    #[arg(long, global = true, value_name = "NAME", help_heading = "Global options")]
    pub(crate) context: Option<String>,
    /// How data is printed
    #[arg(
        short,
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "FORMAT",
        help_heading = "Global options"
    )]
    pub(crate) output: Format,
    /// Print data and errors only
    #[arg(short, long, global = true, help_heading = "Global options")]
    pub(crate) quiet: bool,
    /// No colours; NO_COLOR does the same
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) no_color: bool,
    /// Answer every question with yes
    #[arg(short, long, global = true, help_heading = "Global options")]
    pub(crate) yes: bool,
}

/// What every command gets: flags, the context they resolve to, and the ways out.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) globals: GlobalArgs,
    output: Output,
    stderr_style: Style,
    reached: Mutex<String>,
    handles_interrupts: AtomicBool,
}

impl App {
    /// Looks at the terminal and the environment; at no file yet.
    pub(crate) fn new(globals: GlobalArgs) -> Self {
        let wanted = !globals.no_color && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let output = Output::of_process(globals.output, wanted);
        let stderr_style = Style::new(wanted && std::io::stderr().is_terminal());
        Self {
            globals,
            output,
            stderr_style,
            reached: Mutex::new(String::new()),
            handles_interrupts: AtomicBool::new(false),
        }
    }

    /// Where data goes.
    pub(crate) fn output(&self) -> &Output {
        &self.output
    }

    /// Colours for stderr.
    pub(crate) fn style(&self) -> Style {
        self.stderr_style
    }

    /// Where node, mesh and key come from.
    ///
    /// # Errors
    /// When a file or variable that is looked at does not fit.
    pub(crate) fn context(&self) -> Result<Resolved, Failure> {
        let places = Places {
            nodes: self.globals.node.clone(),
            mesh_id: self.globals.mesh_id,
            key: self.globals.key.clone(),
            ca: self.globals.ca.clone(),
            councils: self.globals.councils.clone(),
            context: self.globals.context.clone(),
            ..Places::of_process()
        };
        places.resolve()
    }

    /// A client of the context's mesh; nothing is connected yet.
    ///
    /// # Errors
    /// [`Code::NoContext`] when no place names a node.
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        self.client_within(Duration::from_secs(10))
    }

    /// The same with a time limit for each call.
    ///
    /// # Errors
    /// As [`App::client`].
    pub(crate) fn client_within(&self, timeout: Duration) -> Result<Client, Failure> {
        let context = self.context()?;
        if context.nodes.is_empty() {
            return Err(Failure::new(
                Code::NoContext,
                "no node to talk to: no --node, MESH_NODE, .mesh or context names one",
            )
            .hint("`mesh up --sample` starts a local mesh; `mesh context add` names another; or set MESH_NODE"));
        }
        let user_agent = concat!("mesh/", env!("CARGO_PKG_VERSION")).to_owned();
        Ok(Client::connect(ClientOptions { timeout, user_agent, ..context.options()? })?)
    }

    /// The key to sign with.
    ///
    /// # Errors
    /// [`Code::NoContext`] when no place names one, [`Code::KeyFile`] when it cannot be used.
    pub(crate) fn signer(&self) -> Result<Keypair, Failure> {
        self.signer_if_any()?.ok_or_else(|| {
            Failure::new(
                Code::NoContext,
                "no key to sign with: no --key, MESH_KEY, MESH_KEY_FILE, .mesh or context names one",
            )
            .hint("`mesh key new` makes one; then --key FILE, or MESH_KEY_FILE")
        })
    }

    /// The key to sign with, if a place names one.
    ///
    /// # Errors
    /// [`Code::KeyFile`] when the one that is named cannot be used.
    pub(crate) fn signer_if_any(&self) -> Result<Option<Keypair>, Failure> {
        match self.context()?.key {
            None => Ok(None),
            Some(KeySource::File(path)) => keyfile::read(&path).map(Some),
            Some(KeySource::Text(pem)) => keyfile::from_text("MESH_KEY", &pem).map(Some),
        }
    }

    /// Says something on stderr, unless `-q`.
    pub(crate) fn note(&self, text: impl AsRef<str>) {
        if !self.globals.quiet {
            print_stderr(&format!("{}\n", text.as_ref()));
        }
    }

    /// Warns on stderr, unless `-q`.
    pub(crate) fn warn(&self, text: impl AsRef<str>) {
        self.note(format!("{} {}", self.stderr_style.yellow("warning:"), printable(text.as_ref())));
    }

    /// Asks before something that cannot be undone.
    ///
    /// # Errors
    /// [`Code::NotConfirmed`] when the answer is no, or there is nobody to ask and no `--yes`.
    pub(crate) async fn confirm(&self, question: &str) -> Result<(), Failure> {
        if self.globals.yes {
            return Ok(());
        }
        let before = self.reached();
        if before.is_empty() {
            self.reach("nothing was sent");
        }
        // Beside the tasks: while nobody answers, Ctrl-C is heard.
        let question = question.to_owned();
        let asked = tokio::task::spawn_blocking(move || confirm::ask(&question)).await;
        self.reach(before);
        asked.unwrap_or_else(|error| Err(Failure::internal(error.to_string())))
    }

    /// Remembers that a command goes to the mesh: from here on nobody here knows what becomes of it.
    pub(crate) fn reach_sending(&self) {
        self.reach("the command was sent and may take effect; `mesh ledger tail` shows it if it does");
    }

    /// A progress display on stderr; `total` is `None` while it is unknown.
    pub(crate) fn progress(&self, what: &str, total: Option<u64>) -> Progress {
        Progress::new(what, total, self.globals.quiet)
    }

    /// Remembers how far the command got, for Ctrl-C to say.
    pub(crate) fn reach(&self, what: impl Into<String>) {
        *self.reached.lock().unwrap_or_else(PoisonError::into_inner) = what.into();
    }

    /// How far the command got; empty when nothing was changed.
    pub(crate) fn reached(&self) -> String {
        self.reached.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on the command handles Ctrl-C itself.
    pub(crate) fn handle_interrupts(&self) {
        self.handles_interrupts.store(true, Ordering::Relaxed);
    }

    /// Returns on Ctrl-C, unless the command handles it itself.
    pub(crate) async fn interrupted(&self) {
        loop {
            if tokio::signal::ctrl_c().await.is_err() {
                // Without a handler the signal ends the process by itself.
                std::future::pending::<()>().await;
            }
            if !self.handles_interrupts.load(Ordering::Relaxed) {
                return;
            }
        }
    }

    /// Prints a failure and gives its exit code.
    pub(crate) fn fail(&self, failure: &Failure) -> ExitCode {
        print_stderr(&failure.render(self.output.is_machine(), self.stderr_style));
        ExitCode::from(failure.exit_code())
    }
}
