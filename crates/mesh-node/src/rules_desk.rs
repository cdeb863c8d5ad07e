//! A domain's own rules: set at its home node, kept in its feed, asked by whoever plans a publish.
//!
//! They are an event of the feed like any other: numbered and chained by the one writer, durable before they are
//! acknowledged, in force from there on. Feeds are not copied to other nodes yet, so every other node asks the home.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use mesh_event::command::CommandError;
use mesh_event::{Envelope, FeedId, SignedRules};
use mesh_governance::{admit_rules, read};
use mesh_model::{Code, DomainName, NodeId, UnixMs};
use mesh_proto::status::MeshError;
use mesh_proto::v1::SetDomainRulesResponse;

use crate::core::Core;
use crate::feed_rules::FeedRules;
use crate::feeds;
use crate::publish::{Publisher, Route};

/// How long a plan waits for another node's rules.
const ASKING: Duration = Duration::from_secs(2);
/// For how long a home that did not answer is not asked again by plans: a folder of a thousand products waits once, not a
/// thousand times.
const PATIENCE: Duration = Duration::from_secs(2);

/// The stamp of the last of so many ledger leaves, as this node has them; 0 for one that it does not have.
///
/// # Errors
/// [`Code::Damaged`] when the ledger cannot be read.
pub fn stamp_of(core: &Core, ledger_size: u64) -> Result<UnixMs, MeshError> {
    let Some(last) = ledger_size.checked_sub(1) else { return Ok(0) };
    let leaf = read::leaf(&core.state, last).map_err(|e| core.state_error(&e))?;
    Ok(leaf.map_or(0, |leaf| leaf.stamp_unix_ms))
}

/// What a domain's rules were found to be.
#[derive(Debug, Clone)]
pub struct Found {
    /// The node that was asked.
    pub home: NodeId,
    /// The feed's epoch.
    pub epoch: u64,
    /// The rules; `None` when none were set in this epoch.
    pub rules: Option<Arc<FeedRules>>,
}

/// Takes and shows domains' own rules.
#[derive(Clone)]
pub struct RulesDesk {
    core: Arc<Core>,
    publisher: Publisher,
    silent: Arc<Mutex<BTreeMap<NodeId, (Instant, MeshError)>>>,
}

fn from_command(error: &CommandError) -> MeshError {
    MeshError::new(error.code(), error.to_string())
}

impl RulesDesk {
    /// For clients, over the node's parts.
    pub fn new(core: Arc<Core>) -> Self {
        let publisher = Publisher::new(Arc::clone(&core));
        Self { core, publisher, silent: Arc::default() }
    }

    /// For other nodes: nothing is passed on.
    pub fn of_home(core: Arc<Core>) -> Self {
        let publisher = Publisher::of_home(Arc::clone(&core));
        Self { core, publisher, silent: Arc::default() }
    }

    /// Sets a domain's rules, here or at its home. The same bytes again are answered with the first result, as long as they are in
    /// force.
    ///
    /// # Errors
    /// What is wrong with the bytes, their signers or the rules; [`Code::StaleRules`] when others came in between;
    /// [`Code::HomeUnreachable`]: nothing happened.
    pub async fn set(&self, envelope: Vec<u8>, within: Duration) -> Result<SetDomainRulesResponse, MeshError> {
        let envelope = Envelope::parse(envelope).map_err(|error| MeshError::new(error.code(), error.to_string()))?;
        let signed = SignedRules::verify(envelope, &self.core.mesh_id).map_err(|e| from_command(&e))?;
        if let Route::Home(home) = self.publisher.route(&signed.rules().domain)? {
            self.publisher.check_passes_on(home, &signed.rules().domain)?;
            return self.core.forward.set_rules(home, signed.envelope().bytes().to_vec(), within).await;
        }
        let core = &self.core;
        core.check_writable()?;
        core.checkpoints.check_no_fork()?;
        let size = core.ledger_size();
        let admitted = admit_rules(&core.state, &signed, size, &*core.judge).map_err(|e| core.state_error(&e))?;
        admitted.map_err(|rejection| feeds::refusal(rejection.code, rejection.detail, ""))?;
        self.publisher.await_base(&signed.rules().domain, within).await?;
        let writer = core.feeds.writer(core, &signed.rules().domain)?;
        let appended = writer.append_rules(&signed, size, |size| stamp_of(core, size))?;
        appended.durable.wait().await?;
        let FeedId { domain, epoch } = writer.id().clone();
        let (seq, number) = (appended.rules.event.seq, appended.rules.number());
        Ok(SetDomainRulesResponse { domain: domain.to_string(), epoch, seq, number })
    }

    /// A domain's rules in force, from its home.
    ///
    /// # Errors
    /// [`Code::UnknownDomain`], [`Code::NotDelegated`], [`Code::HomeUnreachable`], or what the home says.
    pub async fn get(&self, domain: &DomainName, within: Duration) -> Result<Found, MeshError> {
        match self.publisher.route(domain)? {
            Route::Here => self.here(domain).await,
            Route::Home(home) => {
                self.publisher.check_passes_on(home, domain)?;
                self.elsewhere(home, domain, within).await
            }
        }
    }

    /// The same for a plan, which goes on without when the home does not answer: soon, and at once when it did not a moment ago.
    ///
    /// # Errors
    /// As [`RulesDesk::get`].
    pub async fn get_soon(&self, domain: &DomainName) -> Result<Found, MeshError> {
        let Route::Home(home) = self.publisher.route(domain)? else { return self.here(domain).await };
        let silent = || self.silent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((since, error)) = silent().get(&home)
            && since.elapsed() < PATIENCE
        {
            return Err(error.clone());
        }
        let found = self.elsewhere(home, domain, ASKING).await;
        match &found {
            Err(error) if error.code.class() == mesh_model::Class::Unavailable => {
                silent().insert(home, (Instant::now(), error.clone()));
            }
            _ => {
                silent().remove(&home);
            }
        }
        found
    }

    async fn here(&self, domain: &DomainName) -> Result<Found, MeshError> {
        let writer = self.core.feeds.writer(&self.core, domain)?;
        let rules = writer.rules();
        if let Some(rules) = &rules {
            // They are judged by from their append on; they are shown once they are durable.
            writer.durable_beyond(rules.event.seq).wait().await?;
        }
        Ok(Found { home: self.core.node_id(), epoch: writer.id().epoch, rules })
    }

    async fn elsewhere(&self, home: NodeId, domain: &DomainName, within: Duration) -> Result<Found, MeshError> {
        let answer = self.core.forward.rules(home, domain, within).await?;
        let rules = if answer.event.is_empty() {
            None
        } else {
            let rules = FeedRules::read(answer.event, &self.core.mesh_id, &answer.since_unix_ms)?;
            if rules.event.feed.domain != *domain {
                let text = format!("node {home} answered with the rules of another domain than {domain}");
                return Err(MeshError::new(Code::Damaged, text));
            }
            Some(Arc::new(rules))
        };
        Ok(Found { home: answer.home_node_id, epoch: answer.epoch, rules })
    }
}
