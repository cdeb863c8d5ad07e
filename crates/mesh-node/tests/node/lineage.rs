//! Lineage on three nodes: the same on each, and what it is after every change.

use crate::support::{Mesh, descriptor, keypair, until};
use mesh_client::lineage::LineageOf;
use mesh_event::command::RetireProduct;
use mesh_event::{Body, descriptor_digest};
use mesh_lineage::Direction;
use mesh_model::descriptor::Source;
use mesh_model::{Code, Descriptor, InputPort, Version};

/// A product that takes these.
fn made_of(domain: u64, name: &str, version: Version, sources: &[&str]) -> Descriptor {
    let mut descriptor = descriptor(domain, name);
    descriptor.version = version;
    let input = |(at, source): (usize, &&str)| InputPort {
        name: format!("in_{at}").parse().unwrap(),
        source: Source::parse(source).unwrap(),
        frequency: None,
        required: true,
        description: String::new(),
    };
    descriptor.inputs = sources.iter().enumerate().map(input).collect();
    descriptor
}

/// Publishes what comes after a version.
async fn after(mesh: &Mesh, through: u64, before: &Descriptor, next: Descriptor) {
    let outgoing = mesh.publish_command(next, Some(descriptor_digest(before)));
    let said = mesh.client(through).publish(&outgoing, mesh_client::WaitLevel::Sealed).await.unwrap();
    assert_eq!(said.code, Some(Code::Accepted));
}

async fn walk(mesh: &Mesh, node: u64, product: &str, direction: Direction) -> Vec<String> {
    let of = LineageOf::Product { product: product.parse().unwrap(), major: None, part: None };
    let view = mesh.client(node).lineage(&of, direction, 0).await.unwrap();
    let outside = view.walk.steps.iter().filter(|_| direction == Direction::Up).map(|step| step.from.to_string());
    let reached = view.walk.reached.iter().map(|one| one.major.to_string());
    let mut all: Vec<String> = outside.chain(reached).collect();
    all.sort();
    all.dedup();
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_made_of_what_is_known_on_every_node_after_every_change() {
    let mut mesh = Mesh::start().await;
    mesh.admit_domains().await;
    let one = Version::new(1, 0, 0);
    mesh.publish(1, made_of(1, "orders", one, &["postgres.shop.orders"])).await;
    // Asked before there is more: what comes later is followed.
    assert_eq!(walk(&mesh, 1, "domain_1/orders", Direction::Down).await, Vec::<String>::new());
    mesh.publish(2, made_of(2, "revenue", one, &["domain_1/orders@^1"])).await;
    mesh.publish(3, made_of(3, "figures", one, &["domain_2/revenue", "domain_2/gone@^1"])).await;
    let down = ["domain_2/revenue (major 1)", "domain_3/figures (major 1)"];
    for node in 1..=3 {
        until("all is indexed", async || walk(&mesh, node, "domain_1/orders", Direction::Down).await == down).await;
        let up = walk(&mesh, node, "domain_3/figures", Direction::Up).await;
        let gone = "domain_2/gone@^1: missing, there is no such product";
        assert_eq!(up, ["domain_1/orders (major 1)", gone, "domain_2/revenue (major 1)", "postgres.shop.orders"]);
    }

    // Revenue moves to the next major of orders; who takes the first one is nobody.
    let orders = made_of(1, "orders", one, &["postgres.shop.orders"]);
    after(&mesh, 1, &orders, made_of(1, "orders", Version::new(2, 0, 0), &[])).await;
    let revenue = made_of(2, "revenue", one, &["domain_1/orders@^1"]);
    after(&mesh, 2, &revenue, made_of(2, "revenue", Version::new(1, 1, 0), &["domain_1/orders@^2"])).await;
    let of_first = LineageOf::Product { product: "domain_1/orders".parse().unwrap(), major: Some(1), part: None };
    for node in 1..=3 {
        until("the change is indexed", async || {
            let view = mesh.client(node).lineage(&of_first, Direction::Down, 0).await.unwrap();
            view.walk.reached.is_empty() && walk(&mesh, node, "domain_1/orders", Direction::Down).await == down
        })
        .await;
    }

    // What is retired is missing, and said to be.
    let retire = RetireProduct { product: "domain_1/orders".parse().unwrap(), version: None, reason: "over".into() };
    let retire = mesh.builder().sign(Body::RetireProduct(retire), &[&keypair("owner")]).unwrap();
    let retired = mesh.client(1).publish(&mesh_client::Outgoing::new(retire), mesh_client::WaitLevel::Sealed).await;
    assert_eq!(retired.unwrap().code, Some(Code::Accepted));
    let up = ["domain_1/orders@^2: missing, it is retired", "domain_2/gone@^1: missing, there is no such product"];
    let up = [up.as_slice(), &["domain_2/revenue (major 1)"]].concat();
    for node in 1..=3 {
        until("the end is indexed", async || walk(&mesh, node, "domain_3/figures", Direction::Up).await == up).await;
    }
    let of = LineageOf::Product { product: "domain_1/orders".parse().unwrap(), major: None, part: None };
    assert_eq!(mesh.client(2).lineage(&of, Direction::Down, 0).await.unwrap_err().code, Code::Retired);

    // A node makes it anew after a start.
    mesh.stop_node(3).await;
    mesh.start_node(3).await;
    until("it is there again", async || walk(&mesh, 3, "domain_3/figures", Direction::Up).await == up).await;
    mesh.stop().await;
}
