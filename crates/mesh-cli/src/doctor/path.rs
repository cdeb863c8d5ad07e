//! A product's way from one node to another, step by step, up to the first that is broken.

use mesh_client::{MeshError, NodeStatus, ProductView, Read, SearchQuery};
use mesh_model::{Code, Digest};

use super::finding::{Finding, Verdict};
use super::seen::Seen;
use crate::time;

/// Hits among which a product has to be when its own name is searched for within its domain.
const HITS: u32 = 1_000;

/// All steps that were looked at; the last one is broken, or all are passed.
pub(crate) async fn walk(id: &str, from: &Seen, to: &Seen) -> Vec<Finding> {
    let mut walk = Walk { id, from, to, findings: Vec::new() };
    // Whether it went through is what the last finding says.
    let _: Option<()> = walk.all().await;
    walk.findings
}

struct Walk<'a> {
    id: &'a str,
    from: &'a Seen,
    to: &'a Seen,
    findings: Vec<Finding>,
}

impl Walk<'_> {
    /// `None` as soon as a step is broken.
    async fn all(&mut self) -> Option<()> {
        let here = self.reach("reach the first node", self.from)?;
        let view = self.known(&here).await?;
        self.feed(&here, &view).await?;
        self.sealed(&here, &view)?;
        self.covered("checkpoint covers it", self.from, &here, &view)?;
        let there = self.reach("reach the second node", self.to)?;
        self.applied(&there, &view).await?;
        self.covered("checkpoint covers it there", self.to, &there, &view)?;
        self.searchable(&there, &view).await?;
        self.attachments(&view).await?;
        self.standards(&view).await
    }

    fn note(&mut self, finding: Finding) -> Option<()> {
        let passed = finding.verdict != Verdict::Broken;
        self.findings.push(finding);
        passed.then_some(())
    }

    fn reach(&mut self, step: &'static str, node: &Seen) -> Option<NodeStatus> {
        match &node.status {
            Ok(status) => {
                self.note(Finding::ok(step, format!("{} at {}", node.name(), node.url)))?;
                Some(status.clone())
            }
            Err(error) => {
                let next = format!("start it, or mend the way to it: `mesh doctor {}`", node.url);
                self.note(Finding::broken(step, format!("{}: {}", node.url, error.message), next))?;
                None
            }
        }
    }

    /// The first node has it, sealed or pending.
    async fn known(&mut self, here: &NodeStatus) -> Option<ProductView> {
        let step = "known to the first node";
        let error = match self.from.client.product(self.id, Read::default()).await {
            Ok(view) => {
                let version = view.descriptor.version_id();
                let how = if view.pending { "pending" } else { view.status.as_str() };
                self.note(Finding::ok(step, format!("{version}, {how}, digest {}", view.descriptor_digest.short())))?;
                return Some(view);
            }
            Err(error) => error,
        };
        let refused = match self.from.client.history(self.id.split('@').next().unwrap_or(self.id)).await {
            Ok(history) => history.items.into_iter().rev().find(|item| item.code != Code::Accepted),
            Err(_) => None,
        };
        let finding = match refused {
            Some(item) => Finding::broken(
                step,
                format!("the ledger refused it at {}: {} {}", item.ledger_index, item.code.slug(), item.detail),
                item.code.next_step(),
            ),
            None => Finding::broken(
                step,
                format!("node {}: {}", here.node_id, error.message),
                "look whether its `mesh apply` succeeded, and at which node: `mesh history` shows what the ledger decided",
            ),
        };
        self.note(finding)?;
        None
    }

    /// The event lies in the feed of its home.
    async fn feed(&mut self, here: &NodeStatus, view: &ProductView) -> Option<()> {
        let (step, domain) = ("in its home's feed", &view.descriptor.domain);
        let known = match self.from.client.domain(domain, None).await {
            Ok(known) => known,
            Err(error) => return self.note(Finding::unknown(step, error.message)),
        };
        let Some(home) = known.home_node_id else {
            let next = format!("its root delegates one: mesh domain delegate {domain} --to NODE");
            return self.note(Finding::broken(step, format!("no node writes the feed of {domain}"), next));
        };
        if let Some(fork) = known.fork {
            let evidence = format!("the node of {domain} signed two histories, reported at {}", fork.ledger_index);
            return self.note(Finding::broken(
                step,
                evidence,
                format!("its root decides: mesh domain resolve {domain}"),
            ));
        }
        let held = here.held_feeds.iter().find(|feed| feed.domain == *domain && feed.epoch == known.epoch);
        let finding = match held {
            Some(feed) => {
                let copies = feed.holders.iter().filter(|holder| holder.size >= feed.size).count();
                let place = if feed.written_here { "written here" } else { "a copy here" };
                let evidence = format!(
                    "feed {domain}/{} of node {home}: {} events, {place}, whole on {copies} other nodes",
                    feed.epoch, feed.size
                );
                Finding::ok(step, evidence)
            }
            None => {
                Finding::ok(step, format!("feed {domain}/{} is written by node {home}; no copy is here", known.epoch))
            }
        };
        self.note(finding)
    }

    /// The ledger has decided.
    fn sealed(&mut self, here: &NodeStatus, view: &ProductView) -> Option<()> {
        let step = "sealed in the ledger";
        if !view.pending {
            let at = time::rfc3339(view.sealed_unix_ms);
            return self.note(Finding::ok(step, format!("leaf {}, at {at}", view.ledger_index)));
        }
        let waiting = here.feeds.iter().find(|feed| feed.domain == view.descriptor.domain);
        let outbox = waiting.map_or_else(
            || "it is in a copy of the feed here; its home offers it".to_owned(),
            |feed| {
                let waited = time::age(feed.oldest_waiting_ms.unwrap_or(0));
                format!("{} commands wait in the outbox, the oldest for {waited}", feed.outbox_waiting)
            },
        );
        let leader = match here.raft.leader_id {
            Some(leader) => format!("node {leader} orders"),
            None => "no leader is known".to_owned(),
        };
        let next = "it is safe, and sealed once a majority of voters is reached: `mesh doctor` shows which are missing";
        self.note(Finding::broken(step, format!("local only: {outbox}; {leader}"), next))
    }

    /// A majority of voters vouches for the leaf.
    fn covered(&mut self, step: &'static str, node: &Seen, status: &NodeStatus, view: &ProductView) -> Option<()> {
        let covered = status.freshness.checkpoint_size;
        let age = time::age_of(&status.freshness);
        if covered > view.ledger_index {
            return self.note(Finding::ok(step, format!("checkpoint of {covered} leaves, age {age}")));
        }
        let evidence = format!(
            "the newest checkpoint of {} covers {covered} leaves; {} is beyond",
            node.name(),
            view.ledger_index
        );
        // It shows all the same; only receipts and observers wait.
        self.note(Finding::warn(
            step,
            format!("{evidence}; its age is {age}"),
            "a majority of voters has to cosign; look again",
        ))
    }

    /// The second node decided the same.
    async fn applied(&mut self, there: &NodeStatus, view: &ProductView) -> Option<()> {
        let (step, index) = ("applied by the second node", view.ledger_index);
        if there.ledger.size <= index {
            let age = match there.freshness.age_ms {
                Some(ms) => format!("it is {} old", time::age(ms)),
                None => "it has heard of no newer one since it started".to_owned(),
            };
            let evidence = format!("{} has {} leaves and lacks leaf {index}; {age}", self.to.name(), there.ledger.size);
            let next = format!("it reaches no peer that has it: `mesh doctor {}`", self.to.url);
            return self.note(Finding::broken(step, evidence, next));
        }
        let id = view.descriptor.version_id().to_string();
        let finding = match self.to.client.product(&id, Read::at_least(index)).await {
            Ok(other) if other.descriptor_digest == view.descriptor_digest => {
                Finding::ok(step, format!("{} leaves; the same digest, {}", there.ledger.size, other.status))
            }
            Ok(other) => Finding::broken(
                step,
                format!(
                    "it shows digest {}; expected {}",
                    other.descriptor_digest.short(),
                    view.descriptor_digest.short()
                ),
                "one of the nodes has another history: `mesh doctor` compares their ledgers",
            ),
            Err(error) => {
                Finding::broken(step, error.message, format!("`mesh doctor {}` looks at that node", self.to.url))
            }
        };
        self.note(finding)
    }

    async fn searchable(&mut self, there: &NodeStatus, view: &ProductView) -> Option<()> {
        let (step, index) = ("searchable there", view.ledger_index);
        if there.ledger.indexed_size <= index {
            let evidence =
                format!("its search has taken in {} leaves and lacks leaf {index}", there.ledger.indexed_size);
            let next =
                "indexing lags under load and catches up by itself; if not, restart the node without its search folder";
            return self.note(Finding::broken(step, evidence, next));
        }
        let descriptor = &view.descriptor;
        let newest = view.versions.iter().map(|version| version.version).max();
        if newest.is_some_and(|newest| newest != descriptor.version) {
            return self.note(Finding::ok(step, "search shows the newest version of a product, which is another"));
        }
        let query = SearchQuery {
            query: descriptor.name.to_string(),
            domains: vec![descriptor.domain.to_string()],
            statuses: vec![view.status.clone()],
            limit: HITS,
            ..SearchQuery::default()
        };
        let id = descriptor.id().to_string();
        let finding = match self.to.client.search(&query).await {
            Ok(page) => match page.hits.iter().position(|hit| hit.product.id == id) {
                Some(place) => Finding::ok(step, format!("hit {} of {} for its name", place + 1, page.total)),
                None => Finding::broken(
                    step,
                    format!("its leaf is indexed, and {} hits for its name lack it", page.total),
                    "restart the node without its search folder: the index is made again",
                ),
            },
            Err(error) => Finding::broken(step, error.message, "its trace says why search does not answer"),
        };
        self.note(finding)
    }

    /// What the descriptor names beside itself can be had there.
    async fn attachments(&mut self, view: &ProductView) -> Option<()> {
        let step = "attachments there";
        let (mut there, mut closed) = (0, 0);
        for attachment in &view.descriptor.attachments {
            match self.to.client.attachment(attachment.digest).await {
                Ok(_) => there += 1,
                // Without a reader's key a private one is not shown, whether it is there or not; that it was erased is.
                Err(error) if attachment.private && error.code != Code::Erased => closed += 1,
                Err(error) if error.code == Code::ReadDenied => closed += 1,
                Err(error) => {
                    let finding = lacking(step, &attachment.name, attachment.digest, &error);
                    return self.note(finding);
                }
            }
        }
        let evidence = match (there, closed) {
            (0, 0) => "it has none".to_owned(),
            (there, 0) => format!("all {there} are there"),
            (there, closed) => format!("{there} are there, {closed} are private and were not looked at"),
        };
        self.note(Finding::ok(step, evidence))
    }

    async fn standards(&mut self, view: &ProductView) -> Option<()> {
        let step = "standards";
        let domain = &view.descriptor.domain;
        let id = view.descriptor.id().to_string();
        let report = match self.to.client.compliance(Some(domain), true).await {
            Ok(report) => report,
            Err(error) => return self.note(Finding::unknown(step, error.message)),
        };
        let of_it = |product: &str| product.split('@').next() == Some(&id);
        let open: Vec<String> = (report.rows.iter())
            .filter(|row| of_it(&row.product) && row.state != "compliant")
            .map(|row| format!("{}: {}", row.standard, row.state))
            .collect();
        let finding = if open.is_empty() {
            Finding::ok(step, format!("keeps all of {} in force", report.standards))
        } else {
            let next = format!("it shows all the same; `mesh standard compliance --domain {domain}` says what to mend");
            Finding::warn(step, open.join(", "), next)
        };
        self.note(finding)
    }
}

fn lacking(step: &'static str, name: &str, digest: Digest, error: &MeshError) -> Finding {
    let evidence = format!("{name} ({}): {}", digest.short(), error.message);
    match error.code {
        Code::Erased => Finding::broken(
            step,
            format!("{evidence}; erased"),
            "it is gone on every node, on purpose and for good; publish a version without it or with another",
        ),
        _ => Finding::broken(
            step,
            evidence,
            "the node fetches it from the feed's home or a keeper: start these, and look again",
        ),
    }
}
