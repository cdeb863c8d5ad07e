//! `mesh context`: which mesh commands talk to.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use mesh_client::Client;
use mesh_model::{Code, MeshId, Name};
use serde::Serialize;

use crate::app::App;
use crate::context::{Context, Contexts, KeySource, Resolved, config_dir};
use crate::failure::Failure;
use crate::output::{Row, printable};

/// Contexts: nodes, pinned mesh and key under a name.
#[derive(Debug, Args)]
pub(crate) struct ContextArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Adds a context, made of --node, --ca, --mesh-id, --councils and --key, and uses it if it is the first
    ///
    /// Without --mesh-id the node is asked, and what it says is pinned from then on: compare it with what somebody you
    /// trust says.
    Add {
        /// What to call it
        name: Name,
    },
    /// Uses a context from now on
    Use {
        /// Which
        name: Name,
    },
    /// Lists your contexts
    List,
    /// Removes a context; key files are kept
    Remove {
        /// Which
        name: Name,
    },
    /// Shows what commands work with here, and where it comes from
    Show,
}

#[derive(Debug, Serialize)]
struct ContextRow {
    name: String,
    current: bool,
    nodes: Vec<String>,
    mesh_id: Option<MeshId>,
    key_file: Option<PathBuf>,
}

impl Row for ContextRow {
    fn columns(_wide: bool) -> Vec<&'static str> {
        vec!["", "name", "nodes", "mesh", "key"]
    }
    fn cells(&self, wide: bool) -> Vec<String> {
        let mark = if self.current { "*" } else { "" };
        let mesh = self.mesh_id.map_or_else(String::new, |id| if wide { id.to_string() } else { id.short() });
        let key = self.key_file.as_ref().map_or_else(String::new, |file| file.display().to_string());
        vec![mark.to_owned(), self.name.clone(), self.nodes.join(", "), mesh, key]
    }
    fn name(&self) -> String {
        self.name.clone()
    }
}

pub(crate) async fn run(args: ContextArgs, app: &App) -> Result<(), Failure> {
    match args.action {
        Action::Add { name } => add(app, name.as_str()).await,
        Action::Use { name } => {
            let (config, mut contexts) = read()?;
            known(&contexts, name.as_str())?;
            contexts.current = Some(name.to_string());
            contexts.write(&config)?;
            app.note(format!("commands use the context {name} now"));
            Ok(())
        }
        Action::List => list(app),
        Action::Remove { name } => {
            let (config, mut contexts) = read()?;
            known(&contexts, name.as_str())?;
            contexts.contexts.remove(name.as_str());
            if contexts.current.as_deref() == Some(name.as_str()) {
                contexts.current = None;
            }
            contexts.write(&config)?;
            app.note(format!("removed the context {name}"));
            Ok(())
        }
        Action::Show => show(app),
    }
}

fn read() -> Result<(PathBuf, Contexts), Failure> {
    let config =
        config_dir().ok_or_else(|| Failure::usage("you have no home folder to keep contexts in; set MESH_NODE"))?;
    let contexts = Contexts::read(&config)?;
    Ok((config, contexts))
}

fn known(contexts: &Contexts, name: &str) -> Result<(), Failure> {
    if contexts.contexts.contains_key(name) {
        return Ok(());
    }
    Err(Failure::new(Code::NoContext, format!("there is no context '{name}'")).hint("`mesh context list` shows them"))
}

async fn add(app: &App, name: &str) -> Result<(), Failure> {
    let globals = &app.globals;
    if globals.node.is_empty() {
        return Err(Failure::usage("a context needs a node; expected --node URL"));
    }
    let (config, mut contexts) = read()?;
    let absolute = |path: &Option<PathBuf>| match path {
        None => Ok(None),
        Some(path) => std::path::absolute(path).map(Some).map_err(|error| Failure::io("find", path, &error)),
    };
    let (key_file, ca_file) = (absolute(&globals.key)?, absolute(&globals.ca)?);
    let councils_file = absolute(&globals.councils)?;
    let mesh_id = if let Some(id) = globals.mesh_id {
        id
    } else {
        let asked = Resolved { nodes: globals.node.clone(), ca: ca_file.clone(), ..Resolved::default() };
        let mesh = Client::connect(asked.options()?)?.mesh().await?;
        app.warn(format!("pinned the mesh {} ({}) on the word of the node alone", mesh.id, printable(&mesh.name)));
        mesh.id
    };
    let context = Context { nodes: globals.node.clone(), ca_file, mesh_id: Some(mesh_id), councils_file, key_file };
    contexts.contexts.insert(name.to_owned(), context);
    let first = contexts.current.is_none();
    if first {
        contexts.current = Some(name.to_owned());
    }
    contexts.write(&config)?;
    let used = if first { ", and commands use it" } else { "; `mesh context use` switches to it" };
    app.note(format!("added the context {name}{used}"));
    Ok(())
}

fn list(app: &App) -> Result<(), Failure> {
    let (_, contexts) = read()?;
    let rows: Vec<ContextRow> = (contexts.contexts.into_iter())
        .map(|(name, context)| ContextRow {
            current: contexts.current.as_deref() == Some(name.as_str()),
            name,
            nodes: context.nodes,
            mesh_id: context.mesh_id,
            key_file: context.key_file,
        })
        .collect();
    if rows.is_empty() {
        app.note("no contexts; `mesh context add NAME --node URL` makes one, `mesh up` starts a mesh with its own");
    }
    app.output().list("contexts", &rows, serde_json::json!({}))
}

fn show(app: &App) -> Result<(), Failure> {
    let context = app.context()?;
    let key = match &context.key {
        None => None,
        Some(KeySource::File(path)) => Some(path.display().to_string()),
        Some(KeySource::Text(_)) => Some("MESH_KEY".to_owned()),
    };
    let document = serde_json::json!({
        "nodes": context.nodes,
        "mesh_id": context.mesh_id,
        "key": key,
        "context": context.origin,
        "mesh_dir": context.mesh_dir,
    });
    let name = context.origin.clone().unwrap_or_default();
    app.output().one(&document, &name, |_| {
        let none = || "none".to_owned();
        let nodes = if context.nodes.is_empty() { none() } else { context.nodes.join(", ") };
        let mesh = context.mesh_id.map_or_else(|| "not pinned".to_owned(), |id| id.to_string());
        let origin = context.origin.clone().unwrap_or_else(|| "flags and environment".to_owned());
        format!("nodes   {nodes}\nmesh    {mesh}\nkey     {}\nfrom    {origin}\n", key.clone().unwrap_or_else(none))
    })
}
