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
        assert_eq!((told(&run), run.counts()), (Vec::<String>::new(), false));
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
        "shop/orders#files (major 1) -> finance/revenue#files (major 1) *<-state total<-amount",
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
