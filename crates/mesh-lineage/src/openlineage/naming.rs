//! Which port a dataset is: by the port's location in OpenLineage's names, by its topic, or by the mesh's own name for it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use mesh_model::descriptor::{OutputPort, PortKind};
use mesh_model::{Name, ProductId};
use serde::{Deserialize, Serialize};

use super::event::DatasetId;
use crate::graph::Major;

/// An output port of a major.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PortAt {
    /// Of which product.
    pub product: ProductId,
    /// Of which of its majors.
    pub major: u32,
    /// The port.
    pub port: Name,
}

impl PortAt {
    /// Whether it is a port of a major.
    pub fn is_of(&self, major: &Major) -> bool {
        (&self.product, self.major) == (&major.product, major.major)
    }
}

impl fmt::Display for PortAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{} (major {})", self.product, self.port, self.major)
    }
}

/// The namespace of the mesh's own names: `domain/product#port` for the newest major, `domain/product@2#port` for one of them.
const OWN: &str = "datamesh";
/// What has folders: a dataset below a port's location is the port's.
const FOLDERS: [&str; 10] = ["abfss", "dbfs", "file", "gs", "hdfs", "http", "https", "s3", "wasbs", "webhdfs"];
/// What has tables, by names with dots.
const TABLES: [&str; 12] = [
    "bigquery",
    "clickhouse",
    "databricks",
    "db2",
    "hive",
    "mssql",
    "mysql",
    "oracle",
    "postgres",
    "redshift",
    "snowflake",
    "trino",
];
/// Names that the same thing goes by.
const ALIASES: [(&str, &str); 6] = [
    ("s3a", "s3"),
    ("s3n", "s3"),
    ("postgresql", "postgres"),
    ("sqlserver", "mssql"),
    ("mariadb", "mysql"),
    ("abfs", "abfss"),
];
/// Ports that are meant when none is given.
const PORTS: [(&str, u16); 7] = [
    ("kafka", 9092),
    ("mssql", 1433),
    ("mysql", 3306),
    ("oracle", 1521),
    ("postgres", 5432),
    ("redshift", 5439),
    ("trino", 8080),
];
/// The schema that is meant when a table is named without one.
const SCHEMAS: [(&str, &str); 3] = [("mssql", "dbo"), ("postgres", "public"), ("redshift", "public")];

fn look<T: Copy>(table: &[(&str, T)], key: &str) -> Option<T> {
    table.iter().find(|(name, _)| *name == key).map(|(_, value)| *value)
}

/// The one name of a scheme that goes by several.
fn usual(scheme: String) -> String {
    look(&ALIASES, &scheme).map_or(scheme, str::to_owned)
}

fn is_scheme(text: &str) -> bool {
    text.len() > 1 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+')
}

/// A URL, in parts: `scheme://authority/path`, `scheme:path`, `/path`.
struct Place {
    scheme: String,
    authority: String,
    path: String,
}

impl Place {
    fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = match text.split_once(':') {
            // `host:9092` is no scheme with a path.
            Some((scheme, rest)) if is_scheme(scheme) && !rest.starts_with(|c: char| c.is_ascii_digit()) => {
                (scheme.to_ascii_lowercase(), rest)
            }
            _ if text.starts_with('/') => ("file".to_owned(), text),
            _ => return None,
        };
        let scheme = usual(scheme);
        let (authority, path) = match rest.strip_prefix("//") {
            Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
            None => ("", rest),
        };
        // Options of a server; files may be called so.
        let options = if FOLDERS.contains(&scheme.as_str()) { None } else { path.split(['?', '#']).next() };
        let path = options.unwrap_or(path).to_owned();
        Some(Self { authority: authority_of(&scheme, authority), path, scheme })
    }

    fn namespace(&self) -> String {
        let Self { scheme, authority, .. } = self;
        if authority.is_empty() { scheme.clone() } else { format!("{scheme}://{authority}") }
    }

    fn has_folders(&self) -> bool {
        FOLDERS.contains(&self.scheme.as_str())
    }
}

/// Without whoever logs in; a host in lower case, with its port.
fn authority_of(scheme: &str, authority: &str) -> String {
    let host = authority.rsplit('@').next().unwrap_or_default();
    let Some(port) = look(&PORTS, scheme) else {
        // Containers of Azure stand before the @.
        return if scheme == "abfss" || scheme == "wasbs" { authority.to_owned() } else { host.to_owned() };
    };
    // Of several brokers, the first is the cluster's name.
    let host = host.split(',').next().unwrap_or_default().to_ascii_lowercase();
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
    if has_port || host.is_empty() { host } else { format!("{host}:{port}") }
}

fn folder(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    parts.join("/")
}

/// One name for what pipelines write in several ways; without whoever logs in.
pub(super) fn canonical(id: &DatasetId) -> DatasetId {
    let place = if id.namespace == "file" { Place::parse("file:") } else { Place::parse(&id.namespace) };
    match place {
        Some(place) if place.has_folders() => {
            DatasetId { namespace: place.namespace(), name: folder(&format!("{}/{}", place.path, id.name)) }
        }
        // A path in a namespace says which server it is: `azurecosmos://host/dbs/orders`, `arn:aws:glue:…`.
        Some(place) => {
            let (base, path) = (place.namespace(), place.path.trim_end_matches('/'));
            let between = if path.is_empty() || path.starts_with('/') { "" } else { ":" };
            let name = id.name.trim_matches('/').to_owned();
            DatasetId { namespace: format!("{base}{between}{path}"), name }
        }
        None => id.clone(),
    }
}

/// What a port is called.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Called {
    /// So, as [`canonical`] writes it.
    At(DatasetId),
    /// A topic whose cluster is not said.
    Topic(String),
    /// A table whose server is not said, of this kind where that is said.
    Table(String, Option<String>),
    /// A topic or table of this name, said as exactly as it may be: who is meant by less has to be the only one.
    SomeTopic(String),
    SomeTable(String),
}

/// All that a port is called, so that less than where it is can be counted, too.
fn names_of(port: &OutputPort, datasets: &[&str]) -> BTreeSet<Called> {
    let mut names = located(port, datasets);
    let known: Vec<Called> = names
        .iter()
        .filter_map(|called| match called {
            Called::At(DatasetId { namespace, name }) => match namespace.split(':').next() {
                Some("kafka") => Some(Called::SomeTopic(name.clone())),
                Some(scheme) if TABLES.contains(&scheme) => Some(Called::SomeTable(name.clone())),
                _ => None,
            },
            Called::Topic(name) => Some(Called::SomeTopic(name.clone())),
            Called::Table(name, _) => Some(Called::SomeTable(name.clone())),
            Called::SomeTopic(_) | Called::SomeTable(_) => None,
        })
        .collect();
    names.extend(known);
    names
}

/// What a port's own words call it.
fn located(port: &OutputPort, datasets: &[&str]) -> BTreeSet<Called> {
    let mut names = BTreeSet::new();
    let location = port.location.as_deref().map(str::trim).unwrap_or_default();
    let protocol = port.protocol.as_deref().map(str::to_ascii_lowercase).unwrap_or_default();
    if port.kind == PortKind::Sql && !location.contains(['/', ':']) && location.contains('.') {
        let server = Some(usual(protocol)).filter(|scheme| TABLES.contains(&scheme.as_str()));
        names.insert(Called::Table(location.to_owned(), server));
        return names;
    }
    let place = Place::parse(location).or_else(|| {
        (!protocol.is_empty() && !location.is_empty())
            .then(|| Place::parse(&format!("{protocol}://{location}")))
            .flatten()
    });
    if let Some(topic) = port.topic.as_deref().filter(|_| port.kind == PortKind::Stream) {
        match place.as_ref().filter(|place| place.scheme == "kafka" && !place.authority.is_empty()) {
            Some(cluster) => {
                names.insert(Called::At(DatasetId { namespace: cluster.namespace(), name: topic.to_owned() }));
            }
            None if location.is_empty() && ["", "kafka"].contains(&protocol.as_str()) => {
                names.insert(Called::Topic(topic.to_owned()));
            }
            // Somewhere, and not where pipelines say that Kafka is.
            None => {}
        }
    }
    let Some(place) = place else { return names };
    let namespace = place.namespace();
    let mut insert = |name: String| _ = names.insert(Called::At(DatasetId { namespace: namespace.clone(), name }));
    let path = folder(&place.path);
    if place.has_folders() {
        // A bucket's root, or a host's, is everybody's.
        if !path.is_empty() {
            insert(path);
        }
        return names;
    }
    let base = path.replace('/', ".");
    if place.scheme == "kafka" {
        if !base.is_empty() {
            insert(base);
        }
        return names;
    }
    for dataset in datasets {
        let join = |parts: &[&str]| parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(".");
        insert(join(&[&base, dataset]));
        if let Some(schema) = look(&SCHEMAS, &place.scheme).filter(|_| !dataset.contains('.')) {
            insert(join(&[&base, schema, dataset]));
        }
    }
    // A database alone is no table.
    if base.contains('.') {
        insert(base);
    }
    names
}

/// Which datasets are which ports, over the whole mesh.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// Most folders of a name.
    deepest: usize,
    of: BTreeMap<ProductId, BTreeMap<PortAt, BTreeSet<Called>>>,
    ports: BTreeMap<Called, BTreeSet<PortAt>>,
}

impl Names {
    /// The output ports of all majors of a product that are not retired, each with the datasets that it serves.
    pub fn put(&mut self, product: &ProductId, majors: &BTreeMap<u32, Vec<(&OutputPort, Vec<&str>)>>) {
        for (port, names) in self.of.remove(product).unwrap_or_default() {
            for name in names {
                if let Some(ports) = self.ports.get_mut(&name) {
                    ports.remove(&port);
                    if ports.is_empty() {
                        self.ports.remove(&name);
                    }
                }
            }
        }
        let newest = majors.last_key_value().map(|(newest, _)| *newest);
        let mut of = BTreeMap::new();
        for (major, outputs) in majors {
            for (output, datasets) in outputs {
                let mut names = names_of(output, datasets);
                let own = |name| Called::At(DatasetId { namespace: OWN.to_owned(), name });
                names.insert(own(format!("{product}@{major}#{}", output.name)));
                if newest == Some(*major) {
                    names.insert(own(format!("{product}#{}", output.name)));
                }
                of.insert(PortAt { product: product.clone(), major: *major, port: output.name.clone() }, names);
            }
        }
        for (port, names) in &of {
            for name in names {
                if let Called::At(id) = name {
                    self.deepest = self.deepest.max(id.name.split('/').count());
                }
                self.ports.entry(name.clone()).or_default().insert(port.clone());
            }
        }
        if !of.is_empty() {
            self.of.insert(product.clone(), of);
        }
    }

    /// [`Names::find`] by the first of a dataset's names that is a port's.
    pub fn find_by_any(&self, id: &DatasetId, also: &BTreeSet<DatasetId>) -> BTreeSet<PortAt> {
        let mut all = std::iter::once(id).chain(also).map(|id| self.find(id));
        all.find(|ports| !ports.is_empty()).unwrap_or_default()
    }

    /// The ports that a dataset is: those of the longest folder around it, where there are folders. None when it is not of this mesh, or when
    /// ports say only its topic without the cluster, or its table without the server, and there are several.
    pub fn find(&self, id: &DatasetId) -> BTreeSet<PortAt> {
        let DatasetId { namespace, mut name } = canonical(id);
        let place = Place::parse(&namespace);
        let scheme = place.map_or_else(|| namespace.clone(), |place| place.scheme);
        let has_folders = FOLDERS.contains(&scheme.as_str());
        if has_folders && let Some((end, _)) = name.match_indices('/').nth(self.deepest.saturating_sub(1)) {
            name.truncate(end);
        }
        loop {
            let id = DatasetId { namespace: namespace.clone(), name: name.clone() };
            if let Some(ports) = self.ports.get(&Called::At(id)) {
                return ports.clone();
            }
            match name.rfind('/').filter(|_| has_folders) {
                Some(end) => name.truncate(end),
                None => break,
            }
        }
        // Ports that say a topic, or a table, and not where it is.
        let (found, all) = match scheme.as_str() {
            "kafka" => (vec![Called::Topic(name.clone())], Called::SomeTopic(name)),
            table if TABLES.contains(&table) => {
                let of = |server| Called::Table(name.clone(), server);
                (vec![of(None), of(Some(scheme.clone()))], Called::SomeTable(name.clone()))
            }
            _ => return BTreeSet::new(),
        };
        let all: BTreeSet<_> = self.ports.get(&all).into_iter().flatten().map(|at| (&at.product, &at.port)).collect();
        if all.len() != 1 {
            return BTreeSet::new();
        }
        found.iter().filter_map(|called| self.ports.get(called)).flatten().cloned().collect()
    }
}

#[cfg(test)]
#[path = "naming_tests.rs"]
mod tests;
