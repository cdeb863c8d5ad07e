//! What was measured about a product: stated anywhere, the same on every node, by those who may.

use crate::support::{DEADLINE, Mesh, descriptor, domain_of, holds, keypair, until};
use mesh_client::access::random_fact_id;
use mesh_client::quality::QualityView;
use mesh_event::fact::{CheckKind, CheckVerdict, FactBody, PrivateText, QualityCheck, QualityRun};
use mesh_event::{Fact, FeedId, Signer as _, descriptor_digest};
use mesh_measure::Standing;
use mesh_model::{
    Code, Descriptor, Digest, FactId, Name, OutputPort, PortKind, ProductId, QualityRule, Severity, UnixMs,
};
use mesh_node::clock::now_unix_ms;
use mesh_proto::status::MeshError;
use mesh_proto::v1::StateFactRequest;

const DETAILS: &str = r#"{"reasons":[{"check":"email_valid","why":"jane(at)example.org"}],"rows":[],"cut":false}"#;

fn product() -> Descriptor {
    let mut product = descriptor(1, "orders");
    let mut port = OutputPort::new(Name::parse("files").unwrap(), PortKind::Batch);
    port.frequency = Some("daily".into());
    product.outputs.push(port);
    let rule = |name: &str| QualityRule {
        name: name.into(),
        check: "id IS NOT NULL".into(),
        severity: Severity::Error,
        dimension: None,
        description: String::new(),
    };
    product.quality_rules = vec![rule("email_valid"), rule("never_tried")];
    product
}

fn orders() -> ProductId {
    "domain_1/orders".parse().unwrap()
}

fn run(verdict: CheckVerdict, ended: UnixMs) -> QualityRun {
    let check = QualityCheck {
        name: "email_valid".into(),
        kind: CheckKind::Rule,
        severity: Severity::Error,
        verdict,
        rows: 3,
        failed: u64::from(verdict == CheckVerdict::Failed),
        value: None,
    };
    QualityRun {
        version: "domain_1/orders@1.0.0".parse().unwrap(),
        descriptor: descriptor_digest(&product()),
        port: "files".parse().unwrap(),
        contract: None,
        tool: "mesh-quality".into(),
        tool_version: "0.1.0".into(),
        began_unix_ms: ended,
        ended_unix_ms: ended,
        rows: 3,
        newest_unix_ms: None,
        checks: vec![check],
        details: None,
    }
}

async fn state(
    mesh: &Mesh,
    through: u64,
    signer: &str,
    text: Option<&str>,
    run: QualityRun,
) -> Result<FactId, MeshError> {
    let body = |details: Option<PrivateText>| FactBody::ReportQuality(Box::new(QualityRun { details, ..run }));
    let client = mesh.client(through);
    client.state_fact(&domain_of(1), text, body, &[&keypair(signer)]).await.map(|stated| stated.id)
}

async fn shown(mesh: &Mesh, through: u64) -> QualityView {
    mesh.client(through).quality(&orders(), 0, None).await.unwrap()
}

/// What does not say how old it is.
fn facts(view: QualityView) -> impl PartialEq + std::fmt::Debug {
    let standing = view.places[0].promises[0].level.standing;
    (view.product, view.incidents, view.runs, view.unmeasured, view.from_copy, standing)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_promise_is_seen_on_every_node_until_it_is_kept_again() {
    let mut mesh = Mesh::start_with(|config| config.feeds.pull_ms = 100).await;
    mesh.admit_domains().await;
    mesh.publish(1, product()).await;
    let nothing = shown(&mesh, 2).await;
    assert_eq!((nothing.places.len(), nothing.runs.len()), (0, 0));
    assert_eq!(nothing.unmeasured, ["email_valid", "never_tried"]);

    let now = now_unix_ms();
    let bad = state(&mesh, 3, "engineer", Some(DETAILS), run(CheckVerdict::Failed, now)).await.unwrap();
    for node in 1..=3 {
        let view = shown(&mesh, node).await;
        assert_eq!(view.runs.iter().map(|run| run.id).collect::<Vec<_>>(), [bad], "node {node}");
        assert_eq!(view.incidents.iter().map(|one| (one.run, &one.end)).collect::<Vec<_>>(), [(bad, &None)]);
        assert_eq!(view.places[0].promises[0].level.standing, Standing::AtRisk);
        assert_eq!((view.places[0].renewed_every_ms, view.places[0].overdue_ms), (Some(86_400_000), None));
        assert_eq!(view.unmeasured, ["never_tried"]);
    }
    // Rows and reasons are the domain's.
    let details = shown(&mesh, 2).await.runs[0].said.details.unwrap();
    let read = async |node: u64, key: &str| {
        mesh.client(node).fact_text(&domain_of(1), &details, &keypair(key)).await.map_err(|error| error.code)
    };
    assert_eq!(read(3, "owner").await, Ok(DETAILS.to_owned()));
    assert_eq!(read(2, "root-2").await, Err(Code::ReadDenied));

    let good = state(&mesh, 1, "owner", None, run(CheckVerdict::Passed, now + 1)).await.unwrap();
    let fixed = shown(&mesh, 3).await;
    assert_eq!(fixed.incidents[0].end.as_ref().map(|end| end.run), Some(good));
    assert_eq!(mesh.client(1).incidents(None, false, 0).await.unwrap().incidents, []);
    // As it was before.
    let before = fixed.runs[1].at_unix_ms;
    let then = mesh.client(2).quality(&orders(), 0, Some(before)).await.unwrap();
    assert_eq!(then.incidents[0].end, None);

    // A copy says the same when the home is gone, and a start makes it of the feed alone.
    holds(&mesh, 2, &FeedId { domain: domain_of(1), epoch: 1 }, 3).await;
    let home = facts(shown(&mesh, 1).await);
    mesh.stop_node(1).await;
    until("the copy answers", async || {
        mesh.client(2).quality(&orders(), 0, None).await.is_ok_and(|view| view.from_copy)
    })
    .await;
    let copy = shown(&mesh, 2).await;
    assert_eq!(facts(QualityView { from_copy: false, ..copy }), home);
    let listed = mesh.client(2).incidents(Some(&domain_of(1)), true, 0).await.unwrap();
    assert_eq!((listed.incidents.len(), listed.from_copies), (1, vec![domain_of(1)]));
    mesh.start_node(1).await;
    until("the home answers again", async || {
        mesh.client(1).quality(&orders(), 0, None).await.is_ok_and(|view| facts(view) == home)
    })
    .await;
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_does_not_follow_is_refused_and_changes_nothing() {
    let mesh = Mesh::start_with(|config| config.feeds.pull_ms = 100).await;
    mesh.admit_domains().await;
    mesh.publish(1, product()).await;
    let now = now_unix_ms();
    state(&mesh, 1, "owner", None, run(CheckVerdict::Passed, now)).await.unwrap();
    macro_rules! refused {
        ($signer:expr, $run:expr) => {
            state(&mesh, 2, $signer, None, $run).await.unwrap_err().code
        };
    }
    let good = || run(CheckVerdict::Failed, now + 1);
    assert_eq!(refused!("root-1", good()), Code::UnknownKey);
    assert_eq!(refused!("owner", QualityRun { descriptor: Digest([0; 32]), ..good() }), Code::BadRun);
    assert_eq!(refused!("owner", QualityRun { port: "stream".parse().unwrap(), ..good() }), Code::BadRun);
    let unknown = "domain_1/orders@2.0.0".parse().unwrap();
    assert_eq!(refused!("owner", QualityRun { version: unknown, ..good() }), Code::UnknownVersion);
    assert_eq!(refused!("owner", run(CheckVerdict::Failed, now - 1)), Code::BadRun, "older than the last");
    let other = |run: QualityRun| QualityRun { tool: "soda".into(), ..run };
    let week = 7 * 86_400_000;
    assert_eq!(refused!("owner", other(run(CheckVerdict::Failed, now - week - 60_000))), Code::BadRun, "too old");
    assert_eq!(refused!("owner", other(run(CheckVerdict::Failed, now + 3_600_000))), Code::BadRun, "not yet");
    // That it was taken before is believed of a node that wrote the feed before, and of no other.
    let late = other(run(CheckVerdict::Failed, now - week - 60_000));
    let owner = keypair("owner");
    let (mesh_id, domain, id) = (mesh.genesis.mesh_id, domain_of(1), random_fact_id());
    let body = FactBody::ReportQuality(Box::new(late));
    let fact = Fact { mesh_id, domain: domain.clone(), id, author: owner.public_key(), body };
    let envelope = fact.sign(&[&owner]).unwrap().into_bytes();
    let request = StateFactRequest { envelope, attachments: Vec::new(), carried: true };
    let carried = mesh.node(3).core().forward.state_fact(1, &domain, request, DEADLINE).await;
    assert_eq!(carried.unwrap_err().code, Code::BadRun);
    let view = shown(&mesh, 3).await;
    assert_eq!((view.runs.len(), view.incidents.len(), view.places.len()), (1, 0, 1));
    let missing = mesh.client(3).quality(&"domain_1/none".parse().unwrap(), 0, None).await.unwrap_err();
    assert_eq!(missing.code, Code::UnknownProduct);
    mesh.stop().await;
}
