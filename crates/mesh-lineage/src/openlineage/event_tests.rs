//! Claims about single events.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn run(more: &Value) -> Value {
    let mut event = json!({
        "eventType": "COMPLETE",
        "eventTime": "2026-11-30T10:00:00.250Z",
        "producer": "https://example.org/a-pipeline",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": { "runId": "0176A8C2-FE01-7439-87E6-56A1A1B4029F" },
        "job": { "namespace": "airflow", "name": "shop.orders" },
    });
    let object = event.as_object_mut().unwrap();
    object.extend(more.as_object().unwrap().clone());
    event
}

#[test]
fn a_run_tells_what_it_read_and_wrote_down_to_columns() {
    let event = Event::read(&run(&json!({
        "inputs": [{ "namespace": "postgres://db:5432", "name": "shop.public.orders", "facets": { "unknown": { "kept": [1] } } }],
        "outputs": [{
            "namespace": "s3://lake",
            "name": "orders",
            "facets": {
                "symlinks": { "identifiers": [{ "namespace": "hive://metastore", "name": "shop.orders", "type": "TABLE" }] },
                "columnLineage": {
                    "fields": { "total": { "inputFields": [
                        { "namespace": "postgres://db:5432", "name": "shop.public.orders", "field": "amount",
                          "transformations": [{ "type": "DIRECT", "subtype": "IDENTITY" }] },
                    ] } },
                    "dataset": [{ "namespace": "postgres://db:5432", "name": "shop.public.orders", "field": "state" }],
                },
            },
        }],
    })))
    .unwrap();
    let id = |namespace: &str, name: &str| DatasetId { namespace: namespace.into(), name: name.into() };
    let orders = id("postgres://db:5432", "shop.public.orders");
    assert_eq!(
        event.kind,
        Kind::Run { id: "0176a8c2-fe01-7439-87e6-56a1a1b4029f".into(), state: State::Complete, is_endless: false }
    );
    assert_eq!((event.at, event.job), (1_796_032_800_250, Some(id("airflow", "shop.orders"))));
    assert_eq!(event.inputs.iter().map(|input| &input.id).collect::<Vec<_>>(), [&orders]);
    let output = &event.outputs[0];
    assert_eq!(output.also, BTreeSet::from([id("hive://metastore", "shop.orders")]));
    let column = |to: Option<&str>, column: &str| ColumnUse {
        to: to.map(str::to_owned),
        from: orders.clone(),
        column: column.into(),
    };
    assert_eq!(output.columns, BTreeSet::from([column(None, "state"), column(Some("total"), "amount")]));
}

#[test]
fn what_is_no_event_is_told_with_its_place() {
    let without = |key: &str| {
        let mut event = run(&json!({}));
        event.as_object_mut().unwrap().remove(key);
        event
    };
    for (event, says) in [
        (json!([]), "the event: expected an object"),
        (without("eventTime"), "/eventTime: is missing"),
        (without("producer"), "/producer: is missing"),
        (without("schemaURL"), "/schemaURL: is missing"),
        (without("job"), "/job: is missing: a run is one of a job"),
        (run(&json!({ "eventTime": "yesterday" })), "/eventTime: 'yesterday' is no time"),
        (run(&json!({ "eventTime": "1969-12-31T23:59:59Z" })), "/eventTime: '1969-12-31T23:59:59Z' is before 1970"),
        (run(&json!({ "eventType": "DONE" })), "/eventType: expected START"),
        (run(&json!({ "run": { "runId": "42" } })), "/run/runId: is no UUID"),
        (run(&json!({ "inputs": {} })), "/inputs: expected a list"),
        (run(&json!({ "inputs": [{ "namespace": "x" }] })), "/inputs/0/name: is missing"),
        (run(&json!({ "outputs": [{ "namespace": "", "name": "y" }] })), "/outputs/0/namespace: is empty"),
        (
            run(&json!({ "outputs": [{ "namespace": "x", "name": "y", "facets": { "columnLineage": {
                "fields": { "a/b": { "inputFields": [{ "namespace": "x", "name": "z" }] } } } } }] })),
            "/outputs/0/facets/columnLineage/fields/a~1b/inputFields/0/field: is missing",
        ),
        (
            run(&json!({ "outputs": [{ "namespace": "x", "name": "y", "facets": { "columnLineage": {
                "fields": { "a".repeat(257): { "inputFields": [] } } } } }] })),
            "/outputs/0/facets/columnLineage/fields: the name of a column is 257 bytes long, over the limit of 256",
        ),
        (
            json!({ "eventTime": "2026-11-30T10:00:00Z", "producer": "p", "schemaURL": "s" }),
            "the event: it has neither",
        ),
    ] {
        let error = Event::read(&event).unwrap_err().to_string();
        assert!(error.starts_with(says), "{error}");
    }
    let nested = [b"[".repeat(10_000), b"]".repeat(10_000)].concat();
    assert!(Event::parse(&nested).unwrap_err().to_string().contains("recursion"));
}

#[test]
fn floods_are_refused() {
    let many = vec![json!({ "namespace": "x", "name": "y" }); limits::DATASETS + 1];
    let error = Event::read(&run(&json!({ "inputs": many }))).unwrap_err();
    assert_eq!(error.to_string(), "inputs: 1001, over the limit of 1000");
    assert!(matches!(
        Event::parse(&vec![b' '; limits::EVENT_BYTES + 1]),
        Err(EventError::TooMuch { what: "bytes of an event", .. })
    ));
    let sources = vec![json!({ "namespace": "x", "name": "y", "field": "z" }); limits::COLUMNS + 1];
    let facets = json!({ "columnLineage": { "fields": {}, "dataset": sources } });
    let outputs = json!([{ "namespace": "x", "name": "y", "facets": facets }]);
    assert!(matches!(Event::read(&run(&json!({ "outputs": outputs }))), Err(EventError::TooMuch { .. })));
}

#[test]
fn clients_times_without_an_offset_are_utc() {
    for time in ["2026-11-30T10:00:00.25", "2026-11-30T10:00:00.250Z", "2026-11-30T11:00:00.250+01:00"] {
        assert_eq!(Event::read(&run(&json!({ "eventTime": time }))).unwrap().at, 1_796_032_800_250, "{time}");
    }
}

#[test]
fn datasets_alone_and_jobs_without_runs_are_events() {
    let base = json!({ "eventTime": "2026-11-30T10:00:00Z", "producer": "p", "schemaURL": "s" });
    let with = |key: &str| {
        let mut event = base.clone();
        event.as_object_mut().unwrap().insert(key.into(), json!({ "namespace": "x", "name": "y" }));
        Event::read(&event).unwrap()
    };
    assert_eq!((with("job").kind, with("dataset").kind), (Kind::Job, Kind::Dataset));
}

#[test]
fn streams_and_services_have_no_end() {
    for (processing, is_endless) in [("STREAMING", true), ("service", true), ("BATCH", false), ("", false)] {
        let mut event = run(&json!({}));
        event["job"]["facets"] = json!({ "jobType": { "processingType": processing, "integration": "SPARK" } });
        let kind = Event::read(&event).unwrap().kind;
        assert!(matches!(kind, Kind::Run { is_endless: found, .. } if found == is_endless), "{processing}");
    }
}

/// An event with something else in one place of it.
fn spoilt() -> impl Strategy<Value = Value> {
    let anything = prop_oneof![
        Just(Value::Null),
        Just(json!([])),
        Just(json!({})),
        Just(json!([[]])),
        Just(json!([{}])),
        any::<i64>().prop_map(|number| json!(number)),
        ".{0,40}".prop_map(|text| json!(text)),
    ];
    let places = prop::sample::select(vec![
        "/eventType",
        "/eventTime",
        "/producer",
        "/run",
        "/run/runId",
        "/job",
        "/job/name",
        "/job/facets",
        "/inputs",
        "/inputs/0",
        "/outputs",
        "/outputs/0/namespace",
        "/outputs/0/facets",
        "/outputs/0/facets/columnLineage",
        "/outputs/0/facets/columnLineage/fields",
        "/outputs/0/facets/columnLineage/fields/a",
        "/outputs/0/facets/columnLineage/fields/a/inputFields",
        "/outputs/0/facets/columnLineage/dataset",
    ]);
    (anything, places).prop_map(|(value, place)| {
        let source = json!({ "namespace": "x", "name": "y", "field": "z" });
        let lineage = json!({ "fields": { "a": { "inputFields": [source] } }, "dataset": [source] });
        let mut event = run(&json!({
            "inputs": [{ "namespace": "x", "name": "y" }],
            "outputs": [{ "namespace": "x", "name": "y", "facets": { "columnLineage": lineage } }],
        }));
        event["job"]["facets"] = json!({});
        *event.pointer_mut(place).unwrap() = value;
        event
    })
}

proptest! {
    #[test]
    fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), spoilt in spoilt()) {
        prop_assert!(Event::parse(&bytes).is_err());
        if let Err(error) = Event::read(&spoilt) {
            prop_assert!(error.to_string().contains(": "), "{error}");
        }
    }
}
