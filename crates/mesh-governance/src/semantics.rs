//! What words and identifiers mean across domains: which fields carry a glossary term or an identifier scheme. A projection for people.

use std::collections::BTreeMap;

use mesh_model::{DomainName, Standard, StandardDetail, StandardKind, VersionId};

use crate::compliance::each_product;
use crate::judge::Judge;
use crate::read;
use crate::state::StateRead;

/// A field that names a term.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TermField {
    /// The version that declares it.
    pub product: VersionId,
    /// The dataset.
    pub dataset: String,
    /// The field.
    pub field: String,
    /// Its type; empty when none is declared.
    pub data_type: String,
    /// The team that answers for the product.
    pub owner: String,
}

/// A term, and everywhere it is used.
#[derive(Debug, Clone, Default)]
pub struct Term {
    /// What the council enacted about it; `None` for a word that nobody defined.
    pub standard: Option<Standard>,
    /// The fields that carry it, by product.
    pub fields: Vec<TermField>,
}

impl Term {
    /// The domains in which it is used, with how many fields each.
    pub fn domains(&self) -> BTreeMap<&DomainName, usize> {
        let mut domains = BTreeMap::new();
        for field in &self.fields {
            *domains.entry(&field.product.product.domain).or_default() += 1;
        }
        domains
    }
}

/// Whether a standard says what a word or an identifier means.
pub fn is_semantic(standard: &Standard) -> bool {
    matches!(standard.kind, StandardKind::GlossaryTerm | StandardKind::Identifier)
}

/// Other words for what a standard defines, its title included.
pub fn synonyms(standard: &Standard) -> Vec<&str> {
    let mut words = vec![standard.title.as_str()];
    match &standard.detail {
        Some(StandardDetail::GlossaryTerm { synonyms, .. }) => words.extend(synonyms.iter().map(String::as_str)),
        Some(StandardDetail::Identifier { entity, .. }) => words.push(entity),
        _ => {}
    }
    words
}

/// Every term that is defined or used, by its id.
///
/// # Errors
/// When the state can't be read.
pub fn terms<S: StateRead>(state: &S, judge: &dyn Judge) -> Result<BTreeMap<String, Term>, S::Error> {
    let mut terms: BTreeMap<String, Term> = BTreeMap::new();
    for one in read::in_force(state, judge)? {
        if is_semantic(&one.standard) {
            let term = Term { standard: Some((*one.standard).clone()), fields: Vec::new() };
            terms.insert(one.standard.id.to_string(), term);
        }
    }
    each_product(state, None, |judged| {
        let descriptor = &judged.descriptor;
        for dataset in &descriptor.datasets {
            for field in &dataset.fields {
                let Some(term) = field.term.as_deref().filter(|term| !term.is_empty()) else { continue };
                terms.entry(term.to_owned()).or_default().fields.push(TermField {
                    product: descriptor.version_id(),
                    dataset: dataset.name.clone(),
                    field: field.name.clone(),
                    data_type: field.logical_type.clone(),
                    owner: descriptor.owner.team.clone(),
                });
            }
        }
    })?;
    Ok(terms)
}
