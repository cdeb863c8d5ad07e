//! Claims about what pipelines tell: who may, what is taken, what it adds up to, and that it is there after a restart.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::support::{Mesh, descriptor};
use flate2::Compression;
use flate2::write::GzEncoder;
use mesh_client::ObservedView;
use mesh_lineage::openlineage::Origin;
use mesh_model::descriptor::{OutputPort, PortKind};
use mesh_model::{Descriptor, ProductId};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const TOKEN: &str = "a-secret";

/// Posts a body; returns the status and the answer.
async fn post(address: SocketAddr, path: &str, headers: &[(&str, &str)], body: &[u8]) -> (u16, Value) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let headers: Vec<String> = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let headers = headers.concat();
    let length = body.len();
    let head = format!(
        "POST /api/v1{path} HTTP/1.1\r\nhost: node\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // Whoever refuses a large body may not read all of it.
    drop(stream.write_all(body).await);
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer).await);
    let answer = String::from_utf8(answer).unwrap();
    let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_else(|| panic!("{answer}"));
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    (status, serde_json::from_str(body).unwrap_or_else(|_| panic!("{answer}")))
}

const ALLOWED: (&str, &str) = ("authorization", "Bearer a-secret");

async fn tell(mesh: &Mesh, event: &Value) -> Value {
    let (status, answer) = post(mesh.node(1).api_address(), "/lineage", &[ALLOWED], event.to_string().as_bytes()).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

fn packed(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn event(run: u32, state: &str, inputs: &[&str], outputs: &[&str]) -> Value {
    let dataset = |name: &&str| json!({ "namespace": "s3://lake", "name": name });
    json!({
        "eventType": state,
        "eventTime": "2026-11-30T10:00:00Z",
        "producer": "https://example.org/pipeline",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": { "runId": format!("0176a8c2-fe01-7439-87e6-{run:012x}") },
        "job": { "namespace": "airflow", "name": "job" },
        "inputs": inputs.iter().map(dataset).collect::<Vec<_>>(),
        "outputs": outputs.iter().map(dataset).collect::<Vec<_>>(),
    })
}

/// A product whose one port is a folder of its name.
fn stored(domain: u64, name: &str) -> Descriptor {
    let mut product = descriptor(domain, name);
    let mut port = OutputPort::new("files".parse().unwrap(), PortKind::Batch);
    port.location = Some(format!("s3://lake/{name}/"));
    product.outputs = vec![port];
    product
}

async fn mesh() -> Mesh {
    let mesh = Mesh::start_with(|config| config.pipelines.tokens = vec!["other".into(), TOKEN.into()]).await;
    mesh.admit_domains().await;
    mesh.publish(1, stored(1, "orders")).await;
    mesh.publish(2, stored(2, "revenue")).await;
    for product in ["domain_1/orders", "domain_2/revenue"] {
        let product: ProductId = product.parse().unwrap();
        crate::support::until("node 1 has both products", async || {
            mesh.client(1).observed(&product, None, None, 0).await.is_ok()
        })
        .await;
    }
    mesh
}

async fn seen(mesh: &Mesh, product: &str) -> ObservedView {
    mesh.client(1).observed(&product.parse().unwrap(), None, None, 0).await.unwrap()
}

fn from(view: &ObservedView) -> Vec<(String, u64)> {
    let origin = |origin: &Origin| match origin {
        Origin::Port(port) => port.to_string(),
        Origin::Outside(dataset) => dataset.clone(),
    };
    view.came_in.iter().map(|supply| (origin(&supply.from), supply.seen.runs)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_add_up_and_are_there_after_a_restart() {
    let mut mesh = mesh().await;
    tell(&mesh, &event(1, "START", &["orders/day=1", "rates.csv"], &[])).await;
    assert_eq!(from(&seen(&mesh, "domain_2/revenue").await), []);
    let answer = tell(&mesh, &event(1, "COMPLETE", &[], &["revenue"])).await;
    assert_eq!(answer["outputs"][0]["ports"][0]["product"], "domain_2/revenue");
    tell(&mesh, &event(2, "COMPLETE", &["orders"], &["revenue"])).await;
    // Told again, and what came to nothing.
    tell(&mesh, &event(2, "COMPLETE", &["orders"], &["revenue"])).await;
    tell(&mesh, &event(3, "FAIL", &["elsewhere"], &["revenue"])).await;
    let all = [("domain_1/orders#files (major 1)".to_owned(), 2), ("s3://lake/rates.csv".to_owned(), 1)];
    assert_eq!(from(&seen(&mesh, "domain_2/revenue").await), all);
    let went = seen(&mesh, "domain_1/orders").await;
    assert_eq!((went.went_out.len(), went.came_in.len(), went.events), (1, 0, 5));
    // A run goes on after a restart, and counts once.
    mesh.stop_node(1).await;
    mesh.start_node(1).await;
    tell(&mesh, &event(2, "OTHER", &["late.csv"], &[])).await;
    let view = seen(&mesh, "domain_2/revenue").await;
    assert_eq!(
        (view.events, &from(&view)[..2]),
        (6, &all[..1].iter().cloned().chain([("s3://lake/late.csv".to_owned(), 1)]).collect::<Vec<_>>()[..])
    );
    // Nobody else knows: it is this node's.
    let other = mesh.client(2).observed(&"domain_2/revenue".parse().unwrap(), None, None, 0).await.unwrap();
    assert_eq!((other.events, other.came_in.len(), other.last_event_unix_ms), (0, 0, None));
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_is_taken_event_by_event_packed_or_not() {
    let mesh = mesh().await;
    let address = mesh.node(1).api_address();
    let mut wrong = event(2, "COMPLETE", &[], &[]);
    wrong["eventTime"] = json!("soon");
    let batch = json!([
        event(1, "COMPLETE", &["orders"], &["revenue"]),
        wrong,
        event(3, "COMPLETE", &["orders"], &["revenue"])
    ]);
    let body = packed(batch.to_string().as_bytes());
    let (status, answer) = post(address, "/lineage/batch", &[ALLOWED, ("content-encoding", "gzip")], &body).await;
    assert_eq!((status, &answer["status"]), (200, &json!("partial_success")), "{answer}");
    assert_eq!(
        answer["summary"],
        json!({ "received": 3, "successful": 2, "failed": 1, "retriable": 0, "non_retriable": 1 })
    );
    let failed = &answer["failed_events"][0];
    assert_eq!((&failed["index"], &failed["retriable"]), (&json!(1), &json!(false)));
    assert!(failed["reason"].as_str().unwrap().starts_with("/eventTime: 'soon' is no time"), "{failed}");
    assert_eq!(from(&seen(&mesh, "domain_2/revenue").await), [("domain_1/orders#files (major 1)".to_owned(), 2)]);
    let (_, answer) = post(address, "/lineage/batch", &[ALLOWED], b"[]").await;
    assert_eq!(answer["status"], "success");
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_and_what_does_not_fit_is_told_and_changes_nothing() {
    let mesh = mesh().await;
    let address = mesh.node(1).api_address();
    let good = event(1, "COMPLETE", &["orders"], &["revenue"]).to_string();
    let bomb = packed(&vec![b' '; 32 << 20]);
    let large = vec![b' '; (1 << 20) + 1];
    let many = format!("[{}]", vec!["{}"; 1_001].join(","));
    let gzip = ("content-encoding", "gzip");
    for (path, headers, body, status, part) in [
        ("/lineage", &[][..], good.as_bytes(), 401, "MESH-0141"),
        ("/lineage", &[("authorization", "Bearer a-secret2")], good.as_bytes(), 401, "MESH-0141"),
        ("/lineage/batch", &[("authorization", "Basic a-secret")], b"[]", 401, "MESH-0141"),
        ("/lineage", &[ALLOWED], b"", 400, "not what was expected"),
        ("/lineage", &[ALLOWED], b"[1,2]", 400, "expected an object"),
        ("/lineage/batch", &[ALLOWED], good.as_bytes(), 400, "not what was expected"),
        ("/lineage", &[ALLOWED, gzip], good.as_bytes(), 400, "no gzip"),
        ("/lineage", &[ALLOWED, ("content-encoding", "br")], good.as_bytes(), 400, "expected gzip or none"),
        ("/lineage", &[ALLOWED], &large, 413, "over 1048576 bytes"),
        ("/lineage", &[ALLOWED, gzip], &bomb, 413, "over 1048576 bytes"),
        ("/lineage/batch", &[ALLOWED, gzip], &bomb, 413, "over 16777216 bytes"),
        ("/lineage/batch", &[ALLOWED], many.as_bytes(), 413, "over the limit of 1000 events"),
    ] {
        let (found, answer) = post(address, path, headers, body).await;
        let message = answer["error"].to_string();
        assert!(found == status && message.contains(part), "{path} {headers:?}: {found} {answer}");
    }
    let view = seen(&mesh, "domain_2/revenue").await;
    assert_eq!((view.events, view.came_in.len()), (0, 0));
    // A node without tokens takes none.
    let closed = Mesh::start().await;
    let (status, answer) = post(closed.node(1).api_address(), "/lineage", &[ALLOWED], good.as_bytes()).await;
    assert!(status == 401 && answer.to_string().contains("has no pipelines.tokens"), "{answer}");
    closed.stop().await;
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_oldest_events_go_when_there_are_too_many_bytes() {
    let mesh = Mesh::start_with(|config| {
        config.pipelines.tokens = vec![TOKEN.into()];
        config.pipelines.keep_mib = 1;
    })
    .await;
    mesh.admit_domains().await;
    mesh.publish(1, stored(1, "orders")).await;
    for run in 0..5 {
        let mut large = event(run, "COMPLETE", &["raw"], &["orders"]);
        large["run"]["facets"] = json!({ "note": { "text": "x".repeat(300_000) } });
        tell(&mesh, &large).await;
    }
    let view = seen(&mesh, "domain_1/orders").await;
    // Three of them fit; what all of them told stays.
    assert_eq!((view.events, from(&view)), (3, vec![("s3://lake/raw".to_owned(), 5)]));
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_old_goes_and_is_gone_after_a_restart() {
    let mut mesh = mesh().await;
    tell(&mesh, &event(1, "COMPLETE", &["old.csv"], &["revenue"])).await;
    let told = seen(&mesh, "domain_2/revenue").await.last_event_unix_ms.unwrap();
    // Nothing is as old as that.
    mesh_node::pipelines::forget(mesh.node(1).core(), told).unwrap();
    assert_eq!(from(&seen(&mesh, "domain_2/revenue").await), [("s3://lake/old.csv".to_owned(), 1)]);
    mesh_node::pipelines::forget(mesh.node(1).core(), told + 1).unwrap();
    for _ in 0..2 {
        let view = seen(&mesh, "domain_2/revenue").await;
        assert_eq!((from(&view), view.events), (vec![], 0));
        mesh.stop_node(1).await;
        mesh.start_node(1).await;
    }
    // The run, too: told again, it is a new one.
    tell(&mesh, &event(1, "OTHER", &["new.csv"], &["revenue"])).await;
    assert_eq!(from(&seen(&mesh, "domain_2/revenue").await), []);
    mesh.stop().await;
}

/// Every event of a tree of files that is one: with a time, a producer and a schema. Those with placeholders are patterns; they are filled in.
fn events_below(folder: &Path) -> (Vec<Value>, Vec<Value>) {
    let (mut events, mut patterns, mut folders) = (Vec::new(), Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        let mut entries: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        for path in entries {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "json") {
                let parsed: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
                for item in if let Value::Array(items) = parsed { items } else { vec![parsed] } {
                    let is_event = ["eventTime", "producer", "schemaURL"].iter().all(|key| item.get(key).is_some());
                    let has_holes = ["${json-unit", "{{"].iter().any(|hole| item.to_string().contains(hole));
                    match (is_event && !has_holes, item.get("job").is_some() && item.get("eventType").is_some()) {
                        (true, _) => events.push(item),
                        (false, true) => patterns.push(filled(item)),
                        (false, false) => {}
                    }
                }
            }
        }
    }
    (events, patterns)
}

fn filled(mut item: Value) -> Value {
    fn fill(value: &mut Value) {
        match value {
            Value::String(text) if text.contains("${json-unit") || text.contains("{{") => *text = "anything".into(),
            Value::Array(items) => items.iter_mut().for_each(fill),
            Value::Object(fields) => fields.values_mut().for_each(fill),
            _ => {}
        }
    }
    fill(&mut item);
    for (key, value) in
        [("eventTime", json!("2026-11-30T10:00:00Z")), ("producer", json!("p")), ("schemaURL", json!("s"))]
    {
        item[key] = value;
    }
    item["run"]["runId"] = json!("0176a8c2-fe01-7439-87e6-56a1a1b4029f");
    // Patterns of some jobs name nothing.
    for (key, value) in [("namespace", "spark"), ("name", "job")] {
        if item["job"][key].as_str().is_none_or(str::is_empty) {
            item["job"][key] = json!(value);
        }
    }
    item
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_projects_own_events_are_taken() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/openlineage");
    if !folder.exists() {
        eprintln!("skipped: {} is not there", folder.display());
        return;
    }
    let (events, patterns) = events_below(&folder);
    let count = events.len();
    assert!(count >= 5 && patterns.len() >= 140, "{count} and {}", patterns.len());
    let mesh = mesh().await;
    let all: Vec<Value> = events.into_iter().chain(patterns).collect();
    let body = packed(Value::from(all.clone()).to_string().as_bytes());
    let headers = [ALLOWED, ("content-encoding", "gzip")];
    let (status, answer) = post(mesh.node(1).api_address(), "/lineage/batch", &headers, &body).await;
    assert_eq!((status, &answer["summary"]["received"]), (200, &json!(all.len())), "{answer}");
    // A few patterns leave out what every event has.
    let failed = answer["failed_events"].as_array().unwrap();
    for one in failed {
        let is_pattern = one["index"].as_u64().unwrap() >= count as u64;
        assert!(is_pattern && one["reason"].as_str().unwrap().contains("/namespace: is missing"), "{one}");
    }
    assert!(failed.len() < 10, "{answer}");
    mesh.stop().await;
}
