//! The kinds of servers that ODCS knows, with the fields of each, as the standard's schemas say.

use mesh_model::PortKind;

use crate::problem::Problem;
use crate::yaml::{Check, Node, path_of};

/// A kind of server.
pub(super) struct ServerType {
    /// The word.
    pub(super) name: &'static str,
    /// The version that brought it.
    since: u16,
    /// Fields that it must have.
    required: &'static [&'static str],
    /// Fields that it may have.
    optional: &'static [&'static str],
}

/// Fields of every server.
const COMMON: [&str; 7] = ["id", "server", "type", "description", "environment", "roles", "customProperties"];
/// Fields that came with 3.2.0.
const LATER: [&str; 2] = ["encoding", "workgroup"];

#[rustfmt::skip]
pub(super) const TYPES: &[ServerType] = &[
    ServerType { name: "api", since: 0, required: &["location"], optional: &[] },
    ServerType { name: "athena", since: 0, required: &["schema"], optional: &["stagingDir", "catalog", "regionName", "workgroup"] },
    ServerType { name: "azure", since: 0, required: &["location", "format"], optional: &["encoding", "delimiter"] },
    ServerType { name: "bigquery", since: 0, required: &["project", "dataset"], optional: &[] },
    ServerType { name: "btrieve", since: 320, required: &["host", "database"], optional: &["port"] },
    ServerType { name: "clickhouse", since: 0, required: &["host", "port", "database"], optional: &[] },
    ServerType { name: "databricks", since: 0, required: &["catalog", "schema"], optional: &["host"] },
    ServerType { name: "denodo", since: 0, required: &["host", "port"], optional: &["database"] },
    ServerType { name: "dremio", since: 0, required: &["host", "port"], optional: &["schema"] },
    ServerType { name: "duckdb", since: 0, required: &["database"], optional: &["schema"] },
    ServerType { name: "exasol", since: 320, required: &["host"], optional: &["port", "schema"] },
    ServerType { name: "fastobjects", since: 320, required: &["database"], optional: &["host", "port"] },
    ServerType { name: "glue", since: 0, required: &["account", "database"], optional: &["location", "format", "encoding"] },
    ServerType { name: "cloudsql", since: 0, required: &["host", "port", "database", "schema"], optional: &[] },
    ServerType { name: "db2", since: 0, required: &["host", "port", "database"], optional: &["schema"] },
    ServerType { name: "hive", since: 0, required: &["host", "database"], optional: &["port"] },
    ServerType { name: "impala", since: 0, required: &["host", "database"], optional: &["port"] },
    ServerType { name: "informix", since: 0, required: &["host", "database"], optional: &["port"] },
    ServerType { name: "ingres", since: 320, required: &["database", "host"], optional: &["port"] },
    ServerType { name: "zen", since: 0, required: &["host", "database"], optional: &["port"] },
    ServerType { name: "custom", since: 0, required: &[], optional: &["account", "catalog", "database", "dataset", "delimiter", "endpointUrl", "format", "encoding", "host", "location", "path", "port", "project", "region", "regionName", "schema", "serviceName", "stagingDir", "warehouse", "stream"] },
    ServerType { name: "kafka", since: 0, required: &["host"], optional: &["format", "encoding"] },
    ServerType { name: "kinesis", since: 0, required: &[], optional: &["region", "format", "encoding"] },
    ServerType { name: "local", since: 0, required: &["path", "format"], optional: &["encoding"] },
    ServerType { name: "mysql", since: 0, required: &["host", "port", "database"], optional: &[] },
    ServerType { name: "oracle", since: 0, required: &["host", "port", "serviceName"], optional: &[] },
    ServerType { name: "poet", since: 320, required: &["database"], optional: &["host", "port"] },
    ServerType { name: "hana", since: 320, required: &["host"], optional: &["port", "database", "schema"] },
    ServerType { name: "iceberg", since: 320, required: &["catalog", "catalogUrl"], optional: &["namespace", "warehouse"] },
    ServerType { name: "postgresql", since: 0, required: &["host", "port", "database", "schema"], optional: &[] },
    ServerType { name: "postgres", since: 0, required: &["host", "port", "database", "schema"], optional: &[] },
    ServerType { name: "presto", since: 0, required: &["host"], optional: &["catalog", "schema"] },
    ServerType { name: "pubsub", since: 0, required: &["project"], optional: &[] },
    ServerType { name: "redshift", since: 0, required: &["database", "schema"], optional: &["host", "region", "account"] },
    ServerType { name: "s3", since: 0, required: &["location"], optional: &["endpointUrl", "format", "encoding", "delimiter"] },
    ServerType { name: "sftp", since: 0, required: &["location"], optional: &["format", "encoding", "delimiter"] },
    ServerType { name: "snowflake", since: 0, required: &["account", "database", "schema"], optional: &["host", "port", "warehouse"] },
    ServerType { name: "sqlserver", since: 0, required: &["host", "database", "schema"], optional: &["port"] },
    ServerType { name: "synapse", since: 0, required: &["host", "port", "database"], optional: &[] },
    ServerType { name: "teradata", since: 320, required: &["host"], optional: &["port", "database"] },
    ServerType { name: "trino", since: 0, required: &["host", "port", "catalog", "schema"], optional: &[] },
    ServerType { name: "vectorwise", since: 320, required: &["database", "host"], optional: &["port"] },
    ServerType { name: "versant", since: 320, required: &["database"], optional: &["host", "port"] },
    ServerType { name: "vertica", since: 0, required: &["host", "port", "database", "schema"], optional: &[] },
];

/// What a table of fields can't say: which fields a server has depends on its type.
pub(super) fn check(check: &mut Check<'_>, node: &Node, path: &str) {
    let Some(server_type) = node.text("type") else {
        return;
    };
    let known = TYPES.iter().find(|known| known.name == server_type && known.since <= check.version);
    let Some(known) = known else {
        let names: Vec<_> = TYPES.iter().filter(|t| t.since <= check.version).map(|t| t.name).collect();
        let found = node.get("type").map_or_else(String::new, Node::describe);
        let place = node.get("type").map_or(node.place(), Node::place);
        let expected = format!("one of {}", names.join(", "));
        check.problems.push(Problem::error(place, path_of(path, "type"), expected, found));
        return;
    };
    for name in known.required {
        // An Athena server's staging folder became optional with 3.2.0.
        let before = *name != "stagingDir" || check.version < 320;
        if before && node.get(name).is_none() {
            check.missing(node, path, name, &format!("a value, which a server of type {server_type} has"));
        }
    }
    for entry in node.entries() {
        let name = entry.key.as_str();
        let fits = COMMON.contains(&name)
            || known.required.contains(&name)
            || known.optional.contains(&name) && (check.version >= 320 || !LATER.contains(&name));
        if !fits && super::shapes::SERVER.fields.iter().any(|field| field.name == name) {
            let expected = format!("a field of a server of type {server_type}");
            let found = format!("'{name}', which is kept as an extension");
            let place = (entry.line, entry.column);
            check.problems.push(Problem::warning(place, path_of(path, name), expected, found));
        }
    }
}

/// The kind of door that a server is.
pub(super) fn kind_of(server: &Node) -> PortKind {
    match server.text("type").unwrap_or_default() {
        "kafka" | "kinesis" | "pubsub" => PortKind::Stream,
        "api" => PortKind::Api,
        "s3" | "azure" | "sftp" | "local" => PortKind::File,
        "custom" if server.get("format").is_some() => PortKind::File,
        "custom" if server.get("endpointUrl").is_some() => PortKind::Api,
        _ => PortKind::Sql,
    }
}

/// Where a server is: its location or path, else its host and what lies on it, outermost first.
pub(super) fn location_of(server: &Node) -> Option<String> {
    if let Some(place) = ["location", "path", "endpointUrl", "catalogUrl"].iter().find_map(|key| server.text(key)) {
        return Some(place.to_owned());
    }
    let host = server.text("host").map(|host| match server.text("port") {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    });
    let inner = [
        "account",
        "project",
        "region",
        "regionName",
        "serviceName",
        "catalog",
        "database",
        "dataset",
        "namespace",
        "schema",
        "stream",
    ];
    let inner = inner.iter().filter_map(|key| server.text(key)).map(ToOwned::to_owned);
    let parts: Vec<_> = host.into_iter().chain(inner).collect();
    (!parts.is_empty()).then(|| parts.join("/"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::yaml::load;

    #[test]
    fn servers_say_where_they_are() {
        for (text, location, kind) in [
            ("{type: postgres, host: h, port: 5432, database: d, schema: s}", "h:5432/d/s", PortKind::Sql),
            ("{type: s3, location: 's3://b/p', format: csv}", "s3://b/p", PortKind::File),
            ("{type: kafka, host: 'b:9092'}", "b:9092", PortKind::Stream),
            ("{type: bigquery, project: p, dataset: d}", "p/d", PortKind::Sql),
            ("{type: snowflake, account: a, database: d, schema: s}", "a/d/s", PortKind::Sql),
        ] {
            let node = load(text, &mut Vec::new()).unwrap();
            assert_eq!((location_of(&node).unwrap().as_str(), kind_of(&node)), (location, kind), "{text}");
        }
    }
}
