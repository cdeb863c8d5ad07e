//! A domain's own rules on three nodes: enforced at home, asked from everywhere, still there after a restart.

use crate::support::{Mesh, descriptor, domain_of, keypair};
use futures::StreamExt as _;
use mesh_client::{Client, PlanAction, PlanRequest, StreamOptions, WaitLevel};
use mesh_event::command::{DelegateNode, DeprecateVersion};
use mesh_event::{Body, DomainRules, Envelope, Signer as _};
use mesh_model::{Code, Descriptor, Enforcement, Name, Rule, RuleSeverity, Standard, StandardKind, Version};

/// A set that asks for a retention period.
fn retention(enforcement: Enforcement) -> Standard {
    Standard {
        id: Name::parse("kept").unwrap(),
        version: Version::new(1, 0, 0),
        title: "Kept for how long".into(),
        kind: StandardKind::Policy,
        text: "Say it.".into(),
        selector: String::new(),
        rules: vec![Rule {
            id: Name::parse("retention-said").unwrap(),
            expression: "retention_period != null".into(),
            severity: RuleSeverity::High,
            message: "nobody says how long data is kept".into(),
            remediation: "say it in retention_period".into(),
        }],
        enforcement,
        effective_from: String::new(),
        grace_days: 0,
        tests: Vec::new(),
        detail: None,
    }
}

/// A set of rules of domain_2, signed by its root.
fn rules(mesh: &Mesh, epoch: u64, number: u64, rules: Vec<Standard>) -> DomainRules {
    DomainRules {
        mesh_id: mesh.genesis.mesh_id,
        domain: domain_of(2),
        epoch,
        number,
        author: keypair("root-2").public_key(),
        rules,
        reason: "agreed in the team".into(),
    }
}

fn signed(mesh: &Mesh, epoch: u64, number: u64, set: Vec<Standard>) -> Envelope {
    rules(mesh, epoch, number, set).sign(&[&keypair("root-2")]).unwrap()
}

fn kept(node: u64, name: &str) -> Descriptor {
    let mut descriptor = descriptor(node, name);
    descriptor.retention_period = Some("P3Y".into());
    descriptor
}

async fn refused(mesh: &Mesh, through: u64, descriptor: Descriptor) -> mesh_client::MeshError {
    let outgoing = mesh.publish_command(descriptor, None);
    mesh.client(through).publish(&outgoing, WaitLevel::Sealed).await.unwrap_err()
}

async fn plan(client: &Client, descriptor: &Descriptor) -> mesh_client::Plan {
    let request = PlanRequest { descriptor, version_given: false, major: false, overflow_breaks: &[] };
    client.plan(request).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_set_through_any_node_hold_at_home_for_whoever_publishes_and_after_a_restart() {
    let mut mesh = Mesh::start().await;
    mesh.admit_domains().await;
    let before = mesh.publish(1, descriptor(2, "orders")).await;
    let set = mesh.client(1).set_domain_rules(&signed(&mesh, 1, 1, vec![retention(Enforcement::Block)])).await.unwrap();
    assert_eq!((set.number, set.epoch, set.seq), (1, 1, 1), "behind the publish, in the same feed");

    // Refused with rule, field, finding and remedy; nothing was appended. Other domains don't notice.
    for through in [2, 3] {
        let error = refused(&mesh, through, descriptor(2, "returns")).await;
        assert_eq!(error.code, Code::OwnRuleViolated);
        let (field, text) = &error.fields[0];
        assert_eq!(field, "domain_2's own kept@1.0.0 retention-said");
        for part in ["nobody says how long data is kept", "retention_period", "say it in retention_period"] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
    mesh.publish(2, descriptor(1, "returns")).await;
    // In a stream each of many is told the same, in one sentence.
    let many = ["a", "b"].map(|name| mesh.publish_command(descriptor(2, name), None));
    let answers = mesh.client(3).publish_stream(futures::stream::iter(many), StreamOptions::default()).unwrap();
    let errors: Vec<_> = answers.map(|delivered| delivered.result.unwrap_err()).collect().await;
    assert!(errors.iter().all(|error| error.code == Code::OwnRuleViolated && error.message.contains("retention-said")));
    assert_eq!(errors.len(), 2);
    // What keeps them passes, and the rules' event between two commands does not keep the second from the ledger.
    mesh.publish(3, kept(2, "returns")).await;
    // Plans say the same wherever they are asked.
    for node in 1..=3 {
        let planned = plan(&mesh.client(node), &descriptor(2, "refunds")).await;
        assert_eq!(planned.action, PlanAction::Refused, "node {node}");
        let problem = &planned.problems[0];
        assert_eq!((problem.code, problem.path.as_str()), (Code::OwnRuleViolated, "retention_period"));
        let kept = plan(&mesh.client(node), &kept(2, "refunds")).await;
        assert_eq!((kept.action, kept.warnings.len()), (PlanAction::Create, 0));
        let elsewhere = plan(&mesh.client(node), &descriptor(3, "refunds")).await;
        assert_eq!((elsewhere.action, elsewhere.warnings.len()), (PlanAction::Create, 0));
    }

    mesh.stop_node(2).await;
    mesh.start_node(2).await;
    assert!(mesh.node(2).core().wait_applied(before, std::time::Duration::from_secs(20)).await);
    assert_eq!(refused(&mesh, 2, descriptor(2, "refunds")).await.code, Code::OwnRuleViolated);
    let shown = mesh.client(3).domain_rules(&domain_of(2)).await.unwrap();
    assert_eq!((shown.number, shown.home_node_id, shown.rules.len()), (1, 2, 1));
    let event = shown.set.unwrap();
    assert_eq!((event.seq, event.reason.as_str()), (1, "agreed in the team"));
    assert_eq!(event.signers, [keypair("root-2").public_key()]);
    // What ends a product is never stopped.
    let body = DeprecateVersion {
        product: "domain_2/orders".parse().unwrap(),
        version: None,
        sunset: String::new(),
        successor: String::new(),
        reason: "over".into(),
    };
    let body = mesh.builder().sign(Body::DeprecateVersion(body), &[&keypair("owner")]).unwrap();
    mesh.client(1).publish(&mesh_client::Outgoing::new(body), WaitLevel::Sealed).await.unwrap().accepted().unwrap();

    // Warnings pass and are said; no rules at all are said, too.
    mesh.client(1).set_domain_rules(&signed(&mesh, 1, 2, vec![retention(Enforcement::Warn)])).await.unwrap();
    let planned = plan(&mesh.client(3), &descriptor(2, "refunds")).await;
    assert_eq!((planned.action, planned.warnings[0].code), (PlanAction::Create, Code::OwnRuleViolated));
    mesh.publish(1, descriptor(2, "refunds")).await;
    mesh.client(1).set_domain_rules(&signed(&mesh, 1, 3, Vec::new())).await.unwrap();
    let shown = mesh.client(3).domain_rules(&domain_of(2)).await.unwrap();
    assert_eq!((shown.number, shown.rules.len()), (3, 0));
    mesh.publish(1, descriptor(2, "coupons")).await;
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_rules_are_refused_and_change_nothing() {
    let mesh = Mesh::start().await;
    mesh.admit_domains().await;
    let client = mesh.client(3);
    let block = || vec![retention(Enforcement::Block)];
    let code = async |envelope: Envelope| client.set_domain_rules(&envelope).await.unwrap_err().code;

    // By somebody else, for somebody else, out of turn.
    let by = |name: &str, change: &dyn Fn(&mut DomainRules)| {
        let mut set = rules(&mesh, 1, 1, block());
        set.author = keypair(name).public_key();
        change(&mut set);
        set.sign(&[&keypair(name)]).unwrap()
    };
    let nothing = |_: &mut DomainRules| {};
    assert_eq!(code(by("owner", &nothing)).await, Code::WrongRole);
    assert_eq!(code(by("stranger", &nothing)).await, Code::UnknownKey);
    assert_eq!(code(by("root-1", &nothing)).await, Code::UnknownKey);
    assert_eq!(code(by("root-2", &|set| set.domain = "nobody".parse().unwrap())).await, Code::UnknownDomain);
    assert_eq!(code(by("root-2", &|set| set.mesh_id = mesh_model::MeshId([9; 32]))).await, Code::WrongMesh);
    assert_eq!(code(by("root-2", &|set| set.epoch = 2)).await, Code::OldEpoch);
    assert_eq!(code(by("root-2", &|set| set.number = 0)).await, Code::StaleRules);
    assert_eq!(code(by("root-2", &|set| set.number = 2)).await, Code::StaleRules);
    let command = mesh.publish_command(descriptor(2, "orders"), None).envelope;
    assert_eq!(code(command).await, Code::Malformed);
    // Not fit, with every flaw at once.
    let mut broken = retention(Enforcement::Block);
    broken.title = String::new();
    let mut twice = retention(Enforcement::Block);
    twice.rules[0].expression = "retention_period !=".into();
    let error = client.set_domain_rules(&by("root-2", &|set| set.rules = vec![broken.clone(), twice.clone()])).await;
    let error = error.unwrap_err();
    assert_eq!(error.code, Code::BadRules);
    assert_eq!(error.fields.len(), 3, "no title, an id twice, no expression: {error:?}");
    // Over 16 KiB, though an envelope may have 60.
    let mut large = retention(Enforcement::Block);
    large.text = "x".repeat(16 * 1024);
    assert_eq!(code(by("root-2", &|set| set.rules = vec![large.clone()])).await, Code::TooLarge);
    let shown = client.domain_rules(&domain_of(2)).await.unwrap();
    assert_eq!((shown.number, shown.set), (0, None));
    mesh.publish(1, descriptor(2, "orders")).await;

    // Two that were prepared at once: the second is told, and the first one's retry gets the first answer.
    let (first, second) = (signed(&mesh, 1, 1, block()), signed(&mesh, 1, 1, Vec::new()));
    let set = client.set_domain_rules(&first).await.unwrap();
    assert_eq!(code(second).await, Code::StaleRules);
    assert_eq!(mesh.client(2).set_domain_rules(&first).await.unwrap(), set);
    // What was in force before does not come back.
    client.set_domain_rules(&signed(&mesh, 1, 2, Vec::new())).await.unwrap();
    assert_eq!(code(first).await, Code::StaleRules);
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_domain_that_is_cut_off_sets_its_rules_and_keeps_them() {
    let mut mesh = Mesh::start().await;
    mesh.admit_domains().await;
    mesh.stop_node(1).await;
    mesh.stop_node(3).await;
    // No quorum: what concerns the domain alone goes on, and counts for what waits behind it.
    let client = mesh.client(2);
    let before = mesh.publish_command(descriptor(2, "before"), None);
    client.publish(&before, WaitLevel::Local).await.unwrap();
    client.set_domain_rules(&signed(&mesh, 1, 1, vec![retention(Enforcement::Block)])).await.unwrap();
    let after = mesh.publish_command(descriptor(2, "after"), None);
    assert_eq!(client.publish(&after, WaitLevel::Local).await.unwrap_err().code, Code::OwnRuleViolated);
    let after = mesh.publish_command(kept(2, "after"), None);
    client.publish(&after, WaitLevel::Local).await.unwrap();
    // A retry of what was taken before the rules is what it was.
    client.publish(&before, WaitLevel::Local).await.unwrap();
    mesh.start_node(1).await;
    mesh.start_node(3).await;
    for outgoing in [before, after] {
        assert!(client.publish(&outgoing, WaitLevel::Sealed).await.unwrap().accepted().unwrap().ledger_index.is_some());
    }
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_home_nothing_is_set_and_plans_say_that_they_could_not_ask() {
    let mut mesh = Mesh::start().await;
    mesh.admit_domains().await;
    let envelope = signed(&mesh, 1, 1, vec![retention(Enforcement::Block)]);
    mesh.client(1).set_domain_rules(&envelope).await.unwrap();
    mesh.stop_node(2).await;
    let client = mesh.client(1);
    let error = client.set_domain_rules(&signed(&mesh, 1, 2, Vec::new())).await.unwrap_err();
    assert_eq!(error.code, Code::HomeUnreachable);
    assert!(error.message.contains("nothing happened"), "{}", error.message);
    assert_eq!(client.domain_rules(&domain_of(2)).await.unwrap_err().code, Code::HomeUnreachable);
    let planned = plan(&client, &descriptor(2, "orders")).await;
    assert_eq!((planned.action, planned.problems.len()), (PlanAction::Create, 0));
    assert_eq!(planned.warnings[0].code, Code::HomeUnreachable);
    assert!(planned.warnings[0].message.contains("domain_2's own rules could not be asked"), "{planned:?}");
    // A plan for another domain does not ask it.
    assert!(plan(&client, &descriptor(1, "orders")).await.warnings.is_empty());

    // Another home begins without rules, and what was signed for the first one is not for it.
    let delegate =
        Body::DelegateNode(DelegateNode { domain: domain_of(2), node_id: 3, epoch: 2, base_size: 0, base_root: None });
    let delegate = mesh.builder().sign(delegate, &[&keypair("root-2")]).unwrap();
    let index = client.submit(&delegate).await.unwrap().accepted().unwrap().ledger_index.unwrap();
    for node in [1, 3] {
        assert!(mesh.node(node).core().wait_applied(index, std::time::Duration::from_secs(20)).await);
    }
    let shown = client.domain_rules(&domain_of(2)).await.unwrap();
    assert_eq!((shown.number, shown.epoch, shown.home_node_id), (0, 2, 3));
    assert_eq!(client.set_domain_rules(&envelope).await.unwrap_err().code, Code::OldEpoch);
    client.set_domain_rules(&signed(&mesh, 2, 1, vec![retention(Enforcement::Block)])).await.unwrap();
    assert_eq!(refused(&mesh, 1, descriptor(2, "orders")).await.code, Code::OwnRuleViolated);
    mesh.stop().await;
}
