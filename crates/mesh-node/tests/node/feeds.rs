//! Claims about copies of feeds on other nodes.

use std::sync::Arc;
use std::time::Duration;

use crate::support::{Mesh, descriptor, domain_of, keypair};
use mesh_client::WaitLevel;
use mesh_client::publish::Attached;
use mesh_event::attachment::PrivateAttachment;
use mesh_event::command::DelegateNode;
use mesh_event::proposal::{EnactStandard, ProposalBody};
use mesh_event::{Body, FeedId};
use mesh_model::{
    Attachment, AttachmentPurpose, Code, Digest, Enforcement, Name, Rule, RuleSeverity, Standard, StandardKind, Version,
};
use mesh_node::core::Core;
use mesh_node::replicas::assignment::keepers;
use mesh_node::replicas::copy::KeptHead;
use mesh_node::replicas::heads;
use mesh_node::replicas::intake::Goal;

/// Long enough for a busy machine; nothing waits that long.
const DEADLINE: Duration = Duration::from_secs(30);

async fn mesh() -> Mesh {
    Mesh::start_with(|config| config.feeds.pull_ms = 100).await
}

fn feed(node: u64, epoch: u64) -> FeedId {
    FeedId { domain: domain_of(node), epoch }
}

fn head(core: &Arc<Core>, feed: &FeedId) -> Option<KeptHead> {
    heads::of_feed(core, feed).ok().flatten()
}

/// Awaits a condition.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + DEADLINE;
    while !is_so().await {
        assert!(tokio::time::Instant::now() < deadline, "{what}: not within {DEADLINE:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Awaits that the node holds the feed's first `size` events under a signed head.
async fn holds(mesh: &Mesh, node: u64, feed: &FeedId, size: u64) -> KeptHead {
    let core = Arc::clone(mesh.node(node).core());
    until(&format!("node {node} holds {size} events of {feed:?}"), async || {
        head(&core, feed).is_some_and(|head| head.goal.size >= size)
    })
    .await;
    head(&core, feed).unwrap()
}

async fn delegate(mesh: &Mesh, domain: u64, to: u64, epoch: u64, base: Option<&KeptHead>) {
    let body = Body::DelegateNode(DelegateNode {
        domain: domain_of(domain),
        node_id: to,
        epoch,
        base_size: base.map_or(0, |head| head.goal.size),
        base_root: base.map(|head| Digest(*head.goal.root.as_bytes())),
    });
    let envelope = mesh.builder().sign(body, &[&keypair(&format!("root-{domain}"))]).unwrap();
    let through = (1..=3).find(|node| mesh.nodes[usize::try_from(node - 1).unwrap()].is_some()).unwrap();
    let index = mesh.client(through).submit(&envelope).await.unwrap().ledger_index.unwrap();
    for node in mesh.nodes.iter().flatten() {
        assert!(node.core().wait_applied(index, DEADLINE).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_feed_lies_verified_on_two_other_nodes_with_its_attachments() {
    let mesh = mesh().await;
    mesh.admit_domains().await;
    let people = PrivateAttachment { salt: [9; 16], body: br#"[{"name":"Jane Smith"}]"#.to_vec() };
    let text = br#"{"a":"public file"}"#.to_vec();
    let mut product = descriptor(1, "orders");
    product.owner.people = Some(people.digest());
    for (digest, size, purpose, private) in [
        (people.digest(), people.body.len(), AttachmentPurpose::People, true),
        (Digest::of(&text), text.len(), AttachmentPurpose::Original, false),
    ] {
        let (name, media_type) = (format!("file-{private}"), "application/json".into());
        product.attachments.push(Attachment { digest, name, media_type, size: size as u64, purpose, private });
    }
    let mut outgoing = mesh.publish_command(product, None);
    outgoing.attachments = vec![Attached::private(&people), Attached::public(text.clone())];
    mesh.client(1).publish(&outgoing, WaitLevel::Sealed).await.unwrap();
    for n in 0..20 {
        mesh.publish(1, descriptor(1, &format!("product_{n}"))).await;
    }
    let written = head(mesh.node(1).core(), &feed(1, 1)).unwrap();
    assert_eq!(written.goal.size, 21);
    for node in [2, 3] {
        let kept = holds(&mesh, node, &feed(1, 1), 21).await;
        assert_eq!(kept, written, "node {node}");
        let store = &mesh.node(node).core().store;
        let id = mesh_store::FeedId::new("domain_1", 1).unwrap();
        assert!(store.feed(id.clone()).is_copy().unwrap());
        assert!(store.feed(id).log().appender().is_err(), "a copy is written by nobody");
        until("the attachments are there", async || {
            store.attachments().contains(&Digest::of(&text).0).unwrap()
                && store.private_attachments().contains(&people.digest().0).unwrap()
        })
        .await;
    }
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_follows_through_restarts_of_either_side() {
    let mut mesh = mesh().await;
    mesh.admit_domains().await;
    mesh.publish(1, descriptor(1, "first")).await;
    holds(&mesh, 2, &feed(1, 1), 1).await;
    mesh.stop_node(2).await;
    mesh.publish(1, descriptor(1, "second")).await;
    mesh.start_node(2).await;
    holds(&mesh, 2, &feed(1, 1), 2).await;
    // The home is gone: the other copy is served on.
    mesh.stop_node(3).await;
    mesh.publish(1, descriptor(1, "third")).await;
    holds(&mesh, 2, &feed(1, 1), 3).await;
    mesh.stop_node(1).await;
    mesh.start_node(3).await;
    let kept = holds(&mesh, 3, &feed(1, 1), 3).await;
    assert_eq!(kept, head(mesh.node(2).core(), &feed(1, 1)).unwrap());
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_domain_whose_home_is_gone_goes_on_elsewhere_and_its_orphans_come_along() {
    let mut mesh = mesh().await;
    mesh.admit_domains().await;
    let sealed = mesh.publish_command(descriptor(1, "sealed"), None);
    let first = mesh.client(1).publish(&sealed, WaitLevel::Sealed).await.unwrap();
    let copied = holds(&mesh, 2, &feed(1, 1), 1).await;
    holds(&mesh, 3, &feed(1, 1), 1).await;
    // Cut off: acknowledged as local, on one node alone.
    mesh.stop_node(2).await;
    mesh.stop_node(3).await;
    let orphans: Vec<_> = (0..5).map(|n| mesh.publish_command(descriptor(1, &format!("orphan_{n}")), None)).collect();
    for orphan in &orphans {
        let local = mesh.client(1).publish(orphan, WaitLevel::Local).await.unwrap();
        assert_eq!(local.reached, WaitLevel::Local);
    }
    mesh.stop_node(1).await;

    // The others go on without it.
    mesh.start_node(2).await;
    mesh.start_node(3).await;
    delegate(&mesh, 1, 2, 2, Some(&copied)).await;
    mesh.publish(3, descriptor(1, "meanwhile")).await;
    // Who asks again about what the former home had sealed gets the first answer.
    let again = mesh.client(2).publish(&sealed, WaitLevel::Sealed).await.unwrap();
    assert_eq!((again.ledger_index, again.code, again.feed), (first.ledger_index, first.code, first.feed));

    // It comes back: what it had acknowledged is in the new feed, once.
    mesh.start_node(1).await;
    for (n, orphan) in orphans.iter().enumerate() {
        let id = format!("domain_1/orphan_{n}");
        until(&id, async || mesh.client(3).product(&id, mesh_client::Read::default()).await.is_ok_and(|p| !p.pending))
            .await;
        // A retry of the first attempt, at the old home and at the new one, gets the one answer.
        let here = mesh.client(1).publish(orphan, WaitLevel::Sealed).await.unwrap();
        let there = mesh.client(2).publish(orphan, WaitLevel::Sealed).await.unwrap();
        assert_eq!(here.ledger_index, there.ledger_index, "{id}");
    }
    let core = mesh.node(1).core();
    assert!(core.feeds.all().iter().all(|writer| writer.id().domain != domain_of(1)), "the old home writes no more");
    assert_eq!(head(mesh.node(2).core(), &feed(1, 2)).unwrap().goal.size, 6, "five orphans and what came meanwhile");
    assert_eq!(mesh_node::orphans::alarms(core), Vec::<String>::new());
    mesh.stop().await;
}

/// With one copy of each feed: the former home is gone, and by its number it, and not the node with the copy, is the next home's keeper.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_next_home_gets_the_feed_from_whoever_kept_it_for_the_former_one() {
    let quick = |config: &mut mesh_node::Config| {
        config.feeds.pull_ms = 100;
        config.feeds.copies = 1;
    };
    let mut mesh = Mesh::start_with(quick).await;
    mesh.admit_domains().await;
    let by_weight = keepers(&mesh.genesis.mesh_id, &domain_of(1), None, 1..=3, 3);
    let [home, keeper, next] = by_weight[..] else { panic!("{by_weight:?}") };
    let mut epoch = 1;
    if home != 1 {
        epoch = 2;
        delegate(&mesh, 1, home, epoch, None).await;
    }
    mesh.publish(home, descriptor(1, "first")).await;
    holds(&mesh, keeper, &feed(1, epoch), 1).await;
    assert_eq!(head(mesh.node(next).core(), &feed(1, epoch)), None, "one copy was asked for");
    // And something that the ledger has not, or it would come from there.
    mesh.stop_node(next).await;
    mesh.node(keeper).core().raft.shutdown().await;
    let waiting = mesh.publish_command(descriptor(1, "waiting"), None);
    mesh.client(home).publish(&waiting, WaitLevel::Local).await.unwrap();
    let copied = holds(&mesh, keeper, &feed(1, epoch), 2).await;
    mesh.stop_node(home).await;
    mesh.stop_node(keeper).await;
    mesh.start_node(keeper).await;
    mesh.start_node(next).await;
    delegate(&mesh, 1, next, epoch + 1, Some(&copied)).await;
    holds(&mesh, next, &feed(1, epoch), 2).await;
    mesh.publish(next, descriptor(1, "second")).await;
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn altered_bytes_at_a_feeds_end_are_found_at_start_and_fetched_back() {
    let mut mesh = mesh().await;
    mesh.admit_domains().await;
    for n in 0..7 {
        mesh.publish(1, descriptor(1, &format!("product_{n}"))).await;
    }
    let whole = holds(&mesh, 2, &feed(1, 1), 7).await;
    holds(&mesh, 3, &feed(1, 1), 7).await;
    // On the home, and on one of the keepers.
    for node in [1, 2] {
        mesh.stop_node(node).await;
        {
            let folder = mesh.folder.path().join(format!("node-{node}/data"));
            let store = mesh_store::Store::open(&folder, mesh_store::StoreOptions::default()).unwrap();
            let id = mesh_store::FeedId::new("domain_1", 1).unwrap();
            let mut batch = mesh_store::Batch::new();
            store.feed(id).log().put_leaf(&mut batch, 6, b"other bytes than were written");
            store.committer().commit_blocking(batch).unwrap();
            store.close().unwrap();
        }
        mesh.start_node(node).await;
        let core = Arc::clone(mesh.node(node).core());
        until("it is whole again", async || {
            core.store.damage().is_empty() && head(&core, &feed(1, 1)).is_some_and(|head| head.goal == whole.goal)
        })
        .await;
    }
    // The home that had lost something never writes that epoch again; under a new one the domain goes on.
    let error =
        mesh.client(1).publish(&mesh.publish_command(descriptor(1, "late"), None), WaitLevel::Local).await.unwrap_err();
    assert!(matches!(error.code, Code::Damaged | Code::ReadOnly), "{error:?}");
    delegate(&mesh, 1, 1, 2, Some(&whole)).await;
    mesh.publish(2, descriptor(1, "late")).await;
    holds(&mesh, 2, &feed(1, 2), 1).await;
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_planned_move_under_load_loses_nothing_and_seals_everything_once() {
    let mesh = mesh().await;
    mesh.admit_domains().await;
    mesh.publish(1, descriptor(1, "first")).await;
    let (sender, mut taken) = tokio::sync::mpsc::unbounded_channel();
    let mut acknowledged = Vec::new();
    let moving = async {
        // The load goes on before, while and after the domain moves.
        while taken.len() < 10 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let end = mesh.client(3).seal_feed(&domain_of(1), 1, &[&keypair("root-1")]).await.unwrap();
        assert_eq!((end.epoch, end.home_node_id, end.waiting), (1, 1, 0));
        let error = mesh.client(3).seal_feed(&domain_of(1), 1, &[&keypair("owner")]).await.unwrap_err();
        assert_eq!(error.code, Code::ThresholdNotMet);
        let base = KeptHead {
            goal: mesh_node::replicas::intake::Goal { size: end.size, root: mesh_tlog::Hash::new(end.root.unwrap().0) },
            note: Vec::new(),
        };
        delegate(&mesh, 1, 2, 2, Some(&base)).await;
        end.size
    };
    let load = async {
        for n in 0..60 {
            let outgoing = mesh.publish_command(descriptor(1, &format!("product_{n}")), None);
            let client = mesh.client(1 + n % 3);
            // What was refused with "nothing happened" is sent again, as clients do.
            let mut tries = 0;
            let acknowledgement = loop {
                match client.publish(&outgoing, WaitLevel::Sealed).await {
                    Ok(acknowledgement) => break acknowledgement,
                    Err(error) => {
                        tries += 1;
                        assert!(tries < 200, "{n}: {error:?}");
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                }
            };
            sender.send(acknowledgement.ledger_index).unwrap();
        }
        drop(sender);
    };
    let (base, ()) = tokio::join!(moving, load);
    while let Some(index) = taken.recv().await {
        acknowledged.push(index.expect("sealed"));
    }
    let distinct: std::collections::BTreeSet<_> = acknowledged.iter().collect();
    assert_eq!((acknowledged.len(), distinct.len()), (60, 60));
    for n in 0..60 {
        let view =
            mesh.client(3).product(&format!("domain_1/product_{n}"), mesh_client::Read::default()).await.unwrap();
        assert!(!view.pending && view.versions.len() == 1, "{view:?}");
    }
    // The new home has the whole of the old feed, and the old one appended nothing beyond the base.
    assert_eq!(holds(&mesh, 2, &feed(1, 1), base).await.goal.size, base);
    assert_eq!(head(mesh.node(1).core(), &feed(1, 1)).unwrap().goal.size, base);
    let written = head(mesh.node(2).core(), &feed(1, 2)).unwrap().goal;
    assert_eq!(holds(&mesh, 3, &feed(1, 2), written.size).await.goal, written);
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_sealed_shows_as_pending_at_home_and_on_whoever_has_a_copy() {
    let mut mesh = mesh().await;
    mesh.admit_domains().await;
    mesh.publish(1, descriptor(1, "sealed")).await;
    // Nodes 1 and 2 have no quorum between them once 3 is gone and one of them does not vote; here: 1 alone publishes, 2 comes back.
    mesh.stop_node(2).await;
    mesh.stop_node(3).await;
    let client = mesh.client(1);
    let outgoing = mesh.publish_command(descriptor(1, "waiting"), None);
    client.publish(&outgoing, WaitLevel::Local).await.unwrap();
    let view = client.product("domain_1/waiting", mesh_client::Read::default()).await.unwrap();
    assert!(view.pending && view.status == "pending", "{view:?}");
    assert!(view.versions.iter().all(|version| version.pending));
    let query = mesh_client::SearchQuery { query: "waiting".into(), ..mesh_client::SearchQuery::default() };
    let mut found = client.search(&query).await.unwrap();
    until("searches see it", async || {
        found = client.search(&query).await.unwrap();
        !found.hits.is_empty()
    })
    .await;
    assert!(found.hits[0].product.pending && found.total == 1, "{found:?}");
    let listed = async |query: mesh_client::ListQuery| {
        let rows = client.products(&query).await.unwrap().items;
        rows.into_iter().map(|row| (row.id, row.status, row.pending)).collect::<Vec<_>>()
    };
    let (sealed, waiting) = (("domain_1/sealed", "active", false), ("domain_1/waiting", "pending", true));
    let row = |(id, status, pending): (&str, &str, bool)| (id.to_owned(), status.to_owned(), pending);
    let all = mesh_client::ListQuery::default;
    assert_eq!(listed(all()).await, [row(sealed), row(waiting)]);
    assert_eq!(listed(mesh_client::ListQuery { limit: Some(1), ..all() }).await, [row(sealed)]);
    assert_eq!(listed(mesh_client::ListQuery { domain: "domain_2".into(), ..all() }).await, []);
    assert_eq!(listed(mesh_client::ListQuery { statuses: vec!["active".into()], ..all() }).await, [row(sealed)]);
    // A version after one that is sealed.
    let mut next = descriptor(1, "sealed");
    next.version = mesh_model::Version::new(1, 1, 0);
    next.description = "more of it".into();
    let before = mesh_event::descriptor_digest(&descriptor(1, "sealed"));
    client.publish(&mesh.publish_command(next, Some(before)), WaitLevel::Local).await.unwrap();
    until("it is listed beside the sealed one", async || {
        let view = client.product("domain_1/sealed", mesh_client::Read::default()).await.unwrap();
        assert!(!view.pending, "the sealed version stays the one that is shown");
        view.versions.iter().map(|version| version.pending).eq([true, false])
    })
    .await;
    let one = client.product("domain_1/sealed@1.1.0", mesh_client::Read::default()).await.unwrap();
    assert!(one.pending);

    mesh.start_node(2).await;
    mesh.start_node(3).await;
    until("it is sealed", async || {
        let view = client.product("domain_1/waiting", mesh_client::Read::default()).await.unwrap();
        !view.pending && view.status == "active"
    })
    .await;
    until("the search has it once", async || {
        let found = client.search(&query).await.unwrap();
        found.hits.len() == 1 && !found.hits[0].product.pending
    })
    .await;
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_cut_off_home_took_is_sealed_once_and_in_order_however_much_it_is() {
    const COUNT: usize = 1_000;
    let mut mesh = mesh().await;
    mesh.admit_domains().await;
    mesh.stop_node(2).await;
    mesh.stop_node(3).await;
    let client = mesh.client(1);
    let commands: Vec<_> =
        (0..COUNT).map(|n| mesh.publish_command(descriptor(1, &format!("product_{n}")), None)).collect();
    for command in &commands {
        assert_eq!(client.publish(command, WaitLevel::Local).await.unwrap().reached, WaitLevel::Local);
    }
    // A restart in the middle of the cut.
    mesh.stop_node(1).await;
    for node in 1..=3 {
        mesh.start_node(node).await;
    }
    let healed = std::time::Instant::now();
    let client = mesh.client(1);
    until("all are sealed", async || {
        client.domain(&domain_of(1), None).await.is_ok_and(|view| view.sealed_commands == COUNT as u64)
    })
    .await;
    println!("{COUNT} commands were sealed {:?} after the nodes were back", healed.elapsed());
    for node in [2, 3] {
        holds(&mesh, node, &feed(1, 1), COUNT as u64).await;
    }
    println!("and copied to both others after {:?}", healed.elapsed());
    let mut last = 0;
    for command in &commands {
        let sealed = client.publish(command, WaitLevel::Sealed).await.unwrap().ledger_index.unwrap();
        assert!(sealed > last, "{sealed} after {last}");
        last = sealed;
    }
    let view = client.domain(&domain_of(1), None).await.unwrap();
    assert_eq!(view.sealed_commands, COUNT as u64);
    let other = holds(&mesh, 3, &feed(1, 1), COUNT as u64).await;
    assert_eq!(other, head(mesh.node(1).core(), &feed(1, 1)).unwrap());
    mesh.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_copy_holds_beyond_the_ledger_is_pending_there_and_taken_over_by_the_next_home() {
    const COUNT: u64 = 5;
    let mut mesh = mesh().await;
    mesh.admit_domains().await;
    mesh.publish(1, descriptor(1, "sealed")).await;
    // Nodes 1 and 2 see each other and order nothing: node 3 is away, and node 2 does not vote.
    mesh.stop_node(3).await;
    mesh.node(2).core().raft.shutdown().await;
    let commands: Vec<_> =
        (0..COUNT).map(|n| mesh.publish_command(descriptor(1, &format!("waiting_{n}")), None)).collect();
    for command in &commands {
        mesh.client(1).publish(command, WaitLevel::Local).await.unwrap();
    }
    let copied = holds(&mesh, 2, &feed(1, 1), COUNT + 1).await;
    let view = mesh.client(2).product("domain_1/waiting_0", mesh_client::Read::default()).await.unwrap();
    assert!(view.pending && view.status == "pending", "{view:?}");

    // Node 1 is gone for good, with the ledger not knowing what it had acknowledged.
    mesh.stop_node(1).await;
    mesh.stop_node(2).await;
    mesh.start_node(2).await;
    mesh.start_node(3).await;
    let end = mesh.client(2).feed_end(&domain_of(1)).await.unwrap();
    assert_eq!((end.size, end.root.unwrap().0), (copied.goal.size, *copied.goal.root.as_bytes()));
    delegate(&mesh, 1, 3, 2, Some(&copied)).await;
    for n in 0..COUNT {
        let id = format!("domain_1/waiting_{n}");
        until(&id, async || {
            mesh.client(3).product(&id, mesh_client::Read::default()).await.is_ok_and(|view| !view.pending)
        })
        .await;
    }
    // Each once, with the command ids of old.
    assert_eq!(head(mesh.node(3).core(), &feed(1, 2)).unwrap().goal.size, COUNT);
    for command in &commands {
        let retried = mesh.client(3).publish(command, WaitLevel::Sealed).await.unwrap();
        assert!(retried.ledger_index.is_some());
    }
    assert_eq!(head(mesh.node(3).core(), &feed(1, 2)).unwrap().goal.size, COUNT);
    mesh.stop().await;
}

fn nothing_called_refused() -> Standard {
    let rule = Rule {
        id: Name::parse("its_name").unwrap(),
        expression: "!name.startsWith('refused')".into(),
        severity: RuleSeverity::High,
        message: "it is called so".into(),
        remediation: "call it something else".into(),
    };
    Standard {
        id: Name::parse("names").unwrap(),
        version: Version::new(1, 0, 0),
        title: "Names".into(),
        kind: StandardKind::Policy,
        text: "Nothing is called refused.".into(),
        selector: String::new(),
        rules: vec![rule],
        enforcement: Enforcement::Block,
        effective_from: String::new(),
        grace_days: 0,
        tests: Vec::new(),
        detail: None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_died_with_the_home_and_no_copy_had_come_from_the_ledger() {
    // Nobody keeps copies: as if the home died right after its publishes were sealed.
    let mut mesh = Mesh::start_with(|config| {
        config.feeds.pull_ms = 100;
        config.feeds.copies = 0;
    })
    .await;
    mesh.admit_domains().await;
    for n in 0..200 {
        mesh.publish(1, descriptor(1, &format!("product_{n}"))).await;
    }
    // While the home is alone it takes three more, which a standard refuses when the ledger sees them: only the feed has the verdicts.
    mesh.stop_node(2).await;
    mesh.stop_node(3).await;
    for n in 0..3 {
        let refused = mesh.publish_command(descriptor(1, &format!("refused_{n}")), None);
        mesh.client(1).publish(&refused, WaitLevel::Local).await.unwrap();
    }
    mesh.stop_node(1).await;
    mesh.start_node(2).await;
    mesh.start_node(3).await;
    let enact = EnactStandard { standard: nothing_called_refused(), supersedes: None };
    mesh.decide(2, ProposalBody::EnactStandard(enact)).await.unwrap();
    mesh.start_node(1).await;
    until("the refusals are in the feed", async || {
        heads::of_feed(mesh.node(1).core(), &feed(1, 1)).unwrap().is_some_and(|head| head.goal.size == 206)
    })
    .await;
    let last = mesh.publish(1, descriptor(1, "last")).await;
    assert!(mesh.node(2).core().wait_applied(last, DEADLINE).await);
    mesh.stop_node(1).await;
    let known = mesh_governance::read::ledger_head(&mesh.node(2).core().state, &domain_of(1), 1).unwrap().unwrap();
    assert_eq!(known.size, 207);
    let goal = Goal { size: known.size, root: mesh_tlog::Hash::new(known.root.0) };
    delegate(&mesh, 1, 2, 2, Some(&KeptHead { goal, note: Vec::new() })).await;
    until("the new home publishes", async || {
        let outgoing = mesh.publish_command(descriptor(1, "after"), None);
        mesh.client(2).publish(&outgoing, WaitLevel::Sealed).await.is_ok()
    })
    .await;
    assert_eq!(head(mesh.node(2).core(), &feed(1, 1)).map(|head| head.goal), Some(goal));
    mesh.stop().await;
}
