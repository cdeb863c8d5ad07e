//! The graph of which products are made of which, and what their ports are called by pipelines.

use std::collections::BTreeMap;
use std::sync::Arc;

use mesh_governance::{SealedVersion, read};
use mesh_lineage::openlineage::Names;
use mesh_lineage::{Graph, Made, Taken};
use mesh_model::{Descriptor, OutputPort, Overflow, OverflowPart, ProductId};
use mesh_proto::status::MeshError;

use crate::core::{Core, storage_error};
use crate::followed::{Followed, OfProducts};

/// Versions of a product that are looked at.
const VERSIONS: usize = 10_000;

/// What descriptors say of where data comes from and where it lies.
#[derive(Default)]
pub struct Known {
    /// Which products are made of which.
    pub graph: Graph,
    /// Which datasets are which ports.
    pub names: Names,
}

/// Both, once somebody asked.
pub type Lineage = Followed<Known>;

impl OfProducts for Known {
    fn take(&mut self, core: &Core, id: &ProductId) -> Result<(), MeshError> {
        let fail = |e| core.state_error(&e);
        let Some(product) = read::product(&core.state, id).map_err(fail)? else { return Ok(()) };
        // The highest first: of very many, the oldest are left out.
        let mut sealed = read::versions(&core.state, id, true, VERSIONS).map_err(fail)?;
        sealed.reverse();
        let mut majors: BTreeMap<u32, Vec<SealedVersion>> = BTreeMap::new();
        for version in sealed.into_iter().filter(|version| version.ending(&product).is_none()) {
            majors.entry(version.version.major).or_default().push(version);
        }
        let (mut made, mut highest_of) = (BTreeMap::new(), BTreeMap::new());
        for (major, versions) in majors {
            let Some(highest) = versions.last() else { continue };
            let descriptor = whole(core, core.reads.descriptor(core, highest.ledger_index)?)?;
            let taken = |input: &mesh_model::InputPort| Taken {
                port: input.name.clone(),
                source: input.source.clone(),
                required: input.required,
            };
            let one = Made {
                versions: versions.iter().map(|version| version.version).collect(),
                deprecated: highest.notice(&product).is_some(),
                owner: descriptor.owner.team.clone(),
                inputs: descriptor.inputs.iter().map(taken).collect(),
            };
            made.insert(major, one);
            highest_of.insert(major, descriptor);
        }
        self.graph.put(id, made);
        self.names.put(id, &highest_of.iter().map(|(major, descriptor)| (*major, outputs(descriptor))).collect());
        Ok(())
    }
}

/// The output ports, each with the datasets that it serves.
fn outputs(descriptor: &Descriptor) -> Vec<(&OutputPort, Vec<&str>)> {
    descriptor.outputs.iter().map(|port| (port, served(descriptor, port))).collect()
}

fn served<'a>(descriptor: &'a Descriptor, port: &OutputPort) -> Vec<&'a str> {
    let names = descriptor.datasets.iter().map(|dataset| dataset.name.as_str());
    names.filter(|name| port.datasets.is_empty() || port.datasets.iter().any(|served| served == name)).collect()
}

/// The descriptor with the ports that lie in an attachment, once that is here: then its product is indexed again.
fn whole(core: &Core, descriptor: Arc<Descriptor>) -> Result<Arc<Descriptor>, MeshError> {
    let is_ports = |overflow: &Overflow| overflow.part == OverflowPart::Ports;
    if !descriptor.overflow.iter().any(is_ports) {
        return Ok(descriptor);
    }
    let mut only_ports = (*descriptor).clone();
    only_ports.overflow.retain(is_ports);
    let mut bodies = BTreeMap::new();
    for overflow in &only_ports.overflow {
        if let Some(body) = core.store.attachments().get(&overflow.digest.0).map_err(|e| storage_error(&e))? {
            bodies.insert(overflow.digest, body);
        }
    }
    Ok(mesh_formats::restore(&only_ports, &bodies).map_or(descriptor, Arc::new))
}
