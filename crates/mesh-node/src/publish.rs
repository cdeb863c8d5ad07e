//! The main path: how a signed command of a domain becomes a fact of the mesh.
//!
//! | step | function | durable after |
//! |---|---|---|
//! | 0 sign | the client | - |
//! | 1 decode | [`Publisher::decode`] | no |
//! | 2 admit | [`Publisher::admit`] | no |
//! | 3 append | [`Publisher::append`] | **yes, on this node** |
//! | 4 order | [`crate::outbox::Outbox::run`] | **yes, on a quorum** |
//! | 5 decide | `mesh_governance::apply`, on every voter | by replay |
//! | 6 project | [`crate::projector::Projector::run`] | rebuildable |
//! | 7 announce | [`crate::gossip::announcer::announce`] | no |
//! | 8 show | [`crate::reads::Reads`] | - |
//!
//! Each step takes the proof that the one before returned, so an edit cannot reorder
//! them: [`SignedRequest`] -> [`Admitted`] -> [`Appended`] -> [`Decided`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use mesh_event::command::CommandError;
use mesh_event::{Body, Envelope, SignedCommand};
use mesh_governance::{Verify as _, read};
use mesh_model::{Code, CommandId, Descriptor, DomainName, NodeId, ProductId};
use mesh_proto::status::MeshError;
use mesh_proto::v1::{Acknowledgement, AttachmentBody, FeedPosition, WaitLevel};
use tokio::sync::watch;

use crate::attachments;
use crate::contracts;
use crate::core::Core;
use crate::feed_writer::{Decided, Position, Resolution};
use crate::feeds::{self, product_of};
use crate::replicas::forks;

/// How long a publish waits for the feed that a new epoch goes on with.
const BASE: Duration = Duration::from_secs(5);

/// A command whose signatures hold, with what came along.
pub struct SignedRequest {
    signed: SignedCommand,
    domain: DomainName,
    attachments: Vec<AttachmentBody>,
}

/// A command that this node would take: its domain's feed is written here and the ledger as known here would accept it.
pub struct Admitted {
    /// The command.
    pub signed: SignedCommand,
    /// The product that it is about.
    pub product: Option<ProductId>,
    /// The number of the domain's own rules that let it pass, 0 where there are none; `None` where they are not asked.
    pub judged_by: Option<u64>,
    domain: DomainName,
}

impl Admitted {
    /// What another home admitted, and this one takes over with the domain.
    pub(crate) fn carried(signed: SignedCommand, domain: DomainName) -> Self {
        let product = product_of(&signed.command().body);
        Self { signed, product, judged_by: None, domain }
    }
}

#[cfg(test)]
impl Admitted {
    /// For tests of what comes after admission.
    pub(crate) fn for_test(signed: SignedCommand, domain: DomainName) -> Self {
        let product = product_of(&signed.command().body);
        Self { signed, product, judged_by: None, domain }
    }
}

/// A command that is durable in its domain's feed.
pub struct Appended {
    command: CommandId,
    version_id: String,
    position: Position,
    resolution: watch::Receiver<Option<Resolution>>,
}

/// Where a command belongs.
pub enum Route {
    /// This node writes the domain's feed.
    Here,
    /// Another one does.
    Home(NodeId),
}

/// Takes domain commands from clients.
#[derive(Clone)]
pub struct Publisher {
    core: Arc<Core>,
    /// Whether what belongs elsewhere is passed on: for clients, not for other nodes.
    passes_on: bool,
}

fn from_command(error: &CommandError) -> MeshError {
    MeshError::new(error.code(), error.to_string())
}

impl Publisher {
    /// For clients, over the node's parts.
    pub fn new(core: Arc<Core>) -> Self {
        Self { core, passes_on: true }
    }

    /// For other nodes: what two of them believe to be the other's would go to and fro.
    pub fn of_home(core: Arc<Core>) -> Self {
        Self { core, passes_on: false }
    }

    /// The path of one publish, from received bytes to the acknowledgement that the client asked for.
    ///
    /// # Errors
    /// A [`MeshError`] whose code says whether nothing happened or the outcome is unknown.
    pub async fn publish(
        &self,
        envelope: Vec<u8>,
        attachments: Vec<AttachmentBody>,
        wait: WaitLevel,
        within: Duration,
    ) -> Result<Acknowledgement, MeshError> {
        let request = self.decode(envelope, attachments)?;
        let (id, version_id) = (request.signed.command().id, version_id(&request.signed));
        if let Some(earlier) = self.earlier(id, &version_id).await? {
            return self.acknowledge(earlier, wait, within).await;
        }
        if let Route::Home(home) = self.route(&request.domain)? {
            self.check_passes_on(home, &request.domain)?;
            return self.core.forward.publish(home, request.into_wire(wait), within).await;
        }
        // Here, after retries and what goes elsewhere: others who send a command again don't use up its author's share.
        self.core.command_rate.count(&request.signed.command().author, Instant::now())?;
        self.await_base(&request.domain, within).await?;
        let domain = request.domain.clone();
        let admitted = match self.admit(request).await {
            Ok(admitted) => admitted,
            // Sent twice at once, it may be refused for what its own first try did in between: that one's answer counts.
            Err(refused) => match self.taken_meanwhile(id, &version_id, &domain).await? {
                Some(earlier) => return self.acknowledge(earlier, wait, within).await,
                None => return Err(refused),
            },
        };
        let appended = self.append(admitted).await?;
        self.acknowledge(appended, wait, within).await
    }

    /// Step 1: bytes to a signed command. Size limits first, signatures before anything is believed.
    ///
    /// # Errors
    /// [`Code::TooLarge`], [`Code::Malformed`], [`Code::BadSignature`], [`Code::WrongMesh`]: nothing happened.
    pub fn decode(&self, envelope: Vec<u8>, attachments: Vec<AttachmentBody>) -> Result<SignedRequest, MeshError> {
        let envelope = Envelope::parse(envelope).map_err(|error| MeshError::new(error.code(), error.to_string()))?;
        let signed = self.core.verified.command(envelope, &self.core.mesh_id).map_err(|e| from_command(&e))?;
        let Some(domain) = signed.command().body.feed_domain().cloned() else {
            let kind = signed.command().body.kind();
            let text = format!("{kind} is no domain command; expected it at GovernanceService.Submit");
            return Err(MeshError::new(Code::BadArgument, text));
        };
        Ok(SignedRequest { signed, domain, attachments })
    }

    /// A command that this node took before, or that a home before it took, is answered with its first result, whatever became of it.
    async fn earlier(&self, id: CommandId, version_id: &str) -> Result<Option<Appended>, MeshError> {
        let Some(position) = feeds::find_command(&self.core.store, &id)? else { return Ok(None) };
        // The index can be read before it is durable: an acknowledgement must not run ahead of the disk.
        if let Some(durable) = self.core.feeds.durable(&position) {
            durable.wait().await?;
        }
        // In this order: a command that is decided between the two look-ups no longer waits.
        let waiting = self.core.feeds.waiting(&position);
        let resolution = match (waiting, feeds::decided(&self.core, &id, &position)?) {
            (Some(resolution), _) => resolution,
            (None, Some(decided)) => watch::channel(Some(decided)).1,
            (None, None) => {
                let writer = match self.core.feeds.writer(&self.core, &position.feed.domain) {
                    Ok(writer) if *writer.id() == position.feed => writer,
                    Err(error) if error.code != Code::NotDelegated => return Err(error),
                    // Its epoch ended before the ledger had it: its home now takes it like any other, by its command id.
                    _ => return Ok(None),
                };
                let waits = writer.resolution(position.outbox).ok_or_else(|| {
                    MeshError::new(Code::Unavailable, "what became of this command is not known yet; try again")
                });
                match waits {
                    Ok(waits) => waits,
                    // Decided between the two look-ups.
                    Err(unknown) => watch::channel(Some(self.core.decided(&position)?.ok_or(unknown)?)).1,
                }
            }
        };
        Ok(Some(Appended { command: id, version_id: version_id.to_owned(), position, resolution }))
    }

    /// A command that was not known when it came and is now: it waits in its feed, or even that is over.
    async fn taken_meanwhile(
        &self,
        id: CommandId,
        version_id: &str,
        domain: &DomainName,
    ) -> Result<Option<Appended>, MeshError> {
        // What waits first: it waits before the index can be read, and is in the index when it waits no longer.
        let waiting = self.core.feeds.writer(&self.core, domain).ok().and_then(|writer| writer.receipt_of(&id));
        let Some(receipt) = waiting else { return self.earlier(id, version_id).await };
        receipt.durable.wait().await?;
        let (position, resolution) = (receipt.position, receipt.resolution);
        Ok(Some(Appended { command: id, version_id: version_id.to_owned(), position, resolution }))
    }

    /// Waits, for a moment, until this node has the feed that a new epoch goes on with.
    pub(crate) async fn await_base(&self, domain: &DomainName, within: Duration) -> Result<(), MeshError> {
        let mut progress = self.core.replicas.progress();
        let deadline = tokio::time::Instant::now() + within.min(BASE);
        loop {
            progress.borrow_and_update();
            match self.core.feeds.writer(&self.core, domain) {
                Err(error) if matches!(error.code, Code::FeedMissing | Code::NotCaughtUp) => {
                    // The index of delegations makes no progress known; it is soon there.
                    let soon = deadline.min(tokio::time::Instant::now() + Duration::from_millis(100));
                    let waited = tokio::time::timeout_at(soon, progress.changed()).await;
                    if waited.is_err() && tokio::time::Instant::now() >= deadline {
                        return Err(error);
                    }
                }
                // Anything else is said where it is asked for.
                _ => return Ok(()),
            }
        }
    }

    /// Whether what belongs to `home` is passed on to it.
    ///
    /// # Errors
    /// [`Code::HomeUnreachable`]: nothing happened.
    pub fn check_passes_on(&self, home: NodeId, domain: &DomainName) -> Result<(), MeshError> {
        if self.passes_on {
            return Ok(());
        }
        let (here, size) = (self.core.node_id(), self.core.ledger_size());
        let text = format!(
            "node {home} writes the feed of {domain}, by the {size} leaves that node {here} has applied; nothing happened"
        );
        Err(MeshError::new(Code::HomeUnreachable, text))
    }

    /// Which node writes the domain's feed.
    ///
    /// # Errors
    /// [`Code::UnknownDomain`], [`Code::NotDelegated`].
    pub fn route(&self, domain: &DomainName) -> Result<Route, MeshError> {
        let record = read::domain(&self.core.state, domain).map_err(|e| self.core.state_error(&e))?;
        let Some(record) = record else {
            return Err(MeshError::new(Code::UnknownDomain, format!("no domain is called {domain}")));
        };
        match record.delegation {
            None => Err(MeshError::new(Code::NotDelegated, format!("no node writes the feed of {domain} yet"))),
            Some(delegation) if delegation.node_id == self.core.node_id() => Ok(Route::Here),
            Some(delegation) => Ok(Route::Home(delegation.node_id)),
        }
    }

    /// Step 2: whether the ledger would take it, as far as this node knows: roles, model, versions, standards; the same
    /// functions decide again in step 5. Then the domain's own rules, which this node alone enforces.
    ///
    /// # Errors
    /// The code that the ledger would give, [`Code::OwnRuleViolated`], [`Code::NotPublishedHere`] for a missing attachment, [`Code::FeedContained`] or
    /// [`Code::FeedForked`] while two histories of the feed stand, [`Code::ReadOnly`] or [`Code::StorageFailed`] while the node must not write: nothing happened.
    pub async fn admit(&self, request: SignedRequest) -> Result<Admitted, MeshError> {
        self.core.check_writable()?;
        self.core.check_no_fork(&request.signed.command().body)?;
        forks::refuse(&self.core, &request.domain)?;
        let SignedRequest { signed, domain, attachments } = request;
        if let Body::PublishVersion(body) = &signed.command().body {
            let flaws = body.descriptor.check();
            if !flaws.is_empty() {
                return Err(flawed(&body.descriptor, flaws));
            }
            attachments::take(&self.core, &body.descriptor, attachments).await?;
            contracts::check(&self.core, body).await?;
        }
        let product = product_of(&signed.command().body);
        let judged_by = self.core.feeds.admit(&self.core, &signed, &domain, product.as_ref())?;
        Ok(Admitted { signed, product, judged_by, domain })
    }

    /// Step 3: the event goes into the domain's feed, with others in one group commit. Durable on this node when this returns;
    /// after a crash, the restarted node finds the unproposed tail and goes on with step 4.
    ///
    /// # Errors
    /// [`Code::OutboxFull`], [`Code::Unavailable`] (nothing happened), [`Code::StorageFailed`].
    pub async fn append(&self, admitted: Admitted) -> Result<Appended, MeshError> {
        let writer = self.core.feeds.writer(&self.core, &admitted.domain)?;
        let receipt = writer.append(&admitted, self.core.ledger_size())?;
        receipt.durable.wait().await?;
        Ok(Appended {
            command: admitted.signed.command().id,
            version_id: version_id(&admitted.signed),
            position: receipt.position,
            resolution: receipt.resolution,
        })
    }

    /// Steps 4 and 5 happen elsewhere, for many commands at once; this waits for what became of one of them, as far as the
    /// client wants to.
    async fn acknowledge(
        &self,
        appended: Appended,
        wait: WaitLevel,
        within: Duration,
    ) -> Result<Acknowledgement, MeshError> {
        let Appended { command, version_id, position, mut resolution } = appended;
        let began = Instant::now();
        let mut acknowledgement = Acknowledgement {
            command_id: command.0.to_vec(),
            reached: WaitLevel::Local.into(),
            feed: Some(FeedPosition {
                domain: position.feed.domain.to_string(),
                epoch: position.feed.epoch,
                seq: position.seq,
                outbox: position.outbox,
            }),
            ledger_index: None,
            code: None,
            detail: String::new(),
            version_id,
        };
        if wait == WaitLevel::Local {
            return Ok(acknowledgement);
        }
        let decided = match tokio::time::timeout(within, resolution.wait_for(Option::is_some)).await {
            Ok(Ok(resolution)) => resolution.clone().expect("waited for it")?,
            // Too late, or the node stops: durable here either way, and the outbox goes on.
            Ok(Err(_)) | Err(_) => return Ok(acknowledgement),
        };
        if decided.code != Code::Accepted && decided.code != Code::AlreadySo {
            let place = format!(" (ledger index {})", decided.ledger_index);
            return Err(feeds::refusal(decided.code, decided.detail, &place));
        }
        let Decided { ledger_index, code, detail } = decided;
        acknowledgement.reached = WaitLevel::Sealed.into();
        acknowledgement.ledger_index = Some(ledger_index);
        acknowledgement.code = Some(code.number());
        acknowledgement.detail = detail;
        // It is sealed either way: who waited in vain asks for the receipt later.
        let left = within.saturating_sub(began.elapsed());
        if wait == WaitLevel::Receipt && self.core.checkpoints.wait_covered(ledger_index, left).await {
            acknowledgement.reached = WaitLevel::Receipt.into();
        }
        Ok(acknowledgement)
    }
}

impl SignedRequest {
    fn into_wire(self, wait: WaitLevel) -> mesh_proto::v1::PublishRequest {
        mesh_proto::v1::PublishRequest {
            envelope: self.signed.envelope().bytes().to_vec(),
            wait: wait.into(),
            attachments: self.attachments,
        }
    }
}

fn version_id(signed: &SignedCommand) -> String {
    match &signed.command().body {
        Body::PublishVersion(body) => body.descriptor.version_id().to_string(),
        Body::DeprecateVersion(mesh_event::command::DeprecateVersion { product, version, .. })
        | Body::RetireProduct(mesh_event::command::RetireProduct { product, version, .. }) => match version {
            Some(version) => format!("{product}@{version}"),
            None => product.to_string(),
        },
        _ => String::new(),
    }
}

fn flawed(descriptor: &Descriptor, flaws: Vec<mesh_model::descriptor::Flaw>) -> MeshError {
    let text = format!("{} breaks {} rules of the model", descriptor.version_id(), flaws.len());
    let fields = flaws.into_iter().map(|flaw| (flaw.path, flaw.message)).collect();
    MeshError { code: Code::InvalidProduct, message: text, fields }
}
