//! Publishes a product version and reads it back.
//!
//! ```text
//! MESH_NODE=http://127.0.0.1:7080 MESH_KEY_FILE=.mesh/keys/developer.pem \
//!     cargo run -p mesh-client --example publish_and_read -- customer_experience
//! ```

use anyhow::Context as _;
use mesh_client::{Client, ClientOptions, CommandBuilder, Outgoing, PlanAction, PlanRequest, Read, WaitLevel};
use mesh_event::command::PublishVersion;
use mesh_event::{Body, Keypair};
use mesh_model::{Descriptor, DomainName, Field, Name};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let domain = std::env::args().nth(1).unwrap_or_else(|| "customer_experience".to_owned());
    let node = std::env::var("MESH_NODE").unwrap_or_else(|_| "http://127.0.0.1:7080".to_owned());
    let key_file = std::env::var("MESH_KEY_FILE").context("MESH_KEY_FILE names a private key of the domain")?;
    let key = Keypair::from_pem(&std::fs::read_to_string(key_file)?)?;

    // Say what the product is.
    let mut product = Descriptor::new(DomainName::parse(&domain)?, Name::parse("sdk_example")?);
    product.title = "Published with the Rust SDK".into();
    product.owner.team = "sdk-team".into();
    product.datasets = vec![mesh_model::Dataset {
        name: "rows".to_owned(),
        fields: vec![Field { name: "id".to_owned(), logical_type: "string".to_owned(), ..Field::default() }],
        ..mesh_model::Dataset::default()
    }];

    // Ask what publishing it would do. The mesh proposes the version.
    let client = Client::connect(ClientOptions::new([node]))?;
    let mesh = client.mesh().await?;
    let request = PlanRequest { descriptor: &product, version_given: false, major: false, overflow_breaks: &[] };
    let plan = client.plan(request).await?;
    let read = match plan.action {
        PlanAction::Refused => anyhow::bail!("refused: {:?}", plan.problems),
        PlanAction::Unchanged => {
            println!("unchanged");
            Read::default()
        }
        PlanAction::Create | PlanAction::Update => {
            // Sign exactly that, and publish it.
            product.version = plan.version.context("a plan that publishes names the version")?;
            let body = Body::PublishVersion(PublishVersion {
                descriptor: product.clone(),
                planned_against: plan.planned_against,
                overflow_breaks: Vec::new(),
            });
            let envelope = CommandBuilder::new(mesh.id).sign(body, &[&key])?;
            let sealed = client.publish(&Outgoing::new(envelope), WaitLevel::Sealed).await?.accepted()?;
            let index = sealed.ledger_index.context("sealed commands have an index")?;
            println!("{} is sealed at ledger index {index}", sealed.version_id);
            Read::at_least(index)
        }
    };

    // Read it back, from a node that has applied it.
    let view = client.product(&product.id().to_string(), read).await?;
    println!("{} by {}, {}", view.descriptor.version_id(), view.descriptor.owner.team, view.status);
    Ok(())
}
