//! Claims about what the events of a run come to.
#![allow(clippy::unwrap_used)]

use mesh_model::descriptor::{OutputPort, PortKind};
use serde_json::{Value, json};

use super::*;

fn names() -> Names {
    let mut names = Names::default();
    for product in ["shop/orders", "finance/revenue"] {
        let (_, name) = product.split_once('/').unwrap();
        let mut port = OutputPort::new("files".parse().unwrap(), PortKind::Batch);
        port.location = Some(format!("s3://lake/{name}"));
        let ports = BTreeMap::from([(1, vec![(&port, vec![])])]);
        names.put(&product.parse().unwrap(), &ports);
    }
    names
}

const AT: UnixMs = 1_000;

fn event(state: &str, inputs: &Value, outputs: &Value) -> Event {
    Event::read(&json!({
        "eventType": state,
        "eventTime": "2026-11-30T10:00:00Z",
        "producer": "p",
        "schemaURL": "s",
        "run": { "runId": "0176a8c2-fe01-7439-87e6-56a1a1b4029f" },
        "job": { "namespace": "airflow", "name": "revenue" },
        "inputs": inputs,
        "outputs": outputs,
    }))
    .unwrap()
}

fn dataset(name: &str) -> Value {
    json!([{ "namespace": "s3://lake", "name": name }])
}

fn told(run: &Run) -> Vec<String> {
    let origin = |origin: &Origin| match origin {
        Origin::Port(port) => port.to_string(),
        Origin::Outside(dataset) => dataset.clone(),
    };
    let (supplies, cut) = run.supplies(&names());
    assert!(!cut);
    let column = |column: &Column| format!(" {}<-{}", column.to.as_deref().unwrap_or("*"), column.from);
    let columns = |supply: &Supply| supply.columns.iter().map(column).collect::<String>();
    supplies.iter().map(|supply| format!("{} -> {}{}", origin(&supply.from), supply.to, columns(supply))).collect()
}

#[test]
fn the_events_of_a_run_add_up() {
    let mut run = Run::default();
    run.take(&event("START", &dataset("orders/day=1"), &json!([])), AT);
    assert_eq!(told(&run), Vec::<String>::new());
    run.take(&event("OTHER", &dataset("rates.csv"), &json!([])), AT);
    run.take(&event("COMPLETE", &json!([]), &dataset("revenue")), AT);
    let all = [
        "shop/orders#files (major 1) -> finance/revenue#files (major 1)",
        "s3://lake/rates.csv -> finance/revenue#files (major 1)",
    ];
    assert_eq!(told(&run), all);
    let before = run.clone();
    run.take(&event("COMPLETE", &json!([]), &dataset("revenue")), AT);
    assert_eq!(run, before);
}

#[test]
fn what_a_failed_run_would_have_written_is_nobodys() {
    for ending in ["FAIL", "ABORT"] {
        let mut run = Run::default();
        run.take(&event("START", &dataset("orders"), &dataset("revenue")), AT);
        run.take(&event(ending, &json!([]), &json!([])), AT);
        assert_eq!(told(&run), Vec::<String>::new());
    }
}

#[test]
fn what_is_under_way_counts_when_it_has_no_end() {
    let mut run = Run::default();
    let mut running = event("RUNNING", &dataset("orders"), &dataset("revenue"));
    run.take(&running, AT);
    run.take(&event("FAIL", &json!([]), &json!([])), AT);
    assert_eq!(told(&run), Vec::<String>::new());
    if let Kind::Run { is_endless, .. } = &mut running.kind {
        *is_endless = true;
    }
    run.take(&running, AT);
    assert_eq!(told(&run).len(), 1);
}

#[test]
fn a_column_may_name_its_dataset_otherwise_than_the_inputs() {
    let inputs = json!([{ "namespace": "s3://lake", "name": "orders", "facets": { "symlinks": { "identifiers": [
        { "namespace": "hive://metastore", "name": "shop.orders", "type": "TABLE" }] } } }]);
    let source = json!({ "namespace": "hive://metastore", "name": "shop.orders", "field": "amount" });
    let facets = json!({ "columnLineage": { "fields": { "total": { "inputFields": [source] } } } });
    let outputs = json!([{ "namespace": "s3://lake", "name": "revenue", "facets": facets }]);
    let mut run = Run::default();
    run.take(&event("COMPLETE", &inputs, &outputs), AT);
    assert_eq!(told(&run), ["shop/orders#files (major 1) -> finance/revenue#files (major 1) total<-amount"]);
}

#[test]
fn columns_come_from_the_ports_that_have_them() {
    let field = |name: &str, field: &str| json!({ "namespace": "s3://lake", "name": name, "field": field });
    let facets = json!({ "columnLineage": {
        "fields": { "total": { "inputFields": [field("orders", "amount"), field("rates.csv", "rate")] } },
        "dataset": [field("orders", "state")],
    } });
    let outputs = json!([{ "namespace": "s3://lake", "name": "revenue", "facets": facets }]);
    let mut run = Run::default();
    // The rates are in no list of inputs.
    run.take(&event("COMPLETE", &dataset("orders"), &outputs), AT);
    let all = [
        "shop/orders#files (major 1) -> finance/revenue#files (major 1) total<-amount *<-state",
        "s3://lake/rates.csv -> finance/revenue#files (major 1) total<-rate",
    ];
    assert_eq!(told(&run), all);
}

#[test]
fn a_port_that_is_read_and_written_is_not_made_of_itself() {
    let mut run = Run::default();
    run.take(&event("COMPLETE", &dataset("revenue"), &dataset("revenue")), AT);
    assert_eq!(told(&run), Vec::<String>::new());
}

#[test]
fn a_flood_is_cut_and_said() {
    let many = |prefix: &str| -> Value {
        (0..limits::DATASETS).map(|n| json!({ "namespace": "s3://lake", "name": format!("{prefix}/{n}") })).collect()
    };
    let mut run = Run::default();
    run.take(&event("COMPLETE", &many("in"), &dataset("revenue")), AT);
    assert!(!run.supplies(&names()).1);
    run.take(&event("COMPLETE", &many("more"), &dataset("revenue")), AT);
    let (supplies, cut) = run.supplies(&names());
    assert_eq!((supplies.len(), cut), (limits::DATASETS, true));
}

#[test]
fn a_job_is_as_it_is_meant_to_be_now() {
    let job = |inputs: &Value| Event { kind: Kind::Job, ..event("OTHER", inputs, &dataset("revenue")) };
    let mut run = Run::default();
    run.take(&job(&dataset("orders")), AT);
    run.take(&job(&dataset("rates.csv")), AT);
    assert_eq!(told(&run), ["s3://lake/rates.csv -> finance/revenue#files (major 1)"]);
}

#[test]
fn a_run_counts_once_for_each_supply_whenever_it_comes_to_it() {
    let mut run = Run::default();
    run.take(&event("COMPLETE", &dataset("orders"), &dataset("revenue")), AT);
    let counts = |run: &mut Run| -> Vec<bool> {
        let (supplies, _) = run.supplies(&names());
        supplies.iter().map(|supply| run.count(supply)).collect()
    };
    assert_eq!(counts(&mut run), [true]);
    run.take(&event("OTHER", &dataset("rates.csv"), &json!([])), AT);
    assert_eq!(counts(&mut run), [false, true]);
}

#[test]
fn what_is_kept_of_a_run_is_no_larger_than_it_may_be() {
    let mut run = Run::default();
    for n in 0..60 {
        let source = |m: u32| json!({ "namespace": "a", "name": "b", "field": format!("{n}-{m}") });
        let fields = json!({ "c": { "inputFields": (0..10_000).map(source).collect::<Vec<_>>() } });
        let facets = json!({ "columnLineage": { "fields": fields } });
        run.take(
            &event("COMPLETE", &json!([]), &json!([{ "namespace": "s3://lake", "name": "revenue", "facets": facets }])),
            AT,
        );
    }
    assert!(run.encode().len() < limits::RUN_BYTES + 1_000, "{}", run.encode().len());
    assert!(run.supplies(&names()).1);
}
