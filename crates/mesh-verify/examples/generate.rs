//! Generates the export of a ledger with many leaves and prints how long its audit takes:
//! `cargo run --release -p mesh-verify --example generate -- 10000 [FILE]`.
#![allow(clippy::unwrap_used, reason = "a measurement, not part of the program")]

use std::time::Instant;

use mesh_event::ledger::EntryBody;
use mesh_governance::testing::{TestMesh, descriptor};
use mesh_governance::{PolicyJudge, Strict, apply_with};
use mesh_verify::{Options, Report, check, write_export};

const DOMAINS: [&str; 4] = ["sales", "finance", "people", "logistics"];

fn main() {
    let mut arguments = std::env::args().skip(1);
    let leaves: usize = arguments.next().map_or(10_000, |count| count.parse().expect("a number of leaves"));
    let mut mesh = TestMesh::with_domains(&DOMAINS);
    let judge = PolicyJudge::default();
    let mut exact: Vec<Vec<u8>> = mesh.history.drain(..).map(|applied| applied.leaf_bytes).collect();
    let began = Instant::now();
    let mut n = 0;
    while exact.len() < leaves {
        // One entry, one leaf, one signed head each: the slowest kind of ledger. Forty versions of each product.
        let domain = DOMAINS[n % DOMAINS.len()];
        let (product, version) = (n / DOMAINS.len() / 40, n / DOMAINS.len() % 40);
        let fields = ["id", "amount", "currency", "at", "customer"];
        let said = descriptor(&format!("{domain}/product-{product}"), &format!("1.0.{version}"), &fields);
        let envelope = mesh.publish_command(said);
        let feed = mesh.feeds.get_mut(&domain.parse().unwrap()).unwrap();
        let event = feed.command(exact.len() as u64, envelope.bytes().to_vec());
        let batch = feed.batch(vec![event]);
        let entry = mesh.entry(EntryBody::Feed(batch));
        for applied in apply_with(&mesh.state, &entry, &Strict, &judge).unwrap() {
            mesh.state.commit(&applied);
            exact.push(applied.leaf_bytes);
        }
        n += 1;
    }
    println!("made {} leaves in {:.2?}", exact.len(), began.elapsed());
    let export = write_export(Vec::new(), mesh.mesh_id, &exact, &[]).unwrap();
    println!("export of {} bytes", export.len());
    if let Some(path) = arguments.next() {
        std::fs::write(&path, &export).expect("the file can be written");
    }
    for threads in [1, Options::default().threads] {
        let began = Instant::now();
        let verified = check(export.as_slice(), &Options { mesh_id: None, threads }, &mut ()).unwrap();
        println!(
            "checked {} leaves, {} accepted, {threads} threads: {:.2?}",
            verified.header.size,
            verified.accepted,
            began.elapsed()
        );
    }
    let (began, mut report) = (Instant::now(), Report::new());
    check(export.as_slice(), &Options::default(), &mut report).unwrap();
    println!("checked with a report: {:.2?}", began.elapsed());
}
