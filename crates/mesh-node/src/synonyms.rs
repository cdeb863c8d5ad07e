//! Other words for what fields mean: search finds a product by the synonyms of the glossary terms that its fields carry.

use std::collections::{BTreeMap, BTreeSet};

use mesh_event::ProposalBody;
use mesh_governance::{ProposalStatus, read, semantics};
use mesh_model::{Descriptor, LedgerIndex, ProductId};
use mesh_proto::status::MeshError;

use crate::core::Core;

/// Products that are listed at once.
const PAGE: usize = 512;

/// The words of the glossary in force.
pub struct Synonyms(BTreeMap<String, Vec<String>>);

impl Synonyms {
    /// As the applied ledger has them.
    ///
    /// # Errors
    /// When the state can't be read.
    pub fn in_force(core: &Core) -> Result<Self, MeshError> {
        let standards = read::in_force(&core.state, &*core.judge).map_err(|e| core.state_error(&e))?;
        let semantic = standards.iter().filter(|one| semantics::is_semantic(&one.standard));
        let words = semantic.map(|one| {
            let words = semantics::synonyms(&one.standard).into_iter().map(str::to_owned).collect();
            (one.standard.id.to_string(), words)
        });
        Ok(Self(words.collect()))
    }

    /// Other words for what the fields of a product mean, each term's once.
    pub fn of(&self, descriptor: &Descriptor) -> Vec<String> {
        let fields = descriptor.datasets.iter().flat_map(|dataset| &dataset.fields);
        let terms: BTreeSet<&str> = fields.filter_map(|field| field.term.as_deref()).collect();
        terms.into_iter().filter_map(|term| self.0.get(term)).flatten().cloned().collect()
    }
}

/// Whether the leaf put a glossary term or identifier scheme in force, or ended one.
pub fn decides_words(core: &Core, index: LedgerIndex) -> bool {
    let decided = |proposal: LedgerIndex| {
        let found = read::proposal(&core.state, proposal).ok().flatten();
        let enacted =
            found.is_some_and(|found| matches!(found.status, ProposalStatus::Enacted { index: at, .. } if at == index));
        enacted
            && match read::proposal_body(&core.state, proposal) {
                Ok(ProposalBody::EnactStandard(body)) => semantics::is_semantic(&body.standard),
                Ok(ProposalBody::RetireStandard(_)) => true,
                _ => false,
            }
    };
    let leaf = read::leaf(&core.state, index).ok().flatten();
    let command = leaf.as_ref().and_then(crate::reads::command_of);
    match command.map(|command| command.body) {
        Some(mesh_event::Body::Propose(_)) => decided(index),
        Some(mesh_event::Body::Approve(body)) => decided(body.proposal),
        _ => false,
    }
}

/// Every product of the mesh.
///
/// # Errors
/// When the state can't be read.
pub fn every_product(core: &Core) -> Result<Vec<ProductId>, MeshError> {
    let mut all: Vec<ProductId> = Vec::new();
    loop {
        let page = read::products(&core.state, None, all.last(), PAGE).map_err(|e| core.state_error(&e))?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page.into_iter().map(|product| product.id));
    }
}
