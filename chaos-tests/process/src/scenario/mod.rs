//! Promises about certain situations, each measured on a mesh of its own in a laboratory.

pub(crate) mod cut_off;
pub(crate) mod everywhere;
pub(crate) mod slow_clock;
mod spread;
pub(crate) mod starts;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use chaos_process::lab::{Lab, Rule};
use chaos_process::testbed::{NodeNumber, Settings, Testbed, find_program};
use mesh_event::descriptor_digest;
use mesh_model::{Descriptor, DomainName, Name, OutputPort, PortKind};
use tempfile::TempDir;

use crate::campaign::{MOST_NODES, SECTIONS};
use crate::options::Common;
use crate::oracle::Record;
use spread::Spread;

/// A mesh with its laboratory.
pub(crate) struct Stage {
    pub(crate) testbed: Testbed,
    pub(crate) lab: Arc<Lab>,
    _tools: TempDir,
}

impl Stage {
    /// Founds one of so many voters and observers.
    ///
    /// # Errors
    /// When laboratory or mesh cannot be made.
    pub(crate) async fn set(common: &Common, voters: NodeNumber, observers: NodeNumber) -> Result<Self> {
        let tools = tempfile::tempdir().context("cannot make a temporary folder")?;
        let lab = Arc::new(Lab::build(MOST_NODES, tools.path())?);
        let mut settings = Settings::new(find_program("meshd", common.meshd.clone())?);
        settings.folder.clone_from(&common.folder);
        anyhow::ensure!(voters + observers <= MOST_NODES, "expected at most {MOST_NODES} nodes");
        (settings.voters, settings.observers) = (voters, observers);
        settings.lab = Some(Arc::clone(&lab));
        settings.disk_mib = 512;
        settings.patience = Duration::from_mins(1);
        SECTIONS.clone_into(&mut settings.sections);
        let testbed = Testbed::found(&settings).await.context("the mesh was not founded")?;
        Ok(Self { testbed, lab, _tools: tools })
    }

    /// The rules that cut a node off from all others.
    pub(crate) fn alone(&self, node: NodeNumber) -> Vec<Rule> {
        let others = self.testbed.nodes().into_iter().filter(|other| *other != node);
        others.flat_map(|other| [Rule::Cut { from: node, to: other }, Rule::Cut { from: other, to: node }]).collect()
    }
}

/// A small product.
fn product(domain: &DomainName, name: &str) -> Result<Descriptor> {
    let mut descriptor = Descriptor::new(domain.clone(), Name::parse(name).context("a product's name")?);
    descriptor.description = format!("the product {name}");
    descriptor.owner.team = "team".into();
    descriptor.outputs = vec![OutputPort::new(Name::parse("api").context("a port's name")?, PortKind::Api)];
    Ok(descriptor)
}

/// What the oracle knows of a publish that was not sent yet.
fn record(descriptor: &Descriptor, outgoing: &mesh_client::Outgoing) -> Record {
    Record {
        version_id: descriptor.version_id().to_string(),
        envelope: outgoing.envelope.digest(),
        content: descriptor_digest(descriptor),
        contested: false,
        said: Vec::new(),
    }
}
