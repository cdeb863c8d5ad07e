//! Clients that publish while nodes die.
//!
//! Each has a random number generator of its own, so that what it sends depends on the seed and on what it was told, not
//! on the others. Most versions are its own; some are contested: several clients publish the same version with different
//! content, and at most one may win.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use chaos_process::testbed::{Engineer, NodeNumber, Testbed};
use mesh_client::{Client, Outgoing, Read, WaitLevel};
use mesh_event::{Command, descriptor_digest};
use mesh_model::{Code, CommandId, Descriptor, Digest, DomainName, Name, OutputPort, PortKind, Version};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio_util::sync::CancellationToken;

use crate::oracle::{Oracle, Record, Said};

/// Longest one call may take.
const CALL: Duration = Duration::from_secs(3);
/// Most calls for one command.
const CALLS: usize = 6;
/// One in so many of the sealed versions is read at once, at any node.
const READ_BACK: u32 = 5;
/// Versions that clients fight over, per domain.
const CONTESTED: u32 = 40;

/// One client.
pub(crate) struct Publisher {
    name: String,
    rng: StdRng,
    clients: Vec<Client>,
    engineer: Engineer,
    domains: Vec<DomainName>,
    oracle: Arc<Oracle>,
    products: u32,
    /// The newest version of an own product, if it is known to be sealed.
    latest: Option<Descriptor>,
}

impl Publisher {
    /// Client `number` of the run.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn new(testbed: &Testbed, oracle: &Arc<Oracle>, seed: u64, number: usize) -> Result<Self> {
        let mut rng = StdRng::seed_from_u64(seed);
        // Streams that don't overlap for any number of clients.
        let rng = StdRng::seed_from_u64(rng.random::<u64>().wrapping_add(number as u64));
        // Every fourth client knows one node only; the others know all, each beginning elsewhere.
        let mut order = testbed.nodes();
        let count = order.len();
        order.rotate_left(number % count);
        let known = if number % 4 == 3 { &order[..1] } else { &order[..] };
        let mut clients = vec![testbed.client(known, CALL)?];
        for node in testbed.nodes() {
            clients.push(testbed.client(&[node], CALL)?);
        }
        Ok(Self {
            name: format!("c{number}"),
            rng,
            clients,
            engineer: testbed.signer(),
            domains: testbed.domains().iter().map(|(domain, _)| domain.clone()).collect(),
            oracle: Arc::clone(oracle),
            products: 0,
            latest: None,
        })
    }

    /// Client `number`, who knows one node and publishes in one domain.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn at(
        testbed: &Testbed,
        oracle: &Arc<Oracle>,
        (seed, number): (u64, usize),
        node: NodeNumber,
        domain: &DomainName,
    ) -> Result<Self> {
        let known = testbed.client(&[node], CALL)?;
        let publisher = Self::new(testbed, oracle, seed, number)?;
        Ok(Self { clients: vec![known.clone(), known], domains: vec![domain.clone()], ..publisher })
    }

    /// Publishes until told to stop; ends the command that is under way.
    ///
    /// # Errors
    /// When a command cannot be made.
    pub(crate) async fn run(mut self, stop: CancellationToken) -> Result<()> {
        while !stop.is_cancelled() {
            let (descriptor, planned_against, contested) = self.next_version()?;
            self.publish(descriptor, planned_against, contested, &stop).await?;
            let pause = Duration::from_millis(self.rng.random_range(0..30));
            tokio::time::sleep(pause).await;
        }
        Ok(())
    }

    fn next_version(&mut self) -> Result<(Descriptor, Option<Digest>, bool)> {
        let kind = self.rng.random_range(0..100);
        if kind < 30
            && let Some(latest) = self.latest.take()
        {
            let mut next = latest.clone();
            next.version = Version::new(1, 0, latest.version.patch + 1);
            next.description = format!("as {} tells it", self.nonce());
            return Ok((next, Some(descriptor_digest(&latest)), false));
        }
        let domain = self.domains[self.rng.random_range(0..self.domains.len())].clone();
        let contested = kind >= 90;
        let name = if contested {
            format!("contested_{}", self.rng.random_range(0..CONTESTED))
        } else {
            self.products += 1;
            format!("{}_{}", self.name, self.products)
        };
        let mut descriptor = Descriptor::new(domain, Name::parse(&name).context("a product's name")?);
        descriptor.description = format!("as {} tells it", self.nonce());
        descriptor.owner.team = "team".into();
        descriptor.outputs = vec![OutputPort::new(Name::parse("api").context("a port's name")?, PortKind::Api)];
        Ok((descriptor, None, contested))
    }

    fn nonce(&mut self) -> String {
        format!("{} {:016x}", self.name, self.rng.random::<u64>())
    }

    async fn publish(
        &mut self,
        descriptor: Descriptor,
        planned_against: Option<Digest>,
        contested: bool,
        stop: &CancellationToken,
    ) -> Result<()> {
        let outgoing = self.engineer.publish(descriptor.clone(), planned_against)?;
        let id = command_id(&outgoing)?;
        let record = Record {
            version_id: descriptor.version_id().to_string(),
            envelope: outgoing.envelope.digest(),
            content: descriptor_digest(&descriptor),
            contested,
            said: Vec::new(),
        };
        self.oracle.sends(id, record);
        let wait = if self.rng.random_range(0..10) < 7 { WaitLevel::Sealed } else { WaitLevel::Local };
        let mut sealed = None;
        for call in 0..CALLS {
            // Later calls go to any node: the same bytes, so the same command.
            let at = if call == 0 { 0 } else { self.rng.random_range(0..self.clients.len()) };
            let was_in_doubt = self.oracle.is_in_doubt(&descriptor.domain);
            let mut said = Said::of(&self.clients[at].publish_within(&outgoing, wait, CALL).await);
            // A former home that does not know that it is one has not what was sealed since: it refuses what goes on from there.
            let is_stale = matches!(said, Said::Refused { code: Code::StalePlan, .. }) && !contested;
            if is_stale && (was_in_doubt || self.oracle.is_in_doubt(&descriptor.domain)) {
                said = Said::NothingHappened { code: Code::StalePlan };
            }
            let done = said.is_final(wait);
            if let Said::Sealed { index, code: Code::Accepted, .. } = &said {
                sealed = Some(*index);
            }
            self.oracle.heard(&id, said);
            // One in ten asks again although it knows: the answer has to be the same.
            let asks_again = self.rng.random_range(0..10) == 0;
            if (done && !asks_again) || stop.is_cancelled() {
                break;
            }
        }
        if let Some(index) = sealed {
            if self.rng.random_range(0..READ_BACK) == 0 {
                self.read_back(&descriptor, index).await;
            }
            if !contested {
                self.latest = Some(descriptor);
            }
        }
        Ok(())
    }

    /// What was acknowledged is shown by any node that says that it is so far.
    async fn read_back(&mut self, descriptor: &Descriptor, index: u64) {
        let at = self.rng.random_range(1..self.clients.len());
        let (id, digest) = (descriptor.version_id().to_string(), descriptor_digest(descriptor));
        let who = self.clients[at].nodes().next().unwrap_or_default().to_owned();
        let view = match self.clients[at].product(&id, Read::at_least(index)).await {
            Ok(view) => view,
            // It is there, and every node that has applied its leaf knows it.
            Err(error) if matches!(error.code, Code::UnknownProduct | Code::UnknownVersion | Code::NotFound) => {
                let text = format!("{who}, asked for {id} as of leaf {index} at least: {error}");
                return self.oracle.read(Some(text));
            }
            // It is not so far, or does not answer.
            Err(_) => return,
        };
        let is_it = (view.ledger_index, view.descriptor_digest, view.pending) == (index, digest, false);
        let wrong = (!is_it).then(|| {
            let (found, pending) = (view.ledger_index, view.pending);
            format!(
                "{who} shows {id}, sealed at {index}, as sealed at {found} (pending: {pending}) or with other content"
            )
        });
        self.oracle.read(wrong);
    }
}

/// The id in the exact bytes.
fn command_id(outgoing: &Outgoing) -> Result<CommandId> {
    Ok(Command::decode(outgoing.envelope.payload()).context("a command that was just signed")?.id)
}
