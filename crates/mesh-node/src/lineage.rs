//! The graph of which products are made of which, and what their ports are called by pipelines, as far as the ledger is indexed.
//!
//! Both are made of the state at the first question after a start, and follow the projector from there: a node that nobody asks keeps none. What
//! changes while it is made is read once more when it is there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use mesh_governance::{SealedVersion, read};
use mesh_lineage::openlineage::Names;
use mesh_lineage::{Graph, Made, Taken};
use mesh_model::{Descriptor, OutputPort, Overflow, OverflowPart, ProductId};
use mesh_proto::status::MeshError;

use crate::core::{Core, storage_error};

/// Products, and versions of one, that are read from the state at once.
const PAGE: usize = 256;
const VERSIONS: usize = 10_000;

#[derive(Default)]
enum Stage {
    /// Nobody asked yet.
    #[default]
    Cold,
    /// It is being made; these changed meanwhile.
    Building(BTreeSet<ProductId>),
    Warm(Known),
}

/// What descriptors say of where data comes from and where it lies.
#[derive(Default)]
pub struct Known {
    /// Which products are made of which.
    pub graph: Graph,
    /// Which datasets are which ports.
    pub names: Names,
}

/// The graph, once somebody asked.
#[derive(Default)]
pub struct Lineage {
    stage: RwLock<Stage>,
    /// Held by whoever makes it: everybody else waits for that.
    building: Mutex<()>,
}

impl Lineage {
    fn stage(&self) -> RwLockReadGuard<'_, Stage> {
        self.stage.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn stage_mut(&self) -> RwLockWriteGuard<'_, Stage> {
        self.stage.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// These products are another now: told by the projector, after the state says so.
    ///
    /// # Errors
    /// When the state cannot be read; then the graph is made anew at the next question.
    pub fn changed(&self, core: &Core, products: &BTreeSet<ProductId>) -> Result<(), MeshError> {
        let mut stage = self.stage_mut();
        match &mut *stage {
            Stage::Cold => Ok(()),
            Stage::Building(changed) => {
                changed.extend(products.iter().cloned());
                Ok(())
            }
            Stage::Warm(known) => {
                let taken = products.iter().try_for_each(|product| take(core, known, product));
                if taken.is_err() {
                    *stage = Stage::Cold;
                }
                taken
            }
        }
    }

    /// Asks the graph. For a thread that may block: the first question makes it.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn ask<T>(&self, core: &Core, ask: impl FnOnce(&Known) -> T) -> Result<T, MeshError> {
        if let Stage::Warm(known) = &*self.stage() {
            return Ok(ask(known));
        }
        let _alone = self.building.lock().unwrap_or_else(PoisonError::into_inner);
        if let Stage::Warm(known) = &*self.stage() {
            return Ok(ask(known));
        }
        *self.stage_mut() = Stage::Building(BTreeSet::new());
        let made = made(core);
        let mut stage = self.stage_mut();
        let changed = match std::mem::take(&mut *stage) {
            Stage::Building(changed) => changed,
            Stage::Cold | Stage::Warm(_) => BTreeSet::new(),
        };
        let mut known = made?;
        changed.iter().try_for_each(|product| take(core, &mut known, product))?;
        let answer = ask(&known);
        *stage = Stage::Warm(known);
        Ok(answer)
    }
}

/// All products of the state.
fn made(core: &Core) -> Result<Known, MeshError> {
    let (mut known, mut after) = (Known::default(), None);
    loop {
        let page = read::products(&core.state, None, after.as_ref(), PAGE).map_err(|e| core.state_error(&e))?;
        let Some(last) = page.last() else { return Ok(known) };
        after = Some(last.id.clone());
        for product in page {
            take(core, &mut known, &product.id)?;
        }
    }
}

fn take(core: &Core, known: &mut Known, id: &ProductId) -> Result<(), MeshError> {
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
    known.graph.put(id, made);
    known.names.put(id, &highest_of.iter().map(|(major, descriptor)| (*major, outputs(descriptor))).collect());
    Ok(())
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
