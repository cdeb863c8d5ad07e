//! What words and identifiers mean across domains: which fields carry a glossary term, an identifier scheme or a time convention.
//! Projections for people.

use std::collections::BTreeMap;

use mesh_model::{Descriptor, DomainName, Name, Standard, StandardDetail, StandardKind, VersionId};

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

/// Whether a standard says what a word, an identifier or a time means: fields may name it.
pub fn is_semantic(standard: &Standard) -> bool {
    match standard.kind {
        StandardKind::GlossaryTerm | StandardKind::Identifier => true,
        StandardKind::Convention => matches!(standard.detail, Some(StandardDetail::Time { .. })),
        StandardKind::Policy | StandardKind::Schema => false,
    }
}

/// A field that names what no standard in force defines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undefined {
    /// Where in the product document, such as `fields[2].term`.
    pub path: String,
    /// Which field, `dataset.field`.
    pub field: String,
    /// What it names.
    pub term: String,
    /// The standard whose id, title or synonym is nearest; `None` where none is defined at all.
    pub nearest: Option<Name>,
}

impl std::fmt::Display for Undefined {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "field {} stands for {:?}, which no standard in force defines", self.field, self.term)?;
        match &self.nearest {
            Some(nearest) => write!(f, "; the nearest that is defined is {nearest}"),
            None => f.write_str("; none is defined yet"),
        }
    }
}

/// The fields of a version that name what none of these standards defines, in their order. Fields that lie in an attachment are not seen.
pub fn undefined<'s>(descriptor: &Descriptor, in_force: impl IntoIterator<Item = &'s Standard>) -> Vec<Undefined> {
    let defined: Vec<&Standard> = in_force.into_iter().filter(|standard| is_semantic(standard)).collect();
    let mut found: Vec<Undefined> = Vec::new();
    let fields =
        descriptor.datasets.iter().flat_map(|dataset| dataset.fields.iter().map(move |field| (dataset, field)));
    for (at, (dataset, field)) in fields.enumerate() {
        let Some(term) = field.term.as_deref().filter(|term| !term.is_empty()) else { continue };
        if defined.iter().any(|standard| standard.id.as_str() == term) {
            continue;
        }
        // Many fields name the same word.
        let known = found.iter().find(|other| other.term == term);
        let nearest = known.map_or_else(|| nearest(term, &defined), |known| known.nearest.clone());
        found.push(Undefined {
            path: format!("fields[{at}].term"),
            field: format!("{}.{}", dataset.name, field.name),
            term: term.to_owned(),
            nearest,
        });
    }
    found
}

fn nearest(term: &str, defined: &[&Standard]) -> Option<Name> {
    let away = |standard: &&&Standard| {
        let words = synonyms(standard).into_iter().chain([standard.id.as_str()]);
        words.map(|word| distance(term, word)).min()
    };
    defined.iter().min_by_key(|standard| (away(standard), &standard.id)).map(|standard| standard.id.clone())
}

/// How many characters have to be put in, left out or exchanged to make one word of the other (Levenshtein); case does not matter. Of
/// longer words the first 64 characters count.
fn distance(one: &str, other: &str) -> usize {
    const LONGEST: usize = 64;
    let folded = |text: &str| text.chars().flat_map(char::to_lowercase).take(LONGEST).collect::<Vec<char>>();
    let (one, other) = (folded(one), folded(other));
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, a) in one.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = at + 1;
        for (to, b) in other.iter().enumerate() {
            let exchanged = diagonal + usize::from(a != b);
            diagonal = row[to + 1];
            row[to + 1] = exchanged.min(row[to] + 1).min(row[to + 1] + 1);
        }
    }
    row[other.len()]
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
        Ok(())
    })?;
    Ok(terms)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::testing::descriptor;
    use mesh_model::{Enforcement, Version};

    fn standard(id: &str, kind: StandardKind, detail: Option<StandardDetail>) -> Standard {
        Standard {
            id: id.parse().unwrap(),
            version: Version { major: 1, minor: 0, patch: 0 },
            title: id.into(),
            kind,
            text: String::new(),
            selector: String::new(),
            rules: Vec::new(),
            enforcement: Enforcement::Advise,
            effective_from: String::new(),
            grace_days: 0,
            tests: Vec::new(),
            detail,
        }
    }

    fn term(id: &str, synonyms: &[&str]) -> Standard {
        let detail = StandardDetail::GlossaryTerm {
            definition: "what it is".into(),
            synonyms: synonyms.iter().map(|word| (*word).to_owned()).collect(),
            owner: "sales".into(),
            data_type: String::new(),
        };
        standard(id, StandardKind::GlossaryTerm, Some(detail))
    }

    fn time(id: &str) -> Standard {
        let [zone, granularity, calendar, time] = ["UTC", "PT1S", "gregorian", "event"].map(str::to_owned);
        standard(id, StandardKind::Convention, Some(StandardDetail::Time { zone, granularity, calendar, time }))
    }

    /// A product whose fields name these.
    fn naming(terms: &[&str]) -> Descriptor {
        let names: Vec<String> = (0..terms.len()).map(|n| format!("f{n}")).collect();
        let mut product = descriptor("sales/orders", "1.0.0", &names.iter().map(String::as_str).collect::<Vec<_>>());
        for (field, term) in product.datasets[0].fields.iter_mut().zip(terms) {
            field.term = Some((*term).to_owned());
        }
        product
    }

    #[test]
    fn what_nobody_defined_is_named_with_its_field_and_the_nearest_that_is() {
        let defined = [term("customer-id", &[]), term("revenue", &["turnover"]), time("utc-event-time")];
        let product = naming(&["customer-id", "custmer_id", "Turn-over", "utc-event-time", "utc-event-tim", ""]);
        let found = undefined(&product, &defined);
        let told: Vec<_> =
            found.iter().map(|one| (one.path.as_str(), one.nearest.as_ref().unwrap().as_str())).collect();
        assert_eq!(
            told,
            [("fields[1].term", "customer-id"), ("fields[2].term", "revenue"), ("fields[4].term", "utc-event-time")]
        );
        let dataset = &product.datasets[0].name;
        let expected = format!(
            "field {dataset}.f1 stands for \"custmer_id\", which no standard in force defines; the nearest that is defined is \
             customer-id"
        );
        assert_eq!(found[0].to_string(), expected);
    }

    #[test]
    fn rules_define_no_words_and_without_definitions_nothing_is_near() {
        let others =
            [standard("retention", StandardKind::Policy, None), standard("style", StandardKind::Convention, None)];
        let found = undefined(&naming(&["retention", "style"]), &others);
        assert_eq!(found.iter().map(|one| one.nearest.clone()).collect::<Vec<_>>(), [None, None]);
        assert!(found[1].to_string().ends_with("none is defined yet"));
    }

    #[test]
    fn the_distance_is_that_of_levenshtein() {
        for (one, other, expected) in
            [("", "", 0), ("", "abc", 3), ("kitten", "sitting", 3), ("Ab", "aB", 0), ("flaw", "lawn", 2)]
        {
            assert_eq!((distance(one, other), distance(other, one)), (expected, expected), "{one} {other}");
        }
        assert_eq!(distance(&"a".repeat(10_000), ""), 64);
    }
}
