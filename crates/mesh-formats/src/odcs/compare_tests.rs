//! Given a contract, when it is edited so, then this is what the comparison says.

#![allow(clippy::unwrap_used)]

use super::*;

const CONTRACT: &str = "\
apiVersion: v3.2.0
kind: DataContract
id: orders
name: Orders
version: 1.0.0
servers:
  - {server: lake, type: s3, location: 's3://sales/orders/*.parquet', format: parquet}
schema:
  - name: orders
    physicalName: orders_v1
    properties:
      - {name: id, logicalType: string, required: true, unique: true, primaryKey: true}
      - {name: email, logicalType: string, logicalTypeOptions: {maxLength: 80, pattern: '.+@.+'}}
      - {name: amount, logicalType: number, logicalTypeOptions: {minimum: 0, maximum: 1000}}
      - {name: day, logicalType: date, partitioned: true, logicalTypeOptions: {format: yyyy-MM-dd, minimum: '2020-01-01'}}
      - {name: state, logicalType: string, enum: [{value: open}, {value: paid}]}
      - name: lines
        logicalType: array
        items: {logicalType: object, properties: [{name: sku, logicalType: string}]}
    quality:
      - {name: rows, type: library, metric: rowCount, mustBeGreaterThan: 10}
    relationships:
      - {from: orders.email, to: people.email}
slaProperties:
  - {property: availability, value: 99.9, unit: '%'}
  - {property: latency, value: 15, unit: m}
";

/// What is replaced, by what, and where it breaks; `None` where it does not.
const EDITS: &[(&str, &str, Option<&str>)] = &[
    // Columns.
    (", required: true", "", Some("schema.orders.properties.id.required")),
    (", unique: true", "", Some("schema.orders.properties.id.unique")),
    (", primaryKey: true", "", Some("schema.orders.primaryKey")),
    ("name: email, logicalType: string", "name: mail, logicalType: string", Some("schema.orders.properties.email")),
    (
        "name: amount, logicalType: number",
        "name: amount, logicalType: integer",
        Some("schema.orders.properties.amount.logicalType"),
    ),
    (
        "name: sku, logicalType: string",
        "name: sku, logicalType: integer",
        Some("schema.orders.properties.lines.items.properties.sku.logicalType"),
    ),
    (
        "properties: [{name: sku, logicalType: string}]",
        "properties: []",
        Some("schema.orders.properties.lines.items.properties.sku"),
    ),
    ("partitioned: true, ", "", Some("schema.orders.properties.day.partitioned")),
    (
        "properties: [{name: sku, logicalType: string}]",
        "properties: [{name: sku, logicalType: string}, {name: n, logicalType: integer}]",
        None,
    ),
    ("{name: id, logicalType: string,", "{name: id, logicalType: string, description: the number,", None),
    ("name: email, logicalType: string", "name: email, required: true, logicalType: string", None),
    // Bounds.
    ("maxLength: 80", "maxLength: 81", Some("schema.orders.properties.email.logicalTypeOptions.maxLength")),
    ("maxLength: 80, ", "", Some("schema.orders.properties.email.logicalTypeOptions.maxLength")),
    ("maxLength: 80", "maxLength: 79", None),
    ("maxLength: 80", "maxLength: 80, minLength: 3", None),
    ("pattern: '.+@.+'", "pattern: '.+'", Some("schema.orders.properties.email.logicalTypeOptions.pattern")),
    ("minimum: 0,", "minimum: -1,", Some("schema.orders.properties.amount.logicalTypeOptions.minimum")),
    ("minimum: 0,", "minimum: 0.5,", None),
    ("minimum: '2020-01-01'", "minimum: '2019-12-31'", Some("schema.orders.properties.day.logicalTypeOptions.minimum")),
    ("minimum: '2020-01-01'", "minimum: '2020-01-02'", None),
    ("yyyy-MM-dd", "dd.MM.yyyy", Some("schema.orders.properties.day.logicalTypeOptions.format")),
    // Values.
    ("{value: open}, ", "", Some("schema.orders.properties.state.values")),
    ("{value: open}, ", "{value: open}, {value: lost}, ", Some("schema.orders.properties.state.values")),
    (", enum: [{value: open}, {value: paid}]", "", Some("schema.orders.properties.state.values")),
    ("[{value: open}, {value: paid}]", "[{value: paid}, {value: open}]", None),
    // Tables, servers, promises.
    ("physicalName: orders_v1", "physicalName: orders_v2", Some("schema.orders.physicalName")),
    ("  - name: orders\n", "  - name: order\n", Some("schema.orders")),
    ("s3://sales", "s3://other", Some("servers.lake.location")),
    ("server: lake", "server: pond", Some("servers.lake")),
    ("format: parquet}", "format: parquet, environment: prod}", None),
    ("mustBeGreaterThan: 10", "mustBeGreaterThan: 9", Some("schema.orders.quality.rows.mustBeGreaterThan")),
    ("mustBeGreaterThan: 10", "mustBeGreaterThan: 11", None),
    (
        "      - {name: rows, type: library, metric: rowCount, mustBeGreaterThan: 10}\n",
        "      - {name: other, type: text}\n",
        Some("schema.orders.quality.rows"),
    ),
    ("to: people.email", "to: users.email", Some("schema.orders.relationships")),
    ("    relationships:\n      - {from: orders.email, to: people.email}\n", "", Some("schema.orders.relationships")),
    (
        "      - {from: orders.email, to: people.email}\n",
        "      - {from: orders.email, to: people.email, customProperties: [{property: a, value: b}]}\n",
        None,
    ),
    (
        "      - {from: orders.email, to: people.email}\n",
        "      - {from: orders.id, to: all.id}\n      - {from: orders.email, to: people.email}\n",
        None,
    ),
    ("value: 99.9", "value: 99.5", Some("slaProperties.availability.value")),
    ("value: 99.9", "value: 99.95", None),
    ("value: 15", "value: 20", Some("slaProperties.latency.value")),
    ("value: 15", "value: 10", None),
    ("unit: m}", "unit: h}", Some("slaProperties.latency.unit")),
    ("name: Orders", "name: All orders", None),
];

#[test]
fn each_kind_of_difference_has_its_weight() {
    for (old, new, expected) in EDITS {
        assert_eq!(CONTRACT.matches(old).count(), 1, "{old} has to stand there once");
        let changes = compare_contracts(CONTRACT, &CONTRACT.replace(old, new)).unwrap();
        assert!(!changes.is_empty(), "{old} -> {new}");
        let breaks: Vec<&str> =
            changes.iter().filter(|change| change.breaks.is_some()).map(|change| change.path.as_str()).collect();
        assert_eq!(breaks, expected.iter().copied().collect::<Vec<_>>(), "{old} -> {new}: {changes:#?}");
    }
}

#[test]
fn a_contract_and_its_next_version_with_the_same_content_do_not_differ() {
    let next = CONTRACT.replace("version: 1.0.0", "version: 1.1.0");
    assert_eq!(compare_contracts(CONTRACT, &next).unwrap(), []);
}

#[test]
fn the_allowed_values_of_an_older_contract_are_those_of_its_check() {
    let older = |values: &str| {
        format!(
            "apiVersion: v3.1.0\nkind: DataContract\nid: x\nversion: 1.0.0\nstatus: active\nschema:\n- name: t\n  properties:\n  \
             - name: state\n    logicalType: string\n    quality:\n    - {{name: known, type: library, metric: invalidValues, \
             mustBe: 0, arguments: {{validValues: [{values}]}}}}\n"
        )
    };
    let changes = compare_contracts(&older("a, b"), &older("a, b, c")).unwrap();
    assert!(changes.iter().any(|change| change.path == "schema.t.properties.state.values" && change.breaks.is_some()));
}

#[test]
fn what_is_no_contract_is_refused_with_its_place() {
    let problems = compare_contracts(CONTRACT, "apiVersion: v3.2.0\nkind: DataContract\n").unwrap_err();
    assert!(problems.to_string().contains("id"), "{problems}");
}
