//! A small corpus made by hand.

use mesh_catalog::{Directory, Entry, Found, IndexOptions, Lifecycle, Query, SearchIndex};
use mesh_model::{Dataset, Descriptor, Field, Name, OutputPort, PortKind, ProductId, QualityRule, Severity};
use tantivy::directory::RamDirectory;

pub(crate) fn product(id: &str) -> Descriptor {
    let ProductId { domain, name } = ProductId::parse(id).unwrap();
    let mut descriptor = Descriptor::new(domain, name);
    descriptor.owner.team = "some_team".into();
    descriptor
}

pub(crate) fn rule(name: &str, check: &str) -> QualityRule {
    QualityRule {
        name: name.into(),
        check: check.into(),
        severity: Severity::Error,
        dimension: None,
        description: String::new(),
    }
}

pub(crate) fn port(name: &str, kind: PortKind) -> OutputPort {
    OutputPort::new(Name::parse(name).unwrap(), kind)
}

pub(crate) fn field(name: &str, description: &str) -> Field {
    Field { name: name.into(), description: description.into(), ..Field::default() }
}

pub(crate) fn dataset(name: &str, fields: Vec<Field>) -> Dataset {
    Dataset { name: name.into(), description: String::new(), fields }
}

/// The guide's product.
pub(crate) fn customer_profile() -> Descriptor {
    let mut d = product("customer_experience/customer_profile");
    d.owner.team = "customer_team".into();
    d.description = "Core customer demographic and preference data".into();
    d.quality_rules = vec![
        rule("email_valid", r"regexp_match(email, '^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}$')"),
        rule("name_present", "NOT(first_name IS NULL OR last_name IS NULL)"),
    ];
    let mut batch = port("batch", PortKind::Batch);
    batch.format = Some("parquet".into());
    batch.location = Some("s3://data-products/customer/profile/".into());
    let mut stream = port("stream", PortKind::Stream);
    stream.topic = Some("customer-profile-changes".into());
    d.outputs = vec![port("api", PortKind::Api), batch, stream];
    d.documentation.support_contact = Some("customer-data-owners@company.com".into());
    d
}

pub(crate) struct Corpus {
    pub(crate) index: SearchIndex,
    pub(crate) directory: RamDirectory,
    next: u64,
}

impl Corpus {
    pub(crate) fn new() -> Self {
        Self::open(RamDirectory::create())
    }

    pub(crate) fn open(directory: RamDirectory) -> Self {
        let boxed: Box<dyn Directory> = Box::new(directory.clone());
        let opened = SearchIndex::open(boxed, IndexOptions { writer_heap_bytes: 0 }).unwrap();
        Self { index: opened.index, directory, next: opened.position.map_or(1, |position| position + 1) }
    }

    pub(crate) fn of(products: &[Descriptor]) -> Self {
        let mut corpus = Self::new();
        for product in products {
            corpus.put(product, Lifecycle::Active);
        }
        corpus.commit();
        corpus
    }

    pub(crate) fn put(&mut self, descriptor: &Descriptor, status: Lifecycle) {
        self.put_with(descriptor, status, &[]);
    }

    pub(crate) fn put_with(&mut self, descriptor: &Descriptor, status: Lifecycle, overflow_text: &[String]) {
        let entry =
            Entry { descriptor, status, ledger_index: self.next, stamp_unix_ms: self.next * 1000, overflow_text };
        self.index.put(&entry).unwrap();
        self.next += 1;
    }

    pub(crate) fn commit(&self) {
        self.index.commit(self.next - 1).unwrap();
    }

    pub(crate) fn ask(&self, query: &Query) -> Found {
        self.index.search(query).unwrap()
    }

    pub(crate) fn find(&self, text: &str) -> Vec<String> {
        ids(&self.ask(&Query::text(text)))
    }
}

pub(crate) fn ids(found: &Found) -> Vec<String> {
    found.hits.iter().map(|hit| hit.id.to_string()).collect()
}
