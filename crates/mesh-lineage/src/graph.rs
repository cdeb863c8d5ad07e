//! Majors, and what each is made of.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use mesh_model::descriptor::Source;
use mesh_model::{Name, ProductId, Version};
use serde::{Deserialize, Serialize};

/// A major of a product.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Major {
    /// The product.
    pub product: ProductId,
    /// Which of its majors.
    pub major: u32,
}

impl fmt::Display for Major {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (major {})", self.product, self.major)
    }
}

/// An input port: what is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The port's name.
    pub port: Name,
    /// Of what.
    pub source: Source,
    /// Whether the product cannot be made without it.
    pub required: bool,
}

/// How a major is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Its versions that are not retired.
    pub versions: Vec<Version>,
    /// Whether consumers should leave it.
    pub deprecated: bool,
    /// The team that answers for it.
    pub owner: String,
    /// The input ports of its highest version.
    pub inputs: Vec<Taken>,
}

/// Why nobody supplies what an input port names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Absent {
    /// There is no such product.
    Unknown,
    /// All of it is retired.
    Retired,
    /// None of its versions is in the range.
    NoVersion,
}

impl Absent {
    /// For people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "there is no such product",
            Self::Retired => "it is retired",
            Self::NoVersion => "none of its versions is in this range",
        }
    }
}

/// Who supplies an input port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Supplier {
    /// A major of this mesh.
    Product(Major),
    /// A system outside, as the port names it.
    Outside(String),
    /// Nobody.
    Missing {
        /// What the port names.
        source: String,
        /// Why.
        why: Absent,
    },
}

impl fmt::Display for Supplier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Product(major) => major.fmt(f),
            Self::Outside(system) => f.write_str(system),
            Self::Missing { source, why } => write!(f, "{source}: missing, {}", why.as_str()),
        }
    }
}

/// All majors that are not retired, and who is made of whom.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    /// Products that were retired have no majors here.
    made: BTreeMap<ProductId, BTreeMap<u32, Made>>,
    /// Who takes of a product, whichever versions.
    takers: BTreeMap<ProductId, BTreeSet<Major>>,
    /// Who takes of a system outside.
    outside: BTreeMap<String, BTreeSet<Major>>,
}

impl Graph {
    /// What is known of a product now, all of it: its majors that are not retired, none when it is retired.
    pub fn put(&mut self, product: &ProductId, majors: BTreeMap<u32, Made>) {
        let before = self.made.remove(product).unwrap_or_default();
        for (taker, source) in sources(product, &before) {
            match source {
                Source::Product { product, .. } => leave(&mut self.takers, product, &taker),
                Source::External(system) => leave(&mut self.outside, system, &taker),
            }
        }
        for (taker, source) in sources(product, &majors) {
            let takers = match source {
                Source::Product { product, .. } => self.takers.entry(product.clone()).or_default(),
                Source::External(system) => self.outside.entry(system.clone()).or_default(),
            };
            takers.insert(taker);
        }
        self.made.insert(product.clone(), majors);
    }

    /// How a major is made.
    pub fn made(&self, major: &Major) -> Option<&Made> {
        self.made_at(&major.product, major.major)
    }

    pub(crate) fn made_at(&self, product: &ProductId, major: u32) -> Option<&Made> {
        self.made.get(product)?.get(&major)
    }

    /// The graph's own copy of a product's name.
    pub(crate) fn known(&self, product: &ProductId) -> Option<&ProductId> {
        self.made.get_key_value(product).map(|(known, _)| known)
    }

    /// The highest major of a product that is not retired.
    pub fn newest(&self, product: &ProductId) -> Option<Major> {
        let (major, _) = self.made.get(product)?.last_key_value()?;
        Some(Major { product: product.clone(), major: *major })
    }

    /// Who supplies what an input port takes: each major that has a version in its range, or nobody.
    pub fn suppliers(&self, source: &Source) -> Vec<Supplier> {
        let Source::Product { product, versions } = source else {
            return vec![Supplier::Outside(source.to_string())];
        };
        let missing = |why| vec![Supplier::Missing { source: source.to_string(), why }];
        let Some(majors) = self.made.get(product) else { return missing(Absent::Unknown) };
        if majors.is_empty() {
            return missing(Absent::Retired);
        }
        let fits = |made: &Made| {
            versions.as_ref().is_none_or(|range| made.versions.iter().any(|version| is_in(range, version)))
        };
        let mut fitting = majors.iter().filter(|(_, made)| fits(made)).map(|(major, _)| *major);
        let major = |major| Supplier::Product(Major { product: product.clone(), major });
        let found: Vec<Supplier> = match versions {
            Some(_) => fitting.map(major).collect(),
            // Without a range it is the newest: nobody means an older one by saying nothing.
            None => fitting.next_back().map(major).into_iter().collect(),
        };
        if found.is_empty() { missing(Absent::NoVersion) } else { found }
    }

    /// What a major supplies, for who asks of many input ports whether it supplies them.
    pub(crate) fn offer<'a>(&'a self, product: &'a ProductId, major: u32) -> Offer<'a> {
        let majors = self.made.get(product);
        let versions = majors.and_then(|majors| majors.get(&major)).map_or(&[][..], |made| &made.versions);
        let newest = majors.and_then(|majors| majors.last_key_value()).map(|(newest, _)| *newest);
        Offer { product, versions, is_newest: newest == Some(major) }
    }

    /// Who takes of a product, whichever of its versions.
    pub(crate) fn takers(&self, product: &ProductId) -> impl Iterator<Item = &Major> {
        self.takers.get(product).into_iter().flatten()
    }

    /// Who takes of a system outside.
    pub(crate) fn takers_of_outside(&self, system: &str) -> impl Iterator<Item = &Major> {
        self.outside.get(system).into_iter().flatten()
    }
}

/// What a major supplies.
pub(crate) struct Offer<'a> {
    product: &'a ProductId,
    versions: &'a [Version],
    is_newest: bool,
}

impl Offer<'_> {
    /// Whether it supplies this: as [`Graph::suppliers`], without listing the others.
    pub(crate) fn supplies(&self, source: &Source) -> bool {
        match source {
            Source::Product { product, .. } if product != self.product => false,
            Source::Product { versions: None, .. } => self.is_newest,
            Source::Product { versions: Some(range), .. } => self.versions.iter().any(|version| is_in(range, version)),
            Source::External(_) => false,
        }
    }
}

/// What the majors of a product take.
fn sources<'a>(
    product: &'a ProductId,
    majors: &'a BTreeMap<u32, Made>,
) -> impl Iterator<Item = (Major, &'a Source)> + 'a {
    majors.iter().flat_map(move |(major, made)| {
        let taker = Major { product: product.clone(), major: *major };
        made.inputs.iter().map(move |input| (taker.clone(), &input.source))
    })
}

fn leave<K: Ord>(takers: &mut BTreeMap<K, BTreeSet<Major>>, of: &K, taker: &Major) {
    if let Some(left) = takers.get_mut(of) {
        left.remove(taker);
        if left.is_empty() {
            takers.remove(of);
        }
    }
}

fn is_in(range: &semver::VersionReq, version: &Version) -> bool {
    let parts = [version.major, version.minor, version.patch].map(u64::from);
    range.matches(&semver::Version::new(parts[0], parts[1], parts[2]))
}

#[cfg(test)]
#[path = "graph_tests.rs"]
mod tests;
